from geventcache.types.container cimport Container
from geventcache.types.stream_groups cimport Consumer, Group, Pending
from geventcache.types.stream_ids cimport format_halves, make_id
from geventcache.types.stream_nodes cimport Node

cdef Py_ssize_t MAX_NODE_BYTES, ATTEMPTS_PER_CLAIM, ID_BYTES
cdef Py_ssize_t SAMPLED_NODES, STREAM_BYTES, NODE_BYTES, PENDING_BYTES
cdef unsigned long long MAX_HALF

cdef Py_ssize_t common_bytes(object first, object second) except -1
cdef Py_ssize_t close_forks(list forks, Py_ssize_t depth) except -1

cdef class Stream(Container):
    cdef readonly object limits
    cdef readonly list nodes
    cdef readonly Py_ssize_t length
    cdef readonly unsigned long long last_ms, last_seq
    cdef readonly object max_deleted_id
    cdef readonly long long entries_added
    cdef readonly dict groups
    cpdef object first_id(self)
    cpdef object top_id(self)
    cpdef (unsigned long long, unsigned long long) next_id(self, unsigned long long now_ms) except *
    cpdef unsigned long long next_seq(self, unsigned long long ms) except? 0
    cpdef bint append(self, unsigned long long ms, unsigned long long seq, tuple fields) except -1
    cdef bint has_room(self, Py_ssize_t size) except -1
    cdef Node own(self, Py_ssize_t place)
    cpdef list shared_nodes(self)
    cdef Py_ssize_t place_of(self, unsigned long long ms, unsigned long long seq) except -2
    cdef (Py_ssize_t, Py_ssize_t) find(self, object entry_id) except *
    cpdef tuple get(self, object entry_id)
    cpdef bint delete(self, object entry_id) except -1
    cpdef list range(self, object start, object end, Py_ssize_t count=*, bint reverse=*, bint is_text=*)
    cdef collect(self, Node node, object start, object end, Py_ssize_t wanted, bint reverse, bint is_text, list found)
    cpdef Py_ssize_t trim_to_length(self, long long max_length, bint is_approximate=*, long long limit=*) except -1
    cpdef Py_ssize_t trim_below(self, object min_id, bint is_approximate=*, long long limit=*) except -1
    cdef Py_ssize_t finish_trim(self, Py_ssize_t nodes, Py_ssize_t removed, Py_ssize_t within) except -1
    cpdef set_ids(self, object last_id, long long entries_added=*, object max_deleted_id=*)
    cpdef bint create_group(self, bytes name, object last_delivered_id, long long entries_read=*) except -1
    cpdef bint destroy_group(self, bytes name) except -1
    cpdef set_group_id(self, Group group, object last_delivered_id, long long entries_read=*)
    cpdef bint advance_group(self, Group group, object last_delivered_id) except -1
    cpdef list sorted_groups(self)
    cpdef Consumer create_consumer(self, Group group, bytes name, long long now_ms)
    cpdef object delete_consumer(self, Group group, bytes name)
    cpdef bint ack(self, Group group, object entry_id) except -1
    cpdef list read_new(self, Group group, Consumer consumer, Py_ssize_t count, bint is_noack, long long now_ms)
    cdef long long count_read(self, Group group, object entry_id) except -2
    cpdef list read_pending(self, Group group, Consumer consumer, object after_id, Py_ssize_t count, long long now_ms)
    cpdef tuple claim(
        self, Group group, Consumer consumer, object entry_id, long long min_idle_ms, long long now_ms,
        long long delivery_time_ms, long long retry_count=*, bint is_justid=*, bint is_force=*
    )
    cpdef tuple autoclaim(
        self, Group group, Consumer consumer, object start, Py_ssize_t count, long long min_idle_ms, long long now_ms,
        bint is_justid=*
    )
    cpdef object lag(self, Group group)
    cdef bint has_deleted_from(self, object entry_id) except -1
    cpdef long long distance_from_start(self, object entry_id) except -2
    cpdef Stream copy(self)
    cpdef bint release(self, Py_ssize_t count) except -1
