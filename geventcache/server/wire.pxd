from geventcache.resp.reader cimport RequestReader
from geventcache.resp.writer cimport ReplyWriter
from geventcache.services.clients cimport Client

cdef enum:
    BUFFER_SIZE = 64 * 1024

cdef object switch(object greenlet)
cdef list receive(int fd, sock, Client client, RequestReader reader, bytearray buffer)
cdef Py_ssize_t send(int fd, sock, bytes data, Py_ssize_t start) except -2
cdef bytes send_replies(int fd, sock, Client client, ReplyWriter out)
