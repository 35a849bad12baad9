"""A node of a long list: some hundred elements, of which the compiled build makes one block of bytes (list_node.pyx).

This is its twin, which keeps them as they are, and serves uncompiled.
"""

from __future__ import annotations

from typing import Any

from geventcache.types.footprint import elements_size
from geventcache.types.listpack import HEADER_BYTES, entry_size

NODE_BYTES = 120


class ListNode:
    """Elements in order.

    Attributes:
        count: how many there are.
        size: bytes that a listpack of them would take.
        is_shared: it may be part of several lists, or be read later: it is not to be changed any more.
    """

    __slots__ = ("elements", "is_shared", "size")

    def __init__(self, elements: list[bytes] | None = None) -> None:
        self.elements = elements or []
        self.size = HEADER_BYTES + sum(map(entry_size, self.elements))
        self.is_shared = False

    @property
    def count(self) -> int:
        """How many elements there are."""
        return len(self.elements)

    def push(self, value: bytes, left: bool) -> None:
        """Add an element at an end."""
        size = self.size + entry_size(value)
        if left:
            self.elements.insert(0, value)
        else:
            self.elements.append(value)
        self.size = size

    def pop(self, left: bool) -> bytes:
        """Remove and return an element at an end; there is one."""
        size = self.size - entry_size(self.elements[0 if left else -1])
        value = self.elements.pop(0 if left else -1)
        self.size = size
        return value

    def get(self, at: int) -> bytes:
        """The element at a place that exists."""
        return self.elements[at]

    def insert(self, at: int, value: bytes) -> None:
        """Put an element in front of the one at that place, or behind the last."""
        size = self.size + entry_size(value)
        self.elements.insert(at, value)
        self.size = size

    def replace(self, at: int, value: bytes) -> None:
        """Put another element in the place of one."""
        self.size += entry_size(value) - entry_size(self.elements[at])
        self.elements[at] = value

    def delete(self, start: int, stop: int) -> None:
        """Remove the elements from `start` up to, not including, `stop` (places that exist)."""
        size = self.size - sum(map(entry_size, self.elements[start:stop]))
        del self.elements[start:stop]
        self.size = size

    def delete_places(self, places: list[int]) -> None:
        """Remove the elements at these places, which are in order."""
        for at in reversed(places):
            self.delete(at, at + 1)

    def absorb(self, other: ListNode) -> None:
        """Add the elements of another node behind the last."""
        size = self.size + other.size - HEADER_BYTES
        self.elements += other.elements
        self.size = size

    def part(self, start: int, stop: int) -> ListNode:
        """A node of the elements from `start` up to, not including, `stop`, which is nobody else's."""
        return ListNode(self.elements[start:stop])

    def texts(self, start: int, stop: int) -> list[bytes]:
        """The elements from `start` up to, not including, `stop`."""
        return self.elements[start:stop]

    def places(self, value: bytes) -> list[int]:
        """Where elements are equal to `value`, in order."""
        elements = self.elements
        at, found = -1, []
        for _ in range(elements.count(value)):
            at = elements.index(value, at + 1)
            found.append(at)
        return found

    def fit(self) -> None:
        """Give back what is not used."""

    def used(self) -> int:
        """Bytes that the elements would take in a block, about."""
        size: int = self.size
        return size

    def memory_usage(self) -> int:
        """Bytes of the node and its elements, estimated."""
        return NODE_BYTES + 8 * len(self.elements) + elements_size(self.elements)


def new_node(room: int = 0) -> ListNode:
    """A node without elements; of the compiled build, the first one brings so much room for more."""
    return ListNode()


def elements_shown(reply: Any) -> list[bytes]:
    """The elements of a reply that `shown` made."""
    elements: list[bytes] = reply
    return elements


def shown(nodes: list[Any], at: int, place: int, count: int) -> Any:
    """So many elements from one on, at a place in the node at a place in a list of nodes, as a reply.

    It is to be used before there is a change.
    """
    found: list[bytes] = []
    while len(found) < count:
        node = nodes[at]
        found += (node,) if type(node) is bytes else node.texts(place, place + count - len(found))
        place = 0
        at += 1
    return found
