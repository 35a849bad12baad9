"""Replication with the servers that are installed here, and with geventcache itself."""
