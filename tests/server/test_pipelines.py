"""Pipelines of equal commands: each is answered, counted and followed up as if it had come alone."""

from __future__ import annotations

from ..support.client import Client
from ..support.wire import Reply, request
from .conftest import Connect, wait_blocked

COUNT = 100


def pipeline(*arguments: bytes) -> bytes:
    """The same request many times over."""
    return request(arguments) * COUNT


def calls_of(control: Client, command: bytes) -> bytes:
    """What INFO tells of a command's calls, without times."""
    lines = control.do("INFO", "commandstats").value.split(b"\r\n")
    line = next(line for line in lines if line.startswith(b"cmdstat_%b:" % command))
    return b",".join(field for field in line.split(b":")[1].split(b",") if not field.startswith(b"usec"))


def test_failures_are_answered_in_their_places(connect: Connect, control: Client) -> None:
    """Calls that fail among others are answered in their turn, and counted."""
    client = connect()
    client.do("SET", "text", "x")
    control.do("CONFIG", "RESETSTAT")
    client.send_bytes((request((b"INCR", b"n")) + request((b"INCR", b"text")) + request((b"INCR", b"n"))) * COUNT)
    kinds = "".join(client.receive().kind for _ in range(3 * COUNT))
    assert kinds == ":-:" * COUNT
    assert calls_of(control, b"incr") == b"calls=%d,rejected_calls=0,failed_calls=%d" % (3 * COUNT, COUNT)


def test_blocked_client_is_served_amid_a_pipeline(connect: Connect, control: Client) -> None:
    """A client that waits for an element gets the first that is pushed, not the last."""
    waiter, client = connect(), connect()
    waiter.send("BRPOP", "l", 0)
    wait_blocked(control, 1)
    client.send_bytes(pipeline(b"LPUSH", b"l", b"v"))
    lengths = [client.receive().value for _ in range(COUNT)]
    assert lengths == [1, *range(1, COUNT)]
    assert waiter.receive().plain() == [b"l", b"v"]


def test_own_messages_follow_their_commands(connect: Connect, control: Client) -> None:
    """A RESP3 client that hears of its own changes reads each event after the reply of the command that made it."""
    control.do("CONFIG", "SET", "notify-keyspace-events", "KA")
    try:
        client = connect(3)
        client.send("SUBSCRIBE", "__keyspace@0__:k")
        assert client.receive().is_push
        client.send_bytes(pipeline(b"SET", b"k", b"v"))
        kinds = [client.receive().kind for _ in range(2 * COUNT)]
    finally:
        control.do("CONFIG", "SET", "notify-keyspace-events", "")
    assert kinds.count("+") == COUNT
    assert "".join(kinds).replace("+>", "") == ""


def test_slow_log_has_every_call(connect: Connect, control: Client) -> None:
    """With a threshold of 0 each call of a pipeline has an entry of its own, with its arguments."""
    client = connect()
    control.do("CONFIG", "SET", "slowlog-log-slower-than", 0)
    try:
        client.send_bytes(pipeline(b"GET", b"k"))
        assert [client.receive() for _ in range(COUNT)] == [Reply("$", None)] * COUNT
    finally:
        control.do("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
    entries = control.do("SLOWLOG", "GET", -1).plain()
    assert [entry[3] for entry in entries].count([b"GET", b"k"]) == COUNT


def test_large_replies_are_logged(connect: Connect, control: Client) -> None:
    """Replies that are large enough for their log are found among others of the same command."""
    client = connect()
    client.do("SET", "large", b"x" * 5000)
    control.do("CONFIG", "SET", "commandlog-reply-larger-than", 4096)
    control.do("COMMANDLOG", "RESET", "large-reply")
    try:
        client.send_bytes((request((b"GET", b"none")) + request((b"GET", b"large"))) * COUNT)
        for _ in range(2 * COUNT):
            client.receive()
        assert control.do("COMMANDLOG", "LEN", "large-reply") == Reply(":", COUNT)
    finally:
        control.do("CONFIG", "SET", "commandlog-reply-larger-than", 1 << 20)
