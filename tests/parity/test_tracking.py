"""Client-side caching: the options of CLIENT TRACKING, and the messages about keys that were changed."""

from __future__ import annotations

import pytest

from ..support.wire import split_line
from .match import unordered
from .pair import Pair, Twin

OPTIONS = """
    CLIENT TRACKING
    CLIENT TRACKING x
    CLIENT TRACKING on x
    CLIENT CACHING yes
    CLIENT CACHING x
    CLIENT TRACKING on REDIRECT
    CLIENT TRACKING on REDIRECT x
    CLIENT TRACKING on REDIRECT 0
    CLIENT TRACKING on REDIRECT 99999
    CLIENT TRACKING on PREFIX
    CLIENT TRACKING on PREFIX a
    CLIENT TRACKING on OPTIN OPTOUT
    CLIENT TRACKING on BCAST OPTIN
    CLIENT TRACKING on BCAST PREFIX a PREFIX ab
    CLIENT TRACKING on BCAST PREFIX a PREFIX a
    CLIENT TRACKING on BCAST PREFIX ab PREFIX a
    CLIENT TRACKING on BCAST PREFIX b PREFIX a
    CLIENT TRACKING on BCAST PREFIX c
    CLIENT TRACKING on BCAST PREFIX cc
    CLIENT TRACKING on
    CLIENT TRACKING on BCAST
    CLIENT TRACKING on BCAST PREFIX ""
    CLIENT TRACKING on BCAST NOLOOP
    CLIENT TRACKING on OPTIN
    CLIENT TRACKING off BCAST
    CLIENT TRACKING on OPTIN
    CLIENT CACHING no
    CLIENT CACHING x
    CLIENT CACHING yes
    PING
    CLIENT TRACKING on OPTOUT
    CLIENT TRACKING on
    CLIENT CACHING no
    CLIENT TRACKING off OPTOUT OPTIN
    CLIENT TRACKING on OPTOUT
    CLIENT CACHING yes
    CLIENT CACHING no
    GET x
    CLIENT TRACKING on NOLOOP
    RESET
"""
# Who does what: c caches, o changes.
CONVERSATIONS = {
    "default": """
        c CLIENT TRACKING on
        c GET x
        o SET x 1
        o SET x 2
        c GET x
        c SET x 3
        c MGET x y z
        o MSET x 1 y 2 z 3
        c EXISTS x
        o DEL x
        c HGET h f
        o HSET h f 1
        c HGETALL h
        o HDEL h f
        c LRANGE l 0 -1
        o RPUSH l a b
        c LLEN l
        o LPOP l
        c LLEN l
        o LSET l 0 b
        c LLEN l
        o LREM l 0 nothing
        o DEL l
        c GET w
        o SELECT 1
        o SET w 1
        c TYPE w
        o SELECT 0
        o SET w 1
        o RENAME w v
        c GET w
        c GET v
        o RENAME v w
        o RENAME w v
        c GET v
        o EXPIRE v 100
        c GET v
        o PERSIST v
        c GET v
        o TOUCH v
        o OBJECT ENCODING v
        o COPY v u
        o COPY u v REPLACE
    """,
    "transactions": """
        c CLIENT TRACKING on
        c MULTI
        c GET x
        c GET y
        c EXEC
        c SET x 5
        c GET x
        c MULTI
        c SET x 1
        c GET x
        c SET x 2
        c EXEC
        o MULTI
        o SET x 1
        o SET x 2
        o EXEC
    """,
    "flush": """
        o SET x 1
        c CLIENT TRACKING on
        c GET x
        o FLUSHALL
        o FLUSHDB
        c GET x
        o FLUSHDB
        o SET x 1
    """,
    "noloop": """
        c CLIENT TRACKING on NOLOOP
        c GET x
        c SET x 1
        o SET x 2
        c GET x
        o SET x 2
        c CLIENT TRACKING off
        c CLIENT TRACKING on NOLOOP BCAST
        c SET x 1
        o SET x 1
    """,
    "opt in": """
        c CLIENT TRACKING on OPTIN
        c GET x
        o SET x 1
        c CLIENT CACHING yes
        c GET x
        o SET x 1
        c GET x
        o SET x 1
        c CLIENT CACHING yes
        c MULTI
        c GET x
        c GET y
        c EXEC
        o MSET x 1 y 1
        c MULTI
        c CLIENT CACHING yes
        c GET x
        c GET y
        c EXEC
        o MSET x 1 y 1
        c GET x
        o SET x 1
    """,
    "opt out": """
        c CLIENT TRACKING on OPTOUT
        c CLIENT CACHING no
        c GET x
        o SET x 1
        c GET x
        o SET x 1
    """,
    "broadcast": """
        c CLIENT TRACKING on BCAST PREFIX u: PREFIX v:
        o SET x 1
        o SET u:1 1
        o MSET u:1 1 v:2 2 u:1 2 u:3 3 w 1
        c SET v:1 2
        o MULTI
        o SET u:1 1
        o SET u:1 2
        o EXEC
        o DEL u:1 u:3
        o FLUSHALL
        c CLIENT TRACKING off
        o SET u:1 1
    """,
    "scripts": """
        c CLIENT TRACKING on
        c EVAL "return redis.call('get','x')" 0
        o SET x 9
        c EVAL "return redis.call('get','n')" 1 x
        o SET x 9
        o EVAL "return redis.call('set','n','1')" 0
    """,
    "what is no read": """
        c CLIENT TRACKING on
        c SUNIONSTORE d x y
        o SADD x 1
        c SORT x
        o SADD x 2
        c GETDEL q
        o SET q 1
        c GETEX q
        o SET q 1
        c GETSET q 1
        o SET q 2
    """,
}


def converse(pair: Pair, script: str, *listeners: Twin) -> None:
    """Send lines for the caching and the other client; after each, compare what everybody got.

    Who is in a transaction, or has said CLIENT CACHING, is looked at later: that takes a command.
    """
    people = {"c": pair.client("cache"), "o": pair.client("other")}
    busy: set[Twin] = set()
    for line in script.strip().splitlines():
        who, _, request = line.strip().partition(" ")
        people[who].do(*split_line(request))
        if request.startswith(("MULTI", "CLIENT CACHING")):
            busy.add(people[who])
        elif request == "EXEC" or "MULTI" not in script:
            busy.discard(people[who])
        for person in (*people.values(), *listeners):
            if person not in busy:
                person.drain()


def test_options(pair: Pair) -> None:
    """Each set of options is accepted or refused, and shown, as by the reference."""
    for line in OPTIONS.strip().splitlines():
        pair.do(*split_line(line.strip()))
        pair.do("CLIENT", "TRACKINGINFO", match=unordered())
        pair.do("CLIENT", "GETREDIR")


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_messages(pair: Pair, name: str) -> None:
    """The same messages come after the same commands; to a RESP2 client none."""
    converse(pair, CONVERSATIONS[name])


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("protocol", [2, 3])
def test_redirected_messages(pair: Pair, name: str, protocol: int) -> None:
    """Messages that are redirected go to the other client: published in RESP2, where it has subscribed."""
    if name == "noloop":
        pytest.skip("turns tracking off and on without a redirection")
    if "FLUSH" in CONVERSATIONS[name] and protocol != pair.protocol:
        pytest.skip("the reference sends the other protocol's null")
    listener = pair.client("listener", protocol)
    ids = [str(client.do("CLIENT", "ID").value) for client in listener.clients]
    listener.send("SUBSCRIBE", "__redis__:invalidate")
    listener.drain()
    first, _, rest = CONVERSATIONS[name].strip().partition("CLIENT TRACKING on")
    options, _, script = rest.partition("\n")
    if "SET x" in first:
        converse(pair, first.rpartition("\n")[0])
    words = [split_line(f"CLIENT TRACKING on REDIRECT {number} {options}") for number in ids]
    pair.client("cache").send_each(*words)
    converse(pair, script, listener)


def test_move_that_waited_is_told_of_after_its_reply(pair: Pair) -> None:
    """A client hears of what its own command changed after the reply, and of what others change at once."""
    if pair.protocol == 2:
        pytest.skip("RESP2 has no messages among replies")
    waiter = pair.client("waiter")
    for words in (("CLIENT", "TRACKING", "on"), ("LRANGE", "source", 0, -1), ("LRANGE", "target", 0, -1)):
        waiter.do(*words)
    waiter.send("BLMOVE", "source", "target", "LEFT", "LEFT", 0)
    pair.wait_blocked(1)
    pair.do("RPUSH", "source", "x")
    told = [waiter.receive() for _ in range(3)]
    assert [reply.is_push for reply in told] == [True, False, True]
