"""Scenarios of load, over real sockets. All are marked slow; `-m "not slow"` leaves them out.

GEVENTCACHE_STRESS_SECONDS sets the time of sustained load (10 s; 2 s where the variable CI is set), and
GEVENTCACHE_STRESS_MILLION=1 adds a million keys that expire.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from ..support.client import Client
from ..support.process import Process, eventually, information, serving
from ..support.wire import Reply, request
from ..support.workers import at_once, pipelined, with_clients

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("GEVENTCACHE_STRESS_SECONDS") or (2 if os.environ.get("CI") else 10))
MILLION = [1_000_000] if os.environ.get("GEVENTCACHE_STRESS_MILLION") else []
OK = Reply("+", b"OK")
REFUSED = Reply("-", b"ERR max number of clients reached")
RETRIES = 20_000


@pytest.fixture
def process() -> Iterator[Process]:
    """Run a server, which must not have ended when the test has."""
    with serving("--enable-debug-command", "local") as server:
        yield server
        assert server.popen.poll() is None


@pytest.fixture
def control(process: Process) -> Iterator[Client]:
    """A connection to ask the server."""
    client = process.connect()
    yield client
    client.close()


def test_150_clients_100_operations(process: Process, control: Client) -> None:
    """150 clients that run 100 operations each at the same time get 15,000 right answers."""

    def work(client: Client, number: int) -> int:
        right = 0
        for i in range(25):
            key, value = f"client:{number}:{i}", f"value:{number}:{i}".encode()
            right += client.do("SET", key, value) == OK
            right += client.do("GET", key) == Reply("$", value)
            right += client.do("DEL", key) == Reply(":", 1)
            right += client.do("INCR", f"count:{number}") == Reply(":", i + 1)
        return right

    assert sum(with_clients(process, 150, work)) == 15_000
    assert control.do("DBSIZE") == Reply(":", 150)


def test_sustained_load(process: Process, control: Client) -> None:
    """50 workers under load for seconds see no error, and no counted operation is lost."""
    end_s = time.monotonic() + SECONDS

    def work(client: Client, number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        key = f"session:{number}"
        while time.monotonic() < end_s:
            seen["wrong"] += client.do("SET", key, "v" * 100, "PX", 60_000) != OK
            seen["wrong"] += client.do("GET", key) != Reply("$", b"v" * 100)
            seen["wrong"] += client.do("PEXPIRE", key, 50_000) != Reply(":", 1)
            seen["wrong"] += client.do("INCR", "operations").is_error
            seen["done"] += 4
        return seen

    seen = sum(with_clients(process, 50, work), Counter())
    print(f"sustained load: {seen['done'] / SECONDS:,.0f} operations a second over {SECONDS:g} s, 50 workers")
    assert seen["wrong"] == 0
    assert control.do("GET", "operations") == Reply("$", b"%d" % (seen["done"] // 4))


def test_pool_exhaustion() -> None:
    """With maxclients connected the next one is told so; when one has left, the next is served."""
    with serving("--maxclients", "20") as process:
        pool = [process.connect() for _ in range(20)]
        assert all(client.do("PING") == Reply("+", b"PONG") for client in pool)
        late = process.connect()
        assert late.receive() == REFUSED
        with pytest.raises(EOFError):
            late.receive()
        pool.pop().close()
        assert eventually(lambda: information(pool[0], "clients")["connected_clients"] == "19")
        pool.append(process.connect())
        assert [client.do("PING") for client in pool] == [Reply("+", b"PONG")] * 20
        assert information(pool[0], "stats")["rejected_connections"] == "1"
        for client in (late, *pool):
            client.close()


def test_pool_contention() -> None:
    """60 workers share 10 connections: each is refused until one is free, and all get their work done."""
    with serving("--maxclients", "10") as process:

        def attempt(number: int) -> bool:
            client = process.connect()
            try:
                return client.do("SADD", "served", number) != REFUSED
            except (EOFError, ConnectionError):
                return False
            finally:
                client.close()

        assert all(at_once(60, lambda number: any(attempt(number) for _ in range(RETRIES))))
        assert eventually(lambda: _ping(process))
        control = process.connect()
        assert control.do("SCARD", "served") == Reply(":", 60)
        assert eventually(lambda: information(control, "clients")["connected_clients"] == "1")
        control.close()


def _ping(process: Process) -> bool:
    client = process.connect()
    try:
        return client.do("PING") == Reply("+", b"PONG")
    except (EOFError, ConnectionError):
        return False
    finally:
        client.close()


@pytest.mark.parametrize("count", [10_000, 100_000, *MILLION])
def test_ttl_at_scale_in_one_instant(process: Process, control: Client, count: int) -> None:
    """Of keys that are all due when the worker may begin, every one expires, while another client is answered."""
    assert control.do("DEBUG", "SET-ACTIVE-EXPIRE", 0) == OK
    assert not pipelined(control, [request((b"SET", b"key:%d" % i, b"v", b"PX", b"1")) for i in range(count)])
    assert information(control, "expiry")["keys_with_deadline"] == str(count)
    assert control.do("DEBUG", "SET-ACTIVE-EXPIRE", 1) == OK
    _all_expire(control, count)


@pytest.mark.parametrize("count", [10_000, 100_000, *MILLION])
def test_ttl_at_scale_spread(process: Process, control: Client, count: int) -> None:
    """Of keys whose deadlines spread over two seconds, some due before the last is set, every one expires."""
    requests = [request((b"SET", b"key:%d" % i, b"v", b"PX", b"%d" % (1 + i * 7919 % 2000))) for i in range(count)]
    assert not pipelined(control, requests)
    _all_expire(control, count)


def _all_expire(control: Client, count: int) -> None:
    """Wait for the end of all keys; nothing of them remains."""
    assert eventually(lambda: information(control, "stats")["expired_keys"] == str(count))
    left = information(control, "expiry")
    assert (left["keys_with_deadline"], left["tickets"], left["queue_depth"]) == ("0", "0", "0")
    assert control.do("DBSIZE") == Reply(":", 0)
    assert control.do("RANDOMKEY") == Reply("$", None)


def _strings(client: Client, number: int, i: int) -> bool:
    key = f"string:{number}"
    client.do("SET", key, i)
    return client.do("APPEND", key, "x").value == len(str(i)) + 1 and client.do("GETDEL", key).value == b"%dx" % i


def _lists(client: Client, number: int, i: int) -> bool:
    client.do("RPUSH", f"list:{number}", i)
    return client.do("BLPOP", f"list:{number}", 1).plain() == [b"list:%d" % number, b"%d" % i]


def _sorted_sets(client: Client, number: int, i: int) -> bool:
    client.do("ZADD", f"zset:{number}", i, f"m:{i}")
    return client.do("ZRANK", f"zset:{number}", f"m:{i}") == Reply(":", i)


def _sets(client: Client, number: int, i: int) -> bool:
    client.do("SADD", f"set:{number}", i, "x")
    return client.do("SCARD", f"set:{number}") == Reply(":", i + 2)


def _streams(client: Client, number: int, i: int) -> bool:
    client.do("XADD", f"stream:{number}", f"{i + 1}-1", "n", i)
    return client.do("XLEN", f"stream:{number}") == Reply(":", i + 1)


def _transactions(client: Client, number: int, i: int) -> bool:
    client.do("MULTI")
    client.do("INCR", "shared")
    client.do("HINCRBY", "totals", "all", 1)
    return [reply.kind for reply in client.do("EXEC").value] == [":", ":"]


def _deadlines(client: Client, number: int, i: int) -> bool:
    client.do("SET", f"brief:{number}:{i}", "v", "PX", 1 + i % 20)
    return client.do("EXISTS", f"brief:{number}:{i}").value in (0, 1)


def _messages(client: Client, number: int, i: int) -> bool:
    return client.do("PUBLISH", "channel", f"{number}:{i}") == Reply(":", 1)


JOBS: list[Callable[[Client, int, int], bool]] = [
    _strings,
    _lists,
    _sorted_sets,
    _sets,
    _streams,
    _transactions,
    _deadlines,
    _messages,
]


def test_mixed_workload(process: Process, control: Client) -> None:
    """40 workers on all types, with transactions, messages and expirations among them, get right answers alone."""
    rounds = 100
    listener = process.connect()
    listener.send("SUBSCRIBE", "channel")
    listener.receive()

    def work(client: Client, number: int) -> int:
        return sum(JOBS[number % len(JOBS)](client, number, i) for i in range(rounds))

    assert with_clients(process, 40, work) == [rounds] * 40
    each = 40 // len(JOBS)
    assert control.do("GET", "shared") == Reply("$", b"%d" % (each * rounds))
    assert control.do("HGET", "totals", "all") == Reply("$", b"%d" % (each * rounds))
    assert len({listener.receive().value[2].value for _ in range(each * rounds)}) == each * rounds
    assert eventually(lambda: information(control, "stats")["expired_keys"] == str(each * rounds))
    listener.close()


def test_concurrent_hash_operations(process: Process, control: Client) -> None:
    """30 workers that change one hash lose no update: not of a field they share, not of their own."""
    rounds = 200

    def work(client: Client, number: int) -> None:
        for i in range(rounds):
            client.send("HINCRBY", "hash", "shared", 1)
            client.send("HINCRBY", "hash", f"own:{number}", 2)
            client.send("HSET", "hash", f"brief:{number}:{i}", i)
            client.send("HDEL", "hash", f"brief:{number}:{i}")
            replies = [client.receive() for _ in range(4)]
            assert replies[1:] == [Reply(":", 2 * (i + 1)), Reply(":", 1), Reply(":", 1)]

    with_clients(process, 30, work)
    pairs = control.do("HGETALL", "hash").plain()
    own = {b"own:%d" % number: b"%d" % (2 * rounds) for number in range(30)}
    assert dict(zip(pairs[::2], pairs[1::2], strict=True)) == {b"shared": b"%d" % (30 * rounds), **own}
