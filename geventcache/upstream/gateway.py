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

from collections.abc import Callable
from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.introspection import keys_read
from geventcache.command.table import Command
from geventcache.resp.frames import NULL, array, bulk, bulk_value, error, error_text, is_error, items, pack, to_resp2
from geventcache.services.clients import Client
from geventcache.services.shards.hashing import SLOTS, slot_of
from geventcache.services.shards.slots import NO_SLOT, Slots
from geventcache.upstream import plan as plans
from geventcache.upstream import tags
from geventcache.upstream.asks import Ask
from geventcache.upstream.dispatch import PRIMARY, UNREACHABLE, Dispatcher
from geventcache.upstream.door import Door, field_of
from geventcache.upstream.link import Link
from geventcache.upstream.merge import Gather, merge_of
from geventcache.upstream.near import GET, Near
from geventcache.upstream.nodes import NO_LINK, Node, Nodes
from geventcache.upstream.plan import SHAPED_WORDS, Plan, is_known, plan_of
from geventcache.upstream.relay import Relay, Reply
from geventcache.upstream.splitting import FIRST_KEY, SEVERAL, split
from geventcache.upstream.subscriptions import Subscriptions
from geventcache.upstream.tagging import Tagging
from geventcache.upstream.transactions import Transactions
from geventcache.upstream.waiting import Waiting, may_wait

# A cursor of SCAN is the node's, with the number of the node behind it.
MOST_NODES = 1024
CURSOR_DIGITS = len(str(MOST_NODES << 64))
REFUSED = b"ERR '%b' is not available with an upstream: %b"
WRONG_TYPE = b"WRONGTYPE"


class Gateway:
    """Between the engine and the upstream.

    Attributes:
        plans: what happens to each command.
        tagging: gives keys their tags, if they have any.
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
            command: plan_of(command.declaration)
            for command in state.table.all()
            if command.handler is not None and is_known(command.declaration)
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
            plans.TRANSACTION: Transactions(self).take,
        }
        self.databases = {0}
        self.tagging = Tagging(self)
        self.passed = 0

    def door(self) -> Door:
        """What stands between the engine and this."""
        reads = {command: command.name for command, plan in self.plans.items() if plan.is_cacheable}
        string = self.state.table.find([b"GET"])
        return Door(self, self.engine, self.near.places, reads, string, self.tagging.is_on)

    # ------------------------------------------------------------------ what the engine asks

    def plan_of(self, command: Command) -> Plan:
        """What happens to a command; those that were added to the server's own are not the upstream's."""
        return self.plans.get(command) or plans.ADDED

    def refusal(self, command: Command) -> bytes | None:
        """Why a command is not available, None if it is."""
        reason = self.plan_of(command).reason
        if self.tagging.is_on:
            reason = tags.REFUSED.get(command.declaration.name, reason)
        return REFUSED % (command.name, reason.encode()) if reason else None

    def take(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """Answer a request, or send it on; False if it is for this server to run."""
        plan = self.plan_of(command)
        if plan.way == plans.LOCAL:
            return False
        if plan.way == plans.LAST:
            return self.await_replies(client)
        if plan.way == plans.REFUSE or (self.tagging.is_on and command.declaration.name in tags.REFUSED):
            self.engine.refuse(client, command, self.refusal(command))
            return True
        if self.nodes.is_cluster is None:
            return self.await_map(client, command)
        try:
            request = self.renumbered(client, command, args, plan)
        except CommandError as wrong:
            return self.fail(client, command, wrong.text)
        if self.tagging.is_on:
            taken = self.tagging.send(client, command, request, plan)
        else:
            taken = self.send_on(client, command, request, plan)
        if taken and self.state.monitors and not client.is_barred:
            self.state.monitors.before_command(client, command, args)
            self.state.monitors.after_command(client, command, args)
        return taken

    def send_on(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Answer a request from what is kept here, or do what its plan says."""
        if client.relay is not None and client.relay.is_executing:
            client.relay.bar()
            return True
        may_read_here = plan.is_cacheable and (client.relay is None or client.relay.pinned is None) and self.near.is_on
        if may_read_here and self.read(client, command, args, plan):
            return True
        if plan.reads_replica and self.dispatcher.read_from != PRIMARY and self.is_of_near(command, args, plan):
            plan = plan._replace(reads_replica=False)
        return self.ways[plan.way](client, command, args, plan)

    def is_of_near(self, command: Command, args: list[bytes], plan: Plan) -> bool:
        """Is that a read of the kind that is kept here? It sees what was written by this server, kept or not."""
        return plan.is_cacheable and self.near.is_on and any(map(self.near.wants, keys_read(command.declaration, args)))

    def await_map(self, client: Client, command: Command) -> bool:
        """Nobody knows yet who has what: put the request off, or refuse it if it was put off for long enough."""
        relay = self.relay_of(client)
        if self.fail_late(relay, command):
            return True

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

    def fail_late(self, relay: Relay, command: Command) -> bool:
        """Answer a request by an error, if what it was put off for has failed."""
        refused, relay.refused = relay.refused, None
        return refused is not None and self.fail(relay.client, command, refused)

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
        return 0 if self.tagging.is_on else client.db.index

    def renumbered(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> list[bytes]:
        """A request with the numbers that the databases it names have at the upstream.

        Raises:
            CommandError: keys have tags, and it names another database than the client's.
        """
        find = command.declaration.databases
        if not plan.names_databases or find is None:
            return args
        args = list(args)
        for i in find(args):
            if args[i].isdigit():
                args[i] = b"%d" % (self.nodes.target.database + self.tagging.database(client, int(args[i])))
        return args

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
        db, resp3 = self.db_of(client), client.resp3
        ask = Ask([request], done, slot, None, db, resp3, plan.repeats, plan.reads_replica)
        pinned = client.relay.pinned if client.relay is not None else None
        if pinned is not None and not pinned.is_lost and self.is_at(slot, pinned.node):
            ask.parts = [*self.selecting(client, pinned), request]
            ask.may_repeat = False
            pinned.send(ask)
        else:
            self.dispatcher.send(ask)

    def selecting(self, client: Client, link: Link) -> list[bytes]:
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
            done([error(NO_LINK)])
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
        if not self.nodes.is_cluster:
            return self.pass_on(client, command, args, plan)
        if not args[1].isdigit() or len(args[1]) > CURSOR_DIGITS:
            return self.fail(client, command, errors.INVALID_CURSOR)
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
        node = self.nodes.owners[slot]
        assert node is not None
        fetch = self.near.fetch_under_way(node, db, key, field)
        if fetch is not None:
            self.near.joined += 1
            fetch.askers.append(take)
            return
        fetch = self.near.begin_fetch(node, db, key, field)
        fetch.askers.append(take)
        ask = Ask((pack((b"PTTL", key)), request), lambda frames: None, slot, None, db, True, True)
        begun = fetch

        def done(frames: list[bytes]) -> None:
            link = ask.link
            is_sure = link is not None and not link.is_lost and link.is_tracked and not ask.is_asking
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
        try:
            link = self.own_link(client, slot)
        except CommandError as wrong:
            return self.fail(client, command, wrong.text)
        Waiting(self, client, command, args, plan, slot, link).begin()
        return True

    def own_link(self, client: Client, slot: int) -> Link:
        """A connection for one client alone, to the node of a slot.

        Raises:
            CommandError: there is none to be had.
        """
        node = self.nodes.owners[max(slot, 0)]
        if node is None:
            self.nodes.refresh()
            raise CommandError(UNREACHABLE + self.nodes.error)
        link = self.nodes.own_link(node, self.db_of(client), client.resp3)
        if link is None:
            raise CommandError(NO_LINK)
        return link

    # ------------------------------------------------------------------ the connection, databases and channels

    @staticmethod
    def await_replies(client: Client) -> bool:
        """It may end the connection: the client gets what it waits for before; False if that is nothing."""
        relay = client.relay
        if relay is None or not relay.waiting:
            return False
        relay.bar()
        return True

    def select(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """SELECT: the upstream must have the database."""
        index = int(args[1]) if args[1].isdigit() and len(args[1]) < 10 else 0
        relay = self.relay_of(client)
        if self.fail_late(relay, command):
            return True
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
        if self.fail_late(relay, command):
            return True
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
