"""A worker: the process of one shard, forked by the master, which it does not outlive.

Rules: everything that the master is told (pid file, user, systemd, the hooks of the whole) is the master's affair. A
worker that loses its master stops as if it had been told to: nobody would start it again, and its port has to become
free for those who come after.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from gevent import get_hub

from geventcache.launcher.logging import FileLogs
from geventcache.launcher.process import ServerProcess
from geventcache.launcher.settings import Settings
from geventcache.launcher.shards import Shard
from geventcache.server.app import Server
from geventcache.web import accompany_worker

_READ = 1


class Worker(ServerProcess):
    """The process of one shard.

    Attributes:
        shard: its part of the whole.
        index: its number, from 0 on.
    """

    def __init__(
        self,
        settings: Settings,
        logs: FileLogs,
        report: Callable[[str], None],
        shard: Shard,
        master: int,
        lifeline: int,
    ) -> None:
        """`lifeline` is the end of a pipe that can be read as soon as the process `master` has ended."""
        self.shard = shard
        self.index = shard.index
        self.master = master
        self.lifeline = lifeline
        super().__init__(settings, logs, report)
        self.server.state.on_shutdown = self.shut_down
        self.master_watcher: Any = None

    def make_server(self) -> Server:
        """Return the server of the shard, not yet started."""
        return Server(self.config, self.log, topology=self.shard.topology, bus=self.shard.bus)

    def make_site(self) -> None:
        """Let the front of all workers ask it, if there is one."""
        if self.shard.site is not None:
            accompany_worker(self.server, self.shard.site, self.index, self.config["workers"])

    def run(self) -> int:
        """Serve until a signal or the master's end; return the exit status.

        Raises:
            OSError: a file that the settings name cannot be read.
        """
        self.log_accidents()
        self.master_watcher = get_hub().loop.io(self.lifeline, _READ)
        self.master_watcher.start(self.lose_master)
        self.server.start(self.shard.sockets)
        self.server.load()
        self.log_ready()
        self.report("")
        self.server.serve_forever()
        self.log.info("stopped")
        return 0

    def shut_down(self) -> None:
        """SHUTDOWN is for the whole: the master stops, and all its workers with it."""
        if os.getppid() == self.master:
            os.kill(self.master, signal.SIGTERM)

    def lose_master(self) -> None:
        """Stop, and tidy up what the master cannot any more."""
        self.master_watcher.stop()
        self.log.error("master_has_gone")
        _, paths = self.shard.bus
        for path in (paths[self.index], f"{paths[self.index]}.http"):
            with contextlib.suppress(OSError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(paths[self.index]))  # the last one succeeds
        self.term()
