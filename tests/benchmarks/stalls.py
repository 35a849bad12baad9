"""Stalls: what a bystander waits at most while a key of a million elements is deleted, overwritten, expires, is copied.

The key is a copy of one that was filled before, so that every act finds the same. Deletions may be put off and done in
slices; a copy, in the last column, is due before its answer. A stall that the server causes comes back in every round,
one that the machine causes does not: so the round with the shortest one counts. In brackets, where it differs: the wait
less the time in which server or bystander were ready and had no processor.

The second table is about many small keys that go at once: by FLUSHALL, or since `maxmemory` is halved.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .client import Client, encode
from .harness import parse, parser, programs
from .observers import Series, bystander
from .report import MISSING, number, show, show_command
from .servers import Program, Server, running
from .structures import fill_hash, fill_list, fill_set, fill_sorted_set, fill_stream

_SOURCE = "source"
_TARGET = "target"
_OTHER = "other"
_FAR_MS = 3_600_000
_SOON_MS = 20
_FIELDS_A_REQUEST = 500
# A request that is on its way when an act begins was sent up to this long before.
_BEFORE_S = 0.005
_REST_S = 0.05
_ROOMY = "16gb"
_VALUE = b"v" * 64
_MOST_LEFT = 0.6


class Kind(NamedTuple):
    """A type of key: its name in the table, the commands it needs and the requests that fill one."""

    name: str
    commands: tuple[str, ...]
    fill: Callable[[str, int], Iterator[bytes]]


class Act(NamedTuple):
    """What is done to the key `target`: its name in the table and its requests; it is over when `target` is gone."""

    name: str
    requests: tuple[bytes, ...]


def _fill_volatile_hash(key: str, size: int) -> Iterator[bytes]:
    yield from fill_hash(key, size)
    for start in range(0, size, _FIELDS_A_REQUEST):
        fields = [f"field:{i:010d}" for i in range(start, min(start + _FIELDS_A_REQUEST, size))]
        yield encode("HPEXPIRE", key, _FAR_MS + start, "FIELDS", len(fields), *fields)


KINDS = (
    Kind("list", ("RPUSH",), fill_list),
    Kind("set", ("SADD",), fill_set),
    Kind("hash", ("HSET",), fill_hash),
    Kind("hash, fields with deadlines", ("HSET", "HPEXPIRE"), _fill_volatile_hash),
    Kind("sorted set", ("ZADD",), fill_sorted_set),
    Kind("stream", ("XADD",), fill_stream),
)
DELETIONS = (
    Act("DEL", (encode("DEL", _TARGET),)),
    Act("UNLINK", (encode("UNLINK", _TARGET),)),
    Act("SET", (encode("SET", _TARGET, "value"),)),
    Act("RENAME onto it", (encode("SET", _OTHER, "value"), encode("RENAME", _OTHER, _TARGET))),
    Act("expiry", (encode("PEXPIRE", _TARGET, _SOON_MS),)),
    Act("FLUSHDB", (encode("MOVE", _TARGET, 1), encode("SELECT", 1), encode("FLUSHDB"), encode("SELECT", 0))),
    Act(
        "SWAPDB, FLUSHDB",
        (
            encode("MOVE", _TARGET, 1),
            encode("SWAPDB", 1, 2),
            encode("SELECT", 2),
            encode("FLUSHDB"),
            encode("SELECT", 0),
        ),
    ),
)
COPY = Act("COPY", (encode("COPY", _SOURCE, _TARGET),))


class Crowd(NamedTuple):
    """Many keys that go at once: a name in the table, whether they have deadlines, and what makes them go.

    That is a request, or the halving of maxmemory under a policy.
    """

    name: str
    is_volatile: bool
    request: bytes
    policy: str = "noeviction"


CROWDS = (
    Crowd("FLUSHALL", False, encode("FLUSHALL")),
    Crowd("FLUSHALL, with deadlines", True, encode("FLUSHALL")),
    Crowd("FLUSHALL ASYNC, with deadlines", True, encode("FLUSHALL", "ASYNC")),
    Crowd("half evicted, allkeys-lru", False, b"", "allkeys-lru"),
    Crowd("half evicted, allkeys-lfu", False, b"", "allkeys-lfu"),
    Crowd("half evicted, volatile-ttl", True, b"", "volatile-ttl"),
)


def main() -> None:
    """Measure every type on every server in turn."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-e", "--elements", type=int, default=1_000_000, help="elements of a key (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    made.add_argument("--tables", default="keys,crowds", help="tables to make (default %(default)s)")
    options = parse(made)
    show_command()
    tables = options.tables.split(",")
    if "keys" in tables:
        _show_keys(options)
    if "crowds" in tables:
        _show_crowds(options)


def _show_keys(options: argparse.Namespace) -> None:
    acts = [act.name for act in (*DELETIONS, COPY)]
    show(
        f"A bystander's longest wait for GET, ms, while a key of {options.elements:,} elements goes or comes",
        ["type", "server", *acts],
        [_row(kind, program, options) for kind in KINDS for program in programs(options)],
    )


def _show_crowds(options: argparse.Namespace) -> None:
    show(
        f"A bystander's longest wait for GET, ms, while {options.elements:,} keys go",
        ["what", *(program.label for program in programs(options))],
        [[crowd.name, *(_crowd_cell(crowd, program, options) for program in programs(options))] for crowd in CROWDS],
    )


def _row(kind: Kind, program: Program, options: argparse.Namespace) -> list[str]:
    with running(program) as server, Client(server.port) as client:
        if client.lacks(*kind.commands):
            return [kind.name, program.label, *(MISSING for _ in (*DELETIONS, COPY))]
        client.fill(kind.fill(_SOURCE, options.elements), depth=50)
        with bystander(server.port, server.pid) as observer:
            times = [_round(server, client) for _ in range(options.rounds)]
            seen = observer.finish()
    waits = zip(*([_longest(seen, *act) for act in acts] for acts in times), strict=True)
    return [kind.name, program.label, *map(_shortest, waits)]


def _round(server: Server, client: Client) -> list[tuple[float, float]]:
    """Return when each act began and ended, the copy's last."""
    copies = []
    times = []
    for act in DELETIONS:
        copies.append(_timed(server, client, COPY))
        times.append(_timed(server, client, act))
        client.do("DEL", _TARGET)
        server.settle()
    return [*times, copies[-1]]


def _timed(server: Server, client: Client, act: Act) -> tuple[float, float]:
    time.sleep(_REST_S)
    began = time.time()
    client.exchange(b"".join(act.requests), len(act.requests))
    time.sleep(_REST_S)
    while b"lazyfree_pending_objects:0\r" not in client.do("INFO", "memory"):
        time.sleep(_REST_S)
    server.settle()
    return began, time.time()


def _crowd_cell(crowd: Crowd, program: Program, options: argparse.Namespace) -> str:
    limits = ("--maxmemory", _ROOMY, "--maxmemory-policy", crowd.policy)
    waits = []
    with running(program, *limits) as server, Client(server.port) as client:
        for _ in range(options.rounds):
            client.do("CONFIG", "SET", "maxmemory", _ROOMY)
            client.do("FLUSHALL")
            client.fill(_small_keys(crowd, options.elements))
            server.settle()
            request = crowd.request or encode("CONFIG", "SET", "maxmemory", _used_memory(client) // 2)
            with bystander(server.port, server.pid) as observer:
                times = _timed(server, client, Act(crowd.name, (request,)))
                waits.append(_longest(observer.finish(), *times))
            if client.do("DBSIZE") > _MOST_LEFT * options.elements:
                raise RuntimeError(f"{crowd.name}: the keys of {program.label} did not go")
    return _shortest(waits)


def _small_keys(crowd: Crowd, count: int) -> Iterator[bytes]:
    for i in range(count):
        deadline = ("EX", _FAR_MS // 1000 + i % 1000) if crowd.is_volatile else ()
        yield encode("SET", f"key:{i:010d}", _VALUE, *deadline)


def _used_memory(client: Client) -> int:
    lines: list[bytes] = client.do("INFO", "memory").split(b"\r\n")
    return next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"used_memory:"))


def _longest(seen: Series, began_s: float, ended_s: float) -> tuple[float, float]:
    """Return the longest wait in that time, and the longest one without what was the machine's."""
    window = [i for i, at_s in enumerate(seen.at_s) if began_s - _BEFORE_S <= at_s <= ended_s]
    return max(seen.ms[i] for i in window), max(seen.own_ms[i] for i in window)


def _shortest(waits: Iterable[tuple[float, float]]) -> str:
    wait, own = (number(min(longest), 1) for longest in zip(*waits, strict=True))
    return wait if own == wait else f"{wait} ({own})"


if __name__ == "__main__":
    main()
