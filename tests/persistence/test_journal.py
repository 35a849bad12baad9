"""The files of a journal: the manifest, requests in whatever pieces they come, bytes appended whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from geventcache.persistence import files, journal_file
from geventcache.persistence.cursor import Cursor, DataError, EndError
from geventcache.persistence.journal_file import JournalFile, SyncError
from geventcache.persistence.journal_manifest import (
    BASE,
    HISTORY,
    INCREMENT,
    JournalError,
    Manifest,
    base_part,
    increment_part,
    parse_manifest,
)
from geventcache.persistence.journal_reader import JournalReader

from ..support.wire import request

NAME = b"appendonly.aof"
SET = request((b"SET", b"k", b"v"))
DEL = request((b"DEL", b"k"))
MULTI, EXEC = request((b"MULTI",)), request((b"exec",))


# ---------------------------------------------------------------------- the manifest


def test_a_manifest_is_written_and_read() -> None:
    """The names are the reference's; odd ones are quoted."""
    manifest = Manifest(base_part(NAME, 2, True), (increment_part(NAME, 2), increment_part(NAME, 5)))
    text = (
        b"file appendonly.aof.2.base.rdb seq 2 type b\n"
        b"file appendonly.aof.2.incr.aof seq 2 type i\n"
        b"file appendonly.aof.5.incr.aof seq 5 type i\n"
    )
    assert manifest.encode() == text
    assert parse_manifest(b"# a comment\n" + text.replace(b"seq", b"since 7.0 SEQ")) == manifest
    odd = Manifest(base_part(b'a "b"\xff', 1, False))
    assert odd.encode() == b'file "a \\"b\\"\\xff.1.base.aof" seq 1 type b\n'
    assert parse_manifest(odd.encode()) == odd


def test_a_rewrite_makes_history_of_all_before_it() -> None:
    """The increments from its instant on stay; what is deleted is told of until it is gone."""
    manifest = Manifest(base_part(NAME, 1, True), (increment_part(NAME, 1), increment_part(NAME, 2)))
    assert (manifest.next_number(BASE), manifest.next_number(INCREMENT)) == (2, 3)
    after = manifest.with_increment(increment_part(NAME, 3)).rewritten(base_part(NAME, 2, True), 3)
    assert [part.name[15:] for part in after.parts] == [b"2.base.rdb", b"3.incr.aof"]
    assert {(part.name[15:], part.kind) for part in after.history} == {
        (b"1.base.rdb", HISTORY),
        (b"1.incr.aof", HISTORY),
        (b"2.incr.aof", HISTORY),
    }
    assert parse_manifest(after.encode()) == after


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# nothing\n",
        b"file a seq 1 type b",
        b"file a seq 1\n",
        b"file a seq 0 type b\n",
        b"file a seq x type b\n",
        b"file a seq 1 type c\n",
        b"file ../a seq 1 type b\n",
        b'file "a seq 1 type b\n',
        b"file a seq 1 type b\nfile b seq 2 type b\n",
        b"file a seq 2 type i\nfile b seq 2 type i\n",
        b"file %b seq 2 type i\n" % (b"a" * 1024),
    ],
)
def test_a_wrong_manifest_is_refused(text: bytes) -> None:
    """Nothing is guessed."""
    with pytest.raises(JournalError):
        parse_manifest(text)


# ---------------------------------------------------------------------- reading


def reader_of(data: bytes, size: int) -> JournalReader:
    """A reader of bytes that come in pieces of a size."""
    pieces = iter([data[i : i + size] for i in range(0, len(data), size)])
    return JournalReader(Cursor(b"", lambda needed: next(pieces, b"")))


def units_of(reader: JournalReader) -> list[list[list[bytes]]]:
    """All units up to the end."""
    return list(iter(reader.unit, []))


UNITS = [
    (SET, [[b"SET", b"k", b"v"]]),
    (b"#TS:1700000000\r\n" + DEL, [[b"DEL", b"k"]]),
    (b"# a remark\n" + MULTI + SET + DEL + EXEC, [[b"SET", b"k", b"v"], [b"DEL", b"k"]]),
    (MULTI + EXEC + request((b"SET", b"", b"\r\n*1\r\n" * 500)), [[b"SET", b"", b"\r\n*1\r\n" * 500]]),
]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_units_are_read_in_whatever_pieces_they_come(size: int) -> None:
    """Annotations are passed over, a transaction is one unit, an empty one is none."""
    data = b"".join(text for text, _ in UNITS)
    reader = reader_of(data, size)
    assert units_of(reader) == [unit for _, unit in UNITS]
    assert reader.whole == len(data)


def test_it_is_known_how_much_is_whole() -> None:
    """Cut at any byte, the units before are whole, and the rest ends too early."""
    data = b"".join(text for text, _ in UNITS[:3])
    ends = [len(UNITS[0][0]), len(UNITS[0][0] + UNITS[1][0]), len(data)]
    for size in range(len(data)):
        reader = reader_of(data[:size], 1 << 20)
        whole = max([end for end in ends if end <= size], default=0)
        # An annotation that is whole has nothing behind it.
        at_annotation = data[:size].endswith((b"00000000\r\n", b"# a remark\n"))
        if size in (0, whole) or at_annotation:
            units_of(reader)
            assert reader.whole in (whole, size)
        else:
            with pytest.raises(EndError):
                units_of(reader)
            assert reader.whole <= size


@pytest.mark.parametrize(
    "data",
    [
        b"SET k v\r\n",
        b"\0\0\0\0\r\n",
        b"*x\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"*1\r\n:1\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$3\r\nabcdef\r\n",
        b"*" + b"1" * 2000,
        EXEC,
        MULTI + MULTI,
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    """It is damage, and no end that came too early."""
    reader = reader_of(SET + data + SET, 1 << 20)
    with pytest.raises(DataError) as caught:
        units_of(reader)
    assert not isinstance(caught.value, EndError)
    assert reader.whole == len(SET)


# ---------------------------------------------------------------------- appending


@pytest.fixture
def file(tmp_path: Path) -> JournalFile:
    """A file with some bytes."""
    file = JournalFile(str(tmp_path / "file"))
    file.open()
    file.append([b"abc"], True)
    return file


def content(file: JournalFile) -> bytes:
    """What is in a file."""
    return Path(file.path).read_bytes()


def short_writes(*steps: int) -> Callable[[int, list[bytes]], int]:
    """Some `os.writev` that writes as many bytes as each step says; at 0 the disk is full."""
    sizes = iter(steps)

    def write(descriptor: int, pieces: list[bytes]) -> int:
        size = next(sizes)
        if size == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, b"".join(pieces)[:size])

    return write


def test_short_writes_go_on(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes are written, however often that takes."""
    monkeypatch.setattr(files.os, "writev", short_writes(1, 2, 1))
    file.append([b"de", b"fg"], False)
    assert (content(file), file.size) == (b"abcdefg", 7)


def test_a_write_that_fails_leaves_nothing(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it is cut off again, at once or as soon as that can be done."""
    monkeypatch.setattr(files.os, "writev", short_writes(2, 0, 1, 0, 9))
    with pytest.raises(OSError, match="No space"):
        file.append([b"de", b"fg"], False)
    assert (content(file), file.size) == (b"abc", 3)

    def fail(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, "ftruncate", fail)
        with pytest.raises(OSError, match="no"):
            file.append([b"de", b"fg"], False)
    assert content(file) == b"abcd"
    file.append([b"hij"], False)
    assert (content(file), file.size) == (b"abchij", 6)


def test_a_sync_that_fails_is_told_apart(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are in the file, and nobody knows whether on the disk."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal_file.os, "fdatasync", fail)
    with pytest.raises(SyncError):
        file.append([b"defg"], True)
    assert content(file) == b"abcdefg"
