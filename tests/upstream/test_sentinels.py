"""Which sentinel is believed, and a primary of theirs that is cut off, stops or dies while its near sides are used.

What the servers lose themselves is told apart by `Watch`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from geventcache.services.settings.upstream_url import parse_upstream
from geventcache.upstream.link import Way
from geventcache.upstream.sentinels import OUTDATED, Sentinels

from ..support.cluster import Member
from ..support.history import History
from ..support.needs import require_networks, required_reference
from ..support.network import Host, running_network
from ..support.process import Process, eventually
from ..support.sentinels import Guard, running_guard
from ..support.watch import Succession, Watch
from .load import KEYS, NEWS_S, TIMEOUT_MS, Run, calm
from .test_partitions import host_of, near_side, wait
from .test_ways import SILENCE, Pretender

GONE = b"gone"
SERVERS = 3
SIDES = 3
# Sentinels look at a replica that is to take over every second, and are asked every second if their news was lost.
TOLD_S = 2.0


def telling(epoch: int) -> Callable[[list[bytes]], bytes]:
    """A sentinel that knows of a failover of that epoch: the primary's port is the same number."""
    port = b"%d" % epoch
    answers = {
        b"GET-MASTER-ADDR-BY-NAME": b"*2\r\n$5\r\n1.1.1\r\n$%d\r\n%b\r\n" % (len(port), port),
        b"MASTER": b"%%1\r\n$12\r\nconfig-epoch\r\n$%d\r\n%b\r\n" % (len(port), port),
        b"REPLICAS": b"*0\r\n",
    }
    return lambda words: answers[words[1]] if words[0] == b"SENTINEL" else b""


def silent(words: list[bytes]) -> bytes:
    """A sentinel that does not answer."""
    return SILENCE


def unknowing(words: list[bytes]) -> bytes:
    """A sentinel that does not know the primary."""
    return b"-ERR No such master with that name\r\n" if words[0] == b"SENTINEL" else b""


def unused_port() -> int:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def asked(*answers: object) -> Iterator[Sentinels]:
    """Sentinels that answer so; one that is GONE is not there."""
    with contextlib.ExitStack() as stack:
        ports = []
        for answer in answers:
            if answer == GONE:
                ports.append(unused_port())
                continue
            pretender = Pretender(answer)  # type: ignore[arg-type]
            stack.callback(pretender.close)
            ports.append(pretender.port)
        url = "valkey://" + ",".join(f"127.0.0.1:{port}" for port in ports) + "?sentinel=main"
        sentinels = Sentinels(parse_upstream(url.encode()), Way((), None, 500_000), lambda: None)
        yield sentinels
        for link in sentinels.links():
            link.close()


@pytest.mark.parametrize(
    ("answers", "known", "expected"),
    [
        ([telling(1)], None, 1),
        ([telling(1), telling(2)], None, 2),
        ([telling(2), telling(1)], None, 2),
        ([telling(1), telling(2), GONE], None, 2),
        ([telling(1), telling(2), silent], None, 2),
        ([GONE, silent, telling(1)], None, 1),
        ([silent, telling(2), silent], 1, 2),
        ([unknowing, telling(1), unknowing], None, 1),
        ([telling(1), telling(1), telling(1)], 2, 1),
        ([telling(1), telling(1), GONE], 2, OUTDATED),
        ([telling(1), silent, silent], 2, OUTDATED),
        ([telling(1), unknowing, GONE], 2, OUTDATED),
        ([unknowing], None, "no such primary is known to the sentinel"),
        ([GONE, GONE], None, "a sentinel does not answer"),
        ([silent], None, "a sentinel does not answer"),
    ],
)
def test_the_newest_word_counts(answers: list[object], known: int | None, expected: int | str) -> None:
    """Of those that answer; none goes back behind what was known, unless all say so. The next answer is the same."""
    with asked(*answers) as sentinels:
        sentinels.epoch = known
        if isinstance(expected, int):
            assert sentinels.ask().primary[1] == expected
            assert sentinels.ask().primary[1] == expected
        else:
            with pytest.raises(OSError, match=expected):
                sentinels.ask()


class Scene(NamedTuple):
    """Servers with sentinels beside them, and near sides, with the hosts of these."""

    guard: Guard
    sides: list[Process]
    places: list[Host]

    def others(self, victim: Member) -> list[Host]:
        """The hosts of all other servers."""
        return [host for host in self.guard.hosts if host is not victim.host]

    def replaced(self, victim: Member) -> None:
        """Wait until a replica has taken a primary's place, and a little longer."""
        assert eventually(lambda: self.guard.heir(victim) is not None)
        calm()


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A primary and two replicas, a sentinel at each host, and three near sides."""
    binary = required_reference()
    require_networks()
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(running_network(SERVERS + SIDES))
        guard = stack.enter_context(running_guard(binary, hosts[:SERVERS]))
        places = list(hosts[SERVERS:])
        reads = ("--upstream-read-from", "replica")
        yield Scene(guard, [stack.enter_context(near_side(guard.url, host, *reads)) for host in places], places)


def nobody_reaches_the_primary(scene: Scene, victim: Member) -> None:
    """Nor the sentinel beside it."""
    host_of(victim).isolate()
    scene.replaced(victim)
    host_of(victim).join()


def no_server_reaches_the_primary(scene: Scene, victim: Member) -> None:
    """Near sides do, and the sentinel beside it, which does not know that it was replaced."""
    host_of(victim).part(*scene.others(victim))
    scene.replaced(victim)
    host_of(victim).meet(*scene.others(victim))


def the_primary_stands_still(scene: Scene, victim: Member) -> None:
    """And goes on where it was."""
    victim.stop()
    scene.replaced(victim)
    victim.go_on()


def the_primary_dies(scene: Scene, victim: Member) -> None:
    """And comes back with what it had once, when it is no primary any more."""
    victim.kill()
    scene.replaced(victim)
    assert eventually(lambda: scene.guard.is_replaced(victim))
    victim.start()


def a_near_side_reaches_nobody(scene: Scene, victim: Member) -> None:
    """Others do, whatever it keeps meanwhile."""
    scene.places[0].isolate()
    wait(3 * TIMEOUT_MS)
    scene.places[0].join()


def the_replicas_stand_still(scene: Scene, victim: Member) -> None:
    """One after the other."""
    for member in scene.guard.members:
        if member is not victim:
            member.stop()
            wait(2 * TIMEOUT_MS)
            member.go_on()


QUICK = [nobody_reaches_the_primary, no_server_reaches_the_primary, the_replicas_stand_still]
DEEP = [the_primary_stands_still, the_primary_dies, a_near_side_reaches_nobody]
IS_DEEP = os.environ.get("GEVENTCACHE_PARITY_PROFILE") == "deep"


@pytest.mark.parametrize("trouble", QUICK + DEEP * IS_DEEP, ids=lambda trouble: trouble.__name__)
def test_no_read_is_older_than_promised(scene: Scene, trouble: Callable[[Scene, Member], None]) -> None:
    """But for what the servers themselves have lost; near sides go on by the new primary."""
    guard, sides, _ = scene
    assert eventually(guard.is_well)
    assert eventually(guard.is_known)
    with contextlib.closing(sides[0].connect()) as client:
        assert client.do("FLUSHALL").value == b"OK"
    history = History(NEWS_S + TOLD_S, Watch(guard.members, KEYS, Succession()))
    with history.watch, Run(sides, history) as run:
        calm()
        trouble(scene, guard.primary())
        assert eventually(guard.is_well)
        before = {key: len(writes) for key, writes in history.writes.items()}
        assert eventually(lambda: all(confirmed_since(history, key, before.get(key, 0)) for key in KEYS))
    assert not run.broken
    assert history.faults() == []
    assert history.watch.repeated() == []
    print(f"{len(history.reads)} reads, the servers have lost {len(history.lost)} writes that they would have seen")


def confirmed_since(history: History, key: str, number: int) -> bool:
    """Was any write behind that number confirmed?"""
    return any(write.ended_s is not None for write in history.writes.get(key, [])[number:])
