"""Messages of the upstream's channels: subscribed to once for all clients of this server.

The rules:

- What clients have subscribed to stands in this server's own `PubSub`; here stands what the upstream was asked for. A
  client's subscription is confirmed when the upstream has confirmed its own. What nobody wants any more is given up
  within a second.
- Messages to channels reach every node of a cluster; so one node is subscribed at for them. Events of keys are told by
  the key's node alone: names that they may come by are subscribed to at all primaries, and what else comes from any but
  the first is dropped. Shard channels are subscribed to at their slot's primary.
- A connection that is lost is made anew, at the node that is right then. What was published meanwhile is lost, as it is
  to any subscriber that loses its connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from geventcache.resp.frames import bulk_value, error_text, first_error, items, pack
from geventcache.services.shards.hashing import slot_of
from geventcache.upstream.asks import Ask, Subscription
from geventcache.upstream.link import Link
from geventcache.upstream.nodes import Node, Nodes

CHANNEL, PATTERN, SHARD = b"", b"p", b"s"
KINDS = {"SUBSCRIBE": CHANNEL, "PSUBSCRIBE": PATTERN, "SSUBSCRIBE": SHARD}
EVENTS = (b"__keyspace@", b"__keyevent@", b"__subkeyspace@", b"__subkeyevent@", b"__subkeyspaceitem@")
GLOB = b"*?["
NO_NODE = b"ERR The upstream cannot be reached: nobody is there to subscribe at"
Done = Callable[["bytes | None"], None]
Name = tuple[bytes, bytes]


class Subscriptions:
    """What this server has subscribed to.

    Attributes:
        wanted: kinds and names.
        links: the connection to each node that messages come by, and what was subscribed to there.
        asked: who waits for the confirmation of a name at a node.
    """

    def __init__(self, state: Any, nodes: Nodes) -> None:
        self.state = state
        self.pubsub = state.pubsub
        self.nodes = nodes
        self.wanted: dict[Name, None] = {}
        self.links: dict[Node, Link] = {}
        self.at: dict[Node, dict[Name, bool]] = {}
        self.asked: list[Waiting] = []
        self.is_tagging: bool = state.config["upstream-hash-tag"]
        self.home: Node | None = None
        self.messages = 0

    @staticmethod
    def kind_of(name: str) -> bytes:
        """The kind of names that a command subscribes to."""
        return KINDS[name]

    def has(self, kind: bytes, name: bytes) -> bool:
        """Is a name subscribed to, wherever its messages come from?"""
        return (kind, name) in self.wanted and all(
            self.at.get(node, {}).get((kind, name), False) for node in self.nodes_of(kind, name)
        )

    def subscribe(self, kind: bytes, names: Iterable[bytes], done: Done) -> None:
        """Subscribe to names, and tell when that is confirmed, or why it is not."""
        places = [(node, (kind, name)) for name in names for node in self.nodes_of(kind, name)]
        if not places:
            self.nodes.refresh()
            done(NO_NODE)
            return
        waiting = Waiting({(node, name) for node, name in places}, done)
        for node, name in places:
            self.wanted[name] = None
            if self.at.get(node, {}).get(name):
                waiting.missing.discard((node, name))
            else:
                self.ask(node, name)
        if waiting.missing:
            self.asked.append(waiting)
        else:
            done(None)

    # ------------------------------------------------------------------ where

    def first(self) -> Node | None:
        """The node for what reaches all; the same one as long as it is a primary that can be reached."""
        primaries = self.nodes.primaries()
        if self.home is None or self.home.failed_us or self.home not in primaries:
            self.home = next((node for node in primaries if not node.failed_us), None)
        return self.home

    def nodes_of(self, kind: bytes, name: bytes) -> list[Node]:
        """The nodes at which a name is to be subscribed to."""
        if kind == SHARD:
            owner = self.nodes.owners[slot_of(name)]
            return [] if owner is None else [owner]
        if may_be_event(kind, name) and not self.is_tagging:
            return self.nodes.primaries()
        first = self.first()
        return [] if first is None else [first]

    # ------------------------------------------------------------------ connections

    def ask(self, node: Node, name: Name) -> None:
        """Subscribe to a name at a node."""
        link = self.links.get(node)
        if link is None:
            link = self.links[node] = self.nodes.new_link(node, 0, True)
            link.is_patient = True
            link.on_push = self.pushed
            link.on_lost = self.lost
            link.on_answered = self.answered
            link.on_unanswered = lambda ask, was_sent, text: None
            self.at[node] = {}
            node.own.add(link)
            link.start()
        if name not in self.at[node]:
            self.at[node][name] = False
            self.send(link, b"%bSUBSCRIBE" % name[0].upper(), name[1])

    def send(self, link: Link, word: bytes, name: bytes) -> None:
        """Send a request that is answered by a push alone; a PING behind it is answered in any case."""
        link.send(Subscription(pack((word, name))))

    def answered(self, link: Link, ask: Ask) -> None:
        """A PING was answered, or a subscription refused."""
        refused = first_error(ask.frames)
        if refused is not None:
            for name in [name for name in self.at.get(link.node, {}) if not self.at[link.node][name]]:
                del self.at[link.node][name]
            self.tell(link.node, None, error_text(refused))

    def lost(self, link: Link) -> None:
        """A connection is over: its names are subscribed to anew."""
        self.nodes.forget(link)
        if self.links.get(link.node) is link:
            del self.links[link.node]
            del self.at[link.node]
        self.nodes.refresh()
        for waiting in [one for one in self.asked if any(node is link.node for node, _ in one.missing)]:
            self.asked.remove(waiting)
            waiting.done(NO_NODE)

    def tell(self, node: Node, name: Name | None, text: bytes | None = None) -> None:
        """A name was confirmed, or some were refused."""
        for waiting in list(self.asked):
            if name is None and any(one is node for one, _ in waiting.missing):
                self.asked.remove(waiting)
                waiting.done(text)
            elif name is not None:
                waiting.missing.discard((node, name))
                if not waiting.missing:
                    self.asked.remove(waiting)
                    waiting.done(None)

    def tick(self) -> None:
        """From time to time: give up what nobody wants, and subscribe where something is missing."""
        names = {CHANNEL: self.pubsub.channels, PATTERN: self.pubsub.patterns, SHARD: self.pubsub.shard_channels}
        awaited = {name for waiting in self.asked for _, name in waiting.missing}
        for name in list(self.wanted):
            if name in awaited:
                continue
            kind, word = name
            is_wanted = word in names[kind].topics
            places = self.nodes_of(kind, word) if is_wanted else []
            if not is_wanted:
                del self.wanted[name]
            for node in list(self.at):
                if name in self.at[node] and node not in places:
                    del self.at[node][name]
                    self.send(self.links[node], b"%bUNSUBSCRIBE" % kind.upper(), word)
            for node in places:
                if name not in self.at.get(node, {}):
                    self.ask(node, name)
        for node in [node for node in self.links if not self.at[node]]:
            self.links[node].close()

    # ------------------------------------------------------------------ messages

    def pushed(self, link: Link, frame: bytes) -> None:
        """A message, or a confirmation."""
        words = [bulk_value(item) for item in items(frame)]
        kind = words[0] or b""
        if kind.endswith(b"message"):
            self.deliver(link.node, kind, [word or b"" for word in words[1:]])
        elif kind.endswith(b"unsubscribe"):
            name = (kind.removesuffix(b"unsubscribe"), words[1] or b"")
            self.at.get(link.node, {}).pop(name, None)
            self.nodes.refresh()
        elif kind.endswith(b"subscribe"):
            name = (kind.removesuffix(b"subscribe"), words[1] or b"")
            self.at.setdefault(link.node, {})[name] = True
            self.tell(link.node, name)

    def deliver(self, node: Node, kind: bytes, words: list[bytes]) -> None:
        """Give a message to the clients that have subscribed to the name by which it came."""
        is_event = words[-2].startswith(EVENTS)
        if is_event and self.is_tagging:
            return
        if not is_event and kind != b"smessage" and node is not self.first():
            return
        self.messages += 1
        names = {b"message": self.pubsub.channels, b"pmessage": self.pubsub.patterns}.get(
            kind, self.pubsub.shard_channels
        )
        topic = names.topics.get(words[0])
        if topic is None:
            return
        head = topic.head
        if kind == b"pmessage":
            head += b"$%d\r\n%b\r\n" % (len(words[1]), words[1])
        topic.send(head, words[-1])

    def close(self) -> None:
        """End all."""
        for link in list(self.links.values()):
            link.close()


class Waiting:
    """Who waits for confirmations.

    Attributes:
        missing: nodes and names.
    """

    def __init__(self, missing: set[tuple[Node, Name]], done: Done) -> None:
        self.missing = missing
        self.done = done


def may_be_event(kind: bytes, name: bytes) -> bool:
    """May messages by a name be events of keys?"""
    if kind != PATTERN:
        return name.startswith(EVENTS)
    head = name
    for i, byte in enumerate(name):
        if byte in GLOB or byte == 92:  # a backslash
            head = name[:i]
            break
    else:
        return name.startswith(EVENTS)
    return any(word.startswith(head) or head.startswith(word) for word in EVENTS)
