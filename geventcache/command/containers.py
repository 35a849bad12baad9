"""Containers: commands of nothing but subcommands, and the subcommand HELP, which follows from their declarations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.arguments import parse_arguments
from geventcache.command.declaration import DECLARATIONS, Declaration, add, categories_of, command
from geventcache.resp.values import Simple

HELP = "HELP"
OWN_SUMMARY = "Print this help."
INDENT = "    "
SUMMARY = "Returns helpful text about the different subcommands."


def allow(ctx: Any) -> None:
    """HELP answers every client."""


def container(
    name: str,
    group: str,
    *,
    summary: str,
    acl: str | None = None,
    since: str = "1.0.0",
    help_since: str = "",
    help_acl: str | None = None,
    help_summary: str = SUMMARY,
    help_check: Callable[[Any], object] = allow,
) -> None:
    """Declare a command of nothing but subcommands, of which HELP is one unless `help_since` is empty.

    Args:
        help_check: is called with the client before HELP answers, to refuse it by a CommandError.
    """
    add(
        Declaration(
            name,
            group,
            -2,
            summary,
            frozenset(),
            categories_of(frozenset(), group, acl),
            since=since,
            complexity="Depends on subcommand.",
            minimum=2,
        )
    )
    if help_since:
        add_help(name, group, help_since, help_acl, help_summary, help_check)


def add_help(
    name: str,
    group: str,
    since: str,
    acl: str | None = None,
    summary: str = SUMMARY,
    check: Callable[[Any], object] = allow,
) -> None:
    """Declare the subcommand HELP of a command; see `container`."""

    def show(ctx: Any) -> list[Simple]:
        check(ctx)
        return help_lines(DECLARATIONS[name])

    show.__doc__ = summary
    command(f"{name}|{HELP}", group, arity=2, flags="loading stale", acl=acl, since=since, complexity="O(1)")(show)


def bad_use(ctx: Any, container: bytes) -> CommandError:
    """The error of a subcommand that finds fault with its arguments itself; it has the name as it was sent."""
    return CommandError(errors.bad_subcommand(ctx.server.engine.spelling, container))


def help_lines(declaration: Declaration) -> list[Simple]:
    """What HELP answers for a container: each subcommand with its arguments and its summary; HELP comes last."""
    lines = [f"{declaration.name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for name in sorted(declaration.subcommands, key=lambda name: (name == HELP, name)):
        subcommand = declaration.subcommands[name]
        summary = OWN_SUMMARY if name == HELP else subcommand.summary
        lines += [f"{name} {syntax(parse_arguments(subcommand.args))}".rstrip(), INDENT + summary]
    return [Simple(line.encode()) for line in lines]


def syntax(arguments: list[dict[str, Any]]) -> str:
    """Arguments as one writes them: ``<value>``, ``TOKEN``, ``[optional]``, ``a | b``, ``repeated ...``."""
    return " ".join(map(argument_syntax, arguments))


def argument_syntax(argument: dict[str, Any]) -> str:
    """One argument."""
    flags = argument.get("flags", ())
    token = argument.get("token", "")
    inner = argument.get("arguments")
    if inner is None:
        value = "" if argument["type"] == "pure-token" else f"<{argument.get('display_text', argument['name'])}>"
    else:
        value = (" | " if argument["type"] == "oneof" else " ").join(map(argument_syntax, inner))
        if argument["type"] == "oneof" and (token or "optional" not in flags):
            value = f"({value})"
    text = f"{token} {value}".strip()
    if "multiple" in flags or "multiple_token" in flags:
        text += f" [{text if 'multiple_token' in flags else value} ...]"
    return f"[{text}]" if "optional" in flags else text
