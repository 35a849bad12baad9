"""Connections: the order of what is sent, slow readers, and how they end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from ..support.client import Client
from ..support.wire import Reply, request
from .conftest import Connect, wait_until

MEGABYTE = b"x" * (1 << 20)
PING = b"*1\r\n$4\r\nPING\r\n"


def test_long_pipeline_is_answered_before_its_error(connect: Connect) -> None:
    """All requests before a protocol error are run, however many turns they take; the error is the last thing sent."""
    client = connect()
    count = 50_000
    client.send_bytes(PING * count + b"*1\r\n:1\r\n")
    for _ in range(count):
        assert client.receive() == Reply("+", b"PONG")
    assert client.receive() == Reply("-", b"ERR Protocol error: expected '$', got ':'")
    with pytest.raises(EOFError):
        client.receive()


def test_nothing_is_answered_after_quit(connect: Connect) -> None:
    """What follows QUIT is not run, a protocol error among it not told."""
    client = connect()
    client.send_bytes(request((b"QUIT",)) + request((b"SET", b"k", b"v")) + b"*1\r\n:1\r\n")
    assert client.receive() == Reply("+", b"OK")
    with pytest.raises((EOFError, ConnectionError)):
        client.receive()
    assert connect().do("EXISTS", "k") == Reply(":", 0)


def subscriber_of(connect: Connect, channel: str, protocol: int = 2) -> Client:
    """A client that listens to a channel."""
    client = connect(protocol)
    client.send("SUBSCRIBE", channel)
    client.receive()
    return client


def read_on(client: Client) -> None:
    """Read more than a server keeps for anybody."""
    for _ in range(100):
        client.receive()


def test_subscriber_that_does_not_read_is_closed(connect: Connect, control: Client) -> None:
    """client-output-buffer-limit ends a subscriber that leaves too much unread, and nobody else."""
    lazy, eager = subscriber_of(connect, "ch"), subscriber_of(connect, "ch")
    control.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 0 0")
    try:
        for _ in range(100):
            count = control.do("PUBLISH", "ch", MEGABYTE).value
            if count == 1:
                break
            assert eager.receive().value[2].value == MEGABYTE
        assert count == 1
        assert eager.receive().value[2].value == MEGABYTE
        with pytest.raises((EOFError, ConnectionError)):
            read_on(lazy)
    finally:
        control.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")


def test_publisher_reads_reply_before_message(connect: Connect) -> None:
    """A RESP3 client that sends much to itself, and reads late, gets each reply before the message it caused."""
    client = subscriber_of(connect, "ch", 3)
    count = 12
    for _ in range(count):
        client.send("PUBLISH", "ch", MEGABYTE)
    for _ in range(count):
        assert client.receive() == Reply(":", 1)
        assert client.receive().value[2].value == MEGABYTE


def test_leaver_is_no_subscriber(connect: Connect, control: Client) -> None:
    """A subscriber whose connection ends is counted no more."""
    client = subscriber_of(connect, "gone")
    assert control.do("PUBSUB", "NUMSUB", "gone").value[1] == Reply(":", 1)
    client.close()
    wait_until(lambda: control.do("PUBSUB", "NUMSUB", "gone").value[1] == Reply(":", 0))
    assert control.do("PUBSUB", "CHANNELS", "gone") == Reply("*", ())


def test_leaver_watches_nothing(connect: Connect, control: Client) -> None:
    """A watching client whose connection ends in a transaction leaves no watched key."""
    client = connect()
    client.do("WATCH", "k")
    client.do("MULTI")
    client.close()
    wait_until(lambda: b"total_watched_keys:0\r\n" in control.do("INFO", "clients").value)
    assert control.do("SET", "k", "v") == Reply("+", b"OK")


def test_expired_is_published_without_a_command(connect: Connect, control: Client) -> None:
    """A key's end is told when its time comes, once, though nobody asks for the key."""
    control.do("CONFIG", "SET", "notify-keyspace-events", "Ex")
    try:
        client = subscriber_of(connect, "__keyevent@0__:expired")
        for i in range(500):
            control.send("SET", f"key:{i}", "v", "PX", 20)
        for _ in range(500):
            control.receive()
        keys = [client.receive().value[2].value for _ in range(500)]
        assert sorted(keys) == sorted(b"key:%d" % i for i in range(500))
        assert client.do("PING", "end").value[1] == Reply("$", b"end")
    finally:
        with contextlib.suppress(EOFError):
            control.do("CONFIG", "SET", "notify-keyspace-events", "")


def test_connections_are_served_in_the_order_of_their_input(connect: Connect, control: Client) -> None:
    """What several connections send one after the other runs in that order, also where one poll finds it all."""
    clients = [connect() for _ in range(5)]
    for client in clients:
        client.do("PING")
    with one_poll(control):
        for i, client in enumerate(clients):
            client.send("RPUSH", "order", str(i))
    assert [client.receive().value for client in clients] == [1, 2, 3, 4, 5]


def test_all_that_one_poll_finds_is_answered(connect: Connect, control: Client) -> None:
    """Short replies and large ones, those of a script, an error that ends the connection, and a half-closed one."""
    control.do("SET", "large", MEGABYTE)
    short, large, script, broken, leaver = clients = [connect() for _ in range(5)]
    for client in clients:
        client.do("PING")
    with one_poll(control):
        short.send_bytes(PING * 3)
        large.send_bytes(PING + request((b"GET", b"large")) + PING)
        script.send_bytes(PING + request((b"EVAL", b"return 7", b"0")) + PING)
        broken.send_bytes(PING + b"*x\r\n")
        leaver.send_bytes(PING + request((b"QUIT",)))
    assert [short.receive().value for _ in range(3)] == [b"PONG"] * 3
    assert [large.receive().value for _ in range(3)] == [b"PONG", MEGABYTE, b"PONG"]
    assert [script.receive().value for _ in range(3)] == [b"PONG", 7, b"PONG"]
    assert [broken.receive().kind for _ in range(2)] == ["+", "-"]
    assert broken.is_closed()
    assert [leaver.receive().value for _ in range(2)] == [b"PONG", b"OK"]
    assert leaver.is_closed()


def test_reply_comes_before_the_message_of_one_served_later(connect: Connect, control: Client) -> None:
    """One poll finds a request, and one of another client that sends the first one a message."""
    client = subscriber_of(connect, "ch", 3)
    other = connect()
    with one_poll(control):
        client.send("PING")
        other.send("PUBLISH", "ch", "m")
    assert client.receive() == Reply("+", b"PONG")
    assert client.receive().value[2].value == b"m"
    assert other.receive().value == 1


@contextlib.contextmanager
def one_poll(control: Client) -> Iterator[None]:
    """What is sent meanwhile is found by one poll of the server, which stands still."""
    pid = int(control.do("INFO", "server").value.split(b"process_id:")[1].split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
