"""DEBUG: what test suites ask of a server, off unless the setting enable-debug-command allows it.

Switches of the reference's own data structures and timers are accepted and do nothing: there is nothing here that they
could switch.
"""

import time
from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError, printable
from geventcache.base.events import event
from geventcache.base.numbers import parse_float, parse_integer
from geventcache.command import effects
from geventcache.command.declaration import command
from geventcache.commands.keys_object import encoding
from geventcache.persistence.journal_manifest import JournalError
from geventcache.persistence.snapshot_reader import SnapshotError
from geventcache.resp.values import OK, Attributed, BigNumber, Many, Push, Simple, Verbatim
from geventcache.services.clients import Client
from geventcache.services.observing import digest
from geventcache.store.keyspace import Keyspace

SET = event(b"set", "$")
UNLIMITED = 1 << 31
LOCAL = (b"127.", b"[::1]", b"[::ffff:127.")
# Subcommand to the numbers of arguments that it is accepted with.
WITHOUT_EFFECT = {
    b"aof-flush-sleep": (1,),
    b"change-repl-id": (0,),
    b"client-enforce-reply-list": (1,),
    b"close-cluster-link-on-packet-drop": (1,),
    b"delay-rdb-client-free-second": (1,),
    b"dict-resizing": (1,),
    b"disable-cluster-random-ping": (1,),
    b"disable-cluster-reconnection": (1,),
    b"drop-cluster-packet-filter": (1,),
    b"force-free-primary-async": (1,),
    b"hashtable-can-abort-shrink": (1,),
    b"pause-after-fork": (1,),
    b"pause-cron": (1,),
    b"quicklist-packed-threshold": (1,),
    b"replybuffer": (2,),
    b"set-skip-checksum-validation": (1,),
    b"slotmigration": (2,),
}
PROTOCOL_NAMES = b"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
HELP = (
    b"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    b"DIGEST",
    b"    Show a fingerprint of all data.",
    b"DIGEST-VALUE <key> [<key> ...]",
    b"    Show fingerprints of values.",
    b"ERROR <string>",
    b"    Reply with an error.",
    b"LOADAOF",
    b"    Write what the journal waits for, delete all data, and load the journal.",
    b"LOG <message>",
    b"    Write a line to the log.",
    b"OBJECT <key>",
    b"    Show what is known about the value of a key.",
    b"POPULATE <count> [<prefix>] [<size>]",
    b"    Create string keys named <prefix>:<number>.",
    b"PROTOCOL <type>",
    b"    Reply with a value of a type: string, integer, double, bignum, null, array, set, map, attrib, push,",
    b"    verbatim, true, false.",
    b"RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
    b"    Save all data, delete them, and load what was saved: without saving or deleting first; MERGE lets",
    b"    keys that are there give way to those that are loaded.",
    b"SET-ACTIVE-EXPIRE <0|1>",
    b"    Stop and resume the removal of expired keys that nobody asks for.",
    b"SET-DISABLE-DENY-SCRIPTS <0|1>",
    b"    Let scripts call DEBUG.",
    b"SLEEP <seconds>",
    b"    Stop the server for some time, decimals allowed.",
    b"HELP",
    b"    Print this help.",
)


@command(
    "DEBUG",
    "server",
    arity=-2,
    flags="admin noscript loading stale",
    since="1.0.0",
    complexity="Depends on subcommand.",
    doc_flags="syscmd",
    traits="for_tests",
    effect=effects.debug,
)
def debug(ctx: Client, subcommand: bytes, *args: bytes):
    """A container for debugging commands."""
    check_allowed(ctx, b"DEBUG")
    name = subcommand.lower()
    if len(args) in WITHOUT_EFFECT.get(name, ()):
        return OK
    function: Any
    function, least, most = SUBCOMMANDS.get(name, (None, 0, 0))
    if function is None or not least <= len(args) <= most:
        raise CommandError(errors.bad_subcommand(subcommand, b"DEBUG"))
    return function(ctx, *args)


def check_allowed(ctx, name):
    """Refuse a client that may not use DEBUG, and so not the command `name` either.

    Raises:
        CommandError: it may not.
    """
    allowed = ctx.server.config["enable-debug-command"]
    is_local = ctx.address.startswith(LOCAL) or ctx.address == ctx.local_address
    if allowed == b"no" or (allowed == b"local" and not is_local):
        raise CommandError(errors.debug_refused(name))


def show_help(ctx):
    """HELP."""
    return [Simple(line) for line in HELP]


def sleep(ctx, text):
    """SLEEP: hold up the whole server, which is what it is for."""
    time.sleep(max(0.0, parse_float(text) or 0.0))
    return OK


def set_active_expire(ctx, text):
    """SET-ACTIVE-EXPIRE."""
    server = ctx.server
    server.is_active_expire = bool(parse_integer(text))
    if server.is_active_expire and server.expiry is not None:
        server.chores.append(server.expiry.arm)
    return OK


def disable_deny_scripts(ctx, text):
    """SET-DISABLE-DENY-SCRIPTS: let scripts call DEBUG."""
    ctx.server.scripting.deny_tests(not parse_integer(text))
    return OK


def reload(ctx, *options):
    """RELOAD: everybody waits meanwhile.

    Raises:
        CommandError: an option is unknown, or the data cannot be saved or loaded.
    """
    words = {option.lower() for option in options}
    if not words <= {b"merge", b"noflush", b"nosave"}:
        raise CommandError(errors.RELOAD_OPTIONS)
    state = ctx.server
    try:
        if b"nosave" not in words:
            state.snapshots.save()
        if b"noflush" not in words:
            state.databases.flush()
            state.scripting.libraries.clear()
        state.snapshots.load(merges=b"merge" in words)
    except OSError:
        raise CommandError(errors.SAVE_FAILED) from None
    except SnapshotError as error:
        state.log.error("snapshot_not_loaded", path=state.snapshots.path, error=str(error))
        raise CommandError(errors.RELOAD_FAILED) from None
    return OK


def load_journal(ctx):
    """LOADAOF: everybody waits meanwhile.

    Raises:
        CommandError: the journal cannot be loaded.
    """
    journal = ctx.server.journal
    try:
        journal.on_reload()
    except (OSError, JournalError) as error:
        ctx.server.log.error("journal_not_loaded", path=journal.folder, error=str(error))
        raise CommandError(errors.JOURNAL_NOT_LOADED) from None
    return OK


def show_object(ctx, key):
    """OBJECT."""
    db: Keyspace = ctx.db
    value = db.find(key)
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    name = encoding(key, value)
    line = b"Value at:0x%x refcount:1 encoding:%b serializedlength:%d lru:0 lru_seconds_idle:0" % (
        id(value),
        name,
        db.usage(key),
    )
    return Simple(line + b" ql_nodes:%d" % value.node_count() if name == b"quicklist" else line)


def populate(ctx, count, prefix=b"key", size=None):
    """POPULATE: keys that exist stay as they are.

    Raises:
        CommandError: a number is none, or negative.
    """
    number, length = parse_integer(count), 0 if size is None else parse_integer(size)
    if number is None or length is None or number < 0 or length < 0:
        raise CommandError(errors.NOT_POSITIVE)
    db: Keyspace = ctx.db
    for i in range(number):
        key = b"%b:%d" % (prefix, i)
        if db.find(key) is None:
            value = b"value:%d" % i
            db.put(key, value[:length].ljust(length, b"\0") if length else value, SET)
    return OK


def show_digest(ctx):
    """DIGEST."""
    return Simple(digest.shown(digest.of_databases(ctx.server.databases.existing())))


def show_digests(ctx, *keys):
    """DIGEST-VALUE."""
    return [Simple(digest.shown(digest.of_value(ctx.db, key))) for key in keys]


def reply_error(ctx, text):
    """ERROR."""
    raise CommandError(printable(text))


def log_line(ctx, text):
    """LOG."""
    ctx.server.log.warning("debug_log", message=text.decode(errors="replace"))
    return OK


def reply_value(ctx, name):
    """PROTOCOL."""
    values = {
        b"string": b"Hello World",
        b"integer": 12345,
        b"double": 3.141,
        b"bignum": BigNumber(b"1234567999999999999999999999999999999"),
        b"null": None,
        b"array": [0, 1, 2],
        b"set": {0, 1, 2},
        b"map": {0: False, 1: True, 2: False},
        b"attrib": Attributed(b"Some real reply following the attribute", {b"key-popularity": [b"key:123", 90]}),
        b"verbatim": Verbatim(b"This is a verbatim\nstring"),
        b"true": True,
        b"false": False,
    }
    kind = name.lower()
    if kind == b"push" and not ctx.resp3:
        raise CommandError(errors.RESP3_ONLY)
    if kind == b"push":
        return Many([b"Some real reply following the push reply", Push([b"server-cpu-usage", 42])])
    if kind not in values:
        raise CommandError(b"ERR Wrong protocol type name. Please use one of the following: " + PROTOCOL_NAMES)
    return values[kind]


# Name to function, least and largest number of arguments.
SUBCOMMANDS = {
    b"digest": (show_digest, 0, 0),
    b"digest-value": (show_digests, 0, UNLIMITED),
    b"error": (reply_error, 1, 1),
    b"help": (show_help, 0, 0),
    b"loadaof": (load_journal, 0, 0),
    b"log": (log_line, 1, 1),
    b"object": (show_object, 1, 2),
    b"populate": (populate, 1, 3),
    b"protocol": (reply_value, 1, 1),
    b"reload": (reload, 0, UNLIMITED),
    b"set-active-expire": (set_active_expire, 1, 1),
    b"set-disable-deny-scripts": (disable_deny_scripts, 1, 1),
    b"sleep": (sleep, 1, 1),
}
