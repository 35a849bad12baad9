"""One declaration a command: everything that is known about it without running it.

`command` puts a plain function under its declaration; COMMAND, access control, the rules of MULTI and scripts, key
extraction and the documentation are derived from it. An import fails when a name repeats, an arity disagrees with the
function's signature, or a command with keys is not exactly one of readonly and write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from geventcache.command.keyspecs import KeySpec

MANY = 1 << 40

# In the order in which COMMAND INFO names them, as the categories below.
FLAGS = (
    "write",
    "readonly",
    "denyoom",
    "admin",
    "pubsub",
    "noscript",
    "blocking",
    "loading",
    "stale",
    "skip_monitor",
    "skip_commandlog",
    "asking",
    "fast",
    "no_auth",
    "no_mandatory_keys",
    "no_async_loading",
    "no_multi",
    "allow_busy",
)
CATEGORIES = (
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
)

# What a flag says about access control, and a group unless a declaration says otherwise.
FLAG_CATEGORIES = {
    "write": ("write",),
    "readonly": ("read",),
    "admin": ("admin", "dangerous"),
    "pubsub": ("pubsub",),
    "blocking": ("blocking",),
    "fast": ("fast",),
}
GROUP_CATEGORIES = {
    "string": "string",
    "generic": "keyspace",
    "list": "list",
    "hash": "hash",
    "set": "set",
    "sorted-set": "sortedset",
    "stream": "stream",
    "bitmap": "bitmap",
    "hyperloglog": "hyperloglog",
    "geo": "geo",
    "pubsub": "pubsub",
    "transactions": "transaction",
    "scripting": "scripting",
    "connection": "connection",
    "server": "",
    "cluster": "",
    "module": "",
}


class DeclarationError(Exception):
    """A command was declared wrongly."""


@dataclass(frozen=True)
class Channels:
    """Where a request names channels.

    Attributes:
        where: among its items.
        are_patterns: they are patterns.
    """

    where: slice
    are_patterns: bool = False


@dataclass(frozen=True)
class Declaration:
    """What is known about a command.

    Attributes:
        name: in upper case; a subcommand as ``CLIENT|KILL``.
        group: the group of COMMAND DOCS.
        arity: exact number of arguments with the name(s), or minus the least number.
        flags: the words of COMMAND INFO, without those that are derived.
        categories: of access control, without ``@``.
        keys: where the keys are.
        handler: the function; None for a container of subcommands.
        minimum, maximum: how many items a request has, names included.
        traits: what the gate must know and COMMAND INFO does not show: ``immediate`` (MULTI does not queue it),
            ``subscriber`` (allowed to a RESP2 client that has subscribed), ``may_replicate`` (a pause of writes holds
            it back), ``no_cache`` (of no use to a cache without a socket), ``all_databases`` and ``other_databases``
            (it uses all, or but those that it names, not its client's), ``for_tests`` (scripts of tests may be
            let call it, though it is not for scripts), ``draws`` (it draws a random element, which is worth a look
            ahead); and what its effects are (see `effect`):
            ``composite`` (those of the commands that it calls), ``noted`` (it is noted whenever it succeeds, though it
            changes no key), ``message`` (so is this one, but only for those who pass messages on); ``health`` (it is
            refused, too, when nothing can be saved, so that whoever probes the server hears of it).
        effect: what repeats a call that changed something, for commands that would do something else at another time
            or elsewhere: (request, value, now_ms) -> requests. None if the request itself does.
        key_flags: for keys whose flags depend on the arguments: args -> flags of the keys.
        find_keys: for keys that no specification finds: args -> positions.
        channels: the channels that it names, None for none.
        databases: where it names databases: args -> positions.
        rules: what the script or the function that it runs declares: (the Scripting, args) -> Rules.
        secrets: of arguments that must not be shown: args -> positions (`geventcache.command.secrets` has some).
    """

    name: str
    group: str
    arity: int
    summary: str
    flags: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    keys: tuple[KeySpec, ...] = ()
    since: str = "1.0.0"
    complexity: str = ""
    tips: tuple[str, ...] = ()
    args: str = ""
    history: tuple[tuple[str, str], ...] = ()
    doc_flags: tuple[str, ...] = ()
    deprecated: tuple[str, str] | None = None
    handler: Callable[..., Any] | None = None
    minimum: int = 1
    maximum: int = MANY
    traits: frozenset[str] = frozenset()
    key_flags: Callable[[list[bytes]], tuple[str, ...]] | None = None
    find_keys: Callable[[list[bytes]], list[int]] | None = None
    secrets: Callable[[Sequence[bytes]], Sequence[int]] | None = None
    effect: Callable[[list[bytes], Any, int], list[list[bytes]]] | None = None
    channels: Channels | None = None
    databases: Callable[[list[bytes]], Sequence[int]] | None = None
    rules: Callable[[Any, list[bytes]], Any] | None = None
    subcommands: dict[str, Declaration] = field(default_factory=dict, compare=False)

    @property
    def wire_name(self) -> bytes:
        """The name as error texts and INFO show it."""
        return self.name.lower().encode()


DECLARATIONS: dict[str, Declaration] = {}


def command(
    name: str,
    group: str,
    *,
    arity: int,
    flags: str = "",
    acl: str | None = None,
    keys: Sequence[KeySpec] = (),
    since: str = "1.0.0",
    complexity: str = "",
    tips: str = "",
    args: str = "",
    history: Sequence[tuple[str, str]] = (),
    doc_flags: str = "",
    deprecated: tuple[str, str] | None = None,
    traits: str = "",
    key_flags: Callable[[list[bytes]], tuple[str, ...]] | None = None,
    find_keys: Callable[[list[bytes]], list[int]] | None = None,
    secrets: Callable[[Sequence[bytes]], Sequence[int]] | None = None,
    effect: Callable[[list[bytes], Any, int], list[list[bytes]]] | None = None,
    channels: Channels | None = None,
    databases: Callable[[list[bytes]], Sequence[int]] | None = None,
    rules: Callable[[Any, list[bytes]], Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the decorated function as a command; its docstring's first paragraph is the summary.

    Args:
        acl: categories beside the ones that follow from the flags, instead of the group's.
        args: in the notation of `geventcache.command.arguments`.

    Raises:
        DeclarationError: the declaration contradicts itself or the function.
    """

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        words = frozenset(flags.split())
        minimum, maximum = counts(handler, name)
        declaration = Declaration(
            name,
            group,
            arity,
            summary_of(handler),
            words,
            categories_of(words, group, acl),
            tuple(keys),
            since,
            complexity,
            tuple(tips.split()),
            args,
            tuple(history),
            tuple(doc_flags.split()),
            deprecated,
            handler,
            minimum,
            maximum,
            frozenset(traits.split()),
            key_flags,
            find_keys,
            secrets,
            effect,
            channels,
            databases,
            rules,
        )
        check(declaration)
        add(declaration)
        return handler

    return register


def counts(handler: Callable[..., Any], name: str) -> tuple[int, int]:
    """Least and largest number of request items that `handler` takes, its names included."""
    names = 2 if "|" in name else 1
    minimum, maximum = names, names
    for parameter in list(inspect.signature(handler).parameters.values())[1:]:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            maximum = MANY
        else:
            maximum += 1
            minimum += parameter.default is inspect.Parameter.empty
    return minimum, maximum


def summary_of(handler: Callable[..., Any]) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((handler.__doc__ or "").split("\n\n")[0].split())


def categories_of(flags: frozenset[str], group: str, acl: str | None) -> frozenset[str]:
    """The categories that follow from flags and group, or from `acl` in the group's place."""
    found = {category for flag in flags for category in FLAG_CATEGORIES.get(flag, ())}
    found.update((GROUP_CATEGORIES[group] if acl is None else acl).split())
    if "fast" not in flags:
        found.add("slow")
    if group == "scripting":
        found.discard("read")
    return frozenset(found)


def check(declaration: Declaration) -> None:
    """Refuse a declaration that cannot be true."""
    name, flags, arity = declaration.name, declaration.flags, declaration.arity
    unknown = flags.difference(FLAGS)
    if unknown:
        raise DeclarationError(f"{name}: unknown flags {sorted(unknown)}")
    if abs(arity) != declaration.minimum or (arity > 0) != (declaration.minimum == declaration.maximum):
        taken = f"{declaration.minimum} to {declaration.maximum}"
        raise DeclarationError(f"{name}: arity {arity}, but its function takes {taken}")
    # WATCH looks at keys and is neither: it may run while writes are paused and while nothing may be read.
    is_excused = declaration.group in ("scripting", "transactions")
    has_keys = any("not_key" not in spec.flags for spec in declaration.keys)
    if has_keys and not is_excused and ("write" in flags) == ("readonly" in flags):
        raise DeclarationError(f"{name}: a command with keys is readonly or write")
    if not declaration.summary:
        raise DeclarationError(f"{name}: no docstring")


def add(declaration: Declaration) -> None:
    """Put a declaration into its table: a subcommand into its container's."""
    parent, bar, sub = declaration.name.partition("|")
    table = DECLARATIONS[parent].subcommands if bar else DECLARATIONS
    key = sub if bar else parent
    if key in table:
        raise DeclarationError(f"{declaration.name} is declared twice")
    table[key] = declaration
