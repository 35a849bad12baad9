from geventcache.persistence.output cimport Output
from geventcache.types.container cimport Container
