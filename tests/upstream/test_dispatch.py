"""Who is asked, while a node does not answer: nobody waits for it who can be answered by another one."""

from __future__ import annotations

import socket
import struct
from typing import Any

import gevent
import pytest
from gevent.event import Event

from geventcache.base.clock import monotonic_us
from geventcache.services.settings.upstream_url import parse_upstream
from geventcache.services.shards.hashing import SLOTS
from geventcache.upstream.asks import Ask
from geventcache.upstream.dispatch import REPLICA, Dispatcher
from geventcache.upstream.link import Link, Way
from geventcache.upstream.nodes import Node, Nodes

LONG_AGO_US = 1


class Lane:
    """A link that notes what it is given."""

    def __init__(self, is_open: bool) -> None:
        self.is_open = is_open
        self.asked: list[Ask] = []

    def send(self, ask: Ask) -> None:
        """It is given something."""
        self.asked.append(ask)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """Two nodes, of which the first has all slots; they note how often the map is asked for."""
    nodes = Nodes(parse_upstream(b"valkey://one:1,two:2"), Way((), None, 1_000_000), False, 1)
    nodes.adopt(dict.fromkeys(range(SLOTS), nodes.node(("one", 1))))
    monkeypatch.setattr(nodes, "refresh", lambda: setattr(nodes, "refreshes", nodes.refreshes + 1))
    return nodes


@pytest.mark.parametrize(("failed_us", "is_open", "is_given"), [(0, False, 1), (LONG_AGO_US, False, 0), (0, True, 1)])
def test_who_has_failed_is_tried_first(nodes: Nodes, failed_us: int, is_open: bool, is_given: int) -> None:
    """By a link to which nothing is given before it is open: then whoever has taken over can be asked."""
    first, second = nodes.node(("one", 1)), nodes.node(("two", 2))
    first.failed_us = failed_us
    lanes: dict[Any, Lane] = {first: Lane(is_open), second: Lane(True)}
    nodes.lane = lambda node, db, resp3: lanes[node]  # type: ignore[assignment,method-assign]
    dispatcher = Dispatcher(nodes, b"primary", 10_000_000, lambda: None)
    dispatcher.send(Ask([b""], lambda frames: None, 7))
    assert len(lanes[first].asked) == is_given
    assert nodes.refreshes == 1 - is_given
    nodes.adopt({7: second})
    if not is_given:
        dispatcher.retry()
        assert len(lanes[second].asked) == 1
    dispatcher.close()


@pytest.fixture
def replicated(nodes: Nodes) -> dict[Any, Link]:
    """Links, all open, to a primary and its replica."""
    first, second = nodes.node(("one", 1)), nodes.node(("two", 2))
    nodes.replicas = {first: [second]}
    second.is_replica = True
    links = {node: Link(nodes.way, node, 0, True) for node in (first, second)}
    for link in links.values():
        link.is_open = True
        link.is_flush_due = True  # nobody sends
    nodes.lane = lambda node, db, resp3: links[node]  # type: ignore[assignment,method-assign]
    return links


def read() -> Ask:
    """One that a replica may answer."""
    return Ask([b""], lambda frames: None, 7, may_repeat=True, may_read_replica=True)


@pytest.mark.parametrize(
    ("failed_us", "is_open", "heard_us", "is_given"),
    [
        (0, True, 0, True),
        (0, False, 0, False),
        (LONG_AGO_US, False, 0, False),
        (0, True, 400_000, True),
        (0, True, 600_000, False),
    ],
)
def test_nobody_waits_for_a_replica(
    nodes: Nodes, replicated: dict[Any, Link], failed_us: int, is_open: bool, heard_us: int, is_given: bool
) -> None:
    """One whose link is not open, or that has been silent for a while, is not asked; a write goes to its primary."""
    primary, replica = replicated.values()
    replica.node.failed_us = failed_us
    replica.is_open = is_open
    if heard_us:
        replica.sent.append(Ask([b""], lambda frames: None))
        replica.heard_us = monotonic_us() - heard_us
    dispatcher = Dispatcher(nodes, REPLICA, 10_000_000, lambda: None)
    dispatcher.send(read())
    dispatcher.send(Ask([b""], lambda frames: None, 7))
    assert len(replica.waiting) == is_given
    assert len(primary.waiting) == 2 - is_given
    dispatcher.close()


@pytest.mark.parametrize("word", [b"LOADING", b"MASTERDOWN", b"CLUSTERDOWN"])
def test_what_a_replica_cannot_answer_its_primary_is_asked(
    nodes: Nodes, replicated: dict[Any, Link], word: bytes
) -> None:
    """At once; it is not waited for until the replica is well."""
    primary, replica = replicated.values()
    dispatcher = Dispatcher(nodes, REPLICA, 10_000_000, lambda: None)
    ask = read()
    dispatcher.send(ask)
    assert replica.waiting.popleft() is ask
    ask.take(b"-%b not now\r\n" % word)
    dispatcher.answered(replica, ask)
    assert list(primary.waiting) == [ask]
    assert not dispatcher.parked
    dispatcher.close()


def test_the_map_is_asked_of_who_answers(nodes: Nodes) -> None:
    """Before others; who was silent has failed, until it is connected to."""
    first, second = nodes.node(("one", 1)), nodes.node(("two", 2))
    nodes.adopt({0: second})
    link = Link(nodes.way, first, 0, True)
    link.heard_us = link.began_us + 1
    nodes.forget(link)
    assert not first.failed_us
    link.sent.append(Ask([b""], lambda frames: None))
    link.heard_us = monotonic_us() - 2_000_000
    link.began_us = link.heard_us - 1
    nodes.forget(link)
    assert first.failed_us
    assert [nodes.candidates()[0] for _ in range(20)] == [("two", 2)] * 20


class Sock:
    """A socket that takes all that is sent."""

    def __init__(self) -> None:
        self._sock = self
        self.sent = b""
        self.options: list[Any] = []

    def send(self, data: bytes) -> int:
        """It is sent something."""
        self.sent += data
        return len(data)

    def setsockopt(self, *words: Any) -> None:
        """It is given an option."""
        self.options.append(words)

    def close(self) -> None:
        """It is closed."""


@pytest.fixture
def link(nodes: Nodes) -> Link:
    """An open link to a member of a cluster."""
    link = Link(nodes.way, nodes.node(("one", 1)), 0, True)
    link.sock = Sock()
    link.is_open = True
    link.mode = b"cluster"
    return link


def told(state: str, epoch: int) -> bytes:
    """What CLUSTER INFO is answered."""
    text = f"cluster_state:{state}\r\ncluster_current_epoch:{epoch}\r\ncluster_my_epoch:1\r\n"
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


def test_who_is_busy_is_asked_for_a_sign_as_well(link: Link) -> None:
    """Once at a time; whoever has lost its cluster is doubted, a change in the cluster is told of."""
    heard: list[str] = []
    link.on_doubt = lambda link: heard.append("doubt")
    link.on_change = lambda link: heard.append("change")
    for state, epoch, expected in (
        ("ok", 1, []),
        ("ok", 1, []),
        ("fail", 1, ["doubt", "change"]),
        ("ok", 2, ["change"]),
    ):
        heard.clear()
        link.send(Ask([b"BUSY"], lambda frames: None))
        link.look(monotonic_us())
        link.look(monotonic_us())
        link.flush()
        assert len(link.sent) == 2
        link.take(b"+OK\r\n")
        link.take(told(state, epoch))
        assert heard == expected
    assert not link.is_lost


def test_a_sign_that_does_not_come_is_nobodys_loss(link: Link) -> None:
    """Silence counts from what was heard last; of what was owed, who had asked is told, and it is sent no more."""
    unanswered: list[Ask] = []
    link.on_unanswered = lambda ask, was_sent, reason: unanswered.append(ask)
    link.look(link.heard_us)
    link.flush()
    ask = Ask([b"GET"], lambda frames: None)
    link.send(ask)
    link.look(link.heard_us + link.way.timeout_us)
    assert not link.is_lost
    link.look(link.heard_us + link.way.timeout_us + 1)
    assert link.is_lost
    assert unanswered == [ask]
    assert link.sock.options == [(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))]


def map_of(port: int) -> bytes:
    """The answer to CLUSTER SLOTS of a server that thinks that one node has them all."""
    return b"*1\r\n*3\r\n:0\r\n:%d\r\n*2\r\n$3\r\none\r\n:%d\r\n" % (SLOTS - 1, port)


@pytest.mark.parametrize(("other_state", "expected"), [("ok", 9), ("fail", 8)])
def test_who_has_lost_its_cluster_is_believed_last(
    monkeypatch: pytest.MonkeyPatch, nodes: Nodes, other_state: str, expected: int
) -> None:
    """It may tell of a time before a failover; but nobody may know better."""
    answers = {8: [told("fail", 1), map_of(8)], 9: [told(other_state, 2), map_of(9)]}
    places = [("one", 17 - expected), ("one", expected)]
    monkeypatch.setattr(nodes, "candidates", lambda: places)
    monkeypatch.setattr(nodes, "lane", lambda node, db, resp3: node)
    monkeypatch.setattr(nodes, "ask", lambda node, *requests: answers[node.place[1]])
    nodes.run_refresh()
    owner = nodes.owners[0]
    assert owner is not None
    assert owner.place == ("one", expected)


def test_who_does_not_tell_the_map_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, nodes: Nodes) -> None:
    """The next one is asked as well; what the first one says in the end is old."""
    speaks = Event()

    def ask(node: Node, *_: bytes) -> list[bytes]:
        if node.place[1] == 8:
            speaks.wait()
        return [told("ok", 1), map_of(node.place[1])]

    monkeypatch.setattr(nodes, "candidates", lambda: [("one", 8), ("one", 9)])
    monkeypatch.setattr(nodes, "lane", lambda node, db, resp3: node)
    monkeypatch.setattr(nodes, "ask", ask)
    nodes.run_refresh()
    speaks.set()
    gevent.idle()
    assert nodes.primaries() == [nodes.node(("one", 9))]


def test_who_is_quiet_is_not_waited_for(nodes: Nodes, link: Link) -> None:
    """Others are asked for the map first, and who has taken over gets what waits; a node that answers may go on."""
    first, second = link.node, nodes.node(("two", 2))
    first.lanes[0, True] = link
    nodes.adopt({0: second})
    unanswered: list[Ask] = []
    link.on_unanswered = lambda ask, was_sent, reason: unanswered.append(ask)
    ask = Ask([b"GET"], lambda frames: None)
    link.send(ask)
    link.flush()
    nodes.adopt(dict.fromkeys(range(SLOTS), second))
    assert not unanswered
    nodes.adopt({1: first})
    link.heard_us = monotonic_us() - link.way.timeout_us // 2 - 1
    before = nodes.refreshes
    nodes.look(monotonic_us())
    assert nodes.refreshes > before
    assert [nodes.candidates()[0] for _ in range(20)] == [("two", 2)] * 20
    nodes.adopt({1: second})
    assert link.is_lost
    assert unanswered == [ask]
