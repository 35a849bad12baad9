"""Lua scripts: EVAL and its kin, and the cache of scripts.

What a script may do and how it runs is the business of `geventcache.services.scripting`.
"""

from geventcache.base.errors import KEYS_BEYOND_ARGUMENTS, NO_SCRIPT, CommandError
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import counted_at
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.services.scripting.service import SCRIPT, rules_of_text

WORST_WRITE = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
WORST_READ = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
SHA_LENGTH = 40
NEGATIVE_KEYS = b"ERR Number of keys can't be negative"
FLUSH_OPTION = b"ERR SCRIPT FLUSH only support SYNC|ASYNC option"
NO_DEBUGGER = b"ERR there is no debugger for scripts"
DEBUG_MODE = b"ERR Use SCRIPT DEBUG YES/SYNC/NO"
FLUSH_MODES = (b"sync", b"async")


def key_count(count: int, given: int) -> int:
    """How many of the arguments are keys: as many as was said.

    Raises:
        CommandError: it is negative, or more than there are arguments.
    """
    if count > given:
        raise CommandError(KEYS_BEYOND_ARGUMENTS)
    if count < 0:
        raise CommandError(NEGATIVE_KEYS)
    return count


def run_text(ctx: Client, text: bytes, numkeys: bytes, rest: tuple, is_read_only: bool):
    """Run a script given by its text."""
    count = key_count(integer(numkeys), len(rest))
    scripting = ctx.server.scripting
    return scripting.run_script(ctx, scripting.script_of_text(text), rest[:count], rest[count:], is_read_only)


def run_sha(ctx: Client, sha: bytes, numkeys: bytes, rest: tuple, is_read_only: bool):
    """Run a script given by its SHA1."""
    if len(sha) != SHA_LENGTH:
        raise CommandError(NO_SCRIPT)
    count = key_count(integer(numkeys), len(rest))
    scripting = ctx.server.scripting
    script = scripting.cache.of_sha(sha)
    if script is None:
        raise CommandError(NO_SCRIPT)
    return scripting.run_script(ctx, script, rest[:count], rest[count:], is_read_only)


@command(
    "EVAL",
    "scripting",
    arity=-3,
    flags="noscript stale skip_monitor no_mandatory_keys",
    traits="may_replicate composite",
    keys=[counted_at(2, "RW access update", notes=WORST_WRITE)],
    since="2.6.0",
    complexity="Depends on the script that is executed.",
    args="script numkeys:integer key#0?* arg?*",
    rules=lambda scripting, args: rules_of_text(args[1]),
)
def eval_(ctx: Client, script: bytes, numkeys: bytes, *rest: bytes):
    """Executes a server-side Lua script."""
    return run_text(ctx, script, numkeys, rest, False)


@command(
    "EVAL_RO",
    "scripting",
    arity=-3,
    flags="readonly noscript stale skip_monitor no_mandatory_keys",
    keys=[counted_at(2, "RO access", notes=WORST_READ)],
    since="7.0.0",
    complexity="Depends on the script that is executed.",
    args="script numkeys:integer key#0?* arg?*",
    traits="composite",
)
def eval_ro(ctx: Client, script: bytes, numkeys: bytes, *rest: bytes):
    """Executes a read-only server-side Lua script."""
    return run_text(ctx, script, numkeys, rest, True)


@command(
    "EVALSHA",
    "scripting",
    arity=-3,
    flags="noscript stale skip_monitor no_mandatory_keys",
    traits="may_replicate composite",
    keys=[counted_at(2, "RW access update")],
    since="2.6.0",
    complexity="Depends on the script that is executed.",
    args="sha1 numkeys:integer key#0?* arg?*",
    rules=lambda scripting, args: scripting.rules_of_sha(args[1]),
)
def evalsha(ctx: Client, sha: bytes, numkeys: bytes, *rest: bytes):
    """Executes a server-side Lua script by SHA1 digest."""
    return run_sha(ctx, sha, numkeys, rest, False)


@command(
    "EVALSHA_RO",
    "scripting",
    arity=-3,
    flags="readonly noscript stale skip_monitor no_mandatory_keys",
    keys=[counted_at(2, "RO access")],
    since="7.0.0",
    complexity="Depends on the script that is executed.",
    args="sha1 numkeys:integer key#0?* arg?*",
    traits="composite",
)
def evalsha_ro(ctx: Client, sha: bytes, numkeys: bytes, *rest: bytes):
    """Executes a read-only server-side Lua script by SHA1 digest."""
    return run_sha(ctx, sha, numkeys, rest, True)


container(
    "SCRIPT",
    "scripting",
    acl="",
    since="2.6.0",
    summary="A container for Lua scripts management commands.",
    help_since="5.0.0",
)


@command(
    "SCRIPT|LOAD",
    "scripting",
    arity=3,
    flags="noscript stale",
    since="2.6.0",
    complexity="O(N) with N being the length in bytes of the script body.",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="script",
)
def script_load(ctx: Client, script: bytes):
    """Loads a server-side Lua script to the script cache."""
    return ctx.server.scripting.load_script(script)


@command(
    "SCRIPT|EXISTS",
    "scripting",
    arity=-3,
    flags="noscript stale",
    since="2.6.0",
    complexity=("O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation)."),
    tips="request_policy:all_shards response_policy:agg_logical_and",
    args="sha1*",
)
def script_exists(ctx: Client, sha: bytes, *more: bytes):
    """Determines whether server-side Lua scripts exist in the script cache."""
    by_sha = ctx.server.scripting.cache.by_sha
    return [int(name.lower() in by_sha) for name in (sha, *more)]


@command(
    "SCRIPT|SHOW",
    "scripting",
    arity=3,
    flags="noscript stale",
    since="8.0.0",
    complexity="O(1).",
    args="sha1",
)
def script_show(ctx: Client, sha: bytes):
    """Show server-side Lua script in the script cache."""
    script = ctx.server.scripting.cache.by_sha.get(sha.lower())
    if script is None:
        raise CommandError(NO_SCRIPT)
    return script.text


@command(
    "SCRIPT|FLUSH",
    "scripting",
    arity=-2,
    flags="noscript stale",
    since="2.6.0",
    complexity="O(N) with N being the number of scripts in cache",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="flush-type(ASYNC | SYNC)@6.2.0?",
    history=[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")],
)
def script_flush(ctx: Client, *mode: bytes):
    """Removes all server-side Lua scripts from the script cache."""
    if len(mode) > 1 or (mode and mode[0].lower() not in FLUSH_MODES):
        raise CommandError(FLUSH_OPTION)
    ctx.server.scripting.cache.clear()
    return OK


@command(
    "SCRIPT|KILL",
    "scripting",
    arity=2,
    flags="noscript allow_busy",
    since="2.6.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:one_succeeded",
)
def script_kill(ctx: Client):
    """Terminates a server-side Lua script during execution."""
    ctx.server.scripting.kill(SCRIPT)
    return OK


@command(
    "SCRIPT|DEBUG",
    "scripting",
    arity=-3,
    flags="noscript",
    since="3.2.0",
    complexity="O(1)",
    args="mode(YES | SYNC | NO) engine@9.1.0?",
)
def script_debug(ctx: Client, mode: bytes, engine: bytes = b"lua"):
    """Sets the debug mode of server-side Lua scripts."""
    word = mode.lower()
    if word in (b"yes", b"sync"):
        raise CommandError(NO_DEBUGGER)
    if word != b"no":
        raise CommandError(DEBUG_MODE)
    return OK
