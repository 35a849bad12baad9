"""`ReplyWriter`: each value of one table in both protocols, by itself, across the buffer's edge, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from geventcache.base.errors import CommandError
from geventcache.resp.values import (
    NO_REPLY,
    NULL_ARRAY,
    OK,
    BigNumber,
    Distinct,
    Double,
    Many,
    PairedMap,
    Pairs,
    Push,
    Simple,
    Verbatim,
)

from .builds import builds

WRITERS = builds("resp.writer", "resp.writer", "resp.encoders")
BUFFER = 64 * 1024
LARGE = 64 * 1024
KEPT = 1024 * 1024


def bulk(value: bytes) -> bytes:
    """Return a bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


# value, RESP2, RESP3 (None where they are the same)
CASES: dict[str, tuple[Any, bytes, bytes | None]] = {
    "bytes": (b"abc", b"$3\r\nabc\r\n", None),
    "empty": (b"", b"$0\r\n\r\n", None),
    "binary": (b"\r\n\0\xff", b"$4\r\n\r\n\0\xff\r\n", None),
    "1023 bytes": (b"x" * 1023, bulk(b"x" * 1023), None),
    "1024 bytes": (b"x" * 1024, bulk(b"x" * 1024), None),
    "almost large": (b"x" * (LARGE - 1), bulk(b"x" * (LARGE - 1)), None),
    "large": (b"x" * LARGE, bulk(b"x" * LARGE), None),
    "null": (None, b"$-1\r\n", b"_\r\n"),
    "zero": (0, b":0\r\n", None),
    "ten": (10, b":10\r\n", None),
    "minus one": (-1, b":-1\r\n", None),
    "largest": (2**63 - 1, b":9223372036854775807\r\n", None),
    "smallest": (-(2**63), b":-9223372036854775808\r\n", None),
    "true": (True, b":1\r\n", b"#t\r\n"),
    "false": (False, b":0\r\n", b"#f\r\n"),
    "float": (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
    "infinite": (float("-inf"), b"$4\r\n-inf\r\n", b",-inf\r\n"),
    "list": ([b"a", 1, None], b"*3\r\n$1\r\na\r\n:1\r\n$-1\r\n", b"*3\r\n$1\r\na\r\n:1\r\n_\r\n"),
    "tuple": ((b"a",), b"*1\r\n$1\r\na\r\n", None),
    "empty list": ([], b"*0\r\n", None),
    "nested": ([[b"a"], [[1]]], b"*2\r\n*1\r\n$1\r\na\r\n*1\r\n*1\r\n:1\r\n", None),
    "long list": ([b"ab"] * 20, b"*20\r\n" + bulk(b"ab") * 20, None),
    "uneven list": ([b"a", b"bc"] * 10, b"*20\r\n" + (bulk(b"a") + bulk(b"bc")) * 10, None),
    "large among short": ([b"a"] * 9 + [b"x" * LARGE], b"*10\r\n" + bulk(b"a") * 9 + bulk(b"x" * LARGE), None),
    "two large": ([b"x" * LARGE, b"y" * LARGE], b"*2\r\n" + bulk(b"x" * LARGE) + bulk(b"y" * LARGE), None),
    "dict": ({b"k": 1}, b"*2\r\n$1\r\nk\r\n:1\r\n", b"%1\r\n$1\r\nk\r\n:1\r\n"),
    "set": ({b"m"}, b"*1\r\n$1\r\nm\r\n", b"~1\r\n$1\r\nm\r\n"),
    "frozenset": (frozenset([b"m"]), b"*1\r\n$1\r\nm\r\n", b"~1\r\n$1\r\nm\r\n"),
    "distinct": (Distinct([[1]]), b"*1\r\n*1\r\n:1\r\n", b"~1\r\n*1\r\n:1\r\n"),
    "bytearray": (bytearray(b"ab"), b"$2\r\nab\r\n", None),
    "error": (CommandError(b"ERR no"), b"-ERR no\r\n", None),
    "simple": (Simple(b"DONE"), b"+DONE\r\n", None),
    "OK": (OK, b"+OK\r\n", None),
    "verbatim": (Verbatim(b"text"), b"$4\r\ntext\r\n", b"=8\r\ntxt:text\r\n"),
    "big number": (BigNumber(b"123"), b"$3\r\n123\r\n", b"(123\r\n"),
    "double": (Double(b"1.10"), b"$4\r\n1.10\r\n", b",1.10\r\n"),
    "pairs": (Pairs([(b"a", 1)]), b"*2\r\n$1\r\na\r\n:1\r\n", b"*1\r\n*2\r\n$1\r\na\r\n:1\r\n"),
    "paired map": (PairedMap([(b"a", 1)]), b"*1\r\n*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
    "push": (Push([b"m", 1]), b"*2\r\n$1\r\nm\r\n:1\r\n", b">2\r\n$1\r\nm\r\n:1\r\n"),
    "many": (Many([1, 2]), b":1\r\n:2\r\n", None),
    "null array": (NULL_ARRAY, b"*-1\r\n", b"_\r\n"),
    "no reply": (NO_REPLY, b"", None),
}


@pytest.fixture(params=sorted(WRITERS))
def writer(request: pytest.FixtureRequest) -> Any:
    """A writer of one build."""
    return WRITERS[request.param].ReplyWriter()


def expected(name: str, protocol: int) -> bytes:
    """Return how a case's value is written."""
    _, resp2, resp3 = CASES[name]
    return resp2 if protocol == 2 or resp3 is None else resp3


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_by_itself(writer: Any, name: str, protocol: int) -> None:
    """The value alone, and again by the same writer; nothing is left of either."""
    writer.resp3 = protocol == 3
    for _ in range(2):
        writer.value(CASES[name][0])
        assert writer.take() == expected(name, protocol)
        assert writer.take() == b""
        assert writer.take_parts() == []


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_between_others(writer: Any, name: str, protocol: int) -> None:
    """The value after another and before one, measured, as parts."""
    writer.resp3 = protocol == 3
    writer.value(b"before")
    mark = writer.mark()
    writer.value(CASES[name][0])
    assert writer.size_since(mark) == len(expected(name, protocol))
    writer.value(b"after")
    assert b"".join(writer.take_parts()) == bulk(b"before") + expected(name, protocol) + bulk(b"after")


@pytest.mark.parametrize("name", CASES)
def test_taken_back(writer: Any, name: str) -> None:
    """What was written since a mark goes, what was before stays, and the next value is right."""
    for before in (b"", b"before", b"x" * LARGE):
        writer.value(before)
        mark = writer.mark()
        for _ in range(3):
            writer.value(CASES[name][0])
        writer.rollback(mark)
        assert writer.size_since(0) == len(bulk(before))
        writer.value(1)
        assert writer.take() == bulk(before) + b":1\r\n"


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name][1]) < 200])
def test_across_the_edge(writer: Any, name: str) -> None:
    """The buffer ends at every byte of the value."""
    value, encoded, _ = CASES[name]
    for missing in range(len(encoded) + 40):
        start = BUFFER - missing - len(b"$65535\r\n\r\n")
        writer.bulk(b"x" * start)
        writer.value(value)
        assert writer.take() == bulk(b"x" * start) + encoded


def test_exchange(writer: Any) -> None:
    """Two writers exchange what they hold, and a mark means the same place when they do it again."""
    other = type(writer)()
    writer.value(b"one")
    mark = writer.mark()
    writer.value(b"x" * LARGE)
    writer.exchange(other)
    assert writer.take() == b""
    writer.value(b"in between")
    assert writer.take() == bulk(b"in between")
    writer.exchange(other)
    writer.rollback(mark)
    assert writer.take() == bulk(b"one")
    assert other.take() == b""


def test_clear(writer: Any) -> None:
    """Nothing is left of what was written, large or small."""
    for value in (b"a", b"x" * LARGE, [b"a"] * 200_000):
        writer.value(value)
        writer.clear()
        assert writer.mark() == 0
        writer.value(1)
        assert writer.take() == b":1\r\n"


def test_large_values_are_not_copied(writer: Any) -> None:
    """A large value is one of the parts, the very object."""
    value = b"x" * LARGE
    writer.value([b"a", value])
    assert any(part is value for part in writer.take_parts())


def test_unknown_values_are_refused(writer: Any) -> None:
    """What has no encoding raises, and a mark makes the writer fit again."""
    writer.value(b"before")
    mark = writer.mark()
    with pytest.raises(KeyError):
        writer.value([1, object()])
    writer.rollback(mark)
    assert writer.take() == bulk(b"before")


def test_long_replies(writer: Any) -> None:
    """Replies of more than is kept of the buffer are whole, and so is the one after."""
    items = [b"%d" % i * 10 for i in range(50_000)]
    encoded = b"*50000\r\n" + b"".join(map(bulk, items))
    assert len(encoded) > KEPT
    for _ in range(2):
        writer.value(items)
        assert writer.take() == encoded
        writer.value(b"next")
        assert writer.take() == bulk(b"next")
