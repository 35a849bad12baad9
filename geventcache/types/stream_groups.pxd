cdef class Consumer

cdef class Pending:
    cdef readonly object entry_id
    cdef public Consumer consumer
    cdef public long long delivery_time_ms
    cdef public long long delivery_count
    cpdef Pending copy(self)

cdef class PendingList:
    cdef readonly dict by_id
    cdef readonly list order
    cdef Py_ssize_t head
    cdef dict kept
    cpdef list watch(self)
    cpdef unwatch(self)
    cpdef keep(self, object entry_id)
    cpdef Pending was(self, object entry_id)
    cpdef Pending get(self, object entry_id)
    cpdef add(self, Pending pending)
    cpdef remove(self, object entry_id)
    cdef sweep(self)
    cpdef Pending first(self)
    cpdef Pending last(self)
    cpdef list after(self, object start, Py_ssize_t limit)
    cpdef list between(self, object start, object end, Py_ssize_t count, long long not_after_ms)
    cpdef drop_last(self, Py_ssize_t count)

cdef class Consumer:
    cdef readonly bytes name
    cdef public long long seen_time_ms
    cdef public long long active_time_ms
    cdef readonly PendingList pending

cdef class Group:
    cdef public object last_delivered_id
    cdef public long long entries_read
    cdef readonly PendingList pending
    cdef readonly dict consumers
    cpdef Consumer consumer(self, bytes name)
    cpdef Consumer create_consumer(self, bytes name, long long now_ms)
    cpdef object delete_consumer(self, bytes name)
    cpdef list sorted_consumers(self)
    cpdef bint ack(self, object entry_id) except -1
    cpdef assign(self, Pending pending, Consumer consumer)
    cpdef add(self, Pending pending)
    cpdef redeliver(self, Pending pending, long long delivery_time_ms, long long delivery_count)
    cpdef deliver(self, object entry_id, Consumer consumer, long long now_ms)
    cpdef Group copy(self)
    cpdef bint release(self, Py_ssize_t count) except -1
