"""COMMAND: what the server tells of its commands, derived from their declarations."""

from geventcache.base import errors
from geventcache.base.errors import SYNTAX, CommandError
from geventcache.base.glob import compile_glob
from geventcache.command import introspection
from geventcache.command.containers import add_help
from geventcache.command.declaration import command
from geventcache.command.secrets import of_request_at
from geventcache.resp.values import Distinct, Simple
from geventcache.services.clients import Client


@command(
    "COMMAND",
    "server",
    arity=-1,
    flags="loading stale",
    acl="connection",
    since="2.8.13",
    complexity="O(N) where N is the total number of commands",
    tips="nondeterministic_output_order",
)
def command_(ctx: Client, *args: bytes):
    """Returns detailed information about all commands."""
    if args:
        raise CommandError(errors.unknown_subcommand(args[0], b"command"))
    return [introspection.info(one.declaration) for one in ctx.server.table.commands.values()]


@command(
    "COMMAND|COUNT",
    "server",
    arity=2,
    flags="loading stale",
    acl="connection",
    since="2.8.13",
    complexity="O(1)",
)
def command_count(ctx: Client):
    """Returns a count of commands."""
    return len(ctx.server.table.commands)


@command(
    "COMMAND|INFO",
    "server",
    arity=-2,
    flags="loading stale",
    acl="connection",
    since="2.8.13",
    complexity="O(N) where N is the number of commands to look up",
    tips="nondeterministic_output_order",
    args="command-name?*",
    history=[("7.0.0", "Allowed to be called with no argument to get info on all commands.")],
)
def command_info(ctx: Client, *names: bytes):
    """Returns information about one, multiple or all commands."""
    if not names:
        return command_(ctx)
    found = [named(ctx, name) for name in names]
    return [None if one is None else introspection.info(one.declaration) for one in found]


def named(ctx, name):
    """The command of a name such as ``get`` or ``config|set``, None if there is none."""
    parts = name.split(b"|", 1)
    found = ctx.server.table.find(parts)
    return found if found is not None and found.name == name.lower() else None


@command(
    "COMMAND|DOCS",
    "server",
    arity=-2,
    flags="loading stale",
    acl="connection",
    since="7.0.0",
    complexity="O(N) where N is the number of commands to look up",
    tips="nondeterministic_output_order",
    args="command-name?*",
)
def command_docs(ctx: Client, *names: bytes):
    """Returns documentary information about one, multiple or all commands."""
    if names:
        found = [one for one in (named(ctx, name) for name in names) if one is not None]
    else:
        found = list(ctx.server.table.commands.values())
    return {one.name: introspection.docs(one.declaration) for one in found}


@command(
    "COMMAND|LIST",
    "server",
    arity=-2,
    flags="loading stale",
    acl="connection",
    since="7.0.0",
    complexity="O(N) where N is the total number of commands",
    tips="nondeterministic_output_order",
    args="FILTERBY=filterby(MODULE=module-name | ACLCAT=category | PATTERN=pattern:pattern)?",
)
def command_list(ctx: Client, *filters: bytes):
    """Returns a list of command names."""
    chooses = read_filter(filters) if filters else everything
    return [one.name for one in ctx.server.table.all() if chooses(one)]


def everything(one):
    """Every command."""
    return True


def read_filter(filters):
    """The test of FILTERBY.

    Raises:
        CommandError: it is something else.
    """
    if len(filters) != 3 or filters[0].lower() != b"filterby":
        raise CommandError(SYNTAX)
    kind, text = filters[1].lower(), filters[2]
    if kind == b"module":
        return nothing
    if kind == b"aclcat":
        category = text.decode("latin-1").lower()
        return lambda one: category in one.declaration.categories
    if kind == b"pattern":
        matches = compile_glob(text, True)
        return lambda one: matches(one.name)
    raise CommandError(SYNTAX)


def nothing(one):
    """No command: there are no modules."""
    return False


@command(
    "COMMAND|GETKEYS",
    "server",
    arity=-3,
    flags="loading stale",
    acl="connection",
    since="2.8.13",
    complexity="O(N) where N is the number of arguments to the command",
    args="command arg?*",
    secrets=of_request_at(2),
)
def command_getkeys(ctx: Client, name: bytes, *args: bytes):
    """Extracts the key names from an arbitrary command."""
    request = [name, *args]
    return [key for key, _ in find(introspection.keys_and_flags, keyed(ctx, request), request)]


def keyed(ctx, request):
    """The declaration of a request's command.

    Raises:
        CommandError: there is no such command, it has no keys, or the number of arguments is wrong.
    """
    found = ctx.server.table.find(request)
    if found is None or (found.subcommands is not None and len(request) > 1 and "|" not in found.declaration.name):
        raise CommandError(errors.INVALID_COMMAND)
    declaration = found.declaration
    if all("not_key" in spec.flags for spec in declaration.keys) and declaration.find_keys is None:
        raise CommandError(errors.NO_KEY_ARGUMENTS)
    if not found.low <= len(request) <= found.high:
        raise CommandError(errors.INVALID_ARGUMENT_COUNT)
    return declaration


def find(finder, declaration, request):
    """What `finder` finds in a request.

    Raises:
        CommandError: the arguments do not fit, and the command cannot do without keys.
    """
    try:
        return finder(declaration, request)
    except ValueError:
        if "no_mandatory_keys" in declaration.flags:
            return []
        raise CommandError(errors.INVALID_ARGUMENTS) from None


@command(
    "COMMAND|GETKEYSANDFLAGS",
    "server",
    arity=-3,
    flags="loading stale",
    acl="connection",
    since="7.0.0",
    complexity="O(N) where N is the number of arguments to the command",
    args="command arg?*",
    secrets=of_request_at(2),
)
def command_getkeysandflags(ctx: Client, name: bytes, *args: bytes):
    """Extracts the key names and access flags for an arbitrary command."""
    request = [name, *args]
    found = find(introspection.keys_and_flags, keyed(ctx, request), request)
    return [[key, Distinct(Simple(flag.encode()) for flag in flags)] for key, flags in found]


add_help("COMMAND", "server", "5.0.0", "connection")
