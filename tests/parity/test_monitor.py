"""MONITOR: which commands are shown, how, and what a client that watches may still do."""

from __future__ import annotations

import re

import pytest

from ..support.inprocess import InProcessServer
from ..support.wire import Reply, split_line
from .pair import Pair, Twin

SHOWN = r"""
    SET x "a b\n\x00\xff\"q\\"
    get x
    CONFIG GET nosuch
    AUTH default password
    HELLO 2 AUTH default password SETNAME name
    ACL WHOAMI
    SELECT 1
    MULTI
    GET x
    SET y 1
    EXEC
    EVAL "return redis.call('GET',KEYS[1])" 1 kk
    MULTI
    EVAL "return redis.call('GET','q')" 0
    DISCARD
    MULTI
    EVAL "return redis.call('GET','q')" 0
    EXEC
    NOSUCH a
    GET
    PUBLISH a b
    SUBSCRIBE q
    UNSUBSCRIBE q
    BLPOP zz 0.01
    SET x 1 EX 0
    MULTI
    MONITOR
    EXEC
    LPUSH x 1
    ECHO ""
    RESET
"""
TIME_AND_ADDRESS = re.compile(rb"\d+\.\d{6} \[(\d+) (?:127\.0\.0\.1:\d+|(lua))\]")


def without_time(reply: Reply) -> Reply:
    """A line with its time and its address taken out."""
    if reply.kind != "+":
        return reply
    return Reply("+", TIME_AND_ADDRESS.sub(rb"[\1 \2]", reply.value))


def same_lines(reference: Reply, subject: Reply, path: str):  # type: ignore[no-untyped-def]
    """Accept the same messages at other times."""
    one, other = ([without_time(reply) for reply in replies.value] for replies in (reference, subject))
    if one != other:
        yield f"{path}: {one} and {other}"


def watch(pair: Pair) -> Twin:
    """A client that watches both servers."""
    monitor = pair.client("monitor")
    monitor.do("MONITOR")
    return monitor


def test_lines(resp2_pair: Pair) -> None:
    """The same commands are shown in the same order, without passwords and without commands of administration."""
    monitor = watch(resp2_pair)
    for line in SHOWN.strip().splitlines():
        sent = split_line(line.strip())
        resp2_pair.client("sender").do(*sent, match=lambda *_: iter(()))
    resp2_pair.client("sender").do("PING")
    monitor.drain(same_lines)


@pytest.mark.parametrize("line", ["GET x", "SET x 1", "EVAL 'return 1' 0", "PING", "MONITOR"])
def test_a_monitor_has_no_data(pair: Pair, line: str) -> None:
    """A client that watches may not touch keys until RESET."""
    monitor = watch(pair)
    monitor.send(*split_line(line))
    monitor.drain(same_lines)
    monitor.send("RESET")
    monitor.drain(same_lines)
    monitor.do("SET", "x", "1")
    monitor.drain(same_lines)


SECRETS = """
    ACL SETUSER carl on >pw ~* +@all
    acl setuser carl nosuch >pw
    ACL GETUSER carl
    AUTH default pw
    AUTH pw
    HELLO 2 AUTH bob pw
    HELLO 2 SETNAME AUTH AUTH default pw
    HELLO 2 AUTH default pw NOSUCH
    CONFIG SET requirepass pw maxclients 1000
    CONFIG SET maxclients requirepass requirepass pw
    CONFIG SET maxclients 1000 tls-key-file-pass pw
    CONFIG SET requirepass ""
    CONFIG GET requirepass
    SET requirepass pw
    MULTI
    ACL SETUSER carl >q
    AUTH z
    HELLO 2 AUTH a b
    SET k v
    EXEC
    EVAL "return redis.pcall('SET','requirepass','q')" 0
    ACL DELUSER carl
"""


def same_requests(reference: Reply, subject: Reply, path: str):  # type: ignore[no-untyped-def]
    """Accept the same entries of a log, whatever was measured and whenever."""
    one, other = ([entry.value[3] for entry in log.value] for log in (reference, subject))
    if one != other:
        yield f"{path}: {one} and {other}"


def test_the_slow_log_redacts_the_same_arguments(resp2_pair: Pair) -> None:
    """The log of slow commands shows the same requests without the same arguments."""
    resp2_pair.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
    sender = resp2_pair.client("sender")
    for line in SECRETS.strip().splitlines():
        resp2_pair.do("SLOWLOG", "RESET")
        sender.do(*split_line(line.strip()), match=lambda *_: iter(()))
        resp2_pair.do("SLOWLOG", "GET", "-1", match=same_requests)
    resp2_pair.do("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    resp2_pair.do("SLOWLOG", "RESET")
    resp2_pair.do("ACL", "LOG", "RESET")


@pytest.mark.parametrize("mode", ["OFF", "SKIP"])
def test_who_wants_no_replies_is_shown_nothing(mode: str) -> None:
    """CLIENT REPLY holds for the lines as well, as with the reference."""
    server = InProcessServer()
    watcher = server.session()
    watcher.do("MONITOR")
    [client] = server.state.monitors.clients
    watcher.do("CLIENT", "REPLY", mode)
    client.outbox.clear()
    server.session().do("GET", "k")
    assert not client.outbox
    watcher.do("CLIENT", "REPLY", "ON")
    server.session().do("GET", "k")
    assert len(client.outbox) == 1
