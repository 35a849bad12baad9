"""Parts of strings: appended, overwritten, read.

A string that was changed in place stands in the keyspace as a ``bytearray``: the next change needs no copy of it.
"""

from typing import Any

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.store.keyspace import STRING_END, Keyspace, as_string

APPEND = event(b"append", "$")
SETRANGE = event(b"setrange", "$")


def check_length(ctx: Client, length) -> None:
    """Refuse a string of more than proto-max-bulk-len bytes, before memory is taken.

    Raises:
        CommandError: it is too long.
    """
    if length > ctx.server.config["proto-max-bulk-len"] and not ctx.is_repeating:
        raise CommandError(errors.STRING_TOO_LONG)


@command(
    "APPEND",
    "string",
    arity=3,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="2.0.0",
    complexity=(
        "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present "
        "value is of any size, since the dynamic string library used by the server will double the free space "
        "available on every reallocation."
    ),
    args="key#0 value",
)
def append(ctx: Client, key: bytes, value: bytes) -> Any:
    """Appends a string to the value of a key. Creates the key if it doesn't exist."""
    db: Keyspace = ctx.db
    buffer = db.find_buffer(key, STRING_END)
    if buffer is None:
        db.put(key, value, APPEND)
        return len(value)
    check_length(ctx, len(buffer) + len(value))
    buffer += value
    db.put_buffer(key, buffer, APPEND)
    return len(buffer)


@command(
    "SETRANGE",
    "string",
    arity=4,
    flags="write denyoom",
    keys=[at(1, "RW update")],
    since="2.2.0",
    complexity=(
        "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so "
        "the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value "
        "argument."
    ),
    args="key#0 offset:integer value",
)
def setrange(ctx: Client, key: bytes, offset: bytes, value: bytes) -> Any:
    """Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist."""
    db: Keyspace = ctx.db
    start = integer(offset)
    if start < 0:
        raise CommandError(errors.OFFSET_OUT_OF_RANGE)
    if not value:
        return length_of(db.find(key))
    buffer = db.find_buffer(key, start, min(start + len(value), STRING_END)) or bytearray()
    check_length(ctx, start + len(value))
    if start > len(buffer):
        buffer += bytes(start - len(buffer))
    buffer[start : start + len(value)] = value
    db.put_buffer(key, buffer, SETRANGE)
    return len(buffer)


@cython.cfunc
def length_of(v):
    """Bytes of a string value; 0 for None.

    Raises:
        CommandError: WRONGTYPE.
    """
    if v is None:
        return 0
    return len(v) if type(v) is bytes or type(v) is bytearray else len(as_string(v))


@command(
    "STRLEN",
    "string",
    arity=2,
    flags="readonly fast",
    keys=[at(1, "RO")],
    since="2.2.0",
    complexity="O(1)",
    args="key#0",
)
def strlen(ctx: Client, key: bytes) -> Any:
    """Returns the length of a string value."""
    v = ctx.db.read(key)
    return 0 if v is None else length_of(v)


@cython.cfunc
def part(ctx: Client, key: bytes, start: bytes, end: bytes):
    """The bytes from index `start` to index `end`, both counted from the end if negative."""
    first, last = integer(start), integer(end)
    v = ctx.db.read(key)
    if v is None:
        return b""
    text = v if type(v) is bytes or type(v) is bytearray else as_string(v)
    size = len(text)
    if first < 0 and last < 0 and first > last:
        return b""
    # An end that lies before the string is its first byte, unlike that of a list.
    first = max(first + size, 0) if first < 0 else first
    last = max(last + size, 0) if last < 0 else last
    return bytes(text[first : last + 1])


@command(
    "GETRANGE",
    "string",
    arity=4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.4.0",
    complexity=(
        "O(N) where N is the length of the returned string. The complexity is ultimately determined by the "
        "returned length, but because creating a substring from an existing string is very cheap, it can be "
        "considered O(1) for small strings."
    ),
    args="key#0 start:integer end:integer",
)
def getrange(ctx: Client, key: bytes, start: bytes, end: bytes) -> Any:
    """Returns a substring of the string stored at a key."""
    return part(ctx, key, start, end)


@command(
    "SUBSTR",
    "string",
    arity=4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="1.0.0",
    complexity=(
        "O(N) where N is the length of the returned string. The complexity is ultimately determined by the "
        "returned length, but because creating a substring from an existing string is very cheap, it can be "
        "considered O(1) for small strings."
    ),
    args="key#0 start:integer end:integer",
)
def substr(ctx: Client, key: bytes, start: bytes, end: bytes) -> Any:
    """Returns a substring from a string value."""
    return part(ctx, key, start, end)
