"""A cache without a socket: commands run at once, in the caller's thread.

The rules:

- A `Cache` is a server that listens nowhere and has one client, the caller. What a command does is done where every
  command does it; its reply is read by the parser that clients use.
- It is of no use to a forked process: two copies that go their own ways would be taken for one cache.
- A call never gives another greenlet a turn, so it is atomic, as a command of the server is. Only with an `upstream` it
  does: before it, to hear what has changed there, and while it waits for a reply. Greenlets that share a cache wait for
  each other then.
- Keys expire on time by the batch worker where a gevent hub runs. A program without one runs no timers; so every call
  first removes a batch of the keys that are due, and evicts some of those that are too many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import RLock

from geventcache.base import errors
from geventcache.embedding.settings import config_of, embedded_log
from geventcache.embedding.steering import STEERABLE, ClockKind, SteeredClock, SteeredFaults
from geventcache.resp.replies import Data, ResponseError, encode, new_reader
from geventcache.server import forks
from geventcache.server.app import Server
from geventcache.server.slices import TINY_SECONDS
from geventcache.services.extensions import Database, Function, command

Result = TypeVar("Result")

_LISTENS_NOWHERE = b""
_NO_THREAD = 0


class Cache:
    """A keyspace of its own, with the commands of the server.

    Keys and values may be bytes, text (stored as UTF-8), or numbers (stored as decimals); what comes back is bytes. A
    cache belongs to the thread that made it.

    Args:
        on_expired: called with a list of the keys that expired, once for many (of `ExpiredKey`). It may use the cache;
            what it raises is logged.
        on_key_event: called with the event's name, the key and the database, after a key has changed.
        commands: functions that `geventcache.extension.command` has declared as commands.
        clock: ``"manual"`` for a time that stands still until it is moved, by `advance` and `clock`.
        settings: those of the server, with ``_`` for ``-``: ``Cache(maxmemory="100mb")``.

    Raises:
        TypeError: there is no setting of such a name.
        ValueError: a setting does not take its value.
        OSError: what was saved in its folder, if a setting names one, cannot be read.
    """

    def __init__(
        self,
        *,
        on_expired: Callable[[list[Any]], object] | None = None,
        on_key_event: Callable[[str, bytes, Database], object] | None = None,
        commands: Sequence[Callable[..., object]] = (),
        clock: ClockKind = "system",
        **settings: Any,
    ) -> None:
        config = config_of({**STEERABLE, **settings})
        config.load("bind", _LISTENS_NOWHERE)
        config.load("unixsocket", _LISTENS_NOWHERE)
        self._server = Server(config, embedded_log())
        self._state = self._server.state
        self._state.let_clients_in = lambda: True
        self._state.on_travel = self._travel_soon
        self._state.faults.has_connections = False
        self._server.travel.lets_others_in = False
        self._engine = self._server.engine
        self._expiry = self._server.expiry
        self._client = self._state.new_client()
        self._client.resp3 = True
        self._client.transport = self
        self._reader = new_reader()
        self._refused = {one.name for one in self._state.table.all() if "no_cache" in one.declaration.traits}
        self._thread = forks.thread_id()
        self._is_open = True
        self._turn = RLock()
        self._news = Event()
        self._is_waiting = False
        self._extensions = self._state.extensions
        for function in commands:
            self._extensions.add(function)
        self._extensions.on_key_event(on_key_event)
        self._extensions.on_expired(on_expired)
        self.clock = SteeredClock(self._state, self._run_alone, clock)
        self.faults = SteeredFaults(self._state, self._run_alone)
        self._server.saving.stay_in_foreground()
        self._server.journaling.use_directly()
        self._server.start()
        self._server.load()
        self._state.clients.add(self._client)  # a start that fails would wait for it to leave

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Save if settings say so, let all keys go and leave nothing running.

        May be called twice, and does nothing in a forked process.
        """
        if self._is_open and self._thread != _NO_THREAD:
            self._check_thread()
            self._is_open = False
            self._state.leave(self._client)
            self._client.transport = None
            self._server.stop()
            self._state.databases.flush()

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ any command

    def execute(self, *request: Data) -> Any:
        """Run any command: ``cache.execute("ZADD", "scores", 1.5, "ann")``.

        The value is that of RESP3: bytes, int, float, bool, None, list, dict or set. A command that would block answers
        at once, as if its time were over. Messages to subscribers are not kept.

        Raises:
            ResponseError: the command was refused or failed, as MONITOR, SHUTDOWN, SYNC and PSYNC always do.
            RuntimeError: the cache is closed, or belongs to another thread or process.
            TypeError: an argument is neither bytes nor text nor a number.
        """
        if not request:
            raise TypeError("the name of a command is needed")
        return self._run([encode(item) for item in request])

    def _run(self, args: list[bytes]) -> Any:
        self._check_usable()
        engine, client = self._engine, self._client
        if args[0].lower() in self._refused:
            raise ResponseError(f"ERR {args[0].decode().upper()} is of no use to a cache without a socket")
        if self._server.upstream is not None:
            with self._turn:
                self._pass(args)
                return self._reply()
        engine.begin_turn()
        if self._expiry.is_behind():
            self._expiry.step()
        if self._state.memory_limit.is_pressed:
            self._state.memory_limit.step()
        try:
            engine.execute(client, args)
            self._reader.feed(engine.out.take())
        except BaseException:
            engine.abandon()
            raise
        if client.blocked is not None:
            engine.time_out(client)
            while client.outbox:  # empty if the client wants no replies
                self._reader.feed(client.outbox.popleft())
        if client.is_held or not client.resp3:
            self._keep_client()
        return self._reply()

    def _reply(self) -> Any:
        """Return, or raise, what the command has answered, when all that follows from it is done."""
        engine = self._engine
        reply = self._reader.gets()
        while self._reader.has_data():  # SUBSCRIBE answers for each of its channels
            self._reader.gets()
        if engine.pushed or engine.chores:
            self._server.end_turn()  # which may call `on_expired`, which may use the cache
        if not self._server.journaling.write_directly():
            raise ResponseError(errors.journal_failed(self._state.journal.error).decode(errors="replace"))
        if isinstance(reply, ResponseError):
            raise reply
        return None if reply is False else reply

    def _pass(self, args: list[bytes]) -> None:
        """Run a command that may be the upstream's, and let the hub run until its reply is there."""
        engine, client = self._engine, self._client
        gevent.sleep(TINY_SECONDS)
        is_barred = True
        while is_barred:
            self._check_usable()
            engine.begin_turn()
            engine.execute(client, list(args))
            is_barred = client.is_barred
            if client.relay is not None and not client.relay.end_turn():
                self._wait_while(lambda: client.relay.is_turn_over)
            self._reader.feed(engine.out.take())
        self._wait_while(lambda: client.blocked is not None)
        if client.is_held or not client.resp3:
            self._keep_client()

    def _wait_while(self, claim: Callable[[], bool]) -> None:
        """Let the hub run as long as the claim holds, and take what the client is sent meanwhile."""
        self._is_waiting = True
        try:
            while claim():
                self._news.wait()
                self._news.clear()
        finally:
            self.deliver()
            self._is_waiting = False

    def _run_alone(self, function: Callable[[], Result]) -> Result:
        """Call a function as if it were a command."""
        self._check_usable()
        self._engine.begin_turn()
        try:
            return function()
        finally:
            self._server.end_turn()
            self._server.journaling.write_directly()

    def _travel_soon(self, client: Any, travel: Callable[[], None], reply: Any) -> Any:
        """Move the time as soon as the command that asks for it is over."""
        self._state.chores.append(travel)
        return reply

    def command(self, name: str, **facts: Any) -> Callable[[Function], Function]:
        """Let the decorated function be a command; see `geventcache.extension.command`."""

        def add(function: Function) -> Function:
            declared = command(name, **facts)(function)
            self._extensions.add(declared)
            return declared

        return add

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass, and all that would happen in it; see `SteeredClock.advance`."""
        self.clock.advance(seconds, minutes=minutes, hours=hours, days=days)

    def _keep_client(self) -> None:
        """Whatever the command did to the one client, it goes on, and speaks RESP3."""
        client = self._client
        client.resp3 = True
        client.review()
        client.is_closing = False
        is_paused, client.postponed = client.postponed, False
        client.hold()
        if is_paused:
            raise ResponseError("ERR the cache is paused")

    def _check_usable(self) -> None:
        self._check_thread()
        if not self._is_open:
            raise RuntimeError("the cache is closed")

    def _check_thread(self) -> None:
        if forks.thread_id() != self._thread:
            if self._thread == _NO_THREAD:
                raise RuntimeError("this cache belongs to the process that made it; make one in each process")
            raise RuntimeError("a cache belongs to the thread that made it")

    # ------------------------------------------------------------------ strings and keys

    def get(self, key: Data) -> bytes | None:
        """Return the string at a key, None if there is none."""
        value: bytes | None = self.execute("GET", key)
        return value

    def set(self, key: Data, value: Data, ttl: float | None = None, *, nx: bool = False, xx: bool = False) -> bool:
        """Store a string; return whether it was stored.

        Args:
            ttl: seconds that it is to live, None for ever.
            nx: only if there is no such key.
            xx: only if there is one.
        """
        request: list[Data] = ["SET", key, value]
        if ttl is not None:
            request += ["PX", _milliseconds(ttl)]
        request += ["NX"] * nx + ["XX"] * xx
        return self.execute(*request) is not None

    def delete(self, *keys: Data) -> int:
        """Delete keys; return how many there were."""
        count: int = self.execute("DEL", *keys) if keys else 0
        return count

    def exists(self, *keys: Data) -> int:
        """Return how many of the keys there are."""
        count: int = self.execute("EXISTS", *keys) if keys else 0
        return count

    def expire(self, key: Data, ttl: float) -> bool:
        """Let a key live for so many seconds from now on; return whether there is such a key."""
        return bool(self.execute("PEXPIRE", key, _milliseconds(ttl)))

    def persist(self, key: Data) -> bool:
        """Let a key live for ever; return whether it had a deadline."""
        return bool(self.execute("PERSIST", key))

    def ttl(self, key: Data) -> float | None:
        """Return the seconds that a key has to live, infinity if it has no deadline, None if there is no such key."""
        ttl_ms: int = self.execute("PTTL", key)
        return ttl_ms / 1000 if ttl_ms >= 0 else math.inf if ttl_ms == -1 else None

    def incr(self, key: Data, amount: int = 1) -> int:
        """Add to the number at a key, 0 if there is none; return the sum."""
        total: int = self.execute("INCRBY", key, amount)
        return total

    def mget(self, *keys: Data) -> list[bytes | None]:
        """Return the strings at several keys, None for those that are none."""
        values: list[bytes | None] = self.execute("MGET", *keys) if keys else []
        return values

    def mset(self, values: Mapping[Any, Data]) -> None:
        """Store several strings by their keys, all at once."""
        if values:
            self.execute("MSET", *(item for pair in values.items() for item in pair))

    # ------------------------------------------------------------------ hashes

    def hget(self, key: Data, field: Data) -> bytes | None:
        """Return the value of a hash's field, None if there is none."""
        value: bytes | None = self.execute("HGET", key, field)
        return value

    def hset(self, key: Data, fields: Mapping[Any, Data]) -> int:
        """Set fields of a hash; return how many of them are new."""
        count: int = self.execute("HSET", key, *(item for pair in fields.items() for item in pair)) if fields else 0
        return count

    def hgetall(self, key: Data) -> dict[bytes, bytes]:
        """Return all fields of a hash, empty if there is none."""
        fields: dict[bytes, bytes] = self.execute("HGETALL", key)
        return fields

    def hdel(self, key: Data, *fields: Data) -> int:
        """Delete fields of a hash; return how many there were."""
        count: int = self.execute("HDEL", key, *fields) if fields else 0
        return count

    # ------------------------------------------------------------------ as a container

    def clear(self) -> None:
        """Delete all keys of the selected database."""
        self.execute("FLUSHDB")

    def __len__(self) -> int:
        count: int = self.execute("DBSIZE")
        return count

    def __contains__(self, key: Data) -> bool:
        return self.exists(key) == 1

    # ------------------------------------------------------------------ as the client's transport

    sock = None

    def deliver(self) -> None:
        """Messages to the one client, which has no place to keep them; but for the reply that it waits for."""
        if self._is_waiting:
            for message in self._client.outbox:
                if not message.startswith(b">"):
                    self._reader.feed(message)
            self._news.set()
        self._client.outbox.clear()
        self._client.outbox_size = 0
        self._client.is_pushed_to = False

    def go_on(self) -> None:
        """The client is held no more: the caller finds that out."""
        self._news.set()

    def wake(self) -> None:
        """The client may go on, if it waits for an upstream."""
        self._news.set()

    def abandon(self, _is_own_hub: bool) -> None:
        """In a forked process: the cache is the other's."""
        self._thread = _NO_THREAD

    def break_off(self) -> None:
        """The client is to be ended, which only `close` does."""


def _milliseconds(seconds: float) -> int:
    """Round up: nothing expires before its time."""
    return math.ceil(seconds * 1000)
