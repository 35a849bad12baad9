"""HyperLogLogs beside what the reference made of the same elements."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.types import hyperloglog
from geventcache.types.hyperloglog import CorruptedError

SPARSE_MAX_BYTES = 3000


def built(start: int, stop: int) -> bytearray:
    """A HyperLogLog of numbered elements, with its count in it."""
    data = hyperloglog.create()
    hyperloglog.add(data, [b"element:%d" % i for i in range(start, stop)], SPARSE_MAX_BYTES)
    hyperloglog.cache_count(data, hyperloglog.count([data]))
    return data


def digest(data: bytes) -> str:
    """The beginning of a string's SHA-256."""
    return sha256(data).hexdigest()[:16]


@pytest.mark.parametrize(
    ("number", "is_sparse", "size", "count", "expected"),
    [
        (0, True, 18, 0, "d9596e4bda3ed904"),
        (1, True, 21, 1, "c6d5612af07aedce"),
        (10, True, 48, 10, "19d845225a18c26c"),
        (100, True, 285, 99, "4d4deaf50866d5bd"),
        (1000, True, 1897, 997, "9229ee2252971bc5"),
        (1500, True, 2722, 1500, "bd4c35f14f976219"),
        (2000, False, 12304, 2004, "836c37b44889ee32"),
        (10000, False, 12304, 10017, "fc14718a301d9892"),
    ],
)
def test_same_bytes_as_recorded(number: int, is_sparse: bool, size: int, count: int, expected: str) -> None:
    """Adding and counting leave the reference's bytes, before and after the string became dense."""
    data = built(0, number)
    assert hyperloglog.is_sparse(data) is is_sparse
    assert (len(data), hyperloglog.cached_count(data), digest(data)) == (size, count, expected)


def test_merge_as_recorded() -> None:
    """Sparse ones merged stay sparse, one dense source makes the result dense; bytes and counts are the same."""
    a, b, c = built(0, 500), built(300, 900), built(0, 20000)
    merged = hyperloglog.create()
    hyperloglog.merge(merged, [a, b], SPARSE_MAX_BYTES)
    assert (hyperloglog.is_sparse(merged), hyperloglog.count([a, b])) == (True, 897)
    assert digest(merged) == "807749c21e44005a"
    all_three = hyperloglog.create()
    hyperloglog.merge(all_three, [merged, c], SPARSE_MAX_BYTES)
    assert (hyperloglog.is_sparse(all_three), hyperloglog.count([a, b, c])) == (False, 19986)
    assert digest(all_three) == "fead0d85a6b6d337"


@pytest.mark.parametrize(
    ("length", "runs"),
    [
        (0, b"Z:5938 v:2,1 Z:10445"),
        (1, b"Z:16374 v:2,1 z:9"),
        (3, b"Z:8026 v:6,1 Z:8357"),
        (7, b"Z:4290 v:2,1 Z:12093"),
        (8, b"Z:5076 v:2,1 Z:11307"),
        (9, b"Z:2779 v:5,1 Z:13604"),
        (16, b"Z:10349 v:1,1 Z:6034"),
        (17, b"Z:13758 v:2,1 Z:2625"),
    ],
)
def test_hash_of_every_length(length: int, runs: bytes) -> None:
    """Whole words and what remains of the last one are hashed as the reference does."""
    data = hyperloglog.create()
    assert hyperloglog.add(data, [b"x" * length], SPARSE_MAX_BYTES)
    assert hyperloglog.decode(data) == runs


@given(st.lists(st.binary(max_size=12), max_size=60), st.sampled_from([0, 30, 60, SPARSE_MAX_BYTES]))
def test_encodings_agree(elements: list[bytes], sparse_max_bytes: int) -> None:
    """Whenever the string becomes dense, its registers are those of one that was dense from the start."""
    dense = hyperloglog.create()
    assert hyperloglog.to_dense(dense)
    assert not hyperloglog.to_dense(dense)
    mixed = hyperloglog.create()
    for element in elements:
        is_changed = hyperloglog.add(dense, [element], sparse_max_bytes)
        assert hyperloglog.add(mixed, [element], sparse_max_bytes) == is_changed
        assert hyperloglog.is_valid(mixed)
    assert hyperloglog.registers(mixed) == hyperloglog.registers(dense)
    assert not hyperloglog.add(mixed, elements, sparse_max_bytes)


def test_cached_count_goes_stale() -> None:
    """A change makes the count unknown, adding what is there does not."""
    data = built(0, 10)
    hyperloglog.add(data, [b"element:3"], SPARSE_MAX_BYTES)
    assert hyperloglog.cached_count(data) == 10
    hyperloglog.add(data, [b"another"], SPARSE_MAX_BYTES)
    assert hyperloglog.cached_count(data) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"HYLL", b"HYLL\1" + bytes(10), b"HYLL\2" + bytes(20), b"HYLL\0" + bytes(12300), b"hyll\1" + bytes(20)],
)
def test_not_a_hyperloglog(data: bytes) -> None:
    """The header, and the size of a dense one, are checked."""
    assert not hyperloglog.is_valid(data)


@pytest.mark.parametrize("runs", [b"", b"\x00", b"\x7f\xff\x00", b"\x7f", b"\x40"])
def test_corrupted_runs_are_refused(runs: bytes) -> None:
    """Runs that do not make up all registers raise, whoever reads them."""
    data = bytearray(b"HYLL\1" + bytes(11) + runs)
    for act in (
        lambda: hyperloglog.count([data]),
        lambda: hyperloglog.to_dense(data),
        lambda: hyperloglog.merge(hyperloglog.create(), [data], SPARSE_MAX_BYTES),
    ):
        with pytest.raises(CorruptedError):
            act()
    assert hyperloglog.is_sparse(data)
