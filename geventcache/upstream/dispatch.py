"""Asks on their way: to which node, and again where the upstream says so.

The rules:

- MOVED: the map is corrected, and the ask goes to the node that it names. ASK: it goes there, and says that it knows.
- TRYAGAIN, CLUSTERDOWN, LOADING, MASTERDOWN, READONLY, and nobody who answers: it waits a little, and is sent to
  whichever is the right one then, until its time is over. Those that wait are sent again in their order. So does a
  transaction that is answered by ASK, until its slot has moved.
- A replica is asked by a link that is open and not silent, so nobody waits for one; what it cannot answer now, its
  primary is asked.
- A node that could not be connected to, or was silent, is tried by a link to which nothing is given before it is open:
  meanwhile the map is asked for, again and again, and who has taken over gets what waits.
- What was sent and not answered when its connection broke may have been done. It is sent again only if it changes
  nothing; else whoever asked gets the error `UNCERTAIN`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from gevent import get_hub

from geventcache.base.clock import monotonic_us
from geventcache.resp.frames import error, error_text, first_error
from geventcache.services.shards.slots import NO_SLOT
from geventcache.upstream.asks import Ask
from geventcache.upstream.link import Link
from geventcache.upstream.nodes import Node, Nodes

PAUSE_SECONDS = 0.025
# For how long a replica that could not be connected to is left alone.
REST_US = 1_000_000
AGAIN = (b"TRYAGAIN", b"CLUSTERDOWN", b"LOADING", b"MASTERDOWN", b"READONLY", b"BUSYLOADING")
STALE_MAP = (b"CLUSTERDOWN", b"MASTERDOWN", b"READONLY")
UNCERTAIN = (
    b"UNCERTAIN The connection to the upstream broke after the request was sent: nobody knows whether it was carried "
    b"out, so it was not sent again"
)
UNREACHABLE = b"ERR The upstream cannot be reached: "
PRIMARY, REPLICA = b"primary", b"replica"


class Dispatcher:
    """Sends what is asked.

    Attributes:
        nodes: whom to.
        read_from: who answers reads that need not come from the primary.
        patience_us: for how long an ask is tried.
        after: called when replies were given outside of a link.
        redirected, repeated, uncertain: counters.
    """

    def __init__(self, nodes: Nodes, read_from: bytes, patience_us: int, after: Callable[[], None]) -> None:
        self.nodes = nodes
        self.read_from = read_from
        self.patience_us = patience_us
        self.after = after
        self.parked: deque[Ask] = deque()
        self.timer: Any = None
        self.redirected = self.repeated = self.uncertain = 0

    def prepare(self, link: Link) -> None:
        """A new link: what it answers, and what it does not, comes here."""
        link.on_answered = self.answered
        link.on_unanswered = self.unanswered

    def send(self, ask: Ask) -> None:
        """Ask whoever is the right one."""
        if not ask.until_us:
            ask.until_us = monotonic_us() + self.patience_us
        node = ask.node or self.find(ask)
        lane = None if node is None else self.lane_of(node, ask)
        if lane is None:
            self.nodes.refresh()
            self.park(ask, UNREACHABLE + self.nodes.error)
        else:
            lane.send(ask)

    def lane_of(self, node: Node, ask: Ask) -> Link | None:
        """The link to a node; None if it has failed and is not known to be there again."""
        if node.failed_us + 1e6 * PAUSE_SECONDS > monotonic_us():
            return None
        lane = self.nodes.lane(node, ask.db, ask.resp3)
        return lane if lane.is_open or not node.failed_us else None

    def find(self, ask: Ask) -> Node | None:
        """The node that an ask is for."""
        primary = self.nodes.owners[ask.slot] if ask.slot != NO_SLOT else self.any_primary()
        if primary is None or not ask.may_read_replica or self.read_from == PRIMARY:
            return primary
        others = [node for node in self.nodes.replicas.get(primary, ()) if self.is_ready(node, ask)]
        if self.read_from == REPLICA:
            return random.choice(others) if others else primary
        return min([primary, *others], key=Node.round_trip_us)

    def is_ready(self, replica: Node, ask: Ask) -> bool:
        """Would a replica answer at once? If there is no link to it, one is begun."""
        now_us = monotonic_us()
        if replica.failed_us + REST_US > now_us:
            return False
        lane = self.nodes.lane(replica, ask.db, ask.resp3)
        return lane.is_open and not lane.is_quiet(now_us)

    def any_primary(self) -> Node | None:
        """A primary, for what is the same at each of them; the same one as long as it is there."""
        return next((node for node in self.nodes.owners if node is not None), None)

    # ------------------------------------------------------------------ replies

    def answered(self, link: Link, ask: Ask) -> None:
        """All replies are there: they are what was asked for, or say where to ask, or when."""
        found = first_error(ask.frames)
        if found is None or link.is_patient:
            ask.done(ask.frames)
            return
        text = error_text(found)
        word = text.partition(b" ")[0]
        redirection = self.nodes.redirection(text, link.node)
        if redirection is not None:
            self.redirect(link, ask, text, *redirection)
            return
        if word in AGAIN and link.node.is_replica and ask.may_read_replica:
            ask.may_read_replica = False
            self.send(ask)
            return
        if word in AGAIN and not self.is_final(word):
            if word in STALE_MAP:
                self.nodes.refresh()
            self.park(ask, text)
            return
        ask.done(ask.frames)

    def is_final(self, word: bytes) -> bool:
        """Is that what any server would say? One that stands alone and only reads will not do otherwise soon."""
        return word == b"READONLY" and not self.nodes.is_cluster and not self.nodes.target.sentinel

    def redirect(self, link: Link, ask: Ask, text: bytes, slot: int, node: Node) -> None:
        """Send an ask where a node says."""
        self.redirected += 1
        ask.may_read_replica = False
        if monotonic_us() > ask.until_us:
            ask.done(ask.frames)
        elif text.startswith(b"MOVED"):
            ask.is_asking = False
            ask.node = None
            if not link.node.is_replica:
                self.nodes.assign(slot, node)
            self.nodes.refresh()
            self.go(node, ask)
        elif ask.is_whole:
            self.park(ask, text)
        else:
            ask.is_asking = True
            self.go(node, ask)

    def go(self, node: Node, ask: Ask) -> None:
        """Send an ask to a node, if that can be reached."""
        lane = self.lane_of(node, ask)
        if lane is None:
            self.park(ask, UNREACHABLE + str(node).encode())
        else:
            lane.send(ask)

    def unanswered(self, ask: Ask, was_sent: bool, reason: bytes) -> None:
        """The link was lost before the replies came."""
        link = ask.link
        self.nodes.refresh()
        if link.refusal:
            ask.done([error(link.refusal)])
        elif was_sent and not ask.may_repeat:
            self.uncertain += 1
            ask.done([error(UNCERTAIN)])
        elif link.is_patient:
            ask.done([error(UNREACHABLE + reason)])
        else:
            ask.may_read_replica = False
            self.park(ask, UNREACHABLE + reason)

    # ------------------------------------------------------------------ waiting

    def park(self, ask: Ask, why: bytes) -> None:
        """Send an ask again after a while, unless its time is over."""
        ask.is_asking = False
        ask.error = why
        if monotonic_us() > ask.until_us:
            ask.done([error(why)])
            return
        self.repeated += 1
        self.parked.append(ask)
        if self.timer is None:
            self.timer = get_hub().loop.timer(PAUSE_SECONDS)
            self.timer.start(self.retry)

    def retry(self) -> None:
        """The timer's callback: send all that wait."""
        self.timer.close()
        self.timer = None
        parked, self.parked = self.parked, deque()
        for ask in parked:
            if monotonic_us() > ask.until_us:
                ask.done([error(ask.error)])
            else:
                self.send(ask)
        self.after()

    def close(self) -> None:
        """Ask nothing more."""
        if self.timer is not None:
            self.timer.stop()
            self.timer.close()
            self.timer = None
        self.parked.clear()
