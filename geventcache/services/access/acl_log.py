"""The log of what access control refused: the latest entries, equal ones within a minute as one."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from geventcache.services.observing.client_report import line_of
from geventcache.services.settings.config import Config

GROUPED_MS = 60_000


class Entry:
    """A refusal, and how often it happened again."""

    def __init__(self, number: int, facts: tuple[bytes, bytes, bytes, bytes], client_info: bytes, now_ms: int) -> None:
        self.number = number
        self.facts = facts
        self.client_info = client_info
        self.count = 1
        self.created_ms = self.updated_ms = now_ms

    def shown(self, now_ms: int) -> dict[bytes, Any]:
        """What ACL LOG tells of it."""
        reason, context, subject, user = self.facts
        return {
            b"count": self.count,
            b"reason": reason,
            b"context": context,
            b"object": subject,
            b"username": user,
            b"age-seconds": (now_ms - self.created_ms) / 1000,
            b"client-info": self.client_info,
            b"entry-id": self.number,
            b"timestamp-created": self.created_ms,
            b"timestamp-last-updated": self.updated_ms,
        }


class AclLog:
    """The refusals of one server, the latest first.

    Attributes:
        denied: how many there were, by their reason.
    """

    def __init__(self, config: Config) -> None:
        self.denied: Counter[bytes] = Counter()
        self.next_number = 0
        self.limit: int = config["acllog-max-len"]
        self.entries: deque[Entry] = deque()
        config.on_change("acllog-max-len", self.resize)

    def resize(self, limit: int) -> None:
        """Keep so many entries at most."""
        self.limit = limit
        while len(self.entries) > limit:
            self.entries.pop()

    def clear(self) -> None:
        """Forget all entries; their numbering goes on."""
        self.entries.clear()

    def note(self, client: Any, reason: bytes, subject: bytes, user: bytes) -> None:
        """Something was refused.

        Args:
            client: who asked.
            reason: ``command``, ``key``, ``channel``, ``database`` or ``auth``.
            subject: the command, key, ...
            user: the client's, or the one whom it wanted to be.
        """
        self.denied[reason] += 1
        if not self.limit:
            return
        now_ms = client.server.clock.now_ms
        facts = (reason, context_of(client), subject, user)
        entry = self.recent(facts, now_ms)
        if entry is None:
            entry = Entry(self.next_number, facts, line_of(client), now_ms)
            self.next_number += 1
        else:
            self.entries.remove(entry)
            entry.count += 1
            entry.client_info, entry.updated_ms = line_of(client), now_ms
        self.entries.appendleft(entry)
        self.resize(self.limit)

    def recent(self, facts: tuple[bytes, bytes, bytes, bytes], now_ms: int) -> Entry | None:
        """The entry of the same facts that is young enough to count this time, too."""
        for entry in self.entries:
            if entry.facts == facts and now_ms - entry.updated_ms <= GROUPED_MS:
                return entry
        return None


def context_of(client: Any) -> bytes:
    """Where the refused request came from."""
    if client.is_script:
        return b"lua"
    return b"multi" if client.queue is not None or client.is_in_exec else b"toplevel"
