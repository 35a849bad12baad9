"""Numbers at the edges of what integers hold, at every place of every command where its grammar has a number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from geventcache.command.declaration import DECLARATIONS, Declaration
from geventcache.commands import load_commands

from ..support.grammar import Argument, Choice, grammar_of, names_of, words
from ..support.wire import Reply
from .match import exact
from .pair import Pair

EDGES = [
    *(b"%d" % edge for edge in (2**31, 2**32, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**19, 10**30)),
    *(b"-0", b"+1", b" 1", b"01", b"1.0", b"1e3", b""),
]
NUMBERS = {"integer", "double", "unix-time"}
SEEDS = """
    ACL LOG RESET
    SLOWLOG RESET
    SET string 41
    RPUSH list 1 2 3
    HSET hash a 1 b 2
    SADD set a 1
    ZADD sorted-set 1 a 2 b
    XADD stream 5-1 a 1
    XGROUP CREATE stream a 0
    PFADD hyperloglog a
    GEOADD geo 13 38 a 15 37 b
    SET bitmap abc
    SET generic 1
"""
# Commands that are not asked, and why.
LEFT_OUT = {
    "BITFIELD|offset": "half a gigabyte for one bit",
    "SETBIT|offset": "half a gigabyte for one bit",
    "SETRANGE|offset": "half a gigabyte for one byte",
    "CLIENT": "ids are of one server, and PAUSE stops it",
    "CLUSTER": "not a cluster",
    "CONFIG": "settings have tests of their own",
    "DEBUG": "sleeps",
    "FAILOVER": "ends replication",
    "GEVENTCACHE": "the reference has no such command",
    "LOLWUT": "shows what each likes",
    "LSET|index": "the reference cuts the index to 32 bits, and sets another element",
    "MEMORY": "estimates differ",
    "MIGRATE": "waits for another server",
    "PSYNC": "turns the connection into a replica's",
    "REPLCONF": "turns the connection into a replica's",
    "REPLICAOF": "ends the service",
    "SLAVEOF": "ends the service",
    "SHUTDOWN": "ends the server",
    "PFDEBUG": "tells of the inside",
}


class Pointed(Choice):
    """A request with a certain argument, and as few others as may be."""

    def __init__(self, group: str, path: list[Argument], edge: bytes) -> None:
        self.group = group
        self.target = path[-1]
        self.path = path
        self.edge = edge

    def takes(self, argument: Argument) -> bool:
        """An option is there if it leads to the argument."""
        return argument in self.path

    def one_of(self, argument: Argument) -> Argument:
        """The alternative that leads to the argument, else the first."""
        found: Argument = next((one for one in argument["arguments"] if one in self.path), argument["arguments"][0])
        return found

    def value(self, argument: Argument) -> bytes:
        """The edge for the argument, else what the keys have."""
        if argument == self.target:
            return self.edge
        if argument["type"] == "key":
            return self.group.encode()
        if argument["type"] == "unix-time":
            return b"33000000000"
        if argument["type"] in NUMBERS:
            return b"1000000" if "seconds" in argument["name"] else b"1"
        return b"a"


def paths(arguments: list[Argument], path: list[Argument]) -> Iterator[list[Argument]]:
    """The arguments that are numbers, each with those that it is part of before it."""
    for argument in arguments:
        if argument["type"] in NUMBERS:
            yield [*path, argument]
        yield from paths(argument.get("arguments", []), [*path, argument])


def is_left_out(declaration: Declaration, argument: Argument) -> bool:
    """Is the command, or this argument of it, not asked?"""
    return not LEFT_OUT.keys().isdisjoint(
        {declaration.name, declaration.name.partition("|")[0], f"{declaration.name}|{argument['name']}"}
    )


def cases() -> Iterator[tuple[Declaration, list[Argument]]]:
    """All commands with each of their numbers."""
    load_commands()
    for each in DECLARATIONS.values():
        for declaration in [each, *each.subcommands.values()]:
            for path in paths(grammar_of(declaration), []):
                if declaration.handler is not None and not is_left_out(declaration, path[-1]):
                    yield declaration, path


def same_kind(reference: Reply, subject: Reply, where: str) -> Iterator[str]:
    """Errors are the same; of other replies, which chance or the clock may make, the kind."""
    if reference.is_error or subject.is_error:
        yield from exact(reference, subject, where)
    elif reference.kind != subject.kind:
        yield f"{where}: {reference} and {subject}"


def is_certain(declaration: Declaration) -> bool:
    """Are its replies the same each time?"""
    return not any(tip.startswith("nondeterministic") for tip in declaration.tips)


def ask(pair: Pair, declaration: Declaration, path: list[Argument]) -> None:
    """Put each edge at the place; those that would wait do so in a transaction, where nobody waits."""
    arguments, group = grammar_of(declaration), declaration.group.replace("_", "-")
    waits = "blocking" in declaration.flags
    match = exact if is_certain(declaration) else same_kind
    for edge in EDGES:
        if waits:
            pair.send("MULTI")
        pair.send(*names_of(declaration), *words(arguments, Pointed(group, path, edge)))
        if waits:
            pair.send("EXEC")
    for _ in EDGES:
        if waits:
            pair.answer()
        pair.answer(exact if waits else match)
        if waits:
            pair.answer()


def prepare(pair: Pair) -> None:
    """Have a key of each type."""
    pair.do("SELECT", 0)
    pair.do("FLUSHALL")
    pair.play(SEEDS)


ALL = sorted(cases(), key=lambda case: case[0].name)
GROUPS = sorted({declaration.group for declaration, _ in ALL})


@pytest.mark.parametrize("group", GROUPS)
def test_edges(resp2_pair: Pair, group: str) -> None:
    """Both servers take each edge for the same number, or refuse it by the same words."""
    for declaration, path in ALL:
        if declaration.group == group:
            resp2_pair.history.clear()
            prepare(resp2_pair)
            ask(resp2_pair, declaration, path)
