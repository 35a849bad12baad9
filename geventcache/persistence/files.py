"""Files of snapshots: written beside the old one, which stays whole until the new one is safe on the disk.

What may take long is called by a `Run`, which may do it in another thread.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count, islice
from threading import Lock
from typing import Any

Run = Callable[..., Any]
SYNC_BYTES = 4 << 20
MOST_VECTORS = 512  # half of what systems take
# A system that does not interrupt its own work keeps a processor from all others while a call lasts: two megabytes took
# seven milliseconds where their pages had to be got first.
CALL_BYTES = 256 << 10
READ_BYTES = 256 << 10
PERMISSIONS = 0o666
NUMBERS = count(1)


def at_once(function: Callable[..., Any], *args: Any) -> Any:
    """The `Run` that just calls."""
    return function(*args)


def go_on() -> None:
    """The pause that is none."""


def remove_leftovers(path: str) -> None:
    """Remove what servers that were killed while they wrote the file of that path have left beside it."""
    folder, name = os.path.split(path)
    leftover = re.compile(rf"temp-\d+-\d+-{re.escape(name)}")
    with contextlib.suppress(OSError):
        for found in os.listdir(folder):
            if leftover.fullmatch(found):
                os.unlink(os.path.join(folder, found))


class NewFile:
    """A file that takes the place of another when it is complete.

    Args:
        path: where it will stand.
        run: how what may take long is called.
        syncs_early: what was written goes to the disk every few megabytes, so that the end does not take long.

    Blocks are gathered and written some megabytes at a time: another thread that writes holds up who serves, if it is
    interrupted while it has the interpreter.
    """

    def __init__(self, path: str, run: Run = at_once, syncs_early: bool = True) -> None:
        self.path = path
        self.run = run
        self.syncs_early = syncs_early
        self.folder, name = os.path.split(path)
        self.pid = os.getpid()
        self.temporary = os.path.join(self.folder, f"temp-{self.pid}-{next(NUMBERS)}-{name}")
        self.lock = Lock()
        self.is_abandoned = False
        self.is_in_place = False
        self.gathered: list[bytes | memoryview] = []
        self.gathered_size = 0
        self.size = 0
        self.descriptor = -1

    def open(self) -> None:
        """Begin.

        Raises:
            OSError: the file cannot be made, here or at any other step.
        """
        self.run(self.create)

    def create(self) -> None:
        """Make the file, and its folder if there is none."""
        os.makedirs(self.folder, exist_ok=True)
        self.descriptor = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PERMISSIONS)

    def write(self, block: bytes | memoryview) -> None:
        """Append a block."""
        self.gathered.append(block)
        self.gathered_size += len(block)
        self.size += len(block)
        if self.gathered_size >= SYNC_BYTES:
            self.flush(self.syncs_early)

    def flush(self, syncs: bool) -> None:
        """Write what was gathered, and bring all to the disk if `syncs`."""
        gathered, self.gathered, self.gathered_size = self.gathered, [], 0
        self.run(write_and_sync if syncs else write_blocks, self.descriptor, gathered)

    def commit(self) -> None:
        """Let it take the other's place, and see to it that this outlives a loss of power."""
        self.flush(syncs=True)
        self.close()
        self.run(self.replace)
        self.run(sync_folder, self.folder)

    def replace(self) -> None:
        """Take the other's place, unless that is no longer wanted: a later file may stand there already."""
        with self.lock:
            if not self.is_abandoned:
                os.replace(self.temporary, self.path)
                self.is_in_place = True

    def give_up(self) -> None:
        """From now on the file will not take the other's place."""
        with self.lock:
            self.is_abandoned = True

    def discard(self) -> None:
        """Leave nothing behind; after `commit` there is nothing to do. A forked process leaves it to its parent."""
        self.close()
        if self.pid == os.getpid() and not self.is_in_place:
            with contextlib.suppress(OSError):
                self.run(os.unlink, self.temporary)  # a large file takes the system a while

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def replace_file(path: str, data: bytes) -> None:
    """Let a file have other bytes, all at once; it is for its owner alone, as there may be passwords in it.

    Raises:
        OSError: they cannot be written; it stays what it was.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=os.path.basename(path), dir=os.path.dirname(path) or ".")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write_blocks(descriptor: int, blocks: Iterable[bytes | bytearray | memoryview]) -> None:
    """Write all of some blocks, however many calls that takes."""
    waiting = deque(blocks)
    while waiting:
        written = os.writev(descriptor, for_one_call(waiting))
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.popleft())
        if written:
            waiting[0] = memoryview(waiting[0])[written:]


def for_one_call(waiting: Iterable[bytes | bytearray | memoryview]) -> list[bytes | bytearray | memoryview]:
    """The first blocks of those that wait, the last of them cut, which one call is to write."""
    taken: list[bytes | bytearray | memoryview] = []
    room = CALL_BYTES
    for block in islice(waiting, MOST_VECTORS):
        taken.append(block if len(block) <= room else memoryview(block)[:room])
        room -= len(block)
        if room <= 0:
            break
    return taken


def write_and_sync(descriptor: int, blocks: Iterable[bytes | memoryview]) -> None:
    """Write blocks, and bring the file to the disk."""
    write_blocks(descriptor, blocks)
    os.fsync(descriptor)


def sync_folder(folder: str) -> None:
    """Bring to the disk which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class OldFile:
    """A file that is read in blocks."""

    def __init__(self, path: str, run: Run = at_once, block_bytes: int = READ_BYTES) -> None:
        self.run = run
        self.block_bytes = block_bytes
        self.descriptor: int = run(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self.descriptor).st_size
        self.position = 0

    def read(self, needed: int) -> bytes:
        """The next bytes, nothing at the end."""
        block: bytes = self.run(os.read, self.descriptor, max(self.block_bytes, min(needed, SYNC_BYTES)))
        self.position += len(block)
        return block

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
