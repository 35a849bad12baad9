"""The first line of a script or a library, such as ``#!lua name=mylib flags=no-writes``, and the flags of both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geventcache.base.errors import CommandError, printable
from geventcache.resp.inline import split_inline

MARK = b"#!"
ENGINE = b"lua"
FLAGS = (b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys")
NAME = re.compile(rb"[A-Za-z0-9_]+\Z")
BAD_NAME = b"ERR %b names can only contain letters, numbers, or underscores(_) and must be at least one character long"


@dataclass(frozen=True)
class Rules:
    """What a script or function may do.

    Attributes:
        is_declared: it says itself what it may do; one without a header may do all, and is judged command by command.
        is_read_only: it never writes.
        allows_oom: it runs even if memory is full.
        is_alone: it does not run on one of several shards.
        keeps_slot: all keys that it uses have to be in one hash slot.
        allows_stale: it runs even where data may be old and are not to be shown.
    """

    is_declared: bool = False
    is_read_only: bool = False
    allows_oom: bool = False
    is_alone: bool = False
    keeps_slot: bool = False
    allows_stale: bool = False


def rules_of(flags: list[bytes]) -> Rules:
    """The rules that flags make."""
    return Rules(
        True,
        b"no-writes" in flags,
        b"allow-oom" in flags,
        b"no-cluster" in flags,
        b"allow-cross-slot-keys" not in flags,
        b"allow-stale" in flags,
    )


def check_name(name: bytes, what: bytes) -> None:
    """Refuse a name of a library or a function that is not made of letters, digits and underscores.

    Raises:
        CommandError: it is not.
    """
    if not NAME.match(name):
        raise CommandError(BAD_NAME % what)


def read_script(text: bytes) -> tuple[bytes, Rules]:
    """A script without its header, whose line stays, empty; and its rules.

    Raises:
        CommandError: the header is wrong.
    """
    if not text.startswith(MARK):
        return text, Rules()
    header, newline, body = text.partition(b"\n")
    if not newline:
        raise CommandError(b"ERR Invalid script shebang")
    engine, *options = words_of(header, b"ERR Invalid engine in script shebang")
    flags: list[bytes] = []
    for option in options:
        if not option.startswith(b"flags="):
            raise CommandError(printable(b"ERR Unknown lua shebang option: " + option))
        flags += read_flags(option[6:])
    if engine[2:].lower() != ENGINE:
        raise CommandError(printable(b"ERR Could not find scripting engine '%b'" % engine[2:]))
    return newline + body, rules_of(flags)


def words_of(header: bytes, unbalanced: bytes) -> list[bytes]:
    """The words of a first line, which may stand in quotes as those of an inline command.

    Raises:
        CommandError: `unbalanced`, if a quote does not end.
    """
    words: list[bytes] | None = split_inline(header)
    if words is None:
        raise CommandError(unbalanced)
    return words


def read_flags(text: bytes) -> list[bytes]:
    """Flags with commas between them.

    Raises:
        CommandError: there is no such flag.
    """
    flags = text.split(b",") if text else []
    for flag in flags:
        if flag not in FLAGS:
            raise CommandError(printable(b"ERR Unexpected flag in script shebang: " + flag))
    return flags


def read_library(text: bytes) -> tuple[bytes, bytes]:
    """The name of a library, and its code without the header, whose line stays, empty.

    Raises:
        CommandError: there is no proper header.
    """
    if not text.startswith(MARK):
        raise CommandError(b"ERR Missing library metadata")
    header, newline, body = text.partition(b"\n")
    if not newline:
        raise CommandError(b"ERR Invalid library metadata")
    engine, *options = words_of(header, b"ERR Invalid library metadata")
    name = None
    for option in options:
        if not option.lower().startswith(b"name="):
            raise CommandError(printable(b"ERR Invalid metadata value given: " + option))
        if name is not None:
            raise CommandError(b"ERR Invalid metadata value, name argument was given multiple times")
        name = option[5:]
    if name is None:
        raise CommandError(b"ERR Library name was not given")
    check_name(name, b"Library")
    if engine[2:].lower() != ENGINE:
        raise CommandError(printable(b"ERR Engine '%b' not found" % engine[2:]))
    return name, newline + body
