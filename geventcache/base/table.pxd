"""C-level interface of the compiled Table; table.py says what the methods mean, table.pyx how they do it."""

cimport cython
from geventcache.base.c_api cimport (
    PyObject, int64_t, memcpy, prefetch_line, uint16_t, uint32_t, uint64_t, uint8_t, uintptr_t
)

cpdef enum:
    ABSENT = 0
    BYTES = 1
    INTEGER = 2
    DOUBLE = 3
    TEXT = 4
    OBJECT = 5
    DUE = 6
    PACKED = 8
    POSITION_BITS = 53
    # Values of more bytes are objects, and packed containers must not be longer.
    INLINE_LIMIT = 1024
    PACKED_LIMIT = 65535

cdef enum:
    TIMED = 1  # a deadline and a filed time stand before the key
    HASHED = 2  # the hash of the key stands before it
    SIFTED = 4  # `sift`, which is at work, has found it
    STAMP = 8  # the lowest bit of the record's stamp: those above tell which watcher took it last
    STAMPS = 0xF8
    MOST_UNFINISHED = 30  # stamps that records may have beside the last one, before they are all wiped out
    AHEAD_MOST = 32
    LINE = 64  # bytes of a cache line

# Then, without padding, as `flags` say: deadline and filed time, hash; the key, the value.
cdef struct Record:
    uint32_t key_length
    uint16_t value_length
    uint8_t kind
    uint8_t flags
    uint32_t use

cdef struct Bucket:
    uint8_t tags[8]  # [0]: how many records passed here on their way to where they stand
    Record *records[7]

# Stands right before its buckets.
cdef struct Segment:
    void *block
    uint32_t count
    uint8_t bits
    uint8_t depth

cdef struct Value:
    int kind
    Py_ssize_t length
    const void *at
    int64_t integer
    double number
    void *reference

cdef inline char *key_of(Record *record) noexcept nogil:
    return <char *>record + sizeof(Record) + 16 * (record.flags & TIMED) + 4 * (record.flags & HASHED)

cdef inline void fetch_record(const Record *record) noexcept nogil:
    """Fetch a record with its key, which may stand on the next line, into the caches."""
    prefetch_line(record)
    prefetch_line(<const char *>record + LINE)

cdef inline char *value_of(Record *record) noexcept nogil:
    return key_of(record) + record.key_length


@cython.final
cdef class Tickets:
    cdef int64_t *items
    cdef Py_ssize_t count, room

    cpdef add(self, long long ticket)
    cpdef extend(self, Tickets other, Py_ssize_t start)
    cpdef Py_ssize_t memory_usage(self)
    cpdef bint release(self, Py_ssize_t count) except -1

    cdef int reserve(self, Py_ssize_t more) except -1


cdef class Sampler:
    cpdef bint wants(self, unsigned int use, long long deadline_ms) except -1
    cpdef take(self, ticket)


cdef class Watcher:
    cpdef Py_ssize_t take(self, bytes key, int kind, value, long long deadline_ms) except? -1


@cython.final
cdef class Table:
    cdef readonly Py_ssize_t count, volatile, objects, memory, structure
    cdef readonly Watcher watcher

    cpdef int seek(self, bytes key) except -1
    cpdef int seek_at(self, bytes key, long long now_ms) except -1
    cpdef bytes bytes_at(self, bytes key, long long now_ms)
    cpdef bint put_plain(self, bytes key, value) except -1
    cpdef int redeem(self, Tickets tickets, Py_ssize_t at, long long time_ms) except -1
    cpdef int recall(self, long long ticket) except -1
    cpdef bytes key(self)
    cpdef value(self)
    cpdef put(self, value)
    cpdef put_until(self, value, long long deadline_ms, long long filed_ms)
    cpdef object(self)
    cpdef put_packed(self, int kind, bytes value, long long deadline_ms, long long filed_ms)
    cpdef remove(self)
    cpdef long long deadline(self) noexcept
    cpdef long long filed(self) noexcept
    cpdef set_times(self, long long deadline_ms, long long filed_ms)
    cpdef unsigned int use(self) noexcept
    cpdef note_use(self, unsigned int use)
    cpdef long long ticket(self) noexcept
    cpdef Py_ssize_t size(self) noexcept
    cpdef unsigned long long position(self, bytes key) except? 0
    cpdef tuple page(self, unsigned long long position, Py_ssize_t count)
    cpdef list keys(self, long long now_ms)
    cpdef list draw(self, Py_ssize_t count)
    cpdef sample(self, Py_ssize_t count, Sampler sampler)
    cpdef draw_ahead(self, Py_ssize_t count)
    cdef int offer(self, Bucket *bucket, Sampler sampler) except -1
    cpdef random_key(self)
    cpdef sift(self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, Tickets kept)
    cpdef Table copy(self)
    cpdef bint release(self, Py_ssize_t count, bury) except -1
    cpdef ahead(self, list keys)
    cpdef watch(self, Watcher watcher)
    cpdef unwatch(self)
    cpdef unsigned long long walk(self, unsigned long long position, Py_ssize_t most) except? 0
    cpdef preserve(self)

    # ------------------------------------------------------------------ for compiled callers

    # `seek` with a hash that is known, of bytes that stay where they are until the place ends.
    cdef int seek_raw(self, const char *key, Py_ssize_t length, uint64_t hash) noexcept
    # `put` of bytes, text or a packed container (up to PACKED_LIMIT bytes, not from this table's own memory).
    cdef int put_raw(self, int kind, const void *value, Py_ssize_t length) except -1
    # `seek` of a record that stands here.
    cdef void seek_record(self, Record *record) noexcept
    # The two passes of a look-ahead over some hashes: all buckets, then all records.
    cdef void prefetch_bucket(self, uint64_t hash) noexcept
    cdef void prefetch_record(self, uint64_t hash) noexcept
    # Both, for some hashes.
    cdef void prefetch(self, const uint64_t *hashes, Py_ssize_t count) noexcept
    cdef void prefetch_leaving(self, const uint64_t *hashes, Py_ssize_t count) noexcept
    # Both, for up to AHEAD_MOST bytes objects, whose hashes are kept in them from then on.
    cdef int prefetch_keys(self, PyObject **keys, Py_ssize_t count) except -1
    # The records of the same keys as some of another table; see table.pyx.
    cdef int find_twins(self, Record **records, Py_ssize_t count) except -1

    cdef inline int kind(self) noexcept:
        """The kind at the place."""
        return ABSENT if self.record is NULL else self.record.kind

    # What follows counts for a key that is there, up to the next change of the table.
    cdef inline const char *raw_value(self) noexcept:
        """Where the value's bytes are."""
        return value_of(self.record)

    cdef inline Py_ssize_t raw_length(self) noexcept:
        """How many they are."""
        return self.record.value_length

    cdef inline int64_t integer(self) noexcept:
        """The value of an INTEGER."""
        cdef int64_t number
        memcpy(&number, value_of(self.record), sizeof(number))
        return number

    cdef inline double number(self) noexcept:
        """The value of a DOUBLE."""
        cdef double number
        memcpy(&number, value_of(self.record), sizeof(number))
        return number

    # ------------------------------------------------------------------ inside

    cdef uintptr_t *directory
    cdef int depth  # the directory has 1 << depth entries
    cdef Py_ssize_t deepest  # segments of that depth

    # The place: the key sought, and its record if it is there.
    cdef bytes held  # the key, if it came as an object
    cdef const char *sought
    cdef Py_ssize_t sought_length
    cdef uint64_t hash
    cdef Record *record
    cdef Bucket *bucket
    cdef int slot

    # Where `release` goes on.
    cdef uint64_t sweep

    # The stamp of new records and of those that the watcher took, and how many others there may be.
    cdef uint8_t stamp
    cdef int unfinished

    cdef int take_shape(self, Table other) except -1
    cdef void free_segments(self, uintptr_t *directory, int depth, uint64_t stop) noexcept
    cdef int copy_records(self, Segment *source, Segment *target) except -1
    cdef int spare(self) except -1
    cdef Py_ssize_t hand_over(self, Record *record) except? -1
    cdef void wipe_stamps(self) noexcept
    cdef void leave(self) noexcept
    cdef bytes arrive(self, Bucket *bucket, int slot)
    cdef Bucket *random_slot(self, uint64_t *seed, int *slot) noexcept
    cdef Bucket *random_bucket(self, uint64_t *seed) noexcept
    cdef Record *record_at(self, Py_ssize_t index) noexcept
    cdef Segment *segment(self, uint64_t hash) noexcept
    cdef Record *find(self, const char *key, Py_ssize_t length, uint64_t hash) noexcept
    cdef Record *find_filed(self, uint64_t hash, int64_t filed_ms, uint8_t mark) noexcept
    cdef int store(self, Value *value, int64_t deadline_ms, int64_t filed_ms) except -1
    cdef int settle(self, Value *value, int64_t deadline_ms, int64_t filed_ms) except -1
    cdef int insert(self, Record *record) except -1
    cdef void unlink(self, Segment *segment, Bucket *bucket, int slot, uint64_t hash) noexcept
    cdef void drop(self, Record *record) noexcept
    cdef void charge(self, Py_ssize_t size) noexcept
    cdef Segment *new_segment(self, int bits, int depth) noexcept
    cdef void free_segment(self, Segment *segment) noexcept
    cdef bint make_room(self, uint64_t hash) noexcept
    cdef bint resize(self, Segment *segment, uint64_t hash, int bits) noexcept
    cdef bint split(self, Segment *segment, uint64_t hash) noexcept
    cdef void fit(self, Segment *segment, uint64_t hash) noexcept
    cdef bint merge(self, Segment *segment, uint64_t hash) noexcept
    cdef bint shrink(self, uint64_t hash) noexcept
    cdef void enter(self, Segment *segment, uint64_t hash) noexcept
    cdef bint double_directory(self) noexcept
    cdef void halve_directory(self) noexcept
    cdef Py_ssize_t sweep_segment(self, Py_ssize_t count, list gone) except -1
    cdef int gather(self, Segment *segment, uint32_t home, uint64_t position, list found) except -1
