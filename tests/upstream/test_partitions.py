"""Two near sides of a cluster, each server at a host of its own, while parts of the network do not see each other.

A cluster loses what its old primary confirms before it notices that it is alone; `Watch` knows what that was.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from ..support.cluster import Member, ReferenceCluster, running_cluster
from ..support.history import History
from ..support.needs import require_networks, required_reference
from ..support.network import Host, running_network
from ..support.process import Process, eventually, running
from ..support.watch import Watch
from .load import KEYS, NEWS_S, OPTIONS, TIMEOUT_MS, Run, calm

SERVERS = 6
SIDES = 3


class Scene(NamedTuple):
    """A cluster and near sides of it, with the hosts of these."""

    cluster: ReferenceCluster
    sides: list[Process]
    places: list[Host]

    def promoted(self, heir: Member) -> None:
        """Wait until a replica has taken its primary's place, and a little longer."""
        assert eventually(heir.is_primary)
        calm()

    def others(self, victim: Member) -> list[Host]:
        """The hosts of all other servers."""
        return [host_of(member) for member in self.cluster.members if member is not victim]


def host_of(member: Member) -> Host:
    """Where a server runs."""
    assert member.host is not None
    return member.host


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A cluster of three primaries and three replicas, and three near sides."""
    binary = required_reference()
    require_networks()
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(running_network(SERVERS + SIDES))
        cluster = stack.enter_context(running_cluster(binary, hosts=hosts[:SERVERS]))
        places = list(hosts[SERVERS:])
        yield Scene(cluster, [stack.enter_context(near_side(cluster.url, host)) for host in places], places)


@contextlib.contextmanager
def near_side(url: str, host: Host, *options: str) -> Iterator[Process]:
    """A near side at a host."""
    listens = ("--port", "0", "--bind", host.door, "--protected-mode", "no")
    with running(*listens, "--upstream", url, *OPTIONS, *options, prefix=host.prefix) as process:
        yield process


def wait(milliseconds: int) -> None:
    """Let them be in trouble; what is asserted does not depend on how long that is."""
    threading.Event().wait(milliseconds / 1000)


def nobody_reaches_the_primary(scene: Scene, victim: Member, heir: Member) -> None:
    """Neither servers nor near sides."""
    host_of(victim).isolate()
    scene.promoted(heir)
    host_of(victim).join()


def no_server_reaches_the_primary(scene: Scene, victim: Member, heir: Member) -> None:
    """Near sides do, for as long as it answers."""
    host_of(victim).part(*scene.others(victim))
    scene.promoted(heir)
    host_of(victim).meet(*scene.others(victim))


def the_primary_is_left_with_a_near_side(scene: Scene, victim: Member, heir: Member) -> None:
    """The one sees nobody else, the other two see all others."""
    rest = scene.others(victim)
    host_of(victim).part(*rest, *scene.places[1:])
    scene.places[0].part(*rest)
    scene.promoted(heir)
    scene.places[0].meet(*rest)
    host_of(victim).meet(*rest, *scene.places[1:])


def the_primary_stands_still(scene: Scene, victim: Member, heir: Member) -> None:
    """And goes on where it was."""
    victim.stop()
    scene.promoted(heir)
    victim.go_on()


def the_primary_dies_before_its_replica_knows(scene: Scene, victim: Member, heir: Member) -> None:
    """All that it has confirmed for a while is lost."""
    host_of(victim).part(host_of(heir))
    wait(TIMEOUT_MS)
    victim.kill()
    host_of(victim).meet(host_of(heir))
    scene.promoted(heir)
    victim.start()


def a_near_side_does_not_reach_the_primary(scene: Scene, victim: Member, heir: Member) -> None:
    """Others do."""
    scene.places[0].part(host_of(victim))
    wait(3 * TIMEOUT_MS)
    scene.places[0].meet(host_of(victim))


def a_near_side_reaches_nobody(scene: Scene, victim: Member, heir: Member) -> None:
    """Others do, whatever it keeps meanwhile."""
    scene.places[0].isolate()
    wait(3 * TIMEOUT_MS)
    scene.places[0].join()


def the_replica_takes_over(scene: Scene, victim: Member, heir: Member) -> None:
    """As it was asked to, and back."""
    for one in (heir, victim):
        scene.cluster.promote(one)
        wait(TIMEOUT_MS)


def the_replica_takes_over_without_asking(scene: Scene, victim: Member, heir: Member) -> None:
    """It may lack what was confirmed last."""
    host_of(victim).part(host_of(heir))
    calm()
    heir.do("CLUSTER", "FAILOVER", "TAKEOVER")
    scene.promoted(heir)
    host_of(victim).meet(host_of(heir))


QUICK = [
    no_server_reaches_the_primary,
    the_primary_is_left_with_a_near_side,
    a_near_side_reaches_nobody,
    the_replica_takes_over,
]
DEEP = [
    nobody_reaches_the_primary,
    the_primary_stands_still,
    the_primary_dies_before_its_replica_knows,
    a_near_side_does_not_reach_the_primary,
    the_replica_takes_over_without_asking,
]
IS_DEEP = os.environ.get("GEVENTCACHE_PARITY_PROFILE") == "deep"


@pytest.mark.parametrize("trouble", QUICK + DEEP * IS_DEEP, ids=lambda trouble: trouble.__name__)
def test_no_read_is_older_than_promised(scene: Scene, trouble: Callable[[Scene, Member, Member], None]) -> None:
    """But for what the cluster itself has lost."""
    cluster, sides, _ = scene
    with contextlib.closing(sides[0].connect()) as client:
        assert client.do("FLUSHALL").value == b"OK"
    history = History(NEWS_S, Watch(cluster.members, KEYS))
    with history.watch, Run(sides, history) as run:
        calm()
        victim = cluster.owner(KEYS[0])
        trouble(scene, victim, cluster.replica_of(victim))
        calm()
        assert eventually(cluster.is_well)
        calm()
    assert not run.broken
    assert history.faults() == []
    assert history.watch.repeated() == []
    print(f"{len(history.reads)} reads, the cluster has lost {len(history.lost)} writes that they would have seen")
