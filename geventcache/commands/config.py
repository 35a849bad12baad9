"""CONFIG: the settings at run time."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import DECLARATIONS, command, container
from geventcache.command.help import help_lines
from geventcache.resp.values import OK
from geventcache.services.clients import Client

container(
    "CONFIG",
    "server",
    summary="A container for server configuration commands.",
    arity=-2,
    since="2.0.0",
    complexity="Depends on subcommand.",
)


@command(
    "CONFIG|GET",
    "server",
    arity=-3,
    flags="admin noscript loading stale",
    since="2.0.0",
    complexity="O(N) when N is the number of configuration parameters provided",
    args="parameter*",
    history=[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")],
)
def config_get(ctx: Client, parameter: bytes, *more: bytes):
    """Returns the effective values of configuration parameters."""
    return ctx.server.config.get(parameter, *more)


@command(
    "CONFIG|SET",
    "server",
    arity=-4,
    flags="admin noscript loading stale",
    since="2.0.0",
    complexity="O(N) when N is the number of configuration parameters provided",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="data{parameter value}*",
    history=[("7.0.0", "Added the ability to set multiple parameters in one call.")],
)
def config_set(ctx: Client, parameter: bytes, value: bytes, *more: bytes):
    """Sets configuration parameters in-flight."""
    if len(more) % 2:
        raise CommandError(errors.SYNTAX)
    ctx.server.config.set_many([(parameter, value), *zip(more[::2], more[1::2], strict=True)])
    return OK


@command(
    "CONFIG|RESETSTAT",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="2.0.0",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:all_succeeded",
)
def config_resetstat(ctx: Client):
    """Resets the server's statistics."""
    ctx.server.reset_statistics()
    return OK


@command(
    "CONFIG|REWRITE",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="2.8.0",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:all_succeeded",
)
def config_rewrite(ctx: Client):
    """Persists the effective configuration to file."""
    raise CommandError(errors.NO_CONFIG_FILE)


@command(
    "CONFIG|HELP",
    "server",
    arity=2,
    flags="loading stale",
    since="5.0.0",
    complexity="O(1)",
)
def config_help(ctx: Client):
    """Returns helpful text about the different subcommands."""
    return help_lines(DECLARATIONS["CONFIG"])
