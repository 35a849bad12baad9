"""Loads a journal: its base, then the requests of its increments, as if clients sent them again.

The rules:

- Whatever is due stays meanwhile: when something goes is what the requests say.
- Of the last file that is not empty, a last unit that is not whole is cut off, if `aof-load-truncated` lets it be; any
  other damage ends the load.
- A request that fails is logged, and the load goes on: that it could happen tells that something else made the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from geventcache.base.errors import DefectError
from geventcache.persistence.cursor import DataError, EndError
from geventcache.persistence.files import OldFile, Run
from geventcache.persistence.journal_manifest import JournalError, Manifest, sizes_of
from geventcache.persistence.journal_reader import JournalReader
from geventcache.persistence.snapshot_loader import Loaded, load_records
from geventcache.persistence.snapshot_reader import SnapshotError

BLOCK_BYTES = 32 << 10
SNAPSHOT_MAGICS = (b"REDIS", b"VALKEY")
SELECT = b"select"
CALLS_AT_ONCE = 64


class StoppedError(JournalError):
    """The load was not to go on."""


class JournalLoader:
    """Loads one journal.

    Args:
        run: how files are read.
        goes_on: asked at each block; False ends the load.
    """

    def __init__(self, state: Any, run: Run, goes_on: Callable[[], bool] = lambda: True) -> None:
        self.state = state
        self.run = run
        self.goes_on = goes_on
        self.client = state.new_client()
        self.failed = 0

    def load(self, folder: str, manifest: Manifest) -> None:
        """Load all files, into databases that are empty.

        Raises:
            JournalError: something is damaged, or missing; what was read so far is there.
            OSError: a file cannot be read.
        """
        changes, engine = self.state.changes, self.state.engine
        self.state.snapshots.loaded = Loaded()
        keeps_due, changes.keeps_due = changes.keeps_due, True
        effects = engine.mute()
        try:
            sizes = sizes_of(folder, manifest.parts)
            for number, part in enumerate(manifest.parts, 1):
                self.load_file(os.path.join(folder, os.fsdecode(part.name)), not any(sizes[number:]))
        finally:
            engine.unmute(effects)
            changes.keeps_due = keeps_due

    def load_file(self, path: str, is_last: bool) -> None:
        """Load one file."""
        file = self.state.snapshots.file = OldFile(path, self.run, BLOCK_BYTES)
        try:
            self.repeat_all(self.reader_of(file, path), path, is_last)
        finally:
            file.close()

    def repeat_all(self, reader: JournalReader, path: str, is_last: bool) -> None:
        """Run all requests of a file, some at a time, and cut off an end that is not whole."""
        calls: list[Any] = []
        end: EndError | None = None
        try:
            while unit := reader.unit():
                calls += self.calls_of(unit, path, reader.whole)
                if len(calls) >= CALLS_AT_ONCE:
                    self.run_calls(calls, path, reader.whole)
                    calls = []
        except EndError as error:
            end = error
        except DataError as error:
            raise JournalError(f"{path}: {error}, at byte {reader.cursor.offset()}") from None
        self.run_calls(calls, path, reader.whole)
        if end is None:
            return
        if not is_last or not self.state.config["aof-load-truncated"]:
            raise JournalError(f"{path}: {end}, at byte {reader.whole}")
        self.cut(path, reader.whole)

    def reader_of(self, file: OldFile, path: str) -> JournalReader:
        """A reader of a file's requests; the snapshot before them, if there is one, is loaded."""
        head = self.read(file, 0)
        blocks = [head]

        def source(needed: int) -> bytes:
            return blocks.pop() if blocks else self.read(file, needed)

        reader = self.state.snapshots.reader(source)
        if head.startswith(SNAPSHOT_MAGICS):
            try:
                load_records(reader, self.state.databases, False, self.state.snapshots.loaded, keeps_due=True)
            except SnapshotError as error:
                raise JournalError(f"{path}: {error}") from None
        return JournalReader(reader.cursor)

    def read(self, file: OldFile, needed: int) -> bytes:
        """The next bytes of a file. Others have their turns meanwhile."""
        if not self.goes_on():
            raise StoppedError("the load was ended")
        return file.read(needed)

    def cut(self, path: str, size: int) -> None:
        """Cut off the end of a file that is not whole."""
        before = os.path.getsize(path)
        self.run(os.truncate, path, size)
        self.state.log.warning("journal_cut", path=path, bytes=size, cut_off=before - size)

    def calls_of(self, unit: list[list[bytes]], path: str, offset: int) -> list[tuple[Any, list[bytes]]]:
        """The commands of a unit, which ends at that offset, with its requests."""
        table = self.state.table
        calls = []
        for args in unit:
            command = table.find(args)
            if command is None or command.handler is None or not command.low <= len(args) <= command.high:
                raise JournalError(f"{path}: the command {args[0][:100]!r} is not known, before byte {offset}")
            calls.append((command, args))
        return calls

    def run_calls(self, calls: list[tuple[Any, list[bytes]]], path: str, offset: int) -> None:
        """Run requests, the last of which ends at that offset."""
        try:
            failed = self.state.engine.replay(self.client, calls)
        except DefectError as defect:
            raise JournalError(f"{path}: {defect}, before byte {offset}") from None
        for command, error in failed:
            text = error.text.decode(errors="replace")
            if command.name == SELECT:  # what follows would go where it does not belong
                raise JournalError(f"{path}: {text}, before byte {offset}")
            self.failed += 1
            self.state.log.critical(
                "journal_command_failed", path=path, before_byte=offset, command=command.name.decode(), error=text
            )
