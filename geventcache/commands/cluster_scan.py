"""CLUSTERSCAN: one scan over the keys of all shards, each page of which says by its cursor where to ask for the next.

A cursor is ``run-{tag}-position``: the hash tag is of a slot of the shard that has the next page, so that a client
which knows of slots alone finds it. The position is that of SCAN there, over all slots of the shard. It is good for one
run of the process; after another start the shard is scanned anew.
"""

import re
from binascii import crc_hqx
from functools import cache

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.glob import compile_glob
from geventcache.base.numbers import parse_integer, parse_unsigned
from geventcache.command.declaration import command
from geventcache.command.keyspecs import at
from geventcache.commands.cluster import cluster_of
from geventcache.commands.keys import ScanOptions
from geventcache.services.clients import Client
from geventcache.services.shards.hashing import SLOTS, slot_of

CURSOR = re.compile(rb"([^-]*)-\{([^{}]+)\}[^-]*-(\d+)\Z")
BEGINNING = b"0"
END = b"0"
ANY_RUN = b"0"
RUN_LENGTH = 6
INVALID_CURSOR = b"ERR Invalid cursor"
OTHER_SLOT = b"ERR Cursor slot mismatch with SLOT argument"
LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@cache
def pairs() -> dict[int, bytes]:
    """Two letters by their checksum."""
    return {crc_hqx(pair, 0): pair for pair in (bytes((one, other)) for one in LETTERS for other in LETTERS)}


@cache
def tag_of(slot: int) -> bytes:
    """Three letters whose slot that is: there are some for every slot.

    The checksum of a text is that of its first letter, followed by zeros, XOR that of its last two; so these can be
    looked up.
    """
    for letter in LETTERS:
        first = bytes((letter,))
        rest = crc_hqx(first + b"\0\0", 0)
        for checksum in range(slot, 1 << 16, SLOTS):
            pair = pairs().get(checksum ^ rest)
            if pair is not None:
                return first + pair
    raise ValueError(f"no three letters have the slot {slot}")


class ClusterScanOptions(ScanOptions):
    """MATCH, COUNT, TYPE and SLOT; a None is not asked for."""

    def __init__(self, words: tuple[bytes, ...]) -> None:
        self.slot: int | None = None
        super().__init__(words)

    def take(self, name: bytes, value: bytes) -> None:
        """Note one option."""
        if name != b"SLOT":
            super().take(name, value)
            return
        self.slot = parse_integer(value)
        if self.slot is None or not 0 <= self.slot < SLOTS:
            raise CommandError(errors.SLOT_OUT_OF_RANGE)

    def wants(self, key: bytes) -> bool:
        """Is the key one of the slot, and one that matches?"""
        if self.slot is not None and slot_of(key) != self.slot:
            return False
        return self.pattern is None or bool(compile_glob(self.pattern)(key))


@command(
    "CLUSTERSCAN",
    "cluster",
    arity=-2,
    flags="readonly",
    acl="keyspace",
    keys=[at(1, "not_key")],
    since="9.1.0",
    complexity="O(N) where N is the number of elements returned.",
    tips="nondeterministic_output request_policy:special response_policy:special",
    args="cursor MATCH=match-pattern:pattern? COUNT=count:integer? TYPE=type? SLOT=slot:integer?",
)
def clusterscan(ctx: Client, cursor: bytes, *words: bytes):
    """Iterates over the keys in the cluster."""
    cluster = cluster_of(ctx)
    options = ClusterScanOptions(words)
    if cursor == BEGINNING:
        return [cursor_at(ANY_RUN, options.slot or 0, 0), []]
    parts = CURSOR.match(cursor)
    position = None if parts is None else parse_unsigned(parts[3])
    if parts is None or position is None:
        raise CommandError(INVALID_CURSOR)
    slot = slot_of(cursor)
    if options.slot not in (None, slot):
        raise CommandError(OTHER_SLOT)
    run = ctx.server.stats.run_id[:RUN_LENGTH].encode()
    following, found = ctx.db.scan(position if parts[1] == run else 0, options.count, options.wants, options.type_name)
    if following:
        return [cursor_at(run, slot, following), found]
    next_slot = cluster.own.last_slot + 1
    is_last = options.slot is not None or next_slot == SLOTS
    return [END if is_last else cursor_at(ANY_RUN, next_slot, 0), found]


def cursor_at(run: bytes, slot: int, position: int) -> bytes:
    """The cursor of a position, at the node that has a slot."""
    return b"%b-{%b}-%d" % (run, tag_of(slot), position)
