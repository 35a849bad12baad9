"""The journal: where it stands, what is known of it, when it is to be rewritten.

`server/journaling.py` writes it. A journal is a base, which is a snapshot, and increments, which are the requests that
repeat every change since then; a manifest tells which files it consists of. It is rewritten by a new base that takes
the place of all before it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Any

from geventcache.persistence.files import NewFile, Run, at_once, sync_folder
from geventcache.persistence.journal_manifest import (
    BASE,
    INCREMENT,
    JournalError,
    Manifest,
    Part,
    base_part,
    increment_part,
    parse_manifest,
    sizes_of,
)

NEVER_REWRITTEN = -1
FAILURES_ALLOWED = 3
LONGEST_PAUSE_S = 3600
MINUTE_S = 60
MOST_DOUBLINGS = 6  # of a minute, which are more than the longest pause


class Journal:
    """The journal of one server.

    Attributes:
        is_on: every change is noted.
        manifest: the files that it consists of, on the disk.
        error: why it cannot be written, empty while it can.
        size, base_size: its bytes now, and when it had been rewritten or loaded.
        is_syncing: a sync is under way; delayed_syncs: how often one took so long that writing had to wait for it.
        is_rewriting, is_scheduled: a rewrite is under way, or is to begin; began_s: since when.
        duration_s, is_rewrite_good: of the last rewrite; most_held: bytes that it took beside the data.
        rewrites: how many succeeded, failures: how many failed since.
        on_rewrite: begin a rewrite; None where nobody can.
        on_wait: called with what is to be called when all that was noted so far is on the disk; returns False if it is.
        on_reload: load the journal anew, while everybody waits.
        waiting: returns how many bytes are noted and not yet written.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.config = state.config
        self.is_on = False
        self.manifest = Manifest()
        self.error = b""
        self.size = self.base_size = 0
        self.is_syncing = False
        self.delayed_syncs = 0
        self.is_rewriting = self.is_scheduled = False
        self.began_s = self.failed_s = 0
        self.duration_s = NEVER_REWRITTEN
        self.is_rewrite_good = True
        self.rewrites = self.failures = self.most_held = 0
        self.on_rewrite: Callable[[], None] | None = None
        self.on_wait: Callable[[Callable[[], None]], bool] | None = None
        self.on_reload: Callable[[], None] | None = None
        self.waiting: Callable[[], int] = lambda: 0

    # ------------------------------------------------------------------ files

    @property
    def folder(self) -> str:
        """Where its files stand."""
        return os.path.join(self.state.snapshots.folder, os.fsdecode(self.config["appenddirname"]))

    @property
    def manifest_path(self) -> str:
        """Where its manifest stands."""
        return self.path_of(self.config["appendfilename"] + b".manifest")

    def path_of(self, name: bytes) -> str:
        """Where a file of it stands."""
        return os.path.join(self.folder, os.fsdecode(name))

    @property
    def old_path(self) -> str:
        """Where the one file stands of which a journal consisted before Redis 7."""
        return os.path.join(self.state.snapshots.folder, os.fsdecode(self.config["appendfilename"]))

    def exists(self) -> bool:
        """There is one."""
        return os.path.exists(self.manifest_path) or os.path.exists(self.old_path)

    def find(self) -> None:
        """Read the manifest; what is one old file gets one.

        Raises:
            JournalError: the manifest is wrong.
            OSError: it cannot be read or written, or a file is missing.
        """
        if not os.path.exists(self.manifest_path):
            self.make_folder()
            self.commit(Manifest(Part(self.config["appendfilename"], 1, BASE)))
        self.read_manifest()
        base = self.manifest.base
        if base is not None and base.name == self.config["appendfilename"]:
            self.move_in(self.path_of(base.name))
        self.forget_history()
        self.measure()

    def read_manifest(self) -> None:
        """Read what the manifest tells, if there is one.

        Raises:
            JournalError: it is wrong.
            OSError: it cannot be read.
        """
        if not os.path.exists(self.manifest_path):
            self.manifest = Manifest()
            return
        with open(self.manifest_path, "rb") as file:
            try:
                self.manifest = parse_manifest(file.read())
            except JournalError as error:
                raise JournalError(f"{self.manifest_path}: {error}") from None

    def move_in(self, path: str) -> None:
        """The manifest tells of the old file: let it be where it says."""
        if os.path.exists(self.old_path) and not os.path.exists(path):
            os.rename(self.old_path, path)
            sync_folder(self.folder)
            sync_folder(self.state.snapshots.folder)

    def make_folder(self) -> None:
        """Make the folder, if there is none."""
        if not os.path.isdir(self.folder):
            os.makedirs(self.folder)
            sync_folder(os.path.dirname(self.folder))

    def commit(self, manifest: Manifest, run: Run = at_once) -> None:
        """Let the journal consist of these files, whatever happens next."""
        file = NewFile(self.manifest_path, run)
        try:
            file.open()
            file.write(manifest.encode())
            file.commit()
        finally:
            file.discard()
        self.manifest = manifest

    def forget_history(self, run: Run = at_once) -> None:
        """Delete the files that are history, and what rewrites have left that failed or were killed."""
        history = self.manifest.history
        for part in history:
            with contextlib.suppress(FileNotFoundError):
                run(os.unlink, self.path_of(part.name))
        if history:
            self.commit(self.manifest._replace(history=()), run)
        run(self.remove_leftovers)

    def remove_leftovers(self) -> None:
        """Delete unfinished files, and parts of before the first that the manifest tells of; what comes later stays.

        What the manifest names stays in any case: a name need not tell the number that the file has.
        """
        manifest = self.manifest
        named = {part.name for part in manifest.parts}
        first = {b"base": manifest.base.number if manifest.base is not None else 0}
        first[b"incr"] = manifest.increments[0].number if manifest.increments else 0
        name = re.escape(self.config["appendfilename"])
        unfinished = re.compile(rb"temp-\d+-\d+-%b\.(manifest|\d+\.base\.(rdb|aof))" % name)
        old = re.compile(rb"%b\.(?P<number>\d+)\.(?P<kind>base|incr)\.(rdb|aof)" % name)
        folder = os.fsencode(self.folder)
        with contextlib.suppress(OSError):
            for found in set(os.listdir(folder)) - named:
                part = old.fullmatch(found)
                if unfinished.fullmatch(found) or (part and int(part["number"]) < first[part["kind"]]):
                    os.unlink(os.path.join(folder, found))

    def next_base(self) -> Part:
        """The base of the next rewrite."""
        is_snapshot = self.config["aof-use-rdb-preamble"]
        return base_part(self.config["appendfilename"], self.manifest.next_number(BASE), is_snapshot)

    def next_increment(self, last: int = 0) -> Part:
        """The increment after all others, and after the number `last`."""
        number = max(self.manifest.next_number(INCREMENT), last + 1)
        return increment_part(self.config["appendfilename"], number)

    def measure(self) -> None:
        """See how large it is now that it has been loaded or rewritten."""
        self.size = self.base_size = sum(sizes_of(self.folder, self.manifest.parts))

    # ------------------------------------------------------------------ facts

    def set_error(self, error: OSError | None) -> None:
        """It cannot be written, or it can again."""
        text = b"" if error is None else (error.strerror or str(error)).encode()
        if text != self.error:
            self.error = text
            self.state.review()

    def is_due(self, now_s: int) -> bool:
        """It is to be rewritten, by its size or because somebody asked for it."""
        if self.is_scheduled:
            return True
        percentage = self.config["auto-aof-rewrite-percentage"]
        if not self.is_on or not percentage or self.size <= self.config["auto-aof-rewrite-min-size"]:
            return False
        grown = 100 * (self.size - self.base_size) // max(self.base_size, 1)
        return bool(grown >= percentage) and self.may_try(now_s)

    def may_try(self, now_s: int) -> bool:
        """The last failure of a rewrite is long enough ago: after some of them, minutes."""
        if self.failures < FAILURES_ALLOWED:
            return True
        pause_s = min(MINUTE_S << min(self.failures - FAILURES_ALLOWED, MOST_DOUBLINGS), LONGEST_PAUSE_S)
        return now_s >= self.failed_s + pause_s

    def note_begun(self, now_s: int) -> None:
        """A rewrite has begun."""
        self.is_rewriting = True
        self.is_scheduled = False
        self.began_s = now_s

    def note_ended(self, is_good: bool, now_s: int) -> None:
        """A rewrite has ended."""
        self.is_rewriting = False
        self.duration_s = now_s - self.began_s
        self.is_rewrite_good = is_good
        if is_good:
            self.rewrites += 1
            self.failures = 0
        else:
            self.failures += 1
            self.failed_s = now_s
