"""Shards: what is published at one reaches the others, and where clients are told that the shards are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ..support.client import Address, Client
from ..support.servers import running_shards
from ..support.wire import Reply
from .conftest import wait_until

Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[Address, ...]]:
    """Run three shards."""
    with running_shards(3) as found:
        yield found


@pytest.fixture
def connect_to(addresses: tuple[Address, ...]) -> Iterator[Connect]:
    """Open connections to the shards, by their numbers."""
    opened: list[Client] = []

    def open_one(shard: int, protocol: int = 2) -> Client:
        opened.append(Client(addresses[shard], protocol))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


def message(channel: bytes, text: bytes) -> Reply:
    """A message as a RESP2 client gets it."""
    return Reply("*", (Reply("$", b"message"), Reply("$", channel), Reply("$", text)))


def test_published_messages_reach_all_shards(connect_to: Connect) -> None:
    """A client hears what is published at any shard, by channel or by pattern, in the order of each publisher."""
    listener, by_pattern = connect_to(0), connect_to(1)
    listener.do("SUBSCRIBE", "news")
    by_pattern.do("PSUBSCRIBE", "n*")
    publisher = connect_to(2)
    texts = [b"%d" % n for n in range(100)]
    for text in texts:
        assert publisher.do("PUBLISH", "news", text) == Reply(":", 0)
    assert [listener.receive() for _ in texts] == [message(b"news", text) for text in texts]
    assert [by_pattern.receive().value[3].value for _ in texts] == texts


def test_each_subscriber_hears_a_message_once(connect_to: Connect) -> None:
    """A message is not passed on by those that it was passed to."""
    listeners = [connect_to(shard) for shard in range(3)]
    for listener in listeners:
        listener.do("SUBSCRIBE", "once")
    publishers = [connect_to(shard) for shard in range(3)]
    for publisher in publishers:
        assert publisher.do("PUBLISH", "once", "m") == Reply(":", 1)
    for listener in listeners:
        assert [listener.receive() for _ in publishers] == [message(b"once", b"m")] * 3
    # What follows on the same ways comes after anything that would have been passed on.
    for publisher in publishers:
        publisher.do("PUBLISH", "once", "end")
    for listener in listeners:
        assert [listener.receive() for _ in publishers] == [message(b"once", b"end")] * 3


def test_messages_of_transactions_and_scripts(connect_to: Connect) -> None:
    """PUBLISH within EXEC and scripts reaches the other shards too."""
    listener, publisher = connect_to(0), connect_to(1)
    listener.do("SUBSCRIBE", "c")
    publisher.do("MULTI")
    publisher.do("PUBLISH", "c", "queued")
    publisher.do("EXEC")
    publisher.do("EVAL", "return redis.call('publish', 'c', 'scripted')", 0)
    assert [listener.receive() for _ in range(2)] == [message(b"c", b"queued"), message(b"c", b"scripted")]


def test_large_messages(connect_to: Connect) -> None:
    """A message larger than any buffer on its way arrives whole, and so does the next."""
    listener, publisher = connect_to(0), connect_to(1)
    listener.do("SUBSCRIBE", "c")
    text = bytes(range(256)) * 16384
    publisher.do("PUBLISH", "c", text)
    publisher.do("PUBLISH", "c", "next")
    assert listener.receive() == message(b"c", text)
    assert listener.receive() == message(b"c", b"next")


def test_shard_channels_and_events_stay(connect_to: Connect) -> None:
    """What is published to a shard channel, and keyspace events, are heard at their shard only."""
    elsewhere, shard = connect_to(2), connect_to(0)
    shard.do("CONFIG", "SET", "notify-keyspace-events", "KEA")
    elsewhere.do("PSUBSCRIBE", "*")
    local = connect_to(0)
    local.do("SSUBSCRIBE", "bar")
    assert shard.do("SPUBLISH", "bar", "m") == Reply(":", 1)
    assert local.receive().value[2] == Reply("$", b"m")
    shard.do("SET", "bar", "1")
    shard.do("PUBLISH", "last", "m")
    assert elsewhere.receive().value[2] == Reply("$", b"last")
    shard.do("CONFIG", "SET", "notify-keyspace-events", "")


def test_links_are_told(connect_to: Connect) -> None:
    """CLUSTER LINKS shows a link to each other shard once something was published, INFO counts them."""
    publisher = connect_to(1)
    publisher.do("PUBLISH", "c", "m")
    ids = {connect_to(shard).do("CLUSTER", "MYID").value for shard in (0, 2)}

    def linked() -> set[bytes]:
        links = publisher.do("CLUSTER", "LINKS").plain()
        return {link[link.index(b"node") + 1] for link in links}

    wait_until(lambda: linked() == ids)
    assert b"cluster_connections:2\r\n" in publisher.do("INFO", "clients").value
