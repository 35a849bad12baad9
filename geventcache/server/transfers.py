"""Sends all data to replicas that cannot go on where they were.

The rules:

- One image at a time, for all replicas that wait when it begins: `repl-diskless-sync-delay` seconds are left to others
  to come. What happens from its instant on waits for each of them in the backlog.
- It goes straight from memory into the sockets, as fast as the slowest takes it: nothing is kept of what all have
  taken. Behind it stands a mark; a replica that does not understand that needs the size before, and so a file.
- Until a replica has answered it gets nothing of the stream, in which it would look for the mark.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.event import Event

from geventcache.persistence.files import write_blocks
from geventcache.persistence.snapshot_writer import Header, SnapshotWriter
from geventcache.server.slices import SNAPSHOT_US, Slices
from geventcache.server.untold import Untold
from geventcache.services.replication.replicas import SENDING, WAITING, WINDOW_BYTES, Replica

RETRY_SECONDS = 0.05
MARK_CHARACTERS = 40
READ_BYTES = 256 << 10
FUNCTIONS = b"functions"
REPL_STREAM_DB = b"repl-stream-db"
EOF = b"eof"


class Transfers:
    """The transfers of one server."""

    def __init__(self, feeding: Any) -> None:
        self.feeding = feeding
        self.server = feeding.server
        self.state = feeding.state
        self.config = feeding.config
        self.log = feeding.log
        self.replication = feeding.replication
        self.history = feeding.history
        self.greenlet: Any = None
        self.slices = Slices(self.server, SNAPSHOT_US)
        self.untold = Untold(self.state)
        self.room = Event()
        self.group: list[Replica] = []
        self.preparing: list[Replica] = []

    def begin(self) -> None:
        """A replica waits for all data."""
        if self.greenlet is None:
            self.greenlet = gevent.spawn(self.run)

    def stop(self, block: bool = True) -> None:
        """End what runs."""
        if self.greenlet is not None:
            self.greenlet.kill(block=block)
            self.greenlet = None

    def is_sent(self, replica: Replica) -> bool:
        """Has a replica been sent all of its file?"""
        return replica not in self.group

    def is_preparing(self, replica: Replica) -> bool:
        """Is the file of a replica still being written?"""
        return replica in self.preparing

    # ------------------------------------------------------------------ the greenlet

    def run(self) -> None:
        """Serve all who wait, group by group."""
        try:
            while self.waiting():
                gevent.sleep(self.config["repl-diskless-sync-delay"])
                self.serve()
        except Exception as error:  # whoever waits asks again when the connection ends
            self.log.error("replication_failed", error=repr(error), exc_info=error)
            for replica in [*self.group, *self.waiting()]:
                self.feeding.drop(replica, "the data could not be sent")
        finally:
            self.group, self.preparing = [], []
            if self.greenlet is gevent.getcurrent():
                self.greenlet = None

    def waiting(self) -> list[Replica]:
        """Who waits."""
        return [one for one in self.replication.replicas.values() if one.state == WAITING]

    def serve(self) -> None:
        """Send a file to all who wait for the same kind of one as the first."""
        waiting = self.waiting()
        if not waiting:
            return
        kind = kind_of(waiting[0])
        if waiting[0].parts is None:
            self.wait_for_image()
        self.group = [one for one in self.waiting() if kind_of(one) == kind]
        if not self.group:
            return
        parts, takes_mark = kind
        image = None
        try:
            self.slices.begin()
            image, blocks = self.take(parts)
            for replica in self.group:
                self.announce(replica)
            is_whole = self.send_marked(blocks) if takes_mark else self.send_sized(blocks)
            is_whole = is_whole and not (image is not None and image.is_void)
        finally:
            self.untold.end()
            if image is not None:
                image.end()
        group, self.group = self.group, []
        for replica in group:
            if is_whole:
                self.finish(replica, takes_mark)
            else:
                self.feeding.drop(replica, "the data were exchanged amid their transfer")

    def wait_for_image(self) -> None:
        """Wait until nobody else takes an image of the data, and no script is amid its work."""
        while self.state.snapshots.image is not None or self.state.scripting.is_busy:
            gevent.sleep(RETRY_SECONDS)

    def take(self, parts: frozenset[bytes] | None) -> tuple[Any, Iterator[bytes | memoryview]]:
        """Take what is to be sent, of all data or only some parts; an image if it needs one."""
        if parts is not None:
            codes = self.state.scripting.libraries.codes() if FUNCTIONS in parts else []
            return None, SnapshotWriter(Header(False, {}, codes), []).blocks()
        if self.replication.primary is not None:
            # The stream of another server cannot be added to: only servers that know such files can follow this one.
            image = self.state.snapshots.take({REPL_STREAM_DB: b"%d" % self.server.following.selected})
            return image, image.blocks()
        self.untold.begin()
        image = self.state.snapshots.take({REPL_STREAM_DB: b"0"}, self.untold.note)
        return image, self.untold.told_amid(image.blocks())

    def announce(self, replica: Replica) -> None:
        """The file is that of this moment: the stream goes on from here."""
        replica.position = self.replication.position
        replica.acknowledged = 0
        replica.state = SENDING
        self.feeding.select_anew()
        if replica.knows_ids:
            replica.client.push(b"+FULLRESYNC %b %d\r\n" % (self.history.id, replica.position))

    def finish(self, replica: Replica, takes_mark: bool) -> None:
        """A replica has been sent its file."""
        self.log.info("replica_sent", replica=replica.place)
        if replica.wants_file_only:
            replica.client.close()
        elif not takes_mark:
            self.feeding.attach(replica)
            self.server.end_turn()

    # ------------------------------------------------------------------ the bytes

    def send_marked(self, blocks: Iterator[bytes | memoryview]) -> bool:
        """Send blocks between two marks; False if nobody is left to get them."""
        mark = secrets.token_hex(MARK_CHARACTERS // 2).encode()
        self.push(b"$EOF:%b\r\n" % mark)
        for block in blocks:
            if not self.push(block):
                return False
        return self.push(mark)

    def send_sized(self, blocks: Iterator[bytes | memoryview]) -> bool:
        """Write blocks into a file, then send its size and the file."""
        with tempfile.TemporaryFile(buffering=0) as file:
            try:
                return self.send_file(file, blocks)
            finally:
                self.server.saving.run(file.close)  # it is gone then, which takes the system a while

    def send_file(self, file: Any, blocks: Iterator[bytes | memoryview]) -> bool:
        """The same with an empty file; False if nobody is left to get it."""
        self.preparing = self.group
        run = self.server.saving.run
        size = 0
        for block in blocks:
            if block:
                run(write_blocks, file.fileno(), [block])
                size += len(block)
            self.slices.breathe()
        self.preparing = []
        self.push(b"$%d\r\n" % size)
        file.seek(0)
        while block := run(file.read, READ_BYTES):
            if not self.push(block):
                return False
        return True

    def push(self, block: bytes | memoryview) -> bool:
        """Send a block to the group, and wait until the slowest has room for another; False if nobody is left."""
        if block:
            data = bytes(block)
            for replica in self.group:
                replica.on_room = self.room.set
                replica.client.push(data)
                self.replication.fed_bytes += len(block)
            self.server.end_turn()
            self.wait_for_room()
        self.slices.breathe()
        self.keep_present()
        return bool(self.group)

    def wait_for_room(self) -> None:
        """Wait until all have taken most of what they were sent; who takes nothing for too long is dropped."""
        while any(one.client.outbox_size > WINDOW_BYTES for one in self.group):
            sizes = {one: one.client.outbox_size for one in self.group}
            self.room.clear()
            if not self.room.wait(self.config["repl-timeout"]):
                for replica, size in sizes.items():
                    if replica.client.outbox_size == size:
                        self.feeding.drop(replica, "it takes nothing for too long")
            self.keep_present()
            self.slices.begin()

    def keep_present(self) -> None:
        """Forget who has gone."""
        self.group = [one for one in self.group if one.client in self.replication.replicas]


def kind_of(replica: Replica) -> tuple[frozenset[bytes] | None, bool]:
    """What kind of a file a replica needs: of which parts, and whether with a mark."""
    return replica.parts, EOF in replica.capabilities
