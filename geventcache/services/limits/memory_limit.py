"""maxmemory: the limits, of the server and of single databases, and what makes room when one is reached.

The rules:

- No limit, no account: nothing is counted, and no command is looked at. A policy by use (lru, lfu) makes its databases
  note uses, with a limit or without.
- Whoever adds to an account reports the excess; from then on the gate looks at every command, and asks `is_short`
  before one that needs memory. That evicts, for as long as `maxmemory-eviction-tenacity` allows; what is left the batch
  worker does in its slices. A command is refused only when nothing may be evicted.
- A little more is evicted than needed (`SLACK`), so that not every command has to.
- The limit of a database is obeyed by evicting from it alone; that of the server by evicting from all databases whose
  policies allow it: where these are the same the best candidate goes, where they differ they take turns.
- A limit that is set while there are keys is known to be exceeded as soon as these are counted, which goes in the same
  slices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geventcache.base.clock import monotonic_us
from geventcache.base.table import END
from geventcache.services.limits.client_memory import memory_of
from geventcache.store.account import UNLIMITED, Account
from geventcache.store.eviction import LFU, LRU, Evictor, rule_of
from geventcache.store.keyspace import Keyspace
from geventcache.store.uses import Uses

SETTINGS = ("maxmemory", "maxmemory-policy", "maxmemory-samples", "maxmemory-db", "maxmemory-policy-db")
USES_SETTINGS = ("lfu-log-factor", "lfu-decay-time")
STEP_US = 200
EVICTED_A_LOOK = 8
SLACK_SHARE = 256
MOST_SLACK = 65536
TENACITY_US = 50
TENACITY_LINEAR = 10
TENACITY_BASE = 1.15
TENACIOUS = 100


class MemoryLimit:
    """The memory limits of one server.

    Attributes:
        total: the Account of all databases and clients, None while there is no limit.
        evictors: by database, of those whose policy lets keys go.
        peak: the most bytes that were seen in the account.
        is_pressed: a limit is exceeded, or keys have still to be counted.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.config = state.config
        self.databases = state.databases
        self.total: Account | None = None
        self.evictors: dict[Keyspace, Evictor] = {}
        self.is_pressed = False
        self.turn = 0
        self.clients_bytes = 0
        self.peak = 0
        self.databases.on_created.append(self.adopt)
        for name in SETTINGS:
            self.config.on_change(name, self.apply)
        for name in USES_SETTINGS:
            self.config.on_change(name, self.tune_all)
        self.apply()

    # ------------------------------------------------------------------ settings

    def apply(self, _: Any = None) -> None:
        """Follow the settings."""
        has_limit = bool(self.config["maxmemory"] or self.config["maxmemory-db"])
        if has_limit and self.total is None:
            self.total = Account(None, None, self.press)
            self.clients_bytes = self.peak = 0
        elif not has_limit:
            self.total = None
        if self.total is not None:
            self.total.limit = self.config["maxmemory"] or UNLIMITED
        self.evictors.clear()
        for keyspace in self.databases.existing():
            self.adopt(keyspace)
        self.used()
        self.look()
        if self.is_pressed:
            self.step()
            self.continue_soon()

    def adopt(self, keyspace: Keyspace) -> None:
        """Let a database have what the settings ask for."""
        if self.total is None:
            keyspace.account = None
        elif keyspace.account is None:
            keyspace.account = Account(keyspace, self.total, self.press)
            if len(keyspace):
                self.press()
            else:
                keyspace.account.clear()
        if keyspace.account is not None:
            keyspace.account.limit = self.config["maxmemory-db"].get(keyspace.index) or UNLIMITED
        kind, is_volatile = rule_of(self.policy_of(keyspace.index))
        if kind is not None:
            self.evictors[keyspace] = Evictor(keyspace, kind, is_volatile, self.config["maxmemory-samples"])
        self.note_uses(keyspace, kind)

    def policy_of(self, index: int) -> bytes:
        """The policy of a database."""
        policy: bytes = self.config["maxmemory-policy-db"].get(index, self.config["maxmemory-policy"])
        return policy

    def note_uses(self, keyspace: Keyspace, kind: bytes | None) -> None:
        """Let a database note the uses of its keys, if its policy goes by them."""
        if kind not in (LRU, LFU):
            keyspace.uses = None
        elif keyspace.uses is None or keyspace.uses.counts != (kind == LFU):
            keyspace.uses = Uses(keyspace.clock, kind == LFU)
        self.tune(keyspace)

    def tune(self, keyspace: Keyspace) -> None:
        """Follow the settings of the counters in a database."""
        if keyspace.uses is not None:
            keyspace.uses.log_factor = self.config["lfu-log-factor"]
            keyspace.uses.decay_minutes = self.config["lfu-decay-time"]

    def tune_all(self, _: Any = None) -> None:
        """Follow the settings of the counters."""
        for keyspace in self.databases.existing():
            self.tune(keyspace)

    # ------------------------------------------------------------------ figures

    def used(self) -> int:
        """Bytes in the account, looked at anew: of the databases, and of the clients' buffers."""
        if self.total is None:
            return 0
        for keyspace in self.databases.existing():
            if keyspace.account is not None:
                keyspace.account.sync()
        clients = self.clients()
        self.total.add(clients - self.clients_bytes)
        self.clients_bytes = clients
        self.peak = max(self.peak, int(self.total.used))
        return int(self.total.used)

    def overhead(self) -> int:
        """Bytes of the databases that are not keys and values, as of the last look; 0 without an account."""
        return sum(one.account.overhead() for one in self.databases.existing() if one.account is not None)

    def clients(self) -> int:
        """Bytes of all clients."""
        return sum(map(memory_of, self.state.clients))

    def tick(self) -> None:
        """Once a second: what nobody reported may have grown."""
        if self.total is not None:
            self.used()
            if self.is_pressed:
                self.continue_soon()

    # ------------------------------------------------------------------ pressure

    def press(self) -> None:
        """A limit is exceeded: look at every command from now on."""
        self.is_pressed = True
        self.state.review()

    def look(self) -> None:
        """Find out anew what is exceeded, and whether keys have still to be counted."""
        self.is_pressed = False
        for account in self.accounts():
            account.is_exceeded = account.used > account.limit
            if self.has_work(account):
                self.is_pressed = True
        self.state.review()

    def accounts(self) -> list[Account]:
        """The databases' accounts and the sum."""
        if self.total is None:
            return []
        return [one.account for one in self.databases.existing() if one.account is not None] + [self.total]

    @staticmethod
    def is_counting(account: Account) -> bool:
        """Have keys of a database still to be counted?"""
        return account.keyspace is not None and account.covered < END

    def continue_soon(self) -> None:
        """Let the batch worker go on, when the turn is over."""
        if self.state.expiry is not None:
            self.state.chores.append(self.state.expiry.nudge)

    # ------------------------------------------------------------------ making room

    @property
    def is_left_to_another(self) -> bool:
        """The server that is followed evicts for this one, too; or a journal is loaded that tells what went."""
        is_led = self.state.replication.primary is not None and bool(self.config["replica-ignore-maxmemory"])
        return is_led or self.state.snapshots.is_loading

    def is_short(self, keyspace: Keyspace) -> bool:
        """Make room before a command that needs memory runs in a database; True if it must be refused."""
        if not self.is_pressed or self.total is None or self.is_left_to_another:
            return False
        accounts = [account for account in (keyspace.account, self.total) if account is not None]
        is_short = bool(self.make_room(accounts, self.patience_us()))
        if (self.is_pressed and not is_short) or any(one.deadlines.overdue() for one in self.evictors):
            self.continue_soon()  # evicted keys leave stale tickets, which take memory that no eviction gives back
        return is_short

    def patience_us(self) -> int:
        """For how long a command may evict, in microseconds."""
        tenacity: int = self.config["maxmemory-eviction-tenacity"]
        if tenacity <= TENACITY_LINEAR:
            return TENACITY_US * tenacity
        if tenacity >= TENACIOUS:
            return UNLIMITED
        return int(TENACITY_US * TENACITY_LINEAR * TENACITY_BASE ** (tenacity - TENACITY_LINEAR))

    def step(self) -> bool:
        """Count and evict for a fraction of a millisecond; True when there is nothing to do, or nothing to be done."""
        if not self.is_pressed or self.is_left_to_another:
            return True
        accounts = self.accounts()
        stuck = self.make_room(accounts, STEP_US)
        return all(account in stuck or not self.has_work(account) for account in accounts)

    def has_work(self, account: Account) -> bool:
        """Is a limit exceeded, or have keys still to be counted?"""
        return bool(account.used > account.limit) or self.is_counting(account)

    def make_room(self, accounts: list[Account], budget_us: int) -> list[Account]:
        """Count and evict, for so many microseconds; return the accounts that cannot be brought below their limit."""
        end_us = monotonic_us() + budget_us
        self.count_until(end_us)
        stuck = [account for account in accounts if account.used > account.limit and not self.relieve(account, end_us)]
        self.look()
        return stuck

    def count_until(self, end_us: int) -> None:
        """Count keys that are not yet in the account."""
        for account in self.accounts():
            while self.is_counting(account):
                account.cover()
                if monotonic_us() >= end_us:
                    return

    def relieve(self, account: Account, end_us: int) -> bool:
        """Evict until an account is below its limit or the time is over; False if nothing is left that may go."""
        find = self.finder(account)
        at_once = 1 if account.keyspace is None and len(self.evictors) > 1 else EVICTED_A_LOOK
        target = account.limit - min(account.limit // SLACK_SHARE, MOST_SLACK)
        while account.used > target:
            evictor = find()
            if evictor is None:
                return bool(account.used <= account.limit)
            evictor.evict_until(account, target, at_once)
            if monotonic_us() >= end_us:
                break
        return True

    def finder(self, account: Account) -> Callable[[], Evictor | None]:
        """What finds, at each call, the Evictor that has the next key to go."""
        if account.keyspace is None:
            return self.find_anywhere
        evictor = self.evictors.get(account.keyspace)
        return lambda: evictor if evictor is not None and evictor.find() else None

    def find_anywhere(self) -> Evictor | None:
        """The Evictor, of all databases, that has the next key to go; None if no key may go."""
        found: dict[tuple[bytes, bool], Evictor] = {}
        for evictor in self.evictors.values():
            rule = evictor.kind, evictor.is_volatile
            if evictor.find() and (rule not in found or evictor.best_score > found[rule].best_score):
                found[rule] = evictor
        self.turn += 1
        return list(found.values())[self.turn % len(found)] if found else None
