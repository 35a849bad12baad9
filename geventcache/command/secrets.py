"""Which arguments of a request are secret: a fact of its declaration, asked by everything that shows requests.

The rules: a function of the request returns the positions that must not be shown. It is asked about requests that
failed, too, and about those with too few arguments; where a mistake leaves doubt, the argument counts as secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from geventcache.command.declaration import DECLARATIONS, Declaration

Secrets = Callable[[Sequence[bytes]], Sequence[int]]

REDACTED = b"(redacted)"


def redact(declaration: Declaration, args: Sequence[bytes]) -> list[bytes]:
    """A request as it may be shown: a copy without its secrets."""
    shown = list(args)
    if declaration.secrets is not None:
        for position in declaration.secrets(args):
            if position < len(shown):
                shown[position] = REDACTED
    return shown


def all_from(start: int) -> Secrets:
    """All arguments from a position on are secret."""
    return lambda args: range(start, len(args))


def after_options(options: Mapping[bytes, int], start: int, others: Mapping[bytes, int]) -> Secrets:
    """What follows certain options is secret.

    Args:
        options: names in lower case, each with how many secrets follow it.
        start: where options begin.
        others: further options that have arguments, whose words are no options themselves.
    """

    def find(args: Sequence[bytes]) -> list[int]:
        found: list[int] = []
        i = start
        while i < len(args):
            word = args[i].lower()
            count = options.get(word, 0)
            found += range(i + 1, i + 1 + count)
            i += 1 + count + others.get(word, 0)
        return found

    return find


def of_request_at(start: int) -> Secrets:
    """From a position on stands a request of its own, with the secrets that its declaration knows."""

    def find(args: Sequence[bytes]) -> list[int]:
        request = args[start:]
        declaration = declaration_of(request)
        if declaration is None or declaration.secrets is None:
            return []
        return [start + position for position in declaration.secrets(request)]

    return find


def declaration_of(request: Sequence[bytes]) -> Declaration | None:
    """The declaration of a request, of the subcommand where there is one; None if there is no such command."""
    if not request:
        return None
    names = [name.upper().decode("latin-1") for name in request[:2]]
    declaration = DECLARATIONS.get(names[0])
    if declaration is not None and len(names) > 1:
        return declaration.subcommands.get(names[1], declaration)
    return declaration
