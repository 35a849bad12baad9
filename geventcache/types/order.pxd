from geventcache.base.table cimport Record, Table

cdef struct Pair:
    double score
    Record *record

cdef struct Leaf:
    Py_ssize_t count
    Py_ssize_t room
    Pair *pairs

cdef enum:
    ANY_SCORE = 2

# A place between pairs: in front of all pairs of a score (side -1), or behind them (1); in front of that member or
# behind it among those of the score (0), or among all, which are taken to be in the order of their bytes (ANY_SCORE).
cdef struct Bound:
    double score
    int side
    const char *member
    Py_ssize_t length
    bint after

cdef class Order:
    cdef Leaf **leaves
    cdef Pair *tops
    cdef long long *sums
    cdef Py_ssize_t number, room
    cdef bint is_stale
    cdef readonly Py_ssize_t size, memory
    cdef int add(self, double score, Record *record) except -1
    cdef int remove(self, double score, Record *record) except -1
    cdef void fetch_end(self, bint last) noexcept
    cdef Py_ssize_t rank(self, const Bound *bound) noexcept
    cdef Pair *at(self, Py_ssize_t rank) noexcept
    cdef list members(self, Py_ssize_t start, Py_ssize_t stop)
    cdef list pairs(self, Py_ssize_t start, Py_ssize_t stop)
    cdef int delete(self, Py_ssize_t start, Py_ssize_t stop) except -1
    cdef int take_over(self, Order other, Table table) except -1
    cdef bint release(self, Py_ssize_t count) noexcept
    cdef int reserve(self) except -1
    cdef int insert_leaf(self, Py_ssize_t index) except -1
    cdef void drop_leaves(self, Py_ssize_t start, Py_ssize_t stop) noexcept
    cdef void sweep(self, Py_ssize_t first) noexcept
    cdef void mend(self, Py_ssize_t index) noexcept
    cdef int split(self, Py_ssize_t index, Py_ssize_t at) except -1
    cdef Py_ssize_t leaf_of(self, const Bound *bound) noexcept
    cdef Py_ssize_t before(self, Py_ssize_t index) noexcept
    cdef Py_ssize_t locate(self, Py_ssize_t *rank) noexcept
    cdef void resized(self, Py_ssize_t index, Py_ssize_t change) noexcept
    cdef void refresh(self) noexcept
    cdef int fit(self, Leaf *leaf, Py_ssize_t count) except -1
    cdef bint resize(self, Leaf *leaf, Py_ssize_t count) noexcept

cdef Bound bound_of(double score, const char *member, Py_ssize_t length) noexcept
