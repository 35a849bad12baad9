"""Who is asked, while a node does not answer: nobody waits for it who can be answered by another one."""

from __future__ import annotations

from typing import Any

import pytest

from geventcache.base.clock import monotonic_us
from geventcache.services.settings.upstream_url import parse_upstream
from geventcache.services.shards.slots import SLOTS
from geventcache.upstream.asks import Ask
from geventcache.upstream.dispatch import Dispatcher
from geventcache.upstream.link import Link, Way
from geventcache.upstream.nodes import Nodes

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
