"""A list as one run of bytes, while it is short: the compiled build has that from ``packed_list.pyx``.

This is its twin, which packs nothing, and serves uncompiled. A list is packed or not: what is done at its ends and what
only reads is done in the run; for all else, and when it becomes too long, it is a node (`run_node`, `drop_run`).
"""

from typing import Any

from geventcache.types.container import Container
from geventcache.types.list_node import ListNode

# Are short lists packed?
PACKS = False


class PackedList(Container):
    """A list that is packed or not.

    Attributes:
        is_packed: it is; the methods that say so are for that, and for nothing else.
    """

    is_packed = False

    def pack_none(self) -> None:
        """Be packed and empty."""

    def pack_node(self, node: ListNode) -> None:
        """Be packed, with the elements of a node, which are few and short."""

    def load_run(self, run: bytes) -> None:
        """Be what was packed."""
        raise NotImplementedError

    def share_run(self, other: "PackedList") -> None:
        """Be packed with the same elements as another that is packed; this one is."""
        raise NotImplementedError

    def run_node(self) -> ListNode:
        """The elements of a list that is packed, as a node."""
        raise NotImplementedError

    def drop_run(self) -> None:
        """Stop being packed."""
        raise NotImplementedError

    def pack(self) -> bytes | None:
        """The run; None if the list is not packed."""
        return None

    def run_count(self) -> int:
        """How many elements there are, of a list that is packed."""
        raise NotImplementedError

    def run_bytes(self) -> int:
        """What the run takes, of a list that is packed."""
        raise NotImplementedError

    def has_room(self, size: int, count: int) -> bool:
        """Would a list that is packed be short with `count` more elements of `size` bytes?"""
        raise NotImplementedError

    def most_listpack_bytes(self, size: int, count: int) -> int:
        """What the elements of a list that is packed would take in a listpack, at most, with so many more."""
        raise NotImplementedError

    def push_packed(self, value: bytes, left: bool) -> None:
        """Add an element, for which there is room, at an end of a list that is packed."""
        raise NotImplementedError

    def pop_packed(self, left: bool) -> bytes:
        """Remove and return an element at an end of a list that is packed and not empty."""
        raise NotImplementedError

    def drop_packed(self, left: bool) -> None:
        """Remove an element at an end of a list that is packed and not empty."""
        raise NotImplementedError

    def slice_packed(self, start: int, stop: int) -> list[bytes]:
        """The elements from `start` up to, not including, `stop` (indices that exist), of a list that is packed."""
        raise NotImplementedError

    def shown_packed(self, start: int, stop: int) -> Any:
        """The same elements as a reply, to be used before there is a change."""
        raise NotImplementedError
