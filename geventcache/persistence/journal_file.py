"""The file that a journal is written to: bytes are appended whole or not at all, and brought to the disk.

Its methods may take long: they are to be called in another thread, one at a time, but for `sync` beside `append`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from geventcache.persistence.files import PERMISSIONS, write_blocks


class SyncError(OSError):
    """What was written may never reach the disk: the system forgets what it failed to write."""


class JournalFile:
    """A file that is appended to.

    Attributes:
        size: how many bytes of it are whole.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = -1
        self.size = 0
        self.is_torn = False

    def open(self, is_new: bool = False) -> None:
        """Open the file, or make it; what stands in the way of a new one goes.

        Raises:
            OSError: that cannot be done, here or at any other step.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if is_new else 0)
        self.descriptor = os.open(self.path, flags, PERMISSIONS)
        self.size = os.fstat(self.descriptor).st_size

    def append(self, pieces: Sequence[bytes | bytearray], syncs: bool) -> None:
        """Append pieces one after the other: all of them, or none.

        Args:
            syncs: bring them to the disk as well.

        Raises:
            SyncError: they were appended, but not brought to the disk.
        """
        if self.is_torn:
            self.mend()
        try:
            write_blocks(self.descriptor, pieces)
        except OSError:
            self.is_torn = True
            self.mend()
            raise
        self.size += sum(map(len, pieces))
        if syncs:
            self.sync()

    def mend(self) -> None:
        """Cut off what was written of bytes that could not be written whole."""
        os.ftruncate(self.descriptor, self.size)
        self.is_torn = False

    def sync(self) -> None:
        """Bring all that was appended to the disk.

        Raises:
            SyncError: that failed.
        """
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:
            raise SyncError(error.errno, error.strerror) from error

    def finish(self) -> None:
        """Bring all to the disk; the file is complete.

        Raises:
            SyncError: that failed; it is closed nonetheless.
        """
        try:
            self.sync()
        finally:
            self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)
