"""The servers of an upstream, and which of them has which slot.

The rules:

- A node is known by its address. It has one link a database and protocol in use, which all clients share (a lane), and
  own ones for clients that need a connection of their own (transactions with WATCH, blocking commands, subscriptions):
  these are kept for the next one, and bounded.
- The map is asked for when the upstream says that it is wrong (MOVED), when a link is lost, and every few seconds. One
  greenlet at a time does that; who waits for it is parked by the dispatcher.
- A server that has lost its cluster is believed last: it may tell of a time before a failover.
- An upstream is a cluster, or one primary (of `Sentinels`, which are asked who it is, or as the URL says).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.event import AsyncResult, Event

from geventcache.base.clock import monotonic_us
from geventcache.resp.frames import decode, is_error, pack
from geventcache.services.settings.upstream_url import Upstream
from geventcache.services.shards.hashing import SLOTS
from geventcache.upstream.asks import Ask
from geventcache.upstream.link import CLUSTER_INFO, CLUSTER_IS_DOWN, TRACKING, Link, Way
from geventcache.upstream.sentinels import Sentinels

Place = tuple[str, int]

CLUSTER_SLOTS = pack((b"CLUSTER", b"SLOTS"))
READONLY = (b"READONLY",)
RETRY_US = 50_000
REFRESH_US = 5_000_000
# In which part of upstream-timeout a server should have told the map.
SOON = 8
# A primary of Sentinel's does not know that it was replaced, and news of that may be lost.
SENTINEL_REFRESH_US = 1_000_000
MOST_IDLE = 16
NO_LINK = b"ERR Too many connections to the upstream are in use by single clients (upstream-max-connections)"


class Node:
    """A server of the upstream.

    Attributes:
        place: its host and port.
        lanes: the shared links, by database and protocol.
        idle: own links that nobody uses.
        stores: what is kept of its keys, by database.
        lost_slots: slots that it had and has no more, since its stores were emptied last.
        failed_us: when it could not be connected to the last time, or was silent; 0 if it was connected to since.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.is_replica = False
        self.lanes: dict[tuple[int, bool], Link] = {}
        self.idle: list[Link] = []
        self.own: set[Link] = set()
        self.stores: dict[int, Any] = {}
        self.lost_slots: set[int] = set()
        self.failed_us = 0

    def __repr__(self) -> str:
        return f"{self.place[0]}:{self.place[1]}"

    def links(self) -> list[Link]:
        """All links to it."""
        return [*self.lanes.values(), *self.own]

    def round_trip_us(self) -> int:
        """How far it is; 0 if nobody knows."""
        return min((link.round_trip_us for link in self.lanes.values() if link.round_trip_us), default=0)


class Nodes:
    """All servers of one upstream.

    Attributes:
        target: what the URL says; sentinels: who are asked for the primary, None if it is no primary of theirs.
        by_place: all that were ever seen and are still there.
        owners: the primary of each slot, None where there is none.
        replicas: of each primary.
        is_cluster: whether there is more to slots than one primary; None until it is known.
        is_tracked: primaries are to tell of changes to what was read by a lane in RESP3.
        prepare: called with each new Link.
        on_map: called with the slots that have another owner, and the nodes that have got some back.
        on_left: called with a node that is in the cluster no more.
        own_links, most_own: how many own links there are, and may be.
        refreshes: how often the map was asked for; is_told: somebody has told it the last time, None before the first.
        scanned: all primaries in the order in which they were first seen, for cursors.
        doubtful: what a server that has lost its cluster has told of the map, and where it is.
    """

    def __init__(self, target: Upstream, way: Way, is_tracked: bool, most_own: int) -> None:
        self.target = target
        self.way = way
        self.sentinels = Sentinels(target, way, self.refresh) if target.sentinel else None
        self.is_tracked = is_tracked
        self.most_own = most_own
        self.by_place: dict[Place, Node] = {}
        self.owners: list[Node | None] = [None] * SLOTS
        self.replicas: dict[Node, list[Node]] = {}
        self.is_cluster: bool | None = None
        self.prepare: Callable[[Link], None] = lambda link: None
        self.on_map: Callable[[dict[int, Node | None], list[Node]], None] = lambda changed, regained: None
        self.on_left: Callable[[Node], None] = lambda node: None
        self.scanned: list[Node] = []
        self.owning: list[Node] | None = None
        self.doubtful: tuple[Any, Place] | None = None
        self.refreshes = 0
        self.is_told: bool | None = None
        self.refreshed_us = 0
        self.error = b"nobody has answered yet"
        self.refreshing: Any = None
        self.again = False
        self.known = Event()

    # ------------------------------------------------------------------ who has what

    def node(self, place: Place) -> Node:
        """The node of an address."""
        node = self.by_place.get(place)
        if node is None:
            node = self.by_place[place] = Node(place)
        return node

    def primaries(self) -> list[Node]:
        """All that own slots, in the order in which they were first seen."""
        if self.owning is None:
            owning = {node for node in self.owners if node is not None}
            self.owning = [node for node in self.scanned if node in owning]
        return self.owning

    def redirection(self, text: bytes, told_by: Node) -> tuple[int, Node] | None:
        """The slot of which MOVED or ASK tells, and the node that it names; None if the error is neither."""
        words = text.split()
        if len(words) != 3 or words[0] not in (b"MOVED", b"ASK"):
            return None
        host, _, port = words[2].rpartition(b":")
        if not port.isdigit() or not words[1].isdigit() or int(words[1]) >= SLOTS:
            return None
        return int(words[1]), self.node((host.decode() or told_by.place[0], int(port)))

    def assign(self, slot: int, node: Node) -> None:
        """A node says that a slot is another's."""
        if self.owners[slot] is not node:
            self.adopt({slot: node})

    def adopt(self, changed: dict[int, Node | None]) -> None:
        """These slots have another owner now."""
        regained = []
        replaced = set()
        for slot, node in changed.items():
            before = self.owners[slot]
            if before is not None:
                before.lost_slots.add(slot)
                replaced.add(before)
            self.owners[slot] = node
            if node is not None:
                if slot in node.lost_slots and node not in regained:
                    regained.append(node)
                if node not in self.scanned:
                    self.scanned.append(node)
        self.owning = None
        for node in set(changed.values()):
            if node is not None:
                self.become_primary(node)
        self.on_map(changed, regained)
        self.leave(replaced)

    def leave(self, replaced: set[Node]) -> None:
        """Of these nodes slots have gone to others: who is quiet and has none any more will not answer."""
        now_us = monotonic_us()
        for node in replaced.difference(self.primaries()):
            for link in list(node.lanes.values()):
                if link.is_quiet(now_us):
                    link.give_up(b"another server has taken over")

    # ------------------------------------------------------------------ links

    def lane(self, node: Node, db: int, resp3: bool) -> Link:
        """The link that all share; a new one if there is none."""
        link = node.lanes.get((db, resp3))
        if link is None:
            opening: list[tuple[bytes, ...]] = [READONLY] if node.is_replica and self.is_cluster else []
            if resp3 and self.is_tracked and not node.is_replica:
                opening.append(TRACKING)
            link = node.lanes[db, resp3] = self.new_link(node, db, resp3, tuple(opening))
            link.start()
        return link

    def track(self) -> None:
        """From now on servers are to tell of changes; what was asked before is answered before."""
        self.is_tracked = True
        for node in self.by_place.values():
            for link in node.lanes.values():
                if link.resp3 and not link.is_tracked and not node.is_replica:
                    link.send(Ask([pack(TRACKING)], tracked(link), may_repeat=True))

    def new_link(self, node: Node, db: int, resp3: bool, opening: tuple[tuple[bytes, ...], ...] = ()) -> Link:
        """A link that is not started yet."""
        link = Link(self.way, node, db + self.target.database, resp3, opening)
        self.prepare(link)
        return link

    def own_link(self, node: Node, db: int, resp3: bool) -> Link | None:
        """A link for one client alone, until `give_back`; None if there are too many."""
        for link in node.idle:
            if link.db == db + self.target.database and link.resp3 == resp3 and not link.is_lost:
                node.idle.remove(link)
                return link
        if self.count_own() >= self.most_own and not self.drop_idle():
            return None
        link = self.new_link(node, db, resp3)
        link.is_patient = True
        node.own.add(link)
        link.start()
        return link

    def count_own(self) -> int:
        """How many links are for single clients, idle ones too."""
        return sum(len(node.own) for node in self.by_place.values())

    def drop_idle(self) -> bool:
        """Close an idle link; False if there is none."""
        for node in self.by_place.values():
            if node.idle:
                node.idle.pop().close()
                return True
        return False

    def give_back(self, link: Link) -> None:
        """An own link is used no more and owes nothing."""
        if link.is_lost:
            return
        if link.sent or link.waiting or link.is_finished or len(link.node.idle) >= MOST_IDLE:
            link.close()
        else:
            link.node.idle.append(link)

    def forget(self, link: Link) -> None:
        """A link is lost."""
        node = link.node
        for name, lane in list(node.lanes.items()):
            if lane is link:
                del node.lanes[name]
        node.own.discard(link)
        if link in node.idle:
            node.idle.remove(link)
        now_us = monotonic_us()
        is_silent = bool(link.sent) and now_us - link.heard_us > link.way.timeout_us
        is_heard = link.refusal or link.heard_us > link.began_us
        if is_silent or not is_heard:
            node.failed_us = now_us

    def all_links(self) -> list[Link]:
        """Every link there is."""
        links = [link for node in self.by_place.values() for link in node.links()]
        return links if self.sentinels is None else [*links, *self.sentinels.links()]

    def look(self, now_us: int) -> None:
        """From time to time: look after the links, and at the map."""
        links = [link for link in self.all_links() if not link.is_patient]
        for link in links:
            link.look(now_us)
        period_us = REFRESH_US if self.sentinels is None else SENTINEL_REFRESH_US
        if now_us - self.refreshed_us > period_us or any(link.is_quiet(now_us) for link in links):
            self.refresh()

    def close(self) -> None:
        """End all links."""
        if self.refreshing is not None:
            self.refreshing.kill(block=False)
        for link in self.all_links():
            link.close()

    # ------------------------------------------------------------------ the map

    def when_known(self, take: Callable[[], None], seconds: float) -> None:
        """Call when the map is known, or when so much time is over."""
        if not self.known.is_set():
            self.refresh()
        gevent.spawn(self.wait_known, take, seconds)

    def wait_known(self, take: Callable[[], None], seconds: float) -> None:
        """The greenlet of `when_known`."""
        self.known.wait(seconds)
        take()

    def refresh(self) -> None:
        """Ask for the map, soon; once more if it is being asked for."""
        if self.refreshing is None:
            self.refreshing = gevent.spawn(self.run_refresh)
        else:
            self.again = True

    def run_refresh(self) -> None:
        """The greenlet of `refresh`."""
        try:
            while True:
                self.again = False
                self.refreshes += 1
                self.refreshed_us = monotonic_us()
                self.is_told = self.learn()
                if not self.is_told:
                    gevent.sleep(RETRY_US / 1e6)
                if not self.again:
                    break
                gevent.sleep(RETRY_US / 2e6)
        finally:
            self.refreshing = None

    def learn(self) -> bool:
        """Ask the sentinels, or one server after the other until one knows; return whether that is so.

        One that has not answered soon is not waited for before the next is asked; the first answer counts.
        """
        if self.sentinels is not None:
            return self.learn_from_sentinels(self.sentinels)
        self.doubtful = None
        asking: list[Any] = []
        try:
            for place in self.candidates():
                asking.append(gevent.spawn(self.learn_from, place))
                asking[-1].join(self.way.timeout_us / 1e6 / SOON)
                if any(one.value for one in asking):
                    return True
            return any(one.value for one in gevent.iwait(asking)) or self.learn_doubtful()
        finally:
            gevent.killall(asking, block=False)

    def candidates(self) -> list[Place]:
        """Whom to ask for the map: who was known to be well, those last that did not answer; then those of the URL."""
        known = list(self.primaries())
        random.shuffle(known)
        now_us = monotonic_us()
        known.sort(key=lambda node: (node.failed_us, any(link.is_quiet(now_us) for link in node.lanes.values())))
        return list(dict.fromkeys([*(node.place for node in known), *self.target.places]))

    def learn_from(self, place: Place) -> bool:
        """Ask one server for the map; return whether it has told."""
        try:
            node = self.node(place)
            lane = self.lane(node, 0, True)
            frames = self.ask(lane, CLUSTER_INFO, CLUSTER_SLOTS)
            reply = decode(frames[-1])
            if isinstance(reply, Exception):
                if lane.mode == b"cluster":
                    raise OSError(str(reply))
                self.learn_single(node, [])
            elif reply and CLUSTER_IS_DOWN not in frames[0]:
                self.learn_ranges(reply, place)
            else:
                self.doubtful = (reply, place) if reply else self.doubtful
                return False
        except OSError as error:
            self.error = str(error).encode()
            return False
        return True

    def learn_doubtful(self) -> bool:
        """Nobody else has told: believe a server that has lost its cluster, if one has; return whether that is so."""
        if self.doubtful is not None:
            self.learn_ranges(*self.doubtful)
        return self.doubtful is not None

    def ask(self, link: Link, *requests: bytes) -> list[bytes]:
        """Ask and wait; return the replies, or one that is an error of the server.

        Raises:
            OSError: there is no answer.
        """
        result: AsyncResult[list[bytes]] = AsyncResult()
        link.send(Ask(requests, result.set, may_repeat=True))
        frames: list[bytes] | None = None
        try:
            frames = result.get(timeout=self.way.timeout_us / 1e6)
        except gevent.Timeout:
            link.lose(b"it is silent")
        if frames is None or (is_error(frames[0]) and link.is_lost):
            raise OSError(link.reason.decode("utf-8", "replace"))
        return frames

    def learn_ranges(self, ranges: Iterable[Any], told_by: Place) -> None:
        """CLUSTER SLOTS was answered."""
        self.is_cluster = True
        owners: list[Node | None] = [None] * SLOTS
        replicas: dict[Node, list[Node]] = {}
        for first, last, *members in ranges:
            primary, *others = [self.node(place_of(member, told_by)) for member in members]
            self.become_primary(primary)
            for slot in range(first, last + 1):
                owners[slot] = primary
            for other in others:
                self.become_replica(other)
            replicas[primary] = others
        self.replicas = replicas
        self.error = b"a slot has no server" if None in owners else b"it does not answer"
        self.settle({slot: node for slot, node in enumerate(owners) if node is not self.owners[slot]})

    def learn_single(self, node: Node, replicas: list[Node]) -> None:
        """One primary has it all."""
        self.is_cluster = False
        self.become_primary(node)
        for other in replicas:
            self.become_replica(other)
        self.replicas = {node: replicas}
        self.settle(dict.fromkeys(range(SLOTS), node) if self.owners[0] is not node else {})

    def learn_from_sentinels(self, sentinels: Sentinels) -> bool:
        """Ask the sentinels who the primary is; return whether they have told."""
        try:
            told = sentinels.ask()
        except OSError as error:
            self.error = str(error).encode()
            return False
        self.learn_single(self.node(told.primary), [self.node(place) for place in told.replicas])
        return True

    def become_primary(self, node: Node) -> None:
        """A node is a primary; links of the time when it was a replica tell of no changes, and read from a replica."""
        if node.is_replica:
            node.is_replica = False
            for link in list(node.lanes.values()):
                link.give_up(b"it is a primary now")

    def become_replica(self, node: Node) -> None:
        """A node is a replica; links of the time when it was a primary are of no use."""
        if not node.is_replica:
            node.is_replica = True
            for link in list(node.lanes.values()):
                link.give_up(b"it is a replica now")

    def settle(self, changed: dict[int, Node | None]) -> None:
        """The map is known."""
        self.known.set()
        if changed:
            self.adopt(changed)
        used = {node for node in self.owners if node is not None}
        used.update(node for others in self.replicas.values() for node in others)
        for node in list(self.by_place.values()):
            if node not in used and node.place not in self.target.places:
                for link in node.links():
                    link.give_up(b"it has left the cluster")
                del self.by_place[node.place]
                self.on_left(node)


def tracked(link: Link) -> Callable[[list[bytes]], None]:
    """What notes that the server of a link has agreed to tell of changes."""

    def note(frames: list[bytes]) -> None:
        link.is_tracked = not is_error(frames[0])

    return note


def place_of(member: list[Any], told_by: Place) -> Place:
    """The address of a server in CLUSTER SLOTS; one that does not know its own is the one that was asked."""
    host = (member[0] or b"").decode()
    return (told_by[0] if host in ("", "?") else host, int(member[1]))
