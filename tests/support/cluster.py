"""A cluster of the reference: primaries, each with a replica, on free ports of this machine."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .client import Address, Client
from .cut import Cut
from .network import Host
from .ports import free_port
from .process import eventually
from .servers import _end_with_parent

SLOTS = 16384
NODE_TIMEOUT_MS = 1000
HOST_PORT = 7000


class Member:
    """One server of the cluster.

    Attributes:
        cut: the proxy that clients are told to go by (`cluster-announce-client-port`), None without one.
        host: where it runs, None for this machine itself.
    """

    def __init__(
        self, binary: Path, folder: Path, options: Sequence[str], is_cut: bool, host: Host | None = None
    ) -> None:
        self.binary = binary
        self.folder = folder
        self.host = host
        self.port = free_port() if host is None else HOST_PORT
        self.cut = Cut(self.address) if is_cut else None
        self.options = list(options)
        if self.cut is not None:
            self.options += ["--cluster-announce-client-port", str(self.cut.port)]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> Address:
        """Where the test reaches it."""
        return "127.0.0.1" if self.host is None else self.host.door, self.port

    @property
    def place(self) -> str:
        """The address by which others in the cluster reach it."""
        return "127.0.0.1" if self.host is None else self.host.address

    @property
    def told_port(self) -> int:
        """The port that clients are told."""
        return self.port if self.cut is None else self.cut.port

    def start(self) -> None:
        """Run it."""
        self.folder.mkdir(exist_ok=True)
        words = [] if self.host is None else self.host.prefix
        words += [str(self.binary), "--port", str(self.port), "--save", "", "--daemonize", "no", "--bind", self.place]
        words += [] if self.host is None else [self.host.door, "--protected-mode", "no"]
        words += ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes", *self.part(), *self.options]
        self.process = subprocess.Popen(
            words,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        assert eventually(self.answers, 20), (self.folder / "log").read_text()

    def part(self) -> list[str]:
        """What makes it a member."""
        words = [] if self.host is None else ["--cluster-announce-ip", self.place]
        words += ["--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS)]
        return [*words, "--cluster-databases", "4"]

    def answers(self) -> bool:
        """Does it answer?"""
        try:
            with self.connect() as client:
                return client.do("PING").value == b"PONG"
        except (OSError, EOFError):
            return False

    @contextlib.contextmanager
    def connect(self) -> Iterator[Client]:
        """A connection to it."""
        client = Client(self.address)
        try:
            yield client
        finally:
            client.close()

    def do(self, *words: object) -> object:
        """Send one request by a connection of its own, and return the value of the reply."""
        with self.connect() as client:
            reply = client.do(*words)
            assert not reply.is_error, (words, reply)
            return reply.value

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Let it stand still, as it is."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def id(self) -> bytes:
        """Its name in the cluster."""
        return self.do("CLUSTER", "MYID")  # type: ignore[return-value]

    def is_primary(self) -> bool:
        """Is it one?"""
        return b"myself,master" in self.do("CLUSTER", "NODES")  # type: ignore[operator]


class ReferenceCluster:
    """All members; the first ones are the primaries, and those behind them their replicas, in the same order."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        primaries: int,
        replicas: int,
        options: Sequence[str],
        is_cut: bool,
        hosts: Sequence[Host] = (),
    ) -> None:
        places = hosts or [None] * (primaries + replicas)
        self.members = [Member(binary, folder / str(i), options, is_cut, host) for i, host in enumerate(places)]
        self.primaries = self.members[:primaries]
        self.replicas = self.members[primaries:]

    def join(self) -> None:
        """Make a cluster of them."""
        for i, member in enumerate(self.primaries):
            first, last = (SLOTS * j // len(self.primaries) for j in (i, i + 1))
            member.do("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
            member.do("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for member in self.members[1:]:
            member.do("CLUSTER", "MEET", self.members[0].place, self.members[0].port)
        assert eventually(lambda: all(self.known(member) == len(self.members) for member in self.members), 30)
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            replica.do("CLUSTER", "REPLICATE", primary.id())
        assert eventually(self.is_well, 60)

    def known(self, member: Member) -> int:
        """How many members one knows."""
        return len(member.do("CLUSTER", "NODES").splitlines())  # type: ignore[attr-defined]

    def is_well(self) -> bool:
        """Do all say that the cluster is well, and are the replicas in step?"""
        alive = [member for member in self.members if member.process is not None]
        if not all(b"cluster_state:ok" in member.do("CLUSTER", "INFO") for member in alive):  # type: ignore[operator]
            return False
        return all(
            b"master_link_status:up" in member.do("INFO", "replication")  # type: ignore[operator]
            for member in alive
            if not member.is_primary()
        )

    def owner(self, key: str | bytes) -> Member:
        """The primary that has a key's slot."""
        slot = self.alive()[0].do("CLUSTER", "KEYSLOT", key)
        for member in self.alive():
            for line in member.do("CLUSTER", "NODES").splitlines():  # type: ignore[attr-defined]
                if b"myself,master" in line and any(holds(word, slot) for word in line.split()[8:]):  # type: ignore[arg-type]
                    return member
        raise LookupError(key)

    def has_other_owner(self, victim: Member, key: str) -> bool:
        """Has a replica taken over?"""
        with contextlib.suppress(LookupError):
            return self.owner(key) is not victim
        return False

    def replica_of(self, primary: Member) -> Member:
        """A replica of a primary."""
        name = primary.id()
        return next(one for one in self.alive() if b"myself,slave " + name in one.do("CLUSTER", "NODES"))  # type: ignore[operator]

    def promote(self, member: Member) -> None:
        """Let a replica take its primary's place; what is primary stays it."""
        if not member.is_primary():
            member.do("CLUSTER", "FAILOVER")
            assert eventually(member.is_primary)

    def alive(self) -> list[Member]:
        """Those that run."""
        return [member for member in self.members if member.process is not None]

    def move_slot(self, slot: int, source: Member, target: Member) -> None:
        """Let a slot move, and wait until it has."""
        source.do("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id())
        assert eventually(lambda: self.has(target, slot), 30)

    def has(self, member: Member, slot: int) -> bool:
        """Has a member a slot, by its own word?"""
        line = next(line for line in member.do("CLUSTER", "NODES").splitlines() if b"myself" in line)  # type: ignore[attr-defined]
        return any(holds(word, slot) for word in line.split()[8:])

    @property
    def url(self) -> str:
        """For --upstream."""
        return "valkey://" + ",".join(f"{member.place}:{member.told_port}" for member in self.members)


def holds(word: bytes, slot: int) -> bool:
    """Is a slot in a range of CLUSTER NODES?"""
    if word.startswith(b"["):
        return False
    first, _, last = word.partition(b"-")
    return int(first) <= slot <= int(last or first)


@contextlib.contextmanager
def running_cluster(
    binary: Path,
    primaries: int = 3,
    replicas: int = 3,
    *options: str,
    is_cut: bool = False,
    hosts: Sequence[Host] = (),
) -> Iterator[ReferenceCluster]:
    """Run a cluster; each server behind a proxy, if the links to it are to be cut, or each at a host of its own."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = ReferenceCluster(binary, Path(folder), primaries, replicas, options, is_cut, hosts)
        try:
            cluster.join()
            yield cluster
        finally:
            for member in cluster.members:
                member.kill()
                if member.cut is not None:
                    member.cut.close()
