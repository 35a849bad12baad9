"""A primary of the reference with replicas, each at a host of its own, and a sentinel beside each."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .client import Client
from .cluster import Member
from .network import Host
from .process import eventually
from .servers import _end_with_parent

NAME = "main"
PORT = 26379
DOWN_AFTER_MS = 1000
CONFIGURATION = f"""port {PORT}
bind {{host.address}} {{host.door}}
protected-mode no
dir {{folder}}
sentinel monitor {NAME} {{primary.place}} {{primary.port}} 2
sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}
sentinel failover-timeout {NAME} 4000
"""


class Guarded(Member):
    """One server, which sentinels watch."""

    def part(self) -> list[str]:
        """What makes it one of them."""
        return ["--repl-ping-replica-period", "1"]

    def role(self) -> list[bytes]:
        """What it is, and whom it follows; nothing while sentinels end its connections."""
        with contextlib.suppress(OSError, EOFError):
            return [word.value for word in self.do("ROLE")]  # type: ignore[attr-defined]
        return [b""]

    def is_primary(self) -> bool:
        """Is it one?"""
        return self.role()[0] == b"master"


class Guard:
    """All servers; the first one is the primary at first. A sentinel is at each host."""

    def __init__(self, binary: Path, folder: Path, hosts: Sequence[Host]) -> None:
        self.binary = binary
        self.hosts = hosts
        self.members = [Guarded(binary, folder / str(i), [], False, host) for i, host in enumerate(hosts)]
        first, *others = self.members
        for other in others:
            other.do("REPLICAOF", first.place, first.port)
        assert eventually(self.is_well)
        self.sentinels: list[subprocess.Popen[bytes]] = []
        for i, host in enumerate(hosts):
            self.watch(folder / f"sentinel{i}", host)
        assert eventually(self.is_known, 60)

    def watch(self, folder: Path, host: Host) -> None:
        """Run a sentinel."""
        folder.mkdir()
        file = folder / "sentinel.conf"
        file.write_text(CONFIGURATION.format(host=host, folder=folder, primary=self.members[0]))
        self.sentinels.append(
            subprocess.Popen(
                [*host.prefix, str(self.binary), str(file), "--sentinel"],
                stdin=subprocess.DEVNULL,
                stdout=(folder / "log").open("ab"),
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        )

    def ask(self, host: Host) -> dict[bytes, bytes]:
        """What the sentinel of a host says of the primary, nothing if it does not answer."""
        with contextlib.suppress(OSError, EOFError), contextlib.closing(Client((host.door, PORT))) as client:
            words = [reply.value for reply in client.do("SENTINEL", "MASTER", NAME).value]
            return dict(zip(words[::2], words[1::2], strict=True))
        return {}

    def is_known(self) -> bool:
        """Do all sentinels know each other and all replicas, and agree on who is the primary?"""
        told = [self.ask(host) for host in self.hosts]
        others = b"%d" % (len(self.hosts) - 1)
        names = (b"num-other-sentinels", b"num-slaves")
        return (
            all(one.get(name) == others for one in told for name in names)
            and len({(one[b"ip"], one[b"flags"]) for one in told}) == 1
        )

    def is_well(self) -> bool:
        """Do all replicas follow the one primary?"""
        roles = [member.role() for member in self.members]
        places = [
            member.place.encode() for member, role in zip(self.members, roles, strict=True) if role[0] == b"master"
        ]
        followed = [(role[1], role[3]) for role in roles if role[0] == b"slave"]
        return len(places) == 1 and followed == [(places[0], b"connected")] * (len(roles) - 1)

    def primary(self) -> Guarded:
        """The primary, while all is well."""
        return next(member for member in self.members if member.is_primary())

    def heir(self, old: Member) -> Guarded | None:
        """Who has taken an old primary's place, None if nobody has."""
        return next((one for one in self.members if one is not old and one.is_primary()), None)

    def is_replaced(self, old: Member) -> bool:
        """Do all sentinels name another primary?"""
        return all(self.ask(host).get(b"ip") not in (None, old.place.encode()) for host in self.hosts)

    @property
    def url(self) -> str:
        """For --upstream."""
        return "valkey://" + ",".join(f"{host.address}:{PORT}" for host in self.hosts) + f"?sentinel={NAME}"


@contextlib.contextmanager
def running_guard(binary: Path, hosts: Sequence[Host]) -> Iterator[Guard]:
    """Run servers and sentinels."""
    with tempfile.TemporaryDirectory(prefix="guard-") as folder:
        guard = Guard(binary, Path(folder), hosts)
        try:
            yield guard
        finally:
            for sentinel in guard.sentinels:
                sentinel.kill()
                sentinel.wait()
            for member in guard.members:
                member.kill()
