"""Keyspace notifications: changes published as messages, as notify-keyspace-events asks.

An event ``x`` at key ``k`` of database 0 is published to ``__keyspace@0__:k`` (the message is the event's name) if the
setting has ``K``, then to ``__keyevent@0__:x`` (the message is the key) if it has ``E``; and only if it has the event's
class. `Notifications` listens to changes only while this may come to
anything.
"""

from geventcache.base.events import EVENTS, event
from geventcache.services.pubsub import PubSub, Route
from geventcache.store.changes import NOTIFICATIONS_RANK, Listener
from geventcache.store.keyspace import Keyspace

KEYMISS = event(b"keymiss", "m")
HEXPIRED = event(b"hexpired", "x")
# Fields that a command lets expire at once are told of by the same name, but as a change and not as an expiry.
HEXPIRED_AT_ONCE = event(b"hexpired-at-once", "h")


def events_of(letters):
    """The names of the events that a value of the setting asks for."""
    return frozenset([name for name, letter in EVENTS.items() if letter in letters])


class Notifications(Listener):
    """The listener that publishes changes.

    Attributes:
        events: names of the wanted events; with `is_by_key` and `is_by_event` they are published to which channels.
        routes: by number of the database, then by event.
    """

    hears_all = True

    def __init__(self, changes, config, pubsub) -> None:
        self.changes = changes
        self.pubsub = pubsub
        config.on_change("notify-keyspace-events", self.follow)
        self.follow(config["notify-keyspace-events"])

    def follow(self, letters):
        """The setting was changed."""
        self.events = events_of(letters)
        self.is_by_key = "K" in letters
        self.is_by_event = "E" in letters
        self.routes = {}
        if self.events and (self.is_by_key or self.is_by_event):
            self.changes.listen(self, NOTIFICATIONS_RANK)
        else:
            self.changes.ignore(self)

    def changed(self, keyspace, key, event):
        """Publish a change, if its event is wanted and anybody listens to anything."""
        place: Keyspace = keyspace
        pubsub: PubSub = self.pubsub
        if event not in self.events or not (pubsub.channels.topics or pubsub.patterns.topics):
            return
        if event is HEXPIRED_AT_ONCE:
            event = HEXPIRED
        if self.is_by_key:
            pubsub.publish(b"__keyspace@%d__:%b" % (place.index, key), event)
        if self.is_by_event:
            self.route(place.index, event).send(key)

    def route(self, index, event):
        """The way of an event's messages."""
        routes: dict | None = self.routes.get(index)
        if routes is None:
            routes = self.routes[index] = {}
        route = routes.get(event)
        if route is None:
            route = routes[event] = Route(self.pubsub, b"__keyevent@%d__:%b" % (index, event))
        return route

    def missed(self, keyspace, key):
        """A read found no key."""
        self.changed(keyspace, key, KEYMISS)
