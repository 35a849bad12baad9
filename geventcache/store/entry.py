"""The box of a value that carries more than itself.

Most keys have no deadline and their value stands in the keyspace's dict as it is. A key that gets one is boxed: one
object of 64 bytes instead of an entry in a second dict (42) and an integer (32), and one comparison of types instead of
a second look-up to see that a key has none. The garbage collector passes it over: it is in no cycle.
"""

import cython


class Entry:
    """A value with a deadline.

    Attributes:
        value: the value.
        deadline_ms: when the key expires, in milliseconds since the epoch; NEVER_MS when it does not (any more).
        filed_ms: the time of the ticket that the deadline index holds for this key, 0 when it holds none.
        has_volatile_elements: the value is a container, and some of its elements have deadlines of their own.
    """

    if not cython.compiled:
        __slots__ = ("access", "deadline_ms", "filed_ms", "has_volatile_elements", "value")

    def __init__(self, value: object, deadline_ms: int) -> None:
        self.value = value
        self.deadline_ms = deadline_ms
        self.filed_ms = 0
        self.has_volatile_elements = False
        if cython.compiled:
            PyObject_GC_UnTrack(self)  # type: ignore[name-defined] # noqa: F821
