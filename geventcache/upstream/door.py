"""Where the engine hands requests over: what is kept here is answered at once, the rest is the gateway's.

Every request of a near side passes this, so it is compiled; the common case, a read that is kept, is a straight line.
"""

from typing import Any

import cython

from geventcache.resp.writer import ReplyWriter
from geventcache.services.shards.hashing import slot_of
from geventcache.store.keyspace import Keyspace
from geventcache.types.hashes import Hash

# Of a frame that is the same in both protocols: a string, a number, a status.
DOLLAR, COLON, PLUS, MINUS = 36, 58, 43, 45


class Door:
    """The door of one server.

    Attributes:
        gateway: takes what is not answered here.
        places: of each slot the stores of its owner, by database.
        reads: the field by which the replies to a command are kept, for commands whose replies are.
        string: the command whose replies are kept as they are, under the key itself.
        is_single: the upstream has no slots.
        is_shut: nothing may be answered here, since keys have tags.
        hits: how many were.
    """

    def __init__(self, gateway, engine, places, reads, string, is_shut) -> None:
        self.gateway = gateway
        self.engine = engine
        self.out: ReplyWriter = engine.out
        self.places = places
        self.reads = reads
        self.string = string
        self.is_single = False
        self.is_shut = is_shut
        self.hits = 0

    def refusal(self, command):
        """Why a command is not available, None if it is."""
        return self.gateway.refusal(command)

    def take(self, client, command, args):
        """Answer a request, or send it on; False if it is for this server to run."""
        if not (self.is_shut or client.is_special or self.engine.is_special) and command in self.reads:
            relay = client.relay
            if (relay is None or relay.pinned is None) and self.answer(client, command, args):
                return True
        return self.gateway.take(client, command, args)

    def answer(self, client, command, args):
        """Answer a read that is kept; False if it is not."""
        if command.last_key < 0 and len(args) > 2:
            return False
        key: bytes = args[1]
        slot: cython.int = 0 if self.is_single else slot_of(key)
        stores: dict = self.places[slot]
        db: Keyspace = client.db
        store: Keyspace | None = stores.get(db.index)
        if store is None:
            return False
        value: Any = store.read(key)
        if value is None:
            return False
        if type(value) is bytes:
            if command is not self.string:
                return False
            self.out.bulk(value)
        elif type(value) is not Hash or not self.answer_field(client, command, args, store, value):
            return False
        self.hits += 1
        client.commands += 1
        command.calls += 1
        return True

    def answer_field(self, client, command, args, store, value):
        """Answer by a frame that is kept; False if there is none, or the client needs another one."""
        field: bytes = self.reads[command]
        if len(args) > 2:
            field = field_of(field, args)
        frame: bytes | None = value.get_live(field, store.clock.now_ms)
        if frame is None or not (client.resp3 or frame[0] in (DOLLAR, COLON, PLUS, MINUS)):
            return False
        self.out.raw(frame)
        return True


def field_of(name, args):
    """The field of a read: its command, and its arguments behind the key with their lengths."""
    if len(args) == 2:
        return name
    return name + b"".join([b" %d:%b" % (len(arg), arg) for arg in args[2:]])
