from geventcache.base.c_api cimport PyByteArray_AS_STRING, PyBytes_AS_STRING

cdef extern from *:
    """
    #if CYTHON_USE_PYLIST_INTERNALS && CYTHON_ASSUME_SAFE_MACROS && CYTHON_ASSUME_SAFE_SIZE
    /* An empty list that has room for some items, and an append that fills the room: no list grows twice. */
    static CYTHON_INLINE PyObject *geventcache_roomy_list(Py_ssize_t room) {
        PyObject *list = PyList_New(room);
        if (list != NULL) Py_SET_SIZE(list, 0);
        return list;
    }
    static CYTHON_INLINE int geventcache_append(PyObject *list, PyObject *item) {
        Py_ssize_t size = Py_SIZE(list);
        if (((PyListObject *)list)->allocated <= size) return PyList_Append(list, item);
        Py_INCREF(item);
        PyList_SET_ITEM(list, size, item);
        Py_SET_SIZE(list, size + 1);
        return 0;
    }
    #else
    #define geventcache_roomy_list(room) PyList_New(0)
    #define geventcache_append PyList_Append
    #endif
    """
    list roomy_list "geventcache_roomy_list"(Py_ssize_t room)
    int append "geventcache_append"(list target, object item) except -1

cdef enum:
    NOT_A_NUMBER = -2
    MAX_DIGITS = 19

cdef object short_cut()
cdef bytes name_at(const unsigned char *p, Py_ssize_t start, Py_ssize_t length)
cdef list split_line(const unsigned char *p, Py_ssize_t start, Py_ssize_t end)

cdef inline const unsigned char *address(data, Py_ssize_t size) noexcept:
    """Where bytes, or those of a bytearray, are."""
    return <const unsigned char *>(PyBytes_AS_STRING(data) if type(data) is bytes else PyByteArray_AS_STRING(data))

cdef inline bytes cut(const unsigned char *p, Py_ssize_t start, Py_ssize_t end):
    """The bytes p[start:end], as an object of their own."""
    return p[start:end]

cdef inline Py_ssize_t find_byte(const unsigned char *p, int byte, Py_ssize_t start, Py_ssize_t end) noexcept:
    """Index of `byte` in p[start:end], or -1.

    Headers are short: a loop beats memchr's set-up up to some 20 bytes, and long lines are rare.
    """
    cdef Py_ssize_t i = start
    while i < end:
        if p[i] == byte:
            return i
        i += 1
    return -1

cdef inline Py_ssize_t short_length(const unsigned char *p, Py_ssize_t start, Py_ssize_t end) noexcept:
    """The length of one or two digits in a header of which all is there, as most are; -1 for any other."""
    cdef unsigned int first, second
    if end - start < 5 or p[start] != 36:
        return -1
    first = p[start + 1] - 48
    if first > 9:
        return -1
    if p[start + 2] == 13 and p[start + 3] == 10:
        return first
    second = p[start + 2] - 48
    if first and second <= 9 and p[start + 3] == 13 and p[start + 4] == 10:
        return 10 * first + second
    return -1

cdef inline Py_ssize_t parse_length(const unsigned char *p, Py_ssize_t start, Py_ssize_t end) noexcept:
    """The canonical decimal of 64 bits in p[start:end]; NOT_A_NUMBER when it is none; every negative number as -1."""
    cdef unsigned long long n = 0  # holds any 19 digits
    cdef unsigned int digit
    cdef Py_ssize_t i = start
    cdef bint is_negative
    if end - start == 1:  # as most lengths are
        digit = p[start] - 48
        return digit if digit <= 9 else NOT_A_NUMBER
    if end <= start:
        return NOT_A_NUMBER
    is_negative = p[start] == 45
    if is_negative:
        i += 1
        if i == end:
            return NOT_A_NUMBER
    if end - i > MAX_DIGITS:
        return NOT_A_NUMBER
    if p[i] == 48 and end - start > 1:
        return NOT_A_NUMBER
    while i < end:
        digit = p[i] - 48
        if digit > 9:
            return NOT_A_NUMBER
        n = n * 10 + digit
        i += 1
    if n > <unsigned long long>9223372036854775807 + is_negative:
        return NOT_A_NUMBER
    return -1 if is_negative else <Py_ssize_t>n
