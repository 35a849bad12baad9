"""What random scripts are made of: keys that collide, odd values, and commands with wrong arguments.

A command template is a name and its arguments, each a literal or a strategy that draws one argument or a tuple of
them (an empty one for an option that is left out). No strategy draws a small positive time to live: a key that may
expire between two commands is no subject of a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from ..support.wire import Argument, encoded
from .match import Matcher, exact
from .steps import SEEDS, Step

Part = Argument | tuple[Any, ...] | st.SearchStrategy[Any]
Drawn = st.SearchStrategy[Any]

KEYS = (b"k1", b"k2", b"k3", b"{t}4")
ODD_VALUES = (
    b"",
    b" ",
    b"a\r\nb",
    b"\x00",
    b"\xff\xfe\x80",
    b"+1",
    b"-0",
    b"00",
    b" 1",
    b"1 ",
    b"1e3",
    b"1.5",
    b"0x10",
    b"0",
    b"-1",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"1" + b"0" * 40,
    b"nan",
    b"inf",
    b"-inf",
    b"x" * 100,
    b"y" * 10_240,
)
_DAMAGES = ("none",) * 20 + ("drop", "surplus", "odd", "odd", "case", "wrong type")

key: Drawn = st.sampled_from(KEYS)
wrong_type_key: Drawn = st.sampled_from(sorted(SEEDS))
any_key: Drawn = st.one_of(key, key, key, wrong_type_key)
odd: Drawn = st.sampled_from(ODD_VALUES)
word: Drawn = st.sampled_from([b"a", b"b", b"foo", b"bar", b"hello world", b"12", b"3.25", b"-7"])
binary: Drawn = st.binary(max_size=40)
value: Drawn = st.one_of(word, word, binary, odd)
digits: Drawn = st.integers(-(2**63) - 1, 2**63)
integer: Drawn = st.one_of(st.integers(-10, 10), st.integers(0, 20), st.integers(-1000, 1000), digits, odd)
index: Drawn = st.one_of(st.integers(-6, 6), st.integers(-200, 200), digits)
count: Drawn = st.integers(-1, 10)
number: Drawn = st.one_of(
    st.sampled_from(
        [b"0", b"1", b"-1", b"0.5", b"1.5", b"3.0e3", b"-2.25", b"1e17", b"0.1", b"5e-324", b"inf", b"-inf"]
    ),
    odd,
)
database: Drawn = st.sampled_from([b"0", b"1", b"1", b"-1", b"99", b"x"])
# Times far enough in the future that no test sees them pass, and times that are over.
seconds: Drawn = st.sampled_from([b"1000", b"50000", b"100000", b"0", b"-1", b"9223372036854775807", b"x"])
milliseconds: Drawn = st.sampled_from([b"1000000", b"50000000", b"0", b"-1", b"9223372036854775807", b"1.5"])
unix_seconds: Drawn = st.sampled_from(
    [b"4000000000", b"4100000000", b"4100000001", b"1", b"0", b"-1", b"99999999999999999"]
)
unix_milliseconds: Drawn = st.sampled_from(
    [b"4000000000000", b"4100000000000", b"1", b"0", b"-5", b"9223372036854775807"]
)
pattern: Drawn = st.sampled_from(
    [b"*", b"k*", b"k[1-2]", b"k?", b"t:*", b"[^k]*", b"\\k1", b"k1", b"", b"*:[ls]*", b"k[2-1]", b"[k"]
)


def flag(*names: str) -> Drawn:
    """Draw one of the names, each as likely as the other."""
    return st.sampled_from(names)


def maybe(*parts: Part) -> Drawn:
    """Draw all the parts, or nothing."""
    return st.one_of(st.just(()), _sequence(parts))


def one_of(*alternatives: Part | list[Part]) -> Drawn:
    """Draw one alternative; a list is a sequence of parts."""
    return st.one_of([_sequence(item) if isinstance(item, list) else _drawn(item) for item in alternatives])


def options(*alternatives: Part | list[Part], most: int = 3) -> Drawn:
    """Draw a few of the alternatives in any order, rarely one of them twice."""
    return st.lists(one_of(*alternatives), max_size=most).map(tuple)


def many(*parts: Part, least: int = 1, most: int = 4) -> Drawn:
    """Draw the parts several times."""
    return st.lists(_sequence(parts), min_size=least, max_size=most).map(tuple)


def command(name: str, *parts: Part, match: Matcher = exact, damaged: bool = True) -> st.SearchStrategy[Step]:
    """Draw a step of a command; unless `damaged` is False its arguments are wrong in some way now and then.

    Commands that would block, or that change the server when an argument is wrong, are not for damage.
    """
    whole = _sequence((*name.split(" "), *parts)).map(_flat)
    if damaged:
        whole = st.builds(_damage, whole, st.sampled_from(_DAMAGES), st.integers(0, 7), odd, wrong_type_key)
    return whole.map(lambda drawn: Step(drawn, match))


def steps(templates: Sequence[Any]) -> st.SearchStrategy[Step]:
    """Draw a step of one of the templates: tuples of a name and parts, or strategies made by `command`."""
    return st.one_of([command(*item) if isinstance(item, tuple) else item for item in templates])


def _drawn(part: Part) -> Drawn:
    return part if isinstance(part, st.SearchStrategy) else st.just(part)


def _sequence(parts: Sequence[Part]) -> Drawn:
    return st.tuples(*map(_drawn, parts))


def _flat(drawn: Any) -> tuple[bytes, ...]:
    if isinstance(drawn, tuple):
        return tuple(argument for part in drawn for argument in _flat(part))
    return (encoded(drawn),)


def _damage(argv: tuple[bytes, ...], damage: str, place: int, value: bytes, wrong_key: bytes) -> tuple[bytes, ...]:
    """Damage one argument; the name always stays."""
    at = 1 + place % (len(argv) - 1) if len(argv) > 1 else 1
    if damage == "drop":
        return argv[:-1] if len(argv) > 1 else argv
    if damage == "surplus":
        return (*argv, value)
    if damage == "case":
        return (argv[0].lower(), *argv[1:at], *(part.swapcase() for part in argv[at : at + 1]), *argv[at + 1 :])
    replacement = {"odd": value, "wrong type": wrong_key}.get(damage)
    return argv if replacement is None else (*argv[:at], replacement, *argv[at + 1 :])
