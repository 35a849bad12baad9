"""Hit ratio of a cache that is too small: GET, and SET on a miss, of keys whose popularity follows Zipf's law.

Each policy is measured at the same maxmemory in all servers, and then once more in geventcache with the maxmemory at
which it holds as many keys as the baseline: the first tells what a user gets for his memory, the second how good the
choice of keys is. The first half of the requests warms the cache up and is not counted.
"""

from __future__ import annotations

import random
from itertools import accumulate
from typing import NamedTuple

from .client import Client, encode
from .harness import parse, parser, programs
from .report import number, show, show_command
from .servers import Program, running

_POLICIES = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl")
_VALUE = b"v" * 100
_BATCH = 64
_LONG_S = 100_000


class _Result(NamedTuple):
    ratio: float
    keys: int


def main() -> None:
    """Measure every policy."""
    made = parser(__doc__, limit_s=1800)
    made.add_argument("-n", "--requests", type=int, default=1_000_000, help="GETs (default %(default)s)")
    made.add_argument("-k", "--keys", type=int, default=200_000, help="different keys (default %(default)s)")
    made.add_argument("-s", "--skew", type=float, default=1.0, help="exponent of Zipf's law (default %(default)s)")
    made.add_argument("-m", "--megabytes", type=int, default=12, help="maxmemory (default %(default)s)")
    options = parse(made)
    show_command()
    ranks = _ranks(options.requests, options.keys, options.skew)
    baseline, *others = programs(options)
    rows = []
    for policy in _POLICIES:
        limit = options.megabytes << 20
        base = _measure(baseline, policy, limit, ranks)
        row = [policy, _percent(base), number(base.keys)]
        for program in others:
            same_memory = _measure(program, policy, limit, ranks)
            same_keys = _measure(program, policy, limit * base.keys // same_memory.keys, ranks)
            row += [_percent(same_memory), number(same_memory.keys), _percent(same_keys), number(same_keys.keys)]
        rows.append(row)
    head = ["policy", baseline.label, "keys"]
    for program in others:
        head += [f"{program.label}, same maxmemory", "keys", "same number of keys", "keys"]
    show(f"Hits in 100 GETs, {options.keys:,} different keys, maxmemory {options.megabytes} MB", head, rows)


def _ranks(count: int, keys: int, skew: float) -> list[int]:
    """Return the keys that are asked for, by number; the same ones in every run."""
    dice = random.Random(7)
    weights = list(accumulate(1 / (rank + 1) ** skew for rank in range(keys)))
    return dice.choices(range(keys), cum_weights=weights, k=count)


def _percent(result: _Result) -> str:
    return number(100 * result.ratio, 2)


def _measure(program: Program, policy: str, limit: int, ranks: list[int]) -> _Result:
    """Ask for all keys in a fresh server with a limit in bytes."""
    hits = 0
    limits = ("--maxmemory", str(limit), "--maxmemory-policy", policy)
    with running(program, *limits) as server, Client(server.port) as client:
        for at in range(0, len(ranks), _BATCH):
            batch = ranks[at : at + _BATCH]
            values = client.exchange(b"".join(encode("GET", _name(rank)) for rank in batch), len(batch))
            missed = {rank for rank, value in zip(batch, values, strict=True) if value is None}
            if missed:
                client.exchange(b"".join(_store(rank, policy) for rank in missed), len(missed))
            if at >= len(ranks) // 2:
                hits += len(batch) - sum(value is None for value in values)
        return _Result(hits / (len(ranks) - len(ranks) // 2), client.do("DBSIZE"))


def _name(rank: int) -> str:
    return f"user:{rank:08d}:profile"


def _store(rank: int, policy: str) -> bytes:
    """Return the request that caches a key, with a deadline (early for unpopular keys) if the policy asks for one."""
    deadline = ("EX", _LONG_S - rank % _LONG_S) if policy.startswith("volatile") else ()
    return encode("SET", _name(rank), _VALUE, *deadline)


if __name__ == "__main__":
    main()
