"""Blocked clients over sockets: what they get, what comes after, and what is left of those that go."""

from __future__ import annotations

import pytest

from ..support.client import Client
from ..support.wire import Reply, request
from .conftest import Connect, wait_blocked

POPPED = Reply("*", (Reply("$", b"q"), Reply("$", b"a")))
UNBLOCKED = Reply("-", b"UNBLOCKED client unblocked via CLIENT UNBLOCK")


def blocked(connect: Connect, control: Client, protocol: int = 2) -> Client:
    """A client that waits for the list `q`."""
    client = connect(protocol)
    client.send("BLPOP", "q", 0)
    wait_blocked(control, 1)
    return client


def test_pipeline_behind_a_blocked_command_waits(connect: Connect, control: Client) -> None:
    """What a client sent after a blocking command runs after it, in order."""
    client = connect()
    client.send_bytes(
        b"".join(request(argv) for argv in ((b"BLPOP", b"q", b"0"), (b"SET", b"k", b"v"), (b"GET", b"k")))
    )
    wait_blocked(control, 1)
    client.send("ECHO", "last")
    assert control.do("EXISTS", "k") == Reply(":", 0)
    assert not client.has_input()
    control.do("RPUSH", "q", "a")
    assert [client.receive() for _ in range(4)] == [POPPED, Reply("+", b"OK"), Reply("$", b"v"), Reply("$", b"last")]


def test_first_come_first_served(connect: Connect, control: Client) -> None:
    """Clients that wait for one key are served in the order in which they came, one push for all of them."""
    clients = []
    for count in range(1, 4):
        clients.append(connect())
        clients[-1].send("BLPOP", "q", 0)
        wait_blocked(control, count)
    assert control.do("RPUSH", "q", "a", "b", "c") == Reply(":", 3)
    assert [client.receive().value[1].value for client in clients] == [b"a", b"b", b"c"]
    assert control.do("EXISTS", "q") == Reply(":", 0)


@pytest.mark.parametrize("last_words", [b"", b"*1\r\n$4\r\nPING\r\n", b"*x\r\n"])
def test_leaver_takes_nothing(connect: Connect, control: Client, last_words: bytes) -> None:
    """A blocked client whose connection ends does not swallow what comes afterwards, whatever it has said before."""
    client = blocked(connect, control)
    client.send_bytes(last_words)
    client.close()
    wait_blocked(control, 0)
    assert control.do("RPUSH", "q", "a") == Reply(":", 1)
    assert control.do("LRANGE", "q", 0, -1) == Reply("*", (Reply("$", b"a"),))


def test_killed_while_blocked(connect: Connect, control: Client) -> None:
    """A blocked client that is killed reads the end of the connection and takes nothing."""
    client = connect()
    number = client.do("CLIENT", "ID").value
    client.send("BLPOP", "q", 0)
    wait_blocked(control, 1)
    assert control.do("CLIENT", "KILL", "ID", number) == Reply(":", 1)
    with pytest.raises(EOFError):
        client.receive()
    wait_blocked(control, 0)
    control.do("RPUSH", "q", "a")
    assert control.do("LLEN", "q") == Reply(":", 1)


@pytest.mark.parametrize(
    ("how", "reply"), [((), Reply("*", None)), (("TIMEOUT",), Reply("*", None)), (("ERROR",), UNBLOCKED)]
)
def test_unblocked_by_another_client(connect: Connect, control: Client, how: tuple[str, ...], reply: Reply) -> None:
    """CLIENT UNBLOCK ends the wait as a timeout or with an error; the client goes on with what it sent meanwhile."""
    client = connect()
    number = client.do("CLIENT", "ID").value
    client.send("BLPOP", "q", 0)
    client.send("PING")
    wait_blocked(control, 1)
    assert control.do("CLIENT", "UNBLOCK", number, *how) == Reply(":", 1)
    assert client.receive() == reply
    assert client.receive() == Reply("+", b"PONG")
    assert control.do("CLIENT", "UNBLOCK", number, *how) == Reply(":", 0)


def test_timeout_is_answered(connect: Connect, control: Client) -> None:
    """When its time is over a client gets a null array, and what it sent meanwhile is run."""
    client = connect()
    client.send("BLPOP", "q", "0.01")
    client.send("PING")
    assert client.receive() == Reply("*", None)
    assert client.receive() == Reply("+", b"PONG")
    client.send("BLPOP", "q", "0")
    wait_blocked(control, 1)
    control.do("RPUSH", "q", "a")
    assert client.receive() == POPPED


def test_messages_reach_a_blocked_client(connect: Connect, control: Client) -> None:
    """A RESP3 client that waits for a key still gets the messages of its channels, at once."""
    client = connect(3)
    client.send("SUBSCRIBE", "ch")
    assert client.receive().is_push
    client.send("BLPOP", "q", 0)
    wait_blocked(control, 1)
    assert control.do("PUBLISH", "ch", "hello") == Reply(":", 1)
    assert client.receive() == Reply(">", (Reply("$", b"message"), Reply("$", b"ch"), Reply("$", b"hello")))
    control.do("RPUSH", "q", "a")
    assert client.receive() == POPPED


def test_blocked_by_a_transaction_is_not(connect: Connect) -> None:
    """In a transaction a blocking command gets at once what it would get after its time."""
    client = connect()
    for argv in (("MULTI",), ("BLPOP", "q", 0), ("PING",)):
        client.do(*argv)
    assert client.do("EXEC") == Reply("*", (Reply("*", None), Reply("+", b"PONG")))


def test_served_by_a_transaction_after_all_of_it(connect: Connect, control: Client) -> None:
    """A client that waits sees what a transaction left, not what was there in between."""
    client = blocked(connect, control)
    for argv in (("MULTI",), ("RPUSH", "q", "x"), ("DEL", "q"), ("RPUSH", "q", "a")):
        control.do(*argv)
    assert control.do("EXEC").value[1] == Reply(":", 1)
    assert client.receive() == POPPED


@pytest.mark.parametrize("mode", ["OFF", "SKIP"])
def test_unwanted_reply_of_a_blocked_client(connect: Connect, control: Client, mode: str) -> None:
    """CLIENT REPLY holds for the reply that comes late, and for no more than it should."""
    client = connect()
    client.send("CLIENT", "REPLY", mode)
    client.send("BLPOP", "q", 0)
    wait_blocked(control, 1)
    control.do("RPUSH", "q", "a")
    wait_blocked(control, 0)
    client.send("CLIENT", "REPLY", "ON")
    assert client.receive() == Reply("+", b"OK")


def test_watching_while_another_pops(connect: Connect, control: Client) -> None:
    """A blocked pop that is served changes the key for clients that watch it."""
    watcher = connect()
    watcher.do("WATCH", "q")
    client = blocked(connect, control)
    control.do("RPUSH", "q", "a")
    assert client.receive() == POPPED
    watcher.do("MULTI")
    assert watcher.do("EXEC") == Reply("*", None)


def test_paused_writes_wait_in_order(connect: Connect, control: Client) -> None:
    """A paused client's requests are kept, and all run when the pause ends; those of a killed one are not."""
    writer, victim = connect(), connect()
    number = victim.do("CLIENT", "ID").value
    control.do("CLIENT", "PAUSE", 100_000, "WRITE")
    writer.send("SET", "k", "1")
    writer.send("GET", "k")
    victim.send("SET", "k", "2")
    wait_blocked(control, 2)
    assert control.do("CLIENT", "KILL", "ID", number) == Reply(":", 1)
    assert control.do("CLIENT", "UNPAUSE") == Reply("+", b"OK")
    assert [writer.receive(), writer.receive()] == [Reply("+", b"OK"), Reply("$", b"1")]
    assert control.do("GET", "k") == Reply("$", b"1")
