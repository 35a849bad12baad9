"""MIGRATE: keys go to another server, and are gone here when they have arrived there."""

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import after, at
from geventcache.command.secrets import after_options
from geventcache.resp.values import Simple
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait
from geventcache.services.migration import Migration, Target

NO_KEY = Simple(b"NOKEY")
FIRST_OPTION = 6
DEFAULT_TIMEOUT_MS = 1000
# How many arguments follow an option.
ARGUMENTS = {b"AUTH": 1, b"AUTH2": 2}


def migrate_keys(args: list[bytes]) -> list[int]:
    """Where MIGRATE has its keys: one at its place, or many behind the word KEYS."""
    i = FIRST_OPTION
    while i < len(args):
        word = args[i].upper()
        if word == b"KEYS" and not args[3]:
            return list(range(i + 1, len(args)))
        i += 1 + ARGUMENTS.get(word, 0)
    return [3]


class MigrateOptions:
    """The words behind the timeout.

    Attributes:
        copies: the keys stay here, too.
        replaces: keys that exist there give way.
        credentials: a password, or a user and a password; empty for none.
        keys: those behind KEYS, None without the word.
    """

    def __init__(self, key: bytes, words: tuple[bytes, ...]) -> None:
        """Read the words.

        Raises:
            CommandError: a word is unknown, or lacks what belongs to it.
        """
        self.copies = self.replaces = False
        self.credentials: tuple[bytes, ...] = ()
        self.keys: tuple[bytes, ...] | None = None
        i = 0
        while i < len(words):
            i += 1 + self.take(words[i].upper(), words[i + 1 :])
            if self.keys is not None:
                break
        if self.keys is not None and key:
            raise CommandError(errors.MIGRATE_TWO_KEYS)

    def take(self, name: bytes, rest: tuple[bytes, ...]) -> int:
        """Note one option; return how many of the words behind it belong to it."""
        count = ARGUMENTS.get(name, 0)
        if name not in (b"COPY", b"REPLACE", b"AUTH", b"AUTH2", b"KEYS") or len(rest) < count:
            raise CommandError(errors.SYNTAX)
        if name == b"KEYS":
            self.keys = rest
        elif count:
            self.credentials = rest[:count]
        else:
            self.copies |= name == b"COPY"
            self.replaces |= name == b"REPLACE"
        return count


@command(
    "MIGRATE",
    "generic",
    arity=-6,
    flags="write",
    acl="dangerous keyspace",
    keys=[at(3, "RW access delete"), after("KEYS", -2, "RW access delete incomplete", last=-1)],
    since="2.6.0",
    complexity=(
        "This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. See "
        "the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is "
        "performed."
    ),
    tips="nondeterministic_output",
    args=(
        'host port:integer key-selector(key#0 | ""=empty-string:token) destination-db:integer timeout:integer '
        "COPY@3.0.0? REPLACE@3.0.0? authentication(AUTH=auth'password'@4.0.7 | "
        "AUTH2=auth2{username password}@6.0.0)? KEYS=keys:key#1'key'*@3.0.6?"
    ),
    history=[
        ("3.0.0", "Added the `COPY` and `REPLACE` options."),
        ("3.0.6", "Added the `KEYS` option."),
        ("4.0.7", "Added the `AUTH` option."),
        ("6.0.0", "Added the `AUTH2` option."),
    ],
    find_keys=migrate_keys,
    secrets=after_options({b"auth": 1, b"auth2": 2}, FIRST_OPTION, {}),
    traits="no_cache",
)
def migrate(
    ctx: Client, host: bytes, port: bytes, key: bytes, destination_db: bytes, timeout: bytes, *words: bytes
) -> Any:
    """Atomically transfers a key from one instance to another."""
    options = MigrateOptions(key, words)
    timeout_ms = integer(timeout)
    database = integer(destination_db)
    if timeout_ms <= 0:
        timeout_ms = DEFAULT_TIMEOUT_MS
    asked = (key,) if options.keys is None else options.keys
    keys = [one for one in dict.fromkeys(asked) if ctx.db.read(one) is not None]
    if not keys:
        return NO_KEY
    if ctx.is_script or ctx.is_in_exec or ctx.server.on_migrate is None:
        raise CommandError(errors.MIGRATE_ALONE)
    target = Target(host, port, database, timeout_ms, options.credentials)
    wait = Wait((), 0)
    ctx.server.on_migrate(Migration(ctx, wait, target, keys, options.copies, options.replaces))
    return wait
