"""Requests of clients, taken to the upstream or answered from what is kept here.

The rules:

- `take` is called by the engine where a command's function would run, for requests that the gate lets pass. What
  concerns this server alone it leaves to the engine.
- A client's requests go by the connection of its protocol, so replies are passed on as they come. Reads whose replies
  may be kept go by the one in RESP3 for everybody, by which invalidations come; a request that would overtake such a
  read of its own client is put off.
- A transaction is queued here, and sent as a whole when EXEC comes: its node is known then. WATCH gives the client a
  connection for itself, and from then on nothing that is kept here is true enough for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult

from geventcache.base import errors
from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.command.introspection import keys_read
from geventcache.command.table import Command
from geventcache.resp.frames import NULL, array, bulk, bulk_value, error, error_text, is_error, items, to_resp2
from geventcache.resp.values import Encoded
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait
from geventcache.services.shards.slots import NO_SLOT, SLOTS, Slots, slot_of
from geventcache.upstream import plan as plans
from geventcache.upstream import tags
from geventcache.upstream.asks import Ask, pack
from geventcache.upstream.dispatch import PAUSE_SECONDS, UNREACHABLE, Dispatcher
from geventcache.upstream.door import Door, field_of
from geventcache.upstream.merge import Gather, merge_of
from geventcache.upstream.near import GET, Near
from geventcache.upstream.nodes import Node, Nodes
from geventcache.upstream.plan import SHAPED_WORDS, Plan, plan_of
from geventcache.upstream.relay import Relay, Reply
from geventcache.upstream.splitting import FIRST_KEY, Batch, Part, split
from geventcache.upstream.subscriptions import EVENTS, Subscriptions

SEVERAL = -2
NULL_BULK = b"$-1\r\n"
# A cursor of SCAN is the node's, with the number of the node behind it.
MOST_NODES = 1024
MULTI, EXEC = pack((b"MULTI",)), pack((b"EXEC",))
UNWATCH = pack((b"UNWATCH",))
NO_LINK = b"ERR Too many connections to the upstream are in use by single clients (upstream-max-connections)"
ALL_NODES = b"ERR '%b' concerns all nodes of the upstream and cannot be part of a transaction"
OWN_STATE = b"ERR '%b' concerns this server and cannot be part of a transaction with keys of the upstream"
OTHER_NODE = b"CROSSSLOT Watched keys and those of a transaction must be at one node"
REFUSED = b"ERR '%b' is not available with an upstream: %b"
WRONG_TYPE = b"WRONGTYPE"
ABORT = b"EXECABORT Transaction discarded because of: "


class Gateway:
    """Between the engine and the upstream.

    Attributes:
        plans: what happens to each command.
        is_tagging: keys get tags; see `tags`.
        may_split: transactions over several slots are carried out slot by slot.
        near: what is kept here.
        passed: requests that were sent on.
    """

    def __init__(
        self, state: Any, nodes: Nodes, dispatcher: Dispatcher, near: Near, subscriptions: Subscriptions
    ) -> None:
        self.state = state
        self.engine = state.engine
        self.nodes = nodes
        self.dispatcher = dispatcher
        self.near = near
        self.subscriptions = subscriptions
        self.slots = Slots(0, SLOTS - 1, None)
        self.plans: dict[Command, Plan] = {
            command: plan_of(command.declaration) for command in state.table.all() if command.handler is not None
        }
        self.ways: dict[str, Callable[[Client, Command, list[bytes], Plan], bool]] = {
            plans.SLOT: self.pass_on,
            plans.ANY: self.pass_on,
            plans.ALONE: self.pass_alone,
            plans.SPLIT: self.split,
            plans.ALL: self.ask_all,
            plans.SCAN: self.scan,
            plans.SELECT: self.select,
            plans.SUBSCRIBE: self.subscribe,
            plans.TRANSACTION: self.transact,
        }
        self.transactions = {
            "EXEC": self.execute,
            "DISCARD": self.discard,
            "WATCH": self.watch,
            "UNWATCH": self.unwatch,
        }
        self.databases = {0}
        self.may_split: bool = state.config["upstream-split-transactions"]
        self.is_tagging: bool = state.config["upstream-hash-tag"]
        self.passed = 0

    def door(self) -> Door:
        """What stands between the engine and this."""
        reads = {command: command.name for command, plan in self.plans.items() if plan.is_cacheable}
        string = self.state.table.find([b"GET"])
        return Door(self, self.engine, self.near.places, reads, string, self.is_tagging)

    # ------------------------------------------------------------------ what the engine asks

    def refusal(self, command: Command) -> bytes | None:
        """Why a command is not available, None if it is."""
        reason = self.plans[command].reason
        if self.is_tagging:
            reason = tags.REFUSED.get(command.declaration.name, reason)
        return REFUSED % (command.name, reason.encode()) if reason else None

    def take(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """Answer a request, or send it on; False if it is for this server to run."""
        plan = self.plans[command]
        if plan.way == plans.LOCAL:
            return False
        if plan.way == plans.REFUSE or (self.is_tagging and command.declaration.name in tags.REFUSED):
            self.engine.refuse(client, command, self.refusal(command))
            return True
        if self.nodes.is_cluster is None:
            return self.await_map(client, command)
        if self.is_tagging:
            taken = self.send_tagged(client, command, args, plan)
        else:
            taken = self.send_on(client, command, args, plan)
        if taken and self.state.monitors and not client.is_barred:
            self.state.monitors.before_command(client, command, args)
            self.state.monitors.after_command(client, command, args)
        return taken

    def send_on(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Answer a request from what is kept here, or do what its plan says."""
        may_read_here = plan.is_cacheable and (client.relay is None or client.relay.pinned is None) and self.near.is_on
        if may_read_here and self.read(client, command, args, plan):
            return True
        return self.ways[plan.way](client, command, args, plan)

    def await_map(self, client: Client, command: Command) -> bool:
        """Nobody knows yet who has what: put the request off, or refuse it if it was put off for long enough."""
        relay = self.relay_of(client)
        refused, relay.refused = relay.refused, None
        if refused is not None:
            return self.fail(client, command, refused)

        def begin(done: Callable[[], None]) -> None:
            def take() -> None:
                relay.refused = None if self.nodes.is_cluster is not None else UNREACHABLE + self.nodes.error
                done()
                self.dispatcher.after()

            self.nodes.when_known(take, self.dispatcher.patience_us / 1e6)

        relay.bar(begin)
        return True

    def answer(self, client: Client, command: Command, frame: bytes) -> bool:
        """Answer a request at once, by a frame."""
        client.commands += 1
        command.calls += 1
        if client.reply_mode:
            self.engine.pass_over(client)
        else:
            self.engine.out.raw(frame)
        if is_error(frame):
            command.failed += 1
            self.state.stats.count_error(error_text(frame))
        return True

    def fail(self, client: Client, command: Command, text: bytes) -> bool:
        """Answer a request by an error."""
        self.engine.refuse(client, command, text)
        return True

    @staticmethod
    def relay_of(client: Client) -> Relay:
        """What the client waits for."""
        if client.relay is None:
            client.relay = Relay(client)
        relay: Relay = client.relay
        return relay

    def slot_of(self, command: Command, args: list[bytes]) -> int:
        """The slot of a request, NO_SLOT without keys, SEVERAL if there are more than one; where there are slots."""
        return self.slots.slot_of_request(command, args) if self.nodes.is_cluster else NO_SLOT

    def db_of(self, client: Client) -> int:
        """The database at the upstream, counted from that of the URL."""
        return 0 if self.is_tagging else client.db.index

    # ------------------------------------------------------------------ upstream-hash-tag

    def send_tagged(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """`send_on`, with the tag of the client's database."""
        name = command.declaration.name
        relay = self.relay_of(client)
        prefix = tags.prefix_of(client.db.index)
        if name in tags.WALKED:
            return self.walk(client, relay, command)
        if plan.way == plans.SELECT:
            return False
        if plan.way == plans.SUBSCRIBE and any(word.startswith(EVENTS) for word in args[1:]):
            return self.fail(client, command, tags.EVENTS_REFUSED)
        relay.translate = tags.translation(command.declaration, prefix)
        request = tags.tagged(command.declaration, args, prefix)
        try:
            if name in tags.PATTERNS:
                reply = relay.begin(command)
                self.send(client, pack(tuple(request)), self.slot_of_tag(prefix), plan, [], reply.take_last)
                return True
            return self.send_on(client, command, request, plan)
        finally:
            relay.translate = None

    def slot_of_tag(self, prefix: bytes) -> int:
        """Where all keys with a tag are."""
        slot: int = slot_of(prefix) if self.nodes.is_cluster else NO_SLOT
        return slot

    def tag_queue(self, client: Client, relay: Relay, queue: list[Any]) -> list[Any]:
        """The requests of a transaction with the tag; their replies will lose it."""
        if not self.is_tagging:
            return queue
        prefix = tags.prefix_of(client.db.index)
        translations = [tags.translation(command.declaration, prefix) for command, _ in queue]
        relay.translate = lambda frame: tags.replies_untagged(frame, translations)
        return [(command, tags.tagged(command.declaration, args, prefix)) for command, args in queue]

    def walk(self, client: Client, relay: Relay, command: Command) -> bool:
        """Do what concerns a whole database to its keys."""
        if relay.waiting:
            relay.bar()
            return True
        name = command.declaration.name
        count = self.state.databases.count
        databases = list(range(count)) if name == "FLUSHALL" else [client.db.index]
        gevent.spawn(self.run_walk, name, databases, relay.begin(command))
        return True

    def run_walk(self, name: str, databases: list[int], reply: Reply) -> None:
        """The greenlet of `walk`."""
        is_flush = name.startswith("FLUSH")
        if is_flush:
            self.near.suspend()
        try:
            reply.take(self.walked(name, databases))
        finally:
            if is_flush:
                self.near.resume()
            self.dispatcher.after()

    def walked(self, name: str, databases: list[int]) -> bytes:
        """Walk all keys with the tags of these databases; return the reply."""
        found: list[bytes] = []
        for db in databases:
            prefix = tags.prefix_of(db)
            slot = self.slot_of_tag(prefix)
            cursor = b"0"
            while True:
                scan = self.ask_and_wait((b"SCAN", cursor, b"MATCH", prefix + b"*", b"COUNT", b"1000"), slot)
                if is_error(scan):
                    return scan
                cursor, keys = (bulk_value(items(scan)[0]) or b"0"), items(items(scan)[1])
                found += keys if not name.startswith("FLUSH") else []
                words = [word for word in map(bulk_value, keys) if word is not None]
                if words and name.startswith("FLUSH"):
                    self.ask_and_wait((b"UNLINK", *words), slot)
                if cursor == b"0":
                    break
        if name == "DBSIZE":
            return b":%d\r\n" % len(set(found))
        if name == "RANDOMKEY":
            return tags.untagged(random.choice(found), tags.prefix_of(databases[0])) if found else NULL_BULK
        return b"+OK\r\n"

    def ask_and_wait(self, request: tuple[bytes, ...], slot: int) -> bytes:
        """Ask in a greenlet, and wait for the reply."""
        result: AsyncResult[list[bytes]] = AsyncResult()
        self.passed += 1
        self.dispatcher.send(Ask([pack(request)], result.set, slot, may_repeat=True))
        frames: list[bytes] = result.get()
        return frames[-1]

    # ------------------------------------------------------------------ one node

    def pass_on(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Send a request to the node of its keys."""
        slot = self.slot_of(command, args)
        if slot == SEVERAL:
            return self.fail(client, command, errors.CROSS_SLOT)
        relay = self.relay_of(client)
        keys = keys_read(command.declaration, args) if plan.writes or relay.reading else []
        if relay.is_reading(keys):
            relay.bar()
            return True
        reply = relay.begin(command)
        self.send(client, pack(tuple(args)), slot, plan, keys if plan.writes else [], reply.take_last)
        return True

    def send(
        self,
        client: Client,
        request: bytes,
        slot: int,
        plan: Plan,
        keys: list[bytes],
        done: Callable[[list[bytes]], None],
    ) -> None:
        """Send one request; `keys` are those that it may change."""
        self.passed += 1
        if keys:
            self.near.begin_write(keys)
            done = self.ending_write(keys, done)
        ask = Ask(
            [request], done, slot, None, self.db_of(client), client.resp3, plan.repeats, may_read_replica=plan.repeats
        )
        pinned = client.relay.pinned if client.relay is not None else None
        if pinned is not None and not pinned.is_lost and self.is_at(slot, pinned.node):
            ask.parts = [*self.selecting(client, pinned), request]
            ask.may_repeat = False
            pinned.send(ask)
        else:
            self.dispatcher.send(ask)

    def selecting(self, client: Client, link: Any) -> list[bytes]:
        """What takes a connection of one client alone to the client's database, if it is not there."""
        wanted = self.db_of(client) + self.nodes.target.database
        if link.db == wanted:
            return []
        link.db = wanted
        return [pack((b"SELECT", b"%d" % wanted))]

    def is_at(self, slot: int, node: Node) -> bool:
        """Is a node the one for a slot?"""
        return slot == NO_SLOT or self.nodes.owners[slot] is node

    def ending_write(self, keys: list[bytes], done: Callable[[list[bytes]], None]) -> Callable[[list[bytes]], None]:
        """`done`, and before it the keys may be kept again."""

        def take(frames: list[bytes]) -> None:
            self.near.end_write(keys)
            done(frames)

        return take

    # ------------------------------------------------------------------ several nodes

    def split(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Send each slot's part of a request where it belongs, and make one reply of the replies; not atomic."""
        if self.slot_of(command, args) != SEVERAL:
            return self.pass_on(client, command, args, plan)
        try:
            parts, merge = split(command, args, plan)
        except CommandError as wrong:
            return self.fail(client, command, wrong.text)
        relay = self.relay_of(client)
        if relay.reading and relay.is_reading(keys_read(command.declaration, args)):
            relay.bar()
            return True
        gather = Gather(len(parts), merge, relay.begin(command).take)
        for number, part in enumerate(parts):
            self.send(client, pack(tuple(part.request)), part.slot, plan, part.keys, gather.part(number))
        return True

    def ask_all(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Send a request to all primaries, and make one reply of the replies."""
        relay = self.relay_of(client)
        primaries = self.nodes.primaries()
        if relay.reading and plan.drops_all:
            relay.bar()
            return True
        if not primaries:
            self.nodes.refresh()
            return self.fail(client, command, UNREACHABLE + self.nodes.error)
        reply = relay.begin(command)
        done: Callable[[bytes], None] = reply.take
        if plan.drops_all:
            self.near.suspend()
            done = self.resuming(reply.take)
        gather = Gather(len(primaries), merge_of(command.declaration.name, plan.policy), done)
        request = pack(tuple(args))
        self.passed += 1
        for number, node in enumerate(primaries):
            self.ask_one(client, request, node, plan, gather.part(number))
        return True

    def ask_one(
        self, client: Client, request: bytes, node: Node, plan: Plan, done: Callable[[list[bytes]], None]
    ) -> None:
        """Send one node's copy; a KILL by a connection of its own, since the others wait for what it is to end."""
        if plan.policy != "one_succeeded":
            self.dispatcher.send(
                Ask([request], done, node=node, db=self.db_of(client), resp3=client.resp3, may_repeat=plan.repeats)
            )
            return
        link = self.nodes.own_link(node, self.db_of(client), client.resp3)
        if link is None:
            done([b"-" + NO_LINK + b"\r\n"])
            return
        own = link

        def take(frames: list[bytes]) -> None:
            self.nodes.give_back(own)
            done(frames)

        link.send(Ask([request], take))

    def resuming(self, done: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """`done`, and before it keys may be kept again."""

        def take(frame: bytes) -> None:
            self.near.resume()
            done(frame)

        return take

    def scan(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Walk the nodes one after the other; the cursor says at which one the walk is."""
        if not self.nodes.is_cluster or not args[1].isdigit():
            return self.pass_on(client, command, args, plan)
        cursor, number = divmod(int(args[1]), MOST_NODES)
        primaries = self.nodes.primaries()
        numbers = {self.nodes.scanned.index(node) + 1: node for node in primaries}
        number = next((one for one in numbers if one >= max(number, 1)), 0)
        if not number:
            return self.answer(client, command, array([bulk(b"0"), array([])]))
        reply = self.relay_of(client).begin(command)

        def take(frames: list[bytes]) -> None:
            reply.take(scanned(frames[0], number, list(numbers)))

        request = pack((args[0], b"%d" % cursor, *args[2:]))
        self.passed += 1
        self.dispatcher.send(
            Ask([request], take, node=numbers[number], db=self.db_of(client), resp3=client.resp3, may_repeat=True)
        )
        return True

    # ------------------------------------------------------------------ reads that may be kept

    def read(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Answer a read from here, or let its reply be kept; False if it has to be passed on as any other request."""
        if command.last_key < 0 and len(args) > FIRST_KEY + 1:
            return (
                command.key_step == 1 and command.declaration.name == "MGET" and self.read_many(client, command, args)
            )
        key = args[FIRST_KEY]
        if not client.resp3 and (plan.is_shaped or SHAPED_WORDS.intersection(map(bytes.upper, args[2:]))):
            return False
        field = field_of(command.name, args)
        if field == b"mget":
            return self.read_many(client, command, args)
        slot = slot_of(key) if self.nodes.is_cluster else 0
        frame = self.near.kept(slot, self.db_of(client), key, field)
        if frame is not None:
            self.near.hits += 1
            return self.answer(client, command, frame if client.resp3 else to_resp2(frame))
        if not self.near.may_keep(key) or self.nodes.owners[slot] is None:
            return False
        relay = self.relay_of(client)
        reply = relay.begin(command)
        self.fetch(client, slot, key, field, pack(tuple(args)), self.taking(client, reply, key))
        return True

    def taking(self, client: Client, reply: Reply, key: bytes) -> Callable[[bytes], None]:
        """What gives a reply of a read to its client, in its protocol."""
        if client.resp3:
            return reply.take
        relay = reply.relay
        relay.begin_read(key)

        def take(frame: bytes) -> None:
            relay.end_read(key)
            reply.take(to_resp2(frame))

        return take

    def fetch(
        self, client: Client, slot: int, key: bytes, field: bytes, request: bytes, take: Callable[[bytes], None]
    ) -> None:
        """Let a read be answered: by one that is under way, or by a new one."""
        db = self.db_of(client)
        fetch = self.near.fetch_under_way(db, key, field)
        if fetch is not None:
            self.near.joined += 1
            fetch.askers.append(take)
            return
        node = self.nodes.owners[slot]
        assert node is not None
        fetch = self.near.begin_fetch(node, db, key, field)
        fetch.askers.append(take)
        ask = Ask((pack((b"PTTL", key)), request), lambda frames: None, slot, None, db, True, True, is_tracked=True)
        begun = fetch

        def done(frames: list[bytes]) -> None:
            link = ask.link
            is_sure = link is not None and not link.is_lost and not ask.is_asking
            self.near.end_fetch(begun, frames, link.node if is_sure else None)

        ask.done = done
        self.passed += 1
        self.dispatcher.send(ask)

    def read_many(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """MGET: what is here is taken from here, the rest is read key by key, in one go."""
        keys = args[FIRST_KEY:]
        is_cluster, near, db = self.nodes.is_cluster, self.near, self.db_of(client)
        slots = [slot_of(key) if is_cluster else 0 for key in keys]
        frames = [near.kept(slot, db, key, GET) for slot, key in zip(slots, keys, strict=True)]
        missing = [i for i, frame in enumerate(frames) if frame is None]
        if not missing:
            near.hits += 1
            return self.answer(client, command, values_of([frame or NULL for frame in frames], client.resp3))
        if not all(near.may_keep(keys[i]) and self.nodes.owners[slots[i]] is not None for i in missing):
            return False
        relay = self.relay_of(client)
        reply = relay.begin(command)
        known = [frame or NULL for frame in frames]
        gather = Gather(len(missing), lambda found: merged(known, missing, found, client.resp3), reply.take)
        for number, i in enumerate(missing):
            self.fetch_for_many(client, relay, slots[i], keys[i], gather.part(number))
        return True

    def fetch_for_many(
        self, client: Client, relay: Relay, slot: int, key: bytes, part: Callable[[list[bytes]], None]
    ) -> None:
        """Read one key of an MGET."""
        is_apart = not client.resp3
        if is_apart:
            relay.begin_read(key)

        def take(frame: bytes) -> None:
            if is_apart:
                relay.end_read(key)
            part([frame])

        self.fetch(client, slot, key, GET, pack((b"GET", key)), take)

    # ------------------------------------------------------------------ a connection for one client

    def pass_alone(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Send a request that may wait at the upstream, by a connection that nobody else waits for."""
        if not may_wait(command, args):
            return self.pass_on(client, command, args, plan)
        relay = self.relay_of(client)
        if relay.waiting:
            relay.bar()
            return True
        slot = self.slot_of(command, args)
        if slot == SEVERAL:
            return self.fail(client, command, errors.CROSS_SLOT)
        node = self.nodes.owners[max(slot, 0)]
        if node is None:
            self.nodes.refresh()
            return self.fail(client, command, UNREACHABLE + self.nodes.error)
        link = self.nodes.own_link(node, self.db_of(client), client.resp3)
        if link is None:
            return self.fail(client, command, NO_LINK)
        Waiting(self, client, command, args, plan, slot, link).begin()
        return True

    # ------------------------------------------------------------------ transactions

    def transact(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """EXEC, DISCARD, WATCH, UNWATCH."""
        return self.transactions[command.declaration.name](client, command, args)

    def execute(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """EXEC: send the whole transaction to the node of its keys."""
        queue = client.queue
        relay = self.relay_of(client)
        if queue is None:
            return False
        pinned = relay.pinned
        if client.queue_error or (pinned is None and self.are_own(queue)):
            self.forget_watched(relay)
            return False
        try:
            batch = self.judge(self.tag_queue(client, relay, queue), pinned is None)
        except CommandError as wrong:
            self.state.end_transaction(client)
            relay.unpin()
            return self.answer(client, command, error(wrong.text))
        keys, groups = batch.keys(), batch.groups()
        if relay.is_reading(keys):
            relay.bar()
            return True
        self.state.end_transaction(client)
        if pinned is not None and (pinned.is_lost or not self.is_at(next(iter(groups)), pinned.node)):
            relay.unpin()
            return self.answer(client, command, NULL if client.resp3 else b"*-1\r\n")
        reply = relay.begin(command)
        relay.translate = None
        self.near.begin_write(keys)
        done = self.ending_write(keys, self.executed(relay, reply))
        gather = Gather(len(groups), batch.merge(groups), lambda frame: done([frame]))
        for number, (slot, indexes) in enumerate(groups.items()):
            parts = [MULTI, *(pack(tuple(batch.parts[i].request)) for i in indexes), EXEC]
            self.send_transaction(client, relay, parts, slot, done if len(groups) == 1 else gather.part(number))
        return True

    def are_own(self, queue: list[Any]) -> bool:
        """Do all these requests concern this server alone?"""
        return all(self.plans[command].way == plans.LOCAL for command, _ in queue)

    def judge(self, queue: list[Any], may_split: bool) -> Batch:
        """The requests of a transaction: of one slot, unless the setting lets those be split that watch nothing.

        Raises:
            CommandError: it cannot be carried out.
        """
        batch = Batch()
        may_split = may_split and self.may_split
        for command, args in queue:
            plan = self.plans[command]
            is_of_all = plan.way in (plans.ALL, plans.SCAN)
            if not plan.in_transaction and (not is_of_all or self.nodes.is_cluster):
                text = (ALL_NODES if is_of_all else OWN_STATE) % command.name
                raise CommandError(ABORT + text.removeprefix(b"ERR "))
            slot = self.slot_of(command, args)
            if slot == SEVERAL and may_split and plan.way == plans.SPLIT:
                batch.add_split(*split(command, args, plan))
            else:
                batch.add(Part(slot, args, keys_read(command.declaration, args) if plan.writes else []))
        groups = batch.groups()
        if SEVERAL in groups or (len(groups) > 1 and not may_split):
            raise CommandError(errors.CROSS_SLOT)
        return batch

    def send_transaction(
        self, client: Client, relay: Relay, parts: list[bytes], slot: int, done: Callable[[list[bytes]], None]
    ) -> None:
        """Send MULTI, the requests and EXEC, by the connection that watches, or by the one that all share."""
        self.passed += 1
        ask = Ask(parts, done, slot, None, self.db_of(client), client.resp3)
        ask.is_whole = True
        if relay.pinned is not None:
            ask.parts = [*self.selecting(client, relay.pinned), *parts]
            relay.pinned.send(ask)
        else:
            self.dispatcher.send(ask)

    def executed(self, relay: Relay, reply: Reply) -> Callable[[list[bytes]], None]:
        """What takes the replies of a transaction: that of EXEC, or why it could not be queued."""
        pinned = relay.pinned

        def take(frames: list[bytes]) -> None:
            if pinned is not None and relay.pinned is pinned:
                relay.unpin(self.nodes.give_back)
            frame = frames[-1]
            if len(frames) > 1 and is_error(frame):
                wrong = next((one for one in frames[1:-1] if is_error(one)), None)
                if wrong is not None and pinned is not None and error_text(wrong).startswith((b"MOVED", b"ASK")):
                    frame = NULL if reply.relay.client.resp3 else b"*-1\r\n"
            reply.take(frame)

        return take

    def watch(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """WATCH: the client gets a connection to the node of the keys, unless it has it."""
        relay = self.relay_of(client)
        slot = self.slot_of(command, args)
        if slot == SEVERAL:
            return self.fail(client, command, errors.CROSS_SLOT)
        if client.queue is not None:
            return False
        if relay.waiting:
            relay.bar()
            return True
        node = self.nodes.owners[max(slot, 0)]
        if relay.pinned is None:
            relay.pinned = None if node is None else self.nodes.own_link(node, self.db_of(client), client.resp3)
            if relay.pinned is None:
                return self.fail(client, command, UNREACHABLE + self.nodes.error if node is None else NO_LINK)
        elif relay.pinned.is_lost:
            return self.answer(client, command, b"+OK\r\n")  # EXEC will find out
        elif relay.pinned.node is not node:
            return self.fail(client, command, OTHER_NODE)
        reply = relay.begin(command)
        request = pack(tuple(args))
        relay.pinned.send(Ask([*self.selecting(client, relay.pinned), request], self.watched(relay, reply)))
        return True

    def watched(self, relay: Relay, reply: Reply) -> Callable[[list[bytes]], None]:
        """What takes the reply to WATCH; one that was not done leaves the client without a connection of its own."""

        def take(frames: list[bytes]) -> None:
            if is_error(frames[-1]) and error_text(frames[-1]).startswith((b"MOVED", b"ASK", b"CLUSTERDOWN")):
                self.nodes.refresh()
                relay.unpin()
            elif is_error(frames[-1]) and (relay.pinned is None or relay.pinned.is_lost):
                relay.unpin()
            reply.take(frames[-1])

        return take

    def discard(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """DISCARD: what is queued is forgotten here, what is watched there."""
        if client.queue is not None:
            self.forget_watched(self.relay_of(client))
        return False

    def unwatch(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """UNWATCH."""
        self.forget_watched(self.relay_of(client))
        return False

    def forget_watched(self, relay: Relay) -> None:
        """The connection that watched is given back, or left to end."""
        link, relay.pinned = relay.pinned, None
        if link is not None and not link.is_lost:
            link.send(Ask([UNWATCH], lambda frames: self.nodes.give_back(link)))

    # ------------------------------------------------------------------ databases and channels

    def select(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """SELECT: the upstream must have the database."""
        index = int(args[1]) if args[1].isdigit() and len(args[1]) < 10 else 0
        relay = self.relay_of(client)
        refused, relay.refused = relay.refused, None
        if refused is not None:
            return self.fail(client, command, refused)
        if relay.waiting:
            relay.bar()
            return True
        if index in self.databases or index >= self.state.databases.count:
            return False
        relay.bar(lambda done: self.probe(client, relay, index, done))
        return True

    def probe(self, client: Client, relay: Relay, index: int, done: Callable[[], None]) -> None:
        """Find out whether the upstream has a database."""

        def take(frames: list[bytes]) -> None:
            if is_error(frames[-1]):
                relay.refused = error_text(frames[-1])
            else:
                self.databases.add(index)
            done()

        self.dispatcher.send(Ask([pack((b"PING",))], take, db=index, resp3=client.resp3, may_repeat=True))

    def subscribe(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """SUBSCRIBE and its kin: this server subscribes first, if nobody here has."""
        relay = self.relay_of(client)
        refused, relay.refused = relay.refused, None
        if refused is not None:
            return self.fail(client, command, refused)
        kind = self.subscriptions.kind_of(command.declaration.name)
        names = [name for name in args[1:] if not self.subscriptions.has(kind, name)]
        if not names:
            if relay.waiting:
                relay.bar()
                return True
            return False

        def begin(done: Callable[[], None]) -> None:
            def take(text: bytes | None) -> None:
                relay.refused = text
                done()

            self.subscriptions.subscribe(kind, names, take)

        relay.bar(begin)
        return True

    # ------------------------------------------------------------------ clients that go

    def forget(self, client: Client) -> None:
        """A client has gone, or begins anew."""
        if client.relay is not None:
            client.relay.unpin()

    def leave(self, client: Client) -> None:
        """A client has gone."""
        if client.relay is not None:
            client.relay.close()


class Waiting:
    """A request that waits at the upstream, by a connection of its own."""

    def __init__(
        self, gateway: Gateway, client: Client, command: Command, args: list[bytes], plan: Plan, slot: int, link: Any
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.command = command
        self.args = args
        self.plan = plan
        self.slot = slot
        self.link = link
        self.keys = keys_read(command.declaration, args) if plan.writes else []
        self.translate = client.relay.translate
        self.wait = Wait((), 0)
        self.wait.on_end = self.leave
        self.is_over = False
        self.until_us = monotonic_us() + gateway.dispatcher.patience_us

    def begin(self) -> None:
        """The client waits from now on."""
        client = self.client
        client.commands += 1
        client.relay.alone = self.link
        self.wait.args = self.args
        self.wait.command = self.command
        self.gateway.state.waiters.park(client, self.wait)
        self.gateway.near.begin_write(self.keys)
        self.send(self.link)

    def send(self, link: Any) -> None:
        """Ask by this connection."""
        self.link = self.client.relay.alone = link
        self.gateway.passed += 1
        link.send(Ask([pack(tuple(self.args))], self.take, self.slot, may_repeat=False))

    def take(self, frames: list[bytes]) -> None:
        """The reply is there, unless the slot has moved meanwhile."""
        if self.is_over:
            return
        frame = frames[-1]
        link = self.link
        nodes = self.gateway.nodes
        if is_error(frame) and error_text(frame).startswith(b"MOVED "):
            words = error_text(frame).split()
            host, _, port = words[2].rpartition(b":")
            node = nodes.node((host.decode() or link.node.place[0], int(port)))
            nodes.assign(int(words[1]), node)
            nodes.give_back(link)
            other = nodes.own_link(node, self.gateway.db_of(self.client), self.client.resp3)
            if other is not None:
                self.send(other)
                return
        if error_text(frame).startswith(UNREACHABLE) and monotonic_us() < self.until_us:
            nodes.refresh()
            gevent.spawn_later(PAUSE_SECONDS, self.try_again)
            return
        self.end()
        nodes.give_back(link)
        if self.translate is not None:
            frame = self.translate(frame)
        value = CommandError(error_text(frame)) if is_error(frame) else Encoded(frame)
        self.gateway.engine.unblock(self.client, value)

    def try_again(self) -> None:
        """Nobody has got the request: ask who is the right one now."""
        nodes = self.gateway.nodes
        node = nodes.owners[max(self.slot, 0)]
        link = (
            None
            if node is None or self.is_over
            else nodes.own_link(node, self.gateway.db_of(self.client), self.client.resp3)
        )
        if link is not None:
            self.send(link)
        elif not self.is_over:
            self.take([b"-" + UNREACHABLE + b"\r\n"])
            self.gateway.dispatcher.after()

    def end(self) -> None:
        """Nothing more is waited for."""
        if not self.is_over:
            self.is_over = True
            self.client.relay.alone = None
            self.gateway.near.end_write(self.keys)

    def leave(self) -> None:
        """The client waits no more, and has not got its reply: what the connection still brings is lost with it."""
        if not self.is_over:
            self.end()
            self.link.close()


def may_wait(command: Command, args: list[bytes]) -> bool:
    """May a request wait? One that could be told to (XREAD) does so only then."""
    if "readonly" in command.declaration.flags or command.declaration.name == "XREADGROUP":
        return any(word.upper() == b"BLOCK" for word in args[1:-2])
    return True


def scanned(frame: bytes, number: int, numbers: list[int]) -> bytes:
    """The reply of one node to SCAN, with a cursor that leads through all of them."""
    if is_error(frame):
        return frame
    cursor, keys = items(frame)
    at = int(bulk_value(cursor) or 0)
    if not at:
        number = next((one for one in sorted(numbers) if one > number), 0)
    return array([bulk(b"%d" % (at * MOST_NODES + number)), keys])


def values_of(frames: list[bytes], resp3: bool) -> bytes:
    """The reply to MGET out of those to GET, where what is no string is an error."""
    frames = [NULL if is_error(frame) else frame for frame in frames]
    return array(frames if resp3 else [to_resp2(frame) for frame in frames])


def merged(known: list[bytes], missing: list[int], found: list[bytes], resp3: bool) -> bytes:
    """The reply to MGET out of what was here and what was read."""
    for i, frame in zip(missing, found, strict=True):
        if is_error(frame) and not error_text(frame).startswith(WRONG_TYPE):
            return frame
        known[i] = frame
    return values_of(known, resp3)
