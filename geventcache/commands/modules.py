"""MODULE, for clients that ask which modules there are: none, and none can be loaded."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.services.clients import Client

container(
    "MODULE",
    "server",
    summary="A container for module commands.",
    since="4.0.0",
    help_since="5.0.0",
)


@command(
    "MODULE|LIST",
    "server",
    arity=2,
    flags="admin noscript",
    since="4.0.0",
    complexity="O(N) where N is the number of loaded modules.",
    tips="nondeterministic_output_order",
)
def module_list(ctx: Client):
    """Returns all loaded modules."""
    return []


@command(
    "MODULE|LOAD",
    "server",
    arity=-3,
    flags="admin noscript no_async_loading",
    since="4.0.0",
    complexity="O(1)",
    args="path arg?*",
)
def module_load(ctx: Client, path: bytes, *arguments: bytes):
    """Loads a module."""
    raise CommandError(errors.MODULES_REFUSED)


@command(
    "MODULE|LOADEX",
    "server",
    arity=-3,
    flags="admin noscript no_async_loading",
    since="7.0.0",
    complexity="O(1)",
    args="path CONFIG=configs{name value}?*+ ARGS=args?*",
)
def module_loadex(ctx: Client, path: bytes, *arguments: bytes):
    """Loads a module using extended parameters."""
    raise CommandError(errors.MODULES_REFUSED)


@command(
    "MODULE|UNLOAD",
    "server",
    arity=3,
    flags="admin noscript no_async_loading",
    since="4.0.0",
    complexity="O(1)",
    args="name",
)
def module_unload(ctx: Client, name: bytes):
    """Unloads a module."""
    raise CommandError(errors.MODULES_REFUSED)
