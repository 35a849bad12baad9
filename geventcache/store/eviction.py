# cython: boundscheck=False, wraparound=False
"""Which key goes when memory is full.

The rules:

- The best of a few keys that are drawn at random go, one of each `samples` (maxmemory-samples). In a full cache every
  write evicts, and what costs is to wait for memory: so a draw is for several evictions. Each key is as likely to be
  drawn as any other: else no place of the table would lose more where there is more, and it would become uneven, until
  a segment has no room.
- A candidate that was used since it was drawn, or is gone, is one no more.
- The higher the score the better the candidate: for lru how long it was not used, for lfu how seldom, for ttl how early
  it is due.
- A draw is O(1). Keys with a deadline, where they are few among many, are drawn from the index of deadlines: by time
  first, so that those of a crowded time are drawn less often.
"""

import cython

from geventcache.base.table import ABSENT, END, Sampler, Table
from geventcache.base.times import NEVER_MS
from geventcache.types.random_pick import below

NEVER = NEVER_MS
RANDOM = b"random"
LRU = b"lru"
LFU = b"lfu"
TTL = b"ttl"
SCORES = {RANDOM: 0, LRU: 1, LFU: 2, TTL: 3}
BY_CHANCE, BY_IDLE_TIME, BY_FREQUENCY, BY_DEADLINE = SCORES.values()
MOST_FREQUENT = 255
# For how many evictions is drawn, and of how many keys these are chosen at most, unless `samples` is more.
CANDIDATES = 16
DRAWN_MOST = 256
# How many draws may be in vain, for each that is wanted, before the search goes through the table.
TRIES = 8
SEARCHED_A_PAGE = 256


def rule_of(policy):
    """What a policy goes by (``b"lru"``, ...; None if no key may go), and whether only keys with a deadline may go."""
    keys, _, kind = policy.partition(b"-")
    return kind or None, keys == b"volatile"


class Evictor(Sampler):
    """Evicts keys of one database by one policy.

    Attributes:
        keyspace: the database.
        kind: what the policy goes by: LRU, LFU, TTL or RANDOM.
        is_volatile: only keys with a deadline may go.
        samples: how many keys are drawn for each that goes.
        best, best_score: what `find` found.
    """

    def __init__(self, keyspace, kind, is_volatile, samples) -> None:
        self.keyspace = keyspace
        self.kind = kind
        self.rule = SCORES[kind]
        self.is_volatile = is_volatile
        self.samples = samples if self.rule != BY_CHANCE else 1
        self.tickets: list = []  # of the candidates, the best one last; when memory fails there may be one too many
        self.scores: list[int] = []  # theirs
        self.drawn = 0  # how many keys that may go the draw has met
        self.offered = self.worst = 0  # the scores of the key that is wanted, and of the worst candidate
        self.best = b""
        self.best_score = 0

    def find(self):
        """Find the best candidate; False if no key may go."""
        table: Table = self.keyspace.table
        last: cython.Py_ssize_t
        while self.scores or self.draw():
            last = len(self.scores) - 1
            if table.recall(self.tickets[last]) != ABSENT:
                self.best_score = self.score(table.use(), table.deadline())
                if self.best_score >= self.scores[last]:
                    self.best = table.key()
                    return True
            self.forget_best()
        return False

    def evict(self):
        """Evict the candidate that `find` found."""
        self.forget_best()
        self.keyspace.evict(self.best)

    def evict_until(self, account, target, most):
        """Evict what `find` found, and what it finds next: up to `most`, until no more than `target` bytes are used."""
        for _ in range(most):
            self.evict()
            if account.used <= target or not self.find():
                return

    def forget_best(self):
        """The best candidate is one no more."""
        self.tickets.pop()
        self.scores.pop()

    # ------------------------------------------------------------------ judging

    def score(self, use, deadline_ms):
        """How good a candidate a key is; -1 if it must not go."""
        if self.is_volatile and deadline_ms == NEVER:
            return -1
        if self.rule == BY_DEADLINE:
            return NEVER - deadline_ms
        if self.rule == BY_CHANCE or self.keyspace.uses is None:
            return 0
        if self.rule == BY_IDLE_TIME:
            return self.keyspace.uses.idle_ms_of(use)
        return MOST_FREQUENT - self.keyspace.uses.frequency_of(use)

    def wants(self, use, deadline_ms):
        """May a key go, and is it among the best of the draw?"""
        self.offered = self.score(use, deadline_ms)
        if self.offered < 0:
            return False
        self.drawn += 1
        return self.offered > self.worst or len(self.scores) < CANDIDATES

    def take(self, ticket):
        """Have one more candidate, and leave the worst one out if that is one too many."""
        at: cython.Py_ssize_t = len(self.scores)
        better: cython.longlong
        while at > 0:
            better = self.scores[at - 1]
            if better <= self.offered:
                break
            at -= 1
        self.tickets.insert(at, ticket)
        self.scores.insert(at, self.offered)
        if len(self.scores) == 2 * CANDIDATES:
            self.leave_out(CANDIDATES)
        if len(self.scores) >= CANDIDATES:
            self.worst = self.scores[len(self.scores) - CANDIDATES]

    def leave_out(self, count):
        """The worst candidates are none, if there are so many too many."""
        if count > 0:
            del self.tickets[:count]
            del self.scores[:count]

    # ------------------------------------------------------------------ drawing

    def draw(self):
        """Have new candidates: the best of some keys, at random, some of them perhaps twice. False if no key may go."""
        table: Table = self.keyspace.table
        wanted: cython.Py_ssize_t = max(self.samples, min(self.samples * CANDIDATES, DRAWN_MOST))
        self.tickets.clear()
        self.scores.clear()
        self.drawn = 0
        if self.is_volatile and not table.volatile:
            return False
        for _ in range(TRIES):
            if self.drawn < wanted:
                table.sample(wanted - self.drawn, self)
        if self.is_volatile and self.drawn < wanted:
            self.draw_tickets(wanted - self.drawn)
        if not self.drawn:
            self.search(wanted)
        self.leave_out(len(self.scores) - max(self.drawn // self.samples, 1))
        return self.drawn > 0

    def consider(self):
        """Take the key at the table's place if it is wanted; return whether it may go."""
        table: Table = self.keyspace.table
        if self.wants(table.use(), table.deadline()):
            self.take(table.ticket())
        return self.offered >= 0

    def draw_tickets(self, count):
        """Consider up to `count` keys, from the index of deadlines: a random time, then a random key of it.

        None only if no ticket of such a key is there: some of them the batch worker may hold.
        """
        found: cython.Py_ssize_t = 0
        buckets: list = list(self.keyspace.deadlines.buckets.items())
        if buckets:
            for _ in range(count * TRIES):
                time_ms, tickets = buckets[below(len(buckets))]
                if self.redeem(tickets, below(len(tickets)), time_ms):
                    found += 1
                    if found == count:
                        return
        if not found:  # mostly stale tickets, of which a sweep leaves few
            for time_ms, tickets in buckets:
                for at in range(len(tickets)):
                    if self.redeem(tickets, at, time_ms):
                        return

    def redeem(self, tickets, at, time_ms):
        """Consider the key of a ticket if it still counts; return whether it may go."""
        return self.keyspace.table.redeem(tickets, at, time_ms) != ABSENT and self.consider()

    def search(self, count):
        """`draw` in a database where such keys are rare: the first ones from a random position on."""
        start: cython.longlong = below(END)
        if not self.search_between(start, END, count):
            self.search_between(0, start, count)

    def search_between(self, position, end, count):
        """Consider the first `count` keys that may go of those from one position up to another; return how many."""
        table: Table = self.keyspace.table
        found: cython.Py_ssize_t = 0
        keys: list
        while position < end and found < count:
            position, keys = table.page(position, SEARCHED_A_PAGE)
            for key in keys:
                if table.seek(key) != ABSENT and self.consider():
                    found += 1
        return found
