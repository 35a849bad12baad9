# cython: boundscheck=False, wraparound=False
"""Which key goes when memory is full.

The rules:

- As in the reference, a few keys are drawn (maxmemory-samples) and the best candidates among all that were drawn lately
  are remembered; the best of those goes. A candidate that was used meanwhile is judged anew.
- In a full cache every write evicts, and what costs is to wait for memory. So a draw takes a dict at random, but
  neighbours in it, and goes on with them the next time: those that went leave holes mostly at the front, which a random
  place would walk through time and again. Policies by chance draw at random.
- The higher the score the better the candidate: for lru how long it was not used, for lfu how seldom, for ttl how early
  it is due.
- A draw is O(1). Keys with a deadline, where they are few among many, are drawn from the index of deadlines: by time
  first, so that those of a crowded time are drawn less often.
"""

import cython

from geventcache.base.times import NEVER_MS
from geventcache.store.entry import Entry
from geventcache.store.keyspace import Keyspace
from geventcache.types.random_pick import below, random_key

NEVER = NEVER_MS
SHARDS = 256
RANDOM = b"random"
LRU = b"lru"
LFU = b"lfu"
TTL = b"ttl"
SCORES = {RANDOM: 0, LRU: 1, LFU: 2, TTL: 3}
BY_CHANCE, BY_IDLE_TIME, BY_FREQUENCY, BY_DEADLINE = SCORES.values()
MOST_FREQUENT = 255
POOL_SIZE = 16
# How many draws may be in vain, for each that is wanted, before the search goes dict by dict.
TRIES = 8
# A dict has at most so many places for each of its keys, unless most of them were deleted lately.
PLACES_A_KEY = 4
HOLES_ALLOWED = 64


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
        cursors: of each dict of the database, the place where the next draw goes on.
        holes: of each dict, how many keys went from it since it was made anew.
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
        self.cursors = [0] * SHARDS
        self.holes = [0] * SHARDS

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
        self.close_holes(hash(key) & 255)

    def close_holes(self, index):
        """A key has gone from a dict, which gives no memory back by itself: make it anew when it is mostly holes."""
        self.holes[index] += 1
        keyspace: Keyspace = self.keyspace
        if self.holes[index] > HOLES_ALLOWED + len(keyspace.shards[index]) * 3 // 4:
            self.holes[index] = 0
            keyspace.shards[index] = dict(keyspace.shards[index])

    # ------------------------------------------------------------------ candidates

    def remember(self, key, score):
        """Keep a candidate, if it is among the best and not kept already."""
        at: cython.Py_ssize_t = len(self.candidates)
        if at == POOL_SIZE and score <= self.scores[0]:
            return
        for known in self.candidates:
            if known is key:
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
        v = cython.cast(dict, self.keyspace.shards[hash(key) & 255]).get(key)
        return self.rate(key, v) if self.may_go(v) else -1

    def rate(self, key, v):
        """`score` of a key that may go; `v` is its value, or box, and counts only where deadlines do."""
        keyspace: Keyspace = self.keyspace
        if self.rule == BY_DEADLINE:
            return NEVER - cython.cast(Entry, v).deadline_ms
        if self.rule == BY_CHANCE or keyspace.uses is None:
            return 0
        if self.rule == BY_IDLE_TIME:
            return keyspace.uses.idle_ms(key)
        return MOST_FREQUENT - keyspace.uses.frequency(key)

    def may_go(self, v):
        """May the key of this value, or box, be evicted?"""
        if not self.is_volatile:
            return v is not None
        return type(v) is Entry and cython.cast(Entry, v).deadline_ms != NEVER

    # ------------------------------------------------------------------ drawing

    def draw(self, count):
        """Consider `count` keys that may go, at random, some of them perhaps twice; none only if there is none."""
        keyspace: Keyspace = self.keyspace
        drawn: cython.Py_ssize_t = 0
        index: cython.Py_ssize_t
        if self.is_volatile and not keyspace.volatile:
            return
        for _ in range(count * TRIES):
            index = below(SHARDS)
            if keyspace.shards[index]:
                drawn += self.draw_from(index, count - drawn)
                if drawn == count:
                    return
        if self.is_volatile:
            drawn += self.draw_tickets(count - drawn)
        if not self.is_volatile or not drawn:
            self.search(count)

    def draw_from(self, index, count):
        """Consider the next `count` keys of a dict, which is not empty; return how many of them may go."""
        shard: dict = self.keyspace.shards[index]
        if not cython.compiled or self.rule == BY_CHANCE:
            drawn = random_key(shard, PLACES_A_KEY * len(shard))
            return self.consider_item(drawn, shard[drawn])
        found: cython.Py_ssize_t = 0
        place: cython.Py_ssize_t = self.cursors[index]
        key: cython.pointer(PyObject)  # type: ignore[valid-type] # noqa: F821
        value: cython.pointer(PyObject)  # type: ignore[valid-type] # noqa: F821
        for _ in range(count):
            if not PyDict_Next(shard, cython.address(place), cython.address(key), cython.address(value)):  # type: ignore[name-defined] # noqa: F821
                place = 0
                break
            if not self.is_volatile:  # its value need not be touched
                self.remember(cython.cast(object, key), self.rate(cython.cast(object, key), None))  # noqa: F821
                found += 1
            elif self.consider_item(cython.cast(object, key), cython.cast(object, value)):  # noqa: F821
                found += 1
        self.cursors[index] = place
        return found

    def consider_item(self, key, v):
        """Remember a key if it may go; `v` is its value, or box. Returns whether it may."""
        if not self.may_go(v):
            return False
        self.remember(key, self.rate(key, v))
        return True

    def consider(self, key):
        """`consider_item`, of a key that may be gone."""
        return self.consider_item(key, self.keyspace.shard(key).get(key))

    def draw_tickets(self, count):
        """Consider up to `count` keys, from the index of deadlines: a random time, then a random key of it.

        None only if no ticket of such a key is there: some of them the batch worker may hold. Returns how many.
        """
        drawn: cython.Py_ssize_t = 0
        buckets: list = list(self.keyspace.deadlines.buckets.values())
        keys: list
        if buckets:
            for _ in range(count * TRIES):
                keys = buckets[below(len(buckets))]
                if self.consider(keys[below(len(keys))]):
                    drawn += 1
                    if drawn == count:
                        return drawn
        if not drawn:  # mostly stale tickets, of which a sweep leaves few
            for keys in buckets:
                for key in keys:
                    if self.consider(key):
                        return 1
        return drawn

    def search(self, count):
        """`draw` in a database where such keys are rare: the first ones from a random dict on."""
        keyspace: Keyspace = self.keyspace
        found: cython.Py_ssize_t = 0
        start: cython.Py_ssize_t = below(SHARDS)
        i: cython.Py_ssize_t
        shard: dict
        for i in range(start, start + SHARDS):
            shard = keyspace.shards[i & 255]
            for key, v in shard.items():
                if self.consider_item(key, v):
                    found += 1
                    if found == count:
                        return
