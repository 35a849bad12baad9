from geventcache.base.c_api cimport PyObject, memcpy

cdef enum:
    # The codes of entries: up to LONGEST_TEXT it is text of so many bytes, then come integers of 1, 2, 3, 4, 6 and 8 bytes.
    LONGEST_TEXT = 247
    INT8 = 248
    INT16 = 249
    INT24 = 250
    INT32 = 251
    INT48 = 252
    INT64 = 253
    REAL = 254
    LONG = 255
    # What stands in front of the entries: the form, and their number.
    HEADER = 3
    MOST_ENTRIES = 65535

cdef struct Encoded:
    unsigned char code
    Py_ssize_t size
    const char *data
    char own[8]

cdef inline const char *bytes_of(PyObject *run) noexcept:
    return <const char *>PyBytes_AS_STRING(<object>run)

cdef inline Py_ssize_t length_of(PyObject *run) noexcept:
    return PyBytes_GET_SIZE(<object>run)

cdef inline Py_ssize_t count_of(PyObject *run) noexcept:
    """How many entries the run has."""
    cdef const unsigned char *start = <const unsigned char *>bytes_of(run)
    return start[1] | <Py_ssize_t>start[2] << 8

cdef inline int form_of(PyObject *run) noexcept:
    """What its owner has noted in it."""
    return (<const unsigned char *>bytes_of(run))[0] & 15

cdef extern from "Python.h":
    char *PyBytes_AS_STRING(object)
    Py_ssize_t PyBytes_GET_SIZE(object)

cdef extern from *:
    """
    static const unsigned char number_sizes[8] = {1, 2, 3, 4, 6, 8, 8, 4};

    /* Integers are little-endian; each of these is one load, or two, where memory is as well. */
    static inline long long read_number(const char *at, Py_ssize_t size) {
        const unsigned char *p = (const unsigned char *)at;
        unsigned low;
        switch (size) {
            case 1: return (signed char)p[0];
            case 2: return (short)(p[0] | p[1] << 8);
            case 3: return (int)((unsigned)(p[0] << 8 | p[1] << 16) | (unsigned)p[2] << 24) >> 8;
            default:
                low = (unsigned)(p[0] | p[1] << 8 | p[2] << 16) | (unsigned)p[3] << 24;
                if (size == 4) return (int)low;
                if (size == 6) return (long long)(short)(p[4] | p[5] << 8) * 4294967296LL + low;
                return (long long)((unsigned long long)((unsigned)(p[4] | p[5] << 8 | p[6] << 16)
                                   | (unsigned)p[7] << 24) << 32 | low);
        }
    }
    """
    const unsigned char number_sizes[8]
    long long read_number(const char *at, Py_ssize_t size) noexcept

cdef inline void write_number(char *at, unsigned long long value, Py_ssize_t size) noexcept:
    cdef Py_ssize_t i
    for i in range(size):
        at[i] = <char>(value >> (8 * i))

cdef inline Py_ssize_t size_of(unsigned char code, const char *payload) noexcept:
    """Bytes of a payload."""
    if code <= LONGEST_TEXT:
        return code
    if code != LONG:
        return number_sizes[code - INT8]
    return 4 + (read_number(payload, 4) & <long long>0xFFFFFFFF)

cdef inline void write_payload(char *at, const Encoded *entry) noexcept:
    """Write the payload of an entry."""
    if entry.code == LONG:
        write_number(at, <unsigned long long>(entry.size - 4), 4)
        memcpy(at + 4, entry.data, entry.size - 4)
    else:
        memcpy(at, entry.data if entry.data != NULL else entry.own, entry.size)

# Whole runs.
cdef PyObject *new_run(int form) except NULL
cdef int note_form(PyObject **run, int form) except -1
cdef int splice(PyObject **run, Py_ssize_t at, Py_ssize_t offset, Py_ssize_t removed, Py_ssize_t removed_size,
                const Encoded *added, Py_ssize_t count) except -1
cdef char *extended(PyObject **run, Py_ssize_t size, Py_ssize_t count) except NULL

# Entries.
cdef void encode(bytes text, Encoded *into) noexcept
cdef void encode_score(double score, Encoded *into) noexcept
cdef void encode_integer(long long value, Encoded *into) noexcept
cdef bytes decode(unsigned char code, const char *payload)
cdef double decode_score(unsigned char code, const char *payload) noexcept
cdef bint read_integer(const char *text, Py_ssize_t n, long long *into) noexcept
cdef Py_ssize_t offset_of(PyObject *run, Py_ssize_t at) noexcept
cdef Py_ssize_t find(PyObject *run, const Encoded *wanted, Py_ssize_t stride, Py_ssize_t *offset) noexcept
cdef const unsigned char *codes_of(PyObject *run) noexcept
cdef list texts(PyObject *run, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t stride)
cdef dict paired(PyObject *run)

# Integers in order, a "set of integers".
cdef Py_ssize_t find_integer(PyObject *run, long long value, bint *found) noexcept
cdef int insert_integer(PyObject **run, Py_ssize_t at, long long value) except -1
cdef int remove_integer(PyObject **run, Py_ssize_t at) except -1
cdef long long integer_at(PyObject *run, Py_ssize_t at) noexcept
cdef bytes decimal(long long value)
