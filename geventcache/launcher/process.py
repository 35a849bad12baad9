"""The process: a server with its signals, its hooks and its logs, from the start to the exit status.

Signals are gunicorn's. Each is handled by the method of its name, on the hub, when no command runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent

from geventcache.base.build import IS_COMPILED
from geventcache.base.errors import CommandError
from geventcache.launcher import systemd
from geventcache.launcher.background import PidFile, become
from geventcache.launcher.logging import Logs
from geventcache.launcher.settings import Settings, SettingsError
from geventcache.server.app import Server, tame_garbage_collector
from geventcache.server.listening import address_of
from geventcache.services.config import Config
from geventcache.services.settings_table import SETTINGS


class Process:
    """The process of one server.

    Attributes:
        settings: where its settings come from.
        config: their values.
        log: a structlog logger.
        server: what serves.
        pid: the process' number.
    """

    def __init__(self, settings: Settings, logs: Logs, report: Callable[[str], None]) -> None:
        """`report` is called with an empty line when clients can connect."""
        self.settings = settings
        self.config = settings.config
        self.hooks = settings.hooks
        self.logs = logs
        self.log: Any = logs.log
        self.report = report
        self.pid = os.getpid()
        self.server = Server(self.config, self.log)
        self.server.owns_process = True
        self.server.state.config_file = str(settings.file or "")
        # What the sources said last; CONFIG SET may have changed the values since.
        self.configured = settings.config.copy()

    def run(self) -> int:
        """Serve until a signal or SHUTDOWN ends it; return the exit status.

        Raises:
            OSError: an address cannot be listened on, a file not be written, a user not become.
        """
        self.hooks.call(self.log, "on_starting", self)
        self.server.start([(sock, address_of(sock)) for sock in systemd.listening_sockets()])
        pid_file = PidFile(Path(os.fsdecode(self.config["pid"]))) if self.config["pid"] else None
        become(
            self.config["user"],
            self.config["group"],
            *(Path(os.fsdecode(self.config[name])) for name in ("pid", "logfile") if self.config[name]),
        )
        watchers = [gevent.signal_handler(number, handle) for number, handle in self._handlers()]
        self._watch_expiry()
        tame_garbage_collector()
        self.log.info("ready", pid=self.pid, build="compiled" if IS_COMPILED else "uncompiled")
        self.report("")
        systemd.notify("READY=1", f"MAINPID={self.pid}")
        self.hooks.call(self.log, "when_ready", self)
        try:
            self.server.serve_forever()
        finally:
            for watcher in watchers:
                watcher.cancel()
            if pid_file is not None:
                pid_file.remove()
        self.hooks.call(self.log, "on_exit", self)
        self.log.info("stopped")
        return 0

    def _handlers(self) -> list[tuple[int, Callable[[], None]]]:
        names = ("TERM", "INT", "QUIT", "HUP", "USR1", "TTIN", "TTOU")
        return [(signal.Signals[f"SIG{name}"], getattr(self, name.lower())) for name in names]

    def _watch_expiry(self) -> None:
        """Let the expiry engine tell of batches, if the hook wants to hear of them."""
        self.server.expiry.on_batch = self._on_batch if "on_expired_batch" in self.hooks else None

    def _on_batch(self, count: int) -> None:
        if count:
            self.hooks.call(self.log, "on_expired_batch", self, count)

    # ------------------------------------------------------------------ signals

    def term(self) -> None:
        """Stop: running requests finish, their answers go out."""
        systemd.notify("STOPPING=1")
        self.server.request_stop()

    def int(self) -> None:
        """As SIGTERM: Ctrl-C."""
        self.hooks.call(self.log, "worker_int", self)
        self.term()

    def quit(self) -> None:
        """Stop at once: nobody is waited for."""
        self.hooks.call(self.log, "worker_int", self)
        self.config.load("graceful-timeout", b"0")
        self.term()

    def hup(self) -> None:
        """Read the settings again and apply what has changed in their sources; the data stays."""
        systemd.reloading()
        try:
            config, self.hooks = self.settings.read()
        except SettingsError as error:
            self.log.error("settings_not_reloaded", reason=str(error))
        else:
            self._watch_expiry()
            self._apply(config)
        systemd.notify("READY=1")

    def _apply(self, config: Config) -> None:
        """Apply the settings that were changed since they were last read."""
        changed = [setting for setting in SETTINGS if config[setting.name] != self.configured[setting.name]]
        applied = []
        for setting in changed:
            if setting.is_mutable:
                with contextlib.suppress(CommandError):  # logged by whoever refused the value
                    self.config.set(setting.name.encode(), setting.kind.show(config[setting.name]))
                    applied.append(setting.name)
        self.configured = config
        need_restart = [setting.name for setting in changed if not setting.is_mutable]
        self.log.info("settings_reloaded", changed=applied, need_restart=need_restart)

    def usr1(self) -> None:
        """Open the log file anew, after somebody has moved it away."""
        try:
            self.logs.reopen()
        except OSError as error:
            self.log.error("log_not_reopened", reason=str(error))

    def ttin(self) -> None:
        """For gunicorn, one worker more; a server has no use for another."""
        self.log.warning("signal_ignored", signal="TTIN")

    def ttou(self) -> None:
        """For gunicorn, one worker less."""
        self.log.warning("signal_ignored", signal="TTOU")
