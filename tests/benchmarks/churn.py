"""A day's worth of changes in minutes: random commands of every kind beside a model, in one process.

    python -m tests.benchmarks.churn -n 10000000

Keys come and go, grow and shrink, pass from small to large and back, get deadlines that are met and others that are
not. Every reply that the model knows is compared at once, all data at each report; the account of memory is compared
with what is there; the process is to be as large at the end as when it had seen a part of the commands. Exits with 1
where something differs.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geventcache.base.build import IS_COMPILED
from geventcache.store.account import object_size
from geventcache.store.keyspace import Keyspace

from ..store.keyspaces import sweep, visit_due
from ..support.inprocess import InProcessServer, Session

REPORTS = 20
CHORES_EVERY = 1000
STEP_MS = 5
MOST_SMALL = 40
MOST_LARGE = 4000
LARGE_KEYS = 8  # of each type
GROWTH = 1.05
ACCOUNT_ERROR = 0.02
PAGE = 4096
VALUES = [b"v%d" % i for i in range(50)] + [b"x" * size for size in (1, 20, 64, 65, 200, 248, 1000)]
LONG_VALUES = [*VALUES, b"l" * 3000, b"l" * 9000, b"l" * 70_000]
Entry = list[Any]  # the value as Python has it, and its deadline, 0 for none


class Churn:
    """The server, the model, and what both are asked to do."""

    def __init__(self, seed: int, keys: int) -> None:
        self.draw = random.Random(seed)
        self.keys = keys
        self.server = InProcessServer()
        self.session: Session = self.server.session()
        self.session.do(b"CONFIG", b"SET", b"maxmemory", b"64gb")
        self.session.do(b"PING")
        self.db: Keyspace = self.server.state.databases.get(0)
        self.model: dict[bytes, Entry] = {}
        self.families: list[tuple[bytes, Callable[[bytes, int], None]]] = [
            (b"string", self.string),
            (b"list", self.list),
            (b"hash", self.hash),
            (b"set", self.set),
            (b"zset", self.sorted_set),
        ]

    # ------------------------------------------------------------------ one command

    def do(self, expected: bytes | None, *args: bytes) -> None:
        """Run a command; its reply is the expected one, if that is known."""
        reply = self.session.do(*args)
        if expected is not None and reply != expected:
            raise SystemExit(f"{b' '.join(args)[:300]!r}: {reply[:300]!r} instead of {expected[:300]!r}")

    def step(self) -> None:
        """One change of one key."""
        draw = self.draw
        name, change = draw.choice(self.families)
        if draw.random() < 0.1:
            key, most = b"%b:large:%d" % (name, draw.randrange(LARGE_KEYS)), MOST_LARGE
        else:
            key, most = b"%b:%d" % (name, draw.randrange(self.keys)), MOST_SMALL
        entry = self.model.get(key)
        if entry is not None and entry[1] and entry[1] <= self.server.clock.now_ms:
            del self.model[key]
        chance = draw.random()
        if chance < 0.02:
            self.do(b":%d\r\n" % (self.model.pop(key, None) is not None), b"DEL", key)
        elif chance < 0.12:
            self.deadline(key)
        elif chance < 0.125:
            self.copy(key, b"%b:%d" % (name, draw.randrange(self.keys)))
        else:
            change(key, most)

    def deadline(self, key: bytes) -> None:
        """Give a key a deadline, or take it away."""
        entry, left_ms = self.model.get(key), self.draw.choice((20, 500, 20_000, 600_000, 40_000_000))
        if self.draw.random() < 0.2:
            self.do(b":%d\r\n" % (entry is not None and entry[1] > 0), b"PERSIST", key)
            left_ms = -self.server.clock.now_ms
        else:
            self.do(b":%d\r\n" % (entry is not None), b"PEXPIRE", key, b"%d" % left_ms)
        if entry is not None:
            entry[1] = self.server.clock.now_ms + left_ms

    def copy(self, key: bytes, other: bytes) -> None:
        """COPY, over what is there."""
        entry = self.model.get(key)
        if key == other:
            return
        self.do(b":%d\r\n" % (entry is not None), b"COPY", key, other, b"REPLACE")
        if entry is not None:
            value = entry[0]
            self.model[other] = [value if isinstance(value, bytes) else value.copy(), entry[1]]

    def value_of(self, key: bytes, empty: Any) -> Any:
        """The model's value of a key, for change."""
        return self.model.setdefault(key, [empty, 0])[0]

    def settle(self, key: bytes) -> None:
        """What has become empty is no key."""
        if not self.model[key][0]:
            del self.model[key]

    # ------------------------------------------------------------------ types

    def string(self, key: bytes, most: int) -> None:
        """SET, APPEND, SETRANGE, INCRBY, GET."""
        draw = self.draw
        value = draw.choice(LONG_VALUES if most == MOST_LARGE else VALUES)
        chance = draw.random()
        found: bytes | None = self.model[key][0] if key in self.model else None
        if chance < 0.4:
            self.do(b"+OK\r\n", b"SET", key, value)
            self.model[key] = [value, 0]
        elif chance < 0.6:
            expected = b"$-1\r\n" if found is None else b"$%d\r\n%b\r\n" % (len(found), found)
            self.do(expected, b"GET", key)
        elif chance < 0.75 and len(found or b"") < 100_000:
            text = (found or b"") + value
            self.do(b":%d\r\n" % len(text), b"APPEND", key, value)
            self.value_of(key, b"")
            self.model[key][0] = text
        elif chance < 0.85:
            start = draw.randrange(300)
            text = (found or b"").ljust(start, b"\0")
            text = text[:start] + value + text[start + len(value) :]
            self.do(b":%d\r\n" % len(text), b"SETRANGE", key, b"%d" % start, value)
            self.value_of(key, b"")
            self.model[key][0] = text
        else:
            number = draw.randrange(10**6)
            self.do(b"+OK\r\n", b"SET", key, b"%d" % number)
            self.do(b":%d\r\n" % (number + 5), b"INCRBY", key, b"5")
            self.model[key] = [b"%d" % (number + 5), 0]

    def list(self, key: bytes, most: int) -> None:
        """Pushes and pops, LSET, LINSERT, LREM, LTRIM."""
        draw = self.draw
        value = draw.choice(LONG_VALUES if most == MOST_LARGE and draw.random() < 0.02 else VALUES)
        chance = draw.random()
        left = draw.random() < 0.5
        held: list[bytes] = self.value_of(key, [])
        if chance < 0.5 and len(held) < most:
            values = [draw.choice(VALUES) for _ in range(draw.choice((1, 1, 1, 8, most // 8)))]
            self.do(b":%d\r\n" % (len(held) + len(values)), b"LPUSH" if left else b"RPUSH", key, *values)
            if left:
                held[:0] = values[::-1]
            else:
                held += values
        elif chance < 0.7 and held:
            popped = held.pop(0 if left else -1)
            self.do(b"$%d\r\n%b\r\n" % (len(popped), popped), b"LPOP" if left else b"RPOP", key)
        elif chance < 0.8 and held:
            index = draw.randrange(len(held))
            held[index] = value
            self.do(b"+OK\r\n", b"LSET", key, b"%d" % index, value)
        elif chance < 0.87 and held:
            pivot = draw.choice(held)
            held.insert(held.index(pivot) + (not left), value)
            self.do(b":%d\r\n" % len(held), b"LINSERT", key, b"BEFORE" if left else b"AFTER", pivot, value)
        elif chance < 0.93 and held:
            gone = draw.choice(held)
            self.do(b":%d\r\n" % held.count(gone), b"LREM", key, b"0", gone)
            held[:] = [item for item in held if item != gone]
        elif held:
            start, stop = draw.randrange(4), max(0, len(held) - draw.choice((1, 3, len(held) // 2)))
            self.do(b"+OK\r\n", b"LTRIM", key, b"%d" % start, b"%d" % stop)
            held[:] = held[start : stop + 1] if stop >= start else []
        self.settle(key)

    def hash(self, key: bytes, most: int) -> None:
        """HSET, HDEL, HGET."""
        draw = self.draw
        held: dict[bytes, bytes] = self.value_of(key, {})
        field, chance = b"field:%d" % draw.randrange(2 * most), draw.random()
        if chance < 0.5 and len(held) < most:
            fields = dict.fromkeys(
                b"field:%d" % draw.randrange(2 * most) for _ in range(draw.choice((1, 1, most // 8)))
            )
            pairs = [(name, draw.choice(VALUES)) for name in fields]
            self.do(b":%d\r\n" % len(fields.keys() - held), b"HSET", key, *[part for pair in pairs for part in pair])
            held.update(pairs)
        elif chance < 0.75:
            value = held.get(field)
            self.do(b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value), b"HGET", key, field)
        else:
            names = {b"field:%d" % draw.randrange(2 * most) for _ in range(draw.choice((1, 4, most // 4)))}
            self.do(b":%d\r\n" % sum(held.pop(name, None) is not None for name in names), b"HDEL", key, *names)
        self.settle(key)

    def set(self, key: bytes, most: int) -> None:
        """SADD, SREM, SISMEMBER, of integers and of words."""
        draw = self.draw
        held = self.value_of(key, set())
        shape, chance = draw.choice((b"%d", b"%d", b"member:%d")), draw.random()
        names = {shape % draw.randrange(2 * most) for _ in range(draw.choice((1, 1, 4, most // 6)))}
        if chance < 0.5 and len(held) < most:
            self.do(b":%d\r\n" % len(names - held), b"SADD", key, *names)
            held |= names
        elif chance < 0.7:
            name = min(names)
            self.do(b":%d\r\n" % (name in held), b"SISMEMBER", key, name)
        else:
            self.do(b":%d\r\n" % len(names & held), b"SREM", key, *names)
            held -= names
        self.settle(key)

    def sorted_set(self, key: bytes, most: int) -> None:
        """ZADD, ZREM, ZRANK, ZPOPMIN."""
        draw = self.draw
        held: dict[bytes, float] = self.value_of(key, {})
        chance = draw.random()
        names = {b"member:%d" % draw.randrange(2 * most) for _ in range(draw.choice((1, 1, 4, most // 6)))}
        if chance < 0.5 and len(held) < most:
            pairs = [(name, draw.choice((0, 1, 2.5, draw.randrange(1000)))) for name in names]
            texts = [part for name, score in pairs for part in (b"%g" % score, name)]
            self.do(b":%d\r\n" % len(names - held.keys()), b"ZADD", key, *texts)
            held.update(pairs)
        elif chance < 0.7 and held and len(held) < 300:
            popped = min(held.items(), key=lambda pair: (pair[1], pair[0]))[0]
            reply = self.session.do(b"ZPOPMIN", key)
            if b"\r\n%b\r\n" % popped not in reply:
                raise SystemExit(f"ZPOPMIN {key!r}: {reply!r} instead of {popped!r}")
            del held[popped]
        else:
            self.do(b":%d\r\n" % sum(held.pop(name, None) is not None for name in names), b"ZREM", key, *names)
        self.settle(key)

    # ------------------------------------------------------------------ chores and checks

    def chores(self) -> None:
        """What goes on beside commands: time passes, what is due goes, what is buried is freed."""
        self.server.clock.advance(STEP_MS)
        visit_due(self.db)
        sweep(self.db)
        while not self.db.graveyard.step():
            pass
        self.session.do(b"PING")

    def check(self) -> None:
        """All data are the model's, and the account is what is there."""
        now_ms = self.server.clock.now_ms
        self.model = {key: entry for key, entry in self.model.items() if not entry[1] or entry[1] > now_ms}
        visit_due(self.db)
        if len(self.db) != len(self.model):
            raise SystemExit(f"{len(self.db)} keys instead of {len(self.model)}")
        for key, (expected, deadline_ms) in self.model.items():
            found = self.found(key)
            if found != expected:
                raise SystemExit(f"{key!r} is {str(found)[:300]} instead of {str(expected)[:300]}")
            if deadline_ms != max(0, int(self.session.do(b"PEXPIRETIME", key)[1:])):
                raise SystemExit(f"{key!r} has another deadline than {deadline_ms}")
        charged, real = self.account()
        if abs(charged - real) > ACCOUNT_ERROR * real:
            raise SystemExit(f"{charged} bytes in the account, {real} are there")

    def found(self, key: bytes) -> Any:
        """The value of a key, as the model has it."""
        value = self.db.find(key)
        if key.startswith(b"string"):
            return self.db.find_string(key)
        if key.startswith(b"list"):
            return list(value)
        if key.startswith(b"set"):
            return set(value.names())
        return value.to_dict()

    def account(self) -> tuple[int, int]:
        """The bytes in the account, and what a new one would find."""
        account, table = self.db.account, self.db.table
        real = table.memory + self.db.deadlines.memory_usage()
        for key in self.model:
            table.seek(key)
            value = table.object()
            real += 0 if value is None else object_size(value)
        return account.used if account is not None else real, real


def resident_bytes() -> int:
    """What the process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def run(options: argparse.Namespace) -> bool:
    """Run the commands, and print a line at each report; tell whether memory stayed flat."""
    churn = Churn(options.seed, options.keys)
    began, slice_size, sizes = time.perf_counter(), options.number // REPORTS, []
    for report in range(1, REPORTS + 1):
        for number in range(slice_size):
            churn.step()
            if number % CHORES_EVERY == 0:
                churn.chores()
        churn.check()
        sizes.append(resident_bytes())
        charged, real = churn.account()
        print(
            f"{report * slice_size:>12,} commands  {len(churn.model):,} keys  {sizes[-1] / 1e6:.1f} MB resident  "
            f"{charged / 1e6:.2f} MB in the account, {real / 1e6:.2f} there  {time.perf_counter() - began:.0f} s",
            flush=True,
        )
    settled = max(sizes[REPORTS // 5 : REPORTS // 2])
    print(f"at the end {sizes[-1] / settled:.3f} of what it was")
    return sizes[-1] <= GROWTH * settled


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--number", type=int, default=2_000_000, help="how many commands")
    parser.add_argument("--keys", type=int, default=2000, help="small keys of each type")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("compiled" if IS_COMPILED else "uncompiled")
    sys.exit(0 if run(options) else 1)


if __name__ == "__main__":
    main()
