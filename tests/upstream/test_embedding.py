"""A near side in the process: `Cache` and `Server` with an upstream."""

from __future__ import annotations

import gevent
import pytest

from geventcache.embedding import Cache, Server
from geventcache.resp.replies import ResponseError

from ..support.client import Client
from ..support.cluster import ReferenceCluster
from ..support.process import eventually


def test_cache(cluster: ReferenceCluster, near: Client) -> None:
    """It is called as any cache; the data are the cluster's."""
    with Cache(upstream=cluster.url) as cache:
        cache.set("k", 1)
        assert near.do("GET", "k").value == b"1"
        assert [cache.get("k") for _ in range(3)] == [b"1"] * 3
        assert cache.execute("INFO", "upstream").count(b"near_hits:2") == 1
        near.do("INCR", "k")
        assert eventually(lambda: cache.get("k") == b"2")
        assert cache.execute("MSET", *(word for i in range(50) for word in (f"k{i}", i))) == b"OK"
        assert cache.execute("MGET", *(f"k{i}" for i in range(50))) == [b"%d" % i for i in range(50)]
        assert len(cache) == 51
        cache.execute("HSET", "h", "f", 1)
        assert cache.execute("HGETALL", "h") == {b"f": b"1"}
        cache.execute("MULTI")
        cache.execute("INCR", "k")
        assert cache.execute("EXEC") == [3]
        cache.execute("SELECT", 1)
        assert cache.get("k") is None
        cache.execute("SELECT", 0)
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            cache.execute("LPUSH", "k", 1)
        with pytest.raises(ResponseError, match="not available with an upstream"):
            cache.execute("BGSAVE")


def test_cache_waits_for_what_blocks(cluster: ReferenceCluster, near: Client) -> None:
    """With an upstream a blocking command waits, and lets other greenlets run."""
    with Cache(upstream=cluster.url) as cache:
        assert cache.execute("BLPOP", "l", 0.01) is None
        pushing = gevent.spawn_later(0.01, near.do, "RPUSH", "l", "x")
        assert cache.execute("BLPOP", "l", 60) == [b"l", b"x"]
        pushing.join()
        assert cache.get("none") is None


def test_greenlets_share_a_cache(cluster: ReferenceCluster, near: Client) -> None:
    """One after the other."""
    with Cache(upstream=cluster.url) as cache:
        jobs = [gevent.spawn(cache.execute, "INCR", "n") for _ in range(50)]
        gevent.joinall(jobs)
        assert sorted(job.value for job in jobs) == list(range(1, 51))


def test_server_in_a_thread(cluster: ReferenceCluster, near: Client) -> None:
    """As `Server(upstream=...)`, which is what the fixture of pytest starts, too."""
    with Server(upstream=cluster.url) as server:
        address = server.address
        assert isinstance(address, tuple)
        client = Client(address)
        client.do("SET", "k", 1)
        assert near.do("GET", "k").value == b"1"
        server.reset()
        client = Client(address)
        assert client.do("GET", "k").value == b"1"
        client.close()


def test_nobody_answers() -> None:
    """It says so when its patience is over, and goes on."""
    with Cache(upstream="valkey://127.0.0.1:1", upstream_retry_time=50) as cache:
        for _ in range(2):
            with pytest.raises(ResponseError, match="The upstream cannot be reached"):
                cache.get("k")
        assert cache.execute("PING") == b"PONG"
