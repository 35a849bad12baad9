"""What all containers have in common. The compiled build has this from ``container.pyx``."""

from typing import Any

from geventcache.base.times import NEVER_MS

NEVER = NEVER_MS


def untracked(values: list[Any]) -> list[Any]:
    """The same list, which the garbage collector passes over from now on: what holds no references makes no cycles.

    Not here: it takes a call of C.
    """
    return values


class Container:
    """A value that holds elements and changes in place.

    Attributes:
        revision: grows with every change of an element and with nothing else; the keyspace compares it before and
            after a command.
        side_revision: grows with what changes beside the elements (the groups of a stream): that is counted and
            repeated elsewhere, but whoever watches the key or keeps a copy of it does not hear of it.
        is_renamed: its encoding has another name, which a key must keep though no element has changed.
        charge, charged_length: the bytes that the keyspace's account has it down for, 0 when it is not there, and how
            many elements it had then.
        is_volatile: the keyspace counts it among those whose elements have deadlines.
        expired_event: tells that elements were removed because their time had come.
        keeps_empty: an empty container of this kind stays a key (only streams do).
    """

    keeps_empty = False
    type_name = b""
    expired_event = b""
    side_revision = 0
    is_renamed = False
    charge = 0
    charged_length = 0
    is_volatile = False

    def __init__(self) -> None:
        self.revision = 0

    def next_deadline(self) -> int:
        """The earliest deadline of an element in milliseconds since the epoch, NEVER_MS when no element has one."""
        return NEVER

    def elements_table(self) -> Any:
        """The Table on which all elements stand, to be watched and looked ahead on; None if they stand elsewhere."""

    def pack(self) -> bytes | None:
        """The container as a run of bytes, from which `unpack` makes it anew; None if it is too large for that."""

    def expire_elements(self, now_ms: int, most: int, kept: dict[bytes, Any] | None) -> list[bytes]:
        """Remove up to `most` elements due at `now_ms`; return their names, about in the order of their deadlines.

        Their values and deadlines are put into `kept`, if there is one.
        """
        return []

    def take_lapsed(self) -> list[bytes] | None:
        """Elements that were due and that the running command had to remove; they are forgotten here. None for none."""

    def __len__(self) -> int:
        """How many elements there are."""
        raise NotImplementedError

    def encoding(self) -> bytes:
        """The name that OBJECT ENCODING shows."""
        raise NotImplementedError

    def copy(self) -> Any:
        """A container of the same elements, which shares nothing that changes."""
        raise NotImplementedError

    def memory_usage(self) -> int:
        """Bytes of the container and its elements, estimated from a few where there are many; O(1)."""
        raise NotImplementedError

    def release(self, count: int) -> bool:
        """Free about `count` elements; return whether nothing is left."""
        raise NotImplementedError
