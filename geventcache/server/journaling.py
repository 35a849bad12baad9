"""The journal of a server: loaded at the start, written meanwhile, rewritten when it has become long.

A rewrite lets what happens from its instant on go to a new file; its base is an image of that instant. The manifest
tells of the new file before it is used, and of the new base when that is complete: whenever it is broken off, what the
manifest tells of is whole.
"""

from __future__ import annotations

import os
from typing import Any

import gevent

from geventcache.base.clock import monotonic_us
from geventcache.persistence.files import NewFile, Run, at_once, go_on
from geventcache.persistence.journal_base import RequestImage
from geventcache.persistence.journal_file import JournalFile
from geventcache.persistence.journal_manifest import INCREMENT, JournalError, Manifest, Part
from geventcache.server.journal_writer import JournalWriter
from geventcache.services.journal_loader import JournalLoader
from geventcache.services.settings.kinds import InvalidSettingError
from geventcache.services.snapshots import Image, write_image

FACTS = {b"aof-base": b"1"}


class Journaling:
    """The journal of one server.

    Attributes:
        writer: what is noted goes there.
        is_first: it has been turned on, and there is no base yet: the manifest does not tell of the file.
        is_noting: the writer is a sink of the engine.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.config = server.config
        self.engine = server.engine
        self.snapshots = self.state.snapshots
        self.journal = self.state.journal
        self.journal.on_rewrite = self.begin_rewrite
        self.journal.on_reload = self.reload
        self.writer = JournalWriter(server)
        self.file_number = 0
        self.noted = 0
        self.is_first = False
        self.is_started = False
        self.is_noting = False
        self.greenlet: Any = None
        self.base: NewFile | None = None
        self.image: Image | None = None
        self.config.on_change("appendonly", self.turn)

    def tick(self) -> None:
        """Once a second: write what failed, sync, rewrite what has become too long."""
        self.writer.tick()
        journal, now_s = self.journal, self.snapshots.now_s()
        is_needed = journal.is_on and (self.writer.must_rewrite or self.is_first) and journal.may_try(now_s)
        if (is_needed or journal.is_due(now_s)) and self.may_rewrite():
            self.begin_rewrite()

    def write_directly(self) -> bool:
        """After a command that was not called in a turn of the loop; False if what it has done cannot be written."""
        is_changed, self.noted = self.writer.noted != self.noted, self.writer.noted
        if not self.journal.is_on or not (is_changed or self.writer.waiting()):
            return True
        self.writer.write_directly()
        if self.journal.is_due(self.snapshots.now_s()) and self.may_rewrite():
            self.begin_rewrite()
        return not (is_changed and self.writer.waiting())

    def use_directly(self) -> None:
        """There may be no loop that turns, and nobody else may have a turn while a command runs."""
        self.writer.is_direct = True

    # ------------------------------------------------------------------ rewriting

    def may_rewrite(self) -> bool:
        """Nothing of the kind is under way."""
        return not self.journal.is_rewriting and self.snapshots.image is None

    def begin_rewrite(self) -> None:
        """Write the journal anew, in the background where there is one."""
        self.journal.note_begun(self.snapshots.now_s())
        if self.writer.is_direct:
            self.rewrite(at_once)
        else:
            self.greenlet = gevent.spawn(self.rewrite, self.server.saving.run)

    def rewrite(self, run: Run) -> None:
        """Write the journal anew, or keep it as it is."""
        is_good = False
        try:
            self.write_base(run)
            is_good = True
            self.supersede()
            self.journal.forget_history(run)
            self.journal.measure()
            self.state.log.info("journal_rewritten", path=self.journal.folder, bytes=self.journal.size)
        except (OSError, JournalError) as error:
            self.state.log.error("journal_not_rewritten", path=self.journal.folder, error=str(error))
        finally:
            if self.writer.is_direct or self.greenlet is gevent.getcurrent():
                self.greenlet = self.base = self.image = None
                self.journal.note_ended(is_good, self.snapshots.now_s())

    def write_base(self, run: Run) -> None:
        """Let what happens go to a new increment, and write a base of what was before.

        Raises:
            JournalError: what the manifest tells of cannot be known.
            OSError: that failed; what the manifest tells of is whole.
        """
        journal = self.journal
        journal.make_folder()
        if not journal.is_on or self.is_first:
            journal.read_manifest()
        part = self.begin_increment(run) if journal.is_on else None
        if self.snapshots.image is not None:
            journal.is_scheduled = True
            raise OSError("a save has begun")
        base = journal.next_base()
        self.write_image(base, run)
        journal.commit(manifest_after(journal.manifest, base, part), run)

    def begin_increment(self, run: Run) -> Part:
        """Let what happens go to a new increment: when this comes back, nothing has happened since."""
        part, file = self.open_increment(run)
        try:
            if not self.is_first:
                self.journal.commit(self.journal.manifest.with_increment(part), run)
        except BaseException:
            file.close()
            raise
        self.note_in(part, file)
        return part

    def open_increment(self, run: Run) -> tuple[Part, JournalFile]:
        """Make the next increment's file."""
        part = self.journal.next_increment(self.file_number)
        file = JournalFile(self.journal.path_of(part.name))
        run(file.open, True)
        return part, file

    def note_in(self, part: Part, file: JournalFile) -> None:
        """What happens from now on is noted in this file."""
        self.writer.change_file(file)
        self.file_number = part.number
        if not self.is_noting:
            self.is_noting = True
            self.engine.add_sink(self.writer)

    def write_image(self, part: Part, run: Run) -> None:
        """Write an image of all data as a base.

        Raises:
            OSError: it cannot be written, or somebody ended it.
        """
        taken = self.image = self.snapshots.take(FACTS)
        self.base = NewFile(self.journal.path_of(part.name), run, self.config["aof-rewrite-incremental-fsync"])
        image: Image | RequestImage = self.image
        pause = self.server.saving.slices.breathe if run is not at_once else go_on
        if not self.config["aof-use-rdb-preamble"]:
            image = RequestImage(self.image, self.state.databases.limits, pause)
        try:
            write_image(image, self.base, pause)
        finally:
            self.journal.most_held = taken.most_held

    def supersede(self) -> None:
        """A new base is safe: all that was noted before the present file is in it."""
        self.is_first = False
        self.writer.supersede()

    def cancel_rewrite(self) -> Any:
        """End the rewrite that is under way; return its greenlet."""
        greenlet, self.greenlet = self.greenlet, None
        if greenlet is not None:
            if self.base is not None:
                self.base.give_up()
                self.base = None
            greenlet.kill(block=False)
            if self.image is not None:
                self.image.end()
                self.image = None
            self.journal.is_rewriting = False
        return greenlet

    # ------------------------------------------------------------------ start and stop

    def announce(self) -> None:
        """Tell clients to wait, if there is something to be loaded."""
        if not self.config["appendonly"]:
            self.server.saving.announce()
            return
        self.snapshots.is_loading = self.journal.exists() or os.path.exists(self.snapshots.path)
        self.state.review()

    def load(self, loads: bool = True) -> None:
        """Load what was announced, and note from now on what happens if that is wanted.

        Args:
            loads: False to begin with nothing, whatever was saved.

        Raises:
            OSError: it cannot be read or written, or is damaged.
        """
        self.is_started = True
        run = at_once if self.writer.is_direct else self.server.saving.run
        if not self.config["appendonly"] or self.server.upstream is not None:
            self.server.saving.load()
            return
        try:
            if loads and self.journal.exists():
                self.load_journal(run)
            else:
                is_empty = not self.snapshots.is_loading
                self.server.saving.load()
                self.begin_anew(at_once if is_empty else run)
        except JournalError as error:
            if not self.server.stopping.is_set():
                raise OSError(str(error)) from None

    def load_journal(self, run: Run) -> None:
        """Load the journal, and go on with it."""
        started_us = monotonic_us()
        self.snapshots.is_whole = False
        try:
            self.journal.find()
            loader = JournalLoader(self.state, run, lambda: not self.server.stopping.is_set())
            loader.load(self.journal.folder, self.journal.manifest)
            self.journal.measure()
            self.resume()
        finally:
            self.end_loading()
        self.snapshots.is_whole = True
        self.snapshots.saved_changes = self.snapshots.all_changes()
        self.state.log.info(
            "journal_loaded",
            path=self.journal.folder,
            keys=sum(map(len, self.state.databases.existing())),
            failed=loader.failed,
            seconds=round((monotonic_us() - started_us) / 1e6, 3),
        )

    def end_loading(self) -> None:
        """Clients need not wait any more."""
        self.snapshots.is_loading = False
        self.state.review()
        self.server.expiry.arm()

    def resume(self) -> None:
        """Note what happens behind what is there."""
        manifest = self.journal.manifest
        if manifest.increments:
            part = manifest.increments[-1]
            file = JournalFile(self.journal.path_of(part.name))
            file.open()
        else:
            part, file = self.open_increment(at_once)
            self.journal.commit(manifest.with_increment(part))
        self.journal.is_on = True
        self.note_in(part, file)

    def begin_anew(self, run: Run) -> None:
        """Begin a journal with what is there now, in place of the one that there may be."""
        self.journal.make_folder()
        self.journal.read_manifest()
        self.snapshots.is_loading = True
        self.state.review()
        try:
            part, file = self.open_increment(at_once)
            base = self.journal.next_base()
            self.write_image(base, run)
            self.journal.commit(manifest_after(self.journal.manifest, base, part))
            self.journal.is_on = True
            self.note_in(part, file)
        finally:
            self.base = self.image = None
            self.end_loading()
        self.journal.forget_history()
        self.journal.measure()

    def turn(self, is_on: bool) -> None:
        """The setting appendonly has changed.

        Raises:
            InvalidSettingError: there can be no journal.
        """
        if not self.is_started or is_on == self.journal.is_on or self.server.upstream is not None:
            return
        if not is_on:
            self.turn_off()
            return
        try:
            self.journal.make_folder()
            self.journal.read_manifest()
            if not os.access(self.journal.folder, os.W_OK):
                raise OSError("the folder cannot be written to")
        except (OSError, JournalError) as error:
            raise InvalidSettingError(f"there can be no append only file: {error}") from None
        self.journal.is_on = self.is_first = True
        if self.may_rewrite():
            self.begin_rewrite()

    def turn_off(self) -> None:
        """Note nothing any more; what was noted is written."""
        self.cancel_rewrite()
        self.stop_noting()
        if self.journal.error:
            self.writer.supersede()

    def stop_noting(self) -> None:
        """What happens is no more noted."""
        self.journal.is_on = self.is_first = False
        if self.is_noting:
            self.is_noting = False
            self.engine.remove_sink(self.writer)
        self.writer.end_file()

    def reload(self) -> None:
        """Load the journal anew, in the place of what is there, while everybody waits.

        Raises:
            JournalError: it is damaged.
            OSError: it cannot be read.
        """
        self.writer.write_now()
        if not self.journal.is_on:
            self.journal.find()
        self.state.databases.flush()
        self.state.scripting.libraries.clear()
        JournalLoader(self.state, at_once).load(self.journal.folder, self.journal.manifest)

    def stop(self) -> None:
        """Write all that was noted, and leave nothing behind."""
        greenlet = self.cancel_rewrite()
        if greenlet is not None:
            greenlet.join()
        self.stop_noting()
        self.writer.stop()

    def abandon(self) -> None:
        """In a forked process: nothing is written."""
        if self.greenlet is not None:
            self.greenlet.kill(block=False)
        self.writer.abandon()


def manifest_after(manifest: Manifest, base: Part, increment: Part | None) -> Manifest:
    """What a journal consists of with a new base, and the increment that goes on behind it."""
    if increment is None:
        return manifest.rewritten(base, manifest.next_number(INCREMENT))
    if increment not in manifest.increments:
        manifest = manifest.with_increment(increment)
    return manifest.rewritten(base, increment.number)
