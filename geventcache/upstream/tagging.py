"""upstream-hash-tag at work: requests get the tag, and what concerns a whole database walks its keys."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import AsyncResult

from geventcache.base.errors import CommandError
from geventcache.command.introspection import keys_read
from geventcache.command.table import Command
from geventcache.resp.frames import NULL_BULK, bulk_value, is_error, items, pack
from geventcache.services.clients import Client
from geventcache.services.shards.hashing import slot_of
from geventcache.services.shards.slots import NO_SLOT
from geventcache.upstream import plan as plans
from geventcache.upstream import tagged_scripts, tags
from geventcache.upstream.asks import Ask
from geventcache.upstream.plan import Plan
from geventcache.upstream.relay import Relay, Reply
from geventcache.upstream.subscriptions import EVENTS
from geventcache.upstream.tagged_scripts import TaggedScripts

if TYPE_CHECKING:
    from geventcache.upstream.gateway import Gateway


class Tagging:
    """The tags of one server.

    Attributes:
        is_on: there are any.
        scripts: those that were seen.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.is_on: bool = gateway.state.config["upstream-hash-tag"]
        self.scripts = TaggedScripts()

    def send(self, client: Client, command: Command, args: list[bytes], plan: Plan) -> bool:
        """`Gateway.send_on`, with the tag of the client's database."""
        name = command.declaration.name
        relay = self.gateway.relay_of(client)
        prefix = tags.prefix_of(client.db.index)
        if name in tags.WALKED:
            return self.walk(client, relay, command)
        if plan.way == plans.SELECT:
            return False
        if plan.way == plans.SUBSCRIBE and any(word.startswith(EVENTS) for word in args[1:]):
            self.gateway.fail(client, command, tags.EVENTS_REFUSED)
            return True
        relay.translate = self.translation(command, args, prefix)
        request = self.tagged(command, args, prefix)
        try:
            if name in tags.PATTERNS or (name in tags.SCRIPTS and not keys_read(command.declaration, args)):
                reply = relay.begin(command)
                self.gateway.send(client, pack(tuple(request)), self.slot_of_tag(prefix), plan, [], reply.take_last)
                return True
            is_taken: bool = self.gateway.send_on(client, command, request, plan)
            return is_taken
        finally:
            relay.translate = None

    def database(self, client: Client, number: int) -> int:
        """The database at the upstream, counted from that of the URL, of one that a request names.

        Raises:
            CommandError: its keys have another tag.
        """
        if not self.is_on:
            return number
        if number != client.db.index:
            raise CommandError(tags.OTHER_DATABASE)
        return 0

    def tagged(self, command: Command, args: list[bytes], prefix: bytes) -> list[bytes]:
        """A request with the tag."""
        declaration = command.declaration
        return self.scripts.request(declaration, tags.tagged(declaration, args, prefix), prefix)

    @staticmethod
    def translation(command: Command, args: list[bytes], prefix: bytes) -> tags.Translate:
        """What makes the reply to a request the client's."""
        declaration = command.declaration
        named = tags.translation(declaration, prefix) or tagged_scripts.translation(declaration, args, prefix)
        return lambda frame: tags.reply_untagged(frame, prefix, named)

    def slot_of_tag(self, prefix: bytes) -> int:
        """Where all keys with a tag are."""
        slot: int = slot_of(prefix) if self.gateway.nodes.is_cluster else NO_SLOT
        return slot

    def tag_queue(self, client: Client, relay: Relay, queue: list[Any]) -> list[Any]:
        """The requests of a transaction with the tag; their replies will lose it."""
        if not self.is_on:
            return queue
        prefix = tags.prefix_of(client.db.index)
        translations = [self.translation(command, args, prefix) for command, args in queue]
        relay.translate = lambda frame: tags.replies_untagged(frame, translations)
        return [(command, self.tagged(command, args, prefix)) for command, args in queue]

    def walk(self, client: Client, relay: Relay, command: Command) -> bool:
        """Do what concerns a whole database to its keys."""
        if relay.waiting:
            relay.bar()
            return True
        name = command.declaration.name
        count = self.gateway.state.databases.count
        databases = list(range(count)) if name == "FLUSHALL" else [client.db.index]
        gevent.spawn(self.run_walk, name, databases, relay.begin(command))
        return True

    def run_walk(self, name: str, databases: list[int], reply: Reply) -> None:
        """The greenlet of `walk`."""
        is_flush = name.startswith("FLUSH")
        if is_flush:
            self.gateway.near.suspend()
        try:
            reply.take(self.walked(name, databases))
        finally:
            if is_flush:
                self.gateway.near.resume()
            self.gateway.dispatcher.after()

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
        self.gateway.passed += 1
        self.gateway.dispatcher.send(Ask([pack(request)], result.set, slot, may_repeat=True))
        frames: list[bytes] = result.get()
        return frames[-1]
