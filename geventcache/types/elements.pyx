# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The elements of elements.py, which says what they are to their users, packed or on a Table.

Few elements stand in a run (types/packed.pyx), many on a Table (base/table.pyx). How they stand follows from how many
and how large they are, and not from the encoding's name: a hash that is named a hashtable for one long value is still a
run. What is beyond the bounds of a run moves to a Table, and back only with `become`.

The invariants:

- `run` is NULL exactly if there is a `table`. The run is this object's own reference.
- The run's form is `form`. That of an INTSET is a run of integers, each other form's one of entries: names, or with a
  `stride` of 2 names and values by turns.
- Without memory for a change there is none, and MemoryError is raised; what is beyond the bounds has moved to a Table
  before it changes.
"""

from geventcache.base.c_api cimport PyObject, Py_DECREF, Py_INCREF
from geventcache.base.table cimport ABSENT, BYTES, INLINE_LIMIT, Table
from geventcache.types.container cimport Container
from geventcache.types.entries cimport ARRAY, MAP, MEMBERS, entries, integers
from geventcache.types.footprint cimport bytes_size
from geventcache.types.limits cimport EncodingLimits
from geventcache.types.packed cimport *
from geventcache.types.random_pick cimport below

from random import sample

from geventcache.base.table import END
from geventcache.resp.values import Distinct

cdef extern from "Python.h":
    char *PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)

cdef enum:
    # Bounds of a run. One that is searched from end to end is as quick as a Table up to about a hundred names.
    MOST_SMALL = 512
    MOST_SMALL_BYTES = 1 << 16
    MOST_LARGE = 128
    MOST_LARGE_BYTES = 1 << 12
    MOST_INTEGERS = 1 << 12
    # A run of more bytes is better off in an object than copied with each look at it.
    MOST_PACKED_BYTES = 1 << 12
    SAMPLED = 16


def let_go(value):
    """Free a value of a Table at once: it is bytes."""


cdef class Elements(Container):
    """Names, and with a `stride` of 2 a value for each; both are bytes.

    Attributes:
        form: the encoding's name: INTSET, LISTPACK or HASHTABLE.
    """

    def __dealloc__(self):
        if self.run is not NULL:
            Py_DECREF(<object>self.run)

    cpdef begin(self, EncodingLimits limits, int form, int stride):
        """Be empty."""
        self.limits = limits
        self.stride = stride
        self.form = form
        self.table = None
        self.replace_run(new_run(form))

    cdef replace_run(self, PyObject *run):
        """Have another run, whose reference becomes this object's own, or none."""
        cdef PyObject *old = self.run
        self.run = run
        if old is not NULL:
            Py_DECREF(<object>old)

    # ------------------------------------------------------------------ as a key holds it while nobody looks

    cpdef bytes pack(self):
        """The run, None if there is none that is short enough to stand in a record."""
        if self.run is NULL or length_of(self.run) > MOST_PACKED_BYTES:
            return None
        return <bytes>self.run

    cpdef load(self, bytes run, EncodingLimits limits, int stride):
        """Be what was packed."""
        Py_INCREF(run)
        self.replace_run(<PyObject *>run)
        self.form = form_of(self.run)
        self.limits = limits
        self.stride = stride

    # ------------------------------------------------------------------ one name

    def __len__(self):
        if self.run is NULL:
            return self.table.count
        return count_of(self.run) if self.stride == 1 else count_of(self.run) // 2

    def __contains__(self, bytes name):
        return self.has(name)

    def __iter__(self):
        return iter(self.names())

    cpdef elements_table(self):
        """The Table on which the elements stand; None for a run."""
        return self.table

    cpdef bint has(self, bytes name) except -1:
        """Is there such a name?"""
        cdef Encoded wanted
        cdef Py_ssize_t at
        cdef long long value
        if self.run is NULL:
            return self.table.seek(name) != ABSENT
        if self.form == INTSET:
            return self.has_integer(name, &at, &value)
        encode(name, &wanted)
        return find(self.run, &wanted, self.stride, &at) >= 0

    cdef bint has_integer(self, bytes name, Py_ssize_t *at, long long *value) noexcept:
        """Is there such an integer, and at which rank is it or would it be?"""
        cdef bint found = False
        if read_integer(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), value):
            at[0] = find_integer(self.run, value[0], &found)
        return found

    cpdef bytes get(self, bytes name):
        """The value of a name; None if there is no such name."""
        cdef Encoded wanted
        cdef Py_ssize_t at, offset = 0
        if self.run is NULL:
            return None if self.table.seek(name) == ABSENT else self.table.value()
        encode(name, &wanted)
        at = find(self.run, &wanted, 2, &offset)
        return None if at < 0 else decode(codes_of(self.run)[at + 1], bytes_of(self.run) + offset + wanted.size)

    cpdef bint put(self, bytes name, bytes value) except -1:
        """Give a name a value, or without values put it there; return whether it is new. In an INTSET it is an integer."""
        cdef bint is_new
        if self.run is NULL:
            is_new = self.put_in_table(name, value)
        elif self.form == INTSET:
            is_new = self.put_integer(name)
        else:
            is_new = self.put_in_run(name, value)
        if is_new or self.stride == 2:
            self.revision += 1
        return is_new

    cdef bint put_in_table(self, bytes name, bytes value) except -1:
        cdef bint is_new = self.table.seek(name) == ABSENT
        if self.stride == 2 and PyBytes_GET_SIZE(value) > INLINE_LIMIT:
            self.table.put(value)
        elif self.stride == 2:
            self.table.put_raw(BYTES, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        elif is_new:
            self.table.put_raw(BYTES, "", 0)
        return is_new

    cdef bint put_integer(self, bytes name) except -1:
        cdef Py_ssize_t at = 0
        cdef long long value = 0
        if self.has_integer(name, &at, &value):
            return False
        if count_of(self.run) == MOST_INTEGERS:
            self.spread()
            return self.put_in_table(name, None)
        insert_integer(&self.run, at, value)
        return True

    cdef bint put_in_run(self, bytes name, bytes value) except -1:
        cdef Encoded parts[2]
        cdef Py_ssize_t at, offset = 0, growth, removed_size = 0
        encode(name, &parts[0])
        if self.stride == 2:
            encode(value, &parts[1])
        at = find(self.run, &parts[0], self.stride, &offset)
        if at >= 0 and self.stride == 1:
            return False
        if at >= 0:
            offset += parts[0].size
            removed_size = size_of(codes_of(self.run)[at + 1], bytes_of(self.run) + offset)
            growth = parts[1].size - removed_size
        else:
            growth = self.stride + parts[0].size + (parts[1].size if self.stride == 2 else 0)
        if not self.is_small(self.form, at < 0, growth):
            self.spread()
            return self.put_in_table(name, value)
        if at >= 0:
            splice(&self.run, at + 1, offset, 1, removed_size, &parts[1], 1)
            return False
        at = count_of(self.run)
        splice(&self.run, at, offset_of(self.run, at), 0, 0, parts, self.stride)
        return True

    cpdef bint drop(self, bytes name) except -1:
        """Delete a name; False if there is no such name."""
        cdef Encoded wanted
        cdef Py_ssize_t at = -1, offset = 0, size
        cdef long long value
        if self.run is NULL:
            if self.table.seek(name) == ABSENT:
                return False
            self.table.remove()
        elif self.form == INTSET:
            if not self.has_integer(name, &at, &value):
                return False
            remove_integer(&self.run, at)
        else:
            encode(name, &wanted)
            at = find(self.run, &wanted, self.stride, &offset)
            if at < 0:
                return False
            size = wanted.size
            if self.stride == 2:
                size += size_of(codes_of(self.run)[at + 1], bytes_of(self.run) + offset + size)
            splice(&self.run, at, offset, self.stride, size, NULL, 0)
        self.revision += 1
        return True

    # ------------------------------------------------------------------ all names

    cpdef list names(self):
        """All names: in order of value in an INTSET, of insertion while they are few."""
        if self.run is NULL:
            return sorted(self.table.keys(-1), key=int) if self.form == INTSET else self.table.keys(-1)
        return self.integers() if self.form == INTSET else texts(self.run, 0, count_of(self.run), self.stride)

    cdef list integers(self):
        cdef Py_ssize_t i
        return [decimal(integer_at(self.run, i)) for i in range(count_of(self.run))]

    cpdef list values(self):
        """The values, in the order of their names."""
        cdef list found = []
        if self.run is not NULL:
            return texts(self.run, 1, count_of(self.run), 2)
        for name in self.table.keys(-1):
            self.table.seek(name)
            found.append(self.table.value())
        return found

    cpdef shown(self):
        """All names, with their values if they have some, as a reply, to be used before there is a change."""
        if self.run is NULL:
            return Distinct(self.names()) if self.stride == 1 else self.to_dict()
        if self.form == INTSET:
            return integers(self.run)
        return entries(self.run, 0, count_of(self.run), MEMBERS if self.stride == 1 else MAP, self.stride)

    cpdef shown_names(self):
        """The names of what has values, as a reply, to be used before there is a change."""
        return self.names() if self.run is NULL else entries(self.run, 0, count_of(self.run), ARRAY, 2)

    cpdef shown_values(self):
        """The values, as a reply, to be used before there is a change."""
        return self.values() if self.run is NULL else entries(self.run, 1, count_of(self.run), ARRAY, 2)

    cpdef dict to_dict(self):
        """Names and values; it may be the elements' own, so it is to be read at once."""
        return dict(zip(self.names(), self.values())) if self.run is NULL else paired(self.run)

    cpdef bytes random_name(self):
        """A fair choice of the names, of which there is one at least."""
        cdef Py_ssize_t at
        if self.run is NULL:
            return self.table.random_key()
        at = below(count_of(self.run) // self.stride) * self.stride
        if self.form == INTSET:
            return decimal(integer_at(self.run, at))
        return decode(codes_of(self.run)[at], bytes_of(self.run) + offset_of(self.run, at))

    cpdef list random_names(self, Py_ssize_t count):
        """A fair choice of `count` different names, or all of them if there are fewer."""
        cdef Py_ssize_t size = len(self)
        cdef set found
        if self.run is not NULL or count > size // 3:
            return sample(self.names(), min(count, size))
        found = set()
        while len(found) < count:
            found.add(self.table.random_key())
        return list(found)

    def scan(self, cursor, Py_ssize_t count):
        """A page of names, and the next cursor, 0 after the last; few elements come whole.

        A name that stays while all pages are read comes once.
        """
        if self.run is not NULL or self.form != HASHTABLE or cursor >= END:
            return 0, self.names() if cursor < END or self.form != HASHTABLE else []
        following, found = self.table.page(cursor, count)
        return 0 if following == END else following, found

    # ------------------------------------------------------------------ encodings

    cpdef become(self, int form):
        """Have another encoding's name. A LISTPACK has few elements."""
        if form == self.form:
            return
        if self.run is not NULL:
            if not self.is_small(form, 0, 0):
                self.spread()
            elif self.form == INTSET:
                self.gather(form)
            else:
                note_form(&self.run, form)
        elif form == LISTPACK and self.table.count <= MOST_SMALL:
            self.gather(form)
        self.form = form
        self.is_renamed = True

    cdef bint is_small(self, int form, Py_ssize_t count, Py_ssize_t size) noexcept:
        """Are the elements few enough for a run of entries of that form, with so many more, of that size?"""
        count += count_of(self.run) // (1 if self.form == INTSET else self.stride)
        size += length_of(self.run)
        if form == HASHTABLE:
            return count <= MOST_LARGE and size <= MOST_LARGE_BYTES
        return count <= MOST_SMALL and size <= MOST_SMALL_BYTES

    cdef spread(self):
        """Move the elements from the run to a Table."""
        cdef list names = self.names()
        cdef list values = self.values() if self.stride == 2 else names
        cdef Py_ssize_t i
        self.table = Table()
        try:
            for i in range(len(names)):
                self.put_in_table(names[i], values[i])
        except:
            self.table = None
            raise
        self.replace_run(NULL)

    cdef Table spread_out(self):
        """The Table on which the elements stand, from now on."""
        if self.run is not NULL:
            self.spread()
        return self.table

    cpdef draw_in(self):
        """Nothing asks for a Table any more: few elements go back into a run, unless somebody watches the Table."""
        cdef Table table = self.table
        if table is None or table.watcher is not None or table.objects:
            return
        if table.count <= MOST_LARGE and table.memory - table.structure <= MOST_LARGE_BYTES:
            try:
                self.gather(self.form)
            except MemoryError:
                pass  # it is as good on the Table

    cdef gather(self, int form):
        """Move the elements to a run of entries, of that form."""
        cdef list names = self.names()
        cdef list values = self.values() if self.stride == 2 else names
        cdef Encoded parts[2]
        cdef PyObject *run = new_run(form)
        cdef Py_ssize_t i
        try:
            for i in range(len(names)):
                encode(names[i], &parts[0])
                encode(values[i], &parts[1])
                splice(&run, count_of(run), offset_of(run, count_of(run)), 0, 0, parts, self.stride)
        except:
            Py_DECREF(<object>run)
            raise
        self.replace_run(run)
        self.table = None

    # ------------------------------------------------------------------ as a whole

    cpdef take_over(self, Elements other):
        """Have the same elements and form as another container, whose limits and stride are the same."""
        self.form = other.form
        self.table = None
        if other.run is not NULL:
            Py_INCREF(<object>other.run)
            self.replace_run(other.run)
        else:
            self.table = other.table.copy()
            self.replace_run(NULL)

    def memory_usage(self):
        """Bytes of the container and its elements; estimated from a few where values are large."""
        cdef Py_ssize_t total = self.__sizeof__()
        if self.run is not NULL:
            return total + bytes_size(length_of(self.run))
        total += self.table.memory
        return total + large_size(self.table) if self.table.objects else total

    def release(self, Py_ssize_t count):
        """Free up to `count` elements, of a container that no key holds any more; True when none is left."""
        if self.run is not NULL:
            self.replace_run(new_run(self.form))
            return True
        return self.table.release(count, let_go)


cdef Py_ssize_t large_size(Table table):
    """Estimated bytes of the values that are objects."""
    cdef Py_ssize_t total = 0, seen = 0
    for name in table.draw(SAMPLED):
        table.seek(name)
        value = table.object()
        if value is not None:
            total += bytes_size(len(value))
            seen += 1
    return total * table.objects // seen if seen else bytes_size(INLINE_LIMIT) * table.objects
