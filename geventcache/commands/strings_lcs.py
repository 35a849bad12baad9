"""LCS: what two strings have in common."""

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at
from geventcache.services.clients import Client
from geventcache.store.keyspace import as_string
from geventcache.types.container import Container
from geventcache.types.lcs import CommonSubsequence, table_bytes


class LcsOptions:
    """What is asked for: the length, the ranges (with their lengths, none shorter than `least`), or the text."""

    def __init__(self, words: tuple[bytes, ...]) -> None:
        """Read the words after the keys.

        Raises:
            CommandError: a word is unknown, lacks its value, or excludes another one.
        """
        self.only_length = False
        self.wants_ranges = False
        self.with_lengths = False
        self.least = 0
        remaining = iter(words)
        for word in remaining:
            self.take(word.upper(), remaining)
        if self.only_length and self.wants_ranges:
            raise CommandError(errors.LCS_LEN_AND_IDX)

    def take(self, name: bytes, remaining: Any) -> None:
        """Note one option."""
        if name == b"LEN":
            self.only_length = True
        elif name == b"IDX":
            self.wants_ranges = True
        elif name == b"WITHMATCHLEN":
            self.with_lengths = True
        elif name == b"MINMATCHLEN" and (value := next(remaining, None)) is not None:
            self.least = integer(value)
        else:
            raise CommandError(errors.SYNTAX)


def read_texts(ctx: Client, *keys: bytes) -> list[bytes]:
    """The strings at the keys, empty where there is none.

    Raises:
        CommandError: one of them has another type; all keys have counted as read then.
    """
    values = [ctx.db.read(key) for key in keys]
    if any(isinstance(v, Container) for v in values):
        raise CommandError(errors.LCS_NOT_STRINGS)
    return [b"" if v is None else as_string(v) for v in values]


@command(
    "LCS",
    "string",
    arity=-3,
    flags="readonly",
    keys=[at(1, "RO access", last=1)],
    since="7.0.0",
    complexity="O(N*M) where N and M are the lengths of s1 and s2, respectively",
    args="key1#0 key2#0 LEN? IDX? MINMATCHLEN=min-match-len:integer? WITHMATCHLEN?",
)
def lcs(ctx: Client, key1: bytes, key2: bytes, *words: bytes) -> Any:
    """Finds the longest common substring."""
    first, second = read_texts(ctx, key1, key2)
    options = LcsOptions(words)
    if table_bytes(first, second) > ctx.server.config["proto-max-bulk-len"]:
        raise CommandError(errors.LCS_MEMORY)
    common = CommonSubsequence(first, second)
    if options.only_length:
        return common.length
    if not options.wants_ranges:
        return common.text()
    ranges = common.ranges(options.least)
    return {b"matches": [run if options.with_lengths else run[:2] for run in ranges], b"len": common.length}
