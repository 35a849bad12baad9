"""Servers and caches within a program that keep a journal."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from geventcache import Cache, ResponseError, Server
from geventcache.persistence import files

from ..support.client import Client
from ..support.process import eventually


def test_a_server_has_its_data_again(tmp_path: Path) -> None:
    """Until it is reset: then it begins with nothing, also the next time."""
    with Server(thread=True, dir=tmp_path, appendonly=True) as server:
        Client(("127.0.0.1", server.port)).do("SET", "k", "v")
    with Server(thread=True, dir=tmp_path, appendonly=True) as server:
        client = Client(("127.0.0.1", server.port))
        assert eventually(lambda: client.do("GET", "k").value == b"v")
        server.reset()
        client = Client(("127.0.0.1", server.port))
        assert client.do("DBSIZE").value == 0
        client.do("SET", "new", "v")
    with Server(thread=True, dir=tmp_path, appendonly=True) as server:
        client = Client(("127.0.0.1", server.port))
        assert eventually(lambda: client.do("KEYS", "*").plain() == [b"new"])


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_a_cache_has_its_data_again(tmp_path: Path, policy: str) -> None:
    """A call is written when it comes back; what was due meanwhile has gone."""
    cache = Cache(dir=tmp_path, appendonly=True, appendfsync=policy)
    cache.set("k", "v")
    cache.set("gone", "v", ttl=0.001)
    cache.execute("MULTI")
    cache.execute("INCR", "n")
    cache.execute("EXEC")
    written = (tmp_path / "appendonlydir" / "appendonly.aof.1.incr.aof").read_bytes()
    assert written.endswith(b"$4\r\nINCR\r\n$1\r\nn\r\n")
    copy = tmp_path / "copy" / "appendonlydir"
    copy.mkdir(parents=True)
    for path in (tmp_path / "appendonlydir").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    cache.close()
    for folder in (tmp_path, tmp_path / "copy"):
        with Cache(dir=folder, appendonly=True) as cache:
            assert (cache.get("k"), cache.get("n"), cache.get("gone")) == (b"v", b"1", None)
            assert cache.execute("BGREWRITEAOF") == b"Background append only file rewriting started"
            assert cache.execute("INFO", "persistence").count(b"aof_rewrites:1\r\n") == 1
            cache.incr("n")
        with Cache(dir=folder, appendonly=True) as cache:
            assert cache.get("n") == b"2"


def test_a_cache_loads_a_snapshot(tmp_path: Path) -> None:
    """Where `dir` names a folder, what was saved there is there again."""
    with Cache(dir=tmp_path) as cache:
        cache.set("k", "v")
        cache.execute("SAVE")
    with Cache(dir=tmp_path) as cache:
        assert cache.get("k") == b"v"


def test_a_cache_tells_that_its_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that could not be written, and those after it that would change something, until there is room."""

    def fail(descriptor: int, pieces: list[bytes]) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Cache(dir=tmp_path, appendonly=True, appendfsync="always") as cache:
        cache.set("k", "v")
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "writev", fail)
            for _ in range(2):
                with pytest.raises(ResponseError, match="No space left on device"):
                    cache.set("k", "w")
            assert cache.get("k") == b"w"
        cache.get("k")
        cache.set("k", "x")
    with Cache(dir=tmp_path, appendonly=True) as cache:
        assert cache.get("k") == b"x"
