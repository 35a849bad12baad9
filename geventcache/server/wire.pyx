# cython: language_level=3, boundscheck=False, wraparound=False
"""Bytes from a socket and to it, and the switch of greenlets: what wire.py says, by C calls.

That spares about 5 % of what a small command costs.
"""

from geventcache.base.c_api cimport PyByteArray_AS_STRING, PyBytes_AS_STRING
from libc.errno cimport EAGAIN, EINTR, errno

cdef extern from "sys/socket.h" nogil:
    ssize_t c_recv "recv"(int fd, void *buf, size_t n, int flags)
    ssize_t c_send "send"(int fd, const void *buf, size_t n, int flags)
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
cdef extern from "greenlet/greenlet.h":
    void PyGreenlet_Import()
cdef extern from *:
    """
    static CYTHON_INLINE PyObject *geventcache_switch(PyObject *g) {
        return PyGreenlet_Switch((PyGreenlet *)g, NULL, NULL);
    }
    """
    object c_switch "geventcache_switch"(object greenlet)

PyGreenlet_Import()


cdef object switch(object greenlet):
    """Continue a greenlet until it, or whoever it lets in, comes back to this one."""
    return c_switch(greenlet)


cdef list receive(int fd, sock, Client client, RequestReader reader, bytearray buffer):
    """Read once: the requests that became complete, None at the end of the stream.

    A large element is received straight into its place, all else into the buffer.
    """
    cdef Py_ssize_t n = reader.room()
    cdef bint is_straight = n > 0
    if is_straight:
        n = c_recv(fd, reader.large.target(), n, MSG_DONTWAIT)
    else:
        n = c_recv(fd, PyByteArray_AS_STRING(buffer), BUFFER_SIZE, MSG_DONTWAIT)
    if n <= 0:
        return [] if n < 0 and (errno == EAGAIN or errno == EINTR) else None
    client.bytes_in += n
    client.reads += 1
    if is_straight:
        reader.large.advance(n)
        n = 0
    return reader.feed(buffer, n)


cdef Py_ssize_t send(int fd, sock, bytes data, Py_ssize_t start) except -2:
    """Send data[start:] as far as the socket takes it; return how much that was, -1 if it takes nothing any more."""
    return taken(c_send(fd, PyBytes_AS_STRING(data) + start, len(data) - start, MSG_DONTWAIT | MSG_NOSIGNAL))


cdef inline Py_ssize_t taken(Py_ssize_t n) noexcept:
    """Make of what send(2) returned what `send` returns."""
    return n if n >= 0 else 0 if errno == EAGAIN or errno == EINTR else -1


cdef bytes send_replies(int fd, sock, Client client, ReplyWriter out):
    """Send what was written; return what the socket did not take, None if it takes nothing any more."""
    cdef Py_ssize_t size = out.size
    cdef Py_ssize_t n
    if not size:
        return b""
    client.bytes_out += size
    client.writes += 1
    n = taken(c_send(fd, out.ptr, size, MSG_DONTWAIT | MSG_NOSIGNAL))
    if n == size and n <= BUFFER_SIZE:
        out.size = 0
        return b""
    rest = out.take_buffer()
    return None if n < 0 else rest[n:]
