"""Writes what is noted to the journal's file: it goes to the disk before anybody is told of it.

The rules:

- What was noted in a turn of the loop is written when the turn is over, and with `appendfsync always` brought to the
  disk: one write and one sync for all clients whose turns it were. A thread of its own does it (`server/disk.py`);
  clients are served meanwhile. A write alone is left to the system's cache, which takes some microseconds; to change
  threads takes more. So the loop does it, until one was slow: then the thread does it for a minute, as it does while a
  snapshot or a new base is written, when the disk has more to do.
- What a turn with effects sends, to whomever, waits until they are written (`hold`). What a client is sent after that
  waits behind it. While a sync of `everysec` is under way, which may hold up a write, nobody waits: what is noted then
  is written after it, two seconds later at most.
- A failed write is tried again at the next `tick`. What waits for it goes on waiting, and keys cannot be changed
  meanwhile (`Journal.error`). After a failed sync the system has forgotten what it could not write: nothing is written
  before the journal is written anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from gevent import get_hub

from geventcache.base.clock import monotonic_us
from geventcache.engine.effects import UNKNOWN_DATABASE, EffectStream
from geventcache.persistence.journal_file import JournalFile, SyncError
from geventcache.server.disk import Disk, Job

ALWAYS, EVERYSEC = b"always", b"everysec"
SECOND_US = 1_000_000
LONGEST_DELAY_US = 2 * SECOND_US
MOST_WAITING = 64 << 20
MOST_AT_ONCE = 1 << 20
SLOW_US = 2000
TICKS_IN_THREAD = 60


class Chunk:
    """Bytes that a file is to get.

    Attributes:
        pieces, size: the bytes, and how many they are.
        end: how many bytes were noted up to its end.
        held: what may be sent as soon as they are safe: connections with bytes.
        ends_file: they are the file's last.
        is_moot: they need not be written any more.
    """

    __slots__ = ("end", "ends_file", "file", "held", "is_moot", "pieces", "size")

    def __init__(
        self, file: JournalFile, pieces: list[bytes | bytearray], end: int, held: list[tuple[Any, bytes]]
    ) -> None:
        self.file = file
        self.pieces = pieces
        self.size = sum(map(len, pieces))
        self.end = end
        self.held = held
        self.ends_file = False
        self.is_moot = False

    def write(self, syncs: bool) -> None:
        """Append them to the file, and bring them to the disk if `syncs`.

        Raises:
            OSError: that cannot be done.
        """
        if self.is_moot:
            if self.ends_file:
                self.file.close()
        elif self.ends_file:
            self.file.finish()
        elif self.pieces:
            self.file.append(self.pieces, syncs)

    def drop(self) -> None:
        """They need not be written any more."""
        self.is_moot = True
        self.forget()

    def forget(self) -> None:
        """They are not to be written again."""
        self.pieces = []
        self.size = 0


class JournalWriter(EffectStream):
    """Writes the journal of one server.

    Attributes:
        file: what is noted now goes there, None while nothing is noted.
        chunks: what is to be written, in this order; the first one is being written while `job` is.
        held: what may be sent as soon as `data` is safe.
        job: what the disk does, None while it does nothing.
        written, synced: how many of the bytes noted are written, and are on the disk.
        waiters: what is to be called when so many bytes are on the disk.
        must_rewrite: nothing can be written before the journal is written anew.
        wants_sync: a sync is to be next.
        is_resting: what failed is not tried again before the next tick.
        slow_ticks: for so many ticks the loop writes nothing itself.
        is_direct: there may be no loop that turns: `write_directly` is called after each command.
    """

    def __init__(self, server: Any) -> None:
        super().__init__(holds_replies=True)
        self.server = server
        self.state = server.state
        self.config = server.config
        self.engine = server.engine
        self.journal = self.state.journal
        self.journal.on_wait = self.when_synced
        self.journal.waiting = self.waiting
        self.disk: Disk | None = None
        self.file: JournalFile | None = None
        self.chunks: deque[Chunk] = deque()
        self.held: list[tuple[Any, bytes]] = []
        self.job: Job | None = None
        self.written = self.synced = 0
        self.waiters: list[tuple[int, Callable[[], None]]] = []
        self.sync_began_us = 0
        self.noted_s = 0
        self.must_rewrite = False
        self.wants_sync = False
        self.is_resting = False
        self.is_direct = False
        self.slow_ticks = 0

    # ------------------------------------------------------------------ what is noted, and who waits for it

    def begin(self) -> None:
        """The first unit of a chunk: it is written when the turn of the loop is over."""
        if self.config["aof-timestamp-enabled"]:
            now_s = self.state.clock.now_ms // 1000
            if now_s != self.noted_s:
                self.noted_s = now_s
                self.remark(b"#TS:%d\r\n" % now_s)
        if self.job is None and not self.is_direct:
            get_hub().loop.run_callback(self.go_on)

    def lose(self) -> None:
        """There was no memory to note something: what is sent in this turn waits until the journal is written anew."""
        with suppress(MemoryError):
            self.seal()
            assert self.file is not None
            self.chunks.append(Chunk(self.file, [], self.noted, []))
        self.fail(OSError("no memory"), must_rewrite=True)

    def begin_anew(self) -> None:
        """All data were exchanged for others: nothing is worth writing before the journal is written anew."""
        super().begin_anew()
        self.must_rewrite = True

    def holds(self) -> bool:
        """Does what is sent in this turn, which has effects, have to wait for them?"""
        return not self.journal.is_syncing or self.is_late()

    def is_late(self) -> bool:
        """The sync under way takes so long, or so much was noted meanwhile, that it has to be waited for."""
        if self.config["appendfsync"] == ALWAYS or self.waiting() > MOST_WAITING:
            return True
        return monotonic_us() - self.sync_began_us >= LONGEST_DELAY_US

    def hold(self, connection: Any, data: bytes) -> None:
        """Keep what a connection is to send until all that was noted is safe."""
        effects = self.engine.effects
        if effects is not None:
            effects.is_behind = self.waiting() > MOST_WAITING
        if self.size:
            self.held.append((connection, data))
        elif self.chunks:
            self.chunks[-1].held.append((connection, data))
        else:
            connection.let_go(data)

    def release(self, held: list[tuple[Any, bytes]]) -> None:
        """Send what was held."""
        effects = self.engine.effects
        if effects is not None and self.waiting() <= MOST_WAITING:
            effects.is_behind = False
        for connection, data in held:
            connection.let_go(data)

    def when_synced(self, callback: Callable[[], None]) -> bool:
        """Call back as soon as what was noted so far is on the disk; return False if it is there already."""
        if self.synced >= self.noted:
            return False
        self.waiters.append((self.noted, callback))
        return True

    def tell_waiters(self) -> None:
        """More is on the disk: those who wait for it go on."""
        done = [callback for noted, callback in self.waiters if noted <= self.synced]
        if done:
            self.waiters = [waiter for waiter in self.waiters if waiter[0] > self.synced]
            for callback in done:
                callback()
            self.server.end_turn()

    # ------------------------------------------------------------------ writing

    def seal(self) -> None:
        """What was noted so far becomes a chunk."""
        if self.size:
            assert self.file is not None
            held, self.held = self.held, []
            self.chunks.append(Chunk(self.file, self.take(), self.noted, held))

    def go_on(self) -> None:
        """Do what is next: a sync, or the next chunk."""
        if self.job is not None or self.must_rewrite or self.is_resting:
            return
        if self.wants_sync:
            self.sync()
            return
        if not self.chunks:
            self.seal()
        if self.chunks:
            chunk = self.chunks[0]
            syncs = self.config["appendfsync"] == ALWAYS and self.may_sync()
            is_long = syncs or chunk.ends_file or chunk.size > MOST_AT_ONCE
            is_quick = not (is_long or self.slow_ticks or self.is_disk_busy())
            self.do(partial(chunk.write, syncs), partial(self.end_chunk, chunk, syncs), is_quick)

    def do(self, action: Callable[[], object], on_done: Callable[[Job], None], is_quick: bool = False) -> None:
        """Let the disk do something, or do it at once."""
        self.job = Job(action, on_done)
        if self.disk is not None and not is_quick:
            self.disk.do(self.job)
            return
        began_us = monotonic_us()
        self.job.run()
        if monotonic_us() - began_us > SLOW_US:
            self.slow_ticks = TICKS_IN_THREAD
        self.job.settle()

    def may_sync(self) -> bool:
        """No rewrite and no save is under way that a sync would get in the way of, or that is not asked for."""
        return not (self.config["no-appendfsync-on-rewrite"] and self.is_disk_busy())

    def is_disk_busy(self) -> bool:
        """Is a new base or a snapshot being written?"""
        return bool(self.journal.is_rewriting or self.state.snapshots.image is not None)

    def end_chunk(self, chunk: Chunk, syncs: bool, job: Job) -> None:
        """A chunk was written, or could not be."""
        self.job = None
        if job.error is not None and not chunk.is_moot:
            is_lost = isinstance(job.error, SyncError)
            if is_lost:
                chunk.forget()  # it is written, and only its sync has failed
            self.fail(job.error, is_lost)
            return
        self.chunks.popleft()
        self.journal.size += chunk.size
        self.written = chunk.end
        if syncs or chunk.ends_file or chunk.is_moot or self.config["appendfsync"] not in (ALWAYS, EVERYSEC):
            self.synced = chunk.end
        if self.journal.error and not chunk.is_moot:
            self.journal.set_error(None)
            self.state.log.info("journal_written_again", path=chunk.file.path)
        held, chunk.held = chunk.held, []
        self.release(held)
        if self.waiters:
            self.tell_waiters()
        self.go_on()

    def fail(self, error: OSError, must_rewrite: bool) -> None:
        """The journal cannot be written; it is tried again once a second."""
        self.is_resting = True
        self.must_rewrite = self.must_rewrite or must_rewrite
        if not self.journal.error:
            self.state.log.critical("journal_failed", path=self.journal.folder, error=str(error), is_lost=must_rewrite)
        self.journal.set_error(error)

    def sync(self) -> None:
        """Bring what is written to the disk, as `everysec` asks for."""
        self.wants_sync = False
        file = self.chunks[0].file if self.chunks else self.file
        if file is None:
            return
        self.journal.is_syncing = True
        self.sync_began_us = monotonic_us()
        self.do(file.sync, partial(self.end_sync, self.written))

    def end_sync(self, written: int, job: Job) -> None:
        """A sync of so much is over."""
        self.job = None
        self.journal.is_syncing = False
        if monotonic_us() - self.sync_began_us >= LONGEST_DELAY_US:
            self.journal.delayed_syncs += 1
        if job.error is not None:
            self.fail(job.error, must_rewrite=True)
            return
        self.synced = max(self.synced, written)
        if self.waiters:
            self.tell_waiters()
        self.go_on()

    def tick(self) -> None:
        """Once a second: try again what failed, and sync."""
        self.is_resting = False
        self.slow_ticks -= self.slow_ticks > 0
        self.wants_sync = self.needs_sync()
        self.go_on()

    def needs_sync(self) -> bool:
        """Is there something that `everysec` asks to bring to the disk?"""
        return self.written > self.synced and self.config["appendfsync"] == EVERYSEC and self.may_sync()

    def write_now(self) -> None:
        """Write all that was noted, while everybody waits."""
        self.is_resting = False
        while self.job is not None or self.can_write():
            if self.job is not None:
                self.job.wait()
            else:
                self.go_on()

    def can_write(self) -> bool:
        """Is there something to be written, and nothing in its way?"""
        return bool(self.chunks or self.size) and not self.must_rewrite and not self.is_resting

    def waiting(self) -> int:
        """How many bytes are noted and not yet written."""
        return int(self.noted - self.written)

    def write_directly(self) -> None:
        """Write what a command has done that is not called in a turn of the loop."""
        if monotonic_us() - self.sync_began_us >= SECOND_US:
            self.wants_sync = self.needs_sync()
        self.write_now()

    # ------------------------------------------------------------------ the file

    def change_file(self, file: JournalFile) -> None:
        """What is noted from now on goes to this file."""
        self.end_file()
        self.file = file
        self.selected = UNKNOWN_DATABASE
        self.noted_s = 0
        if self.disk is None and not self.is_direct:
            self.disk = Disk()

    def end_file(self) -> None:
        """Nothing more goes to the file."""
        if self.file is not None:
            self.seal()
            last = Chunk(self.file, [], self.noted, [])
            last.ends_file = True
            self.chunks.append(last)
            self.file = None
            self.go_on()

    def supersede(self) -> None:
        """The journal was written anew: all that was noted before the present file need not be written any more."""
        self.must_rewrite = self.is_resting = False
        self.journal.set_error(None)
        for chunk in list(self.chunks):
            if chunk.file is not self.file:
                chunk.drop()
                held, chunk.held = chunk.held, []
                self.release(held)
        self.go_on()

    def give_up(self) -> None:
        """The server stops: clients do not wait for what cannot be written."""
        if self.journal.error:
            waiting = [pair for chunk in self.chunks for pair in chunk.held]
            for connection, _ in [*waiting, *self.held]:
                connection.break_off()

    def stop(self) -> None:
        """Write what is left, and leave nothing behind."""
        self.end_file()
        self.write_now()
        if self.chunks:
            size = sum(chunk.size for chunk in self.chunks)
            self.state.log.critical("journal_not_written_at_end", path=self.journal.folder, bytes=size)
        if self.disk is not None:
            self.disk.stop()
            self.disk = None
        self.close()

    def abandon(self) -> None:
        """In a forked process: nothing is written."""
        self.must_rewrite = True
        if self.disk is not None:
            self.disk.abandon()
        self.close()

    def close(self) -> None:
        """Give the descriptors back."""
        for file in [*(chunk.file for chunk in self.chunks), self.file]:
            if file is not None:
                file.close()
