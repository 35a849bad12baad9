"""maxmemory: what is refused and how, what is evicted and told, and what OBJECT says of the use of keys."""

from __future__ import annotations

import contextlib

import pytest

from ..support.client import Client
from .pair import Pair

# One byte is never enough: whoever needs memory is refused, as soon as there is nothing (more) to evict.
NO_MEMORY = "1"
PREPARATION = """
    SET s value
    SET n 1
    HSET h f v
    RPUSH l a b c
    SADD st a b
    ZADD z 1 a 2 b
    XADD x 1-1 a b
"""
REFUSED = """
    SET s other
    SET new value
    SET s value XX
    APPEND s x
    INCR n
    SETRANGE s 0 x
    SETBIT s 1 1
    MSET a 1 b 2
    GETSET s x
    SETEX s 10 x
    HSET h g w
    HINCRBY h n 1
    RPUSH l d
    LINSERT l BEFORE a z
    LSET l 0 x
    LMOVE l m LEFT RIGHT
    RPOPLPUSH l m
    SADD st c
    SUNIONSTORE t st
    SINTERSTORE t st
    ZADD z 3 c
    ZUNIONSTORE y 1 z
    ZRANGESTORE y z 0 -1
    XADD x 2-1 a b
    XGROUP CREATE x g 0
    COPY s t
    SORT l ALPHA STORE m
    BITOP NOT t s
    PFADD p a
    GEOADD g 1 1 a
    GET s
    STRLEN s
    GETRANGE s 0 1
    HGET h f
    LRANGE l 0 -1
    ZRANGE z 0 -1
    XRANGE x - +
    RENAME s s2
    RENAME s2 s
    MOVE n 1
    TYPE s
    EXISTS s
    LPOP l
    unordered: SPOP st 2
    SREM st a
    ZPOPMIN z
    HDEL h f
    LREM l 0 b
    XDEL x 1-1
    XTRIM x MAXLEN 0
    GETDEL s
    EVAL "return redis.call('set','a','b')" 0
    EVAL "return redis.pcall('set','a','b')" 0
    EVAL "return redis.call('get','a')" 0
    EVAL "redis.call('del','a') return redis.call('set','a','b')" 0
    EVAL "#!lua\\nreturn 1" 0
    EVAL "#!lua flags=no-writes\\nreturn 1" 0
    EVAL "#!lua flags=allow-oom\\nreturn redis.call('set','a','b')" 0
    MULTI
    GET a
    EXEC
    MULTI
    SET a b
    EXEC
    SUBSCRIBE c
    UNSUBSCRIBE c
    PUBLISH c m
"""


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_commands_that_need_memory_are_refused(resp2_pair: Pair, policy: str) -> None:
    """Where nothing may be evicted, the same commands are refused with the same words, in scripts and MULTI too."""
    resp2_pair.play(PREPARATION)
    with resp2_pair.configured(maxmemory_policy=policy, maxmemory=NO_MEMORY):
        resp2_pair.play(REFUSED)
    resp2_pair.play("SET s value\nGET s")


def test_evictions_are_told(resp2_pair: Pair) -> None:
    """volatile-ttl evicts the key that is due first first; each eviction is told once; keys without deadline stay."""
    with resp2_pair.configured(maxmemory_samples="64", notify_keyspace_events="KEA"):
        listener = resp2_pair.client("listener")
        listener.do("PSUBSCRIBE", "__key*__:*")
        resp2_pair.do("SET", "stays", "v")
        for i in (3, 1, 4, 2, 5):
            resp2_pair.do("SET", f"k{i}", "v", "EX", 1000 * i)
        listener.drain()
        with resp2_pair.configured(maxmemory_policy="volatile-ttl", maxmemory=NO_MEMORY):
            resp2_pair.wait_until(lambda client: client.do("DBSIZE").value == 1)
            assert len(listener.drain()) == 10
        resp2_pair.do("KEYS", "*")


def test_evicted_keys_break_transactions(resp2_pair: Pair) -> None:
    """A watched key that is evicted makes EXEC fail; evicted_keys counts it."""
    resp2_pair.play("CONFIG RESETSTAT\nSET k v\nWATCH k")
    with resp2_pair.configured(maxmemory_policy="allkeys-random", maxmemory=NO_MEMORY):
        resp2_pair.wait_until(lambda client: client.do("DBSIZE").value == 0)
    resp2_pair.play("MULTI\nPING\nEXEC")
    resp2_pair.wait_until(lambda client: b"evicted_keys:1\r\n" in client.do("INFO", "stats").value)


# With a log factor of 0 every use counts. Few keys at a time: two may share their place in the notes of use.
USES = """
    SET k 5
    OBJECT FREQ k
    GET k
    OBJECT FREQ k
    SET k 6
    OBJECT FREQ k
    EXISTS k
    TYPE k
    TTL k
    PTTL k
    EXPIRETIME k
    OBJECT ENCODING k
    ignore: MEMORY USAGE k
    WATCH k
    UNWATCH
    OBJECT FREQ k
    TOUCH k
    OBJECT FREQ k
    INCR k
    OBJECT FREQ k
    APPEND k x
    OBJECT FREQ k
    STRLEN k
    MGET k
    MSET k 1
    OBJECT FREQ k
    EXPIRE k 100
    OBJECT FREQ k
    PERSIST k
    OBJECT FREQ k
    GETSET k 3
    OBJECT FREQ k
    SETRANGE k 0 a
    SETBIT k 7 0
    GETBIT k 1
    OBJECT FREQ k
    COPY k j
    OBJECT FREQ k
    OBJECT FREQ j
    RENAME k other
    OBJECT FREQ other

    RPUSH l a
    OBJECT FREQ l
    RPUSH l b
    LRANGE l 0 -1
    LLEN l
    LSET l 0 z
    LREM l 0 q
    OBJECT FREQ l

    HSET h f v
    HGETALL h
    HDEL h none
    OBJECT FREQ h

    SADD s a
    SADD s a
    SISMEMBER s a
    OBJECT FREQ s

    ZADD z 1 a
    ZADD z 1 a
    ZINCRBY z 1 a
    ZSCORE z a
    OBJECT FREQ z

    XADD x 1-1 a b
    XADD x 1-2 a b
    XLEN x
    OBJECT FREQ x

    SET other v
    CLIENT NO-TOUCH on
    GET other
    SET other w
    APPEND other x
    EXPIRE other 100
    OBJECT FREQ other
    TOUCH other
    OBJECT FREQ other
    CLIENT NO-TOUCH off
    GET other
    OBJECT FREQ other
    OBJECT FREQ none
    OBJECT IDLETIME none
    OBJECT IDLETIME other
    OBJECT IDLETIME
    OBJECT FREQ
"""


def test_uses_are_counted(resp2_pair: Pair) -> None:
    """Under LFU the same commands count as uses, and IDLETIME is an error."""
    with resp2_pair.configured(maxmemory_policy="allkeys-lfu", lfu_log_factor="0"):
        for lines in USES.split("\n\n"):
            resp2_pair.play(f"FLUSHALL\n{lines}")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "noeviction", "allkeys-random"])
def test_frequency_needs_its_policy(resp2_pair: Pair, policy: str) -> None:
    """Under any other policy FREQ is an error, and a key that was just used is not idle."""
    with resp2_pair.configured(maxmemory_policy=policy):
        resp2_pair.play("SET k v\nOBJECT FREQ k\nOBJECT FREQ none\nOBJECT IDLETIME k\nOBJECT IDLETIME none")


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "1kb",
        "5%",
        "100%",
        "101%",
        "-1",
        "x",
        "1.5%",
        "0%",
        "-5%",
        "05%",
        pytest.param("1" * 5000 + "%", id="long"),
        "",
    ],
)
def test_limit_of_clients_is_read_alike(resp2_pair: Pair, value: str) -> None:
    """maxmemory-clients takes bytes or a percentage, and shows what it was given."""
    with resp2_pair.configured(maxmemory_clients="0"):
        resp2_pair.do("CONFIG", "SET", "maxmemory-clients", value)
        resp2_pair.do("CONFIG", "GET", "maxmemory-clients")


def test_largest_client_is_closed(resp2_pair: Pair) -> None:
    """When clients exceed maxmemory-clients the largest is closed; one with NO-EVICT, larger still, is not."""
    with resp2_pair.configured(maxmemory_clients="0"):
        resp2_pair.play("CONFIG RESETSTAT\n[spared] CLIENT NO-EVICT ON\n[closed] PING")
        for name, size in (("spared", 3_000_000), ("closed", 2_500_000)):
            for client in resp2_pair.client(name).clients:
                client.send_bytes(b"*2\r\n$3\r\nGET\r\n$4000000\r\n" + b"x" * size)
        resp2_pair.do("CONFIG", "SET", "maxmemory-clients", "5mb")
        assert all(map(Client.is_closed, resp2_pair.client("closed").clients))
        for client in resp2_pair.client("spared").clients:
            client.send_bytes(b"x" * 1_000_000 + b"\r\n")
        resp2_pair.client("spared").answer()
        resp2_pair.wait_until(lambda client: b"evicted_clients:1\r\n" in client.do("INFO", "stats").value)


def test_query_buffer_limit(resp2_pair: Pair) -> None:
    """A client that exceeds client-query-buffer-limit is closed without a word."""
    with resp2_pair.configured(client_query_buffer_limit="1mb"):
        resp2_pair.client("closed").do("PING")
        for client in resp2_pair.client("closed").clients:
            with contextlib.suppress(ConnectionError):
                client.send_bytes(b"*2\r\n$3\r\nGET\r\n$3000000\r\n" + b"x" * 2_000_000)
        assert all(map(Client.is_closed, resp2_pair.client("closed").clients))
