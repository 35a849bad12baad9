"""The process: a server with its signals, its hooks and its logs, from the start to the exit status.

Signals are gunicorn's. Each is handled by the method of its name, on the hub, when no command runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent import get_hub

from geventcache.base.build import IS_COMPILED
from geventcache.launcher import systemd
from geventcache.launcher.background import settle
from geventcache.launcher.hooks import Hooks
from geventcache.launcher.late import load_late
from geventcache.launcher.logging import FileLogs
from geventcache.launcher.settings import Settings, SettingsError
from geventcache.server.app import Server, tame_garbage_collector
from geventcache.server.listening import address_of
from geventcache.services.settings.config import Config
from geventcache.services.shutdown import SIGNALLED, SIGNALLED_NOW
from geventcache.web import accompany


class Process:
    """What every process of geventcache has, and what it does at signals that do not end it.

    Attributes:
        settings: where its settings come from.
        log: a structlog logger.
        report: to be called with an empty line when clients can connect.
        pid: the process' number.
    """

    def __init__(self, settings: Settings, logs: FileLogs, report: Callable[[str], None]) -> None:
        self.settings = settings
        self.logs = logs
        self.log: Any = logs.log
        self.report = report
        self.pid = os.getpid()

    @property
    def config(self) -> Config:
        """The values of the settings."""
        return self.settings.config

    @property
    def hooks(self) -> Hooks:
        """The functions of the configuration file."""
        return self.settings.hooks

    def hup(self) -> None:
        """Read the settings again and apply what has changed in their sources; the data stays."""
        systemd.reloading()
        try:
            changed, need_restart = self.settings.reload()
        except SettingsError as error:
            self.log.error("settings_not_reloaded", reason=str(error))
        else:
            self.after_reload()
            self.log.info("settings_reloaded", changed=changed, need_restart=need_restart)
        systemd.notify("READY=1")

    def after_reload(self) -> None:
        """Follow settings and hooks that have changed."""

    def usr1(self) -> None:
        """Open the log file anew, after somebody has moved it away."""
        try:
            self.logs.reopen()
        except OSError as error:
            self.log.error("log_not_reopened", reason=str(error))

    def ttin(self) -> None:
        """For gunicorn, one worker more; here the number of shards is fixed at the start."""
        self.log.warning("signal_ignored", signal="TTIN")

    def ttou(self) -> None:
        """For gunicorn, one worker less."""
        self.log.warning("signal_ignored", signal="TTOU")

    def usr2(self) -> None:
        """For gunicorn, a new program beside the old one; here the data would stay behind."""
        self.log.warning("signal_ignored", signal="USR2")


class ServerProcess(Process):
    """The process of one server.

    Attributes:
        server: what serves.
    """

    def __init__(self, settings: Settings, logs: FileLogs, report: Callable[[str], None]) -> None:
        super().__init__(settings, logs, report)
        self.server = self.make_server()
        for function in self.hooks.commands:
            self.server.state.extensions.add(function)
        self.server.owns_process = True
        self.make_site()
        if settings.file is not None:
            self.server.state.config_file = str(settings.file)
            if settings.config["workers"] == 1:
                self.server.state.on_config_rewrite = settings.keep

    def make_server(self) -> Server:
        """Return the server, not yet started."""
        return Server(self.config, self.log)

    def make_site(self) -> None:
        """Let the server be seen over HTTP, if that is wished."""
        accompany(self.server)

    def run(self) -> int:
        """Serve until a signal or SHUTDOWN ends it; return the exit status.

        Raises:
            OSError: an address cannot be listened on, a file not be read or written, a user not become.
        """
        self.log_accidents()
        self.hooks.call(self.log, "on_starting", self)
        load_late(self.config)
        self.server.start([(sock, address_of(sock)) for sock in systemd.listening_sockets()])
        pid_file = settle(self.config, *(Path(address.path) for address in self.server.own_addresses if address.path))
        self.obey_signals()
        try:
            self.server.load()
            self.log_ready()
            self.report("")
            systemd.notify("READY=1", f"MAINPID={self.pid}")
            self.hooks.call(self.log, "when_ready", self)
            self.server.serve_forever()
        finally:
            if pid_file is not None:
                pid_file.remove()
        self.hooks.call(self.log, "on_exit", self)
        self.log.info("stopped")
        return 0

    def log_accidents(self) -> None:
        """What a greenlet or a callback raises belongs into the log, and not between its lines."""
        get_hub().print_exception = self._log_accident

    def _log_accident(self, context: object, kind: Any, error: Any, trace: Any) -> None:
        self.log.error("unexpected", context=repr(context), error=repr(error), exc_info=(kind, error, trace))

    def obey_signals(self) -> None:
        """Handle signals, and hear of expired keys, from now on."""
        for name in ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TTIN", "TTOU"):
            gevent.signal_handler(signal.Signals[f"SIG{name}"], getattr(self, name.lower()))
        self.after_reload()

    def log_ready(self) -> None:
        """Tell that clients are served, with nothing of the start left to collect."""
        tame_garbage_collector()
        self.log.info("ready", pid=self.pid, build="compiled" if IS_COMPILED else "uncompiled")

    def after_reload(self) -> None:
        """Let those hooks hear of keys that want to."""
        extensions = self.server.state.extensions
        extensions.on_key_event(self.hooks.functions.get("on_key_event"))
        extensions.on_expired(self.hooks.functions.get("on_expired"))
        self.server.expiry.on_batch = self._on_batch if "on_expired_batch" in self.hooks else None

    def _on_batch(self, count: int) -> None:
        if count:
            self.hooks.call(self.log, "on_expired_batch", self, count)

    def term(self) -> None:
        """Stop: replicas get what they lack, running requests finish, their answers go out."""
        self._end(SIGNALLED)

    def int(self) -> None:
        """As SIGTERM: Ctrl-C."""
        self._tell_of_interruption()
        self.term()

    def quit(self) -> None:
        """Stop at once: nobody is waited for."""
        self._tell_of_interruption()
        self.config.load("graceful-timeout", b"0")
        self._end(SIGNALLED_NOW)

    def _end(self, words: tuple[bytes, ...]) -> None:
        systemd.notify("STOPPING=1")
        self.server.state.shutdown.begin(words)

    def _tell_of_interruption(self) -> None:
        if not self.server.stopping.is_set():
            self.hooks.call(self.log, "worker_int", self)
