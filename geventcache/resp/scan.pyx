# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Reading bytes that came: of what scan.py says, what is not so short that it stands in ``scan.pxd``."""

from geventcache.base.c_api cimport PyBytes_AS_STRING, memcmp

from geventcache.resp.inline import split_inline

cdef enum:
    COUNT_OF_NAMES = 256

cdef list names = [b""] * COUNT_OF_NAMES
cdef bytes last_name = b""


cdef object short_cut():
    """None: there is no quicker way."""
    return None


cdef bytes name_at(const unsigned char *p, Py_ssize_t start, Py_ssize_t length):
    """The name of a command, some bytes long: mostly one that was read before, of whatever client.

    The same object again spares an allocation, its hash, and whoever looks it up a comparison.
    """
    global last_name
    cdef unsigned int place = 0
    cdef bytes name = last_name
    cdef Py_ssize_t i
    p += start
    if len(name) == length and memcmp(PyBytes_AS_STRING(name), p, length) == 0:
        return name
    for i in range(length):
        place = place * 125 + p[i]  # a factor that keeps the everyday names apart
    place &= COUNT_OF_NAMES - 1
    name = names[place]
    if len(name) != length or memcmp(PyBytes_AS_STRING(name), p, length) != 0:
        name = p[:length]
        names[place] = name
    last_name = name
    return name


cdef list split_line(const unsigned char *p, Py_ssize_t start, Py_ssize_t end):
    """The words of the inline command p[start:end], or None when its quotes do not balance."""
    cdef list words = []
    cdef Py_ssize_t begin = -1
    cdef Py_ssize_t i
    for i in range(start, end):
        if p[i] == 34 or p[i] == 39:
            return split_inline(cut(p, start, end))
        if p[i] == 32 or 9 <= p[i] <= 13:
            if begin >= 0:
                words.append(cut(p, begin, i))
                begin = -1
        elif begin < 0:
            begin = i
    if begin >= 0:
        words.append(cut(p, begin, end))
    return words
