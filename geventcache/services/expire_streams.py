"""Streams of what expired and was evicted: events that wait for their readers (setting expire-stream).

Each entry is an XADD by a client of the server's own. So whoever waits for the stream wakes up, and replicas and
journals have the entry too.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from geventcache.base.errors import CommandError
from geventcache.services.clients import Client
from geventcache.services.losses import Loss, Taker
from geventcache.services.settings.kinds import StreamPlace
from geventcache.services.shards.hashing import slot_of

XADD = b"XADD"


class ExpireStreams(Taker):
    """Writes the losses of one server into streams.

    Attributes:
        places: by number of the database, where its losses go; by None, those of databases that are not named.
        most_bytes: of a value.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.clients: dict[int, Client] = {}
        self.places: dict[int | None, StreamPlace] = {}
        config = state.config
        config.on_change("expire-stream", self.follow)
        config.on_change("expire-stream-value-size", self.limit)
        self.most_bytes = config["expire-stream-value-size"]
        self.follow(config["expire-stream"])

    def follow(self, places: dict[int | None, StreamPlace]) -> None:
        """The setting expire-stream has changed."""
        self.places = {index: place._replace(key=self.key_of(place.key)) for index, place in places.items()}
        if places:
            self.state.losses.give_to(self)
        else:
            self.state.losses.give_no_more(self)

    def limit(self, size: int) -> None:
        """The setting expire-stream-value-size has changed."""
        self.most_bytes = size
        self.state.losses.review()

    def take(self, losses: list[Loss]) -> None:
        """Write entries."""
        for loss in losses:
            place = self.places.get(loss.database) or self.places.get(None)
            if place is not None and loss.key != place.key:
                self.write(loss, *place)

    def write(self, loss: Loss, key: bytes, most: int) -> None:
        """Write an entry. What cannot be written, because the key holds something else, is told by the log."""
        trim = (b"MAXLEN", b"~", b"%d" % most) if most else ()
        request = [XADD, key, *trim, b"*", *fields_of(loss, self.most_bytes)]
        client = self.client_of(loss.database)
        try:
            self.state.engine.call_as(client, client, self.state.table.find(request), request)
        except CommandError as error:
            self.state.log.warning("expire_stream_not_written", key=repr(key), error=error.text.decode())

    def client_of(self, index: int) -> Client:
        """The client that writes in a database."""
        client = self.clients.get(index)
        if client is None:
            client = self.clients[index] = self.state.new_client()
            client.db = self.state.databases.get(index)
        return client

    def key_of(self, key: bytes) -> bytes:
        """The key of the stream. One of several shards has one of its own: {n}KEY, for the first n that is its own."""
        cluster = self.state.cluster
        if cluster is None or cluster.slots.owns(slot_of(key)):
            return key
        number = next(number for number in count() if cluster.slots.owns(slot_of(b"%d" % number)))
        return b"{%d}%b" % (number, key)


def fields_of(loss: Loss, most_bytes: int) -> list[bytes]:
    """The fields of an entry."""
    fields = [b"event", loss.event, b"key", loss.key]
    if loss.field is not None:
        fields += (b"field", loss.field)
    fields += (b"type", loss.kind)
    value = loss.fit(most_bytes)
    if value is not None:
        fields += (b"value", value)
    fields += (b"length", b"%d" % loss.length)
    if loss.deadline_ms is not None:
        fields += (b"deadline", b"%d" % loss.deadline_ms, b"lag", b"%d" % loss.lag_ms)
    return fields
