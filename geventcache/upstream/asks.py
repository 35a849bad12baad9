"""What is asked of an upstream: requests that go to one node together, and who gets the replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from geventcache.resp.frames import is_error, pack
from geventcache.services.shards.slots import NO_SLOT

ASKING = pack((b"ASKING",))


class Ask:
    """One thing to be asked.

    Attributes:
        parts: the requests, encoded; they are sent with nothing in between.
        done: called once with the frames of the replies, or with one that is an error of ours.
        slot: where it goes, NO_SLOT for any primary.
        node: where it goes whatever the slot, None if that decides.
        db, resp3: the database, and the protocol of the replies.
        may_repeat: it changes nothing, so it may be sent again when nobody knows what became of it.
        may_read_replica: a replica may answer.
        is_whole: it is a transaction, which cannot be told that it goes to a slot that is on its way.
        is_asking: the next node takes the slot over, and must be told that we know.
        until_us: until when it is tried again.
        frames: replies so far.
        error: why it was not answered at the last try.
    """

    __slots__ = (
        "db",
        "done",
        "error",
        "frames",
        "is_asking",
        "is_whole",
        "link",
        "may_read_replica",
        "may_repeat",
        "node",
        "parts",
        "resp3",
        "slot",
        "until_us",
    )

    def __init__(
        self,
        parts: Sequence[bytes],
        done: Callable[[list[bytes]], None],
        slot: int = NO_SLOT,
        node: Any = None,
        db: int = 0,
        resp3: bool = True,
        may_repeat: bool = False,
        may_read_replica: bool = False,
    ) -> None:
        self.parts = parts
        self.done = done
        self.slot = slot
        self.node = node
        self.db = db
        self.resp3 = resp3
        self.may_repeat = may_repeat
        self.may_read_replica = may_read_replica
        self.is_asking = self.is_whole = False
        self.until_us = 0
        self.frames: list[bytes] = []
        self.error = b""
        self.link: Any = None

    def encoded(self) -> bytes:
        """What is sent."""
        if self.is_asking:
            return b"".join(ASKING + part for part in self.parts)
        return b"".join(self.parts)

    def expected(self) -> int:
        """How many replies there will be."""
        return 2 * len(self.parts) if self.is_asking else len(self.parts)

    def take(self, frame: bytes) -> bool:
        """A reply has come; return whether it was the last one."""
        self.frames.append(frame)
        if len(self.frames) < self.expected():
            return False
        if self.is_asking:
            self.frames = self.frames[1::2]
        return True


class Subscription(Ask):
    """A request whose reply is a push; what is answered is the PING behind it.

    A refused request is answered by an error as well, so the replies are counted by what they are.
    """

    __slots__ = ()

    def __init__(self, request: bytes) -> None:
        super().__init__([request, pack((b"PING", b""))], lambda frames: None)

    def take(self, frame: bytes) -> bool:
        """A reply has come; the last one is no error."""
        self.frames.append(frame)
        return not is_error(frame)
