"""Scripts as data: a step is a command and its matcher, and a runner plays steps on an empty pair of servers.

After each step the runner compares the types of the keys that the command names and, when asked, the keyspace events
that it caused, in order; at the end it compares everything that the databases hold. It knows nothing of how steps are
made, so that a script that failed can be played again and made shorter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..support.wire import Argument
from .match import Matcher, approx, exact, mapping, unordered
from .pair import Pair, ParityError, Twin

SEEDS: dict[bytes, tuple[Argument, ...]] = {
    b"t:string": ("SET", "t:string", "seed"),
    b"t:int": ("SET", "t:int", "41"),
    b"t:list": ("RPUSH", "t:list", "a", "b", "c"),
    b"t:hash": ("HSET", "t:hash", "f", "1", "g", "two"),
    b"t:set": ("SADD", "t:set", "1", "2", "x"),
    b"t:zset": ("ZADD", "t:zset", "1", "a", "2.5", "b"),
    b"t:stream": ("XADD", "t:stream", "5-1", "field", "value"),
}
DUMPS: dict[bytes, tuple[tuple[str, ...], tuple[str, ...], Matcher]] = {
    b"string": (("GET",), (), exact),
    b"list": (("LRANGE",), ("0", "-1"), exact),
    b"hash": (("HGETALL",), (), mapping()),
    b"set": (("SMEMBERS",), (), unordered()),
    b"zset": (("ZRANGE",), ("0", "-1", "WITHSCORES"), exact),
    b"stream": (("XRANGE",), ("-", "+"), exact),
}
_REPLAYS = 150
_KEY_LIMIT = 64


class Step(NamedTuple):
    """A command with all its arguments, and what counts as the same reply."""

    argv: tuple[bytes, ...]
    match: Matcher = exact


class Runner:
    """Plays steps on a pair.

    `events` is a value of notify-keyspace-events, empty for none; `databases` are compared at the end, with the
    encodings of their keys when `encodings` is True; the commands of `beginning` come before the first step.
    """

    def __init__(
        self,
        pair: Pair,
        events: str = "",
        databases: Sequence[int] = (0,),
        encodings: bool = True,
        beginning: Sequence[Sequence[Argument]] = (),
    ) -> None:
        self.pair = pair
        self.events = events
        self.databases = databases
        self.encodings = encodings
        self.beginning = beginning
        self.listener: Twin | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Make both servers publish keyspace events, and listen to them."""
        if not self.events:
            yield
            return
        with self.pair.configured(notify_keyspace_events=self.events):
            self.listener = self.pair.client("events")
            yield

    def reset(self) -> None:
        """Empty the servers, give them a key of each type that the subject has, and play the beginning."""
        self.pair.reset()
        if self.listener is not None:
            self.listener.send("PSUBSCRIBE", "__key*__:*")
            self.listener.receive()
        for command in SEEDS.values():
            if self.pair.has(str(command[0])):
                self.pair.do(*command)
        for given in self.beginning:
            self.pair.do(*given)
        self._compare_events()

    def play(self, step: Step) -> None:
        """Play one step; raises ParityError when the servers differ."""
        self.pair.do(*step.argv, match=step.match)
        for key in {part for part in step.argv[1:] if 0 < len(part) <= _KEY_LIMIT}:
            self.pair.control.do("TYPE", key)
        self._compare_events()

    def finish(self) -> None:
        """Compare all keys, their values, encodings and deadlines; a transaction that was left open is over."""
        self.pair.do("DISCARD")
        for database in self.databases:
            self.pair.do("SELECT", database)
            for key in sorted(item.value for item in self.pair.do("KEYS", "*", match=unordered()).value):
                self._compare_key(key)
        self.pair.do("SELECT", 0)

    def play_all(self, steps: Sequence[Step]) -> None:
        """Play a whole script on empty servers."""
        self.reset()
        for step in steps:
            self.play(step)
        self.finish()

    def _compare_key(self, key: bytes) -> None:
        kind = self.pair.do("TYPE", key).value
        head, tail, match = DUMPS[kind]
        self.pair.do(*head, key, *tail, match=match)
        self.pair.do("PTTL", key, match=approx(5000))
        if self.encodings:
            self.pair.do("OBJECT", "ENCODING", key)

    def _compare_events(self) -> None:
        if self.listener is not None:
            self.listener.drain()


def failure_of(runner: Runner, steps: Sequence[Step]) -> ParityError | None:
    """Play a script and return how the servers differ, None when they do not or when one cannot be reached any more."""
    try:
        runner.play_all(steps)
    except ParityError as error:
        return error
    except ConnectionError:
        return None
    return None


def minimised(runner: Runner, steps: Sequence[Step], error: ParityError) -> ParityError:
    """Return the difference of a shorter script.

    Pieces of halving length are left out as long as the servers still differ without them.
    """
    kept, replays, size = list(steps), 0, max(1, len(steps) // 2)
    while size and replays < _REPLAYS:
        for start in range(len(kept) - size, -1, -size):
            shorter = kept[:start] + kept[start + size :]
            replays += 1
            if found := failure_of(runner, shorter):
                kept, error = shorter, found
        size //= 2
    return error
