cimport cython
from geventcache.store.keyspace cimport Keyspace

@cython.final
cdef class Client:
    cdef public object server
    cdef public Keyspace db
    cdef public object id
    cdef public object transport
    cdef public bytes address, local_address, user
    cdef public object access
    cdef public long long created_ms, last_active_ms, soft_since_ms
    cdef public bytes last_command
    cdef public long long commands, bytes_in, bytes_out, reads, writes
    cdef public object outbox
    cdef public Py_ssize_t outbox_size, unsent
    cdef public long long stream_position
    cdef public bint has_changed
    cdef public bytes name, lib_name, lib_version, capabilities
    cdef public bint is_pushed_to, is_congested, is_closing, is_held, is_script, is_repeating, is_in_exec, postponed, is_monitor, no_evict, no_touch
    cdef public bint needs_auth, is_barred, resp3, queue_error, is_dirty, is_special
    cdef public object peer, relay, blocked, tracking, reader, watched, channels, patterns, shard_channels
    cdef public list queue
    cdef public int reply_mode
    cpdef initialise(self, Keyspace db)
    cpdef review(self)
    cpdef push(self, bytes message)
    cpdef hold(self)
