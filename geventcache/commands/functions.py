"""Functions: libraries of Lua code that stay, and the calls of what they registered."""

from geventcache.base.errors import CommandError, printable
from geventcache.base.glob import compile_glob
from geventcache.base.numbers import parse_integer
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import command
from geventcache.command.keyspecs import counted_at
from geventcache.commands.scripting import FLUSH_MODES, WORST_READ, WORST_WRITE, key_count
from geventcache.resp.values import OK, Distinct, Simple
from geventcache.services.clients import Client
from geventcache.services.scripting import payload
from geventcache.services.scripting.headers import read_library
from geventcache.services.scripting.service import FUNCTION, LOAD_LIMIT_MS, SCRIPT

ENGINE = b"LUA"
NO_FUNCTION = b"ERR Function not found"
NO_LIBRARY = b"ERR Library not found"
BAD_KEY_COUNT = b"ERR Bad number of keys provided"
NO_PATTERN = b"ERR library name argument was not given"
FLUSH_OPTION = b"ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
RESTORE_POLICY = b"ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."


def call(ctx: Client, function: bytes, numkeys: bytes, rest: tuple, is_read_only: bool):
    """Call a function."""
    scripting = ctx.server.scripting
    found = scripting.libraries.functions.get(function.lower())
    if found is None:
        raise CommandError(NO_FUNCTION)
    count = parse_integer(numkeys)
    if count is None:
        raise CommandError(BAD_KEY_COUNT)
    key_count(count, len(rest))
    request = [ctx.server.engine.spelling, function, numkeys, *rest]
    return scripting.call_function(ctx, found, request, count, is_read_only)


def described(library, with_code: bool) -> dict:
    """A library as FUNCTION LIST shows it."""
    functions = [
        {
            b"name": function.name,
            b"description": function.description,
            b"flags": Distinct([Simple(flag) for flag in function.flags]),
        }
        for function in library.functions.values()
    ]
    shown = {b"library_name": library.name, b"engine": ENGINE, b"functions": functions}
    if with_code:
        shown[b"library_code"] = library.code
    return shown


@command(
    "FCALL",
    "scripting",
    arity=-3,
    flags="noscript stale skip_monitor no_mandatory_keys",
    traits="may_replicate composite",
    keys=[counted_at(2, "RW access update", notes=WORST_WRITE)],
    since="7.0.0",
    complexity="Depends on the function that is executed.",
    args="function numkeys:integer key#0?* arg?*",
    rules=lambda scripting, args: scripting.rules_of_function(args[1]),
)
def fcall(ctx: Client, function: bytes, numkeys: bytes, *rest: bytes):
    """Invokes a function."""
    return call(ctx, function, numkeys, rest, False)


@command(
    "FCALL_RO",
    "scripting",
    arity=-3,
    flags="readonly noscript stale skip_monitor no_mandatory_keys",
    keys=[counted_at(2, "RO access", notes=WORST_READ)],
    since="7.0.0",
    complexity="Depends on the function that is executed.",
    args="function numkeys:integer key#0?* arg?*",
    traits="composite",
)
def fcall_ro(ctx: Client, function: bytes, numkeys: bytes, *rest: bytes):
    """Invokes a read-only function."""
    return call(ctx, function, numkeys, rest, True)


container(
    "FUNCTION",
    "scripting",
    acl="",
    since="7.0.0",
    summary="A container for function commands.",
    help_since="7.0.0",
)


@command(
    "FUNCTION|LOAD",
    "scripting",
    arity=-3,
    flags="write denyoom noscript",
    since="7.0.0",
    complexity="O(1) (considering compilation time is redundant)",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="REPLACE? function-code",
    traits="noted",
)
def function_load(ctx: Client, first: bytes, *more: bytes):
    """Creates a library."""
    given = (first, *more)
    options, code = given[:-1], given[-1]
    unknown = [option for option in options if option.lower() != b"replace"]
    if unknown:
        raise CommandError(printable(b"ERR Unknown option given: " + unknown[0]))
    scripting = ctx.server.scripting
    name, _ = read_library(code)
    if name in scripting.libraries.by_name and not options:
        raise CommandError(b"ERR Library '%b' already exists" % name)
    scripting.libraries.put([scripting.library_of(code, 0 if ctx.is_repeating else LOAD_LIMIT_MS)])
    return name


@command(
    "FUNCTION|LIST",
    "scripting",
    arity=-2,
    flags="noscript",
    since="7.0.0",
    complexity="O(N) where N is the number of functions",
    tips="nondeterministic_output_order",
    args="LIBRARYNAME=library-name-pattern? WITHCODE?",
)
def function_list(ctx: Client, *options: bytes):
    """Returns information about all libraries."""
    with_code = False
    pattern = None
    words = list(options)
    while words:
        word = words.pop(0)
        if word.lower() == b"withcode" and not with_code:
            with_code = True
        elif word.lower() == b"libraryname" and pattern is None:
            if not words:
                raise CommandError(NO_PATTERN)
            pattern = words.pop(0)
        else:
            raise CommandError(printable(b"ERR Unknown argument " + word))
    is_wanted = compile_glob(b"*" if pattern is None else pattern, True)
    libraries = ctx.server.scripting.libraries.by_name.values()
    return [described(library, with_code) for library in libraries if is_wanted(library.name)]


@command(
    "FUNCTION|DELETE",
    "scripting",
    arity=3,
    flags="write noscript",
    since="7.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="library-name",
    traits="noted",
)
def function_delete(ctx: Client, name: bytes):
    """Deletes a library and its functions."""
    if not ctx.server.scripting.libraries.remove(name):
        raise CommandError(NO_LIBRARY)
    return OK


@command(
    "FUNCTION|FLUSH",
    "scripting",
    arity=-2,
    flags="write noscript",
    since="7.0.0",
    complexity="O(N) where N is the number of functions deleted",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="flush-type(ASYNC | SYNC)?",
    traits="noted",
)
def function_flush(ctx: Client, *mode: bytes):
    """Deletes all libraries and functions."""
    if len(mode) > 1:
        raise bad_use(ctx, b"FUNCTION")
    if mode and mode[0].lower() not in FLUSH_MODES:
        raise CommandError(FLUSH_OPTION)
    ctx.server.scripting.libraries.clear()
    return OK


@command(
    "FUNCTION|DUMP",
    "scripting",
    arity=2,
    flags="noscript",
    since="7.0.0",
    complexity="O(N) where N is the number of functions",
)
def function_dump(ctx: Client):
    """Dumps all libraries into a serialized binary payload."""
    return payload.dump(ctx.server.scripting.libraries.codes())


@command(
    "FUNCTION|RESTORE",
    "scripting",
    arity=-3,
    flags="write denyoom noscript",
    since="7.0.0",
    complexity="O(N) where N is the number of functions on the payload",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="serialized-value policy(FLUSH | APPEND | REPLACE)?",
    traits="noted",
)
def function_restore(ctx: Client, data: bytes, *policy: bytes):
    """Restores all libraries from a payload."""
    if len(policy) > 1:
        raise bad_use(ctx, b"FUNCTION")
    word = policy[0].lower() if policy else b"append"
    if word not in (b"append", b"replace", b"flush"):
        raise CommandError(RESTORE_POLICY)
    scripting = ctx.server.scripting
    libraries = [scripting.library_of(code) for code in payload.restore(data)]
    taken = scripting.libraries.by_name
    for library in libraries:
        if word == b"append" and library.name in taken:
            raise CommandError(b"ERR Library %b already exists" % library.name)
    scripting.libraries.put(libraries, clears=word == b"flush")
    return OK


@command(
    "FUNCTION|KILL",
    "scripting",
    arity=2,
    flags="noscript allow_busy",
    since="7.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:one_succeeded",
)
def function_kill(ctx: Client):
    """Terminates a function during execution."""
    ctx.server.scripting.kill(FUNCTION)
    return OK


@command(
    "FUNCTION|STATS",
    "scripting",
    arity=2,
    flags="noscript allow_busy",
    since="7.0.0",
    complexity="O(1)",
    tips="nondeterministic_output request_policy:all_shards response_policy:special",
)
def function_stats(ctx: Client):
    """Returns information about a function during execution."""
    scripting = ctx.server.scripting
    run = scripting.running
    shown = None
    if run is not None:
        if run.kind == SCRIPT:
            raise CommandError(scripting.busy_error())
        shown = {b"name": run.name, b"command": run.request, b"duration_ms": run.elapsed_us() // 1000}
    counts = {b"libraries_count": len(scripting.libraries), b"functions_count": len(scripting.libraries.functions)}
    return {b"running_script": shown, b"engines": {ENGINE: counts}}
