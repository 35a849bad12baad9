"""HSCAN, SSCAN and ZSCAN: cursors, options and pages of one container.

A command reads the cursor first, then opens its key, and then reads the options, which are not looked at without a key.
"""

from __future__ import annotations

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.glob import Matcher, compile_glob
from geventcache.base.numbers import parse_unsigned
from geventcache.command.integers import integer

COUNT = 10
# The options that leave something out, and the command that takes each of them.
BARE = {b"NOVALUES": b"HSCAN", b"NOSCORES": b"ZSCAN"}


def parse_cursor(text: bytes) -> int:
    """The cursor that an argument is.

    Raises:
        CommandError: it is none.
    """
    cursor = parse_unsigned(text)
    if cursor is None:
        raise CommandError(errors.INVALID_CURSOR)
    return cursor


class ScanOptions:
    """The options of a scan.

    Attributes:
        count: about how many elements a page has.
        matches: tells whether an element's name is wanted; None if all are.
        is_bare: names alone are wanted, without values or scores.
    """

    def __init__(self, words: tuple[bytes, ...], command: bytes) -> None:
        """Read the options of `command`, such as HSCAN.

        Raises:
            CommandError: one is unknown, incomplete, out of range, or another command's.
        """
        self.count = COUNT
        self.matches: Matcher | None = None
        self.is_bare = False
        remaining = iter(words)
        for word in remaining:
            name = word.upper()
            if name in BARE:
                self.take_bare(name, command)
            else:
                self.take(name, next(remaining, None))

    def take_bare(self, name: bytes, command: bytes) -> None:
        """Note NOVALUES or NOSCORES."""
        if BARE[name] != command:
            raise CommandError(errors.only_in(name, BARE[name]))
        self.is_bare = True

    def take(self, name: bytes, value: bytes | None) -> None:
        """Note COUNT or MATCH."""
        if value is None or name not in (b"COUNT", b"MATCH"):
            raise CommandError(errors.SYNTAX)
        if name == b"MATCH":
            self.matches = None if value == b"*" else compile_glob(value)
            return
        self.count = integer(value)
        if self.count < 1:
            raise CommandError(errors.SYNTAX)

    def page(self, container: Any, cursor: int) -> tuple[bytes, list[bytes]]:
        """The next cursor as it is sent, and the wanted elements of a page of `container` that are still there."""
        following, names = container.scan(cursor, self.count)
        matches = self.matches
        return b"%d" % following, [name for name in names if name in container and (matches is None or matches(name))]
