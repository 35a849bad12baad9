"""Hosts of their own for servers, in network namespaces, whose links can be cut without anybody being told.

Each host has an address on a bridge, by which hosts see each other, and one by which the test alone sees it and which
is never cut. It takes root and `ip`; `is_possible` tells.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

NOBODY = "02:00:00:00:00:99"


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


@functools.cache
def is_possible() -> bool:
    """May this process make networks?"""
    if shutil.which("ip") is None or os.geteuid() != 0:
        return False
    try:
        with running_network(2) as (one, other):
            one.part(other)
    except (subprocess.CalledProcessError, OSError):
        return False
    return True


class Host:
    """One network namespace.

    Attributes:
        address: where the other hosts see it.
        door: where the test sees it.
    """

    def __init__(self, net: int, number: int) -> None:
        self.name = f"gc{net}h{number}"
        self.bridge = f"gc{net}b"
        self.port = f"gc{net}p{number}"
        self.side = f"gc{net}d{number}"
        self.address = f"10.99.{net}.{number + 1}"
        self.door = f"10.98.{net}.{2 * number + 1}"
        ip("netns", "add", self.name)
        ip("link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self.port, "master", self.bridge, "up")
        ip("link", "add", self.side, "type", "veth", "peer", "name", "eth1", "netns", self.name)
        ip("address", "add", f"10.98.{net}.{2 * number}/31", "dev", self.side)
        ip("link", "set", self.side, "up")
        for device, address in (("eth0", f"{self.address}/24"), ("eth1", f"{self.door}/31")):
            self.inside("address", "add", address, "dev", device)
            self.inside("link", "set", device, "up")
        self.inside("link", "set", "lo", "up")

    def inside(self, *words: str) -> None:
        """Run `ip` within."""
        ip("-n", self.name, *words)

    @property
    def prefix(self) -> list[str]:
        """What makes a command run within."""
        return ["ip", "netns", "exec", self.name]

    def isolate(self) -> None:
        """Nobody reaches it any more, nor does it anybody."""
        ip("link", "set", self.port, "nomaster")

    def join(self) -> None:
        """All reach it again."""
        ip("link", "set", self.port, "master", self.bridge)

    def part(self, *others: Host) -> None:
        """Neither it nor these reach each other any more; all other links are as they were."""
        for one, other in [pair for host in others for pair in ((self, host), (host, self))]:
            one.inside("neigh", "replace", other.address, "lladdr", NOBODY, "nud", "permanent", "dev", "eth0")

    def meet(self, *others: Host) -> None:
        """They reach each other again."""
        for one, other in [pair for host in others for pair in ((self, host), (host, self))]:
            one.inside("neigh", "del", other.address, "dev", "eth0")

    def remove(self) -> None:
        """It is no more."""
        for words in (("link", "del", self.port), ("link", "del", self.side), ("netns", "del", self.name)):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip(*words)


@contextlib.contextmanager
def running_network(count: int) -> Iterator[Sequence[Host]]:
    """So many hosts."""
    net = os.getpid() % 250
    bridge = f"gc{net}b"
    ip("link", "add", bridge, "type", "bridge")
    hosts: list[Host] = []
    try:
        ip("link", "set", bridge, "up")
        for number in range(count):
            hosts.append(Host(net, number))
        yield hosts
    finally:
        for host in hosts:
            host.remove()
        ip("link", "del", bridge)
