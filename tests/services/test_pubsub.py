"""Publish and subscribe without sockets: what is sent to whom, encoded how often, and what leaving clients leave."""

from __future__ import annotations

from geventcache.services.pubsub import Route

from ..support.inprocess import InProcessServer

MESSAGE = b"3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n"
PMESSAGE = b"4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$5\r\nhello\r\n"


def test_message_is_encoded_once_a_protocol() -> None:
    """All subscribers of one protocol get the same object, those of the other one its own."""
    server = InProcessServer()
    old, new = ([server.session(resp3) for _ in range(3)] for resp3 in (False, True))
    for session in (*old, *new):
        session.do("SUBSCRIBE", "ch")
    assert server.session().do("PUBLISH", "ch", "hello") == b":6\r\n"
    for type_byte, sessions in ((b"*", old), (b">", new)):
        sent = [session.messages() for session in sessions]
        assert sent == [[type_byte + MESSAGE]] * 3
        assert len({id(messages[0]) for messages in sent}) == 1


def test_each_matching_name_delivers() -> None:
    """A client gets a message by its channel first, then once by each of its patterns that match."""
    server = InProcessServer()
    session = server.session()
    session.do("PSUBSCRIBE", "c*", "x*")
    session.do("SUBSCRIBE", "ch")
    assert server.session().do("PUBLISH", "ch", "hello") == b":2\r\n"
    assert session.messages() == [b"*" + MESSAGE, b"*" + PMESSAGE]


def test_own_message_follows_the_reply() -> None:
    """A publisher that listens to its own channel reads the reply first, in a transaction as well."""
    server = InProcessServer()
    session = server.session(resp3=True)
    session.do("SUBSCRIBE", "ch")
    assert session.do("PUBLISH", "ch", "hello") == b":1\r\n>" + MESSAGE
    session.do("MULTI")
    session.do("PUBLISH", "ch", "hello")
    session.do("PING")
    assert session.do("EXEC") == b"*2\r\n:1\r\n+PONG\r\n>" + MESSAGE
    assert session.messages() == []
    assert session.client.outbox_size == 0


def test_own_message_follows_the_reply_of_a_slow_reader() -> None:
    """What could not be sent yet stays in front of the reply and of the message that follows it."""
    server = InProcessServer()
    session = server.session(resp3=True)
    session.do("SUBSCRIBE", "ch")
    client = session.client
    client.outbox.append(b"unsent")
    client.outbox_size = 6
    client.unsent = 1
    client.is_congested = True
    assert session.do("PUBLISH", "ch", "hello") == b":1\r\n>" + MESSAGE
    assert session.messages() == [b"unsent"]


def test_leaver_is_forgotten() -> None:
    """A client that leaves is left in no channel, no pattern and no shard channel; others stay."""
    server = InProcessServer()
    leaver, stayer = server.session(), server.session()
    for session in (leaver, stayer):
        session.do("SUBSCRIBE", "ch")
    for command in ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"):
        leaver.do(command, "a", "b")
    server.state.leave(leaver.client)
    pubsub = server.state.pubsub
    assert pubsub.channels.matching(None) == [b"ch"]
    assert pubsub.channels.subscribers(b"ch") == 1
    assert len(pubsub.patterns) == len(pubsub.shard_channels) == 0
    assert leaver.client.subscription_count() == 0


def test_route_follows_the_names() -> None:
    """A kept route sends to clients that have subscribed meanwhile, and not to those that have gone."""
    server = InProcessServer()
    session = server.session()
    route = Route(server.state.pubsub, b"ch")
    for line, expected in (
        ("PING", 0),
        ("SUBSCRIBE ch", 1),
        ("PSUBSCRIBE c*", 2),
        ("PSUBSCRIBE x*", 2),
        ("UNSUBSCRIBE ch", 1),
        ("PUNSUBSCRIBE", 0),
    ):
        session.do(*line.split())
        route.send(b"hello")
        assert len(session.messages()) == expected, line


def test_confirmations_ignore_client_reply() -> None:
    """Confirmations and messages are no replies: they come when replies are not wanted."""
    server = InProcessServer()
    session = server.session(resp3=True)
    session.client.reply_mode = 1
    session.client.review()
    assert session.do("SUBSCRIBE", "ch") == b">3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n"
    assert session.do("PUBLISH", "ch", "hello") == b">" + MESSAGE
    assert session.do("NOSUCH") == b""
    assert session.do("MULTI") == session.do("PING") == session.do("EXEC") == b""
