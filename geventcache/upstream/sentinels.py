"""The sentinels of an upstream, which know who its primary is.

The rules:

- All are asked at once, and the answer of the newest epoch counts, as soon as most have answered: one that is cut off
  together with a replaced primary does not know of that, and one that does not answer holds nobody up.
- What is older than what was told before is believed only if all say so, as those do that were set up anew.
- The connection to each stays. By it comes news of a failover as well, upon which all are asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gevent.event import Event

from geventcache.resp.frames import decode, is_error, pack
from geventcache.services.settings.upstream_url import Upstream
from geventcache.upstream.asks import Ask, Subscription
from geventcache.upstream.link import Link, Way

Place = tuple[str, int]

QUESTIONS = (b"GET-MASTER-ADDR-BY-NAME", b"MASTER", b"REPLICAS")
SWITCH = b"+switch-master"
# For how long most of them are waited for, when one has answered.
GRACE_S = 0.25
UNKNOWN = b"no such primary is known to the sentinel"
OUTDATED = "the sentinels that answer do not know of the last failover"


class Told(NamedTuple):
    """What a sentinel says: who is the primary since a failover of that epoch, and which replicas may be asked."""

    epoch: int
    primary: Place
    replicas: list[Place]


class Sentinel:
    """One of them.

    Attributes:
        place, failed_us: as of a Node, for its link.
        link: the connection to it, None if there is none.
        told: what it has answered in this round, None if nothing; has_ended: nothing more will come in this round.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.failed_us = 0
        self.link: Link | None = None
        self.told: Told | None = None
        self.has_ended = False


class Sentinels:
    """All of one upstream.

    Attributes:
        on_news: called when one of them tells of a failover.
        epoch: the newest that was told, None before the first answer.
        error: why one of them has not told.
    """

    def __init__(self, target: Upstream, way: Way, on_news: Callable[[], None]) -> None:
        self.all = [Sentinel(place) for place in target.places]
        self.name = target.sentinel
        self.way = Way((), way.context, way.timeout_us)
        self.on_news = on_news
        self.epoch: int | None = None
        self.error = b""
        self.needed = 0
        self.is_enough = Event()

    def links(self) -> list[Link]:
        """The connections to them."""
        return [one.link for one in self.all if one.link is not None]

    def ask(self) -> Told:
        """Ask all of them, and wait; who owes an answer to an earlier question is not asked again.

        Raises:
            OSError: nobody knows.
        """
        self.needed = len(self.all) // 2 + 1
        self.is_enough.clear()
        for one in self.all:
            one.told = None
            one.has_ended = False
        for one in self.all:
            self.question(one)
        if not self.is_enough.wait(GRACE_S):
            self.needed = 1
            self.count()
            self.is_enough.wait(self.way.timeout_us / 1e6)
        return self.newest()

    def newest(self) -> Told:
        """What counts of the answers.

        Raises:
            OSError: there is none, or they are too old.
        """
        answers = [one.told for one in self.all if one.told is not None]
        if not answers:
            raise OSError(self.error.decode("utf-8", "replace") or "no answer from the sentinels")
        newest = max(answers, key=lambda told: told.epoch)
        if self.epoch is not None and newest.epoch < self.epoch and len(answers) < len(self.all):
            raise OSError(OUTDATED)
        self.epoch = newest.epoch
        return newest

    def question(self, one: Sentinel) -> None:
        """Ask one of them."""
        link = one.link
        if link is None:
            link = one.link = Link(self.way, one, 0, True)
            link.on_lost = self.lost
            link.on_push = self.pushed
            link.send(Subscription(pack((b"SUBSCRIBE", SWITCH))))
            link.start()
        elif any(ask is not link.sign for ask in (*link.sent, *link.waiting)):
            return
        requests = [pack((b"SENTINEL", word, self.name)) for word in QUESTIONS]
        link.send(Ask(requests, lambda frames: self.take(one, frames)))

    def take(self, one: Sentinel, frames: list[bytes]) -> None:
        """One of them has answered."""
        one.has_ended = True
        wrong = next((frame for frame in frames if is_error(frame)), None)
        place, primary, replicas = (decode(frame) for frame in frames)
        if wrong is None and isinstance(place, list) and isinstance(primary, dict):
            well = [place_of(replica[b"ip"], replica[b"port"]) for replica in replicas if is_well(replica)]
            one.told = Told(int(primary[b"config-epoch"]), place_of(*place), well)
        else:
            self.error = UNKNOWN
        self.count()

    def count(self) -> None:
        """Have enough of them answered, not only such as are outdated, or one that knows of a newer failover?"""
        epochs = [one.told.epoch for one in self.all if one.told is not None]
        newest = max(epochs, default=-1)
        known = newest if self.epoch is None else self.epoch
        is_enough = len(epochs) >= self.needed and newest >= known
        if is_enough or newest > known or all(one.has_ended for one in self.all):
            self.is_enough.set()

    def lost(self, link: Link) -> None:
        """A connection is over."""
        link.node.link = None
        link.node.has_ended = True
        self.error = link.refusal or b"a sentinel does not answer"
        self.count()

    def pushed(self, link: Link, frame: bytes) -> None:
        """One of them tells something: of a failover, or that it will."""
        if decode(frame)[0] == b"message":
            self.on_news()


def place_of(host: bytes, port: bytes) -> Place:
    """An address, as a sentinel tells it."""
    return host.decode(), int(port)


def is_well(replica: Any) -> bool:
    """Does a sentinel think that a replica may be asked, and is it in step?"""
    flags = replica.get(b"flags", b"")
    return replica.get(b"master-link-status") == b"ok" and not (b"down" in flags or b"disconnected" in flags)
