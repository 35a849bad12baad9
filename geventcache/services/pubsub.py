"""Publish and subscribe: who listens to which names, and the delivery of messages to them.

There are three kinds of names: channels, patterns of channels, and shard channels. A name exists while somebody has
subscribed to it. The rules:

- A message is encoded once for each name that it is delivered by and each protocol in use, and pushed by reference.
- What a client has subscribed to stands in the client too: one that leaves is forgotten in the time of its own
  subscriptions.
- Whoever publishes often to one channel keeps a `Route`, which looks listeners up again only after a name came or went.
"""

import cython

from geventcache.base.glob import compile_glob
from geventcache.resp.requests import encode_message
from geventcache.services.clients import Client


def bulk(text):
    """A bulk string, encoded."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


class Topic:
    """One name and its subscribers.

    Attributes:
        head: how messages by this name begin, encoded, without the type byte.
        matches: for a pattern: tells whether it matches a channel; else None.
        clients: the subscribers as the keys of a dict, in the order of their coming.
    """

    def __init__(self, head, matches) -> None:
        self.head = head
        self.matches = matches
        self.clients: dict[Client, None] = {}

    def send(self, head, text):
        """Push a message that begins with `head` to all subscribers; return how many they are."""
        resp2: bytes | None = None
        resp3: bytes | None = None
        client: Client
        for client in self.clients:
            if client.resp3:
                if resp3 is None:
                    resp3 = encode_message(b">", head, text)
                client.push(resp3)
            else:
                if resp2 is None:
                    resp2 = encode_message(b"*", head, text)
                client.push(resp2)
        return len(self.clients)


class Names:
    """All names of one kind.

    Attributes:
        attribute: where a Client keeps its own names of this kind.
        counted: the attributes whose names a confirmation counts.
        prefix: what precedes ``message`` and ``subscribe`` on the wire.
        topics: Topic by name.
        revision: grows when a name comes or goes.
    """

    def __init__(self, attribute, counted, prefix=b"", is_pattern=False) -> None:
        self.attribute = attribute
        self.counted = counted
        self.prefix = prefix
        self.is_pattern = is_pattern
        self.topics: dict[bytes, Topic] = {}
        self.revision = 0

    def __len__(self):
        return len(self.topics)

    def of(self, client):
        """The names that a client has subscribed to, in the order in which it did."""
        return list(getattr(client, self.attribute) or ())

    def count(self, client):
        """The number of subscriptions that a confirmation shows."""
        count = 0
        for attribute in self.counted:
            count += len(getattr(client, attribute) or ())
        return count

    def subscribe(self, client, name):
        """A client listens to a name from now on."""
        names = getattr(client, self.attribute)
        if names is None:
            names = {}
            setattr(client, self.attribute, names)
        names[name] = None
        topic: Topic | None = self.topics.get(name)
        if topic is None:
            topic = self.topics[name] = self.new_topic(name)
            self.revision += 1
        topic.clients[client] = None

    def new_topic(self, name):
        """A topic without subscribers."""
        kind = self.prefix + b"message"
        head = b"%d\r\n%b%b" % (4 if self.is_pattern else 3, bulk(kind), bulk(name))
        return Topic(head, compile_glob(name) if self.is_pattern else None)

    def unsubscribe(self, client, name):
        """A client listens to a name no more, if it did."""
        names = getattr(client, self.attribute)
        if names is None or name not in names:
            return
        del names[name]
        topic: Topic = self.topics[name]
        del topic.clients[client]
        if not topic.clients:
            del self.topics[name]
            self.revision += 1

    def forget(self, client):
        """A client listens to none of these names any more."""
        for name in self.of(client):
            self.unsubscribe(client, name)

    def subscribers(self, name):
        """How many clients listen to a name."""
        topic: Topic | None = self.topics.get(name)
        return 0 if topic is None else len(topic.clients)

    def matching(self, pattern):
        """The names that match a glob; all of them if it is None."""
        if pattern is None:
            return list(self.topics)
        matches = compile_glob(pattern)
        return [name for name in self.topics if matches(name)]


class PubSub:
    """The names of a server.

    Attributes:
        channels, patterns, shard_channels: the Names of each kind.
    """

    def __init__(self) -> None:
        both = ("channels", "patterns")
        self.channels = Names("channels", both)
        self.patterns = Names("patterns", both, b"p", True)
        self.shard_channels = Names("shard_channels", ("shard_channels",), b"s")

    def publish(self, channel, message):
        """Send a message to all who listen to a channel, by name or by a pattern; return how many times it was sent."""
        return deliver(self.ways(channel), message)

    def publish_to_shard(self, channel, message):
        """Send a message to all who listen to a shard channel; return to how many."""
        topic: Topic | None = self.shard_channels.topics.get(channel)
        return 0 if topic is None else topic.send(topic.head, message)

    def ways(self, channel):
        """The topics that a message to a channel goes to, each with the beginning of the message."""
        found = []
        topic: Topic | None = self.channels.topics.get(channel)
        if topic is not None:
            found.append((topic.head, topic))
        for topic in self.patterns.topics.values():
            if topic.matches(channel):
                found.append((topic.head + bulk(channel), topic))
        return found

    def forget(self, client):
        """A client has left, or begins anew."""
        self.channels.forget(client)
        self.patterns.forget(client)
        self.shard_channels.forget(client)


def deliver(ways, message):
    """Send a message to topics; return to how many clients."""
    count: cython.Py_ssize_t = 0
    for head, topic in ways:
        count += cython.cast(Topic, topic).send(head, message)
    return count


class Route:
    """The way of messages to one channel.

    Attributes:
        channel: the channel.
        ways: where they go to, as of `revision`.
    """

    def __init__(self, pubsub, channel) -> None:
        self.pubsub = pubsub
        self.channel = channel
        self.ways: list[tuple[bytes, Topic]] = []
        self.revision = -1

    def send(self, message):
        """Publish a message."""
        pubsub: PubSub = self.pubsub
        revision: cython.longlong = pubsub.channels.revision + pubsub.patterns.revision
        if revision != self.revision:
            self.ways = pubsub.ways(self.channel)
            self.revision = revision
        deliver(self.ways, message)
