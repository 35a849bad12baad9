"""Saves in the background and loads at the start, in slices between which clients are served.

The bytes go to and from the disk in gevent's thread pool, by one call at a time.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import gevent
from gevent import get_hub

from geventcache.base.clock import monotonic_us
from geventcache.persistence.files import NewFile, Run, at_once, remove_leftovers
from geventcache.persistence.snapshot_reader import SnapshotError
from geventcache.server.slices import SNAPSHOT_US, Slices
from geventcache.services.snapshots import Image, write_image


def outcome(function: Any, args: Any) -> tuple[Any, OSError | None]:
    """What a function returns, or the error that it raises, which the thread pool would write to standard error."""
    try:
        return function(*args), None
    except OSError as error:
        return None, error


class Saving:
    """The background of one server's `Snapshots`.

    Attributes:
        run: how what may take long is called: in the thread pool, unless there may be no hub.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.state = server.state
        self.snapshots = self.state.snapshots
        self.slices = Slices(server, SNAPSHOT_US)
        self.run: Run = self.in_thread_pool
        self.snapshots.on_begin = self.begin
        self.snapshots.on_cancel = self.cancel
        self.snapshots.on_scheduled = self.call_back
        self.greenlet: Any = None
        self.file: NewFile | None = None

    def tick(self) -> None:
        """Once a second: begin a save if one is due."""
        if self.snapshots.is_due():
            self.begin()

    def stay_in_foreground(self) -> None:
        """Do all at once, when a command asks for it: there may be no hub that would do it later."""
        self.run = at_once
        self.snapshots.on_begin = None
        self.snapshots.on_scheduled = lambda: self.state.chores.append(self.begin_scheduled)

    def call_back(self) -> None:
        """Begin the save that is scheduled once the running command is over."""
        get_hub().loop.run_callback(self.begin_scheduled)

    def begin_scheduled(self) -> None:
        """Begin the save that is scheduled, if there still is one, unless an image is taken for another purpose."""
        if self.snapshots.is_scheduled and self.snapshots.image is None:
            self.snapshots.begin()

    def begin(self) -> None:
        """Save in the background."""
        snapshots = self.snapshots
        snapshots.is_scheduled = False
        snapshots.began_s = snapshots.tried_s = snapshots.now_s()
        snapshots.is_saving = True
        image = snapshots.take()
        self.file = snapshots.new_file(self.run)
        self.greenlet = gevent.spawn(self.save, image, self.file)

    def cancel(self) -> None:
        """End the save that runs, if one does. What is left of it goes when its last call comes back."""
        if self.file is not None:
            self.file.give_up()
        if self.greenlet is not None:
            self.greenlet.kill(block=False)
            self.finish()

    def finish(self) -> None:
        """No save runs any more."""
        if self.snapshots.image is not None:
            self.snapshots.image.end()
        self.snapshots.is_saving = False
        self.greenlet = self.file = None

    def stop(self) -> None:
        """End the save that runs, and wait until nothing is left of it."""
        greenlet = self.greenlet
        self.cancel()
        if greenlet is not None:
            greenlet.join()

    def save(self, image: Image, file: NewFile) -> None:
        """Save until it succeeds or fails."""
        snapshots = self.snapshots
        try:
            write_image(image, file, self.slices.breathe)
            snapshots.duration_s = snapshots.now_s() - snapshots.began_s
            snapshots.note_saved(image.changes)
            self.state.log.info("snapshot_saved", path=file.path, bytes=file.size, keys=image.done)
        except OSError as error:
            snapshots.note_result(False)
            self.state.log.error("snapshot_failed", path=file.path, error=str(error))
        finally:
            snapshots.most_held = image.most_held
            if self.greenlet is gevent.getcurrent():
                self.finish()

    def in_thread_pool(self, function: Any, *args: Any) -> Any:
        """Call a function in the thread pool, and wait for it as only greenlets do.

        It is waited for even if the greenlet is to end, since what the function uses may not be taken away from it.
        """
        call = get_hub().threadpool.spawn(outcome, function, args)
        try:
            call.wait()
        finally:
            call.wait()
        result, error = call.get()
        self.slices.begin()
        if error is not None:
            raise error
        return result

    def announce(self) -> None:
        """Tell clients to wait, if there is a snapshot to be loaded."""
        snapshots = self.snapshots
        if snapshots.is_on:
            import_module("gevent.threadpool")  # four milliseconds, which no save is to begin with
            remove_leftovers(snapshots.path)
        snapshots.is_loading = snapshots.is_on and os.path.exists(snapshots.path)
        self.state.review()

    def load(self) -> None:
        """Load the snapshot that was announced.

        Raises:
            OSError: it cannot be read, or is damaged.
        """
        snapshots = self.snapshots
        if not snapshots.is_loading:
            return
        path = snapshots.path
        started_us = monotonic_us()
        try:
            snapshots.load(self.run, lambda: not self.server.stopping.is_set())
        except SnapshotError as error:
            if self.server.stopping.is_set():
                return
            raise OSError(f"{path}: {error}") from None
        seconds = round((monotonic_us() - started_us) / 1e6, 3)
        self.state.log.info(
            "snapshot_loaded", path=path, keys=snapshots.loaded.keys, expired=snapshots.loaded.expired, seconds=seconds
        )
