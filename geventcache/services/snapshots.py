"""Snapshots: what is saved, when and where, and how that went.

Nothing is saved and nothing is loaded until a setting asks for it (`save`, `dir`), or a command does. A snapshot is of
one instant, the one in which it begins, also while commands change what is still to be written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from errno import ECANCELED, ENOMEM
from typing import Any

from geventcache.base.errors import CommandError
from geventcache.persistence.files import NewFile, OldFile, Run, at_once, go_on
from geventcache.persistence.journal_base import RequestImage
from geventcache.persistence.snapshot_loader import Loaded, load_records
from geventcache.persistence.snapshot_reader import SnapshotError, SnapshotReader
from geventcache.persistence.snapshot_writer import Header, OnDeadlines, SnapshotWriter
from geventcache.services.observing.info import REDIS_VERSION
from geventcache.services.scripting.libraries import Library

RETRY_S = 5
NEVER_SAVED = -1


class Image:
    """All that a server holds at one instant, to be written as a snapshot: for a save, and for whoever needs one.

    A server takes one at a time (`Snapshots.image` is the one under way). Whoever takes one ends it, whatever happens:

        image = snapshots.take({b"aof-base": b"1"})
        try:
            for block in image.blocks(): ...
        finally:
            image.end()

    Attributes:
        changes: `Changes.dirty` at its instant.
        is_void: somebody ended it: `blocks` ends early, and what was written is worth nothing.
    """

    def __init__(self, snapshots: Snapshots, facts: dict[bytes, bytes], on_deadlines: OnDeadlines | None) -> None:
        config, state = snapshots.config, snapshots.state
        keyspaces = state.databases.existing()
        header = Header(
            on_deadlines is None and any(keyspace.volatile_containers for keyspace in keyspaces),
            {b"redis-ver": REDIS_VERSION.encode(), b"redis-bits": b"64", b"ctime": b"%d" % snapshots.now_s(), **facts},
            state.scripting.libraries.codes(),
        )
        self.snapshots = snapshots
        self.changes = snapshots.all_changes()
        self.is_void = False
        self.writer = SnapshotWriter(header, keyspaces, config["rdbcompression"], config["rdbchecksum"], on_deadlines)

    @property
    def done(self) -> int:
        """How many keys have been written."""
        return self.writer.records.done

    @property
    def most_held(self) -> int:
        """How many bytes it has taken at most: of what was written, also before it changed, and waited for the disk."""
        return self.writer.most_held

    @property
    def total(self) -> int:
        """How many keys there are to be."""
        return self.writer.total

    def blocks(self) -> Iterator[bytes | memoryview]:
        """What is to be written, once; an empty block is a place to pause.

        Raises:
            OSError: something could not be written.
        """
        try:
            for block in self.writer.blocks():
                yield block
                if self.is_void:
                    return
        except MemoryError as error:
            raise OSError(ENOMEM, "no memory for what is changed meanwhile") from error

    def end(self) -> None:
        """No more is asked of it. Ending twice is ending once."""
        self.is_void = True
        self.writer.end()
        if self.snapshots.image is self:
            self.snapshots.image = None
            if self.snapshots.is_scheduled:
                self.snapshots.on_scheduled()


def write_image(image: Image | RequestImage, file: NewFile, pause: Callable[[], object] = go_on) -> None:
    """Write an image into a file, and let the file take its place.

    The image is ended, and nothing is left of a file that could not be written.

    Args:
        pause: called after each block, so that others have a turn.

    Raises:
        OSError: the file cannot be written, or somebody has ended the image.
    """
    try:
        file.open()
        for block in image.blocks():
            if block:
                file.write(block)
            pause()
        if image.is_void:
            raise OSError(ECANCELED, os.strerror(ECANCELED))
        file.commit()
    finally:
        image.end()
        file.discard()


class Snapshots:
    """The snapshots of one server.

    Attributes:
        saved_s: when the data were saved last, in seconds since the epoch; the start counts.
        saved_changes: how many changes there had been then.
        is_last_good: the last save in the background succeeded; tried_s: when it began; duration_s: how long it took.
        image: the one under way, for a save or for another purpose, None while there is none.
        is_saving: a save runs in the background; began_s: when it began.
        is_scheduled: one is to begin as soon as it can.
        saves: how many saves succeeded; most_held: bytes that the last one in the background took beside the data.
        is_loading: data are being loaded; file: from where.
        is_whole: no load failed, so that what is there may take the snapshot's place.
        loaded: what came of the last load, or of the one that runs.
        saves_at_end: whether the data are saved when the server stops; None: if there are points to save at.
        on_begin, on_cancel: begin a save in the background, end it.
        on_scheduled: a save is to begin between two commands, when there is no image under way.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.config = state.config
        self.saved_s = self.now_s()
        self.saved_changes = 0
        self.is_last_good = True
        self.tried_s = 0
        self.duration_s = NEVER_SAVED
        self.image: Image | None = None
        self.is_saving = False
        self.is_scheduled = False
        self.began_s = 0
        self.saves = self.most_held = 0
        self.is_loading = False
        self.is_whole = True
        self.file: OldFile | None = None
        self.loaded = Loaded()
        self.saves_at_end: bool | None = None
        self.on_begin: Callable[[], None] | None = None
        self.on_cancel: Callable[[], None] = lambda: None
        self.on_scheduled: Callable[[], None] = lambda: None
        for name in ("save", "stop-writes-on-bgsave-error"):
            self.config.on_change(name, lambda _: self.state.review())

    # ------------------------------------------------------------------ facts

    @property
    def folder(self) -> str:
        """Where all that is kept stands; each shard has a folder of its own."""
        folder = os.path.abspath(os.fsdecode(self.config["dir"]))
        cluster = self.state.cluster
        return folder if cluster is None else os.path.join(folder, f"shard-{cluster.nodes.index(cluster.own)}")

    @property
    def path(self) -> str:
        """Where the snapshot stands."""
        return os.path.join(self.folder, os.fsdecode(self.config["dbfilename"]))

    @property
    def is_on(self) -> bool:
        """A setting says that there is a snapshot to keep."""
        return bool(self.config["save"]) or self.config["dir"] != b"."

    def now_s(self) -> int:
        """The time in seconds since the epoch."""
        return int(self.state.clock.update() // 1000)

    def all_changes(self) -> int:
        """How many changes there have been."""
        return int(self.state.changes.dirty)

    def changes(self) -> int:
        """How many changes are not saved."""
        return self.all_changes() - self.saved_changes

    def is_due(self) -> bool:
        """A save in the background is to begin, by the points to save at."""
        now_s = self.now_s()
        if self.image is not None or not self.is_whole or (not self.is_last_good and now_s < self.tried_s + RETRY_S):
            return False
        changes, age_s = self.changes(), now_s - self.saved_s
        return any(changes >= count and age_s > seconds for seconds, count in self.config["save"])

    def stops_writes(self) -> bool:
        """The last save failed, and a setting says that nothing is to be changed then."""
        return not self.is_last_good and self.config["stop-writes-on-bgsave-error"] and bool(self.config["save"])

    # ------------------------------------------------------------------ saving

    def take(self, facts: dict[bytes, bytes] | None = None, on_deadlines: OnDeadlines | None = None) -> Image:
        """Take an image of what is there now. There must be none under way.

        Args:
            facts: what the snapshot tells of itself, beside what each one does.
            on_deadlines: is told the deadlines of fields, which are not written then (see `Records`), so that all
                servers can read it.
        """
        if self.image is not None:
            raise RuntimeError("an image is being taken")
        self.image = Image(self, facts or {}, on_deadlines)
        return self.image

    def new_file(self, run: Run = at_once) -> NewFile:
        """The file that a save writes, not yet opened."""
        return NewFile(self.path, run, self.config["rdb-save-incremental-fsync"])

    def save(self) -> None:
        """Save all data, while everybody waits; the image under way is ended.

        Raises:
            OSError: it cannot be done; the old file is what it was.
        """
        self.is_scheduled = False
        self.on_cancel()
        if self.image is not None:
            self.image.end()
        image = self.take()
        file = self.new_file()
        try:
            write_image(image, file)
        except OSError as error:
            self.state.log.error("snapshot_failed", path=file.path, error=str(error))
            raise
        self.note_saved(image.changes)
        self.state.log.info("snapshot_saved", path=file.path, bytes=file.size)

    def begin(self) -> None:
        """Save in the background, where there is one.

        Raises:
            OSError: there is none, and it cannot be done.
        """
        self.is_scheduled = False
        if self.on_begin is not None:
            self.on_begin()
        else:
            self.save()

    def schedule(self) -> None:
        """Begin a save in the background as soon as it can be, but not before the next command."""
        self.is_scheduled = True
        self.on_scheduled()

    def note_saved(self, changes: int) -> None:
        """The data were saved as they were after so many changes."""
        self.saved_changes = changes
        self.saved_s = self.now_s()
        self.saves += 1
        self.note_result(True)

    def note_result(self, is_good: bool) -> None:
        """A save succeeded, or a save in the background failed."""
        self.is_last_good = is_good
        self.state.review()

    def save_at_end(self) -> None:
        """The server stops: save, if that is wanted. A failure is logged, for nothing else can be done."""
        wanted = bool(self.config["save"]) if self.saves_at_end is None else self.saves_at_end
        if wanted and self.is_whole:
            try:
                self.save()
            except OSError as error:
                self.state.log.critical("snapshot_not_saved_at_end", path=self.path, error=str(error))

    # ------------------------------------------------------------------ loading

    def load(self, run: Run = at_once, goes_on: Callable[[], bool] = lambda: True, merges: bool = False) -> None:
        """Load the snapshot.

        Args:
            run: how the file is read.
            goes_on: asked at each block; False ends the load, which then stays unfinished.
            merges: keys that exist give way, instead of being an error.

        Raises:
            OSError: the file cannot be read.
            SnapshotError: it is damaged; what was read so far is there.
        """
        self.is_loading = True
        self.is_whole = False
        self.state.review()
        try:
            self.read(run, goes_on, merges)
        finally:
            self.is_loading = False
            self.state.review()
        self.is_whole = True
        self.saved_changes = self.all_changes()

    def read(self, run: Run, goes_on: Callable[[], bool], merges: bool) -> None:
        """Read the snapshot's file, from one end to the other."""
        file = self.file = OldFile(self.path, run)
        self.loaded = Loaded()

        def source(needed: int) -> bytes:
            return file.read(needed) if goes_on() else b""

        try:
            load_records(self.reader(source, merges), self.state.databases, merges, self.loaded)
        finally:
            file.close()

    def reader(self, source: Callable[[int], bytes], merges: bool = False) -> SnapshotReader:
        """A reader of a snapshot, as the settings want it."""
        is_relaxed = self.config["rdb-version-check"] == b"relaxed"
        reader = SnapshotReader(source, self.state.databases.limits, is_relaxed)
        reader.checks = self.config["rdbchecksum"]
        reader.on_function = lambda code: self.load_function(code, merges)
        return reader

    def load_function(self, code: bytes, merges: bool) -> None:
        """Put a library of functions in place."""
        libraries = self.state.scripting.libraries
        library = self.library_of(code)
        if not merges and library.name in libraries.by_name:
            raise SnapshotError("a library of functions stands there twice")
        libraries.put([library])

    def library_of(self, code: bytes) -> Library:
        """The library of functions of a code that a snapshot holds.

        Raises:
            SnapshotError: it cannot be loaded.
        """
        try:
            library: Library = self.state.scripting.library_of(code)
        except CommandError as error:
            raise SnapshotError(f"a library of functions: {error.text.decode(errors='replace')}") from None
        return library
