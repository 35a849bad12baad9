"""The names of keyspace events, each with its class of the setting notify-keyspace-events.

A name is registered where it is used, and stands in no other list: an event without a class cannot come about.
"""

CLASSES = "g$lshztxenm"
EVENTS: dict[bytes, str] = {}


def event(name: bytes, letter: str) -> bytes:
    """Register an event of the class `letter`, or find the one of this name; return the name.

    Raises:
        ValueError: there is no such class, or the event is registered as one of another class.
    """
    if len(letter) != 1 or letter not in CLASSES or EVENTS.setdefault(name, letter) != letter:
        raise ValueError(f"{name!r} is no event of the class {letter!r}")
    return name
