"""A server inside another program: on the program's hub, or with a hub in a thread of its own.

A gevent program has one hub that everything shares; there the server is a few more greenlets. In any other program
nothing would run it, so it gets a native thread. The parts are the same: everything that concerns the server happens on
its hub, where `host.call` takes it. In a forked process it is a stranger's (`geventcache.server.forks`): it can be
connected to, and nothing else.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakSet

import gevent
from gevent import get_hub, monkey
from gevent.event import Event

from geventcache.embedding.settings import config_of, embedded_log
from geventcache.embedding.steering import STEERABLE, ClockKind, SteeredClock, SteeredFaults
from geventcache.server import app
from geventcache.services.extensions import Database, Function, command
from geventcache.services.settings.addresses import Address
from geventcache.web import accompany

Result = TypeVar("Result")

_start_new_thread = monkey.get_original("_thread", "start_new_thread")
get_ident = monkey.get_original("_thread", "get_ident")
_allocate_lock = monkey.get_original("_thread", "allocate_lock")
_in_threads: WeakSet[Server] = WeakSet()


class Server:
    """A server on a free port of 127.0.0.1, or wherever the settings say.

    ``with Server() as server:`` starts it and stops it in the end.

    Args:
        thread: run in a thread of its own. By default it does, unless the program is gevent's (its sockets are
            patched); then it runs on the hub of the thread that starts it.
        clock: ``"manual"`` for a time that stands still until it is moved, by `advance` and `clock`; then local clients
            may also use GEVENTCACHE and DEBUG.
        on_expired: called with a list of the keys that expired, once for many (of `ExpiredKey`).
        on_key_event: called with the event's name, the key and the database, after a key has changed.
        commands: functions that `geventcache.extension.command` has declared as commands.
        settings: those of the command line, with ``_`` for ``-``: ``Server(port=7000, maxmemory="100mb")``.

    Raises:
        TypeError: there is no setting of such a name.
        ValueError: a setting does not take its value; or a thread is asked for where gevent has replaced them.
    """

    def __init__(
        self,
        *,
        thread: bool | None = None,
        clock: ClockKind = "system",
        on_expired: Callable[[list[Any]], object] | None = None,
        on_key_event: Callable[[str, bytes, Database], object] | None = None,
        commands: Sequence[Callable[..., object]] = (),
        **settings: Any,
    ) -> None:
        is_patched = monkey.is_module_patched("socket") or monkey.is_module_patched("threading")
        if thread and is_patched:
            raise ValueError("gevent has patched this program: a server runs on its hub, not in a thread")
        self._in_thread = not is_patched if thread is None else thread
        self._settings = {"port": 0, **(STEERABLE if clock == "manual" else {}), **settings}
        self._clock_kind = clock
        self._on_expired = on_expired
        self._on_key_event = on_key_event
        self._commands = list(commands)
        self._clock: SteeredClock | None = None
        self._faults: SteeredFaults | None = None
        config_of(self._settings)
        self._host: _Hub | _HubThread | None = None
        self._process = 0
        self._app: Any = None
        self._serving: Any = None
        self._addresses: list[Address] = []

    # ------------------------------------------------------------------ start and stop

    def start(self) -> Server:
        """Listen and serve; come back as soon as clients can connect.

        Raises:
            OSError: an address cannot be listened on.
            RuntimeError: it has been started.
        """
        if self._host is not None:
            self._check_process()
            raise RuntimeError("the server has been started")
        host = _HubThread() if self._in_thread else _Hub()
        try:
            host.call(lambda: self._launch(self._settings))
        except BaseException:
            host.close()
            raise
        self._host = host
        self._process = os.getpid()
        self._addresses = list(self._app.addresses)
        if self._in_thread:
            _in_threads.add(self)
        return self

    def stop(self) -> None:
        """Let running requests finish, close all connections, leave nothing behind; may be called twice.

        In a process that was forked from the server's, this does nothing.
        """
        if self._is_foreign:
            return
        host, self._host = self._host, None
        if host is not None:
            host.call(self._finish)
            host.close()

    def end(self) -> None:
        """Stop without waiting for clients, at the end of the program."""
        if self._host is not None and not self._is_foreign:
            self._app.config.load("graceful-timeout", b"0")
            self.stop()

    def reset(self) -> None:
        """Begin anew on the same addresses: no keys, no clients, no users, scripts or changed settings of before.

        What was saved is not loaded, and stays until the next save.

        Raises:
            RuntimeError: the server does not run, or belongs to the process that this one was forked from.
        """
        self._call(self._restart)

    @property
    def _is_foreign(self) -> bool:
        """It has been started, by the process that this one was forked from."""
        return self._host is not None and self._process != os.getpid()

    def _check_process(self) -> None:
        if self._is_foreign:
            raise RuntimeError("this server belongs to the process that started it; connect to it, or make another one")

    def _launch(self, settings: dict[str, Any], loads: bool = True) -> None:
        self._app = app.Server(config_of(settings), embedded_log())
        self._clock = SteeredClock(self._app.state, self._call, self._clock_kind)
        self._faults = SteeredFaults(self._app.state, self._call)
        extensions = self._app.state.extensions
        for function in self._commands:
            extensions.add(function)
        extensions.on_key_event(self._on_key_event)
        extensions.on_expired(self._on_expired)
        accompany(self._app)
        self._app.start(loads=loads)
        self._app.load()
        self._serving = gevent.spawn(self._app.serve_forever)

    def _finish(self) -> None:
        self._app.request_stop()
        self._serving.join()

    def _restart(self) -> None:
        self._app.state.snapshots.saves_at_end = False
        self._finish()
        words = [str(address) for address in self._addresses]
        self._launch({**self._settings, "bind": words, "unixsocket": ""}, loads=False)

    def _call(self, function: Callable[[], Result]) -> Result:
        """Call a function on the server's hub."""
        self._check_process()
        return self._running().call(function)

    def _running(self) -> _Hub | _HubThread:
        if self._host is None:
            raise RuntimeError("the server does not run")
        return self._host

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ functions of one's own

    def command(self, name: str, **facts: Any) -> Callable[[Function], Function]:
        """Let the decorated function be a command, also after the start; see `geventcache.extension.command`."""

        def add(function: Function) -> Function:
            declared = command(name, **facts)(function)
            if self._host is not None:
                self._call(lambda: self._app.state.extensions.add(declared))
            self._commands.append(declared)
            return declared

        return add

    # ------------------------------------------------------------------ for tests

    @property
    def clock(self) -> SteeredClock:
        """Its time, to be moved and stopped.

        Raises:
            RuntimeError: the server does not run.
        """
        self._running()
        assert self._clock is not None
        return self._clock

    @property
    def faults(self) -> SteeredFaults:
        """What goes wrong, when a test asks for it.

        Raises:
            RuntimeError: the server does not run.
        """
        self._running()
        assert self._faults is not None
        return self._faults

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass, and all that would happen in it; see `SteeredClock.advance`."""
        self.clock.advance(seconds, minutes=minutes, hours=hours, days=days)

    # ------------------------------------------------------------------ where it is

    @property
    def addresses(self) -> list[tuple[str, int] | str]:
        """All that it listens on: (host, port) of a TCP socket, the path of a unix socket."""
        self._running()
        return [address.path or (address.host, address.port or 0) for address in self._addresses]

    @property
    def address(self) -> tuple[str, int] | str:
        """The first of the addresses."""
        return self.addresses[0]

    @property
    def port(self) -> int:
        """The port of the first TCP socket.

        Raises:
            RuntimeError: it does not run, or listens on unix sockets only.
        """
        for address in self.addresses:
            if not isinstance(address, str):
                return address[1]
        raise RuntimeError("the server listens on no port")

    @property
    def url(self) -> str:
        """The first address as a URL for clients: ``redis://127.0.0.1:6379``, with TLS ``rediss://``; or ``unix:///path``."""
        self._running()
        address = self._addresses[0]
        if address.path:
            return f"unix://{address.path}"
        return f"{'rediss' if address.is_tls else 'redis'}://{address._replace(is_tls=False)}"


class _Hub:
    """The hub of the thread that calls."""

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the function."""
        return function()

    def close(self) -> None:
        """Nothing is to be done."""


class _HubThread:
    """A native thread that runs a hub.

    It is made and waited for by what lies below `threading`: the program may patch that while the thread runs, and then
    whoever waited would switch to a hub of its own, and the thread would not find itself at its end.
    """

    def __init__(self) -> None:
        self._ended = _held_lock()
        self._ready = _held_lock()
        _start_new_thread(self._run, ())
        self._ready.acquire()

    def _run(self) -> None:
        self._thread = get_ident()
        hub = get_hub()
        over = Event()
        # The one watcher that other threads may touch; it also keeps the hub alive while there is nothing to do.
        self._end = hub.loop.async_()
        self._end.start(over.set)
        self._loop = hub.loop
        self._ready.release()
        over.wait()
        self._end.close()
        hub.destroy(destroy_loop=True)
        self._ended.release()

    def call(self, function: Callable[[], Result]) -> Result:
        """Call the function in a greenlet of the thread, and wait for it.

        Raises:
            RuntimeError: the caller is one of the server's own functions, which would wait for itself.
        """
        if get_ident() == self._thread:
            raise RuntimeError("a function that the server calls cannot call it: ctx.call and db.call run commands")
        answered = _held_lock()
        outcome: list[tuple[Any, BaseException | None]] = []

        def answer() -> None:
            try:
                outcome.append((function(), None))
            except BaseException as error:  # it is the caller's
                outcome.append((None, error))
            answered.release()

        self._loop.run_callback_threadsafe(gevent.spawn, answer)
        answered.acquire()
        result, error = outcome[0]
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the thread."""
        self._end.send()
        self._ended.acquire()


def _held_lock() -> Any:
    """A native lock, to be waited for until another thread releases it."""
    lock = _allocate_lock()
    lock.acquire()
    return lock


@atexit.register
def _stop_all() -> None:
    """At the end of the program: a thread that ran on would use what the interpreter takes down."""
    for server in list(_in_threads):
        server.end()
