# cython: boundscheck=False, wraparound=False
"""Which key goes when memory is full.

The rules:

- As in the reference, a few keys are drawn (maxmemory-samples) and the best candidates among all that were drawn lately
  are remembered; the best of those goes. A candidate that was used meanwhile is judged anew.
- In a full cache every write evicts, and what costs is to wait for memory. So a draw takes neighbours from a random
  position of the table. Policies by chance draw one key, each as likely as any other.
- The higher the score the better the candidate: for lru how long it was not used, for lfu how seldom, for ttl how early
  it is due.
- A draw is O(1). Keys with a deadline, where they are few among many, are drawn from the index of deadlines: by time
  first, so that those of a crowded time are drawn less often.
"""

import cython

from geventcache.base.table import ABSENT, END, Table
from geventcache.base.times import NEVER_MS
from geventcache.store.keyspace import Keyspace
from geventcache.types.random_pick import below

NEVER = NEVER_MS
RANDOM = b"random"
LRU = b"lru"
LFU = b"lfu"
TTL = b"ttl"
SCORES = {RANDOM: 0, LRU: 1, LFU: 2, TTL: 3}
BY_CHANCE, BY_IDLE_TIME, BY_FREQUENCY, BY_DEADLINE = SCORES.values()
MOST_FREQUENT = 255
POOL_SIZE = 16
# How many draws may be in vain, for each that is wanted, before the search goes through the table.
TRIES = 8
SEARCHED_A_PAGE = 256


def rule_of(policy):
    """What a policy goes by (``b"lru"``, ...; None if no key may go), and whether only keys with a deadline may go."""
    keys, _, kind = policy.partition(b"-")
    return kind or None, keys == b"volatile"


class Evictor:
    """Evicts keys of one database by one policy.

    Attributes:
        keyspace: the database.
        kind: what the policy goes by: LRU, LFU, TTL or RANDOM.
        is_volatile: only keys with a deadline may go.
        samples: how many keys are drawn for each that goes.
        candidates, scores: the remembered candidates, the best one last, and their scores.
        best, best_score: what `find` found.
    """

    def __init__(self, keyspace, kind, is_volatile, samples) -> None:
        self.keyspace = keyspace
        self.kind = kind
        self.rule = SCORES[kind]
        self.is_volatile = is_volatile
        self.samples = samples if self.rule != BY_CHANCE else 1
        self.candidates: list[bytes] = []
        self.scores: list[int] = []
        self.best = b""
        self.best_score = 0

    def find(self):
        """Find the best candidate; False if no key may go."""
        if self.rule != BY_CHANCE or not self.candidates:
            self.draw(self.samples)
        last: cython.Py_ssize_t
        while self.candidates:
            last = len(self.candidates) - 1
            self.best = self.candidates[last]
            self.best_score = self.score(self.best)
            if self.best_score >= self.scores[last]:
                return True
            self.forget_best()
            if self.best_score >= 0:
                self.remember(self.best, self.best_score)  # it was used since it was drawn: others may be better now
            elif not self.candidates:
                self.draw(self.samples)  # all that were remembered are gone
        return False

    def evict(self):
        """Evict the candidate that `find` found."""
        key = self.best
        self.forget_best()
        self.keyspace.evict(key)

    # ------------------------------------------------------------------ candidates

    def remember(self, key, score):
        """Keep a candidate, if it is among the best and not kept already."""
        at: cython.Py_ssize_t = len(self.candidates)
        if at == POOL_SIZE and score <= self.scores[0]:
            return
        for known in self.candidates:
            if known == key:
                return
        while at > 0 and self.scores[at - 1] > score:
            at -= 1
        self.candidates.insert(at, key)
        self.scores.insert(at, score)
        if len(self.candidates) > POOL_SIZE:
            del self.candidates[0]
            del self.scores[0]

    def forget_best(self):
        """The best candidate is one no more."""
        self.candidates.pop()
        self.scores.pop()

    def score(self, key):
        """How good a candidate a key is; -1 if it must not go, or is gone."""
        if self.keyspace.table.seek(key) == ABSENT:
            return -1
        return self.rate()

    def rate(self):
        """`score`, of the key at the table's place."""
        keyspace: Keyspace = self.keyspace
        deadline_ms: cython.longlong = keyspace.table.deadline()
        if self.is_volatile and deadline_ms == NEVER:
            return -1
        if self.rule == BY_DEADLINE:
            return NEVER - deadline_ms
        if self.rule == BY_CHANCE or keyspace.uses is None:
            return 0
        if self.rule == BY_IDLE_TIME:
            return keyspace.uses.idle_ms(keyspace.table)
        return MOST_FREQUENT - keyspace.uses.frequency(keyspace.table)

    # ------------------------------------------------------------------ drawing

    def draw(self, count):
        """Consider `count` keys that may go, at random, some of them perhaps twice; none only if there is none."""
        keyspace: Keyspace = self.keyspace
        drawn: cython.Py_ssize_t = 0
        if self.is_volatile and not keyspace.table.volatile:
            return
        for _ in range(TRIES):
            if drawn < count:
                drawn += self.consider_all(self.drawn(count - drawn))
        if self.is_volatile and drawn < count:
            drawn += self.draw_tickets(count - drawn)
        if not drawn:
            self.search(count)

    def drawn(self, count):
        """Some keys of the table."""
        if self.rule != BY_CHANCE:
            return self.keyspace.table.draw(count)
        key = self.keyspace.table.random_key()
        return [] if key is None else [key]

    def consider_all(self, keys):
        """Remember those of some keys that may go; return how many that are."""
        found: cython.Py_ssize_t = 0
        for key in keys:
            found += self.consider(key)
        return found

    def consider(self, key):
        """Remember a key if it may go; return whether it may."""
        score: cython.longlong = self.score(key)
        if score < 0:
            return False
        self.remember(key, score)
        return True

    def draw_tickets(self, count):
        """Consider up to `count` keys, from the index of deadlines: a random time, then a random key of it.

        None only if no ticket of such a key is there: some of them the batch worker may hold. Returns how many.
        """
        drawn: cython.Py_ssize_t = 0
        buckets: list = list(self.keyspace.deadlines.buckets.items())
        if buckets:
            for _ in range(count * TRIES):
                time_ms, tickets = buckets[below(len(buckets))]
                if self.redeem(tickets, below(len(tickets)), time_ms):
                    drawn += 1
                    if drawn == count:
                        return drawn
        if not drawn:  # mostly stale tickets, of which a sweep leaves few
            for time_ms, tickets in buckets:
                for at in range(len(tickets)):
                    if self.redeem(tickets, at, time_ms):
                        return 1
        return drawn

    def redeem(self, tickets, at, time_ms):
        """Remember the key of a ticket if it is there and may go; return whether it may."""
        table: Table = self.keyspace.table
        if table.redeem(tickets, at, time_ms) == ABSENT:
            return False
        score: cython.longlong = self.rate()
        if score < 0:
            return False
        self.remember(table.key(), score)
        return True

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
            found += self.consider_all(keys)
        return found
