"""Time that is moved by hand: what would have happened meanwhile has happened, in its order."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from geventcache import Cache, ResponseError, Server

from ..support.client import Client
from ..support.wire import Reply
from .conftest import wait_blocked, wait_until

HOUR_MS = 3_600_000
DAY_S = 86_400
START_MS = 1_800_000_000_000
OpenOne = Callable[..., Client]


@contextlib.contextmanager
def opened(server: Server) -> Iterator[OpenOne]:
    """Open connections that are closed in the end."""
    clients: list[Client] = []

    def open_one(protocol: int = 2) -> Client:
        assert isinstance(server.address, tuple)
        clients.append(Client(server.address, protocol))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server whose time stands still."""
    with Server(clock="manual") as running:
        running.clock.set(START_MS / 1000)
        yield running


@pytest.fixture
def connect(server: Server) -> Iterator[OpenOne]:
    """Open connections to the server."""
    with opened(server) as open_one:
        yield open_one


def travel(client: Client, *words: object) -> object:
    """Ask for a travel; return what it answers."""
    return client.do("GEVENTCACHE", "CLOCK", *[str(word) for word in words]).value


def messages(client: Client) -> list[tuple[bytes, bytes]]:
    """The events that a subscriber has got by now: (event, key)."""
    found = []
    while client.has_input():
        parts = [part.value for part in client.receive().value]
        found.append((parts[-2].rpartition(b":")[2], parts[-1]))
    return found


def test_events_come_in_order_before_the_reply(connect: OpenOne) -> None:
    """Keys and fields expire in the order of their deadlines, however far away; their events are there at the reply."""
    client, listener = connect(), connect()
    client.do("CONFIG", "SET", "notify-keyspace-events", "Ex")
    client.do("MSET", "a", 1, "b", 1, "c", 1, "never", 1)
    client.do("PEXPIRE", "c", 30 * HOUR_MS)
    client.do("PEXPIRE", "b", HOUR_MS + 1)
    client.do("PEXPIRE", "a", 5)
    client.do("HSET", "h", "f", 1, "g", 1)
    client.do("HPEXPIRE", "h", HOUR_MS, "FIELDS", 1, "f")
    listener.do("PSUBSCRIBE", "__keyevent@0__:*")
    assert travel(client, "ADVANCE", 30 * HOUR_MS - 1) == START_MS + 30 * HOUR_MS - 1
    assert messages(listener) == [(b"expired", b"a"), (b"hexpired", b"h"), (b"expired", b"b")]
    assert client.do("PTTL", "c").value == 1
    travel(client, "ADVANCE", 1)
    assert messages(listener) == [(b"expired", b"c")]
    assert client.do("DBSIZE").value == 2
    assert client.do("TIME").value[0].value == b"%d" % ((START_MS + 30 * HOUR_MS) // 1000)


def test_no_key_is_late(connect: OpenOne) -> None:
    """Each key goes in its own millisecond, whatever the distance: no deadline is missed by any."""
    client = connect()
    for number in range(300):
        client.do("SET", number, "v", "PX", 1 + number * 997_651)
    travel(client, "ADVANCE", 300 * 997_651)
    assert client.do("DBSIZE").value == 0
    assert b"expired_keys:300\r\n" in client.do("INFO", "stats").value


def test_blocked_clients_time_out(connect: OpenOne) -> None:
    """Who waits is answered when its time is over, in the order of the ends; who waits for longer waits on."""
    client, short, long, endless = (connect() for _ in range(4))
    for waiting, seconds in ((long, 7200), (short, 0.5), (endless, 0)):
        waiting.send("BLPOP", "queue", seconds)
    wait_blocked(client, 3)
    travel(client, "ADVANCE", 499)
    assert not short.has_input()
    travel(client, "ADVANCE", 1)
    assert short.receive() == Reply("*", None)
    assert not long.has_input()
    travel(client, "ADVANCE", 2 * HOUR_MS)
    assert long.receive() == Reply("*", None)
    client.do("RPUSH", "queue", "v")
    assert endless.receive().value[1].value == b"v"


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("WAIT 1 5000", Reply(":", 0)),
        ("XREAD BLOCK 5000 STREAMS s $", Reply("*", None)),
        ("BLMOVE a b LEFT RIGHT 5", Reply("*", None)),
        ("BZPOPMIN z 5", Reply("*", None)),
    ],
)
def test_all_that_waits(connect: OpenOne, request_: str, answer: Reply) -> None:
    """Every command that waits for a time is answered when that has passed, and not before."""
    client, waiting = connect(), connect()
    waiting.send(*request_.split())
    wait_blocked(client, 1)
    travel(client, "ADVANCE", 4999)
    assert not waiting.has_input()
    travel(client, "ADVANCE", 1)
    assert waiting.receive() == answer


def test_who_waits_goes_on_after_its_timeout(connect: OpenOne) -> None:
    """A client that was timed out by hand serves its next command, and waits anew."""
    client, waiting = connect(), connect()
    waiting.send("BLPOP", "queue", 10)
    waiting.send("BLPOP", "queue", 10)
    wait_blocked(client, 1)
    travel(client, "ADVANCE", 10_000)
    assert waiting.receive() == Reply("*", None)
    wait_blocked(client, 1)
    travel(client, "ADVANCE", 10_000)
    assert waiting.receive() == Reply("*", None)


def test_idle_times_and_counters_move(connect: OpenOne) -> None:
    """What is pending grows old, keys are unused for longer, and counters of uses decay."""
    client = connect()
    client.do("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    client.do("XADD", "s", "1-1", "f", "v")
    client.do("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
    client.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    client.do("SET", "k", "v")
    travel(client, "ADVANCE", HOUR_MS)
    assert client.do("XPENDING", "s", "g", "IDLE", HOUR_MS, "-", "+", 10).value[0].value[2].value == HOUR_MS
    assert client.do("OBJECT", "IDLETIME", "k").value == HOUR_MS // 1000
    client.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    client.do("SET", "k2", "v")
    assert client.do("OBJECT", "FREQ", "k2").value == 5
    travel(client, "ADVANCE", 3 * 60_000)
    assert client.do("OBJECT", "FREQ", "k2").value == 2


def test_copies_of_clients_become_invalid(connect: OpenOne) -> None:
    """A tracked key that expires is told of before the reply."""
    client, reader = connect(), connect(3)
    client.do("SET", "k", "v", "EX", 60)
    reader.do("CLIENT", "TRACKING", "ON")
    reader.do("GET", "k")
    travel(client, "ADVANCE", 60_000)
    assert reader.has_input()
    assert reader.receive().value[1].value[0].value == b"k"


def test_silent_clients_are_closed(connect: OpenOne) -> None:
    """The setting `timeout` counts the time that passed by hand; who asked for it was not silent."""
    client, silent = connect(), connect()
    client.do("CONFIG", "SET", "timeout", 60)
    silent.do("PING")
    travel(client, "ADVANCE", 61_000)
    with pytest.raises(EOFError):
        silent.receive()
    assert client.do("PING").value == b"PONG"


def test_a_pause_ends(server: Server, connect: OpenOne) -> None:
    """Writes that CLIENT PAUSE holds back go on."""
    client, writer = connect(), connect()
    client.do("CLIENT", "PAUSE", 60_000, "WRITE")
    writer.send("SET", "k", "v")
    wait_until(lambda: b"cmd=set" in client.do("CLIENT", "LIST").value)
    server.advance(minutes=1)
    assert writer.receive().value == b"OK"


def test_back_in_time(connect: OpenOne) -> None:
    """Going back lets nothing expire; what has a deadline has it still."""
    client = connect()
    client.do("SET", "k", "v", "PX", 1000)
    assert travel(client, "SET", START_MS - 5000) == START_MS - 5000
    assert client.do("PTTL", "k").value == 6000
    travel(client, "ADVANCE", 6000)
    assert client.do("EXISTS", "k").value == 0


def test_time_runs_on(connect: OpenOne) -> None:
    """RESUME lets timers run: a key expires and a client is timed out without anybody's doing."""
    client, listener, waiting = connect(), connect(), connect()
    client.do("CONFIG", "SET", "notify-keyspace-events", "Ex")
    client.do("SET", "k", "v", "PX", HOUR_MS)
    waiting.send("BLPOP", "queue", 3600)
    wait_blocked(client, 1)
    listener.do("SUBSCRIBE", "__keyevent@0__:expired")
    travel(client, "ADVANCE", HOUR_MS - 20)
    assert not listener.has_input()
    travel(client, "RESUME")
    assert listener.receive().value[2].value == b"k"
    assert waiting.receive() == Reply("*", None)


def test_a_running_clock_is_moved_and_stopped() -> None:
    """Without `clock="manual"` time runs from where it was moved to, until it is frozen."""
    with Server() as server:
        before = server.clock.time()
        server.advance(days=1)
        assert DAY_S <= server.clock.time() - before < DAY_S + 60
        server.clock.freeze()
        stopped = server.clock.time()
        assert server.clock.time() == stopped
        server.advance(0.001)
        assert round(server.clock.time() - stopped, 4) == 0.001


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("ADVANCE",), b"ERR syntax error"),
        (("ADVANCE", "-1"), b"ERR value is not an integer or out of range"),
        (("ADVANCE", "1e3"), b"ERR value is not an integer or out of range"),
        (("ADVANCE", 1 << 62), b"ERR the clock ends with the year 9999"),
        (("SET", 253_402_300_800_000), b"ERR the clock ends with the year 9999"),
        (("FREEZE", "1"), b"ERR syntax error"),
        (("BACK", "1"), b"ERR syntax error"),
    ],
)
def test_what_is_refused(connect: OpenOne, words: tuple[object, ...], error: bytes) -> None:
    """Wrong words and times that no calendar has."""
    assert travel(connect(), *words) == error


def test_off_unless_debugging_is_allowed() -> None:
    """A server of its own refuses, and does so in transactions and scripts where it is allowed."""
    with Server() as server, opened(server) as open_one:
        assert b"GEVENTCACHE command not allowed" in travel(open_one(), "FREEZE")  # type: ignore[operator]
    with Server(enable_debug_command="yes") as server, opened(server) as open_one:
        client = open_one()
        client.do("MULTI")
        assert b"not allowed inside a transaction" in travel(client, "FREEZE")  # type: ignore[operator]
        client.do("DISCARD")
        script = "return redis.call('GEVENTCACHE', 'CLOCK', 'FREEZE')"
        assert b"not allowed from script" in client.do("EVAL", script, 0).value
        assert isinstance(travel(client, "FREEZE"), int)


def test_others_are_served_meanwhile(server: Server, connect: OpenOne) -> None:
    """A long travel is made in slices: a client gets answers while it lasts, and its keys go on to expire in order."""
    client, other = connect(), connect()
    client.do("CONFIG", "SET", "expire-time-budget", "100")
    for number in range(20):
        client.send_bytes(b"".join(b"SET %d-%d v PX %d\r\n" % (number, i, 1 + 10 * i) for i in range(200)))
        for _ in range(200):
            client.receive()
    client.send("GEVENTCACHE", "CLOCK", "ADVANCE", 2000)
    sizes = [other.do("DBSIZE").value]
    while not client.has_input():
        sizes.append(other.do("DBSIZE").value)
    assert sizes == sorted(sizes, reverse=True)
    assert client.receive().value == START_MS + 2000
    assert other.do("DBSIZE").value == 0


def test_two_travels_add_up(server: Server, connect: OpenOne) -> None:
    """Who asks while another one travels waits for its turn."""
    clients = [connect() for _ in range(3)]
    for client in clients:
        client.send("GEVENTCACHE", "CLOCK", "ADVANCE", 1000)
    threads = [threading.Thread(target=server.advance, args=(1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.receive()
    assert server.clock.time() == START_MS / 1000 + 5


def test_a_cache_travels_by_itself() -> None:
    """A cache without a hub moves its time too; its callback sees each key at its deadline, and may set it anew."""
    times: list[float] = []

    def again(keys: list[bytes]) -> None:
        for key in keys:
            times.append(cache.ttl("clock") or 0)
            cache.set(key, "v", ttl=10)

    with Cache(on_expired=again, clock="manual") as cache:
        cache.set("clock", "v", ttl=1000)
        cache.set("k", "v", ttl=10)
        cache.advance(35)
        assert times == [990, 980, 970]
        assert cache.ttl("k") == 5
        now_ms = cache.execute("GEVENTCACHE", "CLOCK", "ADVANCE", 5000)
        assert now_ms == cache.clock.time() * 1000
        assert times == [990, 980, 970, 960]
        with pytest.raises(ValueError, match="backwards"):
            cache.advance(-1)
        with pytest.raises(ResponseError, match="syntax"):
            cache.execute("GEVENTCACHE", "CLOCK", "BACK")
    with pytest.raises(ValueError, match="'manual'"):
        Cache(clock="sundial")  # type: ignore[arg-type]
