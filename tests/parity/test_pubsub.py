"""Publish and subscribe: confirmations, messages, what a subscriber may do, and what PUBSUB tells.

In RESP3 confirmations and messages are pushes and no replies, so most tests send a line and compare all that came.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from ..support.wire import Reply, split_line
from .match import exact, unordered
from .pair import END, Pair, Twin

SCRIPTS = {
    "wrong arguments": """
        SUBSCRIBE
        PSUBSCRIBE
        SSUBSCRIBE
        PUBLISH
        PUBLISH a
        PUBLISH a b c
        SPUBLISH a
        SPUBLISH a b c
        PUBSUB
        PUBSUB NOSUCH
        PUBSUB NOSUCH a b
        PUBSUB CHANNELS a b
        pubsub CHANNELS a b c
        PUBSUB SHARDCHANNELS a b
        PUBSUB NUMPAT x
        PUBSUB HELP x
    """,
    "nobody listens": r"""
        PUBLISH a b
        PUBLISH "" ""
        SPUBLISH "a\r\nb" "\x00\xff"
        PUBSUB CHANNELS
        PUBSUB CHANNELS *
        PUBSUB NUMSUB
        PUBSUB NUMSUB a b a
        PUBSUB NUMPAT
        PUBSUB SHARDCHANNELS
        PUBSUB SHARDNUMSUB
        PUBSUB SHARDNUMSUB a
    """,
}
CONVERSATIONS = {
    "channels": r"""
        SUBSCRIBE a b a
        SUBSCRIBE "" "x\r\ny"
        UNSUBSCRIBE a nosuch
        UNSUBSCRIBE a
        UNSUBSCRIBE b "" "x\r\ny"
        UNSUBSCRIBE
        UNSUBSCRIBE
        UNSUBSCRIBE a b
    """,
    "patterns count with channels, shard channels apart": """
        SUBSCRIBE a
        PSUBSCRIBE a* b*
        SSUBSCRIBE s t
        PUNSUBSCRIBE a*
        SUNSUBSCRIBE s
        PUNSUBSCRIBE
        SUNSUBSCRIBE
        SUNSUBSCRIBE
        SUNSUBSCRIBE x y
        UNSUBSCRIBE
        PUNSUBSCRIBE
    """,
    "shard channels in a transaction": """
        MULTI
        SSUBSCRIBE s
        SUNSUBSCRIBE s
        SPUBLISH s x
        EXEC
        SPUBLISH s x
    """,
    "what a RESP2 subscriber may do": """
        SSUBSCRIBE s
        PING
        PING hello
        PING a b
        GET k
        get k
        MULTI
        EXEC
        EXEC surplus
        WATCH k
        nosuch
        GET
        CLIENT NOSUCH
        CLIENT GETNAME
        PUBSUB NUMPAT
        PUBLISH a b
        CONFIG GET nosuch
        RESET
        GET k
        PING
    """,
    "subscriptions in a transaction": """
        MULTI
        SUBSCRIBE x
        GET k
        PUBLISH x hello
        UNSUBSCRIBE
    """,
}


def say(twin: Twin, line: str, match: object = exact) -> None:
    """Send a line and compare all that comes back."""
    twin.send(*split_line(line))
    twin.drain(match)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SCRIPTS)
def test_pubsub_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


@pytest.mark.parametrize("name", [name for name in CONVERSATIONS if "transaction" not in name])
def test_conversation(pair: Pair, name: str) -> None:
    """Each line of a subscriber is answered by the same messages."""
    if "RESP2" in name and pair.protocol == 3:
        pytest.skip("a RESP3 subscriber may do everything")
    for line in filter(None, map(str.strip, CONVERSATIONS[name].splitlines())):
        say(pair, line)


def test_subscriptions_in_a_transaction(pair: Pair) -> None:
    """A transaction may subscribe, go on as if it had not, and gets its own messages after its replies."""
    pair.play(CONVERSATIONS["subscriptions in a transaction"])
    say(pair, "EXEC")
    pair.play("MULTI\nSUBSCRIBE a b\nPUBLISH a hello\nSET k v")
    say(pair, "EXEC")
    say(pair, "GET k")


def test_help_frames(pair: Pair) -> None:
    """PUBSUB HELP begins and ends as the reference's; the texts between are our own."""
    reference, subject = (client.do("PUBSUB", "HELP").value for client in pair.clients)
    assert [reference[0], *reference[-2:]] == [subject[0], *subject[-2:]]


def test_messages_by_each_name(pair: Pair) -> None:
    """A message comes once for the channel and once for each pattern that matches, whatever is in it."""
    listener = pair.client("listener")
    for line in ("SUBSCRIBE ch", "PSUBSCRIBE c* *h [a-c]? x*", 'SUBSCRIBE "a\\r\\nb" ""', "SSUBSCRIBE ch"):
        say(listener, line)
    for channel in ("ch", "c", "cx", "a\r\nb", "", "x"):
        for message in (b"hello", b"", b"\x00\r\n\xff", b"z" * 100_000):
            pair.do("PUBLISH", channel, message)
            pair.do("SPUBLISH", channel, message)
            listener.drain(unordered())


@pytest.mark.parametrize("pattern", ["*", "", "?", "[", "[^a]", "\\*", "a\\", "*a*b*", "[a-", "[z-a]", "**"])
def test_patterns_match_alike(pair: Pair, pattern: str) -> None:
    """A pattern matches the same channels, in PSUBSCRIBE and in PUBSUB CHANNELS."""
    listener = pair.client("listener")
    listener.send("PSUBSCRIBE", pattern)
    listener.drain()
    for channel in ("", "a", "b", "*", "[", "aXbX", "\\", "a\\", "]", "-"):
        pair.do("PUBLISH", channel, "m")
        listener.drain()
        listener.send("SUBSCRIBE", channel)
        listener.drain()
    pair.do("PUBSUB", "CHANNELS", pattern, match=unordered())


def test_publisher_hears_itself(resp2_pair: Pair) -> None:
    """A RESP3 client that publishes to itself reads the reply, then the message."""
    twin = resp2_pair.client("own", 3)
    for line in ("SUBSCRIBE a", "PSUBSCRIBE a*", "SSUBSCRIBE a", "PUBLISH a x", "SPUBLISH a y", "PUBLISH b z"):
        say(twin, line)
    twin.send("MULTI")
    twin.send("PUBLISH", "a", "1")
    twin.send("PING")
    twin.send("EXEC")
    for _ in range(6):
        twin.receive()


def test_messages_though_replies_are_off(resp2_pair: Pair) -> None:
    """CLIENT REPLY OFF and SKIP hold for replies, not for confirmations and messages."""
    twin = resp2_pair.client("own", 3)
    for mode in ("OFF", "SKIP"):
        twin.send("CLIENT", "REPLY", mode)
        twin.send("SUBSCRIBE", "a")
        twin.receive()
        twin.send("PUBLISH", "a", "x")
        twin.send("CLIENT", "REPLY", "ON")
        twin.drain()


def test_protocol_changes_while_subscribed(resp2_pair: Pair) -> None:
    """A RESP3 subscriber that goes back to RESP2 gets arrays, and may do no more than a subscriber may."""
    twin = resp2_pair.client("both", 3)
    say(twin, "SUBSCRIBE a")
    resp2_pair.do("PUBLISH", "a", "1")
    twin.receive()
    twin.send("HELLO", "2")
    for client in twin.clients:
        assert client.receive().kind == "*"
    resp2_pair.do("PUBLISH", "a", "2")
    twin.receive()
    say(twin, "GET k")
    say(twin, "HELLO 3")


def test_channels_are_counted(pair: Pair) -> None:
    """PUBSUB tells which names are in use and by how many, and forgets those who left."""
    for name, line in (("a", "SUBSCRIBE x y"), ("b", "SUBSCRIBE x"), ("b", "PSUBSCRIBE p* q*"), ("c", "PSUBSCRIBE p*")):
        say(pair.client(name), line)
    say(pair.client("c"), "SSUBSCRIBE s x")
    asked = """
        unordered: PUBSUB CHANNELS
        PUBSUB CHANNELS y*
        PUBSUB NUMSUB x y z
        PUBSUB NUMPAT
        unordered: PUBSUB SHARDCHANNELS
        PUBSUB SHARDCHANNELS s*
        PUBSUB SHARDNUMSUB s x y
    """
    pair.play(asked)
    pair.client("b").send("RESET")
    assert pair.client("b").receive() == Reply("+", b"RESET")
    pair.play(asked)
    pair.client("a").send("QUIT")
    assert pair.client("a").receive() == Reply("+", b"OK")
    assert pair.client("a").receive() == END
    pair.wait_until(lambda client: client.do("PUBSUB", "NUMSUB", "x").value[1] == Reply(":", 0))
    pair.play(asked)


def test_published_is_held_back_with_writes(pair: Pair) -> None:
    """A pause of writes holds PUBLISH and SPUBLISH back."""
    publisher = pair.client("publisher")
    pair.do("CLIENT", "PAUSE", 100_000, "WRITE")
    try:
        publisher.send("PUBLISH", "a", "x")
        publisher.send("SPUBLISH", "a", "x")
        pair.do("PUBSUB", "NUMPAT")
        assert publisher.is_silent()
    finally:
        pair.do("CLIENT", "UNPAUSE")
    assert [publisher.receive(), publisher.receive()] == [Reply(":", 0)] * 2


LINES = """
    SUBSCRIBE a | SUBSCRIBE a b c | UNSUBSCRIBE a | UNSUBSCRIBE b a | UNSUBSCRIBE | PSUBSCRIBE * | PSUBSCRIBE a* ?
    PUNSUBSCRIBE * | PUNSUBSCRIBE ? | PUNSUBSCRIBE | SSUBSCRIBE a c | SUNSUBSCRIBE | SUNSUBSCRIBE a | PING
"""


def same_messages(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match messages in any order, as that of names is free; so is the order in which UNSUBSCRIBE takes all of them."""
    yield from unordered()(_split(reference), _split(subject), path)


def _split(messages: Reply) -> Reply:
    """Take the names of the UNSUBSCRIBE confirmations apart from their counts."""
    found = []
    for message in messages.value:
        kind = message.value[0].value if isinstance(message.value, tuple) else b""
        if kind.endswith(b"unsubscribe"):
            found += [Reply("*", message.value[:2]), Reply("*", (message.value[0], message.value[2]))]
        else:
            found.append(message)
    return Reply("*", tuple(found))


@pytest.mark.parametrize("seed", range(6))
def test_subscribers_in_step(pair: Pair, seed: int) -> None:
    """After any sequence of subscriptions every client gets the same messages, and as many are counted."""
    draw = random.Random(seed)
    lines = [line.strip() for line in LINES.strip().replace("\n", "|").split("|")]
    names = ("x", "y", "z")
    for _ in range(40):
        twin = pair.client(draw.choice(names))
        twin.send(*draw.choice(lines).split())
        twin.drain(same_messages)
        pair.do(draw.choice(("PUBLISH", "SPUBLISH")), draw.choice("abc"), "message")
        for name in names:
            pair.client(name).drain(same_messages)
    pair.play("PUBSUB NUMSUB a b c\nPUBSUB SHARDNUMSUB a b c\nPUBSUB NUMPAT")
