"""Requests that concern several slots, in parts; and what their replies make together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.resp.frames import array, first_error, is_error, items
from geventcache.services.shards.hashing import slot_of
from geventcache.services.shards.slots import NO_SLOT
from geventcache.upstream.merge import POLICIES, Merge
from geventcache.upstream.plan import Plan

FIRST_KEY = 1
SEVERAL = -2
# With these a request does all or nothing, which its parts would not.
CONDITIONS = frozenset((b"NX", b"XX"))


class Part(NamedTuple):
    """A request, or a part of one, that goes to one slot.

    Attributes:
        slot: NO_SLOT if any node will do.
        request: what is sent.
        keys: those that it may change.
    """

    slot: int
    request: list[bytes]
    keys: list[bytes]


def split(command: Any, args: list[bytes], plan: Plan) -> tuple[list[Part], Merge]:
    """The parts of a request, one a slot, and how their replies become one.

    Raises:
        CommandError: it cannot be split, or lacks a value.
    """
    first, step, end = FIRST_KEY, command.key_step, len(args)
    if command.is_counted:
        first = command.first_key
        end = first + int(args[first - 1]) * step
        if end > len(args):
            raise CommandError(errors.SYNTAX)
        if CONDITIONS.intersection(map(bytes.upper, args[end:])):
            raise CommandError(errors.CROSS_SLOT)
    if (end - first) % step:
        raise CommandError(errors.wrong_arity(command.name))
    places: dict[int, list[int]] = {}
    for i in range(first, end, step):
        places.setdefault(slot_of(args[i]), []).append(i)
    parts = []
    for slot, indexes in places.items():
        words = [word for i in indexes for word in args[i : i + step]]
        head = [args[0], b"%d" % len(indexes)] if command.is_counted else [args[0]]
        keys = [args[i] for i in indexes] if plan.writes else []
        parts.append(Part(slot, [*head, *words, *args[end:]], keys))
    return parts, POLICIES[plan.policy] if plan.policy else in_order(list(places.values()))


def in_order(places: list[list[int]]) -> Merge:
    """What puts the elements of several arrays into the order of the request; `places` are those of each array."""

    def merge(frames: list[bytes]) -> bytes:
        wrong = first_error(frames)
        if wrong is not None:
            return wrong
        found: dict[int, bytes] = {}
        for indexes, frame in zip(places, frames, strict=True):
            found.update(zip(indexes, items(frame), strict=True))
        return array([found[i] for i in sorted(found)])

    return merge


class Batch:
    """The requests of a transaction.

    Attributes:
        parts: all that is to be sent, in order.
        merges: for each request how many of the parts are its own, and how their replies become one, None for one part.
    """

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.merges: list[tuple[int, Merge | None]] = []

    def add(self, part: Part) -> None:
        """A request that goes as it is."""
        self.parts.append(part)
        self.merges.append((1, None))

    def add_split(self, parts: list[Part], merge: Merge) -> None:
        """A request that goes in parts."""
        self.parts += parts
        self.merges.append((len(parts), merge))

    def keys(self) -> list[bytes]:
        """The keys that may change."""
        return [key for part in self.parts for key in part.keys]

    def groups(self) -> dict[int, list[int]]:
        """The indexes of the parts by their slots; what has none goes with the first."""
        first = next((part.slot for part in self.parts if part.slot != NO_SLOT), NO_SLOT)
        groups: dict[int, list[int]] = {} if self.parts else {first: []}
        for i, part in enumerate(self.parts):
            groups.setdefault(first if part.slot == NO_SLOT else part.slot, []).append(i)
        return groups

    def merge(self, groups: dict[int, list[int]]) -> Callable[[list[bytes]], bytes]:
        """What makes one reply of those of the groups."""
        put_together = in_order(list(groups.values()))

        def merge(frames: list[bytes]) -> bytes:
            frame = put_together(frames)
            return frame if is_error(frame) else self.of_requests(items(frame))

        return merge

    def of_requests(self, frames: list[bytes]) -> bytes:
        """The replies to the requests, out of those to the parts."""
        replies = []
        at = 0
        for count, merge in self.merges:
            replies.append(frames[at] if merge is None else merge(frames[at : at + count]))
            at += count
        return array(replies)
