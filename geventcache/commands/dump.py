"""Values on their way from one server to another: DUMP, RESTORE."""

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.times import NEVER_MS
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.command.effects import Told
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.persistence import payload
from geventcache.persistence.cursor import DataError
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.hashes import Hash

RESTORED = event(b"restore", "g")
MOST_FREQUENT = 255
RESTORE_COMPLEXITY = (
    "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of "
    "objects composing the value and M their average size. For small string values the time complexity is thus "
    "O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) "
    "because inserting values into sorted sets is O(log(N))."
)
RESTORE_ARGS = (
    "key#0 ttl:integer serialized-value REPLACE@3.0.0? ABSTTL@5.0.0? IDLETIME=seconds:integer@5.0.0? "
    "FREQ=frequency:integer@5.0.0?"
)
RESTORE_HISTORY = (
    ("3.0.0", "Added the `REPLACE` modifier."),
    ("5.0.0", "Added the `ABSTTL` modifier."),
    ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
)


@command(
    "DUMP",
    "generic",
    arity=2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="2.6.0",
    complexity=(
        "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of objects composing the "
        "value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is "
        "small, so simply O(1)."
    ),
    tips="nondeterministic_output",
    args="key#0",
)
def dump(ctx: Client, key: bytes) -> Any:
    """Returns a serialized representation of the value stored at a key."""
    value = ctx.db.read(key)
    return None if value is None else payload.dump(value, ctx.server.config["rdbcompression"])


class RestoreOptions:
    """The words behind a payload.

    Attributes:
        replaces: a key that exists gives way.
        is_absolute: the deadline is a time, and not counted from now.
        idle_s, frequency: what is noted of the key's use; -1: nothing.
    """

    def __init__(self, words: tuple[bytes, ...]) -> None:
        """Read the words.

        Raises:
            CommandError: a word is unknown, lacks its value or has a wrong one.
        """
        self.replaces = False
        self.is_absolute = False
        self.idle_s = self.frequency = -1
        remaining = iter(words)
        for word in remaining:
            name = word.upper()
            if name == b"REPLACE":
                self.replaces = True
            elif name == b"ABSTTL":
                self.is_absolute = True
            else:
                self.take(name, next(remaining, None))

    def take(self, name: bytes, text: bytes | None) -> None:
        """Note an option with a value; the two exclude each other."""
        if text is not None and name == b"IDLETIME" and self.frequency < 0:
            self.idle_s = integer(text)
            if self.idle_s < 0:
                raise CommandError(errors.IDLE_TIME_NEGATIVE)
        elif text is not None and name == b"FREQ" and self.idle_s < 0:
            self.frequency = integer(text)
            if not 0 <= self.frequency <= MOST_FREQUENT:
                raise CommandError(errors.FREQUENCY_OUT_OF_RANGE)
        else:
            raise CommandError(errors.SYNTAX)


@command(
    "RESTORE",
    "generic",
    arity=-4,
    flags="write denyoom",
    acl="dangerous keyspace",
    keys=[at(1, "OW update")],
    since="2.6.0",
    complexity=RESTORE_COMPLEXITY,
    args=RESTORE_ARGS,
    history=RESTORE_HISTORY,
    effect=effects.restore,
)
def restore(ctx: Client, key: bytes, ttl: bytes, serialized_value: bytes, *words: bytes) -> Any:
    """Creates a key from the serialized representation of a value."""
    options = RestoreOptions(words)
    db: Keyspace = ctx.db
    if not options.replaces and db.find(key) is not None:
        raise CommandError(errors.BUSY_KEY)
    deadline_ms = deadline_of(db, ttl, options.is_absolute)
    value = value_of(ctx, serialized_value)
    if deadline_ms <= db.clock.now_ms:
        db.delete(key)
        return OK
    facts = None if payload.is_for_all(serialized_value) else facts_of(ctx, value)
    db.implant(key, value, deadline_ms)
    note_use(db, key, options)
    db.tell(key, RESTORED)
    return OK if facts is None else Told(OK, facts)


def facts_of(ctx: Client, value: Any) -> tuple[bytes, dict[int, list[bytes]]] | None:
    """A payload of a value that all servers read, and its fields by their deadlines; None if nobody wants to know."""
    if ctx.server.engine.effects is None:
        return None
    times: dict[int, list[bytes]] = {}
    if isinstance(value, Hash) and value.deadlines is not None:
        for field, deadline_ms in value.deadlines.items():
            times.setdefault(deadline_ms, []).append(field)
    return payload.dump(value, ctx.server.config["rdbcompression"], is_plain=True), times


@command(
    "RESTORE-ASKING",
    "server",
    arity=-4,
    flags="write denyoom asking",
    acl="dangerous keyspace",
    keys=[at(1, "OW update")],
    since="3.0.0",
    complexity=RESTORE_COMPLEXITY,
    args=RESTORE_ARGS,
    history=RESTORE_HISTORY,
    effect=effects.restore,
    doc_flags="syscmd",
)
def restore_asking(ctx: Client, key: bytes, ttl: bytes, serialized_value: bytes, *words: bytes) -> Any:
    """An internal command for migrating keys in a cluster."""
    return restore(ctx, key, ttl, serialized_value, *words)


def deadline_of(db: Keyspace, ttl: bytes, is_absolute: bool) -> int:
    """The deadline that a number of milliseconds means; NEVER_MS for 0.

    Raises:
        CommandError: it is no number, or negative.
    """
    number: int = integer(ttl)
    if number < 0:
        raise CommandError(errors.TTL_NEGATIVE)
    if number == 0:
        return NEVER_MS
    return min(number if is_absolute else number + db.clock.now_ms, NEVER_MS - 1)


def value_of(ctx: Client, serialized_value: bytes) -> Any:
    """The value in a payload.

    Raises:
        CommandError: it is damaged, or of a version that is not known here.
    """
    try:
        body = payload.opened(serialized_value, ctx.server.config["rdb-version-check"] == b"relaxed")
        return payload.restore(body, ctx.server.databases.limits)
    except payload.FooterError:
        raise CommandError(errors.WRONG_PAYLOAD) from None
    except DataError:
        raise CommandError(errors.BAD_PAYLOAD) from None


def note_use(db: Keyspace, key: bytes, options: RestoreOptions) -> None:
    """Note how a key was used elsewhere, if the policy goes by that."""
    if db.uses is None:
        return
    db.seek(key)
    if db.uses.counts and options.frequency >= 0:
        db.uses.set_frequency(db.table, options.frequency)
    elif not db.uses.counts and options.idle_s >= 0:
        db.uses.set_idle_ms(db.table, options.idle_s * 1000)
