"""A failover that was asked for: which replica takes over, and how far that is."""

from __future__ import annotations

# States, as INFO shows them.
NONE, WAITING, IN_PROGRESS = "no-failover", "waiting-for-sync", "failover-in-progress"


class Failover:
    """A primary changes places with one of its replicas, while writes wait.

    Attributes:
        target: host and port of the replica, empty for whichever is ready first.
        is_forced: it takes over at the deadline even if it has not got all.
        deadline_ms: until when it may have got all, 0 for whenever.
        state: see above.
    """

    def __init__(self) -> None:
        self.target: tuple[bytes, int] | tuple[()] = ()
        self.is_forced = False
        self.deadline_ms = 0
        self.state = WAITING

    def is_over(self, now_ms: int) -> bool:
        """The replica should have got all by now."""
        return 0 < self.deadline_ms <= now_ms
