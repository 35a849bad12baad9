"""Histories: which stream of changes a server's data are the result of, and how much of it.

A history has an id, and a position in its stream: two servers with the same of both have the same data. A server that
is promoted begins a history of its own and remembers the one before, up to where it went along.
"""

from __future__ import annotations

import secrets

from geventcache.services.replication.backlog import Backlog

NO_ID = b"0" * 40
NOWHERE = -1


def new_id() -> bytes:
    """An id that nobody else has."""
    return secrets.token_hex(20).encode()


class History:
    """The history of one server.

    Attributes:
        id: its id; position: how many bytes of its stream the data are the result of.
        second_id: the id of the history before, NO_ID if there was none; second_end: the number of the first byte that
            was not of both, NOWHERE if there was none.
        backlog: the last bytes of the stream, None while it is not kept: then nothing counts.
    """

    def __init__(self) -> None:
        self.id = new_id()
        self.second_id = NO_ID
        self.second_end = NOWHERE
        self.position = 0
        self.backlog: Backlog | None = None

    def keep_backlog(self) -> Backlog:
        """Keep the stream from now on."""
        if self.backlog is None:
            self.backlog = Backlog(self.position)
        return self.backlog

    def append(self, data: bytes | bytearray) -> None:
        """The stream goes on, and is kept."""
        if self.backlog is not None:
            self.backlog.append(data)
            self.position = self.backlog.end

    def adopt(self, history_id: bytes, position: int) -> None:
        """All data are those of another server, at that position of its history."""
        self.id = history_id
        self.second_id, self.second_end = NO_ID, NOWHERE
        self.position = position
        self.backlog = Backlog(position)

    def rename(self, history_id: bytes) -> None:
        """The server that is followed has begun a history of its own, which goes on here."""
        if history_id != self.id:
            self.second_id, self.second_end = self.id, self.position + 1
            self.id = history_id

    def begin_own(self) -> None:
        """The server is promoted: what comes now is in no other history."""
        self.rename(new_id())

    def drop_backlog(self) -> None:
        """Nobody has come back for long: what happens from now on is not counted, so that nobody can go on."""
        self.backlog = None
        self.id = new_id()
        self.second_id, self.second_end = NO_ID, NOWHERE

    def continues(self, history_id: bytes, first: int) -> bool:
        """Can a server of that history go on from the byte of the number `first`, which counts from 1?"""
        if self.backlog is None or not self.backlog.start < first <= self.position + 1:
            return False
        return history_id == self.id or (history_id == self.second_id and first <= self.second_end)
