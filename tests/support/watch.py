"""What each server of a cluster has done itself, recorded all the time: so what a cluster has lost is told apart.

Replication is asynchronous: a primary that dies, or that nobody else reaches any more, has confirmed writes that its
successor never gets. A read after that is right if it sees what the successor has. `Watch.has_lost` says so of a write
only if the successor has never carried it out: the server that calls itself the primary of the key by the newest epoch
that any has claimed; without a cluster by the youngest history (`Succession`), since who is promoted tells whose it
goes on with. MONITOR tells what each has carried out, the primary's stream included; what it was sent as a
file, or got with a slot, is found by asking it for all keys every now and then.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .client import Client
from .cluster import Member
from .wire import Reply, encoded, request
from .workers import Crew

EVERY_S = 0.02
PATIENCE_S = 1.0
# How long after its claim a new primary may be looked at for the first time.
CLAIM_S = 0.3
READ_SIZE = 1 << 16
SET = re.compile(rb'"set" "([^"]*)" "([0-9]+)"', re.IGNORECASE)


Rank = int | bytes


class Epochs:
    """Who is the newer primary, by the word of a cluster."""

    question = ("CLUSTER", "INFO")

    def rank(self, told: bytes) -> Rank:
        """That of a primary, out of its answer."""
        return int(told.partition(b"cluster_my_epoch:")[2].partition(b"\r")[0])

    def age(self, rank: Rank) -> int:
        """How new that is."""
        assert isinstance(rank, int)
        return rank


class Succession:
    """Who is the newer primary where there is no cluster: by how many other histories stand before its own."""

    question = ("INFO", "replication")

    def __init__(self) -> None:
        self.before: dict[bytes, bytes] = {}

    def rank(self, told: bytes) -> Rank:
        """The name of a primary's history, out of its answer."""
        own, other = (
            told.partition(b"\r\n%b:" % name)[2].partition(b"\r")[0] for name in (b"master_replid", b"master_replid2")
        )
        if other.strip(b"0"):
            self.before[own] = other
        return own

    def age(self, rank: Rank) -> int:
        """How many stand before it."""
        count = 0
        assert isinstance(rank, bytes)
        while rank in self.before:
            rank = self.before[rank]
            count += 1
        return count


@dataclass
class Seen:
    """What was seen at one server.

    Attributes:
        claims: when it was asked, its rank, and for which keys it answered as their primary.
        found: the numbers of each key that it had when it was asked.
        told: what MONITOR has told; made: the numbers of each key that it has written, as far as that was read.
    """

    claims: list[tuple[float, Rank, frozenset[str]]] = field(default_factory=list)
    found: dict[str, set[int]] = field(default_factory=dict)
    told: list[bytes] = field(default_factory=list)
    made: dict[str, set[int]] | None = None

    def writes(self) -> list[tuple[bytes, bytes]]:
        """Keys and numbers of all writes that it has carried out, in their order."""
        return SET.findall(b"".join(self.told))

    def has_had(self, key: str, number: int) -> bool:
        """Has it ever carried out a write, or got a value as new as that in another way?"""
        if self.made is None:
            self.made = {}
            for name, text in self.writes():
                self.made.setdefault(name.decode(), set()).add(int(text))
        made = self.made.get(key, set())
        return number in made or any(one >= number and one not in made for one in self.found.get(key, ()))


class Watch(Crew):
    """Two threads for each server: one asks it for all keys, again and again, the other listens to MONITOR."""

    def __init__(
        self, members: Sequence[Member], keys: Sequence[str], order: Epochs | Succession | None = None
    ) -> None:
        super().__init__()
        self.order = order or Epochs()
        self.members = members
        self.keys = keys
        self.seen = {member: Seen() for member in members}
        self.question = b"".join(
            request(tuple(map(encoded, words)))
            for words in (("ROLE",), self.order.question, *(("GET", key) for key in keys))
        )
        for member in members:
            self.employ(self.follow, member, self.ask)
            self.employ(self.follow, member, self.listen)

    def follow(self, member: Member, what: object) -> None:
        """Do that with a connection to a server, also after it was dead for a while."""
        while not self.is_over.is_set():
            with contextlib.suppress(OSError, EOFError), contextlib.closing(Client(member.address)) as client:
                client.socket.settimeout(PATIENCE_S)
                what(self.seen[member], client)  # type: ignore[operator]
            self.is_over.wait(EVERY_S)

    def ask(self, seen: Seen, client: Client) -> None:
        """Ask for all keys."""
        client.do("READONLY")
        while not self.is_over.wait(EVERY_S):
            began_s = time.monotonic()
            client.send_bytes(self.question)
            role, told, *replies = [client.receive() for _ in range(2 + len(self.keys))]
            if role.is_error or told.is_error:
                continue
            answered = {key: number_in(reply) for key, reply in zip(self.keys, replies, strict=True)}
            for key, number in answered.items():
                if number is not None:
                    seen.found.setdefault(key, set()).add(number)
            if role.value[0].value == b"master":
                keys = frozenset(key for key, number in answered.items() if number is not None)
                seen.claims.append((began_s, self.order.rank(told.value), keys))

    def listen(self, seen: Seen, client: Client) -> None:
        """Keep what MONITOR tells."""
        client.send("MONITOR")
        while not self.is_over.is_set():
            with contextlib.suppress(TimeoutError):
                data = client.socket.recv(READ_SIZE)
                if not data:
                    return
                seen.told.append(data)

    def repeated(self) -> list[tuple[bytes, bytes]]:
        """Writes that a server has carried out twice: those of clients, and those that its primary has sent it."""
        counts = [Counter(seen.writes()) for seen in self.seen.values()]
        return [write for count in counts for write, times in count.items() if times > 1]

    def knows(self, key: str, number: int) -> bool:
        """Is it known of any server that it has carried out a write?"""
        return any(seen.has_had(key, number) for seen in self.seen.values())

    def has_lost(self, key: str, number: int, read_s: float) -> bool:
        """Is a confirmed write one that the primary of a key, at the time of a read, had never carried out?"""
        claims = [
            (self.order.age(rank), member)
            for member, seen in self.seen.items()
            for began_s, rank, keys in seen.claims
            if began_s < read_s + CLAIM_S and key in keys
        ]
        newest = max((age for age, _ in claims), default=0)
        heirs = {member for age, member in claims if age == newest}
        return not any(self.seen[member].has_had(key, number) for member in heirs)


def number_in(reply: Reply) -> int | None:
    """The number of a key, 0 if there is none; None if the server does not answer for the key."""
    return None if reply.is_error else int(reply.value or 0)
