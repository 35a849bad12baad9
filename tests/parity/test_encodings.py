"""OBJECT ENCODING under random changes: the reference's at every step, for every type and across its limits."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterator

import pytest

from ..support.servers import Servers
from ..support.wire import Argument, Reply
from .pair import Pair

STEPS = 400
NODES = re.compile(rb"ql_nodes:(\d+)")


def nodes(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """A matcher: both lists have as many nodes."""
    expected, found = (NODES.search(reply.value) for reply in (reference, subject))
    if expected is None or found is None or expected[1] != found[1]:
        yield f"{path}: {reference.value!r} and {subject.value!r}"


class Lists:
    """Commands that change two lists in every way."""

    def __init__(self, draw: random.Random, lengths: tuple[int, ...]) -> None:
        self.draw = draw
        self.lengths = lengths

    def value(self) -> bytes:
        """An element: one that repeats, or an integer, or one of the lengths."""
        draw = self.draw
        kind = draw.randrange(4)
        if kind == 0:
            return b"%d" % draw.choice([0, 7, 127, 128, -1, 4095, -4097, 70000, 2**40, -(2**63)])
        return draw.choice([b"a", b"b", b"c"]) * draw.choice(self.lengths)

    def key(self) -> bytes:
        """One of the lists."""
        return self.draw.choice([b"l", b"l", b"l", b"m"])

    def command(self) -> tuple[Argument, ...]:
        """The next one."""
        draw, key = self.draw, self.key()
        index = draw.choice([0, 1, 2, -1, -2, draw.randrange(-60, 60)])
        side, other = draw.choices(["LEFT", "RIGHT"], k=2)
        return draw.choice(
            [
                ("LPUSH", key, self.value()),
                ("RPUSH", key, self.value()),
                ("RPUSH", key, *[self.value() for _ in range(draw.randrange(1, 12))]),
                ("LPUSH", key, *[self.value() for _ in range(draw.randrange(1, 12))]),
                ("LPOP", key),
                ("RPOP", key),
                ("LPOP", key, draw.randrange(6)),
                ("RPOP", key, draw.randrange(6)),
                ("LSET", key, index, self.value()),
                ("LSET", key, index, self.value()),
                ("LINSERT", key, draw.choice(["BEFORE", "AFTER"]), self.value(), self.value()),
                ("LINSERT", key, draw.choice(["BEFORE", "AFTER"]), self.value(), self.value()),
                ("LREM", key, draw.randrange(-3, 4), self.value()),
                (
                    "LTRIM",
                    key,
                    draw.choice([0, 0, 1, draw.randrange(8)]),
                    draw.choice([-1, -1, -2, -draw.randrange(8)]),
                ),
                ("LMOVE", key, self.key(), side, other),
                ("COPY", "l", "m", "REPLACE"),
                ("SORT", "l", "ALPHA", "STORE", "m"),
                ("RENAME", "l", "m"),
            ]
        )


@pytest.fixture
def debug_pair(debuggable: Servers) -> Iterator[Pair]:
    """Connections to both servers, empty, with DEBUG enabled."""
    with contextlib.closing(Pair(debuggable, 2)) as opened:
        yield opened


@pytest.mark.parametrize("size", [-2, -1, -5, 0, 1, 2, 3, 16, 128, 100_000])
@pytest.mark.parametrize("seed", range(3))
def test_lists_have_the_references_nodes(debug_pair: Pair, size: int, seed: int) -> None:
    """However a list changes, its encoding and the number of its nodes are the reference's."""
    draw = random.Random(seed)
    lengths = draw.choice([(1, 5, 60, 300), (1, 200, 1000), (1, 60, 1000, 4000), (1, 100, 4000, 8180, 8200, 9000)])
    if size == -5:
        lengths = (1, 1000, 30000, 66000)
    lists = Lists(draw, lengths)
    with debug_pair.configured(list_max_listpack_size=size):
        for step in range(STEPS):
            debug_pair.do(*lists.command())
            for key in ("l", "m"):
                if debug_pair.do("OBJECT", "ENCODING", key).value == b"quicklist":
                    debug_pair.do("DEBUG", "OBJECT", key, match=nodes)
            if step % 50 == 49:
                debug_pair.do("LRANGE", "l", 0, -1)
                debug_pair.do("LRANGE", "m", 0, -1)
