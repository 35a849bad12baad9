"""All families in one keyspace: random commands of every type, also in transactions and called by scripts."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from ..support.wire import Reply
from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import Matcher, approx, each, exact, unordered
from .pair import Pair
from .steps import Step
from .test_bitmaps import BitmapMachine
from .test_geo import GeoMachine
from .test_hashes import HashMachine
from .test_hyperloglog import HyperLogLogMachine
from .test_keys import KEY_COMMANDS
from .test_lists import ListMachine
from .test_sets import SetMachine
from .test_sorted_sets import SortedSetMachine
from .test_streams import StreamMachine
from .test_strings import StringMachine

FAMILIES = (
    BitmapMachine,
    GeoMachine,
    HashMachine,
    HyperLogLogMachine,
    ListMachine,
    SetMachine,
    SortedSetMachine,
    StreamMachine,
    StringMachine,
)
CALLS = (
    "return redis.pcall(unpack(ARGV))",
    "return redis.call(unpack(ARGV))",
    "redis.setresp(3); return redis.pcall(unpack(ARGV))",
    "local r = redis.pcall(unpack(ARGV)); return {type(r), r}",
)
QUEUED = Reply("+", b"QUEUED")
TIME_TOLERANCE_MS = 5000


def loose(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Accept what one of the families' own matchers might accept: another order, or a time that has gone on."""
    if any(not list(match(reference, subject, path)) for match in (exact, unordered(), approx(TIME_TOLERANCE_MS))):
        return
    yield from (exact if is_leaf(reference) or is_leaf(subject) else each(loose))(reference, subject, path)


def is_leaf(reply: Reply) -> bool:
    """Whether a reply has no parts."""
    return not isinstance(reply.value, tuple)


def unless_queued(match: Matcher) -> Matcher:
    """Return a matcher that knows that the command may be queued."""

    def matching(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
        yield from (exact if QUEUED in (reference, subject) else match)(reference, subject, path)

    return matching


def plain(step: Step) -> Step:
    """The command as it is."""
    return Step(step.argv, unless_queued(step.match))


def scripted(step: Step, script: str) -> Step:
    """The command as a script calls it."""
    return Step((b"EVAL", script.encode(), b"0", *step.argv), unless_queued(loose))


# Whether a string is called embstr or raw depends on how it came about, which the families' own tests keep apart.
key_commands = [
    command for command in KEY_COMMANDS if not isinstance(command, tuple) or command[:2] != ("OBJECT", "ENCODING")
]
family_steps = st.one_of(s.steps(key_commands), *(s.steps(family.commands) for family in FAMILIES))


class FamiliesMachine(ParityMachine):
    """Every family's commands on the same keys."""

    beginning = tuple(command for family in FAMILIES for command in family.beginning)
    databases = (0, 1)
    encodings = False
    commands = (
        *(family_steps.map(plain) for _ in range(7)),
        *(st.builds(scripted, family_steps, st.sampled_from(CALLS)) for _ in range(2)),
        st.sampled_from(
            [
                Step((b"MULTI",)),
                Step((b"EXEC",), loose),
                Step((b"EXEC",), loose),
                Step((b"DISCARD",)),
                Step((b"WATCH", b"k1", b"k2")),
                Step((b"UNWATCH",)),
            ]
        ),
    )


def test_families_in_step(pair: Pair) -> None:
    """Random scripts of all commands leave both servers with the same replies and the same data."""
    run_machine(FamiliesMachine, pair)


def test_family_events(resp2_pair: Pair) -> None:
    """All commands together publish the reference's keyspace events, in its order."""
    run_machine(FamiliesMachine, resp2_pair, events="KEA")
