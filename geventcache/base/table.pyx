# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The Table of table.py, which says what it is to its users, in C memory.

Extendible hashing: the top bits of a key's hash choose an entry of the directory, which leads to a segment; the bits
below those that all keys of the segment share choose a bucket, its home; the lowest byte is the key's tag there. A
bucket is one cache line: seven records and their tags. A record that finds its home full stands in one of the next
buckets. A segment grows from one bucket to 64, then it is split in two, and all of it goes backwards when keys go.

Invariants, which hold whenever Python code may run:

- A segment of depth d stands in 1 << (depth - d) neighbouring entries of the directory, depth being that of the
  directory. An entry is the address of the segment's buckets, which are aligned to 64 bytes, and in its six low bits
  the segment's size and how much less deep it is than the directory (up to 7: more stands before the buckets), so
  that a home is found without a look at the segment. `deepest` counts the segments that are as deep as the directory.
- Homes are in the order of the hashes. So a position is a cursor that every change of the shape leaves valid.
- A record stands at most PROBES - 1 buckets behind its home, the last bucket being followed by the first. tags[0] of
  a bucket counts the records that passed it: a search ends at a bucket that none has passed.
- A tag is 0 where no record stands, and else that of the record, which is never 0.
- `count` and `count` of the segments, `volatile`, `objects` and `memory` are those of the records that stand here.
- While there is a watcher, the records with the table's stamp are those that it has taken and those that came since
  it began to watch. `unfinished` is how many other stamps records may have: no new stamp is one of them.
- The table owns its records, and a record the one reference that it holds. Nobody else frees either. An object is let
  go only after all of this holds again, for that may run any code.
- `record`, `bucket` and `slot` are the place. Whatever moves records ends it or sets it anew. No pointer into the
  table is kept anywhere else, but by callers of compiled code who know that a record moves only when it is stored
  with another size or other times: an INTEGER or a DOUBLE that is put over its like stays where it is. `shrink` and
  `make_room` move pointers to records, never records.

No step moves more than one segment (448 records) and, when it must be doubled or halved, the directory (8 bytes a
segment). Where memory is lacking, a step is not taken and what was before stays; growth then raises MemoryError,
shrinking waits, and what becomes smaller stays in the block that it has. While keys are collected, nothing is
allocated that would start a garbage collection, which may run any code.

Hashes are those of bytes objects, SipHash with a key of the process; so no client can choose keys that collide,
unless PYTHONHASHSEED=0 switches that key off. Even then such keys only earn MemoryError (`double_directory`). That of
a long key is kept in its record. A table is unknown to the garbage collector: a cycle through its objects is never
found.
"""

cimport cython
from geventcache.base.c_api cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
    PyFloat_AS_DOUBLE,
    PyFloat_CheckExact,
    PyLong_AsLongLong,
    PyLong_CheckExact,
    PyMem_Free,
    PyMem_Malloc,
    PyMem_Realloc,
    PyObject_Hash,
    Py_DECREF,
    Py_INCREF,
    memcmp,
    memset,
    prefetch_line,
)

from random import getrandbits

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #elif defined(__aarch64__) && defined(__ARM_NEON)
    #include <arm_neon.h>
    #endif

    /* Tests let hashes collide by keeping only some of their bits. */
    #ifndef GEVENTCACHE_HASH_MASK
    #define GEVENTCACHE_HASH_MASK UINT64_MAX
    #endif

    #if defined(__GNUC__)
    #define TABLE_LOWEST(m) __builtin_ctz(m)
    #else
    static inline int TABLE_LOWEST(unsigned m) { int i = 0; while (!(m & 1)) { m >>= 1; i++; } return i; }
    #endif

    /* Which of tags[1] to tags[7] are `tag`: bit i stands for tags[i]. */
    static inline unsigned table_match(const uint8_t *tags, uint8_t tag) {
    #if defined(__SSE2__)
        __m128i all = _mm_loadl_epi64((const __m128i *)tags);
        return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag))) & 0xFE;
    #elif defined(__aarch64__) && defined(__ARM_NEON)
        static const uint8_t bits[8] = {0, 2, 4, 8, 16, 32, 64, 128};
        return vaddv_u8(vand_u8(vceq_u8(vld1_u8(tags), vdup_n_u8(tag)), vld1_u8(bits)));
    #else
        unsigned found = 0;
        for (int i = 1; i < 8; i++) found |= (unsigned)(tags[i] == tag) << i;
        return found;
    #endif
    }

    static Py_hash_t (*table_hash_function)(const void *, Py_ssize_t);
    """
    const uint64_t GEVENTCACHE_HASH_MASK
    int TABLE_LOWEST(unsigned) noexcept nogil
    unsigned table_match(const uint8_t *, uint8_t) noexcept nogil
    Py_hash_t (*table_hash_function)(const void *, Py_ssize_t) noexcept nogil

cdef extern from "Python.h":
    ctypedef struct PyHash_FuncDef:
        Py_hash_t (*hash)(const void *, Py_ssize_t) noexcept nogil
    PyHash_FuncDef *PyHash_GetFuncDef()

cdef enum:
    SLOTS = 7  # records of a bucket
    FULL_BITS = 6  # a segment of 1 << FULL_BITS buckets is split when it is full
    FULL_BUCKETS = 64
    FULL_RECORDS = 448
    # Buckets in which a record may stand. With 8, a segment is split at 372 records in the mean, and a search for a key
    # that is not there sees 1.2 buckets; with 4 it were 329 records, 3 bytes a key more after the splits, and 1.1.
    PROBES = 8
    MERGED_MOST = 196  # records of two segments that become one: half of what makes it split again
    LONG_KEY = 256  # bytes from which on a key's hash is kept
    FREE_DEPTH = 14  # a directory of that depth is not measured by the keys: 128 KiB
    SLOT_BYTES = 9  # a record's tag and address
    SMALL_BLOCK = 512  # the most that the allocator takes from pools, in steps of 16 bytes
    DRAWS_MOST = 256
    LAST_FREED = 8  # of the last keys of a table that is released, at once

cdef int64_t NEVER_MS = 0x7FFFFFFFFFFFFFFF
cdef int64_t ANY_BUCKET = -1
cdef uint64_t LAST_POSITION = (<uint64_t>1 << 53) - 1

# Where the sequence of random keys is, of all tables: from here on those to come can be fetched before they are drawn.
cdef uint64_t draws = getrandbits(64)

END = <uint64_t>1 << POSITION_BITS


class Text(bytes):
    """A string that is kept as text though it reads as an integer, as INCRBYFLOAT leaves it; OBJECT ENCODING tells."""

    __slots__ = ()


# ---------------------------------------------------------------------- hashes

cdef inline uint64_t hash_of(bytes key):
    return <uint64_t>PyObject_Hash(key) & GEVENTCACHE_HASH_MASK


cdef inline uint64_t hash_raw(const char *key, Py_ssize_t length) noexcept:
    """The hash that a bytes object of these bytes has."""
    cdef Py_hash_t hash = 0 if length == 0 else table_hash_function(key, length)
    return <uint64_t>(-2 if hash == -1 else hash) & GEVENTCACHE_HASH_MASK


cdef inline uint64_t hash_of_record(Record *record) noexcept:
    cdef uint64_t hash
    if record.flags & HASHED:
        memcpy(&hash, key_of(record) - sizeof(hash), sizeof(hash))
        return hash
    return hash_raw(key_of(record), record.key_length)


cdef inline uint8_t tag_of(uint64_t hash) noexcept nogil:
    cdef uint8_t tag = <uint8_t>hash
    return tag + (tag == 0)


cdef _check_hashes():
    """Raise ImportError if an interpreter hashes bytes in another way than its function for raw bytes."""
    for sample in (b"", b"a", b"key:1", bytes(range(256)), b"x" * 1000):
        if hash_raw(sample, len(sample)) != hash_of(sample):
            raise ImportError("this interpreter's hashes of bytes cannot be computed from raw memory")


table_hash_function = PyHash_GetFuncDef().hash
_check_hashes()


# ---------------------------------------------------------------------- records

cdef inline size_t block_size(size_t size) noexcept nogil:
    """What the allocator gives to a request of `size` bytes: small ones come from pools, others from malloc."""
    return (size + 15) & ~<size_t>15 if size <= SMALL_BLOCK else (size + 8 + 15) & ~<size_t>15


cdef inline size_t usable_size(size_t size) noexcept nogil:
    """Bytes of such a block that may be used, and are asked for: a record may grow in place."""
    return block_size(size) - (0 if size <= SMALL_BLOCK else 8)


cdef inline size_t record_size(Record *record) noexcept nogil:
    return value_of(record) - <char *>record + record.value_length


cdef inline bint is_timed(int64_t deadline_ms, int64_t filed_ms) noexcept nogil:
    return deadline_ms != NEVER_MS or filed_ms != 0


cdef inline int64_t deadline_of(Record *record) noexcept nogil:
    cdef int64_t time_ms = NEVER_MS
    if record.flags & TIMED:
        memcpy(&time_ms, record + 1, sizeof(time_ms))
    return time_ms


cdef inline int64_t filed_of(Record *record) noexcept nogil:
    cdef int64_t time_ms = 0
    if record.flags & TIMED:
        memcpy(&time_ms, <char *>(record + 1) + sizeof(time_ms), sizeof(time_ms))
    return time_ms


cdef inline void write_times(Record *record, int64_t deadline_ms, int64_t filed_ms) noexcept nogil:
    if record.flags & TIMED:
        memcpy(record + 1, &deadline_ms, sizeof(deadline_ms))
        memcpy(<char *>(record + 1) + sizeof(deadline_ms), &filed_ms, sizeof(filed_ms))


cdef inline void write_value(Record *record, Value *value) noexcept nogil:
    record.kind = <uint8_t>value.kind
    record.value_length = <uint16_t>value.length
    memcpy(value_of(record), value.at, value.length)


cdef inline PyObject *object_of(Record *record) noexcept nogil:
    """The object to which the record holds a reference, NULL if it holds none."""
    cdef PyObject *held = NULL
    if record.kind == OBJECT:
        memcpy(&held, value_of(record), sizeof(held))
    return held


cdef inline bytes key_object(Record *record):
    return PyBytes_FromStringAndSize(key_of(record), record.key_length)


cdef Record *new_record(const char *key, size_t length, uint64_t hash, Value *value, bint timed) noexcept:
    """A record of a key and its value, times not yet written; NULL if there is no memory."""
    cdef uint8_t flags = (TIMED if timed else 0) | (HASHED if length >= LONG_KEY else 0)
    cdef size_t size = sizeof(Record) + 16 * (flags & TIMED) + 4 * (flags & HASHED) + length + value.length
    cdef Record *record = <Record *>PyMem_Malloc(usable_size(size))
    if record is NULL:
        return NULL
    record.key_length = <uint32_t>length
    record.flags = flags
    record.use = 0
    if flags & HASHED:
        memcpy(key_of(record) - sizeof(hash), &hash, sizeof(hash))
    memcpy(key_of(record), key, length)
    write_value(record, value)
    return record


cdef int read_value(object given, Value *value) except -1:
    """What is to be stored of a value. It points into `value` itself or into the object given."""
    cdef Py_ssize_t length
    value.kind = OBJECT
    value.length = 8
    if PyBytes_CheckExact(given) or type(given) is Text:
        length = PyBytes_GET_SIZE(given)
        if length <= INLINE_LIMIT:
            value.kind = BYTES if PyBytes_CheckExact(given) else TEXT
            value.length = length
            value.at = PyBytes_AS_STRING(given)
            return 0
    elif PyLong_CheckExact(given):
        value.integer = PyLong_AsLongLong(given)
        value.kind = INTEGER
        value.at = &value.integer
        return 0
    elif PyFloat_CheckExact(given):
        value.number = PyFloat_AS_DOUBLE(given)
        value.kind = DOUBLE
        value.at = &value.number
        return 0
    value.reference = <void *>given
    value.length = sizeof(void *)
    value.at = &value.reference
    return 0


cdef object value_object(Record *record):
    """The value as Python has it."""
    cdef int64_t integer
    cdef double number
    if record.kind == INTEGER:
        memcpy(&integer, value_of(record), sizeof(integer))
        return integer
    if record.kind == DOUBLE:
        memcpy(&number, value_of(record), sizeof(number))
        return number
    if record.kind == OBJECT:
        return <object>object_of(record)
    value = PyBytes_FromStringAndSize(value_of(record), record.value_length)
    return Text(value) if record.kind == TEXT else value


# ---------------------------------------------------------------------- segments

cdef inline Bucket *buckets_of(Segment *segment) noexcept nogil:
    return <Bucket *>(segment + 1)


cdef inline uint32_t capacity(int bits) noexcept nogil:
    return <uint32_t>SLOTS << bits


cdef inline uint32_t most(int bits) noexcept nogil:
    """The records at which a segment grows: a small one is filled, a large one keeps ways short."""
    return capacity(bits) if bits < 3 else capacity(bits) - (capacity(bits) >> 3)


cdef inline size_t segment_size(int bits) noexcept nogil:
    """Bytes to ask for: with what comes before the buckets, and room to align them."""
    return sizeof(Segment) + LINE - 16 + (sizeof(Bucket) << bits)


cdef inline uint32_t home_in(Segment *segment, uint64_t hash) noexcept nogil:
    """The number of the bucket where a hash is at home."""
    return <uint32_t>(((hash << segment.depth) >> 1) >> (63 - segment.bits))


cdef inline uint64_t first_hash(Segment *segment, uint64_t hash) noexcept nogil:
    """The lowest hash of the segment in which `hash` is."""
    return 0 if segment.depth == 0 else hash >> (64 - segment.depth) << (64 - segment.depth)


cdef inline uint32_t probes(uint32_t mask) noexcept nogil:
    return PROBES if mask >= PROBES else mask + 1


cdef Bucket *settle_in(Segment *segment, Record *record, uint32_t home, uint8_t tag, int *slot) noexcept:
    """Put a record into a segment; return its bucket and tell its slot, or NULL if there is no room in its buckets."""
    cdef uint32_t mask = (1 << segment.bits) - 1, step, passed
    cdef Bucket *bucket
    cdef unsigned free
    for step in range(probes(mask)):
        bucket = buckets_of(segment) + ((home + step) & mask)
        free = table_match(bucket.tags, 0)
        if free:
            slot[0] = TABLE_LOWEST(free)
            bucket.tags[slot[0]] = tag
            bucket.records[slot[0] - 1] = record
            segment.count += 1
            for passed in range(step):
                buckets_of(segment)[(home + passed) & mask].tags[0] += 1
            return bucket
    return NULL


cdef inline void prefetch_records(Bucket *bucket, bint with_keys) noexcept:
    cdef int slot
    for slot in range(1, SLOTS + 1):
        if bucket.tags[slot]:
            if with_keys:
                fetch_record(bucket.records[slot - 1])
            else:
                prefetch_line(bucket.records[slot - 1])


cdef bint pour(Segment *source, uint64_t within, Segment *low, Segment *high) noexcept:
    """Put all records of a segment, in which the hash `within` is, into its successors; False if they do not fit.

    The first bit that they do not share tells into which: `low` and `high`, or one that is given as both. The source
    stays as it is. Where the successor tells no more hashes apart than the source does, the home of a record there
    follows from its home here, which is where it stands if none passed the bucket before: most are not looked at.
    """
    cdef int blurred = source.depth + source.bits - low.depth - low.bits
    cdef uint32_t number, last = (1 << source.bits) - 1, first = home_in(low, first_hash(source, within))
    cdef uint32_t home
    cdef int slot, ignored
    cdef uint64_t hash, bit = (<uint64_t>1 << 63) >> source.depth
    cdef Bucket *bucket
    cdef Segment *target
    # Whether the hashes of a bucket's records have to be asked for, and those of the next one's.
    cdef bint asks = blurred < 0 or buckets_of(source)[last].tags[0] != 0, asks_next
    if asks:
        prefetch_records(buckets_of(source), True)
    for number in range(last + 1):
        bucket = buckets_of(source) + number
        asks_next = blurred < 0 or bucket.tags[0] != 0
        if asks_next and number < last:
            prefetch_records(bucket + 1, True)
        for slot in range(1, SLOTS + 1):
            if not bucket.tags[slot]:
                continue
            if asks:
                hash = hash_of_record(bucket.records[slot - 1])
                target = high if hash & bit else low
                home = home_in(target, hash)
            else:
                target = low
                home = first + (number >> blurred)
            if settle_in(target, bucket.records[slot - 1], home, bucket.tags[slot], &ignored) is NULL:
                return False
        asks = asks_next
    return True


cdef bint pour_by_homes(Segment *source, Segment *target, uint64_t bit, uint64_t wanted) noexcept:
    """Put those records of a segment whose hashes have `bit` as it is wanted into a successor; False if they do not fit.

    `pour` takes them as they stand, where one may get the place that another one needs more. Here they come in the order
    of their homes, from where none of those before reaches on: so none stands farther from its home than it has to,
    however they crowd. It takes a look at all of them for each home.
    """
    cdef Record *records[FULL_RECORDS]
    cdef uint64_t hashes[FULL_RECORDS]
    cdef uint32_t counts[FULL_BUCKETS]
    cdef uint32_t number, home, first = 0, found = 0, mask = (1 << target.bits) - 1
    cdef int slot, ignored, passing = 0, fewest = 0
    cdef Bucket *bucket
    memset(buckets_of(target), 0, sizeof(Bucket) << target.bits)
    memset(counts, 0, sizeof(counts))
    target.count = 0
    for number in range(<uint32_t>1 << source.bits):
        bucket = buckets_of(source) + number
        for slot in range(1, SLOTS + 1):
            if bucket.tags[slot]:
                records[found] = bucket.records[slot - 1]
                hashes[found] = hash_of_record(records[found])
                if (hashes[found] & bit) == wanted:
                    counts[home_in(target, hashes[found])] += 1
                    found += 1
    for home in range(mask + 1):
        passing += <int>counts[home] - SLOTS
        if passing < fewest:
            fewest = passing
            first = home + 1
    for home in range(first, first + mask + 1):
        for number in range(found):
            if home_in(target, hashes[number]) == (home & mask):
                if settle_in(target, records[number], home & mask, tag_of(hashes[number]), &ignored) is NULL:
                    return False
    return True


cdef inline int fitting_bits(uint32_t count) noexcept nogil:
    """The size of a segment that is at most half full with `count` records."""
    cdef int bits = 0
    while bits < FULL_BITS and 2 * count > capacity(bits):
        bits += 1
    return bits


# ---------------------------------------------------------------------- entries of the directory

cdef inline uintptr_t entry_of(Segment *segment, int depth) noexcept nogil:
    cdef int above = depth - segment.depth
    return <uintptr_t>buckets_of(segment) | (7 if above > 7 else above) << 3 | segment.bits


cdef inline Segment *segment_of(uintptr_t entry) noexcept nogil:
    return <Segment *>(entry & ~<uintptr_t>63) - 1


cdef inline uint64_t entry_number(uint64_t hash, int depth) noexcept nogil:
    return (hash >> 1) >> (63 - depth)


cdef inline int depth_of(uintptr_t entry, int depth) noexcept nogil:
    """How deep a segment is, found without a look at it, unless it is far less deep than the directory."""
    cdef int above = (entry >> 3) & 7
    return depth - above if above < 7 else segment_of(entry).depth


cdef inline Bucket *home_of(uintptr_t entry, uint64_t hash, int depth) noexcept nogil:
    """The bucket where a hash is at home."""
    return <Bucket *>(entry & ~<uintptr_t>63) + (((hash << depth_of(entry, depth)) >> 1) >> (63 - (entry & 7)))


@cython.final
cdef class Tickets:
    """The tickets of one time, in the order in which they were issued."""

    def __dealloc__(self):
        PyMem_Free(self.items)

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter([self.items[at] for at in range(self.count)])

    cpdef add(self, long long ticket):
        """Take one more."""
        if self.count == self.room:
            self.reserve(1)
        self.items[self.count] = ticket
        self.count += 1

    cpdef extend(self, Tickets other, Py_ssize_t start):
        """Take those of `other` from `start` on."""
        cdef Py_ssize_t more
        if other is None or not 0 <= start <= other.count:
            raise ValueError("no such tickets")
        more = other.count - start
        if more:
            self.reserve(more)
            memcpy(self.items + self.count, other.items + start, more * sizeof(int64_t))
            self.count += more

    cpdef Py_ssize_t memory_usage(self):
        """Bytes of the tickets."""
        return 56 + (block_size(self.room * sizeof(int64_t)) if self.room else 0)

    cpdef bint release(self, Py_ssize_t count) except -1:
        """Free up to `count` of them, the last first; True if none is left."""
        self.count -= min(max(count, 0), self.count)
        if self.count == 0:
            PyMem_Free(self.items)
            self.items = NULL
            self.room = 0
        return self.count == 0

    cdef int reserve(self, Py_ssize_t more) except -1:
        """Make room for some more, an eighth more than there are at least."""
        cdef int64_t *items
        cdef Py_ssize_t room = self.count + more
        if room <= self.room:
            return 0
        room = max(room, self.count + (self.count >> 3) + 4)
        items = <int64_t *>PyMem_Realloc(self.items, room * sizeof(int64_t))
        if items is NULL:
            raise MemoryError
        self.items = items
        self.room = room
        return 0


cdef class Sampler:
    """Chooses among keys that a table offers. It must not change the table."""

    cpdef bint wants(self, unsigned int use, long long deadline_ms) except -1:
        """Is a key of which this is known wanted?"""
        raise NotImplementedError

    cpdef take(self, ticket):
        """Take the key that was wanted."""
        raise NotImplementedError


cdef class Watcher:
    """Takes the records of a table as they were when it began to watch."""

    cpdef Py_ssize_t take(self, bytes key, int kind, value, long long deadline_ms) except? -1:
        """Take a record; return how much work that was. It must neither change the table nor raise."""
        raise NotImplementedError


@cython.final
cdef class Table:
    """Keys and their values.

    Attributes:
        packs: it holds packed containers.
        count: keys.
        volatile: how many of them have a deadline.
        objects: how many of their values are objects.
        memory: bytes that all of it takes, objects aside.
        structure: how many of them no key's `size` counts: of directory, segments and empty slots.
        watcher: who takes records before they change, None while nobody does.
    """

    packs = True

    def __cinit__(self):
        cdef Segment *segment
        self.charge((<object>type(self)).__basicsize__)
        self.directory = <uintptr_t *>PyMem_Malloc(sizeof(uintptr_t))
        segment = NULL if self.directory is NULL else self.new_segment(0, 0)
        if segment is NULL:
            PyMem_Free(self.directory)
            self.directory = NULL
            raise MemoryError
        self.charge(block_size(sizeof(uintptr_t)))
        self.directory[0] = entry_of(segment, 0)
        self.deepest = 1

    def __dealloc__(self):
        cdef uint64_t number = 0
        cdef Segment *segment
        cdef uint32_t at
        cdef int slot
        if self.directory is NULL:
            return
        while number < <uint64_t>1 << self.depth:
            segment = segment_of(self.directory[number])
            number += <uint64_t>1 << (self.depth - segment.depth)
            for at in range(<uint32_t>1 << segment.bits):
                for slot in range(1, SLOTS + 1):
                    if buckets_of(segment)[at].tags[slot]:
                        self.drop(buckets_of(segment)[at].records[slot - 1])
            self.free_segment(segment)
        PyMem_Free(self.directory)

    def __len__(self):
        return self.count

    # ------------------------------------------------------------------ a place

    cpdef int seek(self, bytes key) except -1:
        """Go to the place of `key`; return the kind of its value, ABSENT if there is none."""
        cdef int kind
        if key is None:
            raise TypeError("a key is bytes")
        if key is self.held and self.record is not NULL:  # what is sought twice in a row has not moved
            return self.record.kind
        kind = self.seek_raw(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), hash_of(key))
        self.held = key
        return kind

    cpdef int seek_at(self, bytes key, long long now_ms) except -1:
        """`seek` at a time: DUE if the key's deadline is not later."""
        cdef int kind = self.seek(key)
        return DUE if kind != ABSENT and deadline_of(self.record) <= now_ms else kind

    cpdef bytes bytes_at(self, bytes key, long long now_ms):
        """`seek_at` for bytes: they themselves, None if they are due or something else is there, or nothing."""
        return <bytes>value_object(self.record) if self.seek_at(key, now_ms) == BYTES else None

    cpdef bint put_plain(self, bytes key, value) except -1:
        """`seek` and `put` of bytes or an int where a key is new, or has neither times nor an object; else False."""
        cdef Value read
        if self.seek(key) >= OBJECT or (self.record is not NULL and self.record.flags & TIMED):
            return False
        if not (PyBytes_CheckExact(value) or PyLong_CheckExact(value)):
            return False
        read_value(value, &read)
        self.store(&read, NEVER_MS, 0)
        return True

    cdef int seek_raw(self, const char *key, Py_ssize_t length, uint64_t hash) noexcept:
        self.held = None
        self.sought = key
        self.sought_length = length
        self.hash = hash
        self.record = self.find(key, length, hash)
        return ABSENT if self.record is NULL else self.record.kind

    cpdef int redeem(self, Tickets tickets, Py_ssize_t at, long long time_ms) except -1:
        """Go to the key of a ticket in the bucket of `time_ms`; return the kind of its value, ABSENT if it is stale."""
        if tickets is None or not 0 <= at < tickets.count:
            raise IndexError("no such ticket")
        if at & 15 == 0:
            self.prefetch_leaving(<uint64_t *>tickets.items + at, min(16, tickets.count - at))
        self.leave()
        self.hash = <uint64_t>tickets.items[at]
        self.record = self.find_filed(self.hash, time_ms, 0)
        return ABSENT if self.record is NULL else self.record.kind

    cpdef int recall(self, long long ticket) except -1:
        """Go to the key of a ticket, in whatever bucket; return the kind of its value, ABSENT if the key is gone."""
        self.leave()
        self.hash = <uint64_t>ticket
        self.record = self.find_filed(self.hash, ANY_BUCKET, 0)
        return ABSENT if self.record is NULL else self.record.kind

    cdef void seek_record(self, Record *record) noexcept:
        self.seek_raw(key_of(record), record.key_length, hash_of_record(record))

    cdef void leave(self) noexcept:
        """Be at no place."""
        self.held = None
        self.sought = NULL
        self.record = NULL

    cdef Record *find(self, const char *key, Py_ssize_t length, uint64_t hash) noexcept:
        """The record of a key, NULL if there is none; its bucket and slot are noted."""
        cdef uintptr_t entry = self.directory[entry_number(hash, self.depth)]
        cdef Bucket *first = <Bucket *>(entry & ~<uintptr_t>63)
        cdef Bucket *bucket = home_of(entry, hash, self.depth)
        cdef uint32_t mask = (1 << (entry & 7)) - 1, left = probes(mask)
        cdef unsigned found
        cdef Record *record
        while True:
            found = table_match(bucket.tags, tag_of(hash))
            while found:
                record = bucket.records[TABLE_LOWEST(found) - 1]
                if <Py_ssize_t>record.key_length == length and memcmp(key_of(record), key, length) == 0:
                    self.bucket = bucket
                    self.slot = TABLE_LOWEST(found)
                    return record
                found &= found - 1
            left -= 1
            if bucket.tags[0] == 0 or left == 0:
                return NULL
            bucket = first + ((bucket - first + 1) & mask)

    cdef Record *find_filed(self, uint64_t hash, int64_t filed_ms, uint8_t mark) noexcept:
        """The record of a key of that hash and mark (SIFTED or 0) whose ticket is in that bucket; see `find`.

        With ANY_BUCKET as the time the ticket may be in any bucket, or in none.
        """
        cdef uintptr_t entry = self.directory[entry_number(hash, self.depth)]
        cdef Bucket *first = <Bucket *>(entry & ~<uintptr_t>63)
        cdef Bucket *bucket = home_of(entry, hash, self.depth)
        cdef uint32_t mask = (1 << (entry & 7)) - 1, left = probes(mask)
        cdef unsigned found
        cdef Record *record
        while True:
            found = table_match(bucket.tags, tag_of(hash))
            while found:
                record = bucket.records[TABLE_LOWEST(found) - 1]
                if (
                    (filed_of(record) == filed_ms or filed_ms == ANY_BUCKET)
                    and record.flags & SIFTED == mark
                    and hash_of_record(record) == hash
                ):
                    self.bucket = bucket
                    self.slot = TABLE_LOWEST(found)
                    return record
                found &= found - 1
            left -= 1
            if bucket.tags[0] == 0 or left == 0:
                return NULL
            bucket = first + ((bucket - first + 1) & mask)

    cdef inline Segment *segment(self, uint64_t hash) noexcept:
        """The segment of a hash."""
        return segment_of(self.directory[entry_number(hash, self.depth)])

    # ------------------------------------------------------------------ looking ahead

    cdef inline void prefetch_bucket(self, uint64_t hash) noexcept:
        prefetch_line(home_of(self.directory[entry_number(hash, self.depth)], hash, self.depth))

    cdef inline void prefetch_record(self, uint64_t hash) noexcept:
        """The record that is likely to be that of the hash: its first two lines."""
        cdef Bucket *bucket = home_of(self.directory[entry_number(hash, self.depth)], hash, self.depth)
        cdef unsigned found = table_match(bucket.tags, tag_of(hash))
        cdef Record *record
        if found:
            record = bucket.records[TABLE_LOWEST(found) - 1]
            fetch_record(record)

    cdef void prefetch(self, const uint64_t *hashes, Py_ssize_t count) noexcept:
        cdef Py_ssize_t at
        for at in range(count):
            self.prefetch_bucket(hashes[at])
        for at in range(count):
            self.prefetch_record(hashes[at])

    cdef void prefetch_leaving(self, const uint64_t *hashes, Py_ssize_t count) noexcept:
        """`prefetch` of keys that are likely to be removed: their segments count them."""
        cdef Py_ssize_t at
        self.prefetch(hashes, count)
        for at in range(count):
            prefetch_line(self.segment(hashes[at]))

    cpdef ahead(self, list keys):
        """Fetch what is known of up to AHEAD_MOST keys that are about to be sought from memory into the caches."""
        cdef PyObject *given[AHEAD_MOST]
        cdef Py_ssize_t at, count = min(<Py_ssize_t>len(keys), <Py_ssize_t>AHEAD_MOST)
        for at in range(count):
            key = <bytes?>keys[at]
            given[at] = <PyObject *>key  # the list holds it
        self.prefetch_keys(given, count)

    cdef int prefetch_keys(self, PyObject **keys, Py_ssize_t count) except -1:
        cdef uint64_t hashes[AHEAD_MOST]
        cdef Py_ssize_t at
        count = min(count, <Py_ssize_t>AHEAD_MOST)
        for at in range(count):
            hashes[at] = hash_of(<bytes>keys[at])
        self.prefetch(hashes, count)
        return 0

    cdef int find_twins(self, Record **records, Py_ssize_t count) except -1:
        """Put this table's records of the same keys in the place of some of another's, of up to AHEAD_MOST.

        Raises:
            LookupError: there is no such key here.
        """
        cdef uint64_t hashes[AHEAD_MOST]
        cdef Py_ssize_t at
        for at in range(count):
            prefetch_line(records[at])
        for at in range(count):
            hashes[at] = hash_of_record(records[at])
        self.prefetch(hashes, count)
        self.leave()
        for at in range(count):
            records[at] = self.find(key_of(records[at]), records[at].key_length, hashes[at])
            if records[at] is NULL:
                raise LookupError("there is no such key")
        return 0

    # ------------------------------------------------------------------ at the place

    cpdef bytes key(self):
        """The key."""
        if self.held is not None:
            return self.held
        if self.record is not NULL:
            return key_object(self.record)
        if self.sought is NULL:
            raise LookupError("no place was sought")
        return PyBytes_FromStringAndSize(self.sought, self.sought_length)

    cpdef value(self):
        """The value: bytes, an int, a Text, or the object; of a packed container its bytes. The key must be there."""
        return None if self.record is NULL else value_object(self.record)

    cpdef put(self, value):
        """Store a value: bytes, an int of 64 bits, a float, a Text or another object. The key's times stay."""
        self.put_until(value, self.deadline(), self.filed())

    cpdef put_until(self, value, long long deadline_ms, long long filed_ms):
        """`put` and `set_times` in one."""
        cdef Value read
        read_value(value, &read)
        self.store(&read, deadline_ms, filed_ms)

    cdef int put_raw(self, int kind, const void *value, Py_ssize_t length) except -1:
        cdef Value read
        if length > (PACKED_LIMIT if kind >= PACKED else INLINE_LIMIT):
            raise ValueError("too long to stand in a record")
        read.kind = kind
        read.at = value
        read.length = length
        return self.store(&read, self.deadline(), self.filed())

    cpdef object(self):
        """The value if there is one and it is an object, else None."""
        if self.record is NULL or self.record.kind != OBJECT:
            return None
        return <object>object_of(self.record)

    cpdef put_packed(self, int kind, bytes value, long long deadline_ms, long long filed_ms):
        """Store a packed container, of up to PACKED_LIMIT bytes, and the key's times."""
        cdef Value read
        if value is None or not PACKED <= kind <= 255 or PyBytes_GET_SIZE(value) > PACKED_LIMIT:
            raise ValueError("no packed container")
        read.kind = kind
        read.at = PyBytes_AS_STRING(value)
        read.length = PyBytes_GET_SIZE(value)
        self.store(&read, deadline_ms, filed_ms)

    cpdef remove(self):
        """Take the key out."""
        cdef Record *record = self.record
        cdef uint64_t hash = self.hash
        if record is NULL:
            raise LookupError("there is no such key")
        self.spare()
        self.unlink(self.segment(hash), self.bucket, self.slot, hash)
        self.leave()
        while self.shrink(hash):  # mostly never; again where half of a segment never had keys
            pass
        self.drop(record)

    cpdef long long deadline(self) noexcept:
        """The deadline in milliseconds since the epoch, NEVER_MS if the key has none."""
        return NEVER_MS if self.record is NULL else deadline_of(self.record)

    cpdef long long filed(self) noexcept:
        """The time of the bucket in which the key's ticket is, 0 if it has none."""
        return 0 if self.record is NULL else filed_of(self.record)

    cpdef set_times(self, long long deadline_ms, long long filed_ms):
        """Give the key a deadline and note where its ticket is; NEVER_MS and 0 take both away, which needs no memory."""
        cdef Value same
        if self.record is NULL:
            raise LookupError("there is no such key")
        self.spare()
        if is_timed(deadline_ms, filed_ms) == (self.record.flags & TIMED):
            self.volatile += (deadline_ms != NEVER_MS) - (deadline_of(self.record) != NEVER_MS)
            write_times(self.record, deadline_ms, filed_ms)
            return
        same.kind = self.record.kind
        same.length = self.record.value_length
        same.at = value_of(self.record)
        self.settle(&same, deadline_ms, filed_ms)

    cpdef unsigned int use(self) noexcept:
        """What was noted of the key's use, 0 at first: 32 bits."""
        return 0 if self.record is NULL else self.record.use

    cpdef note_use(self, unsigned int use):
        """Note the key's use."""
        if self.record is NULL:
            raise LookupError("there is no such key")
        self.record.use = use

    cpdef long long ticket(self) noexcept:
        """A ticket of the key."""
        return <int64_t>self.hash

    cpdef Py_ssize_t size(self) noexcept:
        """Bytes that the key takes with its value, an object aside."""
        return 0 if self.record is NULL else SLOT_BYTES + <Py_ssize_t>block_size(record_size(self.record))

    cdef int store(self, Value *value, int64_t deadline_ms, int64_t filed_ms) except -1:
        """Store a value at the place; if it is an object, the record takes a reference to it of its own."""
        cdef PyObject *former = NULL if self.record is NULL else object_of(self.record)
        self.settle(value, deadline_ms, filed_ms)
        if value.kind == OBJECT:
            Py_INCREF(<object>value.reference)
            self.objects += 1
        if former is not NULL:
            self.objects -= 1
            Py_DECREF(<object>former)
        return 0

    cdef int settle(self, Value *value, int64_t deadline_ms, int64_t filed_ms) except -1:
        """Have a record of this content at the place: the one that is there if it has the size, else a new one.

        Without memory for that it is the old one all the same if the content has room there. References are the
        caller's business.
        """
        cdef Record *former = self.record
        cdef Record *record
        cdef bint timed = is_timed(deadline_ms, filed_ms), was_volatile
        cdef size_t size, length = self.sought_length if former is NULL else former.key_length
        if former is NULL and self.sought is NULL:
            raise LookupError("no place was sought")
        if length > 0xFFFFFFFF:
            raise OverflowError("a key of 4 GiB")
        self.spare()
        was_volatile = former is not NULL and deadline_of(former) != NEVER_MS
        if former is not NULL and timed == (former.flags & TIMED):
            size = record_size(former)
            if block_size(size) == block_size(size - former.value_length + value.length):
                write_value(former, value)
                write_times(former, deadline_ms, filed_ms)
                self.volatile += (deadline_ms != NEVER_MS) - was_volatile
                return 0
        record = new_record(self.sought if former is NULL else key_of(former), length, self.hash, value, timed)
        if record is NULL:
            if former is NULL or value.length > former.value_length or (timed and not former.flags & TIMED):
                raise MemoryError
            self.memory -= block_size(record_size(former))
            if value.at != value_of(former):
                write_value(former, value)
            write_times(former, deadline_ms, filed_ms)
            self.memory += block_size(record_size(former))
            self.volatile += (deadline_ms != NEVER_MS) - was_volatile
            return 0
        record.flags |= self.stamp
        write_times(record, deadline_ms, filed_ms)
        if former is NULL:
            self.insert(record)
        else:
            record.use = former.use
            self.bucket.records[self.slot - 1] = record
            self.memory -= block_size(record_size(former))
            PyMem_Free(former)
        self.record = record
        self.memory += block_size(record_size(record))
        self.volatile += (deadline_ms != NEVER_MS) - was_volatile
        return 0

    cdef int insert(self, Record *record) except -1:
        """Put a new record at the place; it is freed if there is no room for it."""
        cdef Segment *segment
        cdef uint32_t home
        while True:
            segment = self.segment(self.hash)
            if segment.count < most(segment.bits):
                home = home_in(segment, self.hash)
                self.bucket = settle_in(segment, record, home, tag_of(self.hash), &self.slot)
                if self.bucket is not NULL:
                    self.count += 1
                    self.structure -= SLOT_BYTES
                    return 0
            if not self.make_room(self.hash):
                PyMem_Free(record)
                raise MemoryError

    cdef void unlink(self, Segment *segment, Bucket *bucket, int slot, uint64_t hash) noexcept:
        """Take a record of that hash out of its bucket."""
        cdef uint32_t mask = (1 << segment.bits) - 1, number = home_in(segment, hash)
        cdef Record *record = bucket.records[slot - 1]
        bucket.tags[slot] = 0
        bucket.records[slot - 1] = NULL
        while buckets_of(segment) + number != bucket:
            buckets_of(segment)[number].tags[0] -= 1
            number = (number + 1) & mask
        segment.count -= 1
        self.count -= 1
        self.structure += SLOT_BYTES
        self.memory -= block_size(record_size(record))
        self.volatile -= deadline_of(record) != NEVER_MS
        self.objects -= record.kind == OBJECT

    cdef void drop(self, Record *record) noexcept:
        """Free a record that stands nowhere any more, and let its object go."""
        cdef PyObject *held = object_of(record)
        PyMem_Free(record)
        if held is not NULL:
            Py_DECREF(<object>held)

    # ------------------------------------------------------------------ all keys

    cpdef unsigned long long position(self, bytes key) except? 0:
        """The position of a key."""
        if key is None:
            raise TypeError("a key is bytes")
        return hash_of(key) >> (64 - POSITION_BITS)

    cpdef tuple page(self, unsigned long long position, Py_ssize_t count):
        """About `count` keys from a position on, and the position that comes after them, END after the last.

        Keys of equal position come together: all that are at home in a bucket do, from the position on.
        """
        cdef list found = []
        cdef Segment *segment
        cdef uint32_t home
        cdef uint64_t hash
        cdef int shared
        while position <= LAST_POSITION and len(found) < count:
            hash = position << (64 - POSITION_BITS)
            segment = self.segment(hash)
            home = home_in(segment, hash)
            self.gather(segment, home, position, found)
            shared = segment.depth + segment.bits
            position = ((position >> (POSITION_BITS - shared)) + 1) << (POSITION_BITS - shared)
        return min(position, LAST_POSITION + 1), found

    cdef int gather(self, Segment *segment, uint32_t home, uint64_t position, list found) except -1:
        """Add the keys that are at home in a bucket, from a position on."""
        cdef uint32_t mask = (1 << segment.bits) - 1, step
        cdef Bucket *bucket
        cdef Record *record
        cdef uint64_t hash
        cdef int slot
        for step in range(probes(mask)):
            bucket = buckets_of(segment) + ((home + step) & mask)
            prefetch_records(bucket, True)
            for slot in range(1, SLOTS + 1):
                if bucket.tags[slot]:
                    record = bucket.records[slot - 1]
                    hash = hash_of_record(record)
                    if home_in(segment, hash) == home and hash >> (64 - POSITION_BITS) >= position:
                        found.append(key_object(record))
            if bucket.tags[0] == 0:
                break
        return 0

    cpdef list keys(self, long long now_ms):
        """All keys whose deadline is later."""
        cdef list found = []
        cdef uint64_t number = 0
        cdef Segment *segment
        cdef uint32_t at
        cdef int slot
        cdef Bucket *bucket
        while number < <uint64_t>1 << self.depth:
            segment = segment_of(self.directory[number])
            number += <uint64_t>1 << (self.depth - segment.depth)
            for at in range(<uint32_t>1 << segment.bits):
                bucket = buckets_of(segment) + at
                prefetch_records(bucket, True)
                for slot in range(1, SLOTS + 1):
                    if bucket.tags[slot] and deadline_of(bucket.records[slot - 1]) > now_ms:
                        found.append(key_object(bucket.records[slot - 1]))
        return found

    cpdef list draw(self, Py_ssize_t count):
        """Up to `count` keys, neighbours from a random position on, the first following the last."""
        cdef list found
        cdef Py_ssize_t at
        cdef uint64_t start
        if count >= self.count:
            return self.page(0, self.count)[1]
        start = getrandbits(POSITION_BITS)
        found = self.page(start, count)[1]
        if len(found) < count:
            found += [key for key in self.page(0, count - len(found))[1] if self.position(key) < start]
        if len(found) <= count:
            return found
        # Those of a bucket come in the order of its slots, of which none must be preferred.
        at = <Py_ssize_t>getrandbits(32) % len(found)
        return (found[at:] + found[:at])[:count]

    cpdef sample(self, Py_ssize_t count, Sampler sampler):
        """Offer about `count` keys, each as likely as any other; or all, from a random place on, if these are not more."""
        cdef uint64_t seed = getrandbits(64), number
        cdef Segment *segment
        cdef Bucket *bucket
        cdef uint32_t at
        cdef Py_ssize_t left = min(count, self.count)
        cdef int tries
        if sampler is None:
            raise TypeError("nobody samples")
        if left == self.count:
            segment = self.segment(seed)
            number = entry_number(first_hash(segment, seed), self.depth)
            at = home_in(segment, seed)
            while left > 0:
                left -= self.offer(buckets_of(segment) + at, sampler)
                at += 1
                if at == <uint32_t>1 << segment.bits:
                    number = (number + (<uint64_t>1 << (self.depth - segment.depth))) & ((<uint64_t>1 << self.depth) - 1)
                    segment = segment_of(self.directory[number])
                    at = 0
            return
        for tries in range(DRAWS_MOST):
            if left <= 0:
                return
            bucket = self.random_bucket(&seed)
            if bucket is not NULL:
                left -= self.offer(bucket, sampler)

    cdef int offer(self, Bucket *bucket, Sampler sampler) except -1:
        """Offer the records of a bucket; return how many there are."""
        cdef Record *record
        cdef int slot, count = 0
        prefetch_records(bucket, False)
        for slot in range(1, SLOTS + 1):
            if bucket.tags[slot]:
                record = bucket.records[slot - 1]
                count += 1
                if sampler.wants(record.use, deadline_of(record)):
                    sampler.take(<int64_t>hash_of_record(record))
        return count

    cpdef random_key(self):
        """A key, each as likely as any other; None if there is none.

        It is that of a random slot of a random bucket. Where that meets no key for long, as colliding hashes bring
        about, all segments are counted through.
        """
        cdef Bucket *bucket
        cdef int tries, slot
        if self.count == 0:
            return None
        for tries in range(DRAWS_MOST):
            bucket = self.random_slot(&draws, &slot)
            if bucket is not NULL and bucket.tags[slot]:
                return self.arrive(bucket, slot)
        return key_object(self.record_at(scramble(draws) % <uint64_t>self.count))

    cdef bytes arrive(self, Bucket *bucket, int slot):
        """Go to the place of the record in a slot; return its key. Who removes it need not seek it."""
        cdef Record *record = bucket.records[slot - 1]
        cdef bytes key = key_object(record)
        self.hash = hash_of(key)
        self.held = key
        self.sought = PyBytes_AS_STRING(key)
        self.sought_length = record.key_length
        self.record = record
        self.bucket = bucket
        self.slot = slot
        return key

    cpdef draw_ahead(self, Py_ssize_t count):
        """Fetch what the next calls of `random_key` will come to from memory into the caches."""
        cdef Bucket *buckets[AHEAD_MOST]
        cdef int slots[AHEAD_MOST]
        cdef int at, found = 0
        cdef Py_ssize_t tries
        cdef uint64_t seed = draws
        count = min(count, <Py_ssize_t>AHEAD_MOST // 2)
        for tries in range(4 * count):
            buckets[found] = self.random_slot(&seed, &slots[found])
            if buckets[found] is not NULL:
                prefetch_line(buckets[found])
                found += 1
                if found == 2 * count:  # every other slot may be empty
                    break
        for at in range(found):
            if buckets[at].tags[slots[at]]:
                prefetch_line(buckets[at].records[slots[at] - 1])

    cdef inline Bucket *random_slot(self, uint64_t *seed, int *slot) noexcept:
        """A random bucket, or NULL, and a random slot of it."""
        cdef Bucket *bucket = self.random_bucket(seed)
        slot[0] = 1 + <int>(((scramble(seed[0]) & 0xFFFF) * SLOTS) >> 16)
        return bucket

    cdef Bucket *random_bucket(self, uint64_t *seed) noexcept:
        """A bucket, each as likely as any other, or NULL: try again.

        A random hash leads to it. Since a bucket is found the more often the fewer bits lead to it, it counts only if
        the next bits are 0, up to as many as lead to the smallest ones.
        """
        cdef int longest = self.depth + (FULL_BITS if self.depth else segment_of(self.directory[0]).bits)
        cdef uint64_t hash
        cdef uintptr_t entry
        cdef int shared
        seed[0] += <uint64_t>0x9E3779B97F4A7C15
        hash = scramble(seed[0])
        entry = self.directory[entry_number(hash, self.depth)]
        shared = depth_of(entry, self.depth) + <int>(entry & 7)
        if ((hash << shared) >> 1) >> (63 - (longest - shared)):
            return NULL
        return home_of(entry, hash, self.depth)

    cdef Record *record_at(self, Py_ssize_t index) noexcept:
        """The record of that number, in a walk over all segments."""
        cdef uint64_t number = 0
        cdef Segment *segment = segment_of(self.directory[0])
        cdef Bucket *bucket
        cdef int slot
        while index >= segment.count:
            index -= segment.count
            number += <uint64_t>1 << (self.depth - segment.depth)
            segment = segment_of(self.directory[number])
        bucket = buckets_of(segment)
        while True:
            for slot in range(1, SLOTS + 1):
                if bucket.tags[slot]:
                    if index == 0:
                        return bucket.records[slot - 1]
                    index -= 1
            bucket += 1

    cpdef sift(self, Tickets tickets, Py_ssize_t start, Py_ssize_t stop, long long time_ms, Tickets kept):
        """Add to `kept` those of tickets[start:stop] of the bucket of `time_ms` that still count, each once.

        Until the end, records that were found are marked, so that of two tickets of one hash each finds another one.
        """
        cdef Py_ssize_t at, first
        cdef Record *record
        if tickets is None or kept is None or not 0 <= start <= stop <= tickets.count:
            raise IndexError("no such tickets")
        self.leave()
        first = kept.count
        kept.reserve(stop - start)
        for at in range(start, stop):
            if at & 15 == 0:
                self.prefetch(<uint64_t *>tickets.items + at, min(16, stop - at))
            record = self.find_filed(<uint64_t>tickets.items[at], time_ms, 0)
            if record is not NULL:
                record.flags |= SIFTED
                kept.items[kept.count] = tickets.items[at]
                kept.count += 1
        for at in range(first, kept.count):
            self.find_filed(<uint64_t>kept.items[at], time_ms, SIFTED).flags &= ~SIFTED

    cpdef Table copy(self):
        """A table of its own with the same keys, values and times; without uses and a watcher.

        Its shape is the same, so that no key is hashed.
        """
        cdef Table made = Table()
        cdef uint64_t number = 0
        cdef Segment *segment
        made.take_shape(self)
        while number < <uint64_t>1 << self.depth:
            segment = segment_of(self.directory[number])
            made.copy_records(segment, segment_of(made.directory[number]))
            number += <uint64_t>1 << (self.depth - segment.depth)
        return made

    cdef int take_shape(self, Table other) except -1:
        """Have empty segments where `other` has its own, in a table that is new."""
        cdef uint64_t number = 0, filled, size = <uint64_t>1 << other.depth
        cdef uintptr_t *directory = <uintptr_t *>PyMem_Malloc(size * sizeof(uintptr_t))
        cdef Segment *segment
        if directory is NULL:
            raise MemoryError
        while number < size:
            segment = segment_of(other.directory[number])
            filled = number + (<uint64_t>1 << (other.depth - segment.depth))
            segment = self.new_segment(segment.bits, segment.depth)
            if segment is NULL:
                self.free_segments(directory, other.depth, number)
                raise MemoryError
            while number < filled:
                directory[number] = entry_of(segment, other.depth)
                number += 1
        self.free_segments(self.directory, self.depth, 1)
        self.charge(block_size(size * sizeof(uintptr_t)) - block_size(sizeof(uintptr_t)))
        self.directory = directory
        self.depth = other.depth
        self.deepest = other.deepest
        return 0

    cdef void free_segments(self, uintptr_t *directory, int depth, uint64_t stop) noexcept:
        """Free a directory, and the segments without records to which it leads before `stop`."""
        cdef uint64_t number = 0
        cdef Segment *segment
        while number < stop:
            segment = segment_of(directory[number])
            number += <uint64_t>1 << (depth - segment.depth)
            self.free_segment(segment)
        PyMem_Free(directory)

    cdef int copy_records(self, Segment *source, Segment *target) except -1:
        """Copy another table's segment into one of this table that has its size, and is empty."""
        cdef uint32_t at, last = (1 << source.bits) - 1
        cdef int slot
        cdef size_t size
        cdef Bucket *bucket
        cdef Record *record
        cdef Record *twin
        prefetch_records(buckets_of(source), True)
        for at in range(last + 1):
            bucket = buckets_of(source) + at
            if at < last:
                prefetch_records(bucket + 1, True)
            buckets_of(target)[at].tags[0] = bucket.tags[0]
            for slot in range(1, SLOTS + 1):
                if bucket.tags[slot] == 0:
                    continue
                record = bucket.records[slot - 1]
                size = record_size(record)
                twin = <Record *>PyMem_Malloc(usable_size(size))
                if twin is NULL:
                    raise MemoryError
                memcpy(twin, record, size)
                twin.flags &= ~(STAMPS | SIFTED)
                twin.use = 0
                if record.kind == OBJECT:
                    Py_INCREF(<object>object_of(record))
                    self.objects += 1
                buckets_of(target)[at].tags[slot] = bucket.tags[slot]
                buckets_of(target)[at].records[slot - 1] = twin
                target.count += 1
                self.count += 1
                self.structure -= SLOT_BYTES
                self.memory += block_size(size)
                self.volatile += deadline_of(twin) != NEVER_MS
        return 0

    cpdef bint release(self, Py_ssize_t count, bury) except -1:
        """Free up to `count` keys of a table that nobody uses any more, its objects by `bury`; True if none is left.

        They go in the order of hashes, so that nearly every arena of the allocator has one of the last of them, and goes
        back to the system with it, which takes as long as a hundred keys do: in the last 64th of a table fewer are freed
        at once.
        """
        cdef list gone = []
        self.leave()
        if self.sweep >> 58 == 63:
            count = min(count, max(<Py_ssize_t>LAST_FREED, self.count >> 6))
        while count > 0 and self.count:
            count -= self.sweep_segment(count, gone)
        for held in gone:
            bury(held)
        return self.count == 0

    cdef Py_ssize_t sweep_segment(self, Py_ssize_t count, list gone) except -1:
        """Free up to `count` keys of the segment at `sweep`, and go on to the next if they were all; tell how many."""
        cdef Segment *segment = self.segment(self.sweep)
        cdef uint64_t first = first_hash(segment, self.sweep)
        cdef uint64_t after = first + ((<uint64_t>1 << 63) >> segment.depth << 1)
        cdef uint32_t at
        cdef int slot
        cdef Py_ssize_t freed = 0
        cdef Bucket *bucket
        cdef Record *record
        for at in range(<uint32_t>1 << segment.bits):
            bucket = buckets_of(segment) + at
            for slot in range(1, SLOTS + 1):
                if bucket.tags[slot]:
                    if freed == count:
                        return freed
                    record = bucket.records[slot - 1]
                    if self.watcher is not None and record.flags & STAMPS != self.stamp:
                        self.hand_over(record)
                    if record.kind == OBJECT:
                        gone.append(<object>object_of(record))
                    self.unlink(segment, bucket, slot, hash_of_record(record))
                    self.drop(record)
                    freed += 1
        while self.shrink(first):
            pass
        self.sweep = after
        return freed

    # ------------------------------------------------------------------ watching

    cpdef watch(self, Watcher watcher):
        """Have a watcher take each record that is there as it is now: when `walk` comes to it, or before it changes."""
        if watcher is None or self.watcher is not None:
            raise ValueError("one watcher at a time")
        if self.unfinished == MOST_UNFINISHED:
            self.wipe_stamps()
        self.unfinished += 1
        self.stamp += STAMP  # after the last one comes 0
        self.watcher = watcher

    cpdef unwatch(self):
        """Have no watcher any more."""
        self.watcher = None

    cpdef unsigned long long walk(self, unsigned long long position, Py_ssize_t most) except? 0:
        """Have the watcher take what it has not, from a position on; return where to go on, END after the last.

        It stops after records that were `most` work. A position is good for all that may happen to the table meanwhile.
        """
        cdef Segment *segment
        cdef Bucket *bucket
        cdef uint32_t at
        cdef int slot, depth
        while position <= LAST_POSITION:
            segment = self.segment(position << (64 - POSITION_BITS))
            depth = segment.depth
            prefetch_records(buckets_of(segment), True)
            for at in range(<uint32_t>1 << segment.bits):
                bucket = buckets_of(segment) + at
                if at + 1 < <uint32_t>1 << segment.bits:
                    prefetch_records(bucket + 1, True)
                for slot in range(1, SLOTS + 1):
                    if bucket.tags[slot] and bucket.records[slot - 1].flags & STAMPS != self.stamp:
                        if most <= 0:
                            return position
                        most -= self.hand_over(bucket.records[slot - 1])
            position = ((position >> (POSITION_BITS - depth)) + 1) << (POSITION_BITS - depth)
            most -= segment.count >> 3  # for the look at it
            if most <= 0 and position <= LAST_POSITION:
                return position
        self.unfinished = 0
        return LAST_POSITION + 1

    cpdef preserve(self):
        """The object at the place, if there is one, is about to be changed in place: the watcher takes it before."""
        self.spare()

    cdef inline int spare(self) except -1:
        """The record at the place, if there is one, is about to change or to go: the watcher takes it before."""
        if self.watcher is not None and self.record is not NULL and self.record.flags & STAMPS != self.stamp:
            self.hand_over(self.record)
        return 0

    cdef Py_ssize_t hand_over(self, Record *record) except? -1:
        """Have the watcher take a record; return how much work that was."""
        cdef Py_ssize_t work
        if self.watcher is None:
            raise LookupError("nobody watches")
        work = self.watcher.take(key_object(record), record.kind, value_object(record), deadline_of(record))
        record.flags = record.flags & ~STAMPS | self.stamp
        return work

    cdef void wipe_stamps(self) noexcept:
        """Take the stamps off all records."""
        cdef uint64_t number = 0
        cdef Segment *segment
        cdef uint32_t at
        cdef int slot
        cdef Bucket *bucket
        while number < <uint64_t>1 << self.depth:
            segment = segment_of(self.directory[number])
            number += <uint64_t>1 << (self.depth - segment.depth)
            for at in range(<uint32_t>1 << segment.bits):
                bucket = buckets_of(segment) + at
                prefetch_records(bucket, False)
                for slot in range(1, SLOTS + 1):
                    if bucket.tags[slot]:
                        bucket.records[slot - 1].flags &= ~STAMPS
        self.stamp = 0
        self.unfinished = 0

    # ------------------------------------------------------------------ the shape

    cdef inline void charge(self, Py_ssize_t size) noexcept:
        """So many bytes more belong to the shape."""
        self.memory += size
        self.structure += size

    cdef Segment *new_segment(self, int bits, int depth) noexcept:
        """An empty segment, NULL if there is no memory; it is not yet entered into the directory."""
        cdef void *block = PyMem_Malloc(segment_size(bits))
        cdef Segment *segment
        if block is NULL:
            return NULL
        segment = <Segment *>((<uintptr_t>block + sizeof(Segment) + LINE - 1) & ~<uintptr_t>(LINE - 1)) - 1
        memset(buckets_of(segment), 0, sizeof(Bucket) << bits)
        segment.block = block
        segment.count = 0
        segment.bits = bits
        segment.depth = depth
        self.charge(block_size(segment_size(bits)))
        return segment

    cdef void free_segment(self, Segment *segment) noexcept:
        self.charge(-<Py_ssize_t>block_size(segment_size(segment.bits)))
        PyMem_Free(segment.block)

    cdef void enter(self, Segment *segment, uint64_t hash) noexcept:
        """Have the directory lead to a segment from all hashes that are its keys'."""
        cdef uint64_t first = entry_number(first_hash(segment, hash), self.depth), number
        cdef uintptr_t entry = entry_of(segment, self.depth)
        for number in range(first, first + (<uint64_t>1 << (self.depth - segment.depth))):
            self.directory[number] = entry

    cdef bint make_room(self, uint64_t hash) noexcept:
        """Grow the segment of a hash, or split it; False if that cannot be.

        Keys that crowd together may fit into none of its sizes, also before it is full.
        """
        cdef Segment *segment = self.segment(hash)
        cdef int bits
        for bits in range(segment.bits + 1, FULL_BITS + 1):
            if self.resize(segment, hash, bits):
                return True
        return self.split(segment, hash)

    cdef bint resize(self, Segment *segment, uint64_t hash, int bits) noexcept:
        """Give a segment another number of buckets; False, and nothing changed, if that cannot be."""
        cdef Segment *successor = self.new_segment(bits, segment.depth)
        if successor is NULL:
            return False
        if not pour(segment, hash, successor, successor):
            self.free_segment(successor)
            return False
        self.enter(successor, hash)
        self.free_segment(segment)
        return True

    cdef bint split(self, Segment *segment, uint64_t hash) noexcept:
        """Make two segments of one; False, and no key moved, if that cannot be."""
        cdef int depth = segment.depth
        cdef Segment *low
        cdef Segment *high
        cdef uint64_t first = first_hash(segment, hash), bit = (<uint64_t>1 << 63) >> depth
        if depth == self.depth and not self.double_directory():
            return False
        low = self.new_segment(FULL_BITS, depth + 1)
        high = self.new_segment(FULL_BITS, depth + 1) if low is not NULL else NULL
        if high is NULL or not (
            pour(segment, hash, low, high)
            or (pour_by_homes(segment, low, bit, 0) and pour_by_homes(segment, high, bit, bit))
        ):
            if low is not NULL:
                self.free_segment(low)
            if high is not NULL:
                self.free_segment(high)
            self.halve_directory()
            return False
        self.enter(low, first)
        self.enter(high, first | bit)
        self.deepest += 2 if depth + 1 == self.depth else 0
        self.free_segment(segment)
        self.fit(low, first)
        self.fit(high, first | bit)
        return True

    cdef void fit(self, Segment *segment, uint64_t hash) noexcept:
        """Halve a segment that got few of the records that were split, which only hashes that collide bring about."""
        if segment.count * 4 <= capacity(segment.bits):
            self.resize(segment, hash, fitting_bits(segment.count))

    cdef bint shrink(self, uint64_t hash) noexcept:
        """Merge the segment of a hash with the other half of what was one, or halve it, if it is nearly empty.

        True if something became smaller. That the few records left are a multiple of 4 keeps vain attempts rare.
        """
        cdef Segment *segment = self.segment(hash)
        if segment.count * 4 > capacity(segment.bits) or segment.count & 3:
            return False
        if segment.depth and self.merge(segment, hash):
            return True
        return segment.bits > 0 and self.resize(segment, hash, segment.bits - 1)

    cdef bint merge(self, Segment *segment, uint64_t hash) noexcept:
        """Make one segment of two halves; False, and nothing changed, if that cannot be."""
        cdef int depth = segment.depth
        cdef uint64_t across = hash ^ (<uint64_t>1 << (64 - depth))
        cdef Segment *other = self.segment(across)
        cdef Segment *whole
        if other.depth != depth or segment.count + other.count > MERGED_MOST:
            return False
        whole = self.new_segment(fitting_bits(segment.count + other.count), depth - 1)
        if whole is NULL:
            return False
        if not (pour(segment, hash, whole, whole) and pour(other, across, whole, whole)):
            self.free_segment(whole)
            return False
        self.enter(whole, hash)
        self.free_segment(segment)
        self.free_segment(other)
        if depth == self.depth:
            self.deepest -= 2
        self.halve_directory()
        return True

    cdef bint double_directory(self) noexcept:
        """Make room for one more bit; False if there is no memory, or if the keys are too few to need it.

        Each entry serves a hundred keys or more as a rule. Only hashes that were chosen ask for one every few keys.
        """
        cdef uint64_t number, size = <uint64_t>1 << self.depth
        cdef uintptr_t *wider
        cdef uintptr_t entry
        if self.depth >= FREE_DEPTH and <uint64_t>self.count < size << 4:
            return False
        wider = <uintptr_t *>PyMem_Malloc(2 * size * sizeof(uintptr_t))
        if wider is NULL:
            return False
        for number in range(size):
            entry = self.directory[number]
            if (entry & 56) != 56:
                entry += 8
            wider[2 * number] = wider[2 * number + 1] = entry
        self.charge(block_size(2 * size * sizeof(uintptr_t)) - block_size(size * sizeof(uintptr_t)))
        PyMem_Free(self.directory)
        self.directory = wider
        self.depth += 1
        self.deepest = 0
        return True

    cdef void halve_directory(self) noexcept:
        """Drop the bits that no segment needs, as far as there is memory to do it."""
        cdef uint64_t number, size
        cdef uintptr_t *narrower
        cdef uintptr_t entry
        while self.deepest == 0:
            size = <uint64_t>1 << (self.depth - 1)
            narrower = <uintptr_t *>PyMem_Malloc(size * sizeof(uintptr_t))
            if narrower is NULL:
                return
            self.depth -= 1
            for number in range(size):
                entry = self.directory[2 * number]
                narrower[number] = entry_of(segment_of(entry), self.depth) if (entry & 56) == 56 else entry - 8
                self.deepest += (narrower[number] & 56) == 0
            self.charge(block_size(size * sizeof(uintptr_t)) - block_size(2 * size * sizeof(uintptr_t)))
            PyMem_Free(self.directory)
            self.directory = narrower


cdef inline uint64_t scramble(uint64_t seed) noexcept nogil:
    """The output function of SplitMix64."""
    seed = (seed ^ (seed >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    seed = (seed ^ (seed >> 27)) * <uint64_t>0x94D049BB133111EB
    return seed ^ (seed >> 31)
