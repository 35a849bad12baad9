# cython: boundscheck=False, wraparound=False
"""Which key goes when memory is full.

The rules:

- As in the reference, a few keys are drawn at random (maxmemory-samples) and the best candidates among all that were
  drawn lately are remembered; the best of those goes. A candidate that was used meanwhile is judged anew.
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
POOL_LIMIT = 32
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
        pool: the remembered candidates with their scores.
        best, best_score: what `find` found.
        holes: of each dict of the database, how many keys went from it since it was made anew.
    """

    def __init__(self, keyspace, kind, is_volatile, samples) -> None:
        self.keyspace = keyspace
        self.kind = kind
        self.rule = SCORES[kind]
        self.is_volatile = is_volatile
        self.samples = samples
        self.pool: dict[bytes, int] = {}
        self.best = b""
        self.holes = [0] * SHARDS
        self.best_score = 0

    def find(self):
        """Find the best candidate; False if no key may go."""
        for key in self.draw(self.samples):
            self.pool[key] = self.score(key)
        if len(self.pool) > POOL_LIMIT:
            self.shrink()
        while self.pool:
            self.choose()
            score: cython.longlong = self.score(self.best)
            if score >= self.best_score:
                return True
            if score < 0:
                del self.pool[self.best]
            else:
                self.pool[self.best] = score  # it was used since it was drawn: others may be better now
        return False

    def evict(self):
        """Evict the candidate that `find` found."""
        key = self.best
        self.pool.pop(key, None)
        self.keyspace.evict(key)
        self.close_holes(hash(key) & 255)

    def close_holes(self, index):
        """A key has gone from a dict, which gives no memory back by itself: make it anew when it is mostly holes."""
        self.holes[index] += 1
        keyspace: Keyspace = self.keyspace
        if self.holes[index] > HOLES_ALLOWED + len(keyspace.shards[index]) * 3 // 4:
            self.holes[index] = 0
            keyspace.shards[index] = dict(keyspace.shards[index])

    def choose(self):
        """The remembered key of the highest score."""
        score: cython.longlong
        self.best_score = -1
        for key, score in self.pool.items():
            if score > self.best_score:
                self.best = key
                self.best_score = score

    def shrink(self):
        """Forget the worse half of the candidates."""
        ranked = sorted(self.pool.items(), key=lambda candidate: candidate[1])
        self.pool = dict(ranked[-POOL_SIZE:])

    def score(self, key):
        """How good a candidate a key is; -1 if it must not go, or is gone."""
        keyspace: Keyspace = self.keyspace
        v = cython.cast(dict, keyspace.shards[hash(key) & 255]).get(key)
        if not self.may_go(v):
            return -1
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
        """Up to `count` keys that may go, at random, some of them perhaps twice; none only if there is none."""
        keyspace: Keyspace = self.keyspace
        drawn: list = []
        shard: dict
        if self.is_volatile and not keyspace.volatile:
            return drawn
        for _ in range(count * TRIES):
            shard = keyspace.shards[below(SHARDS)]
            if shard:
                key = random_key(shard, PLACES_A_KEY * len(shard))
                if self.may_go(shard[key]):
                    drawn.append(key)
                    if len(drawn) == count:
                        return drawn
        if self.is_volatile:
            drawn += self.draw_tickets(count - len(drawn))
            if drawn:
                return drawn
        return self.search(count)

    def draw_tickets(self, count):
        """Up to `count` keys that may go, from the index of deadlines: a random time, then a random key of it.

        None only if no ticket of such a key is there: some of them the batch worker may hold.
        """
        keyspace: Keyspace = self.keyspace
        drawn: list = []
        buckets: list = list(keyspace.deadlines.buckets.values())
        keys: list
        if buckets:
            for _ in range(count * TRIES):
                keys = buckets[below(len(buckets))]
                key = keys[below(len(keys))]
                if self.may_go(keyspace.shard(key).get(key)):
                    drawn.append(key)
                    if len(drawn) == count:
                        return drawn
        if not drawn:  # mostly stale tickets, of which a sweep leaves few
            for keys in buckets:
                for key in keys:
                    if self.may_go(keyspace.shard(key).get(key)):
                        return [key]
        return drawn

    def search(self, count):
        """`draw` in a database where such keys are rare: the first ones from a random dict on."""
        keyspace: Keyspace = self.keyspace
        found: list = []
        start: cython.Py_ssize_t = below(SHARDS)
        i: cython.Py_ssize_t
        shard: dict
        for i in range(start, start + SHARDS):
            shard = keyspace.shards[i & 255]
            for key, v in shard.items():
                if self.may_go(v):
                    found.append(key)
                    if len(found) == count:
                        return found
        return found
