# cython: language_level=3, boundscheck=False, wraparound=False
"""The loops of the benchmark of tables: requests come as the parser makes them, all of a batch before the first is run.

Each key and value is a fresh bytes object.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject_Hash
from libc.string cimport memcpy

from geventcache.base.table cimport ABSENT, Table

cdef char OUT[1 << 16]


cdef inline bytes fresh(bytes given):
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(given), PyBytes_GET_SIZE(given))


cdef list batch_of(list given, Py_ssize_t start, int batch):
    return [fresh(<bytes>given[at]) for at in range(start, start + batch)]


def get_from_dicts(list shards, list keys, int batch):
    """GET of every key, copied into a buffer."""
    cdef Py_ssize_t start
    cdef bytes value
    for start in range(0, len(keys) - batch + 1, batch):
        for key in batch_of(keys, start, batch):
            value = (<dict>shards[PyObject_Hash(key) & 255]).get(key)
            memcpy(OUT, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


def set_in_dicts(list shards, list keys, bytes value, int batch):
    """SET of every key."""
    cdef Py_ssize_t start, at
    cdef list now, values
    for start in range(0, len(keys) - batch + 1, batch):
        now = batch_of(keys, start, batch)
        values = [fresh(value) for at in range(batch)]
        for at in range(batch):
            (<dict>shards[PyObject_Hash(now[at]) & 255])[now[at]] = values[at]


def get_from_table(Table table, list keys, int batch, bint is_ahead, bint as_object):
    """GET of every key, copied from the record or by way of an object."""
    cdef Py_ssize_t start
    cdef list now
    cdef bytes value
    for start in range(0, len(keys) - batch + 1, batch):
        now = batch_of(keys, start, batch)
        if is_ahead:
            table.ahead(now)
        for key in now:
            if table.seek(<bytes>key) == ABSENT:
                raise KeyError(key)
            if as_object:
                value = table.value()
                memcpy(OUT, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            else:
                memcpy(OUT, table.raw_value(), table.raw_length())


def set_in_table(Table table, list keys, bytes value, int batch, bint is_ahead):
    """SET of every key."""
    cdef Py_ssize_t start, at
    cdef list now, values
    for start in range(0, len(keys) - batch + 1, batch):
        now = batch_of(keys, start, batch)
        values = [fresh(value) for at in range(batch)]
        if is_ahead:
            table.ahead(now)
        for at in range(batch):
            table.seek(<bytes>now[at])
            table.put(values[at])
