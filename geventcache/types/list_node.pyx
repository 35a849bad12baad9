# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A node of a long list: some hundred elements in one block of memory. What list_node.py says, compiled.

Entries are those of a run (types/packed.pyx), and their codes stand backwards, so that both ends have room to grow:

    [free] payloads ->  [free]  <- codes [free]
           front    back               tail

The first `front` bytes are free; payloads stand in `front` to `back`, in order; the last `tail` bytes are free, and in
front of them is the code of the first entry, in front of that the second's, and so on.

The invariants:

- 0 <= front <= back <= room - tail - count. A node without entries may have no block, and room 0.
- `size` is what a listpack of the entries would take: the limits of nodes are told in that measure.
- The block is the node's own. No address into it outlives a call that changes the node.
- Without memory nothing is changed, and MemoryError raised; `fit` then does nothing.
"""

from geventcache.base.c_api cimport (
    PyList_GET_ITEM,
    PyList_GET_SIZE,
    PyLong_AsSsize_t,
    PyMem_Free,
    PyMem_Malloc,
    PyObject,
    memcmp,
    memcpy,
    memmove,
)
from geventcache.resp.writer cimport ReplyWriter, Written
from geventcache.types.entries cimport write_entry
from geventcache.types.footprint cimport block_size
from geventcache.types.packed cimport *

cdef extern from *:
    """
    #ifdef GEVENTCACHE_CHECKED
    #define CHECK_NODE(claim) do { if (!(claim)) Py_FatalError("a node is not what it should be: " #claim); } while (0)
    #else
    #define CHECK_NODE(claim) ((void)0)
    #endif
    """
    void CHECK_NODE(bint claim) noexcept

cdef enum:
    LISTPACK_HEADER = 7
    LEAST_ROOM = 128
    NODE_BYTES = 64  # the node itself, as the allocator gives it


cdef inline Py_ssize_t integer_size(long long value) noexcept:
    """Bytes of an integer in a listpack, without its length."""
    if 0 <= value < 128:
        return 1
    if -4096 <= value < 4096:
        return 2
    if -32768 <= value < 32768:
        return 3
    if -8388608 <= value < 8388608:
        return 4
    if -<long long>2147483648 <= value < <long long>2147483648:
        return 5
    return 9


cdef Py_ssize_t listed_size(unsigned char code, const char *payload) noexcept:
    """Bytes of an entry in a listpack (types/listpack.py)."""
    cdef Py_ssize_t n
    if INT8 <= code <= INT64:
        return 1 + integer_size(read_number(payload, number_sizes[code - INT8]))
    if code == 1 and c"0" <= payload[0] <= c"9":
        return 2
    n = code if code <= LONGEST_TEXT else size_of(code, payload) - 4
    n += 1 if n < 64 else 2 if n < 4096 else 5
    return n + (1 if n <= 127 else 2 if n < 16383 else 3 if n < 2097151 else 4 if n < 268435455 else 5)


cdef class ListNode:
    """Elements in order.

    Attributes:
        count: how many there are.
        size: bytes that a listpack of them would take.
        is_shared: it may be part of several lists, or be read later: it is not to be changed any more.
    """

    def __cinit__(self):
        self.size = LISTPACK_HEADER
        self.least_room = LEAST_ROOM

    def __dealloc__(self):
        PyMem_Free(self.block)

    # ------------------------------------------------------------------ the ends

    cdef push(self, bytes value, bint left):
        """Add an element at an end."""
        cdef Encoded entry
        encode(value, &entry)
        if left:
            if self.front < entry.size or self.tail == 0:
                self.make_room(entry.size, 1, True)
            self.front -= <int>entry.size
            self.tail -= 1
            write_payload(self.block + self.front, &entry)
            self.block[self.room - self.tail - 1] = <char>entry.code
            self.size += <int>listed_size(entry.code, self.block + self.front)
        else:
            if self.room - self.tail - self.count - self.back <= entry.size:
                self.make_room(entry.size, 1, False)
            write_payload(self.block + self.back, &entry)
            self.block[self.room - self.tail - self.count - 1] = <char>entry.code
            self.size += <int>listed_size(entry.code, self.block + self.back)
            self.back += <int>entry.size
        self.count += 1
        CHECK_NODE(0 <= self.front <= self.back <= self.room - self.tail - self.count)

    cdef bytes pop(self, bint left):
        """Remove and return an element at an end; there is one."""
        cdef unsigned char code
        cdef Py_ssize_t offset, size
        cdef bytes value
        CHECK_NODE(self.count > 0)
        offset = self.front if left else self.offset_of(self.count - 1)
        code = self.codes()[0 if left else 1 - self.count]
        size = size_of(code, self.block + offset)
        value = decode(code, self.block + offset)
        self.size -= <int>listed_size(code, self.block + offset)
        if left:
            self.front += <int>size
            self.tail += 1
        else:
            self.back = <int>offset
        self.count -= 1
        return value

    # ------------------------------------------------------------------ any place

    cdef bytes get(self, Py_ssize_t at):
        """The element at a place that exists."""
        return decode(self.codes()[-at], self.block + self.offset_of(at))

    cdef insert(self, Py_ssize_t at, bytes value):
        """Put an element in front of the one at that place, or behind the last."""
        cdef Encoded entry
        encode(value, &entry)
        if self.room - self.tail - self.count - self.back <= entry.size:
            self.make_room(entry.size, 1, False)
        self.place(at, &entry)

    cdef replace(self, Py_ssize_t at, bytes value):
        """Put another element in the place of one."""
        cdef Encoded entry
        encode(value, &entry)
        if self.room - self.tail - self.count - self.back <= entry.size:
            self.make_room(entry.size, 1, False)
        self.place(at, &entry)
        self.delete(at + 1, at + 2)

    cdef void place(self, Py_ssize_t at, const Encoded *entry) noexcept:
        """Put an entry, for which there is room in the middle, in front of the one at that place."""
        cdef Py_ssize_t offset = self.offset_of(at)
        cdef char *last = self.block + self.room - self.tail - self.count
        memmove(self.block + offset + entry.size, self.block + offset, self.back - offset)
        write_payload(self.block + offset, entry)
        memmove(last - 1, last, self.count - at)
        last[self.count - at - 1] = <char>entry.code
        self.size += <int>listed_size(entry.code, self.block + offset)
        self.back += <int>entry.size
        self.count += 1
        CHECK_NODE(0 <= self.front <= self.back <= self.room - self.tail - self.count)

    cdef void delete(self, Py_ssize_t start, Py_ssize_t stop) noexcept:
        """Remove the elements from `start` up to, not including, `stop` (places that exist)."""
        cdef Py_ssize_t first = self.offset_of(start), last = first, at
        cdef const unsigned char *codes = self.codes()
        cdef char *lowest = self.block + self.room - self.tail - self.count
        CHECK_NODE(0 <= start <= stop <= self.count)
        for at in range(start, stop):
            self.size -= <int>listed_size(codes[-at], self.block + last)
            last += size_of(codes[-at], self.block + last)
        if start == 0:
            self.front = <int>last
            self.tail += <int>stop
        else:
            memmove(self.block + first, self.block + last, self.back - last)
            memmove(lowest + (stop - start), lowest, self.count - stop)
            self.back -= <int>(last - first)
        self.count -= <int>(stop - start)
        if self.room > LEAST_ROOM and self.room > 4 * (self.back - self.front + self.count):
            self.fit()

    cdef int delete_places(self, list places) except -1:
        """Remove the elements at these places, which are in order."""
        cdef Py_ssize_t i, at
        for i in range(PyList_GET_SIZE(places) - 1, -1, -1):
            at = PyLong_AsSsize_t(<object>PyList_GET_ITEM(places, i))
            self.delete(at, at + 1)
        return 0

    cdef absorb(self, ListNode other):
        """Add the elements of another node behind the last."""
        cdef Py_ssize_t size = other.back - other.front
        if self.room - self.tail - self.count - self.back < size + other.count:
            self.make_room(size, other.count, False)
        memcpy(self.block + self.back, other.block + other.front, size)
        memcpy(
            self.block + self.room - self.tail - self.count - other.count,
            other.block + other.room - other.tail - other.count,
            other.count,
        )
        self.back += <int>size
        self.count += other.count
        self.size += other.size - LISTPACK_HEADER

    cdef ListNode part(self, Py_ssize_t start, Py_ssize_t stop):
        """A node of the elements from `start` up to, not including, `stop`, which is nobody else's."""
        cdef ListNode made = ListNode.__new__(ListNode)
        cdef Py_ssize_t first = self.offset_of(start), last = self.offset_of(stop), size = last - first, at
        if start == stop:
            return made
        made.make_room(size, stop - start, False)
        memcpy(made.block, self.block + first, size)
        memcpy(made.block + made.room - (stop - start), self.block + self.room - self.tail - stop, stop - start)
        made.back = <int>size
        made.count = <int>(stop - start)
        if made.count == self.count:
            made.size = self.size
            return made
        last = 0
        for at in range(made.count):
            made.size += <int>listed_size(made.codes()[-at], made.block + last)
            last += size_of(made.codes()[-at], made.block + last)
        return made

    # ------------------------------------------------------------------ to read

    cdef list texts(self, Py_ssize_t start, Py_ssize_t stop):
        """The elements from `start` up to, not including, `stop`."""
        cdef list found = []
        cdef Py_ssize_t at, offset
        cdef const unsigned char *codes = self.codes()
        if start >= stop:
            return found
        offset = self.offset_of(start)
        for at in range(start, stop):
            found.append(decode(codes[-at], self.block + offset))
            offset += size_of(codes[-at], self.block + offset)
        return found

    cdef int write(self, ReplyWriter out, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Append the elements from `start` up to, not including, `stop`, of which there is one, to a reply."""
        cdef const char *payload = self.block + self.offset_of(start)
        cdef const unsigned char *codes = self.codes()
        cdef Py_ssize_t at
        for at in range(start, stop):
            write_entry(out, codes[-at], payload)
            payload += size_of(codes[-at], payload)
        return 0

    cdef list places(self, bytes value):
        """Where elements are equal to `value`, in order."""
        cdef Encoded wanted
        cdef list found = []
        cdef Py_ssize_t at, offset = self.front, size
        cdef const unsigned char *codes = self.codes()
        encode(value, &wanted)
        for at in range(self.count):
            size = size_of(codes[-at], self.block + offset)
            if codes[-at] == wanted.code and size == wanted.size and is_payload(self.block + offset, &wanted):
                found.append(at)
            offset += size
        return found

    cdef Py_ssize_t used(self) noexcept:
        """Bytes that the elements take in the block."""
        return self.back - self.front + self.count

    cdef Py_ssize_t memory_usage(self) except -1:
        """Bytes of the node and its block."""
        return NODE_BYTES + block_size(self.room)

    # ------------------------------------------------------------------ runs

    cdef int load(self, PyObject *run) except -1:
        """Take the entries of a run; there are none yet."""
        cdef Py_ssize_t count = count_of(run), size = length_of(run) - HEADER - count, at, offset = HEADER
        cdef const unsigned char *codes = codes_of(run)
        if count == 0:
            return 0
        self.make_room(size, count, False)
        memcpy(self.block, bytes_of(run) + HEADER, size)
        for at in range(count):
            self.block[self.room - 1 - at] = <char>codes[at]
            self.size += <int>listed_size(codes[at], bytes_of(run) + offset)
            offset += size_of(codes[at], bytes_of(run) + offset)
        self.back = <int>size
        self.count = <int>count
        return 0

    cdef int fill(self, PyObject **run) except -1:
        """Give the entries to a run that has none."""
        cdef Py_ssize_t size = self.back - self.front, at
        cdef char *start = extended(run, size, self.count)
        memcpy(start, self.block + self.front, size)
        for at in range(self.count):
            start[size + at] = <char>self.codes()[-at]
        return 0

    # ------------------------------------------------------------------ the block

    cdef inline unsigned char *codes(self) noexcept:
        """Where the first entry's code is; the others' stand in front of it."""
        return <unsigned char *>self.block + self.room - self.tail - 1

    cdef Py_ssize_t offset_of(self, Py_ssize_t at) noexcept:
        """Where the payload of an entry begins; of the one behind the last, where payloads end."""
        cdef Py_ssize_t i, offset
        cdef const unsigned char *codes = self.codes()
        CHECK_NODE(0 <= at <= self.count)
        if at > self.count >> 1:
            offset = self.back
            i = self.count
            while i > at and codes[1 - i] != LONG:  # how long that is stands at its beginning
                i -= 1
                offset -= size_of(codes[-i], NULL)
            if i == at:
                return offset
        offset = self.front
        for i in range(at):
            offset += size_of(codes[-i], self.block + offset)
        return offset

    cdef int make_room(self, Py_ssize_t size, Py_ssize_t count, bint left) except -1:
        """Have room for so many more entries, of so many bytes together, at the left end, or at the right one.

        At that end is all that is free then. Room grows by halves, so that each byte is moved a few times at most.
        """
        cdef Py_ssize_t payloads = self.back - self.front + size, codes = self.count + count
        cdef Py_ssize_t used = payloads + codes, room = self.room, spare, tail
        if room == 0:
            room = max(used, <Py_ssize_t>self.least_room if count == 1 else used)
        elif room < used + (used >> 3):
            room = used + (used >> 1)
        if room > <Py_ssize_t>0x7FFFFFFF:
            raise MemoryError
        spare = room - used
        tail = spare * codes // (payloads + codes)
        if not (self.arrange(room, size + spare - tail, count + tail) if left else self.arrange(room, 0, 0)):
            raise MemoryError
        return 0

    cdef bint arrange(self, Py_ssize_t room, Py_ssize_t front, Py_ssize_t tail) noexcept:
        """Give the entries another block, with so much room, of which so many bytes are free in front and behind.

        False, and no change, if there is no memory for it.
        """
        cdef Py_ssize_t size = self.back - self.front
        cdef char *block = <char *>PyMem_Malloc(room)
        if block is NULL:
            return False
        if self.count:
            memcpy(block + front, self.block + self.front, size)
            memcpy(block + room - tail - self.count, self.block + self.room - self.tail - self.count, self.count)
        PyMem_Free(self.block)
        self.block = block
        self.room = <int>room
        self.front = <int>front
        self.back = <int>(front + size)
        self.tail = <int>tail
        return True

    cdef void fit(self) noexcept:
        """Give back what is not used, if there is memory to do so."""
        cdef Py_ssize_t used = self.back - self.front + self.count
        if used and self.room - used > used >> 6:
            self.arrange(used, 0, 0)


cdef inline bint is_payload(const char *payload, const Encoded *entry) noexcept:
    """Is a payload, whose code and size are an entry's, the entry's?"""
    if entry.code == LONG:
        return memcmp(payload + 4, entry.data, entry.size - 4) == 0
    return memcmp(payload, entry.data if entry.data != NULL else entry.own, entry.size) == 0


cpdef ListNode new_node(Py_ssize_t room=LEAST_ROOM):
    """A node without elements, whose first one brings so much room for more."""
    cdef ListNode made = ListNode.__new__(ListNode)
    made.least_room = <int>max(room, <Py_ssize_t>LEAST_ROOM)
    return made


cpdef list elements_shown(object reply):
    """The elements of a reply that `shown` or `PackedList.shown_packed` made."""
    return (<Written>reply).plain()


cpdef object shown(list nodes, Py_ssize_t at, Py_ssize_t place, Py_ssize_t count):
    """So many elements from one on, at a place in the node at a place in a list of nodes, as a reply.

    It is to be used before there is a change.
    """
    cdef NodeEntries made = NodeEntries.__new__(NodeEntries)
    cdef Py_ssize_t left = count + place, stop = at
    while left > 0:
        left -= 1 if type(nodes[stop]) is bytes else (<ListNode>nodes[stop]).count
        stop += 1
    made.nodes = nodes[at:stop]
    made.place = place
    made.count = count
    return made


cdef class NodeEntries(Written):
    """Elements of nodes as a reply: their bytes go from the nodes into the buffer, and no object is made."""

    cpdef write(self, ReplyWriter out):
        """Append the reply."""
        cdef Py_ssize_t place = self.place, left = self.count, count
        cdef ListNode node
        out.array_header(left)
        for element in self.nodes:
            if type(element) is bytes:
                out.bulk(element)
                count = 1
            else:
                node = element
                count = min(left, node.count - place)
                node.write(out, place, place + count)
            left -= count
            place = 0

    cpdef plain(self):
        """The reply as a value of Python's."""
        cdef Py_ssize_t place = self.place, left = self.count, count
        cdef ListNode node
        cdef list found = []
        for element in self.nodes:
            if type(element) is bytes:
                found.append(element)
                count = 1
            else:
                node = element
                count = min(left, node.count - place)
                found += node.texts(place, place + count)
            left -= count
            place = 0
        return found
