"""Who is told of changes, and in which order.

A change is told once, after it is complete, by the keyspace and never by a command. Whoever wants to know (watched
keys, blocked clients, tracking, keyspace notifications) is a listener on one list; while the list is empty a change
costs one comparison.
"""

from collections.abc import Callable


class Listener:
    """What a listener may want to hear; the defaults ignore it."""

    def changed(self, keyspace, key, event):
        """`event` (a wire name such as ``b"lpush"``) happened to `key` in `keyspace`."""

    def missed(self, keyspace, key):
        """A read found no `key`: no change, but there are those who want to know."""

    def flushed(self, keyspace):
        """All keys of `keyspace` are gone, without events of their own."""

    def swapped(self, one, other):
        """Two databases have exchanged their keys."""


class Changes:
    """The ordered listeners of one server.

    Attributes:
        on_observed: called with whether there are any, when that may have changed; None if nobody asks.
    """

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.ranks: dict[Listener, int] = {}
        self.on_observed: Callable[[bool], None] | None = None

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
