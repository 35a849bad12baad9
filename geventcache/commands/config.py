"""CONFIG: the settings at run time."""

from collections.abc import Sequence

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.resp.values import OK
from geventcache.services.clients import Client
from geventcache.services.settings.table import PUBLIC_NAMES

NAMES_AT = 2


def secret_values(args: Sequence[bytes]) -> Sequence[int]:
    """Positions of the values that CONFIG SET must not show: of secret settings, and of what may be a mistyped one.

    Names and values that are not pairs may be a password with a space in it: nothing after its name is shown then.
    """
    names = range(NAMES_AT, len(args), 2)
    values = [i + 1 for i in names if args[i].lower() not in PUBLIC_NAMES]
    if values and len(args) % 2:
        return range(values[0], len(args))
    return values


container(
    "CONFIG",
    "server",
    summary="A container for server configuration commands.",
    since="2.0.0",
    help_since="5.0.0",
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
    secrets=secret_values,
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
    if ctx.server.on_config_rewrite is None:
        raise CommandError(errors.NO_CONFIG_FILE)
    try:
        ctx.server.on_config_rewrite()
    except OSError as error:
        ctx.server.log.error("settings_not_kept", error=str(error))
        raise CommandError(errors.rewrite_failed(error.strerror or "")) from None
    ctx.server.log.info("settings_kept")
    return OK
