# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Runs: small containers as one string of bytes.

A run is a header of three bytes (a form, which is its owner's to note, and the number of entries), the entries' payloads
one after the other, and behind them a code of one byte for each entry, which tells what its payload is and how long.
So the place of an entry is a sum over neighbouring bytes, which a processor adds up without waiting for one payload
after the other, and the last entries are as near as the first.

An entry is text, or an integer of 1 to 8 bytes where that is shorter than its decimal digits. Which of them it is
follows from the text alone, so two entries are the same text exactly if codes and payloads are the same. A score is an
integer if it is integral, else a double.

A run of the other kind holds different integers in order of value, all of one width: its header is the form with the
width in the upper four bits, and their number.

The rules:

- A run is a bytes object, so that it goes into a record and comes from there without another copy. It has an owner,
  who holds it in a `PyObject *` and passes the address of that to what changes it: the change is made in place while
  the owner's is the only reference, and in a copy otherwise.
- No address into a run outlives a call that changes it.
- Runs come from here alone, so they are not checked where they are read. Built with GEVENTCACHE_CHECKED, every step is
  compared with the run's end.
- Without memory for a change the run stays as it was, and MemoryError is raised. To become shorter, a run that nobody
  else refers to needs none.
"""

from geventcache.base.c_api cimport PyObject, memcmp, memcpy, memmove, memset, signbit

cdef extern from *:
    """
    #ifdef GEVENTCACHE_CHECKED
    #define CHECK_RUN(claim) do { if (!(claim)) Py_FatalError("a run is not what it should be: " #claim); } while (0)
    #else
    #define CHECK_RUN(claim) ((void)0)
    #endif

    static PyObject *empty_run(int form) {
        PyObject *made = PyBytes_FromStringAndSize("\\0\\0\\0", 3);
        if (made != NULL) PyBytes_AS_STRING(made)[0] = (char)form;
        return made;
    }

    /* Give a run another length; without memory for more it stays as it is. PyBytes_Resize would free it then. */
    static int resize_run(PyObject **run, Py_ssize_t length) {
        Py_ssize_t old = PyBytes_GET_SIZE(*run);
        PyObject *made;
        if (Py_REFCNT(*run) == 1) {
            if (length == old) return 0;
            made = PyObject_Realloc(*run, offsetof(PyBytesObject, ob_sval) + (size_t)length + 1);
            if (made != NULL) {
                *run = made;
            } else if (length > old) {
                PyErr_NoMemory();
                return -1;
            } /* else its block stays larger than it needs */
            Py_SET_SIZE((PyVarObject *)*run, length);
            PyBytes_AS_STRING(*run)[length] = 0;
            return 0;
        }
        made = PyBytes_FromStringAndSize(NULL, length);
        if (made == NULL) return -1;
        memcpy(PyBytes_AS_STRING(made), PyBytes_AS_STRING(*run), (size_t)(length < old ? length : old));
        Py_DECREF(*run);
        *run = made;
        return 0;
    }
    """
    void CHECK_RUN(bint claim) noexcept
    PyObject *empty_run(int form) except NULL
    int resize_run(PyObject **run, Py_ssize_t length) except -1

cdef extern from "Python.h":
    object PyBytes_FromStringAndSize(const char *, Py_ssize_t)

cdef long long EXACT = 1 << 53

# ---------------------------------------------------------------------- integers and text


cdef bint read_integer(const char *text, Py_ssize_t n, long long *into) noexcept:
    """Read the decimal of a 64-bit integer; False if `text` is not exactly how that is written."""
    cdef unsigned long long magnitude = 0
    cdef Py_ssize_t i = 0
    cdef bint is_negative
    if n == 0 or n > 20:
        return False
    is_negative = text[0] == c"-"
    if is_negative:
        i = 1
    if n == i or n - i > 19 or text[i] < c"0" or text[i] > c"9" or (text[i] == c"0" and n > 1):
        return False
    while i < n:
        if text[i] < c"0" or text[i] > c"9":
            return False
        magnitude = magnitude * 10 + <unsigned>(text[i] - c"0")
        i += 1
    if magnitude > <unsigned long long>0x7FFFFFFFFFFFFFFF + is_negative:
        return False
    into[0] = <long long>(0 - magnitude) if is_negative else <long long>magnitude
    return True


cdef bytes decimal(long long value):
    """An integer as text."""
    cdef char digits[24]
    cdef char *at = digits + 24
    cdef unsigned long long rest = <unsigned long long>value
    if value < 0:
        rest = 0 - rest
    while True:
        at -= 1
        at[0] = <char>(c"0" + rest % 10)
        rest //= 10
        if rest == 0:
            break
    if value < 0:
        at -= 1
        at[0] = c"-"
    return PyBytes_FromStringAndSize(at, digits + 24 - at)


cdef inline int width_code(long long value) noexcept:
    """The code of the shortest integer that holds a value."""
    cdef long long reach = ~value if value < 0 else value
    if reach < 1 << 7:
        return INT8
    if reach < 1 << 15:
        return INT16
    if reach < 1 << 23:
        return INT24
    if reach < <long long>1 << 31:
        return INT32
    if reach < <long long>1 << 47:
        return INT48
    return INT64


cdef void encode_integer(long long value, Encoded *into) noexcept:
    """Make an entry of an integer."""
    into.code = <unsigned char>width_code(value)
    into.size = number_sizes[into.code - INT8]
    into.data = NULL
    write_number(into.own, <unsigned long long>value, into.size)


cdef void encode(bytes text, Encoded *into) noexcept:
    """Make an entry of a text, which must stay while the entry is used."""
    cdef const char *start = PyBytes_AS_STRING(text)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(text)
    cdef long long value
    if 1 < n <= 20 and start[0] <= c"9" and read_integer(start, n, &value):
        encode_integer(value, into)
        if into.size < n:
            return
    into.data = start
    into.size = n
    into.code = <unsigned char>n
    if n > LONGEST_TEXT:
        into.code = LONG
        into.size = n + 4


cdef void encode_score(double score, Encoded *into) noexcept:
    """Make an entry of a score, which is not NaN."""
    if -EXACT < score < EXACT and score == <double>(<long long>score) and not (score == 0 and signbit(score)):
        encode_integer(<long long>score, into)
        return
    into.code = REAL
    into.size = 8
    into.data = NULL
    memcpy(into.own, &score, 8)


cdef bytes decode(unsigned char code, const char *payload):
    """The text of an entry, which is no double."""
    if code <= LONGEST_TEXT:
        return PyBytes_FromStringAndSize(payload, code)
    if code == LONG:
        return PyBytes_FromStringAndSize(payload + 4, size_of(code, payload) - 4)
    return decimal(read_number(payload, number_sizes[code - INT8]))


cdef double decode_score(unsigned char code, const char *payload) noexcept:
    """The score that an entry is."""
    cdef double score
    if code == REAL:
        memcpy(&score, payload, 8)
        return score
    return <double>read_number(payload, number_sizes[code - INT8])


# ---------------------------------------------------------------------- runs of entries


cdef PyObject *new_run(int form) except NULL:
    """A run without entries, of either kind."""
    return empty_run(form)


cdef int note_form(PyObject **run, int form) except -1:
    """Note a form, a number below 16, in a run."""
    if form_of(run[0]) != form:
        resize_run(run, length_of(run[0]))
        (<char *>bytes_of(run[0]))[0] = <char>((bytes_of(run[0])[0] & 0xF0) | form)
    return 0


cdef const unsigned char *codes_of(PyObject *run) noexcept:
    """The codes of the entries."""
    CHECK_RUN(count_of(run) <= length_of(run) - HEADER)
    return <const unsigned char *>bytes_of(run) + length_of(run) - count_of(run)


cdef Py_ssize_t offset_of(PyObject *run, Py_ssize_t at) noexcept:
    """Where the payload of an entry begins; of the one behind the last, where payloads end."""
    cdef Py_ssize_t count = count_of(run), i, offset = HEADER
    cdef const char *start = bytes_of(run)
    cdef const unsigned char *codes = codes_of(run)
    CHECK_RUN(0 <= at <= count)
    if at == count:
        return length_of(run) - count
    for i in range(at):
        offset += size_of(codes[i], start + offset)
    CHECK_RUN(offset + count <= length_of(run))
    return offset


cdef Py_ssize_t find(PyObject *run, const Encoded *wanted, Py_ssize_t stride, Py_ssize_t *offset) noexcept:
    """The first of every `stride`-th entry that equals the wanted one, and where its payload is; -1 if none does."""
    cdef Py_ssize_t count = count_of(run), i = 0, at = HEADER, size = wanted.size
    cdef const char *start = bytes_of(run)
    cdef const unsigned char *codes = codes_of(run)
    cdef const char *data = wanted.data if wanted.data != NULL else wanted.own
    cdef unsigned char code = wanted.code
    # Names of one length have their beginnings in common more often than their ends.
    cdef unsigned long long tail = 0, other = 0
    if code == LONG:
        return find_long(run, wanted, stride, offset)
    if size >= 8:
        memcpy(&tail, data + size - 8, 8)
    while i < count:
        if codes[i] == code:
            if size >= 8:
                memcpy(&other, start + at + size - 8, 8)
            if tail == other and memcmp(start + at, data, size) == 0:
                CHECK_RUN(at + size + count <= length_of(run))
                offset[0] = at
                return i
        at += size_of(codes[i], start + at)
        if stride == 2:
            at += size_of(codes[i + 1], start + at)
        i += stride
    CHECK_RUN(at + count == length_of(run))
    return -1


cdef Py_ssize_t find_long(PyObject *run, const Encoded *wanted, Py_ssize_t stride, Py_ssize_t *offset) noexcept:
    """`find` for a text that is longer than a code can tell."""
    cdef Py_ssize_t count = count_of(run), i, at = HEADER, size
    cdef const char *start = bytes_of(run)
    cdef const unsigned char *codes = codes_of(run)
    for i in range(count):
        size = size_of(codes[i], start + at)
        CHECK_RUN(at + size + count <= length_of(run))
        if i % stride == 0 and codes[i] == LONG and size == wanted.size:
            if memcmp(start + at + 4, wanted.data, size - 4) == 0:
                offset[0] = at
                return i
        at += size
    return -1


cdef int splice(PyObject **run, Py_ssize_t at, Py_ssize_t offset, Py_ssize_t removed, Py_ssize_t removed_size,
                const Encoded *added, Py_ssize_t count) except -1:
    """Put `count` entries in the place of `removed` ones of `removed_size` bytes, from entry `at` on at `offset`.

    No more than MOST_ENTRIES may be there then.
    """
    cdef Py_ssize_t length = length_of(run[0]), old_count = count_of(run[0])
    cdef Py_ssize_t new_count = old_count + count - removed, added_size = 0, i
    cdef Py_ssize_t payloads_end = length - old_count, new_length
    cdef char *start
    cdef char *codes
    CHECK_RUN(0 <= at and at + removed <= old_count and new_count <= MOST_ENTRIES)
    CHECK_RUN(HEADER <= offset and offset + removed_size <= payloads_end)
    for i in range(count):
        added_size += added[i].size
    new_length = length + added_size - removed_size + count - removed
    resize_run(run, max(new_length, length))
    start = <char *>bytes_of(run[0])
    codes = start + payloads_end + added_size - removed_size
    if new_length >= length:
        # From the back to the front: the codes behind, the codes in front, the payloads behind.
        memmove(codes + at + count, start + payloads_end + at + removed, old_count - at - removed)
        memmove(codes, start + payloads_end, at)
        memmove(start + offset + added_size, start + offset + removed_size, payloads_end - offset - removed_size)
    else:
        memmove(start + offset + added_size, start + offset + removed_size, payloads_end - offset - removed_size)
        memmove(codes, start + payloads_end, at)
        memmove(codes + at + count, start + payloads_end + at + removed, old_count - at - removed)
    for i in range(count):
        write_payload(start + offset, &added[i])
        offset += added[i].size
        codes[at + i] = <char>added[i].code
    start[1] = <char>new_count
    start[2] = <char>(new_count >> 8)
    if new_length < length:
        resize_run(run, new_length)
    return 0


cdef char *extended(PyObject **run, Py_ssize_t size, Py_ssize_t count) except NULL:
    """Make room for so many entries in a run that has none; the caller writes the payloads, `size` bytes, and the codes.

    They go where the address that is returned is, codes behind the payloads.
    """
    CHECK_RUN(count_of(run[0]) == 0 and count <= MOST_ENTRIES)
    resize_run(run, HEADER + size + count)
    cdef char *start = <char *>bytes_of(run[0])
    start[1] = <char>count
    start[2] = <char>(count >> 8)
    return start + HEADER


cdef list texts(PyObject *run, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t stride):
    """Every `stride`-th entry, from `start` up to, not including, `stop`, as text."""
    cdef Py_ssize_t i
    cdef const char *payload
    cdef const unsigned char *codes = codes_of(run)
    cdef list found = []
    if start >= stop:
        return found
    payload = bytes_of(run) + offset_of(run, start)
    for i in range(start, stop):
        if stride == 1 or (i - start) % stride == 0:
            found.append(decode(codes[i], payload))
        payload += size_of(codes[i], payload)
        CHECK_RUN(payload <= <const char *>codes)
    return found


cdef dict paired(PyObject *run):
    """Every other entry, with the entry that follows it, as texts."""
    cdef Py_ssize_t count = count_of(run), i, offset = HEADER
    cdef const char *start = bytes_of(run)
    cdef const unsigned char *codes = codes_of(run)
    cdef dict found = {}
    cdef bytes name
    for i in range(0, count, 2):
        name = decode(codes[i], start + offset)
        offset += size_of(codes[i], start + offset)
        found[name] = decode(codes[i + 1], start + offset)
        offset += size_of(codes[i + 1], start + offset)
        CHECK_RUN(offset + count <= length_of(run))
    return found


# ---------------------------------------------------------------------- runs of integers


cdef inline Py_ssize_t width_of(PyObject *run) noexcept:
    return (<const unsigned char *>bytes_of(run))[0] >> 4


cdef long long integer_at(PyObject *run, Py_ssize_t at) noexcept:
    """The integer of that rank."""
    cdef Py_ssize_t width = width_of(run)
    CHECK_RUN(0 <= at < count_of(run) and HEADER + count_of(run) * width == length_of(run))
    return read_number(bytes_of(run) + HEADER + at * width, width)


cdef Py_ssize_t find_integer(PyObject *run, long long value, bint *found) noexcept:
    """How many integers are less than a value, and whether it is there."""
    cdef Py_ssize_t low = 0, high = count_of(run), middle
    cdef long long there
    # Those that come in their order come last.
    if high and integer_at(run, high - 1) < value:
        found[0] = False
        return high
    while low < high:
        middle = (low + high) >> 1
        there = integer_at(run, middle)
        if there == value:
            found[0] = True
            return middle
        if there < value:
            low = middle + 1
        else:
            high = middle
    found[0] = False
    return low


cdef inline Py_ssize_t width_for(long long value) noexcept:
    """Bytes of the integers of a run that holds this one: 2, 4 or 8."""
    cdef long long reach = ~value if value < 0 else value
    return 2 if reach < 1 << 15 else 4 if reach < <long long>1 << 31 else 8


cdef int widen(PyObject **run, Py_ssize_t width) except -1:
    """Give all integers more bytes."""
    cdef Py_ssize_t old = width_of(run[0]), count = count_of(run[0]), i
    cdef char *start
    resize_run(run, HEADER + count * width)
    start = <char *>bytes_of(run[0])
    for i in range(count - 1, -1, -1):
        write_number(start + HEADER + i * width, <unsigned long long>read_number(start + HEADER + i * old, old), width)
    start[0] = <char>((start[0] & 15) | width << 4)
    return 0


cdef int insert_integer(PyObject **run, Py_ssize_t at, long long value) except -1:
    """Put an integer in front of the one of rank `at`."""
    cdef Py_ssize_t count = count_of(run[0]), width = width_for(value)
    cdef char *start
    CHECK_RUN(0 <= at <= count < MOST_ENTRIES)
    if width > width_of(run[0]):
        widen(run, width)
    width = width_of(run[0])
    resize_run(run, HEADER + (count + 1) * width)
    start = <char *>bytes_of(run[0])
    memmove(start + HEADER + (at + 1) * width, start + HEADER + at * width, (count - at) * width)
    write_number(start + HEADER + at * width, <unsigned long long>value, width)
    start[1] = <char>(count + 1)
    start[2] = <char>((count + 1) >> 8)
    return 0


cdef int remove_integer(PyObject **run, Py_ssize_t at) except -1:
    """Take out the integer of that rank."""
    cdef Py_ssize_t count = count_of(run[0]), width = width_of(run[0])
    cdef char *start
    CHECK_RUN(0 <= at < count)
    resize_run(run, length_of(run[0]))
    start = <char *>bytes_of(run[0])
    memmove(start + HEADER + at * width, start + HEADER + (at + 1) * width, (count - at - 1) * width)
    start[1] = <char>(count - 1)
    start[2] = <char>((count - 1) >> 8)
    return resize_run(run, HEADER + (count - 1) * width)
