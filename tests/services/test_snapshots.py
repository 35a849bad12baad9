"""What a snapshot holds, when one is due, and what follows when one fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from geventcache.persistence.checksum import crc64
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
