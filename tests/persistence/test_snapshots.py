"""Whole snapshots: what is written is read again, what other servers may write as well, and damage is told."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from geventcache.base.times import NEVER_MS
from geventcache.persistence import files
from geventcache.persistence.checksum import crc64
from geventcache.persistence.files import NewFile, OldFile
from geventcache.persistence.journal_base import RequestImage
from geventcache.persistence.snapshot_reader import SnapshotError, SnapshotReader
from geventcache.persistence.snapshot_writer import Header
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet
from geventcache.types.streams import Stream

from ..support.snapshots import Record, blocks, snapshot
from .samples import FAR_MS, content_here, filled, made_here

MOST_BYTES = 2 << 20
MANY = 2000
BLOCK = 1024
CODE = b"#!lua name=l\nredis.register_function('f', function() return 1 end)"
HEADER = Header(False, {b"redis-ver": b"7.4.2", b"ctime": b"12"}, [CODE])
RECORDS = [
    Record(0, b"plain", b"value", NEVER_MS),
    Record(0, b"12", b"volatile", 1_800_000_000_000),
    Record(3, b"", b"7", NEVER_MS),
    Record(0, b"later", b"x" * 100, 1),
]


def in_blocks(data: bytes, size: int) -> Callable[[int], bytes]:
    """A source that gives so many bytes at once."""
    places = iter(range(0, len(data), size))

    def source(needed: int) -> bytes:
        place = next(places, len(data))
        return data[place : place + size]

    return source


def reader_of(data: bytes, size: int = 1 << 20, relaxed: bool = False) -> SnapshotReader:
    """A reader of these bytes, which come in blocks."""
    return SnapshotReader(in_blocks(data, size), EncodingLimits(), relaxed)


def read(data: bytes, size: int = 1 << 20, relaxed: bool = False) -> list[tuple[int, bytes, Any, int]]:
    """All records of a snapshot."""
    records = reader_of(data, size, relaxed).records()
    return [(database, key, content_here(value), deadline) for database, key, value, deadline in records]


def made(body: bytes, magic: bytes = b"REDIS0010") -> bytes:
    """A snapshot with this between magic and checksum."""
    data = magic + body + b"\xff"
    return data + crc64(data).to_bytes(8, "little")


# ---------------------------------------------------------------------- round trips


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("compresses", [False, True])
def test_what_is_written_is_read(size: int, compresses: bool) -> None:
    """In whatever blocks it comes, with all that stands beside the keys."""
    data = snapshot(RECORDS, HEADER, compresses=compresses)
    reader = reader_of(data, size)
    codes: list[bytes] = []
    reader.on_function = codes.append
    assert sorted(map(tuple, RECORDS)) == sorted(reader.records())
    assert reader.facts == HEADER.facts
    assert codes == [CODE]
    assert data.startswith(b"REDIS0010")


def test_all_types_are_written_and_read() -> None:
    """Each type keeps its elements; deadlines of fields need the other version."""
    values = made_here()
    records = [Record(0, name.encode(), value, NEVER_MS) for name, value in values.items()]
    data = snapshot(records, HEADER._replace(has_field_deadlines=True))
    assert data.startswith(b"VALKEY080")
    assert {key: value for _, key, value, _ in read(data, 5)} == {
        name.encode(): content_here(value) for name, value in values.items()
    }


def test_an_empty_snapshot() -> None:
    """No keys at all are a snapshot, too."""
    assert read(snapshot([])) == []


def test_large_values_are_written_in_slices() -> None:
    """Neither a list of a million elements nor a million keys stands in the way of others for long."""
    value = List(EncodingLimits())
    value.extend_right([b"element %d" % i for i in range(100_000)])
    written = blocks([Record(0, b"l", value)])
    assert written.count(b"") > 100
    assert all(len(block) < MOST_BYTES for block in written)
    assert read(b"".join(written))[0][2] == value.to_list()
    assert blocks(Record(0, b"key:%d" % i, b"v") for i in range(10_000)).count(b"") >= 20


class Walked:
    """An image whose blocks somebody counts, with a place to pause after each."""

    is_void = False

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.taken = 0

    def blocks(self) -> Iterator[bytes]:
        """The bytes, some at a time."""
        for start in range(0, len(self.data), BLOCK):
            self.taken += 1
            yield self.data[start : start + BLOCK]
            yield b""


def large_value(command: str) -> Any:
    """A large value whose requests have that name."""
    limits = EncodingLimits()
    texts = [b"%d" % i for i in range(MANY)]
    if command == "RPUSH":
        return filled(List(limits), "push_right", [(text,) for text in texts])
    if command == "SADD":
        return filled(Set(limits), "add", [(text,) for text in texts])
    if command == "ZADD":
        return filled(SortedSet(limits), "add", [(text, 1.5) for text in texts])
    if command == "RESTORE":
        return filled(Stream(limits), "append", [(i + 1, 0, (b"f", text)) for i, text in enumerate(texts)])
    value = filled(Hash(limits), "set", [(text, b"v", 0) for text in texts])
    return value if command == "HSET" else filled(value, "set_deadline", [(text, FAR_MS) for text in texts])


@pytest.mark.parametrize("command", ["RPUSH", "SADD", "ZADD", "HSET", "HPEXPIREAT", "RESTORE"])
def test_requests_of_large_values_are_written_in_slices(command: str) -> None:
    """Between two places to pause few bytes of a large value are read."""
    header = Header(command == "HPEXPIREAT", {}, [])
    image = Walked(snapshot([Record(0, b"key", large_value(command))], header, compresses=False))
    taken = [0]
    requests = RequestImage(image, EncodingLimits(), lambda: taken.append(image.taken))
    size = 0
    for text in requests.blocks():
        size += len(text)
        taken.append(image.taken)
    assert size > len(image.data) > MANY
    assert max(later - earlier for earlier, later in pairwise(taken)) <= 1


def test_a_checksum_of_zeros_is_none() -> None:
    """Some write none, and none is written if the setting says so."""
    data = snapshot(RECORDS, HEADER, has_checksum=False)
    assert data.endswith(b"\xff" + b"\0" * 8)
    assert len(read(data)) == len(RECORDS)
    assert len(read(snapshot(RECORDS, HEADER) + b"what follows is not looked at")) == len(RECORDS)


# ---------------------------------------------------------------------- what others write


def test_what_others_write_beside_keys() -> None:
    """Deadlines in seconds, idle times, frequencies, numbers of keys a slot, and what modules have noted."""
    body = (
        b"\xfa\x09slot-info\x071,2,3,4"
        b"\xf7\x81" + b"\xab" * 8 + b"\x02\x05\x01\x07\x03\0\0\0\0\x04" + b"\0" * 8 + b"\x05\x01x\x00"
        b"\xf4\x01\x02\x03"
        b"\x00\x01a\x01b"
        b"\xfe\x02\xfb\x05\x05\xfe\x01"
        b"\xfd" + struct.pack("<i", 1_900_000_000) + b"\xf8\x45\x00\x00\x01c\x01d"
        b"\xfc" + struct.pack("<q", 1_900_000_000_001) + b"\xf9\xc8\x00\x01e\x01f"
        b"\x02\x01g\x00"
        b"\xfe\x02\x00\x01h\x01i"
    )  # fmt: skip
    reader = reader_of(made(body))
    found = [(*record, reader.idle_s, reader.frequency) for record in reader.records()]
    assert found == [
        (0, b"a", b"b", NEVER_MS, -1, -1),
        (1, b"c", b"d", 1_900_000_000_000, 0x500, -1),
        (1, b"e", b"f", 1_900_000_000_001, -1, 200),
        (2, b"h", b"i", NEVER_MS, -1, -1),
    ]
    assert reader.empty == 1


@pytest.mark.parametrize("number", range(1, 13))
def test_all_versions_of_redis_are_read(number: int) -> None:
    """The first four have no checksum."""
    data = made(b"\x00\x01a\x01b", b"REDIS%04d" % number)
    assert read(data if number > 4 else data[:-8]) == [(0, b"a", b"b", NEVER_MS)]


@pytest.mark.parametrize(
    ("magic", "is_strict", "is_relaxed"),
    [
        (b"VALKEY080", True, True),
        (b"REDIS0000", False, True),
        (b"REDIS0013", False, True),
        (b"REDIS0080", False, True),
        (b"VALKEY081", False, True),
        (b"VALKEY012", False, True),
        (b"VALKEY0x0", False, False),
        (b"REDIS-010", False, False),
        (b"GARBAGE10", False, False),
        (b"\0" * 9, False, False),
    ],
)
def test_versions(magic: bytes, is_strict: bool, is_relaxed: bool) -> None:
    """Those that are not known are read only if the setting says so."""
    for relaxed, is_read in ((False, is_strict), (True, is_relaxed)):
        if is_read:
            assert len(read(made(b"\x00\x01a\x01b", magic), relaxed=relaxed)) == 1
        else:
            with pytest.raises(SnapshotError, match=r"version|signature"):
                read(made(b"\x00\x01a\x01b", magic), relaxed=relaxed)


# ---------------------------------------------------------------------- damage


def test_a_snapshot_that_is_cut_is_refused() -> None:
    """At whatever byte, and the place is told."""
    data = snapshot(RECORDS, HEADER)
    for size in range(len(data)):
        with pytest.raises(SnapshotError, match="at byte"):
            read(data[:size])


def test_a_snapshot_with_a_wrong_byte_is_refused() -> None:
    """Whatever bit of whatever byte."""
    data = snapshot(RECORDS, HEADER)
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            with pytest.raises(SnapshotError):
                read(bytes(damaged))


def all_types(has_checksum: bool) -> bytes:
    """A snapshot of a value of each type."""
    records = [Record(0, name.encode(), value) for name, value in made_here().items()]
    return snapshot(records, HEADER._replace(has_field_deadlines=True), has_checksum=has_checksum)


def test_damage_to_any_type_is_refused() -> None:
    """One that is cut at any byte, or has a wrong one, tells where; the checksum is the last to notice."""
    data = all_types(has_checksum=True)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        for wrong in (data[:place], bytes(damaged)):
            with pytest.raises(SnapshotError, match="at byte"):
                read(wrong)


def test_damage_without_a_checksum() -> None:
    """It is refused where it makes no sense, and else read as what it says: nothing else happens."""
    data = all_types(has_checksum=False)
    outcomes = set()
    for place in range(len(data) - 8):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            try:
                read(bytes(damaged), relaxed=bool(bit % 2))
            except SnapshotError:
                outcomes.add("refused")
            else:
                outcomes.add("read")
    assert outcomes == {"refused", "read"}


@pytest.mark.parametrize("kind", [23, 26, 100, 242, 243, 246])
def test_unknown_marks_are_refused(kind: int) -> None:
    """Nobody can tell what stands behind them."""
    with pytest.raises(SnapshotError, match="unknown"):
        read(made(bytes([kind]) + b"\x01a\x01b"))


def test_impossible_databases_are_refused() -> None:
    """Their numbers have 31 bits, as many as a setting allows."""
    with pytest.raises(SnapshotError, match="database"):
        read(made(b"\xfe\x81" + b"\xff" * 8 + b"\x00\x01a\x01b"))


# ---------------------------------------------------------------------- files


def test_a_file_takes_the_others_place_when_it_is_complete(tmp_path: Path) -> None:
    """Until then the old one is what it was, and nothing is left of a new one that is given up."""
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"old")
    given_up, kept = NewFile(str(path)), NewFile(str(path), syncs_early=False)
    for file in (given_up, kept):
        file.open()
        file.write(b"new")
        assert path.read_bytes() == b"old"
    given_up.discard()
    assert len(list(tmp_path.iterdir())) == 2
    kept.commit()
    kept.discard()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_blocks_are_written_in_their_order(tmp_path: Path) -> None:
    """Many of them, of all sizes, and what is larger than what is gathered."""
    path = tmp_path / "dump.rdb"
    blocks = [bytes([number % 251]) * (number * 7919 % 300) for number in range(3000)]
    file = NewFile(str(path), syncs_early=False)
    file.open()
    for block in blocks:
        file.write(memoryview(block))
    file.write(b"x" * (9 << 20))
    file.write(b"end")
    file.commit()
    assert path.read_bytes() == b"".join(blocks) + b"x" * (9 << 20) + b"end"
    assert file.size == path.stat().st_size


def test_a_disk_that_takes_a_part_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one call has written, and wherever that ends."""
    path = tmp_path / "dump.rdb"
    blocks = [bytes([number]) * 50_000 for number in range(20)]
    monkeypatch.setattr(os, "writev", lambda descriptor, parts: os.write(descriptor, b"".join(parts)[:70_000]))
    assert_written(path, blocks)


def assert_written(path: Path, blocks: list[bytes]) -> None:
    """Write blocks into a new file: they are there."""
    file = NewFile(str(path))
    file.open()
    for block in blocks:
        file.write(block)
    file.commit()
    assert path.read_bytes() == b"".join(blocks)


def test_no_call_writes_much_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that does not interrupt its own work would keep a processor from all others meanwhile."""
    path = tmp_path / "dump.rdb"
    sizes: list[int] = []
    write = os.writev

    def note(descriptor: int, parts: list[bytes]) -> int:
        sizes.append(sum(map(len, parts)))
        return write(descriptor, parts)

    monkeypatch.setattr(os, "writev", note)
    blocks = [b"", os.urandom(files.CALL_BYTES + 1), *(b"%d" % number * 10_000 for number in range(30)), b""]
    assert_written(path, blocks)
    assert max(sizes) == files.CALL_BYTES


def test_a_late_file_does_not_take_the_place(tmp_path: Path) -> None:
    """One that was given up while it was being finished."""
    path = tmp_path / "dump.rdb"
    file = NewFile(str(path))
    file.open()
    file.give_up()
    file.commit()
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_what_is_discarded_goes_where_it_may_take_long(tmp_path: Path) -> None:
    """A large file that is given up is deleted as it was written; one that stands in its place is not looked for."""
    calls: list[Any] = []

    def run(function: Callable[..., Any], *args: Any) -> Any:
        calls.append(function)
        return function(*args)

    for commits in (False, True):
        calls.clear()
        file = NewFile(str(tmp_path / "dump.rdb"), run)
        file.open()
        file.write(b"data")
        if commits:
            file.commit()
        file.discard()
        assert (os.unlink in calls) is not commits
    assert os.listdir(tmp_path) == ["dump.rdb"]


def test_a_child_does_not_remove_its_parents_file(tmp_path: Path) -> None:
    """What a process writes is its own, forked ones close their copy and let it be."""
    file = NewFile(str(tmp_path / "dump.rdb"))
    file.open()
    file.pid = os.getpid() + 1
    file.discard()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_is_read_in_blocks(tmp_path: Path) -> None:
    """Up to its end, which gives nothing."""
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"x" * 300_000)
    file = OldFile(str(path))
    first = file.read(1)
    assert 0 < len(first) < 300_000
    assert file.read(1 << 40) == b"x" * (300_000 - len(first))
    assert file.read(1) == b""
    assert file.position == file.size == 300_000
    file.close()
