"""Who is told of changes, and in which order.

A change is told once, after it is complete, by the keyspace and never by a command. Two kinds want to know of it:

- Who needs *what changed* (watched keys, blocked clients, tracking, notifications) is a `Listener` on one list, in the
  order of the ranks below; while the list is empty a change costs one comparison.
- Who needs *how to repeat it* takes effects, which the engine makes of the requests. What goes without a request that
  asked for it (expired, evicted) is told by `lost`. `dirty` tells the engine whether a command changed anything.
"""

from collections.abc import Callable
from typing import Any

# Listeners of lower ranks hear first: who reads is told that a key is stale before it may be served what is new there.
WATCH_RANK, TRACKING_RANK, WAITERS_RANK, NOTIFICATIONS_RANK, HOST_RANK, COPY_RANK = range(6)


class Listener:
    """What a listener may want to hear; the defaults ignore it.

    Attributes:
        hears_all: it is also told of what is no change to clients that watch a key or keep a copy: what happens beside
            the elements of a container, and events that are published though nothing changed.
    """

    hears_all = False

    def changed(self, keyspace, key, event):
        """`event` (a wire name such as ``b"lpush"``) happened to `key` in `keyspace`.

        Who hears all is also told of what has no name: what is acknowledged to a group of a stream, with None.
        """

    def missed(self, keyspace, key):
        """A read found no `key`: no change, but there are those who want to know."""

    def flushed(self, keyspace):
        """All keys of `keyspace` are gone, without events of their own."""

    def swapped(self, one, other):
        """Two databases have exchanged their keys."""


class Changes:
    """The ordered listeners of one server, and the count of changes.

    Attributes:
        dirty: changes so far, in all databases: as many as the reference counts, but for a few commands.
        on_observed: called with whether there are any listeners, when that may have changed; None if nobody asks.
        on_lost: called with a keyspace, a key and the names of the elements that were lost, None for the whole key;
            None while nobody asks.
        on_losing: called after it with the same, and with {name: (value, deadline)} of elements as far as they are
            known. The key is still there; its place in the table stays. It must not raise. None while nobody asks.
        held: who writes a large bytearray piece by piece and is to be told before it changes (`spare`), by its id.
        keeps_due: another server decides what is over: what is due here stays, hidden, until a request removes it.
    """

    def __init__(self) -> None:
        self.dirty = 0
        self.held: dict[int, Any] = {}
        self.keeps_due = False
        self.listeners: tuple[Listener, ...] = ()
        self.ranks: dict[Listener, int] = {}
        self.on_observed: Callable[[bool], None] | None = None
        self.on_lost: Callable[[Any, bytes, list[bytes] | None], None] | None = None
        self.on_losing: Callable[[Any, bytes, list[bytes] | None, dict[bytes, Any] | None], None] | None = None

    def listen(self, listener, rank):
        """Begin to tell `listener`; the ones of lower `rank` hear first. Listening twice is listening once."""
        self.ranks[listener] = rank
        self.arrange()

    def ignore(self, listener):
        """Stop telling `listener`."""
        self.ranks.pop(listener, None)
        self.arrange()

    def arrange(self):
        """Order the listeners and let the databases know whether there are any."""
        self.listeners = tuple(sorted(self.ranks, key=self.ranks.__getitem__))
        if self.on_observed is not None:
            self.on_observed(bool(self.listeners))

    def announce(self, keyspace, key, event):
        """Tell of one event."""
        listener: Listener
        for listener in self.listeners:
            listener.changed(keyspace, key, event)

    def notify(self, keyspace, key, event):
        """Tell those who hear all of an event that is no change to the others."""
        listener: Listener
        for listener in self.listeners:
            if listener.hears_all:
                listener.changed(keyspace, key, event)

    def lost(self, keyspace, key, names, kept=None):
        """A key, or the elements `names` of its container, are gone without a command that asked for it."""
        if self.on_lost is not None:
            self.on_lost(keyspace, key, names)
        if self.on_losing is not None:
            self.on_losing(keyspace, key, names, kept)

    def missed(self, keyspace, key):
        """Tell of a read that found no key."""
        listener: Listener
        for listener in self.listeners:
            listener.missed(keyspace, key)

    def flushed(self, keyspace):
        """Tell of an emptied database."""
        listener: Listener
        for listener in self.listeners:
            listener.flushed(keyspace)

    def swapped(self, one, other):
        """Tell of an exchange."""
        listener: Listener
        for listener in self.listeners:
            listener.swapped(one, other)
