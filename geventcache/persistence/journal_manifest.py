"""The manifest of a journal: which files it consists of, in which order.

One line a file, `file NAME seq NUMBER type LETTER`; names with odd characters are quoted; lines that begin with ``#``
and words that are not known are passed over. A journal is at most one base, then increments whose numbers rise; what is
history has been replaced and is to be deleted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from geventcache.resp.inline import quoted, split_inline

BASE, INCREMENT, HISTORY = b"b", b"i", b"h"
LONGEST_LINE = 1024
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+,:@%~")


class JournalError(Exception):
    """A journal cannot be read: the text says why, and where."""


class Part(NamedTuple):
    """One file of a journal: its name, its number, and BASE, INCREMENT or HISTORY."""

    name: bytes
    number: int
    kind: bytes


class Manifest(NamedTuple):
    """The files of a journal.

    Attributes:
        base: what the increments are added to, None if they begin from nothing.
        increments: in their order.
        history: what is to be deleted.
    """

    base: Part | None = None
    increments: tuple[Part, ...] = ()
    history: tuple[Part, ...] = ()

    @property
    def parts(self) -> list[Part]:
        """All that is to be loaded, in its order."""
        return [*([self.base] if self.base is not None else []), *self.increments]

    def next_number(self, kind: bytes) -> int:
        """The number of the next base, or of the next increment."""
        same = self.increments if kind == INCREMENT else (self.base,) if self.base is not None else ()
        return max((part.number for part in (*same, *self.history)), default=0) + 1

    def with_increment(self, part: Part) -> Manifest:
        """The journal goes on in another file."""
        return self._replace(increments=(*self.increments, part))

    def rewritten(self, base: Part, number: int) -> Manifest:
        """A new base takes the place of all before it but for the increments from that number on."""
        kept = tuple(part for part in self.increments if part.number >= number)
        gone = [part for part in self.parts if part not in kept]
        return Manifest(base, kept, (*self.history, *(part._replace(kind=HISTORY) for part in gone)))

    def encode(self) -> bytes:
        """The manifest's text."""
        lines = (b"file %b seq %d type %b\n" % (written(name), number, kind) for name, number, kind in self.all())
        return b"".join(lines)

    def all(self) -> list[Part]:
        """All files, in the order in which they are written."""
        return [*([self.base] if self.base is not None else []), *self.history, *self.increments]


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest's text.

    Raises:
        JournalError: it is none.
    """
    manifest = Manifest()
    lines = text.split(b"\n")
    if lines.pop():
        raise JournalError("the last line is cut")
    for number, line in enumerate(lines, 1):
        if line.startswith(b"#"):
            continue
        try:
            manifest = with_part(manifest, parse_line(line.strip()))
        except ValueError as error:
            raise JournalError(f"{error}, in line {number}") from None
    if not manifest.parts:
        raise JournalError("it names no file")
    return manifest


def parse_line(line: bytes) -> Part:
    """Read one line.

    Raises:
        ValueError: it is wrong.
    """
    words = split_inline(line) if len(line) <= LONGEST_LINE else None
    if not words or len(words) % 2:
        raise ValueError("it names no file")
    facts = {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}
    name, number, kind = (facts.get(word, b"") for word in (b"file", b"seq", b"type"))
    if not name or os.path.basename(name) != name or name in (b".", b".."):
        raise ValueError("the name of a file is wrong")
    if not number.isdigit() or not int(number) or kind not in (BASE, INCREMENT, HISTORY):
        raise ValueError("the number or the type of a file is wrong")
    return Part(name, int(number), kind)


def with_part(manifest: Manifest, part: Part) -> Manifest:
    """A manifest with one more file.

    Raises:
        ValueError: it does not fit.
    """
    if part.kind == HISTORY:
        return manifest._replace(history=(*manifest.history, part))
    if part.kind == INCREMENT:
        if manifest.increments and manifest.increments[-1].number >= part.number:
            raise ValueError("the numbers of the increments do not rise")
        return manifest.with_increment(part)
    if manifest.base is not None:
        raise ValueError("there is a second base")
    return manifest._replace(base=part)


def written(name: bytes) -> bytes:
    """A name as it is written: in quotes if some of its characters are odd."""
    return name if PLAIN.issuperset(name) else quoted(name)


def base_part(name: bytes, number: int, is_snapshot: bool) -> Part:
    """The base of that number, of a journal whose files begin with `name`."""
    return Part(b"%b.%d.base.%b" % (name, number, b"rdb" if is_snapshot else b"aof"), number, BASE)


def increment_part(name: bytes, number: int) -> Part:
    """The increment of that number."""
    return Part(b"%b.%d.incr.aof" % (name, number), number, INCREMENT)


def sizes_of(folder: str, parts: Sequence[Part]) -> list[int]:
    """How many bytes files have.

    Raises:
        OSError: one is missing.
    """
    return [os.path.getsize(os.path.join(os.fsencode(folder), part.name)) for part in parts]
