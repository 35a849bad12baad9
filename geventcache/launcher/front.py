"""The process of the site of all workers, forked by the master, which it does not outlive.

Rules: it holds no data, and the master starts it again when it ends, on the same sockets. The master itself has no
event loop, and so cannot answer.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent import get_hub
from gevent.event import Event

from geventcache.launcher.logging import FileLogs
from geventcache.launcher.process import Process
from geventcache.launcher.settings import Settings
from geventcache.server.listening import Listening
from geventcache.web.front import Front

_READ = 1


class FrontProcess(Process):
    """The process of the site of all workers.

    Args:
        listening: what it listens on.
        paths: where the workers' own sites listen.
        lifeline: the end of a pipe that can be read as soon as the master has ended.
    """

    def __init__(
        self,
        settings: Settings,
        logs: FileLogs,
        report: Callable[[str], None],
        listening: Sequence[Listening],
        paths: Sequence[str],
        lifeline: int,
    ) -> None:
        super().__init__(settings, logs, report)
        self.front = Front(self.config, self.log, listening, paths)
        self.stopping = Event()
        self.master_watcher: Any = get_hub().loop.io(lifeline, _READ)

    def run(self) -> int:
        """Serve until a signal or the master's end; return the exit status."""
        self.front.start()
        self.report("")
        self.stopping.wait()
        return 0

    def obey_signals(self) -> None:
        """Handle signals, and the end of the master, from now on."""
        self.master_watcher.start(self.lose_master)
        for name in ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TTIN", "TTOU"):
            gevent.signal_handler(signal.Signals[f"SIG{name}"], getattr(self, name.lower()))

    def term(self) -> None:
        """Stop."""
        self.stopping.set()

    int = quit = term

    def lose_master(self) -> None:
        """Stop, and tidy up what the master cannot any more."""
        self.master_watcher.stop()
        self.front.leave()
        self.term()
