"""HyperLogLogs: strings of the reference's own format that estimate how many different elements were added.

One that was changed is kept as a bytearray. Counting stores the count in the string: a change without an event.
"""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at
from geventcache.resp.values import OK, Simple
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types import hyperloglog
from geventcache.types.hyperloglog import CorruptedError, add

PFADD = event(b"pfadd", "$")
# Listeners hear of a change that has no name on the wire.
UNNAMED = b""
# Where a HyperLogLog says that the count it remembers is out of date.
STATE_PLACE = 15
STALE = 0x80
SELF_TEST_ELEMENTS = 4000
SELF_TEST_STEP = 1000
SELF_TEST_SPARSE_BYTES = 3000
SELF_TEST_ERROR = 0.05


def valid(v):
    """The value of a key as a HyperLogLog, uncopied; None stays None.

    Raises:
        CommandError: WRONGTYPE.
    """
    if v is None:
        return None
    data = v if type(v) is bytearray else as_string(v)
    if not hyperloglog.is_valid(data):
        raise CommandError(errors.NOT_HYPERLOGLOG)
    return data


@command(
    "PFADD",
    "hyperloglog",
    arity=-2,
    flags="write denyoom fast",
    keys=[at(1, "RW insert")],
    since="2.8.9",
    complexity="O(1) to add every element.",
    args="key#0 element?*",
)
def pfadd(ctx: Client, key: bytes, *elements: bytes):
    """Adds elements to a HyperLogLog key. Creates the key if it doesn't exist."""
    db: Keyspace = ctx.db
    held = valid(db.find_buffer(key))
    data: bytearray = hyperloglog.create() if held is None else held
    try:
        is_changed = add(data, list(elements), db.limits.hll_sparse_max_bytes)
    except CorruptedError:
        raise CommandError(errors.CORRUPTED_HYPERLOGLOG) from None
    if not is_changed:
        if held is not None:
            return 0
        data[STATE_PLACE] |= STALE
    db.put_buffer(key, data, PFADD)
    return 1


@command(
    "PFCOUNT",
    "hyperloglog",
    arity=-2,
    flags="readonly",
    traits="may_replicate",
    keys=[
        at(
            1,
            "RW access",
            last=-1,
            notes="RW because it may change the internal representation of the key, and propagate to replicas",
        )
    ],
    since="2.8.9",
    complexity=(
        "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of "
        "keys, and much bigger constant times, when called with multiple keys."
    ),
    args="key#0*",
)
def pfcount(ctx: Client, key: bytes, *keys: bytes):
    """Returns the approximated cardinality of the set(s) observed by the HyperLogLog key(s)."""
    db: Keyspace = ctx.db
    try:
        if not keys:
            return count_one(db, key)
        values = [valid(db.read(source)) for source in (key, *keys)]
        return hyperloglog.count([value for value in values if value is not None])
    except CorruptedError:
        raise CommandError(errors.CORRUPTED_HYPERLOGLOG) from None


def count_one(db: Keyspace, key: bytes):
    """The count of one HyperLogLog, which remembers it."""
    v = db.read(key)
    data = valid(v)
    if data is None:
        return 0
    known = hyperloglog.cached_count(data)
    if known is not None:
        return known
    counted = hyperloglog.count([data])
    changed = db.buffer(key, data)
    hyperloglog.cache_count(changed, counted)
    db.put_buffer(key, changed, UNNAMED)
    return counted


@command(
    "PFMERGE",
    "hyperloglog",
    arity=-2,
    flags="write denyoom",
    keys=[at(1, "RW access insert"), at(2, "RO access", last=-1)],
    since="2.8.9",
    complexity="O(N) to merge N HyperLogLogs, but with high constant times.",
    args="destkey#0 sourcekey#1?*",
)
def pfmerge(ctx: Client, destination: bytes, *keys: bytes):
    """Merges one or more HyperLogLog values into a single key."""
    db: Keyspace = ctx.db
    found = valid(db.read(destination))
    values = [valid(db.read(key)) for key in keys]
    data = hyperloglog.create() if found is None else db.buffer(destination, found)
    try:
        hyperloglog.merge(data, [value for value in values if value is not None], db.limits.hll_sparse_max_bytes)
    except CorruptedError:
        raise CommandError(errors.CORRUPTED_HYPERLOGLOG) from None
    db.put_buffer(destination, data, PFADD)
    return OK


@command(
    "PFDEBUG",
    "hyperloglog",
    arity=3,
    flags="write denyoom admin",
    keys=[at(2, "RW access")],
    since="2.8.9",
    complexity="N/A",
    args="subcommand key#0",
    doc_flags="syscmd",
)
def pfdebug(ctx: Client, subcommand: bytes, key: bytes):
    """Internal commands for debugging HyperLogLog values."""
    db: Keyspace = ctx.db
    name = subcommand.upper()
    if name == b"SIMD":
        return vector_mode(key)
    data = valid(db.find(key))
    if data is None:
        raise CommandError(errors.HYPERLOGLOG_MISSING)
    try:
        return examine(db, key, name, data, subcommand)
    except CorruptedError:
        raise CommandError(errors.CORRUPTED_HYPERLOGLOG) from None


def vector_mode(word: bytes):
    """PFDEBUG SIMD: there is one way to count here, whatever is asked for."""
    if word.upper() not in (b"ON", b"OFF"):
        raise CommandError(errors.NOT_ON_OR_OFF)
    return Simple(b"enabled" if word.upper() == b"ON" else b"disabled")


def examine(db: Keyspace, key: bytes, name: bytes, data, subcommand: bytes):
    """The other subcommands of PFDEBUG, for a HyperLogLog that exists.

    Raises:
        CommandError: there is no such subcommand, or the encoding is not the one that it is for.
        CorruptedError: the registers make no sense.
    """
    if name == b"ENCODING":
        return Simple(b"sparse" if hyperloglog.is_sparse(data) else b"dense")
    if name == b"DECODE":
        if not hyperloglog.is_sparse(data):
            raise CommandError(errors.HYPERLOGLOG_NOT_SPARSE)
        return hyperloglog.decode(data)
    if name not in (b"GETREG", b"TODENSE"):
        raise CommandError(errors.unknown_pfdebug(subcommand))
    changed = db.buffer(key, data)
    is_converted = hyperloglog.to_dense(changed)
    if is_converted:
        db.put_buffer(key, changed, UNNAMED)
    return int(is_converted) if name == b"TODENSE" else list(hyperloglog.registers(changed))


@command(
    "PFSELFTEST",
    "hyperloglog",
    arity=1,
    flags="admin",
    since="2.8.9",
    complexity="N/A",
    doc_flags="syscmd",
)
def pfselftest(ctx: Client):
    """An internal command for testing HyperLogLog values."""
    data = hyperloglog.create()
    for first in range(0, SELF_TEST_ELEMENTS, SELF_TEST_STEP):
        add(data, [b"%d" % n for n in range(first, first + SELF_TEST_STEP)], SELF_TEST_SPARSE_BYTES)
        expected = first + SELF_TEST_STEP
        if abs(hyperloglog.count([data]) - expected) > expected * SELF_TEST_ERROR:
            raise CommandError(errors.SELF_TEST_FAILED)
    return OK
