# cython: language_level=3
"""Looks into a compiled Table, and says which of its invariants does not hold (geventcache/base/table.pyx lists them)."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject_Hash
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from geventcache.base.table cimport HASHED, OBJECT, SIFTED, TIMED, Bucket, Record, Segment, Table, key_of, value_of

SLOTS = 7
PROBES = 8


def check_invariants(object given, uint64_t mask):
    """Raise AssertionError if a Table whose hashes keep the bits of `mask` is not whole."""
    cdef Table table = <Table>given  # of whatever build
    cdef uint64_t number = 0, size = <uint64_t>1 << table.depth
    cdef Segment *segment
    cdef int deepest = 0
    cdef dict found = {"count": 0, "volatile": 0, "objects": 0, "records": 0, "segments": 0}
    while number < size:
        segment = _segment(table.directory[number])
        _check_entries(table, number, segment)
        _check_segment(segment, number >> (table.depth - segment.depth), mask, found)
        deepest += segment.depth == table.depth
        number += <uint64_t>1 << (table.depth - segment.depth)
    assert number == size
    assert table.deepest == deepest > 0
    assert (table.count, table.volatile, table.objects) == (found["count"], found["volatile"], found["objects"])
    frame = type(given).__basicsize__ + _block(8 * size) + found["segments"]
    assert table.memory == frame + found["records"], (table.memory, frame, found)
    assert table.structure == frame - 9 * table.count


cdef Segment *_segment(uintptr_t entry):
    return <Segment *>(entry & ~<uintptr_t>63) - 1


cdef _block(uint64_t size):
    return (size + 15) // 16 * 16 if size <= 512 else (size + 23) // 16 * 16


cdef _check_entries(Table table, uint64_t first, Segment *segment):
    """The entries of a segment are neighbours, at a multiple of their number, and tell its shape."""
    cdef uint64_t number, span = <uint64_t>1 << (table.depth - segment.depth)
    cdef uintptr_t entry = table.directory[first]
    assert segment.depth <= table.depth
    assert first % span == 0
    assert entry & 7 == segment.bits <= 6
    assert (entry >> 3) & 7 == min(7, table.depth - segment.depth)
    for number in range(first, first + span):
        assert table.directory[number] == entry


cdef _check_segment(Segment *segment, uint64_t prefix, uint64_t mask, dict found):
    """Records stand in the first buckets that had room, under their tags, and those who passed are counted."""
    cdef uint32_t buckets = <uint32_t>1 << segment.bits, at, home, count = 0
    cdef Bucket *bucket
    cdef Record *record
    cdef uint64_t hash
    cdef list passed = [0] * buckets
    for at in range(buckets):
        bucket = <Bucket *>(segment + 1) + at
        for slot in range(SLOTS):
            if bucket.tags[slot + 1] == 0:
                assert bucket.records[slot] is NULL
                continue
            record = bucket.records[slot]
            hash = _check_record(record, mask, found)
            assert bucket.tags[slot + 1] == (hash & 255 or 1)
            assert segment.depth == 0 or hash >> (64 - segment.depth) == prefix
            home = <uint32_t>((hash << segment.depth) >> (64 - segment.bits)) if segment.bits else 0
            steps = (at + buckets - home) % buckets
            assert steps < PROBES
            for step in range(steps):
                passed[(home + step) % buckets] += 1
            count += 1
    assert [(<Bucket *>(segment + 1))[at].tags[0] for at in range(buckets)] == passed
    assert segment.count == count
    found["segments"] += _block(64 + 64 * buckets)


cdef uint64_t _check_record(Record *record, uint64_t mask, dict found) except? 0:
    """Count a record; return the hash of its key."""
    cdef uint64_t kept, hash = <uint64_t>PyObject_Hash(PyBytes_FromStringAndSize(key_of(record), record.key_length)) & mask
    cdef int64_t deadline_ms
    assert bool(record.flags & HASHED) == (record.key_length >= 256)
    assert not record.flags & SIFTED
    if record.flags & HASHED:
        memcpy(&kept, key_of(record) - 8, 8)
        assert kept == hash
    if record.flags & TIMED:
        memcpy(&deadline_ms, record + 1, 8)
        found["volatile"] += deadline_ms != 2**63 - 1
    found["count"] += 1
    found["objects"] += record.kind == OBJECT
    found["records"] += _block(value_of(record) - <char *>record + record.value_length)
    return hash
