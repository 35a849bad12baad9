"""The harness itself: it must tell apart what differs on the wire, and nothing else."""

from __future__ import annotations

import pytest

from ..support.wire import Reply, Source, quoted, read_reply, request, split_line
from .match import Matcher, approx, each, exact, ignore, items, mapping, shape, unordered
from .pair import Pair, ParityError
from .steps import Runner, Step, minimised


def reply(data: bytes) -> Reply:
    """Read one reply from bytes."""
    pieces = iter([data[:1], data[1:]])
    return read_reply(Source(lambda: next(pieces)))


TYPES = [
    (b"+1\r\n", Reply("+", b"1")),
    (b":1\r\n", Reply(":", 1)),
    (b"$1\r\n1\r\n", Reply("$", b"1")),
    (b",1\r\n", Reply(",", b"1")),
    (b"(1\r\n", Reply("(", 1)),
    (b"#t\r\n", Reply("#", True)),
    (b"-ERR 1\r\n", Reply("-", b"ERR 1")),
    (b"_\r\n", Reply("_", None)),
    (b"$-1\r\n", Reply("$", None)),
    (b"*-1\r\n", Reply("*", None)),
    (b"*0\r\n", Reply("*", ())),
    (b"~1\r\n:1\r\n", Reply("~", (Reply(":", 1),))),
    (b">1\r\n:1\r\n", Reply(">", (Reply(":", 1),))),
    (b"*1\r\n:1\r\n", Reply("*", (Reply(":", 1),))),
    (b"%1\r\n+k\r\n:1\r\n", Reply("%", ((Reply("+", b"k"), Reply(":", 1)),))),
    (b"=5\r\ntxt:1\r\n", Reply("=", b"txt:1")),
    (b"$2\r\n\r\n\r\n", Reply("$", b"\r\n")),
]


@pytest.mark.parametrize(("data", "expected"), TYPES, ids=lambda item: repr(item)[:20])
def test_reader_keeps_types_apart(data: bytes, expected: Reply) -> None:
    """Each type of either protocol becomes a reply of its own kind."""
    assert reply(data) == expected
    assert [other for _, other in TYPES if other == expected] == [expected]


@pytest.mark.parametrize("data", [b"?1\r\n", b"\r\n", b":x\r\n", b"$1\r\nab\r\n", b"_1\r\n"])
def test_reader_refuses_what_is_no_reply(data: bytes) -> None:
    """Bytes that are not RESP raise."""
    with pytest.raises(ValueError, match=r"."):
        reply(data)


ACCEPTED: list[tuple[Matcher, bytes, bytes]] = [
    (exact, b"*1\r\n+a\r\n", b"*1\r\n+a\r\n"),
    (ignore, b"+a\r\n", b":1\r\n"),
    (shape, b"*2\r\n:1\r\n+a\r\n", b"*2\r\n:2\r\n+b\r\n"),
    (shape, b"-ERR a\r\n", b"-ERR b\r\n"),
    (approx(2), b":10\r\n", b":12\r\n"),
    (approx(2), b"$2\r\n10\r\n", b"$4\r\n10.5\r\n"),
    (approx(2), b"*1\r\n:10\r\n", b"*1\r\n:9\r\n"),
    (approx(0, relative=0.5), b":100\r\n", b":140\r\n"),
    (unordered(), b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n"),
    (unordered(2), b"*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n", b"*4\r\n+b\r\n:2\r\n+a\r\n:1\r\n"),
    (mapping({b"b": ignore}), b"*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n", b"*4\r\n+b\r\n:9\r\n+a\r\n:1\r\n"),
    (mapping(), b"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n", b"%2\r\n+b\r\n:2\r\n+a\r\n:1\r\n"),
    (items({1: unordered()}), b"*2\r\n+0\r\n*2\r\n+a\r\n+b\r\n", b"*2\r\n+0\r\n*2\r\n+b\r\n+a\r\n"),
    (each(approx(1)), b"*2\r\n:1\r\n:2\r\n", b"*2\r\n:2\r\n:1\r\n"),
]
REFUSED: list[tuple[Matcher, bytes, bytes]] = [
    (exact, b"+a\r\n", b"$1\r\na\r\n"),
    (exact, b"$-1\r\n", b"*-1\r\n"),
    (exact, b"-ERR a\r\n", b"-ERR b\r\n"),
    (exact, b"*1\r\n:1\r\n", b"*1\r\n#t\r\n"),
    (shape, b"*1\r\n:1\r\n", b"*2\r\n:1\r\n:1\r\n"),
    (shape, b"$-1\r\n", b"$1\r\na\r\n"),
    (shape, b"-ERR a\r\n", b"-WRONGTYPE a\r\n"),
    (approx(2), b":10\r\n", b":13\r\n"),
    (approx(2), b":10\r\n", b"$2\r\n10\r\n"),
    (approx(2), b":-1\r\n", b":0\r\n"),
    (approx(2), b"$3\r\ninf\r\n", b"$1\r\n1\r\n"),
    (unordered(), b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+b\r\n"),
    (unordered(2), b"*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n", b"*4\r\n+a\r\n:2\r\n+b\r\n:1\r\n"),
    (mapping(), b"*2\r\n+a\r\n:1\r\n", b"*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n"),
    (mapping({b"a": shape}), b"*2\r\n+a\r\n:1\r\n", b"*0\r\n"),
    (mapping(), b"*2\r\n+a\r\n:1\r\n", b"%1\r\n+a\r\n:1\r\n"),
    (items({1: unordered()}), b"*2\r\n+0\r\n*0\r\n", b"*2\r\n+1\r\n*0\r\n"),
]


@pytest.mark.parametrize(("matcher", "one", "other"), ACCEPTED)
def test_matcher_accepts(matcher: Matcher, one: bytes, other: bytes) -> None:
    """A matcher yields nothing for replies that it takes for the same."""
    assert list(matcher(reply(one), reply(other), "reply")) == []


@pytest.mark.parametrize(("matcher", "one", "other"), REFUSED)
def test_matcher_refuses(matcher: Matcher, one: bytes, other: bytes) -> None:
    """A matcher names the difference, whichever server has which reply."""
    assert list(matcher(reply(one), reply(other), "reply"))
    assert list(matcher(reply(other), reply(one), "reply"))


@pytest.mark.parametrize(
    "argument", [b"", b"a", b"a b", b'"', b"\\", b"'", b"\r\n\t\x00\xff", b"mapping:", bytes(range(256))]
)
def test_quoted_arguments_are_read_back(argument: bytes) -> None:
    """What a failure prints is what `play` sends."""
    assert split_line(f"SET {quoted(argument)} 1") == (b"SET", argument, b"1")


def test_request_counts_bytes() -> None:
    """A request announces the lengths of its arguments in bytes."""
    assert request(("é".encode(), b"")) == b"*2\r\n$2\r\n\xc3\xa9\r\n$0\r\n\r\n"


def test_difference_is_reported_with_its_script(resp2_pair: Pair) -> None:
    """The report has the commands that lead to the difference, in order, and the difference."""
    resp2_pair.play("SET k 1")
    with pytest.raises(ParityError, match=r"(?s)SET k 1.*# GET k \| GET other.*reference \$1, subject \$None"):
        resp2_pair.send_each(("GET", "k"), ("GET", "other"))


def test_play_takes_clients_and_matchers(resp2_pair: Pair) -> None:
    """A line may name a client and a matcher."""
    replies = resp2_pair.play("""
        # a comment
        [a] SET k "a b"
        unordered: KEYS *
        [a] shape: TIME
    """)
    assert [item.kind for item in replies] == ["+", "*", "*"]
    assert resp2_pair.client("a") is not resp2_pair


def test_raw_bytes_tell_a_closed_connection(resp2_pair: Pair) -> None:
    """A protocol error and a command are both answered; only the first one ends the connection."""
    assert resp2_pair.raw(b"PING\r\n", split=1) == b"+PONG\r\n"
    assert resp2_pair.raw(b"*x\r\n").startswith(b"-ERR Protocol error")


class _DifferingRunner(Runner):
    """Finds a difference in every script that has both a SET and a DEL."""

    def play_all(self, steps: object) -> None:
        """Differ, or not."""
        names = {step.argv[0] for step in steps}  # type: ignore[attr-defined]
        if {b"SET", b"DEL"} <= names:
            raise ParityError(f"{len(steps)} steps")  # type: ignore[arg-type]


def test_failing_scripts_become_short(resp2_pair: Pair) -> None:
    """Only the steps that are needed for the difference remain."""
    script = [Step((name,)) for name in [b"GET", b"SET", *[b"GET"] * 20, b"DEL", b"GET"]]
    assert str(minimised(_DifferingRunner(resp2_pair), script, ParityError("all"))) == "2 steps"
