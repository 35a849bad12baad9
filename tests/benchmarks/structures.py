"""Large structures: server CPU an operation and memory an element, a thousand structures of 1,000 beside a single one.

Both hold the same number of elements, so that only the size of a structure differs. Operations go in pipelines, to
random structures and places with the same seed for every server; reads come first, writes add new elements.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from random import Random
from typing import NamedTuple

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .report import median, median_ratio, number, show, show_command
from .servers import Program, Server, all_running

_SMALL = 1_000
_DEPTH = 100
_FILL_WORDS = 500
_SCATTER = 7_919


class Place(NamedTuple):
    """Where an operation goes: a key, its structure's size, a random number below it, and a number never used yet."""

    key: str
    size: int
    position: int
    fresh: int


class Operation(NamedTuple):
    """An operation of the table: its name there, its command and its request."""

    name: str
    command: str
    request: Callable[[Place], bytes]


class Family(NamedTuple):
    """A data type: how a structure with that many elements is made at a key, and the operations on it."""

    name: str
    command: str
    fill: Callable[[str, int], Iterator[bytes]]
    operations: tuple[Operation, ...]


def _batches(command: str, key: str, words: Iterator[tuple[str | int, ...]]) -> Iterator[bytes]:
    while batch := list(islice(words, _FILL_WORDS)):
        yield encode(command, key, *(word for group in batch for word in group))


def fill_sorted_set(key: str, size: int) -> Iterator[bytes]:
    """Return the requests that make a sorted set, its scores in no order."""
    return _batches("ZADD", key, ((i * _SCATTER % size, f"member:{i:010d}") for i in range(size)))


def fill_list(key: str, size: int) -> Iterator[bytes]:
    """Return the requests that make a list."""
    return _batches("RPUSH", key, ((f"element:{i:010d}",) for i in range(size)))


def fill_hash(key: str, size: int) -> Iterator[bytes]:
    """Return the requests that make a hash."""
    return _batches("HSET", key, ((f"field:{i:010d}", f"value:{i:010d}") for i in range(size)))


def fill_set(key: str, size: int) -> Iterator[bytes]:
    """Return the requests that make a set."""
    return _batches("SADD", key, ((f"member:{i:010d}",) for i in range(size)))


def fill_stream(key: str, size: int) -> Iterator[bytes]:
    """Return the requests that make a stream, an entry each."""
    return (encode("XADD", key, f"{i + 1}-0", "field", f"value:{i:010d}") for i in range(size))


def _range_by_score(at: Place) -> bytes:
    return encode("ZRANGE", at.key, at.position, "+inf", "BYSCORE", "LIMIT", 0, 10)


FAMILIES = (
    Family(
        "sorted set",
        "ZADD",
        fill_sorted_set,
        (
            Operation("ZRANK", "ZRANK", lambda at: encode("ZRANK", at.key, f"member:{at.position:010d}")),
            Operation("ZRANGE by score, LIMIT 10", "ZRANGE", _range_by_score),
            Operation("ZADD", "ZADD", lambda at: encode("ZADD", at.key, at.position, f"new:{at.fresh:010d}")),
        ),
    ),
    Family(
        "list",
        "RPUSH",
        fill_list,
        (
            Operation("LINDEX in the middle", "LINDEX", lambda at: encode("LINDEX", at.key, at.size // 2)),
            Operation("LPUSH", "LPUSH", lambda at: encode("LPUSH", at.key, f"new:{at.fresh:010d}")),
        ),
    ),
    Family(
        "hash",
        "HSET",
        fill_hash,
        (Operation("HSET", "HSET", lambda at: encode("HSET", at.key, f"new:{at.fresh:010d}", "value")),),
    ),
    Family(
        "set",
        "SADD",
        fill_set,
        (Operation("SADD", "SADD", lambda at: encode("SADD", at.key, f"new:{at.fresh:010d}")),),
    ),
    Family(
        "stream",
        "XADD",
        fill_stream,
        (
            Operation("XRANGE COUNT 10", "XRANGE", lambda at: encode("XRANGE", at.key, at.position, "+", "COUNT", 10)),
            Operation("XADD", "XADD", lambda at: encode("XADD", at.key, "*", "field", f"value:{at.fresh:010d}")),
        ),
    ),
)


def main() -> None:
    """Measure every family at both sizes."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-e", "--elements", type=int, default=1_000_000, help="elements in all (default %(default)s)")
    made.add_argument("-n", "--requests", type=int, default=100_000, help="operations a round (default %(default)s)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    speed: list[list[str]] = []
    memory: list[list[str]] = []
    for family in FAMILIES:
        for size in (_SMALL, options.elements):
            sizes, costs = _measure(family, size, measured, options)
            memory.append([family.name, number(size), *_size_cells(sizes)])
            speed += [[name, number(size), *_cost_cells(results)] for name, results in costs.items()]
    base, *others = [program.label for program in measured]
    head = ["elements", base, *(cell for label in others for cell in (label, "ratio"))]
    show("Server CPU an operation, ns (ratio: the first server's over this one's)", ["operation", *head], speed)
    show("Bytes an element (ratio: this server's over the first one's)", ["type", *head], memory)


def _measure(
    family: Family, size: int, measured: Sequence[Program], options: argparse.Namespace
) -> tuple[list[float], dict[str, list[list[float]]]]:
    """Fill fresh servers; return the bytes an element by server, and the costs by operation, server and round."""
    keys = options.elements // size
    costs = {}
    with all_running(measured) as servers:
        sizes = [_fill(server, family, keys, size) for server in servers]
        for operation in family.operations:
            sources = [(server, _requests(operation, family.name, keys, size)) for server in servers]
            costs[operation.name] = in_turn(sources, options.rounds, lambda source: _cost_ns(*source, options.requests))
    return sizes, costs


def _fill(server: Server, family: Family, keys: int, size: int) -> float:
    """Return the bytes that an element takes, not-a-number when the server does not know the type's command."""
    with Client(server.port) as client:
        if client.lacks(family.command):
            return math.nan
        server.settle()
        before = server.resident_bytes()
        client.fill((request for i in range(keys) for request in family.fill(f"{family.name}:{i}", size)), depth=50)
        server.settle()
        return (server.resident_bytes() - before) / (keys * size)


class _Requests(NamedTuple):
    command: str
    source: Iterator[bytes]


def _requests(operation: Operation, prefix: str, keys: int, size: int) -> _Requests:
    random = Random(operation.name)
    places = (Place(f"{prefix}:{random.randrange(keys)}", size, random.randrange(size), fresh) for fresh in count())
    return _Requests(operation.command, map(operation.request, places))


def _cost_ns(server: Server, requests: _Requests, amount: int) -> float:
    with Client(server.port) as client:
        if client.lacks(requests.command):
            return math.nan
        batches = [list(islice(requests.source, _DEPTH)) for _ in range(max(1, amount // _DEPTH))]
        pipelines = [b"".join(batch) for batch in batches]
        server.settle()
        before = server.cpu_ns()
        for pipeline in pipelines:
            client.exchange(pipeline, _DEPTH)
        return (server.cpu_ns() - before) / (len(pipelines) * _DEPTH)


def _size_cells(sizes: list[float]) -> list[str]:
    base, *others = sizes
    return [number(base, 1), *(cell for size in others for cell in (number(size, 1), number(size / base, 2)))]


def _cost_cells(costs: list[list[float]]) -> list[str]:
    base, *others = costs
    ratios = [(number(median(other)), number(median_ratio(base, other), 2)) for other in others]
    return [number(median(base)), *(cell for pair in ratios for cell in pair)]


if __name__ == "__main__":
    main()
