"""Which reads under way may be kept, and joined, when something happens meanwhile."""

from __future__ import annotations

import pytest

from geventcache.services.settings.upstream_url import parse_upstream
from geventcache.services.shards.hashing import SLOTS
from geventcache.upstream.link import Way
from geventcache.upstream.near import GET, Near
from geventcache.upstream.nodes import Node, Nodes

from ..support.inprocess import InProcessServer

OLD = [b":-1\r\n", b"$3\r\nold\r\n"]
KEY = b"k"


@pytest.fixture
def nodes() -> Nodes:
    """Two nodes, of which the first has all slots."""
    nodes = Nodes(parse_upstream(b"valkey://one:1,two:2"), Way((), None, 1_000_000), True, 1)
    nodes.adopt(dict.fromkeys(range(SLOTS), nodes.node(("one", 1))))
    return nodes


@pytest.fixture
def near(nodes: Nodes) -> Near:
    """What is kept of them."""
    near = Near(InProcessServer().state, nodes)
    nodes.on_map = near.follow_map
    nodes.on_map(dict(enumerate(nodes.owners)), [])
    return near


def node_of(nodes: Nodes, slot: int = 0) -> Node:
    """Who has a slot."""
    node = nodes.owners[slot]
    assert node is not None
    return node


def keep(near: Near, nodes: Nodes, key: bytes = KEY) -> None:
    """A read of a key is answered and kept."""
    node = node_of(nodes)
    near.end_fetch(near.begin_fetch(node, 0, key, GET), OLD, node)


def test_reply_is_kept(near: Near, nodes: Nodes) -> None:
    """If nothing happens."""
    fetch = near.begin_fetch(node_of(nodes), 0, KEY, GET)
    assert near.fetch_under_way(node_of(nodes), 0, KEY, GET) is fetch
    near.end_fetch(fetch, OLD, node_of(nodes))
    assert near.fetch_under_way(node_of(nodes), 0, KEY, GET) is None
    assert near.kept(0, 0, KEY, GET) == OLD[-1]


@pytest.mark.parametrize("is_something_kept", [False, True])
def test_flush_is_for_reads_under_way(near: Near, nodes: Nodes, is_something_kept: bool) -> None:
    """Their replies are older than it, whether or not anything of the node was kept before."""
    if is_something_kept:
        keep(near, nodes, b"other")
    fetch = near.begin_fetch(node_of(nodes), 0, KEY, GET)
    near.suspend()
    near.resume()
    near.end_fetch(fetch, OLD, node_of(nodes))
    assert near.kept(0, 0, KEY, GET) is None


def test_who_was_replaced_is_not_waited_for(near: Near, nodes: Nodes) -> None:
    """A read that the old owner of a slot has still to answer is for those who had asked before; it is not kept."""
    first, second = node_of(nodes), nodes.node(("two", 2))
    fetch = near.begin_fetch(first, 0, KEY, GET)
    nodes.adopt(dict.fromkeys(range(SLOTS), second))
    assert near.fetch_under_way(second, 0, KEY, GET) is None
    newer = near.begin_fetch(second, 0, KEY, GET)
    nodes.adopt(dict.fromkeys(range(SLOTS), first))
    near.end_fetch(fetch, OLD, first)
    assert near.kept(0, 0, KEY, GET) is None
    near.end_fetch(newer, OLD, second)
    assert near.kept(0, 0, KEY, GET) is None


def test_slot_that_was_elsewhere_brings_nothing_back(near: Near, nodes: Nodes) -> None:
    """Its node heard of no change that was made there; what is kept from its return on stays, as other slots move."""
    first, second = node_of(nodes), nodes.node(("two", 2))
    keep(near, nodes)
    nodes.adopt({0: second})
    nodes.adopt({0: first})
    assert near.kept(0, 0, KEY, GET) is None
    keep(near, nodes)
    nodes.adopt({1: second})
    assert near.kept(0, 0, KEY, GET) == OLD[-1]
    nodes.adopt({1: first})
    assert near.kept(0, 0, KEY, GET) is None


def test_slot_that_had_no_server_brings_nothing_back(near: Near, nodes: Nodes) -> None:
    """Whoever had it meanwhile was not seen."""
    keep(near, nodes)
    nodes.adopt({0: None})
    assert near.kept(0, 0, KEY, GET) is None
    nodes.adopt({0: nodes.node(("one", 1))})
    assert near.kept(0, 0, KEY, GET) is None
