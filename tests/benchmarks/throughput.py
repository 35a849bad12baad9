"""Requests a second and server CPU a request, by redis-benchmark: 50 clients, 64-byte values, 100,000 keys.

Every measurement starts from the same contents: pops find an element each, pushes start from an empty key. Ratios
above 1 are better than the baseline: of requests a second, and of the baseline's CPU a request over the server's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .client import Client, encode
from .harness import in_turn, parse, parser, programs
from .load import KEYS, VALUE_BYTES, Sample, drive
from .report import MISSING, geometric_mean, median, median_ratio, number, show, show_command
from .servers import Server, all_running

_VALUE = b"x" * VALUE_BYTES
_BATCH = 500
_LRANGE_ELEMENTS = 10_000


class Test(NamedTuple):
    """A test: redis-benchmark's arguments, what the requests need in place, and how many times fewer of them go."""

    arguments: tuple[str, ...]
    prepare: Callable[[int], Iterator[bytes]]
    divisor: int = 1


def _nothing(_: int) -> Iterator[bytes]:
    return iter(())


def _emptied(key: str) -> Callable[[int], Iterator[bytes]]:
    return lambda _: iter([encode("DEL", key)])


def _list(count: int) -> Iterator[bytes]:
    yield encode("DEL", "mylist")
    for start in range(0, count, _BATCH):
        yield encode("RPUSH", "mylist", *[_VALUE] * min(_BATCH, count - start))


def _short_list(_: int) -> Iterator[bytes]:
    return _list(_LRANGE_ELEMENTS)


def _set(count: int) -> Iterator[bytes]:
    yield encode("DEL", "myset")
    for start in range(0, count, _BATCH):
        yield encode("SADD", "myset", *(f"element:{i:012d}" for i in range(start, min(start + _BATCH, count))))


def _sorted_set(count: int) -> Iterator[bytes]:
    yield encode("DEL", "myzset")
    for i in range(count):
        yield encode("ZADD", "myzset", i * 7919 % KEYS, f"element:{i:012d}")


def _built_in(name: str, prepare: Callable[[int], Iterator[bytes]] = _nothing, divisor: int = 1) -> Test:
    return Test(("-t", name), prepare, divisor)


def _lrange(count: int) -> Test:
    return Test(("LRANGE", "mylist", "0", str(count - 1)), _short_list, 8)


TESTS = {
    "PING": _built_in("ping_mbulk"),
    "SET": _built_in("set"),
    "GET": _built_in("get"),
    "INCR": _built_in("incr"),
    "MSET": _built_in("mset", divisor=2),
    "LPUSH": _built_in("lpush", _emptied("mylist")),
    "RPUSH": _built_in("rpush", _emptied("mylist")),
    "LPOP": _built_in("lpop", _list),
    "RPOP": _built_in("rpop", _list),
    "SADD": _built_in("sadd", _emptied("myset")),
    "HSET": _built_in("hset", _emptied("myhash")),
    "SPOP": _built_in("spop", _set),
    "ZADD": _built_in("zadd", _emptied("myzset")),
    "ZPOPMIN": _built_in("zpopmin", _sorted_set),
    "LRANGE_100": _lrange(100),
    "LRANGE_300": _lrange(300),
    "LRANGE_500": _lrange(500),
    "LRANGE_600": _lrange(600),
}


def main() -> None:
    """Measure all tests at all depths."""
    made = parser(__doc__, limit_s=3600)
    made.add_argument("-P", "--depths", default="1,16,64", help="pipeline depths (default %(default)s)")
    made.add_argument("-t", "--tests", default=",".join(TESTS), help="tests (default: all)")
    made.add_argument("-n", "--requests", type=int, help="requests a test (default: 60,000 at depth 1, else 400,000)")
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    options = parse(made)
    show_command()
    with all_running(programs(options)) as servers:
        for server in servers:
            _fill(server)
        for depth in map(int, options.depths.split(",")):
            _measure_depth(servers, depth, options)


def _fill(server: Server) -> None:
    with Client(server.port) as client:
        client.fill(encode("SET", f"key:{i:012d}", _VALUE) for i in range(KEYS))


def _measure_depth(servers: Sequence[Server], depth: int, options: argparse.Namespace) -> None:
    requests = options.requests or (60_000 if depth == 1 else 400_000)
    tests = options.tests.upper().split(",")
    by_test = [_measure(servers, name, requests // TESTS[name].divisor, depth, options.rounds) for name in tests]
    rows = [_row(name, results) for name, results in zip(tests, by_test, strict=True)]
    rows.append(_summary(by_test))
    head = ["test", *(f"{server.label}, 1/s" for server in servers), *(f"x {server.label}" for server in servers[1:])]
    head += [*(f"{server.label}, CPU us" for server in servers), *(f"x {server.label}" for server in servers[1:])]
    show(f"Pipelines of {depth}", head, rows)


def _measure(servers: Sequence[Server], name: str, requests: int, depth: int, rounds: int) -> list[list[Sample]]:
    """Return the samples by server, none for a server that does not know the command."""

    def sample(server: Server) -> Sample | None:
        if server.lacks(name.partition("_")[0], *(["DEL"] if TESTS[name].prepare is not _nothing else [])):
            return None
        with Client(server.port) as client:
            client.fill(TESTS[name].prepare(requests))
        server.settle()
        return drive(server, *TESTS[name].arguments, requests=requests, depth=depth)

    return [[kept for kept in samples if kept] for samples in in_turn(servers, rounds, sample)]


def _ratios(results: list[list[Sample]]) -> tuple[list[float], list[float]]:
    """Return each server's ratios to the first one: of requests a second, and of CPU the other way round."""
    base, *others = results
    rates = [median_ratio([s.per_s for s in other], [s.per_s for s in base]) for other in others]
    costs = [median_ratio([s.cpu_us for s in base], [s.cpu_us for s in other]) for other in others]
    return rates, costs


def _row(name: str, results: list[list[Sample]]) -> list[str]:
    rates, costs = _ratios(results)
    return [
        name,
        *(number(median([s.per_s for s in samples])) for samples in results),
        *(number(rate, 2) for rate in rates),
        *(number(median([s.cpu_us for s in samples]), 2) for samples in results),
        *(number(cost, 2) for cost in costs),
    ]


def _summary(by_test: list[list[list[Sample]]]) -> list[str]:
    ratios = [_ratios(results) for results in by_test]
    rates, costs = (
        [geometric_mean(column) for column in zip(*rows, strict=True)] for rows in zip(*ratios, strict=True)
    )
    empty = [MISSING] * len(by_test[0])
    return ["geometric mean", *empty, *(number(x, 2) for x in rates), *empty, *(number(x, 2) for x in costs)]


if __name__ == "__main__":
    main()
