"""Faults that tests ask for: what a client sees of each, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from geventcache import Cache, ResponseError, Server

from ..support.client import Client
from ..support.process import eventually
from ..support.wire import request
from .conftest import wait_blocked
from .test_travel import opened

OpenOne = Callable[..., Client]
LOADING = "LOADING the data set is in memory soon"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    """A server for all tests of this module."""
    with Server(enable_debug_command="local") as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The server, begun anew."""
    running.reset()
    return running


@pytest.fixture
def connect(server: Server) -> Iterator[OpenOne]:
    """Open connections to the server."""
    with opened(server) as open_one:
        yield open_one


def is_special(server: Server) -> bool:
    """Does the gate look at every command?"""
    special: bool = server._call(lambda: server._app.engine.is_special)
    return special


def test_errors_so_many_times(server: Server, connect: OpenOne) -> None:
    """An error comes instead of the command, as often as it was to; then nothing is special any more."""
    client = connect()
    server.faults.fail("GET", LOADING, times=3)
    client.do("SET", "k", "v")
    assert [client.do("GET", "k").value for _ in range(4)] == [LOADING.encode()] * 3 + [b"v"]
    assert b"errorstat_LOADING:count=3" in client.do("INFO", "errorstats").value
    assert not is_special(server)


def test_a_command_is_not_run(server: Server, connect: OpenOne) -> None:
    """What failed has changed nothing; within MULTI it makes EXEC fail."""
    client = connect()
    server.faults.fail("INCR", "OOM", times=2)
    assert client.do("INCR", "n").value == b"OOM"
    client.do("MULTI")
    assert client.do("INCR", "n").is_error
    assert client.do("EXEC").value.startswith(b"EXECABORT")
    assert client.do("INCR", "n").value == 1


@pytest.mark.parametrize("count", [1, 3])
def test_pipelines(server: Server, connect: OpenOne, count: int) -> None:
    """In a pipeline of equal commands, too, each meets its own."""
    client = connect()
    server.faults.fail("PING", "ERR no", times=count)
    client.send_bytes(request((b"PING",)) * 5)
    assert [client.receive().is_error for _ in range(5)] == [True] * count + [False] * (5 - count)


def test_who_meets_it(server: Server, connect: OpenOne) -> None:
    """Patterns of user, client and key choose; a container's name stands for its subcommands."""
    ann, other = connect(), connect()
    ann.do("ACL", "SETUSER", "ann", "on", "nopass", "allkeys", "+@all")
    ann.do("AUTH", "ann", "x")
    other.do("CLIENT", "SETNAME", "worker-7")
    server.faults.fail("*", "ERR of user", user="ann")
    server.faults.fail("*", "ERR of client", client="worker-*", key="a[12]")
    server.faults.fail("object", "ERR of command")
    assert ann.do("PING").value == b"ERR of user"
    assert other.do("PING").value == b"PONG"
    assert other.do("MGET", "x", "a2").value == b"ERR of client"
    assert other.do("MGET", "x", "a3").is_error is False
    assert other.do("OBJECT", "ENCODING", "x").value == b"ERR of command"
    number = other.do("CLIENT", "ID").value
    server.faults.fail("ECHO", "ERR of number", client=str(number))
    assert other.do("ECHO", "x").value == b"ERR of number"
    assert connect().do("ECHO", "x").value == b"x"


def test_probability_with_a_seed(server: Server, connect: OpenOne) -> None:
    """The same seed throws the same dice."""
    client = connect()
    runs = []
    for _ in range(2):
        server.faults.fail("PING", "ERR unlucky", probability=0.5, seed=7)
        runs.append([client.do("PING").is_error for _ in range(50)])
        (hits,) = server.faults.hits().values()
        assert hits == sum(runs[-1])
        server.faults.clear()
    assert runs[0] == runs[1]
    assert 10 < sum(runs[0]) < 40


def test_a_delay_is_its_clients_alone(server: Server, connect: OpenOne) -> None:
    """Others are answered meanwhile; the client's next requests wait behind it, in their order."""
    slow, other = connect(), connect()
    server.faults.delay("SET", 0.05, times=1)
    slow.send_bytes(b"SET k v\r\nGET k\r\nSET k w\r\n")
    assert other.do("GET", "k").value is None
    assert not slow.has_input()
    assert [slow.receive().value for _ in range(3)] == [b"OK", b"v", b"OK"]
    assert not is_special(server)


def test_who_leaves_amid_a_delay_is_forgotten(server: Server, connect: OpenOne) -> None:
    """Nothing runs for a client that has gone, and the server stops at once."""
    server.faults.delay("SET", 3600)
    client, other = connect(), connect()
    client.send("SET", "k", "v")
    client.close()
    assert eventually(lambda: other.do("CLIENT", "LIST").value.count(b"\n") == 1)
    assert other.do("EXISTS", "k").value == 0


@pytest.mark.parametrize(
    ("when", "seen", "is_done"),
    [("before", b"+PONG\r\n", 0), ("amid", b"+PONG\r\n:1", 1), ("after", b"+PONG\r\n:1\r\n", 1)],
)
def test_connections_are_closed(server: Server, connect: OpenOne, when: str, seen: bytes, is_done: int) -> None:
    """Before the command it does not run; amid the reply and after it, it has. What came before is answered in full."""
    client = connect()
    server.faults.close("INCR", when, times=1)  # type: ignore[arg-type]
    client.send_bytes(b"PING\r\nINCR n\r\nPING\r\n")
    got = b""
    while part := client.socket.recv(100):
        got += part
    assert got == seen
    assert connect().do("EXISTS", "n").value == is_done


def test_a_long_reply_breaks_in_its_middle(server: Server, connect: OpenOne) -> None:
    """Half of a reply of any size comes."""
    client = connect()
    client.do("SET", "k", "x" * 1_000_000)
    server.faults.close("GET", "amid")
    client.send("GET", "k")
    got = bytearray()
    while part := client.socket.recv(1 << 16):
        got += part
    assert len(got) == 500_006


def test_a_lost_reply(server: Server, connect: OpenOne) -> None:
    """The command has run, no reply comes, and the connection stays."""
    client = connect()
    server.faults.drop("INCR", times=1)
    client.send("INCR", "n")
    assert client.do("GET", "n").value == b"1"


@pytest.mark.parametrize(
    ("when", "seen"), [("amid", b"*2\r\n$5\r\nque"), ("after", b"*2\r\n$5\r\nqueue\r\n$1\r\nv\r\n")]
)
def test_who_waits_loses_its_connection_with_the_reply(
    server: Server, connect: OpenOne, when: str, seen: bytes
) -> None:
    """A blocking command that waits meets its fault when its reply comes: the element has gone."""
    client, waiting = connect(), connect()
    server.faults.close("BLPOP", when, times=1)  # type: ignore[arg-type]
    waiting.send("BLPOP", "queue", 0)
    wait_blocked(client, 1)
    client.do("RPUSH", "queue", "v")
    got = b""
    while part := waiting.socket.recv(100):
        got += part
    assert got == seen
    assert client.do("LLEN", "queue").value == 0
    assert not is_special(server)


def test_connections_are_refused(server: Server, connect: OpenOne) -> None:
    """So many new ones are reset; those that are there stay."""
    client = connect()
    server.faults.refuse(times=2)
    for _ in range(2):
        with pytest.raises((ConnectionError, EOFError)):
            connect().do("PING")
    assert connect().do("PING").value == client.do("PING").value == b"PONG"


def test_commands_add_list_and_clear(server: Server, connect: OpenOne) -> None:
    """The same over a socket; what steers the server fails for nobody."""
    client = connect(3)
    words = "ERROR", "READONLY no", "COMMAND", "*", "TIMES", 5, "PROBABILITY", "1", "SEED", "3", "USER", "d*"
    assert client.do("GEVENTCACHE", "FAULT", "ADD", *words).value == 1
    assert client.do("GEVENTCACHE", "FAULT", "ADD", "CLOSE", "AMID", "KEY", "k").value == 2
    assert client.do("GEVENTCACHE", "FAULT", "ADD", "DELAY", 1).value == 3
    assert client.do("GEVENTCACHE", "FAULT", "ADD", "DROP").value == 4
    assert client.do("GEVENTCACHE", "FAULT", "ADD", "REFUSE").value == 5
    assert client.do("PING").value == b"READONLY no"
    first = {key.value: value.value for key, value in client.do("GEVENTCACHE", "FAULT", "LIST").value[0].value}
    assert first == {
        b"id": 1,
        b"kind": b"error",
        b"text": b"READONLY no",
        b"milliseconds": 0,
        b"command": b"*",
        b"user": b"d*",
        b"client": b"*",
        b"key": b"*",
        b"times": 5,
        b"probability": b"1",
        b"hits": 1,
    }
    assert client.do("GEVENTCACHE", "FAULT", "CLEAR", 1, 9).value == 1
    assert client.do("GEVENTCACHE", "FAULT", "CLEAR").value == 4
    assert client.do("PING").value == b"PONG"
    assert not is_special(server)


@pytest.mark.parametrize(
    "words",
    [
        *("ADD", "ADD ERROR", "ADD CLOSE", "ADD CLOSE EVER", "ADD DELAY -1", "ADD NONSENSE", "ADD DROP COLOUR red"),
        *("ADD DROP TIMES", "ADD DROP TIMES 0", "ADD DROP PROBABILITY 2", "LIST 1", "CLEAR x", "SHOW"),
    ],
)
def test_what_is_refused(server: Server, connect: OpenOne, words: str) -> None:
    """Wrong words are errors and add nothing."""
    client = connect()
    assert client.do("GEVENTCACHE", "FAULT", *words.split()).is_error
    assert client.do("GEVENTCACHE", "FAULT", "LIST").value == ()


def test_scripts_meet_none(server: Server, connect: OpenOne) -> None:
    """What a script calls belongs to EVAL, which may fail as a whole."""
    client = connect()
    server.faults.fail("SET", "ERR no")
    assert client.do("EVAL", "return redis.call('SET', 'k', 'v')", 0).value == b"OK"


def test_a_cache_can_fail() -> None:
    """Commands of a cache can fail; it has no connections that could."""
    with Cache() as cache:
        number = cache.faults.fail("GET", LOADING, key="k*")
        with pytest.raises(ResponseError, match="LOADING"):
            cache.get("k1")
        cache.faults.clear(number)
        assert cache.get("k1") is None
        with pytest.raises(ValueError, match="no connections"):
            cache.faults.drop("GET")
        with pytest.raises(ResponseError, match="no connections"):
            cache.execute("GEVENTCACHE", "FAULT", "ADD", "DELAY", 10)
        with pytest.raises(ValueError, match="one line"):
            cache.faults.fail("GET", "a\r\nb")
        with pytest.raises(ValueError, match="at least once"):
            cache.faults.fail("GET", "ERR", times=0)
