"""Two near sides of one cluster, while links are cut, stopped and slowed down, slots move and servers die.

`History` knows what each read may see.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from ..support.cluster import ReferenceCluster, running_cluster
from ..support.history import History
from ..support.needs import required_reference
from ..support.process import Process, eventually, information, serving
from ..support.watch import Watch
from .load import CALM_S, ELSEWHERE, FOREIGN, KEYS, NEWS_S, OPTIONS, TIMEOUT_MS, WRITERS, Run, calm


@pytest.fixture(scope="module")
def troubled() -> Iterator[tuple[ReferenceCluster, list[Process]]]:
    """A cluster behind proxies, and three near sides of it."""
    binary = required_reference()
    with (
        running_cluster(binary, is_cut=True) as cluster,
        serving("--upstream", cluster.url, *OPTIONS) as one,
        serving("--upstream", cluster.url, *OPTIONS) as other,
        serving("--upstream", cluster.url, *OPTIONS) as elsewhere,
    ):
        yield cluster, [one, other, elsewhere]


def trouble(cluster: ReferenceCluster) -> None:
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
    for key in (KEYS[0], *sorted(FOREIGN)[:2]):
        wander(cluster, key)
    victim = cluster.owner(KEYS[0])
    victim.kill()
    assert eventually(lambda: cluster.has_other_owner(victim, KEYS[0]))
    calm()
    victim.start()
    assert eventually(cluster.is_well)
    calm()


def wander(cluster: ReferenceCluster, key: str) -> None:
    """Let a key's slot move to another server, and back."""
    source = cluster.owner(key)
    target = next(member for member in cluster.alive() if member.is_primary() and member is not source)
    slot = int(source.do("CLUSTER", "KEYSLOT", key))  # type: ignore[call-overload]
    for way in ((source, target), (target, source)):
        cluster.move_slot(slot, *way)
        threading.Event().wait(NEWS_S + CALM_S)  # what is older than news may be is wrong


def test_no_read_is_older_than_promised(troubled: tuple[ReferenceCluster, list[Process]]) -> None:
    """Whatever happens between."""
    cluster, sides = troubled
    history = History(NEWS_S, Watch(cluster.members, KEYS))
    with history.watch, Run(sides, history) as run:
        trouble(cluster)
    assert not run.broken
    assert history.faults() == []
    assert history.watch.repeated() == []
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
    with contextlib.closing(sides[0].connect()) as client:
        assert client.do("FLUSHALL").value == b"OK"
    history = History(NEWS_S, Watch(cluster.members, KEYS))
    with history.watch, Run(sides, history) as run:
        calm()
        victim.kill()
        assert eventually(lambda: cluster.has_other_owner(victim, KEYS[1]))
        before = len(history.writes[KEYS[1]])
        assert eventually(lambda: sum(one.ended_s is not None for one in history.writes[KEYS[1]][before:]) > 1)
    assert not run.broken
    assert history.faults() == []
    assert history.watch.repeated() == []
    failed = [one for writes in history.writes.values() for one in writes if one.is_uncertain or one.is_refused]
    assert len(failed) <= WRITERS
    assert not any(one.is_refused for one in failed)
    victim.start()
    assert eventually(cluster.is_well)
