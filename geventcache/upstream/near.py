"""What is kept here of the upstream's keys, and when it goes.

The rules:

- Each primary has a store a database, a keyspace of this server: a string under its own key, other replies as the
  fields of a hash under the key that they are about. So what is kept expires, is evicted and is freed as any key is.
- It is filled and emptied by one connection, in the order of arrival: replies of reads, and the news of what changed
  since (CLIENT TRACKING in its default mode). With the connection goes all that came by it, in one step; so it does
  when the server says that it has flushed, or gets slots back that it had once. What a slot that has moved away has
  left behind is never looked at: a key is sought with its slot's owner of now.
- Who writes by this server drops the key before the write is sent, and it cannot be kept until the reply is there: so
  he reads what he wrote. A read that is under way then answers who had asked, and nobody else.
- A reply is kept for no longer than its key lives, which is asked for together with it, nor than near-ttl-max.
- Of a key's reads of one kind one is under way at a time; who asks meanwhile gets the same reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from geventcache.base.glob import compile_glob
from geventcache.resp.frames import bulk, bulk_value, decode, is_error
from geventcache.services.shards.hashing import SLOTS
from geventcache.store.keyspace import Keyspace
from geventcache.types.hashes import Hash
from geventcache.upstream.link import Link
from geventcache.upstream.nodes import Node

# Numbers of databases that no client can select.
FIRST_INDEX = 1 << 20
GET = b"get"
EVENT = b"near"
TTL_REPLY = 0


class Fetch:
    """A read that is under way.

    Attributes:
        key, field: what is read; `field` is the command with its other arguments.
        is_valid: the reply may be kept: nothing has changed since.
        askers: who waits for the reply.
    """

    __slots__ = ("askers", "db", "field", "is_valid", "key", "node")

    def __init__(self, node: Node, db: int, key: bytes, field: bytes) -> None:
        self.node = node
        self.db = db
        self.key = key
        self.field = field
        self.is_valid = True
        self.askers: list[Callable[[bytes], None]] = []


class Near:
    """The near cache of one server.

    Attributes:
        is_on: anything may be kept.
        places: of each slot the stores of its owner, by database.
        writing: how many writes of a key are under way.
        fetches: reads that are under way, by database and key, then by field.
        suspended: how many requests are under way that may change every key.
        hits, misses, joined: reads answered from here, sent on, and answered by the reply to somebody else's.
        hits_at_door: further hits.
        stored, invalidated, dropped: replies kept; keys dropped because they changed; stores dropped as a whole.
    """

    def __init__(self, state: Any, nodes: Any) -> None:
        self.state = state
        self.nodes = nodes
        self.is_on = True
        self.places: list[dict[int, Keyspace]] = [{} for _ in range(SLOTS)]
        self.writing: dict[bytes, int] = {}
        self.fetches: dict[tuple[int, bytes], dict[bytes, Fetch]] = {}
        self.suspended = 0
        self.unused: list[Keyspace] = []
        self.made = 0
        self.hits = self.misses = self.joined = self.stored = self.invalidated = self.dropped = 0
        config = state.config
        self.is_tagging: bool = config["upstream-hash-tag"]
        self.patterns: list[Callable[[bytes], object]] = []
        self.bypassed: list[Callable[[bytes], object]] = []
        for name in ("near-keys", "near-bypass"):
            config.on_change(name, self.follow_patterns)
        self.hits_at_door: Callable[[], int] = lambda: 0
        self.follow_patterns()

    def follow_patterns(self, _: Any = None) -> None:
        """The settings say which keys may be kept."""
        self.patterns = [compile_glob(word) for word in self.state.config["near-keys"]]
        self.bypassed = [compile_glob(word) for word in self.state.config["near-bypass"]]
        self.flush()

    def wants(self, key: bytes) -> bool:
        """May a key be kept at all? Patterns are about what clients call it."""
        if self.is_tagging:
            key = key.partition(b"}:")[2]
        if self.bypassed and any(matches(key) for matches in self.bypassed):
            return False
        return not self.patterns or any(matches(key) for matches in self.patterns)

    # ------------------------------------------------------------------ stores

    def follow_map(self, changed: dict[int, Node | None], regained: list[Node]) -> None:
        """These slots have other owners; these nodes have slots again that they had once."""
        for node in regained:
            self.drop_node(node)
        for slot, owner in changed.items():
            self.places[slot] = {} if owner is None else owner.stores

    def store_of(self, node: Node, db: int) -> Keyspace:
        """Where replies of a node are kept."""
        store = node.stores.get(db)
        if store is None:
            if self.unused:
                store = self.unused.pop()
            else:
                store = self.state.databases.get(FIRST_INDEX + self.made)
                self.made += 1
            node.stores[db] = store
        return store

    def stores(self) -> list[Keyspace]:
        """All that are in use."""
        return [store for node in self.nodes.by_place.values() for store in node.stores.values()]

    def drop_node(self, node: Node) -> None:
        """Nothing that a node has told is true any more."""
        for db in list(node.stores):
            self.drop(node, db)
        node.lost_slots.clear()

    def drop(self, node: Node, db: int) -> None:
        """Nothing that a node has told of a database is true any more."""
        store = node.stores.get(db)
        if store is not None and len(store):
            store.flush()
            self.dropped += 1
        for place, fields in list(self.fetches.items()):
            if place[0] == db and any(fetch.node is node for fetch in fields.values()):
                self.forget_fetches(db, place[1])

    def flush(self) -> None:
        """Keep nothing of what there is."""
        for node in list(self.nodes.by_place.values()):
            for db in list(node.stores):
                self.drop(node, db)
        for place in list(self.fetches):
            self.forget_fetches(*place)

    def retire(self, node: Node) -> None:
        """A node has left: its stores are for others."""
        self.drop_node(node)
        self.unused += node.stores.values()
        node.stores.clear()

    # ------------------------------------------------------------------ news

    def pushed(self, link: Link, frame: bytes) -> None:
        """A server tells what has changed."""
        words = decode(frame)
        if not words or words[0] != b"invalidate":
            return
        db = link.db - self.nodes.target.database
        if words[1] is None:
            self.drop(link.node, db)
            return
        for key in words[1]:
            self.invalidated += 1
            self.drop_key(link.node, db, key)

    def lost(self, link: Link) -> None:
        """A connection is over that news came by."""
        if link.resp3 and not link.is_patient:
            self.drop(link.node, link.db - self.nodes.target.database)

    def drop_key(self, node: Node, db: int, key: bytes) -> None:
        """A key has changed."""
        store = node.stores.get(db)
        if store is not None:
            store.delete(key, EVENT)
        if self.fetches:
            self.forget_fetches(db, key)

    def forget_fetches(self, db: int, key: bytes) -> None:
        """What is being read of a key is for those who have asked already."""
        for fetch in self.fetches.pop((db, key), {}).values():
            fetch.is_valid = False

    # ------------------------------------------------------------------ writes of this server's clients

    def begin_write(self, keys: Iterable[bytes]) -> None:
        """A request that may change these keys, in any database, is about to be sent."""
        for key in keys:
            self.writing[key] = self.writing.get(key, 0) + 1
            for node in self.nodes.by_place.values():
                for store in node.stores.values():
                    store.delete(key, EVENT)
            for place in [place for place in self.fetches if place[1] == key]:
                self.forget_fetches(*place)

    def end_write(self, keys: Iterable[bytes]) -> None:
        """Its reply is there."""
        for key in keys:
            left = self.writing[key] - 1
            if left:
                self.writing[key] = left
            else:
                del self.writing[key]

    def suspend(self) -> None:
        """A request that may change every key is about to be sent."""
        self.suspended += 1
        self.flush()

    def resume(self) -> None:
        """Its reply is there."""
        self.suspended -= 1
        self.flush()

    # ------------------------------------------------------------------ reads

    def may_keep(self, key: bytes) -> bool:
        """May the reply to a read of a key be kept, if nothing happens meanwhile?"""
        return self.is_on and not self.suspended and key not in self.writing and self.wants(key)

    def kept(self, slot: int, db: int, key: bytes, field: bytes) -> bytes | None:
        """The reply that is kept here, as a frame of RESP3; None if there is none."""
        store = self.places[slot].get(db)
        if store is None or self.suspended:
            return None
        value = store.read(key)
        if type(value) is Hash:
            found: bytes | None = value.get_live(field, store.clock.now_ms)
            return found
        return bulk(value) if value is not None and field == GET else None

    def fetch_under_way(self, node: Node, db: int, key: bytes, field: bytes) -> Fetch | None:
        """The same read, if somebody else has asked; who is no primary any more may answer with what was true once."""
        fetch = self.fetches.get((db, key), {}).get(field)
        if fetch is not None and fetch.node is not node:
            self.forget_fetches(db, key)
            return None
        return fetch

    def begin_fetch(self, node: Node, db: int, key: bytes, field: bytes) -> Fetch:
        """A read is about to be sent."""
        fetch = Fetch(node, db, key, field)
        self.fetches.setdefault((db, key), {})[field] = fetch
        self.misses += 1
        return fetch

    def end_fetch(self, fetch: Fetch, frames: list[bytes], node: Node | None) -> None:
        """The replies are there, from a node: the time to live and what was read; or only an error."""
        fields = self.fetches.get((fetch.db, fetch.key))
        if fields is not None and fields.get(fetch.field) is fetch:
            del fields[fetch.field]
            if not fields:
                del self.fetches[fetch.db, fetch.key]
        frame = frames[-1]
        if fetch.is_valid and node is fetch.node and len(frames) > 1 and not any(map(is_error, frames)):
            self.try_to_keep(node, fetch, frames)
        for answer in fetch.askers:
            answer(frame)

    def try_to_keep(self, node: Node, fetch: Fetch, frames: list[bytes]) -> None:
        """Keep a reply; whatever comes of that, it is for those who wait."""
        try:
            self.keep(node, fetch, int(frames[TTL_REPLY][1:-2]), frames[-1])
        except Exception as error:
            self.state.on_defect(error, b"near")
            self.flush()

    def keep(self, node: Node, fetch: Fetch, ttl_ms: int, frame: bytes) -> None:
        """Keep a reply, unless its key is about to expire."""
        if not ttl_ms:
            return
        cap_ms = self.state.config["near-ttl-max"] * 1000
        left_ms = cap_ms if ttl_ms < 0 else min(ttl_ms, cap_ms) if cap_ms else ttl_ms
        store = self.store_of(node, fetch.db)
        deadline_ms = store.clock.now_ms + left_ms if left_ms else 0
        value = bulk_value(frame) if fetch.field == GET else None
        before = store.find(fetch.key)
        if value is not None and type(before) is not Hash:
            store.put(fetch.key, value, EVENT)
        else:
            if type(before) is bytes:
                store.delete(fetch.key, EVENT)
            fields = store.edit_or_create(fetch.key, Hash, EVENT)
            if type(before) is bytes:
                fields.set(GET, bulk(before), store.clock.now_ms)
            fields.set(fetch.field, frame, store.clock.now_ms)
            store.settle()
        if deadline_ms:
            store.set_deadline(fetch.key, deadline_ms, EVENT)
        self.stored += 1
        if self.state.memory_limit.is_pressed and self.state.memory_limit.is_short(store):
            store.delete(fetch.key, EVENT)

    def report(self) -> dict[str, int]:
        """The figures, for INFO and GEVENTCACHE NEAR STATS."""
        stores = self.stores()
        return {
            "near_keys": sum(map(len, stores)),
            "near_hits": self.hits + self.hits_at_door(),
            "near_misses": self.misses,
            "near_joined": self.joined,
            "near_stored": self.stored,
            "near_invalidated": self.invalidated,
            "near_dropped": self.dropped,
            "near_evicted": sum(store.evicted for store in stores),
        }
