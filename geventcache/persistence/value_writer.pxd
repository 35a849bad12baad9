from geventcache.persistence.output cimport Output
