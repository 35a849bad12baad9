# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The order of a large sorted set's members, which stand on a Table: by score, then by the bytes of the member.

A pair is a score and the address of the member's record: no second copy of a member. Pairs stand in leaves of up to
MOST; `tops` has the last pair of each leaf, so that a search looks at one array and one leaf, and at a record only where
scores are equal. `sums` is a Fenwick tree of the leaves' counts, for ranks: it follows single changes in
O(log n) and is built anew, when a rank is next asked for, only after a leaf came or went.

The invariants:

- No leaf is empty. `number` of the `room` places of `leaves`, `tops` and `sums[1:]` are used; `sums` counts only while
  it is not stale.
- `tops[i]` is the last pair of leaf i.
- The records are the Table's: they stay where they are while their value is a double. Who removes a member takes its
  pair out first.
- Without memory nothing is changed, and MemoryError raised; a merge is then left out.
"""

from geventcache.base.c_api cimport (
    INFINITY,
    PyBytes_FromStringAndSize,
    PyMem_Free,
    PyMem_Malloc,
    PyMem_Realloc,
    memcmp,
    memcpy,
    memmove,
    nextafter,
    prefetch_line,
)
from geventcache.base.table cimport AHEAD_MOST, Record, Table, fetch_record, key_of

cdef enum:
    MOST = 256
    FEW = 48  # a leaf that shrinks below this is merged with a neighbour, if both together stay under MERGED
    MERGED = 192
    STEP = 16  # leaves grow by so many places
    AHEAD = 4  # how many records ahead of the one that is read are fetched


cdef Bound bound_of(double score, const char *member, Py_ssize_t length) noexcept:
    """The place in front of a pair."""
    cdef Bound bound
    bound.score = score
    bound.side = 0
    bound.member = member
    bound.length = length
    bound.after = False
    return bound


cdef inline Py_ssize_t below(const Pair *pairs, Py_ssize_t count, double score) noexcept:
    """How many of some pairs have a lower score.

    Which half it is takes no branch: half of those would be guessed wrong, which costs as much as several steps do. What
    the next step reads is fetched meanwhile, whichever half it is.
    """
    cdef Py_ssize_t low = 0, half, next_half
    while count > 1:
        half = count >> 1
        next_half = (count - half) >> 1
        prefetch_line(&pairs[low + next_half])
        prefetch_line(&pairs[low + half + next_half])
        low += half & -<Py_ssize_t>(pairs[low + half - 1].score < score)
        count -= half
    return low + (count == 1 and pairs[low].score < score)


cdef inline bint is_before(const Pair *pair, const Bound *bound) noexcept:
    """Does a pair's member stand in front of that of a place?"""
    cdef Py_ssize_t length = pair.record.key_length
    cdef int difference = memcmp(key_of(pair.record), bound.member, min(length, bound.length))
    if difference == 0:
        return length < bound.length or (bound.after and length == bound.length)
    return difference < 0


cdef inline Py_ssize_t position(const Pair *pairs, Py_ssize_t count, const Bound *bound) noexcept:
    """How many of some pairs stand in front of a place."""
    cdef Py_ssize_t low = 0, high = count, middle
    if bound.side != ANY_SCORE:
        low = below(pairs, count, bound.score)
        if low >= count or pairs[low].score != bound.score or bound.side < 0:
            return low
        high = low + 1  # most scores are those of one member
        if high < count and pairs[high].score == bound.score:
            high = count
            if bound.score != INFINITY:
                high = low + below(pairs + low, count - low, nextafter(bound.score, INFINITY))
        if bound.side > 0:
            return high
    while low < high:
        middle = (low + high) >> 1
        # The record has to be read, and then one of these two.
        prefetch_line(pairs[(low + middle) >> 1].record)
        prefetch_line(pairs[min((middle + 1 + high) >> 1, count - 1)].record)
        if is_before(&pairs[middle], bound):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bytes member_of(const Pair *pair):
    return PyBytes_FromStringAndSize(key_of(pair.record), pair.record.key_length)


cdef class Order:
    """Pairs in order.

    Attributes:
        size: how many there are.
        memory: bytes of all that is allocated, this object aside.
    """

    def __cinit__(self):
        self.is_stale = True

    def __dealloc__(self):
        self.drop_leaves(0, self.number)
        PyMem_Free(self.leaves)
        PyMem_Free(self.tops)
        PyMem_Free(self.sums)

    # ------------------------------------------------------------------ pairs

    cdef int add(self, double score, Record *record) except -1:
        """Put in a pair that is not there."""
        cdef Bound bound = bound_of(score, key_of(record), record.key_length)
        cdef Py_ssize_t index = self.leaf_of(&bound), place
        cdef Leaf *leaf
        if self.number == 0:
            self.insert_leaf(0)
            index = 0
        leaf = self.leaves[index]
        place = position(leaf.pairs, leaf.count, &bound)
        if leaf.count == MOST:
            # Pairs that come in their order leave full leaves behind.
            if place == MOST and index == self.number - 1:
                self.insert_leaf(index + 1)
                index += 1
                place = 0
            else:
                self.split(index, MOST // 2)
                if place > MOST // 2:
                    index += 1
                    place -= MOST // 2
            leaf = self.leaves[index]
        self.fit(leaf, leaf.count + 1)
        memmove(&leaf.pairs[place + 1], &leaf.pairs[place], (leaf.count - place) * sizeof(Pair))
        leaf.pairs[place].score = score
        leaf.pairs[place].record = record
        self.resized(index, 1)
        return 0

    cdef int remove(self, double score, Record *record) except -1:
        """Take out a pair that is there."""
        cdef Bound bound = bound_of(score, key_of(record), record.key_length)
        cdef Py_ssize_t index = self.leaf_of(&bound)
        cdef Leaf *leaf = self.leaves[index]
        cdef Py_ssize_t place = position(leaf.pairs, leaf.count, &bound)
        if place == leaf.count or leaf.pairs[place].record != record:
            raise SystemError("a member has no place in the order")
        memmove(&leaf.pairs[place], &leaf.pairs[place + 1], (leaf.count - place - 1) * sizeof(Pair))
        self.resized(index, -1)
        self.mend(index)
        return 0

    cdef void fetch_end(self, bint last) noexcept:
        """Fetch the record of the first pair, or of the last, which will mostly go next, into the caches."""
        cdef Leaf *leaf
        if self.number:
            leaf = self.leaves[self.number - 1 if last else 0]
            fetch_record(leaf.pairs[leaf.count - 1 if last else 0].record)

    cdef Py_ssize_t rank(self, const Bound *bound) noexcept:
        """How many pairs stand in front of a place."""
        cdef Py_ssize_t index = self.leaf_of(bound)
        return 0 if self.number == 0 else self.before(index) + position(self.leaves[index].pairs, self.leaves[index].count, bound)

    cdef Pair *at(self, Py_ssize_t rank) noexcept:
        """The pair of a rank that exists, up to the next change."""
        cdef Py_ssize_t index = self.locate(&rank)
        return &self.leaves[index].pairs[rank]

    cdef list members(self, Py_ssize_t start, Py_ssize_t stop):
        """The members of rank `start` up to, not including, `stop` (ranks that exist)."""
        cdef list found = []
        cdef Py_ssize_t index, place = start
        cdef Leaf *leaf
        if start >= stop:
            return found
        index = self.locate(&place)
        leaf = self.leaves[index]
        while start < stop:
            if place == leaf.count:
                index += 1
                place = 0
                leaf = self.leaves[index]
            if place + AHEAD < leaf.count:
                prefetch_line(leaf.pairs[place + AHEAD].record)
            found.append(member_of(&leaf.pairs[place]))
            place += 1
            start += 1
        return found

    cdef list pairs(self, Py_ssize_t start, Py_ssize_t stop):
        """The same members with their scores."""
        cdef list found = []
        cdef Py_ssize_t index, place = start
        cdef Leaf *leaf
        if start >= stop:
            return found
        index = self.locate(&place)
        leaf = self.leaves[index]
        while start < stop:
            if place == leaf.count:
                index += 1
                place = 0
                leaf = self.leaves[index]
            if place + AHEAD < leaf.count:
                prefetch_line(leaf.pairs[place + AHEAD].record)
            found.append((member_of(&leaf.pairs[place]), leaf.pairs[place].score))
            place += 1
            start += 1
        return found

    cdef int delete(self, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Take out the pairs of rank `start` up to, not including, `stop` (ranks that exist)."""
        cdef Py_ssize_t place = start, left = stop - start, index, first, count
        cdef Leaf *leaf
        if left <= 0:
            return 0
        first = index = self.locate(&place)
        while left > 0:
            leaf = self.leaves[index]
            count = min(left, leaf.count - place)
            memmove(&leaf.pairs[place], &leaf.pairs[place + count], (leaf.count - place - count) * sizeof(Pair))
            self.resized(index, -count)
            left -= count
            place = 0
            index += 1
        self.sweep(first)
        return 0

    cdef void sweep(self, Py_ssize_t first) noexcept:
        """Drop empty leaves from the first on, and mend what stands where they stood."""
        cdef Py_ssize_t stop = first
        if stop < self.number and self.leaves[stop].count:
            stop += 1
            first += 1
        while stop < self.number and self.leaves[stop].count == 0:
            stop += 1
        if stop > first:
            self.drop_leaves(first, stop)
        if first < self.number:
            self.mend(first)
        if first > 0:
            self.mend(first - 1)

    cdef int take_over(self, Order other, Table table) except -1:
        """Have the pairs of another order for a table with the same members; this one has none yet."""
        cdef Record *records[AHEAD_MOST]
        cdef Py_ssize_t index, start, count, at
        cdef Leaf *source
        cdef Leaf *leaf
        for index in range(other.number):
            source = other.leaves[index]
            self.insert_leaf(index)
            leaf = self.leaves[index]
            self.fit(leaf, source.count)
            for start in range(0, source.count, AHEAD_MOST):
                count = min(source.count - start, <Py_ssize_t>AHEAD_MOST)
                for at in range(count):
                    records[at] = source.pairs[start + at].record
                table.find_twins(records, count)
                for at in range(count):
                    leaf.pairs[start + at].score = source.pairs[start + at].score
                    leaf.pairs[start + at].record = records[at]
            self.resized(index, source.count)
        return 0

    cdef bint release(self, Py_ssize_t count) noexcept:
        """Free the last leaves, of `count` pairs or more; True if none is left. No rank is asked for any more."""
        cdef Py_ssize_t stop = self.number
        while stop > 0 and count > 0:
            stop -= 1
            count -= self.leaves[stop].count
            self.size -= self.leaves[stop].count
        self.drop_leaves(stop, self.number)
        return self.number == 0

    # ------------------------------------------------------------------ leaves

    cdef int reserve(self) except -1:
        """Have a place for one more leaf."""
        cdef Py_ssize_t room
        cdef void *wider
        if self.number < self.room:
            return 0
        room = max(4, self.room + (self.room >> 1))
        wider = PyMem_Realloc(self.leaves, room * sizeof(Leaf *))
        if wider is NULL:
            raise MemoryError
        self.leaves = <Leaf **>wider
        wider = PyMem_Realloc(self.tops, room * sizeof(Pair))
        if wider is NULL:
            raise MemoryError
        self.tops = <Pair *>wider
        wider = PyMem_Realloc(self.sums, (room + 1) * sizeof(long long))
        if wider is NULL:
            raise MemoryError
        self.sums = <long long *>wider
        self.memory += (room - self.room) * (sizeof(Leaf *) + sizeof(Pair) + sizeof(long long))
        self.room = room
        return 0

    cdef int insert_leaf(self, Py_ssize_t index) except -1:
        """Put an empty leaf in; the caller fills it at once."""
        cdef Leaf *leaf
        self.reserve()
        leaf = <Leaf *>PyMem_Malloc(sizeof(Leaf))
        if leaf is NULL:
            raise MemoryError
        leaf.count = leaf.room = 0
        leaf.pairs = NULL
        try:
            self.fit(leaf, 1)
        except:
            PyMem_Free(leaf)
            raise
        memmove(self.leaves + index + 1, self.leaves + index, (self.number - index) * sizeof(Leaf *))
        memmove(self.tops + index + 1, self.tops + index, (self.number - index) * sizeof(Pair))
        self.leaves[index] = leaf
        self.tops[index].score = 0
        self.tops[index].record = NULL
        self.number += 1
        self.memory += sizeof(Leaf)
        self.is_stale = True
        return 0

    cdef void drop_leaves(self, Py_ssize_t start, Py_ssize_t stop) noexcept:
        """Free leaves whose pairs are gone or unwanted."""
        cdef Py_ssize_t index
        if start == stop:
            return
        for index in range(start, stop):
            self.memory -= sizeof(Leaf) + self.leaves[index].room * sizeof(Pair)
            PyMem_Free(self.leaves[index].pairs)
            PyMem_Free(self.leaves[index])
        memmove(self.leaves + start, self.leaves + stop, (self.number - stop) * sizeof(Leaf *))
        memmove(self.tops + start, self.tops + stop, (self.number - stop) * sizeof(Pair))
        self.number -= stop - start
        self.is_stale = True

    cdef int fit(self, Leaf *leaf, Py_ssize_t count) except -1:
        """Give a leaf room for so many pairs, and little more."""
        if not self.resize(leaf, count):
            raise MemoryError
        return 0

    cdef bint resize(self, Leaf *leaf, Py_ssize_t count) noexcept:
        """`fit`; False, and no change, if there is no memory for it."""
        cdef Py_ssize_t room = (count + STEP - 1) // STEP * STEP
        cdef void *wider
        if leaf.room >= count and leaf.room <= room + 2 * STEP:
            return True
        wider = PyMem_Realloc(leaf.pairs, room * sizeof(Pair))
        if wider is NULL:
            return leaf.room >= count
        self.memory += (room - leaf.room) * <Py_ssize_t>sizeof(Pair)
        leaf.pairs = <Pair *>wider
        leaf.room = room
        return True

    cdef int split(self, Py_ssize_t index, Py_ssize_t at) except -1:
        """Make two leaves of one, the second from the pair `at` on."""
        cdef Leaf *leaf
        cdef Leaf *rest
        self.insert_leaf(index + 1)
        leaf = self.leaves[index]
        rest = self.leaves[index + 1]
        try:
            self.fit(rest, leaf.count - at)
        except:
            self.drop_leaves(index + 1, index + 2)
            raise
        rest.count = leaf.count - at
        memcpy(rest.pairs, leaf.pairs + at, rest.count * sizeof(Pair))
        leaf.count = at
        self.fit(leaf, at)
        self.tops[index + 1] = self.tops[index]
        self.tops[index] = leaf.pairs[at - 1]
        return 0

    cdef void mend(self, Py_ssize_t index) noexcept:
        """After pairs left it: drop a leaf that is empty, merge one that is nearly so with a neighbour."""
        cdef Leaf *left
        cdef Leaf *right
        if self.leaves[index].count == 0:
            self.drop_leaves(index, index + 1)
            return
        if self.leaves[index].count >= FEW or self.number < 2:
            return
        if index == self.number - 1:
            index -= 1
        left = self.leaves[index]
        right = self.leaves[index + 1]
        if right.count == 0 or left.count + right.count > MERGED:
            return
        if not self.resize(left, left.count + right.count):
            return
        memcpy(left.pairs + left.count, right.pairs, right.count * sizeof(Pair))
        left.count += right.count
        self.tops[index] = self.tops[index + 1]
        self.drop_leaves(index + 1, index + 2)

    # ------------------------------------------------------------------ searches

    cdef Py_ssize_t leaf_of(self, const Bound *bound) noexcept:
        """The first leaf whose last pair is not in front of a place, the last leaf if there is none."""
        return position(self.tops, self.number - 1, bound)

    cdef void resized(self, Py_ssize_t index, Py_ssize_t change) noexcept:
        """A leaf has so many more pairs: note it, and its last one."""
        cdef Leaf *leaf = self.leaves[index]
        leaf.count += change
        self.size += change
        if leaf.count:
            self.tops[index] = leaf.pairs[leaf.count - 1]
        if self.is_stale:
            return
        index += 1
        while index <= self.number:
            self.sums[index] += change
            index += index & -index

    cdef void refresh(self) noexcept:
        """Build the tree of sums."""
        cdef Py_ssize_t index, parent
        for index in range(1, self.number + 1):
            self.sums[index] = self.leaves[index - 1].count
        for index in range(1, self.number + 1):
            parent = index + (index & -index)
            if parent <= self.number:
                self.sums[parent] += self.sums[index]
        self.is_stale = False

    cdef Py_ssize_t before(self, Py_ssize_t index) noexcept:
        """How many pairs stand in the leaves in front of one."""
        cdef Py_ssize_t total = 0
        if index == 0:
            return 0
        if self.is_stale:
            self.refresh()
        while index > 0:
            total += self.sums[index]
            index -= index & -index
        return total

    cdef Py_ssize_t locate(self, Py_ssize_t *rank) noexcept:
        """The leaf that holds the pair of a rank that exists, and its place there in the place of the rank."""
        cdef Py_ssize_t last = self.number - 1, index = 0, step = 1
        # Both ends are found without the tree.
        if rank[0] < self.leaves[0].count:
            return 0
        if rank[0] >= self.size - self.leaves[last].count:
            rank[0] -= self.size - self.leaves[last].count
            return last
        if self.is_stale:
            self.refresh()
        while step * 2 <= last:
            step *= 2
        while step > 0:
            if index + step <= last and self.sums[index + step] <= rank[0]:
                index += step
                rank[0] -= self.sums[index]
            step >>= 1
        return index
