"""Requests by the grammar of arguments that commands declare, and COMMAND DOCS tells."""

from __future__ import annotations

from typing import Any

from geventcache.command.arguments import parse_arguments
from geventcache.command.declaration import Declaration

Argument = dict[str, Any]


class Choice:
    """What stands where the grammar leaves a choice: as little as may be. Tests make other choices."""

    def takes(self, _argument: Argument) -> bool:
        """Is an optional argument there?"""
        return False

    def times(self, _argument: Argument) -> int:
        """How often is an argument there that may be repeated?"""
        return 1

    def one_of(self, argument: Argument) -> Argument:
        """Which of several alternatives is there?"""
        alternatives: list[Argument] = argument["arguments"]
        return alternatives[0]

    def value(self, _argument: Argument) -> bytes:
        """What is there for an argument that is no token?"""
        return b"1"


def names_of(declaration: Declaration) -> list[bytes]:
    """The words that name a command."""
    return [word.encode() for word in declaration.name.split("|")]


def grammar_of(declaration: Declaration) -> list[Argument]:
    """The arguments of a command."""
    return parse_arguments(declaration.args)


def words(arguments: list[Argument], choice: Choice) -> list[bytes]:
    """The words of arguments."""
    found: list[bytes] = []
    for argument in arguments:
        flags = argument.get("flags", [])
        if "optional" in flags and not choice.takes(argument):
            continue
        times = choice.times(argument) if "multiple" in flags else 1
        for i in range(times):
            if "token" in argument and (i == 0 or "multiple_token" in flags):
                found.append(argument["token"].encode())
            found += body(argument, choice)
    return found


def body(argument: Argument, choice: Choice) -> list[bytes]:
    """The words of an argument once, without its token."""
    kind = argument["type"]
    if kind == "oneof":
        return words([required(choice.one_of(argument))], choice)
    if kind == "block":
        return words(argument["arguments"], choice)
    return [] if kind == "pure-token" else [choice.value(argument)]


def required(argument: Argument) -> Argument:
    """An argument that was chosen is there."""
    return {**argument, "flags": [flag for flag in argument.get("flags", []) if flag != "optional"]}
