# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The members of scored.py, which says what they are to their users, packed or on a Table.

Few members stand in a run (types/packed.pyx), each followed by its score, in their order. Many stand on a Table, the
value of each its score, beside an Order of their records.

The invariants:

- `run` is NULL exactly if there are a `table` and an `order`. The run is this object's own reference.
- The run's form is `form`.
- The pairs of the order are the records of the table, and their scores the values there.
- Without memory for a change there is none, and MemoryError is raised; what is beyond the bounds has moved to a Table
  before it changes.
"""

from geventcache.base.c_api cimport PyObject, Py_DECREF, Py_INCREF, memcmp
from geventcache.base.table cimport ABSENT, DOUBLE, Table, key_of
from geventcache.types.container cimport Container
from geventcache.types.entries cimport ARRAY, SCORED, entries
from geventcache.types.footprint cimport bytes_size
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.order cimport ANY_SCORE, Bound, Order, Pair, bound_of
from geventcache.types.packed cimport *
from geventcache.types.random_pick cimport below

from random import sample

from geventcache.base.table import END
from geventcache.resp.values import Pairs

cdef enum:
    # Bounds of a run, by the encoding's name.
    MOST_SMALL = 512
    MOST_SMALL_BYTES = 1 << 16
    MOST_LARGE = 128
    MOST_LARGE_BYTES = 1 << 12
    # A run of more bytes is better off in an object than copied with each look at it.
    MOST_PACKED_BYTES = 1 << 12


def let_go(value):
    """Scores are no objects."""


# ---------------------------------------------------------------------- runs of members and scores

cdef bint is_behind(unsigned char code, const char *payload, const Bound *bound):
    """Does a member of the bound's score, or of any if that is the same, stand at or behind the place?"""
    cdef bytes number
    cdef Py_ssize_t length = code
    cdef int difference
    if bound.side & 1:
        return bound.side < 0
    if code > LONGEST_TEXT:
        number = decode(code, payload)
        payload = PyBytes_AS_STRING(number)
        length = PyBytes_GET_SIZE(number)
    difference = memcmp(payload, bound.member, min(length, bound.length))
    if difference == 0:
        return length > bound.length or (length == bound.length and not bound.after)
    return difference > 0


cdef inline bint is_last(
    const char *start, const unsigned char *codes, Py_ssize_t count, Py_ssize_t end, const Bound *bound
) noexcept:
    """Is a place behind all pairs, by their scores?"""
    cdef const char *payload = start + end - size_of(codes[count - 1], NULL)
    cdef double last = decode_score(codes[count - 1], payload)
    return last < bound.score or (last == bound.score and bound.side > 0)


cdef Py_ssize_t rank_in_run(PyObject *run, const Bound *bound, Py_ssize_t *offset) except -1:
    """How many pairs stand in front of a place, and where the payload of the next begins."""
    cdef Py_ssize_t count = count_of(run), i, at = HEADER, size
    cdef const char *start = bytes_of(run)
    cdef const unsigned char *codes = codes_of(run)
    cdef double score
    cdef bint is_found
    if count and bound.side != ANY_SCORE and is_last(start, codes, count, length_of(run) - count, bound):
        offset[0] = length_of(run) - count
        return count // 2
    for i in range(0, count, 2):
        size = size_of(codes[i], start + at)
        score = decode_score(codes[i + 1], start + at + size)
        if score != bound.score and bound.side != ANY_SCORE:
            is_found = score > bound.score
        else:
            is_found = is_behind(codes[i], start + at, bound)
        if is_found:
            offset[0] = at
            return i // 2
        at += size + size_of(codes[i + 1], start + at + size)
    offset[0] = at
    return count // 2


cdef class Scored(Container):
    """Members with scores, in order.

    Attributes:
        form: the encoding's name: LISTPACK or SKIPLIST.
    """

    def __dealloc__(self):
        if self.run is not NULL:
            Py_DECREF(<object>self.run)

    cpdef begin(self, EncodingLimits limits):
        """Be empty."""
        self.limits = limits
        self.form = LISTPACK
        self.replace_run(new_run(LISTPACK))
        self.table = None
        self.order = None

    cdef replace_run(self, PyObject *run):
        """Have another run, whose reference becomes this object's own, or none."""
        cdef PyObject *old = self.run
        self.run = run
        if old is not NULL:
            Py_DECREF(<object>old)

    cpdef bytes pack(self):
        """The run, None if there is none that is short enough to stand in a record."""
        if self.run is NULL or length_of(self.run) > MOST_PACKED_BYTES:
            return None
        return <bytes>self.run

    cpdef load(self, bytes run, EncodingLimits limits):
        """Be what was packed."""
        Py_INCREF(run)
        self.replace_run(<PyObject *>run)
        self.form = form_of(self.run)
        self.limits = limits

    # ------------------------------------------------------------------ one member

    def __len__(self):
        return self.order.size if self.run is NULL else count_of(self.run) // 2

    def __contains__(self, bytes member):
        return self.has(member)

    def __iter__(self):
        return iter(self.between(0, len(self)))

    cpdef elements_table(self):
        """The Table on which the members stand; None for a run."""
        return self.table

    cpdef bint has(self, bytes member) except -1:
        """Is there such a member?"""
        cdef Encoded wanted
        cdef Py_ssize_t offset
        if self.run is NULL:
            return self.table.seek(member) != ABSENT
        encode(member, &wanted)
        return find(self.run, &wanted, 2, &offset) >= 0

    cpdef score(self, bytes member):
        """The score of a member; None if there is no such member."""
        cdef Encoded wanted
        cdef Py_ssize_t at, offset = 0
        if self.run is NULL:
            return None if self.table.seek(member) == ABSENT else self.table.number()
        encode(member, &wanted)
        at = find(self.run, &wanted, 2, &offset)
        return None if at < 0 else decode_score(codes_of(self.run)[at + 1], bytes_of(self.run) + offset + wanted.size)

    cpdef int put(self, bytes member, double score) except -2:
        """Give a member a score: 1 if it is new, 0 if its score changed, -1 if it has this score already."""
        cdef int outcome
        outcome = self.put_in_table(member, score) if self.run is NULL else self.put_in_run(member, score)
        if outcome >= 0:
            self.revision += 1
        return outcome

    cdef int put_in_table(self, bytes member, double score) except -2:
        cdef double old
        cdef bint is_new = self.table.seek(member) == ABSENT
        if is_new:
            self.table.put(score)
            try:
                self.order.add(score, self.table.record)
            except:
                self.table.remove()
                raise
            return 1
        old = self.table.number()
        if old == score:
            return -1
        self.table.preserve()
        self.order.add(score, self.table.record)
        self.order.remove(old, self.table.record)
        self.table.put_raw(DOUBLE, &score, sizeof(score))  # where the old one stands, and needs no memory
        return 0

    cdef int put_in_run(self, bytes member, double score) except -2:
        cdef Encoded parts[2]
        cdef Bound bound = bound_of(score, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))
        cdef Py_ssize_t at, old_at, offset = 0, old_offset = 0, old_size = 0, size
        encode(member, &parts[0])
        encode_score(score, &parts[1])
        size = 2 + parts[0].size + parts[1].size
        old_at = find(self.run, &parts[0], 2, &old_offset)
        if old_at >= 0:
            old_size = parts[0].size
            if decode_score(codes_of(self.run)[old_at + 1], bytes_of(self.run) + old_offset + old_size) == score:
                return -1
            old_size += size_of(codes_of(self.run)[old_at + 1], bytes_of(self.run) + old_offset + old_size)
        if not self.is_small(self.form, old_at < 0, size if old_at < 0 else size - 2 - old_size):
            self.spread()
            return self.put_in_table(member, score)
        at = 2 * rank_in_run(self.run, &bound, &offset)
        splice(&self.run, at, offset, 0, 0, parts, 2)
        if old_at < 0:
            return 1
        if at <= old_at:
            old_at += 2
            old_offset += size - 2
        splice(&self.run, old_at, old_offset, 2, old_size, NULL, 0)  # which needs no memory: the run is its own by now
        return 0

    cpdef bint drop(self, bytes member) except -1:
        """Remove a member; False if there is no such member."""
        cdef Encoded wanted
        cdef Py_ssize_t at, offset = 0, size
        if self.run is NULL:
            if self.table.seek(member) == ABSENT:
                return False
            self.table.preserve()
            self.order.remove(self.table.number(), self.table.record)
            self.table.remove()
        else:
            encode(member, &wanted)
            at = find(self.run, &wanted, 2, &offset)
            if at < 0:
                return False
            size = wanted.size
            size += size_of(codes_of(self.run)[at + 1], bytes_of(self.run) + offset + size)
            splice(&self.run, at, offset, 2, size, NULL, 0)
        self.revision += 1
        return True

    # ------------------------------------------------------------------ ranks

    cpdef Py_ssize_t rank_of(self, bytes member) except -2:
        """The rank of a member; -1 if there is no such member."""
        cdef Encoded wanted
        cdef Bound bound
        cdef Py_ssize_t at, offset
        if self.run is NULL:
            if self.table.seek(member) == ABSENT:
                return -1
            bound = bound_of(self.table.number(), PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))
            return self.order.rank(&bound)
        encode(member, &wanted)
        at = find(self.run, &wanted, 2, &offset)
        return at // 2 if at >= 0 else -1

    cpdef Py_ssize_t score_rank(self, double score, bint after) except -1:
        """How many members have a score less than `score`, or not greater with `after`."""
        cdef Bound bound = bound_of(score, NULL, 0)
        cdef Py_ssize_t offset
        bound.side = 1 if after else -1
        return self.order.rank(&bound) if self.run is NULL else rank_in_run(self.run, &bound, &offset)

    cpdef Py_ssize_t member_rank(self, bytes member, bint after) except -1:
        """How many members come before `member`, or are it with `after`; they are in the order of their bytes."""
        cdef Bound bound = bound_of(0, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member))
        cdef Py_ssize_t offset
        bound.side = ANY_SCORE
        bound.after = after
        return self.order.rank(&bound) if self.run is NULL else rank_in_run(self.run, &bound, &offset)

    cpdef list between(self, Py_ssize_t start, Py_ssize_t stop):
        """The members of rank `start` up to, not including, `stop` (ranks that exist)."""
        cdef list found
        cdef Py_ssize_t i, offset
        cdef const unsigned char *codes
        cdef const char *payloads
        if self.run is NULL:
            return self.order.members(start, stop)
        found = []
        if start < stop:
            codes = codes_of(self.run)
            payloads = bytes_of(self.run)
            offset = offset_of(self.run, 2 * start)
            for i in range(start, stop):
                found.append(decode(codes[2 * i], payloads + offset))
                offset += size_of(codes[2 * i], payloads + offset)
                offset += size_of(codes[2 * i + 1], payloads + offset)
        return found

    cpdef list pairs_between(self, Py_ssize_t start, Py_ssize_t stop):
        """The same members with their scores."""
        cdef list found
        cdef Py_ssize_t i, offset, size
        cdef const unsigned char *codes
        cdef const char *payloads
        if self.run is NULL:
            return self.order.pairs(start, stop)
        found = []
        if start < stop:
            codes = codes_of(self.run)
            payloads = bytes_of(self.run)
            offset = offset_of(self.run, 2 * start)
            for i in range(start, stop):
                size = size_of(codes[2 * i], payloads + offset)
                found.append(
                    (decode(codes[2 * i], payloads + offset), decode_score(codes[2 * i + 1], payloads + offset + size))
                )
                offset += size
                offset += size_of(codes[2 * i + 1], payloads + offset)
        return found

    cpdef shown_between(self, Py_ssize_t start, Py_ssize_t stop, bint with_scores):
        """The same members as a reply, to be used before there is a change."""
        if self.run is not NULL:
            return entries(self.run, 2 * start, 2 * stop, SCORED if with_scores else ARRAY, 2)
        return Pairs(self.order.pairs(start, stop)) if with_scores else self.order.members(start, stop)

    cpdef Py_ssize_t delete_between(self, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Remove the members of rank `start` up to, not including, `stop` (ranks that exist); return how many."""
        cdef Py_ssize_t offset
        if start >= stop:
            return 0
        if self.run is NULL:
            members = self.order.members(start, stop)
            if self.table.watcher is not None:
                for member in members:
                    self.table.seek(member)
                    self.table.preserve()
            self.order.delete(start, stop)
            for member in members:
                self.table.seek(member)
                self.table.remove()
        else:
            offset = offset_of(self.run, 2 * start)
            splice(&self.run, 2 * start, offset, 2 * (stop - start), offset_of(self.run, 2 * stop) - offset, NULL, 0)
        self.revision += 1
        return stop - start

    cpdef tuple pop_end(self, bint last):
        """Remove and return the first member with its score, or the last; there is one at least."""
        cdef Py_ssize_t rank = len(self) - 1 if last else 0
        cdef tuple popped
        if self.run is not NULL:
            popped = self.pairs_between(rank, rank + 1)[0]
            self.delete_between(rank, rank + 1)
            return popped
        self.table.seek_record(self.order.at(rank).record)
        popped = (self.table.key(), self.table.number())
        self.table.preserve()
        self.order.delete(rank, rank + 1)
        self.order.fetch_end(last)
        self.table.remove()
        self.revision += 1
        return popped

    # ------------------------------------------------------------------ all members

    cpdef bytes random_member(self):
        """A fair choice of the members, of which there is one at least."""
        cdef Py_ssize_t rank
        if self.run is NULL:
            return self.table.random_key()
        rank = below(len(self))
        return self.between(rank, rank + 1)[0]

    cpdef list random_members(self, Py_ssize_t count):
        """A fair choice of `count` different members, or all of them if there are fewer."""
        cdef Py_ssize_t size = len(self)
        cdef set found
        if self.run is not NULL or count > size // 3:
            return sample(self.between(0, size), min(count, size))
        found = set()
        while len(found) < count:
            found.add(self.table.random_key())
        return list(found)

    cpdef dict to_dict(self):
        """Scores by member; it may be the container's own, so it is to be read at once."""
        return dict(self.pairs_between(0, len(self)))

    def scan(self, cursor, Py_ssize_t count):
        """A page of members, and the next cursor, 0 after the last; few members come whole.

        A member that stays while all pages are read comes once.
        """
        if self.run is not NULL or self.form == LISTPACK:
            return 0, self.between(0, len(self))
        if cursor >= END:
            return 0, []
        following, found = self.table.page(cursor, count)
        return 0 if following == END else following, found

    cpdef replace_all(self, list members, list scores):
        """Have these members, which are in order, with their scores, and be a LISTPACK."""
        cdef Encoded parts[2]
        cdef Py_ssize_t i
        self.begin(self.limits)
        for i in range(len(members)):
            if self.run is NULL:
                self.put_in_table(members[i], scores[i])
                continue
            encode(members[i], &parts[0])
            encode_score(scores[i], &parts[1])
            splice(&self.run, 2 * i, offset_of(self.run, 2 * i), 0, 0, parts, 2)
            if not self.is_small(self.form, 0, 0):
                self.spread()
        self.revision += 1

    cpdef become(self, int form):
        """Have another encoding's name."""
        if form == self.form:
            return
        if self.run is not NULL:
            if self.is_small(form, 0, 0):
                note_form(&self.run, form)
            else:
                self.spread()
        self.form = form
        self.is_renamed = True

    cdef bint is_small(self, int form, Py_ssize_t count, Py_ssize_t size) noexcept:
        """Are the members few enough for a run of that form, with so many more, of that size?"""
        count += count_of(self.run) // 2
        size += length_of(self.run)
        if form == SKIPLIST:
            return count <= MOST_LARGE and size <= MOST_LARGE_BYTES
        return count <= MOST_SMALL and size <= MOST_SMALL_BYTES

    cdef spread(self):
        """Move the members from the run to a Table."""
        cdef list pairs = self.pairs_between(0, len(self))
        self.table = Table()
        self.order = Order()
        try:
            for member, score in pairs:
                self.put_in_table(member, score)
        except:
            self.order = None
            self.table = None
            raise
        self.replace_run(NULL)

    cpdef take_over(self, Scored other):
        """Have the same members, scores and form as another container, whose limits are the same."""
        self.begin(self.limits)
        self.form = other.form
        if other.run is not NULL:
            Py_INCREF(<object>other.run)
            self.replace_run(other.run)
            return
        self.table = other.table.copy()
        self.order = Order()
        self.order.take_over(other.order, self.table)
        self.replace_run(NULL)

    def memory_usage(self):
        """Bytes of the container and its members."""
        cdef Py_ssize_t total = self.__sizeof__()
        if self.run is not NULL:
            return total + bytes_size(length_of(self.run))
        return total + self.table.memory + self.order.__sizeof__() + self.order.memory

    def release(self, Py_ssize_t count):
        """Free about `count` members, of a container that no key holds any more; True when none is left.

        The order goes first, in slices as well.
        """
        if self.run is not NULL:
            self.replace_run(new_run(self.form))
            return True
        if self.order.number:
            self.order.release(4 * count)
            return False
        return self.table.release(count, let_go)
