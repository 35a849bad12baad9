"""What a snapshot holds, when one is due, and what follows when one fails."""

from __future__ import annotations

import os
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from geventcache.persistence.checksum import crc64
from geventcache.persistence.files import NewFile, remove_leftovers
from geventcache.persistence.snapshot_reader import SnapshotError

from ..support.inprocess import InProcessServer


def server_with(*keys: str) -> InProcessServer:
    """A server with these keys."""
    server = InProcessServer()
    session = server.session()
    for key in keys:
        session.do("SET", key, "v")
    return server


def test_when_a_save_is_due() -> None:
    """After so many seconds with so many changes since the last; a failed one is tried again after a while."""
    server = server_with()
    snapshots, session = server.state.snapshots, server.session()
    session.do("SET", "k", "v")
    server.clock.advance(10_000_000)
    assert not snapshots.is_due()
    server.config.set(b"save", b"100 1 10 3")
    assert snapshots.is_due()
    snapshots.note_saved(snapshots.all_changes())
    server.clock.advance(101_000)
    assert not snapshots.is_due()
    session.do("SET", "k", "v")
    assert snapshots.is_due()
    snapshots.note_saved(snapshots.all_changes())
    for _ in range(3):
        assert not snapshots.is_due()
        session.do("SET", "k", "v")
    assert not snapshots.is_due()
    server.clock.advance(11_000)
    assert snapshots.is_due()
    snapshots.tried_s = snapshots.now_s()
    snapshots.note_result(False)
    assert not snapshots.is_due()
    server.clock.advance(5_000)
    assert snapshots.is_due()


def test_writes_stop_after_a_failure() -> None:
    """Only while there are points to save at, and the setting says so."""
    server = server_with("k")
    session = server.session()
    server.config.set(b"save", b"100 1")
    server.state.snapshots.note_result(False)
    assert session.do("SET", "k", "w").startswith(b"-MISCONF")
    assert session.do("GET", "k") == b"$1\r\nv\r\n"
    assert session.do("PING").startswith(b"-MISCONF")
    assert session.do("EVAL", "return redis.call('PING')", "0") == b"+PONG\r\n"
    assert session.do("EVAL", "return redis.pcall('SET', 'k', 'w')", "0").startswith(b"-MISCONF")
    session.do("MULTI")
    assert session.do("SET", "k", "w").startswith(b"-MISCONF")
    assert session.do("EXEC").startswith(b"-EXECABORT")
    server.config.set(b"stop-writes-on-bgsave-error", b"no")
    assert session.do("SET", "k", "w") == b"+OK\r\n"
    server.config.set(b"stop-writes-on-bgsave-error", b"yes")
    server.config.set(b"save", b"")
    assert session.do("SET", "k", "w") == b"+OK\r\n"
    server.config.set(b"save", b"1 1")
    server.state.snapshots.note_saved(0)
    assert session.do("SET", "k", "w") == b"+OK\r\n"


def test_clients_are_told_of_a_load() -> None:
    """But for those who ask how far it has come."""
    server = server_with("k")
    session = server.session()
    server.state.snapshots.is_loading = True
    server.state.review()
    assert session.do("GET", "k") == b"-LOADING Valkey is loading the dataset in memory\r\n"
    assert session.do("SAVE").startswith(b"-LOADING")
    assert b"loading:1" in session.do("INFO", "persistence")


def test_save_and_reload(tmp_path: Path) -> None:
    """All that there is, functions included, comes back, and a load that failed is no snapshot to be saved."""
    server = server_with("a", "b")
    server.config.load("dir", os.fsencode(tmp_path))
    server.config.load("enable-debug-command", b"yes")
    session = server.session()
    session.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 7 end)")
    session.do("HSET", "h", "f", "v")
    session.do("HPEXPIREAT", "h", "4000000000000", "FIELDS", "1", "f")
    digest = session.do("DEBUG", "DIGEST")
    assert session.do("DEBUG", "RELOAD") == b"+OK\r\n"
    assert session.do("DEBUG", "DIGEST") == digest
    assert session.do("FCALL", "f", "0") == b":7\r\n"
    assert b"rdb_last_load_keys_loaded:3" in session.do("INFO", "persistence")
    session.do("SET", "c", "v")
    assert session.do("DEBUG", "RELOAD", "NOSAVE") == b"+OK\r\n"
    assert session.do("DEBUG", "DIGEST") == digest
    session.do("SET", "a", "changed")
    assert session.do("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE") == b"+OK\r\n"
    assert session.do("DEBUG", "DIGEST") == digest
    assert session.do("DEBUG", "RELOAD", "AGAIN").startswith(b"-ERR DEBUG RELOAD only supports")
    assert [file.name for file in tmp_path.iterdir()] == ["dump.rdb"]


def test_what_does_not_belong_there_is_refused(tmp_path: Path) -> None:
    """A key that stands twice, a database that is not here, a library that is none: each by its name."""
    for body, text in (
        (b"\x00\x01a\x01b\x00\x01a\x01c", "the key b'a' stands twice in database 0"),
        (b"\xfe\x10\x00\x01a\x01b", "there is no database 16"),
        (b"\xf5\x05#!lua", "a library of functions"),
    ):
        server = server_with()
        server.config.load("dir", os.fsencode(tmp_path))
        data = b"REDIS0010" + body + b"\xff"
        (tmp_path / "dump.rdb").write_bytes(data + crc64(data).to_bytes(8, "little"))
        with pytest.raises(SnapshotError, match=text):
            server.state.snapshots.load()
        assert not server.state.snapshots.is_whole
        assert not server.state.snapshots.is_loading


def test_what_expired_meanwhile_is_not_loaded(tmp_path: Path) -> None:
    """Keys whose deadline has passed are counted, and left out."""
    server = server_with("a")
    server.config.load("dir", os.fsencode(tmp_path))
    session = server.session()
    session.do("SET", "b", "v", "PX", "1000")
    assert session.do("SAVE") == b"+OK\r\n"
    session.do("FLUSHALL")
    server.clock.advance(1000)
    server.state.snapshots.load()
    assert session.do("KEYS", "*") == b"*1\r\n$1\r\na\r\n"
    assert (server.state.snapshots.loaded.keys, server.state.snapshots.loaded.expired) == (1, 1)


def test_a_save_that_is_scheduled() -> None:
    """It begins when the transaction is over, or the image that is taken for another purpose; or it is cancelled."""
    server = server_with("k")
    session, snapshots = server.session(), server.state.snapshots
    wanted = []
    snapshots.on_begin = lambda: wanted.append("now")
    snapshots.on_scheduled = lambda: wanted.append("soon")
    session.do("MULTI")
    session.do("BGSAVE")
    assert session.do("EXEC") == b"*1\r\n+Background saving scheduled\r\n"
    assert wanted == ["soon"]
    assert session.do("BGSAVE", "CANCEL") == b"+Scheduled background saving cancelled\r\n"
    assert session.do("BGSAVE", "CANCEL").startswith(b"-ERR Background saving is currently not")
    image = snapshots.take()
    assert session.do("BGSAVE").startswith(b"-ERR Another child process is active")
    assert session.do("BGSAVE", "SCHEDULE") == b"+Background saving scheduled\r\n"
    image.end()
    assert wanted == ["soon"] * 3
    assert session.do("BGSAVE", "SCHEDULE") == b"+Background saving started\r\n"
    assert wanted[-1] == "now"


def test_an_image_that_somebody_ends() -> None:
    """Whoever writes it is told, and nobody watches any more."""
    server = server_with(*map(str, range(3000)))
    snapshots = server.state.snapshots
    image = snapshots.take()
    with pytest.raises(RuntimeError):
        snapshots.take()
    blocks = image.blocks()
    next(blocks)
    image.end()
    assert image.is_void
    assert list(blocks) == []
    assert snapshots.image is None
    assert (image.total, image.done < image.total) == (3000, True)
    assert server.state.databases.get(0).table.watcher is None


def test_a_large_string_that_is_changed_in_place() -> None:
    """It is written in pieces; of what is to be changed, only the pieces are copied, and it may go or get longer."""
    server = server_with()
    session = server.session()
    for key in ("kept", "gone"):
        session.do("SETRANGE", key, str(5 << 20), "end")
    image = server.state.snapshots.take()
    blocks = image.blocks()
    written = [next(blocks) for _ in range(4)]
    held = server.state.changes.held
    assert len(held) == 2
    session.do("SETBIT", "kept", "80", "1")
    session.do("SETRANGE", "kept", str(4 << 20), "changed")
    session.do("APPEND", "kept", "more")
    session.do("MOVE", "gone", "1")
    session.do("SELECT", "1")
    session.do("BITFIELD", "gone", "SET", "u8", "0", "7", "SET", "u8", str(30 << 20), "7")
    session.do("DEL", "gone")
    assert max(len(holder.spared) for holder in held.values()) <= 16  # of 21
    written += blocks
    image.end()
    assert not held
    assert written.count(b"") >= 40
    data = b"".join(written)
    assert data.count(bytes(5 << 20) + b"end") == 2
    assert b"changed" not in data


FAILING = ("open", "writev", "fsync", "replace")


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("calls", range(3))
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, calls: int) -> None:
    """At whatever step: the old file stays as it is, nothing is left of the new one, and one line tells of it."""
    server = server_with(*map(str, range(100)))
    server.config.load("dir", os.fsencode(tmp_path))
    session, snapshots = server.session(), server.state.snapshots
    assert session.do("SAVE") == b"+OK\r\n"
    old = (tmp_path / "dump.rdb").read_bytes()
    session.do("SET", "k", os.urandom(3 << 20))
    lines: list[str] = []
    monkeypatch.setattr(server.state.log, "error", lambda event, **_: lines.append(event), raising=False)
    function = getattr(os, name)
    done = iter(range(calls))

    def failing(*args: Any, **options: Any) -> Any:
        if next(done, None) is None:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        return function(*args, **options)

    monkeypatch.setattr(os, name, failing)
    outcome = session.do("SAVE")
    monkeypatch.undo()
    if outcome == b"+OK\r\n":
        assert calls  # fewer calls than that were needed
        return
    assert lines == ["snapshot_failed"]
    assert [file.name for file in tmp_path.iterdir()] == ["dump.rdb"]
    assert (tmp_path / "dump.rdb").read_bytes() == old or (name, calls) in {("open", 1), ("fsync", 1), ("fsync", 2)}
    assert snapshots.image is None


def test_a_kill_at_any_byte(tmp_path: Path) -> None:
    """The old file stays whole, and the next start removes what is left of the new one."""
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"old")
    for size in range(0, 100, 7):
        pid = os.fork()
        if not pid:  # the child dies in the middle of its work
            file = NewFile(str(path))
            file.open()
            file.write(b"x" * size)
            file.flush(syncs=False)
            os._exit(9)
        os.waitpid(pid, 0)
        assert path.read_bytes() == b"old"
    (tmp_path / "temp-1-2-other.rdb").write_bytes(b"of another")
    assert len(list(tmp_path.iterdir())) > 10
    remove_leftovers(str(path))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dump.rdb", "temp-1-2-other.rdb"]
