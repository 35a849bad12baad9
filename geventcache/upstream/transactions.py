"""MULTI, EXEC and WATCH with an upstream.

The rules:

- What MULTI queues is queued here, and sent as a whole when EXEC comes: its node is known then. Nothing comes between,
  since a connection carries out one request after the other.
- WATCH gives the client a connection for itself; EXEC goes by it, and until the reply is there nothing else.
- A connection that is lost while it watches may have missed a change: EXEC answers null, as if there had been one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.introspection import keys_read
from geventcache.command.table import Command
from geventcache.resp.frames import NULL, NULL_ARRAY, error, error_text, is_error, pack
from geventcache.services.clients import Client
from geventcache.upstream import plan as plans
from geventcache.upstream.asks import Ask
from geventcache.upstream.merge import Gather
from geventcache.upstream.plan import Plan
from geventcache.upstream.relay import Relay, Reply
from geventcache.upstream.splitting import SEVERAL, Batch, Part, split

if TYPE_CHECKING:
    from geventcache.upstream.gateway import Gateway

MULTI, EXEC = pack((b"MULTI",)), pack((b"EXEC",))
ALL_NODES = b"ERR '%b' concerns all nodes of the upstream and cannot be part of a transaction"
OWN_STATE = b"ERR '%b' concerns this server and cannot be part of a transaction with keys of the upstream"
OTHER_NODE = b"CROSSSLOT Watched keys and those of a transaction must be at one node"
ABORT = b"EXECABORT Transaction discarded because of: "


class Transactions:
    """Those of one server.

    Attributes:
        may_split: those over several slots are carried out slot by slot.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.may_split: bool = gateway.state.config["upstream-split-transactions"]
        self.ways = {"EXEC": self.execute, "DISCARD": self.discard, "WATCH": self.watch, "UNWATCH": self.unwatch}

    def take(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """EXEC, DISCARD, WATCH, UNWATCH."""
        return self.ways[command.declaration.name](client, command, args)

    def execute(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """EXEC: send the whole transaction to the node of its keys."""
        queue = client.queue
        relay = self.gateway.relay_of(client)
        if queue is None:
            return False
        pinned = relay.pinned
        if client.queue_error or (pinned is None and self.are_own(queue)):
            relay.unpin()
            return False
        try:
            queue = self.gateway.tagging.tag_queue(client, relay, self.renumbered(client, queue))
            batch = self.judge(queue, pinned is None)
        except CommandError as wrong:
            self.gateway.state.end_transaction(client)
            relay.unpin()
            return self.gateway.answer(client, command, error(wrong.text))
        keys, groups = batch.keys(), batch.groups()
        if relay.is_reading(keys):
            relay.bar()
            return True
        self.gateway.state.end_transaction(client)
        if pinned is not None and (pinned.is_lost or not self.gateway.is_at(next(iter(groups)), pinned.node)):
            relay.unpin()
            return self.gateway.answer(client, command, undone(client))
        reply = relay.begin(command)
        relay.translate = None
        relay.is_executing = pinned is not None
        self.gateway.near.begin_write(keys)
        done = self.gateway.ending_write(keys, self.executed(relay, reply))
        gather = Gather(len(groups), batch.merge(groups), lambda frame: done([frame]))
        for number, (slot, indexes) in enumerate(groups.items()):
            parts = [MULTI, *(pack(tuple(batch.parts[i].request)) for i in indexes), EXEC]
            self.send_transaction(client, relay, parts, slot, done if len(groups) == 1 else gather.part(number))
        return True

    def renumbered(self, client: Client, queue: list[Any]) -> list[Any]:
        """These requests with the upstream's numbers of databases.

        Raises:
            CommandError: one names a database that is out of reach.
        """
        gateway = self.gateway
        return [(one, gateway.renumbered(client, one, args, gateway.plan_of(one))) for one, args in queue]

    def are_own(self, queue: list[Any]) -> bool:
        """Do all these requests concern this server alone?"""
        return all(self.gateway.plan_of(command).way == plans.LOCAL for command, _ in queue)

    def judge(self, queue: list[Any], may_split: bool) -> Batch:
        """The requests of a transaction: of one slot, unless the setting lets those be split that watch nothing.

        Raises:
            CommandError: it cannot be carried out.
        """
        batch = Batch()
        may_split = may_split and self.may_split
        for command, args in queue:
            plan = self.gateway.plan_of(command)
            is_of_all = plan.way in (plans.ALL, plans.SCAN)
            if not plan.in_transaction and (not is_of_all or self.gateway.nodes.is_cluster):
                text = (ALL_NODES if is_of_all else OWN_STATE) % command.name
                raise CommandError(ABORT + text.removeprefix(b"ERR "))
            slot = self.gateway.slot_of(command, args)
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
        self.gateway.passed += 1
        ask = Ask(parts, done, slot, None, self.gateway.db_of(client), client.resp3)
        ask.is_whole = True
        if relay.pinned is not None:
            ask.parts = [*self.gateway.selecting(client, relay.pinned), *parts]
            relay.pinned.send(ask)
        else:
            self.gateway.dispatcher.send(ask)

    def executed(self, relay: Relay, reply: Reply) -> Callable[[list[bytes]], None]:
        """What takes the replies of a transaction: that of EXEC, or why it could not be queued."""
        pinned = relay.pinned

        def take(frames: list[bytes]) -> None:
            if pinned is not None:
                relay.is_executing = False
                relay.unpin(is_clean=True)
            frame = frames[-1]
            if len(frames) > 1 and is_error(frame):
                wrong = next((one for one in frames[1:-1] if is_error(one)), None)
                if wrong is not None and pinned is not None and error_text(wrong).startswith((b"MOVED", b"ASK")):
                    frame = undone(relay.client)
            reply.take(frame)

        return take

    def watch(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """WATCH: the client gets a connection to the node of the keys, unless it has it."""
        relay = self.gateway.relay_of(client)
        slot = self.gateway.slot_of(command, args)
        if slot == SEVERAL:
            return self.gateway.fail(client, command, errors.CROSS_SLOT)
        if client.queue is not None:
            return False
        if relay.waiting:
            relay.bar()
            return True
        nodes = self.gateway.nodes
        if relay.pinned is None:
            try:
                relay.pin(self.gateway.own_link(client, slot), nodes.give_back)
            except CommandError as wrong:
                return self.gateway.fail(client, command, wrong.text)
        elif relay.pinned.is_lost:
            return self.gateway.answer(client, command, b"+OK\r\n")  # EXEC will find out
        elif relay.pinned.node is not nodes.owners[max(slot, 0)]:
            return self.gateway.fail(client, command, OTHER_NODE)
        reply = relay.begin(command)
        request = pack(tuple(args))
        relay.pinned.send(Ask([*self.gateway.selecting(client, relay.pinned), request], self.watched(relay, reply)))
        return True

    def watched(self, relay: Relay, reply: Reply) -> Callable[[list[bytes]], None]:
        """What takes the reply to WATCH; one that was not done leaves the client without a connection of its own."""

        def take(frames: list[bytes]) -> None:
            if is_error(frames[-1]):
                self.gateway.nodes.refresh()
                relay.unpin()
            reply.take(frames[-1])

        return take

    def discard(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """DISCARD: what is queued is forgotten here, what is watched there."""
        if client.queue is not None:
            self.gateway.relay_of(client).unpin()
        return False

    def unwatch(self, client: Client, command: Command, args: list[bytes]) -> bool:
        """UNWATCH."""
        self.gateway.relay_of(client).unpin()
        return False


def undone(client: Client) -> bytes:
    """The reply to EXEC where what was watched has changed."""
    return NULL if client.resp3 else NULL_ARRAY
