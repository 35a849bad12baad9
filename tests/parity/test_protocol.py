"""Bytes on the wire: protocol errors and their limits, inline commands, quotes, and requests that arrive in pieces."""

from __future__ import annotations

import pytest

from ..support.servers import Servers
from ..support.wire import request
from .match import ignore
from .pair import Pair

SCRIPTS = {
    "one command": b"*1\r\n$4\r\nPING\r\n",
    "pipelined": b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n",
    "binary": b"*2\r\n$4\r\nECHO\r\n$6\r\n\r\n\x00\xff$1\r\n",
    "empty argument": b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
    "empty arrays": b"*0\r\n*-1\r\n*-5\r\n*1\r\n$4\r\nPING\r\n",
    "empty name": b"*1\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n",
    "incomplete header": b"*1\r\n$4",
    "incomplete bulk": b"*1\r\n$4\r\nPIN",
    "incomplete array": b"*2\r\n$4\r\nPING\r\n",
    "half a line end": b"*1\r\n$4\r\nPING\r",
    "wrong bulk end": b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    "array length no number": b"*x\r\n",
    "array length missing": b"*\r\n",
    "array length with plus": b"*+1\r\n$4\r\nPING\r\n",
    "array length with zero": b"*01\r\n$4\r\nPING\r\n",
    "array length with space": b"* 1\r\n$4\r\nPING\r\n",
    "array length with trailing space": b"*1 \r\n$4\r\nPING\r\n",
    "array length minus zero": b"*-0\r\n*1\r\n$4\r\nPING\r\n",
    "array length huge": b"*1073741824\r\n",
    "array length above int": b"*2147483648\r\n",
    "array length at the limit": b"*2147483647\r\n",
    "array length beyond 64 bits": b"*99999999999999999999\r\n",
    "array length very negative": b"*-9223372036854775808\r\n*1\r\n$4\r\nPING\r\n",
    "array length fractional": b"*1.0\r\n",
    "unauthenticated limits do not hold without a password": b"*11\r\n" + b"$4\r\nPING\r\n" * 11,
    "integer for a bulk": b"*1\r\n:4\r\n",
    "array for a bulk": b"*1\r\n*1\r\n$4\r\nPING\r\n",
    "simple string for a bulk": b"*1\r\n+PING\r\n",
    "letter for a bulk": b"*1\r\nPING\r\n",
    "nothing for a bulk": b"*1\r\n\r\n",
    "binary for a bulk": b"*1\r\n\x00\r\n",
    "high byte for a bulk": b"*1\r\n\xff\r\n",
    "second argument no bulk": b"*2\r\n$4\r\nECHO\r\n:1\r\n",
    "bulk length no number": b"*1\r\n$x\r\n",
    "bulk length missing": b"*1\r\n$\r\n",
    "bulk length negative": b"*1\r\n$-1\r\n",
    "bulk length minus two": b"*1\r\n$-2\r\n",
    "bulk length with plus": b"*1\r\n$+4\r\nPING\r\n",
    "bulk length with zero": b"*1\r\n$04\r\nPING\r\n",
    "bulk length with space": b"*1\r\n$ 4\r\nPING\r\n",
    "bulk length at the limit": b"*1\r\n$536870912\r\n",
    "bulk length above the limit": b"*1\r\n$536870913\r\n",
    "bulk length beyond 64 bits": b"*1\r\n$99999999999999999999\r\n",
    "error after a good command": b"*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n*1\r\n$4\r\nPING\r\n",
    "header lines that never end": b"*" + b"1" * 70_000,
    "bulk header lines that never end": b"*1\r\n$" + b"1" * 70_000,
    "inline": b"PING\r\n",
    "inline with line feed only": b"PING\nPING\n",
    "inline with spaces": b"   ECHO    hi   \r\n",
    "inline with tabs": b"ECHO\thi\r\n",
    "inline empty lines": b"\r\n\r\n\nPING\r\n",
    "inline spaces only": b"   \r\nPING\r\n",
    "inline double quotes": b'ECHO "a b"\r\n',
    "inline single quotes": b"ECHO 'a b'\r\n",
    "inline escapes": b'ECHO "\\x41\\n\\r\\t\\b\\a\\\\\\"\\q"\r\n',
    "inline bad hex": b'ECHO "\\xzz\\x4"\r\n',
    "inline single quote escapes": b"ECHO 'it\\'s \\n \\x41'\r\n",
    "inline empty quotes": b'ECHO ""\r\n',
    "inline quotes inside a word": b'ECHO a"b c"\r\n',
    "inline text after quotes": b'ECHO "a"b\r\n',
    "inline unbalanced double": b'ECHO "a\r\nPING\r\n',
    "inline unbalanced single": b"ECHO 'a\r\nPING\r\n",
    "inline escape at the end": b'ECHO "a\\\r\n',
    "inline carriage return inside": b"ECHO a\rb\r\n",
    "inline too big": b"ECHO " + b"a" * 70_000,
    "inline big": b"ECHO " + b"a" * 60_000 + b"\r\n",
    "inline unknown": b"nonsense 1 'two words' 3\r\n",
    "inline array sign later": b"ECHO *1\r\n",
    "inline bulk sign first": b"$4\r\nPING\r\n",
    "inline then array": b"PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n",
    "http get": b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
    "http post": b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n",
    "http host in upper case": b"HOST: x\r\nPING\r\n",
    "host as an array": b"*2\r\n$5\r\nHost:\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n",
    "post as an array": b"*1\r\n$4\r\nPOST\r\n*1\r\n$4\r\nPING\r\n",
    "quit": b"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
    "quit inline": b"QUIT now\r\nPING\r\n",
    "error text is made safe": b"*1\r\n$6\r\na\r\nb\x00c\r\n*1\r\n$4\r\nPING\r\n",
    "set among requests": b"*1\r\n$4\r\nPING\r\n~1\r\n$4\r\nPING\r\n",
    "huge set among requests": b"*1\r\n$4\r\nPING\r\n~1073741824\r\n",
    "push among requests": b"*1\r\n$4\r\nPING\r\n>1\r\n$4\r\nPING\r\n",
    "map among requests": b"*1\r\n$4\r\nPING\r\n%1\r\n$4\r\nPING\r\n$1\r\na\r\n",
    "attribute among requests": b"*1\r\n$4\r\nPING\r\n|1\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nPING\r\n",
    "simple string as an argument": b"*2\r\n$4\r\nECHO\r\n+a\r\n",
    "verbatim string as an argument": b"*2\r\n$4\r\nECHO\r\n=5\r\ntxt:a\r\n",
    "big number as an argument": b"*2\r\n$4\r\nECHO\r\n(12\r\n",
    "wrong arity": b"*1\r\n$3\r\nGET\r\n*1\r\n$4\r\nPING\r\n",
}
SPLITS = [None, 1]


@pytest.mark.parametrize("split", SPLITS, ids=["whole", "byte by byte"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_bytes_are_answered_alike(resp2_pair: Pair, name: str, split: int | None) -> None:
    """The same bytes come back, and the connection ends or stays, however the request was cut."""
    data = SCRIPTS[name]
    resp2_pair.raw(data, None if split is None else max(split, len(data) // 200))


NUMBERS = [
    *("0", "-0", "00", "+0", "01", "-1", "-01", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "", "-", "+", "--1", "9" * 30),
    *("2147483647", "2147483648", "4294967295", "4294967296", "4294967297", "9007199254740993", "999999999999999999"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("9999999999999999999", "10000000000000000000", "18446744073709551615", "18446744073709551617", "-" + "9" * 30),
]


@pytest.mark.parametrize("split", SPLITS, ids=["whole", "byte by byte"])
@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_headers(resp2_pair: Pair, number: str, split: int | None) -> None:
    """Counts and lengths of every spelling and size are read, or refused, alike."""
    for data in (b"*%b\r\n", b"*1\r\n$%b\r\n", b"*2\r\n$4\r\nECHO\r\n$%b\r\nx\r\n"):
        resp2_pair.raw(data % number.encode() + b"*1\r\n$4\r\nPING\r\n", split)


def test_pipeline_is_answered_at_every_cut(resp2_pair: Pair) -> None:
    """A pipeline that is cut in two at any byte has the same replies."""
    pipeline = (
        request((b"SET", b"k", b"\r\n$1\r\n")) + request((b"GET", b"k")) + b"GET k\r\n" + request((b"STRLEN", b"k"))
    )
    whole = resp2_pair.raw(pipeline)
    for size in range(1, len(pipeline)):
        assert resp2_pair.raw(pipeline, size) == whole


@pytest.mark.parametrize("count", [1000, 20_000])
def test_long_pipelines_are_answered_in_order(pair: Pair, count: int) -> None:
    """Each command of a long pipeline has its own reply, in order."""
    data = b"".join(request((b"ECHO", b"%d" % number)) for number in range(count))
    for client in pair.clients:
        client.send_bytes(data)
    for number in range(count):
        assert pair.receive().value == b"%d" % number


@pytest.mark.parametrize("arguments", [1023, 1024, 1025, 100_000])
def test_commands_with_many_arguments(pair: Pair, arguments: int) -> None:
    """A command may have very many arguments."""
    pair.do("EXISTS", *["k"] * arguments)


UNKNOWN = [
    ("nosuch",),
    ("nosuch", ""),
    ("nosuch", "a", "b c", "d"),
    ("nosuch", *["argument"] * 40),
    ("nosuch", "x" * 300),
    ("n" * 300, "x"),
    ("no\r\nsuch", "a\nb"),
    (b"\xff\x00", b"\xfe"),
    ("",),
    ("config",),
    ("config", "nosuch"),
    ("CONFIG", "NoSuch", "x"),
    ("object", "no\r\nsuch"),
    ("client", "n" * 300),
    ("config|get", "x"),
    ("get|x",),
    ("client", "maint_notifications", "on"),
    ("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "internal-ip"),
]


@pytest.mark.parametrize("argv", UNKNOWN, ids=lambda argv: repr(argv)[:40])
def test_unknown_commands_are_refused_alike(pair: Pair, argv: tuple[str | bytes, ...]) -> None:
    """The error names the command and its first arguments as the reference does, and the connection stays."""
    pair.do(*argv)
    pair.do("PING")


def test_wrong_arity_of_every_command(pair: Pair, servers: Servers) -> None:
    """Each command of the subject that needs arguments refuses a call without any."""
    for name in sorted(servers.subject_commands):
        argv = name.decode().lower().split("|")
        arity = pair.reference.do("COMMAND", "INFO", name.lower()).value[0].value
        if arity is not None and abs(arity[1].value) > len(argv):
            pair.do(*argv)


PASSWORD = "unguessed"
LIMITS = {
    "ten arguments": b"*10\r\n" + b"$4\r\nPING\r\n" * 10,
    "eleven arguments": b"*11\r\n" + b"$4\r\nPING\r\n" * 11,
    "long argument": b"*1\r\n$16384\r\n" + b"a" * 16384 + b"\r\n",
    "too long argument": b"*1\r\n$16385\r\n",
    "inline": b"PING\r\n",
    "after auth": request((b"AUTH", PASSWORD.encode())) + b"*11\r\n" + b"$4\r\nPING\r\n" * 11,
    "long argument after auth": request((b"AUTH", PASSWORD.encode())) + b"*1\r\n$16385\r\n" + b"a" * 16385 + b"\r\n",
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_before_authentication(resp2_pair: Pair, name: str) -> None:
    """A client that has not authenticated may send few and short arguments only."""
    with resp2_pair.configured(requirepass=PASSWORD):
        resp2_pair.raw(LIMITS[name])


REPLIES = """
    GET missing
    SET k v
    MGET k missing
    INCR n
    nosuch
    mapping: CONFIG GET maxmemory-s*
    mapping: LCS k k IDX
"""


def test_reply_types_follow_hello(resp2_pair: Pair) -> None:
    """HELLO changes the types of the replies that follow it, in both directions."""
    for version in (3, 2, 3):
        resp2_pair.do("HELLO", version, match=ignore)
        resp2_pair.play(REPLIES)


def test_error_reply_keeps_the_connection(pair: Pair) -> None:
    """No error of a command ends the connection."""
    for argv in (
        ("GET",),
        ("nosuch",),
        ("SET", "k", "v", "EX", "x"),
        ("CLIENT", "nosuch"),
        ("AUTH", "a", "b"),
        ("HELLO", "9"),
    ):
        pair.do(*argv)
    assert pair.do("PING").value == b"PONG"
    assert pair.is_silent()
