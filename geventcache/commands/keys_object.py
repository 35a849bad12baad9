"""OBJECT: what is known about a value beside its contents."""

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.types.container import Container

# The reference keeps a short string in one piece with its key, "embstr": up to so many bytes of both together.
EMBEDDED_BYTES = 113
LONG_KEY = 32
EMBEDDED_BYTES_LONG_KEY = 111
MAX_INTEGER_DIGITS = 20


container(
    "OBJECT",
    "generic",
    acl="",
    summary="A container for object introspection commands.",
    since="2.2.3",
    help_since="6.2.0",
)


def inspect(ctx: Client, key: bytes) -> Any:
    """The value at a key, None if there is none; counted as a read but no miss for those who listen."""
    db = ctx.db
    v = db.find(key)
    if v is None:
        db.misses += 1
    else:
        db.hits += 1
    return v


def encoding(key: bytes, v: Any) -> Any:
    """The reference's name of a value's encoding."""
    if isinstance(v, Container):
        return v.encoding()
    if type(v) is int:
        return b"int"
    if type(v) is bytearray:
        return b"raw"
    if type(v) is bytes and len(v) <= MAX_INTEGER_DIGITS and parse_integer(v) is not None:
        return b"int"
    limit = EMBEDDED_BYTES if len(key) < LONG_KEY else EMBEDDED_BYTES_LONG_KEY
    return b"embstr" if len(key) + len(v) <= limit else b"raw"


def counts_uses(ctx: Client) -> Any:
    """Tell whether the eviction policy goes by how often a key is used."""
    return ctx.db.uses is not None and ctx.db.uses.counts


@command(
    "OBJECT|ENCODING",
    "generic",
    arity=3,
    flags="readonly",
    keys=[at(2, "RO")],
    since="2.2.3",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0",
)
def object_encoding(ctx: Client, key: bytes) -> Any:
    """Returns the internal encoding of an object."""
    v = inspect(ctx, key)
    return None if v is None else encoding(key, v)


@command(
    "OBJECT|FREQ",
    "generic",
    arity=3,
    flags="readonly",
    keys=[at(2, "RO")],
    since="4.0.0",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0",
)
def object_freq(ctx: Client, key: bytes) -> Any:
    """Returns the logarithmic access frequency counter of an object."""
    if inspect(ctx, key) is None:
        return None
    if not counts_uses(ctx):
        raise CommandError(errors.NO_LFU_POLICY)
    ctx.db.seek(key)
    return ctx.db.uses.frequency(ctx.db.table)


@command(
    "OBJECT|IDLETIME",
    "generic",
    arity=3,
    flags="readonly",
    keys=[at(2, "RO")],
    since="2.2.3",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0",
)
def object_idletime(ctx: Client, key: bytes) -> Any:
    """Returns the time since the last access to an object."""
    if inspect(ctx, key) is None:
        return None
    if counts_uses(ctx):
        raise CommandError(errors.LFU_POLICY)
    uses = ctx.db.uses
    if uses is None:
        return 0
    ctx.db.seek(key)
    return uses.idle_ms(ctx.db.table) // 1000


@command(
    "OBJECT|REFCOUNT",
    "generic",
    arity=3,
    flags="readonly",
    keys=[at(2, "RO")],
    since="2.2.3",
    complexity="O(1)",
    tips="nondeterministic_output",
    args="key#0",
)
def object_refcount(ctx: Client, key: bytes) -> Any:
    """Returns the reference count of a value of a key."""
    return None if inspect(ctx, key) is None else 1
