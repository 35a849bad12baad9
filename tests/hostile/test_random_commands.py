"""Random requests, by the grammar of each command: every reply is well formed and no defect, and the server goes on."""

from __future__ import annotations

from random import Random

import pytest

from geventcache.command.declaration import DECLARATIONS, Declaration
from geventcache.commands import load_commands

from ..support.grammar import Argument, Choice, grammar_of, names_of, words
from ..support.inprocess import InProcessServer, Session
from ..support.wire import Source, read_reply

REQUESTS = 4_000
SESSION_LASTS = 40  # requests, before another client takes its place
KEYS_EACH = 3  # of each type
WORDS = [
    b"",
    b"a",
    b"b",
    b"field",
    b"\x00\xff",
    b"x" * 100,
    b"y" * 2_000,
    b"1" * 5_000,
    b"3.5",
    b"inf",
    b"-7",
    b"[a",
    b"(b",
    b"+",
    b"-",
]
COMMON = [b"a", b"b", b"1"]
IDS = [b"0", b"$", b">", b"*", b"5-1", b"7-*", b"-", b"+"]
COUNTS = {"numkeys", "numfields", "count", "n"}
INTEGERS = [-(2**63) - 1, -(2**63), -3, -2, -1, 0, 1, 2, 3, 10, 100, 2**63 - 1, 2**63, 2**64]
DOUBLES = [b"0", b"-0", b"1.5", b"-2.25", b"1e300", b"inf", b"-inf", b"nan", b"(1", b"x"]
PATTERNS = [b"*", b"a*", b"[^a]?", b"\\", b"[", b"string:*"]
SCRIPTS = [
    b"return redis.call('GET', 'string:0')",
    b"return {1, 2.5, 'x', {ok='fine'}, false}",
    b"return redis.pcall('LPUSH', KEYS[1], unpack(ARGV))",
    b"return #KEYS .. ARGV[1]",
]
# What belongs to a process, a network or an operator: other tests look at it.
FOREIGN = {
    "DEBUG",
    "SHUTDOWN",
    "CONFIG",
    "MIGRATE",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "REPLICAOF",
    "SLAVEOF",
    "FAILOVER",
}
FOREIGN |= {"CLIENT|PAUSE", "CLIENT|REPLY"}  # after them there are no replies


def subjects() -> list[Declaration]:
    """The commands that are asked."""
    load_commands()
    flat = [one for each in DECLARATIONS.values() for one in [each, *each.subcommands.values()]]
    return [one for one in flat if one.handler and not {one.name, one.name.partition("|")[0]} & FOREIGN]


class Chance(Choice):
    """A choice by chance."""

    def __init__(self, random: Random, group: str) -> None:
        self.random = random
        self.group = group
        self.count = random.choice([1, 1, 1, 2, 3, 20])

    def takes(self, _argument: Argument) -> bool:
        """Every third option is there."""
        return self.random.random() < 0.3

    def times(self, _argument: Argument) -> int:
        """All of a request as often as each other, and as its number of keys or fields mostly says."""
        return self.count

    def one_of(self, argument: Argument) -> Argument:
        """Any of them."""
        alternative: Argument = self.random.choice(argument["arguments"])
        return alternative

    def value(self, argument: Argument) -> bytes:
        """A value of the argument's type; now and then any other."""
        random, kind = self.random, argument["type"]
        if argument["name"] in COUNTS and random.random() < 0.9:
            return b"%d" % self.count
        if argument["name"] == "script":
            return random.choice(SCRIPTS)
        if kind == "key":
            group = self.group if random.random() < 0.9 else random.choice(["list", "hash", "set", "stream", "string"])
            return b"%b:%d" % (group.encode(), random.randrange(KEYS_EACH))
        if kind in ("integer", "unix-time") and random.random() < 0.95:
            return b"%d" % random.choice(INTEGERS)
        if kind == "double" and random.random() < 0.95:
            return random.choice(DOUBLES)
        if kind == "pattern" and random.random() < 0.9:
            return random.choice(PATTERNS)
        if "id" in argument["name"] and random.random() < 0.7:
            return random.choice(IDS)
        if random.random() < 0.6:
            return random.choice(COMMON)
        return random.choice([*WORDS, b"%d" % random.randrange(-3, 1000), random.randbytes(random.randrange(12))])


def replies_in(data: bytes) -> int:
    """Read replies that fill `data` to its end; return how many there are."""
    count, source = 0, Source(no_more)
    source.buffer += data
    while source.buffer:
        read_reply(source)
        count += 1
    return count


def no_more() -> bytes:
    """There are no bytes but those of the reply."""
    raise AssertionError("a reply ends too soon")


def leave(server: InProcessServer, session: Session) -> None:
    """A client has ended its connection."""
    session.client.is_closing = True
    server.state.leave(session.client)
    server.state.pushed.clear()


@pytest.mark.parametrize("seed", range(3))
def test_replies_are_well_formed(seed: int) -> None:
    """Some thousand requests to a few keys of all types, by both protocols."""
    random, server = Random(seed), InProcessServer()
    commands = subjects()
    with_keys = [one for one in commands if one.keys or one.find_keys]
    session = server.session()
    for number in range(REQUESTS):
        if number % SESSION_LASTS == 0 or session.client.is_closing or session.client.blocked is not None:
            leave(server, session)
            session = server.session(resp3=random.random() < 0.5)
        command = random.choice(with_keys if random.random() < 0.8 else commands)
        args = names_of(command) + words(grammar_of(command), Chance(random, command.group.replace("_", "-")))
        reply = session.do(*args)
        messages = b"".join(session.messages())
        assert b"internal error" not in reply, args
        count = replies_in(reply) + replies_in(messages)
        is_silent = session.client.blocked is not None or session.client.is_closing or number % SESSION_LASTS
        assert count or is_silent, args
        server.clock.advance(random.choice([0, 0, 1, 1000]))
    assert server.session().do("PING") == b"+PONG\r\n"
