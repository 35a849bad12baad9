"""`RequestReader`: each case of one table comes whole, byte by byte, and with what follows it, to both builds."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from .builds import builds

READERS = builds("resp.reader", "resp.scan", "resp.large", "resp.reader")
LARGE = 32 * 1024
FIRST_PIECE = 1024 * 1024
MOST = 2**63 - 1
MAX_BULK = 512 * 1024 * 1024


class Case(NamedTuple):
    """Bytes, the commands in them, and the text of the error that ends them."""

    data: bytes
    commands: list[list[bytes]]
    error: bytes | None = None
    is_complete: bool = True
    max_bulk: int = MAX_BULK


def bulks(*items: bytes) -> bytes:
    """Return a request."""
    return b"*%d\r\n" % len(items) + b"".join(b"$%d\r\n%b\r\n" % (len(item), item) for item in items)


def broken(data: bytes, error: bytes, commands: list[list[bytes]] | None = None) -> Case:
    """A case that ends by an error."""
    return Case(data, commands or [], error)


def unfinished(data: bytes, max_bulk: int = MAX_BULK) -> Case:
    """A case of which nothing has come out yet."""
    return Case(data, [], None, False, max_bulk)


BAD_COUNT = b"invalid multibulk length"
BAD_LENGTH = b"invalid bulk length"
BAD_END = b"invalid CRLF in request"
CASES = {
    "one": Case(bulks(b"PING"), [[b"PING"]]),
    "two": Case(bulks(b"PING") + bulks(b"GET", b"k"), [[b"PING"], [b"GET", b"k"]]),
    "many of one name": Case(bulks(b"GET", b"k") * 50, [[b"GET", b"k"]] * 50),
    "names alike": Case(bulks(b"GET") + bulks(b"GEX") + bulks(b"GETX"), [[b"GET"], [b"GEX"], [b"GETX"]]),
    "names of all lengths": Case(
        b"".join(bulks(b"n" * size) for size in [*range(41), *range(41)]),
        [[b"n" * size] for size in [*range(41), *range(41)]],
    ),
    "more names than are kept": Case(b"".join(bulks(b"%d" % i) for i in range(999)), [[b"%d" % i] for i in range(999)]),
    "empty items": Case(bulks(b"", b""), [[b"", b""]]),
    "line ends inside": Case(bulks(b"SET", b"\r\n$1\r\n", b"\0\xff"), [[b"SET", b"\r\n$1\r\n", b"\0\xff"]]),
    "many items": Case(bulks(*[b"x"] * 2000), [[b"x"] * 2000]),
    "empty arrays": Case(b"*0\r\n*-1\r\n" + bulks(b"PING"), [[b"PING"]]),
    "smallest count": Case(b"*-9223372036854775808\r\n" + bulks(b"PING"), [[b"PING"]]),
    "below the smallest count": broken(b"*-9223372036854775809\r\n", BAD_COUNT),
    "count of nine digits": broken(b"*9999999999\r\n", BAD_COUNT),
    "largest count": unfinished(b"*2147483647\r\n"),
    "above the largest count": broken(b"*2147483648\r\n", BAD_COUNT),
    "count of 63 bits": broken(b"*9223372036854775807\r\n", BAD_COUNT),
    "count of 64 bits": broken(b"*9223372036854775808\r\n", BAD_COUNT),
    "count of 19 nines": broken(b"*9999999999999999999\r\n", BAD_COUNT),
    "count that wraps to one": broken(b"*18446744073709551617\r\n", BAD_COUNT),
    "count of 30 digits": broken(b"*" + b"9" * 30 + b"\r\n", BAD_COUNT),
    "count missing": broken(b"*\r\n", BAD_COUNT),
    "count minus": broken(b"*-\r\n", BAD_COUNT),
    "count minus zero": broken(b"*-0\r\n", BAD_COUNT),
    "count plus": broken(b"*+1\r\n", BAD_COUNT),
    "count zero first": broken(b"*01\r\n", BAD_COUNT),
    "count space first": broken(b"* 1\r\n", BAD_COUNT),
    "count space last": broken(b"*1 \r\n", BAD_COUNT),
    "count no number": broken(b"*1x\r\n", BAD_COUNT),
    "count after a command": broken(bulks(b"PING") + b"*x\r\n", BAD_COUNT, [[b"PING"]]),
    "length of 63 bits": broken(b"*1\r\n$9223372036854775807\r\n", BAD_LENGTH),
    "length of 64 bits": broken(b"*1\r\n$9223372036854775808\r\n", BAD_LENGTH),
    "length of 19 nines": broken(b"*1\r\n$9999999999999999999\r\n", BAD_LENGTH),
    "length that wraps to four": broken(b"*1\r\n$18446744073709551620\r\nPING\r\n", BAD_LENGTH),
    "length missing": broken(b"*1\r\n$\r\n", BAD_LENGTH),
    "length minus": broken(b"*1\r\n$-\r\n", BAD_LENGTH),
    "length minus zero": broken(b"*1\r\n$-0\r\n", BAD_LENGTH),
    "length minus one": broken(b"*1\r\n$-1\r\n", BAD_LENGTH),
    "length plus": broken(b"*1\r\n$+4\r\nPING\r\n", BAD_LENGTH),
    "length zero first": broken(b"*1\r\n$04\r\nPING\r\n", BAD_LENGTH),
    "length space first": broken(b"*1\r\n$ 4\r\nPING\r\n", BAD_LENGTH),
    "length space last": broken(b"*1\r\n$4 \r\nPING\r\n", BAD_LENGTH),
    "length at its limit": Case(bulks(b"x" * 100), [[b"x" * 100]], max_bulk=100),
    "length over its limit": Case(bulks(b"x" * 101), [], BAD_LENGTH, max_bulk=100),
    "length of 63 bits allowed": unfinished(b"*1\r\n$9223372036854775807\r\nabc", MOST),
    "length of 62 bits allowed": unfinished(b"*1\r\n$9223372036854775806\r\nabc\r\n" + b"x" * 100, MOST),
    "length of 64 bits never": Case(b"*1\r\n$9223372036854775808\r\n", [], BAD_LENGTH, max_bulk=MOST),
    "no length": broken(b"*1\r\nPING\r\n", b"expected '$', got 'P'"),
    "an empty line for a length": broken(b"*1\r\n\r\n", b"expected '$', got ' '"),
    "wrong end of an item": broken(b"*1\r\n$4\r\nPINGxx", BAD_END),
    "wrong end of a count": broken(b"*1\rx", BAD_END),
    "wrong end of a length": broken(b"*1\r\n$4\rx", BAD_END),
    "inline": Case(b"PING\r\nGET k\n", [[b"PING"], [b"GET", b"k"]]),
    "inline spaces": Case(b" \t PING   a\t\r\n\r\n  \r\n", [[b"PING", b"a"]]),
    "inline quotes": Case(b"ECHO \"a b\\x41\\n\" 'c\\'d' ''\r\n", [[b"ECHO", b"a bA\n", b"c'd", b""]]),
    "inline unbalanced": broken(b'ECHO "a\r\n', b"unbalanced quotes in request"),
    "inline too long": broken(b"x" * (64 * 1024 + 1) + b"\n", b"too big inline request"),
    "header unfinished": unfinished(b"*1\r\n$4"),
    "end unfinished": unfinished(b"*1\r\n$4\r\nPING\r"),
    "item missing": unfinished(b"*2\r\n$4\r\nPING\r\n"),
    **{
        f"item of {size}": Case(bulks(b"SET", b"k", b"v" * size, b"x"), [[b"SET", b"k", b"v" * size, b"x"]])
        for size in (LARGE - 1, LARGE, LARGE + 1, 2 * LARGE)
    },
}


@pytest.fixture(params=sorted(READERS))
def reader_class(request: pytest.FixtureRequest) -> Any:
    """The class of one build."""
    return READERS[request.param].RequestReader


def read(reader: Any, data: bytes, size: int) -> list[list[bytes]]:
    """Feed pieces of `size` bytes, as a connection does: what comes behind an error as well."""
    commands: list[list[bytes]] = []
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        commands += reader.feed(piece, len(piece))
    return commands


def check(reader: Any, case: Case, commands: list[list[bytes]]) -> None:
    """Assert what came of a case."""
    assert commands == case.commands
    assert (None if reader.error is None else reader.error.text) == case.error
    if case.error is None:
        assert (reader.buffered() == 0 and reader.multibulk_count == 0) == case.is_complete


@pytest.mark.parametrize("name", CASES)
def test_whole(reader_class: Any, name: str) -> None:
    """The case comes in one piece."""
    case = CASES[name]
    reader = reader_class(case.max_bulk)
    check(reader, case, read(reader, case.data, len(case.data)))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("name", CASES)
def test_in_pieces(reader_class: Any, name: str, size: int) -> None:
    """The case comes byte by byte, or in small pieces."""
    case = CASES[name]
    reader = reader_class(case.max_bulk)
    check(reader, case, read(reader, case.data, size))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_complete])
def test_with_what_follows(reader_class: Any, name: str) -> None:
    """What follows a complete case comes out after it; what follows an error never does."""
    case = CASES[name]
    reader = reader_class(case.max_bulk)
    commands = read(reader, case.data + bulks(b"NEXT", b"a"), len(case.data) + 100)
    if case.error is None:
        assert commands == [*case.commands, [b"NEXT", b"a"]]
    else:
        check(reader, case, commands)


def test_cut_anywhere(reader_class: Any) -> None:
    """A stream of all well-formed cases, cut in two at any byte, gives the same commands."""
    cases = [case for case in CASES.values() if case.error is None and case.is_complete and len(case.data) < 1000]
    data = b"".join(case.data for case in cases)
    expected = [command for case in cases for command in case.commands]
    for cut in range(1, len(data)):
        reader = reader_class()
        commands = reader.feed(data[:cut], cut)
        assert commands + reader.feed(data[cut:], len(data) - cut) == expected


@pytest.mark.parametrize("size", [FIRST_PIECE - 1, FIRST_PIECE, FIRST_PIECE + 1, 3 * FIRST_PIECE + 5])
def test_large_items_grow(reader_class: Any, size: int) -> None:
    """An item that outgrows its first piece is whole, whatever the pieces, and what follows it is read."""
    value = bytes(range(251)) * (size // 251 + 1)
    value = value[:size]
    data = bulks(b"SET", b"k", value) + bulks(b"PING")
    for piece in (1000, 65_536, len(data) - 16, len(data)):
        reader = reader_class()
        assert read(reader, data, piece) == [[b"SET", b"k", value], [b"PING"]]
        assert reader.buffered() == 0


def test_pending_limit(reader_class: Any) -> None:
    """A command that takes more than `max_pending` before it is complete is told by `overflown`."""
    reader = reader_class(MAX_BULK, 100_000)
    data = b"*100\r\n" + b"$10000\r\n%b\r\n" % (b"x" * 10_000) * 9
    assert reader.feed(data, len(data)) == []
    assert not reader.overflown
    assert reader.feed(data[6:], len(data) - 6) == []
    assert reader.overflown
    held = reader.buffered()
    assert reader.feed(data[6:], len(data) - 6) == []
    assert reader.buffered() == held


def test_bytearrays_are_read_to_their_size(reader_class: Any) -> None:
    """Of the buffer that is received into, only what came counts."""
    buffer = bytearray(bulks(b"PING") + b"*1\r\n$4\r\nREST")
    assert reader_class().feed(buffer, len(bulks(b"PING"))) == [[b"PING"]]


def test_untrusted_clients_have_small_limits(reader_class: Any) -> None:
    """Before authentication commands come out one by one, of ten items and 16 KiB at most."""
    reader = reader_class()
    reader.is_trusted = False
    data = bulks(b"A") + b"B c\r\n" + bulks(b"D")
    assert reader.feed(data, len(data)) == [[b"A"]]
    assert reader.has_more
    assert reader.feed(b"", 0) == [[b"B", b"c"]]
    assert reader.feed(b"", 0) == [[b"D"]]
    assert not reader.has_more
    for data, error in (
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", b"unauthenticated bulk length"),
    ):
        reader = reader_class()
        reader.is_trusted = False
        assert reader.feed(data, len(data)) == []
        assert reader.error.text == error
