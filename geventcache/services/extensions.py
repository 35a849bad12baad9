"""Python functions of the user's own: commands, and what is called when keys change or expire.

The rules:

- A command is a function under a `Declaration`, as ours are: COMMAND, access control, MULTI, slots and scripts know it
  by that. It changes data by calling commands; these are what is repeated elsewhere.
- Hooks are called between two commands, never within one. What `on_key_event` changes itself is no event to it.
- What a function raises is an error reply or nothing, and a line in the log. It must not give other greenlets a turn,
  and what it takes everybody waits for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, overload

from geventcache.base import errors
from geventcache.base.errors import CommandError, printable
from geventcache.base.events import EVENTS
from geventcache.command.declaration import Declaration, DeclarationError, categories_of, check, counts, summary_of
from geventcache.command.keyspecs import KeySpec, at
from geventcache.resp.replies import Data, ResponseError, encode, new_reader
from geventcache.resp.writer import ReplyWriter
from geventcache.services.clients import Client
from geventcache.services.listeners.notify import HEXPIRED, HEXPIRED_AT_ONCE
from geventcache.services.losses import EXPIRED, Loss, Taker
from geventcache.services.shards.slots import NO_SLOT
from geventcache.store.changes import HOST_RANK, Listener
from geventcache.store.keyspace import Keyspace

Function = TypeVar("Function", bound=Callable[..., object])
Keys = int | tuple[int, int, int]

VALUE_BYTES = 1024
GROUP = "module"
DECLARED = "geventcache_command"
VALUES = "geventcache_values"
UNWANTED = "nm"  # classes of events that ``A`` of notify-keyspace-events leaves out, too: new keys and misses
NO_DATA = "commands of one's own belong where the data is, not at its near side"
FOREIGN_KEY = "ERR a key of another shard"
READ_ONLY = "ERR Write commands are not allowed from read-only commands."


# ---------------------------------------------------------------------- what the user's functions get


class Database(int):
    """The number of a database, by which commands can be called in it."""

    _call: Callable[..., Any]

    def call(self, *request: Data) -> Any:
        """Run a command in this database: ``db.call("INCR", "expired")``; see `Context.call`."""
        return self._call(*request)


class ExpiredKey(bytes):
    """The name of a key that has expired.

    Attributes:
        db: the Database that it was in.
        type: of the key: ``"string"``, ``"hash"``, ...
        value: None unless `with_values` asks for it, or if it is too large; of a string its bytes, of another type what
            RESTORE takes.
        deadline: when it was due, in seconds since the epoch; lag: by how many seconds later it went.
    """

    db: Database
    type: str
    value: bytes | None
    deadline: float
    lag: float


class Context:
    """Who calls a command, and what it may call itself.

    Attributes:
        db: the Database that the client has selected.
        user: the name of its user.
    """

    def __init__(self, client: Client, is_readonly: bool) -> None:
        self.user: str = client.user.decode("utf-8", "replace")
        self._extensions: Extensions = client.server.extensions
        self.db: Database = self._extensions.database(client.db, is_readonly)

    def call(self, *request: Data) -> Any:
        """Run a command: ``ctx.call("HGETALL", key)``. Its value is that of RESP3: bytes, int, float, list, dict, ...

        Raises:
            ResponseError: it was refused or failed; nobody needs to catch that: it is the reply then.
        """
        return self.db.call(*request)

    def time(self) -> float:
        """The time at which the command began, in seconds since the epoch."""
        now_ms: int = self._extensions.state.clock.now_ms
        return now_ms / 1000


# ---------------------------------------------------------------------- declarations


def command(
    name: str,
    *,
    keys: Keys = 0,
    readonly: bool = False,
    fast: bool = False,
    acl: str = "",
    complexity: str = "",
    since: str = "1.0.0",
) -> Callable[[Function], Function]:
    """Declare a function as a command: ``@command("CART.TOTAL", keys=1, readonly=True)``.

    It is called with a `Context` and the arguments as bytes, as many as its signature has; its docstring's first
    paragraph is the summary. It returns bytes, text, a number, None, a bool, or a list, dict or set of them.

    Args:
        keys: how many of the arguments are keys, the first ones; -1 for all of them. Or the position of the first key,
            that of the last (negative: from the end), and the step.
        readonly: it changes nothing; else it counts as a write, which replicas and a full memory refuse.
        fast: it takes next to no time whatever the keys hold.
        acl: categories of access control beside those that follow, as ``"hash dangerous"``.

    Raises:
        DeclarationError: the declaration contradicts itself or the function.
    """

    def declare(function: Function) -> Function:
        if not name or name != name.upper() or set(name) & set(" |\r\n"):
            raise DeclarationError(f"{name!r} is no name of a command: one word in upper case")
        handler = handler_of(function, readonly)
        minimum, maximum = counts(handler, name)
        flags = frozenset([*(["readonly"] if readonly else ["write", "denyoom"]), *(["fast"] if fast else [])])
        declaration = Declaration(
            name,
            GROUP,
            minimum if minimum == maximum else -minimum,
            summary_of(function) or "A command of this server's own.",
            flags,
            categories_of(flags, GROUP, acl),
            key_specs(keys, "RO access" if readonly else "RW access update"),
            since,
            complexity,
            handler=handler,
            minimum=minimum,
            maximum=maximum,
            traits=frozenset(["composite"]),
        )
        check(declaration)
        setattr(function, DECLARED, declaration)
        return function

    return declare


def key_specs(keys: Keys, flags: str) -> tuple[KeySpec, ...]:
    """Where the keys are."""
    if isinstance(keys, tuple):
        first, last, step = keys
        return (at(first, flags, last - first if last >= 0 else last, step),)
    if not keys:
        return ()
    return (at(1, flags, keys - 1 if keys > 0 else -1),)


def handler_of(function: Callable[..., object], is_readonly: bool) -> Callable[..., Any]:
    """The function as the engine calls it."""

    @functools.wraps(function)
    def handler(client: Client, *args: bytes) -> Any:
        try:
            return to_wire(function(Context(client, is_readonly), *args))
        except ResponseError as error:
            raise CommandError(printable(str(error).encode() or b"ERR")) from None

    return handler


def to_wire(value: Any) -> Any:
    """A value as the reply writer takes it.

    Raises:
        TypeError: it is of no such type.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, bytes):
        return bytes(value)  # the writer knows no subclasses
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (list, tuple)):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {to_wire(key): to_wire(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return {to_wire(item) for item in value}
    raise TypeError(f"a reply cannot be a {type(value).__name__}")


@overload
def with_values(most: int) -> Callable[[Function], Function]: ...
@overload
def with_values(most: Function) -> Function: ...
def with_values(most: Any) -> Any:
    """Let an `on_expired` have the values, up to 1 KB each: ``@with_values``; or up to so many bytes."""

    def mark(function: Function) -> Function:
        setattr(function, VALUES, most if isinstance(most, int) else VALUE_BYTES)
        return function

    return mark if isinstance(most, int) else mark(most)


def declaration_in(function: object) -> Declaration | None:
    """The declaration that `command` has put a function under, None if it did not."""
    found: Declaration | None = getattr(function, DECLARED, None)
    return found


# ---------------------------------------------------------------------- of one server


class Extensions:
    """The user's functions of one server."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.key_events: KeyEvents | None = None
        self.expired_keys: ExpiredKeys | None = None
        self.reader = new_reader()
        self.writer = ReplyWriter()
        self.writer.resp3 = True
        self._client: Client | None = None

    def add(self, function: Callable[..., object]) -> None:
        """Let a function that was declared be a command.

        Raises:
            DeclarationError: it was not declared, or there is a command of its name; or the data is another server's.
        """
        if self.state.config["upstream"]:
            raise DeclarationError(NO_DATA)
        declaration = declaration_in(function)
        if declaration is None:
            raise DeclarationError(f"{function!r} is not declared as a command")
        name = declaration.name
        if self.state.table.find([name.encode()]) is not None:
            raise DeclarationError(f"there is a command {name} already")
        self.state.table.add(name, declaration)
        self.state.acl.learn(declaration.wire_name)

    def on_key_event(self, function: Callable[[str, bytes, Database], object] | None) -> None:
        """Call a function after each change of a key; no one any more for None."""
        if self.key_events is not None:
            self.state.changes.ignore(self.key_events)
            self.key_events = None
        if function is not None:
            self.key_events = KeyEvents(self, function)
            self.state.changes.listen(self.key_events, HOST_RANK)

    def on_expired(self, function: Callable[[list[Any]], object] | None) -> None:
        """Call a function with the keys that expire; no one any more for None."""
        if self.expired_keys is not None:
            self.state.losses.give_no_more(self.expired_keys)
            self.expired_keys = None
        if function is not None:
            self.expired_keys = ExpiredKeys(self, function)
            self.state.losses.give_to(self.expired_keys)

    # ------------------------------------------------------------------ what the functions call

    def database(self, keyspace: Keyspace, is_readonly: bool) -> Database:
        """A database as the functions get it."""
        database = Database(keyspace.index)
        database._call = functools.partial(self.call, keyspace, is_readonly)
        return database

    def call(self, keyspace: Keyspace, is_readonly: bool, *request: Data) -> Any:
        """Run a command in a database; return its value as that of RESP3.

        Raises:
            ResponseError: it was refused or failed.
        """
        args = [encode(item) for item in request]
        if not args:
            raise TypeError("the name of a command is needed")
        found = self.state.table.find(args)
        text = self.refusal(found, args, is_readonly)
        if text is not None:
            raise ResponseError(text)
        client = self.client
        client.db = keyspace
        client.resp3 = True
        engine = self.state.engine
        caller = engine.current
        client.tracking = None if caller is None else caller.tracking
        try:
            return self.given(engine.call_as(caller or client, client, found, args))
        except CommandError as error:
            raise ResponseError(error.text.decode("utf-8", "replace")) from None

    def refusal(self, found: Any, args: list[bytes], is_readonly: bool) -> str | None:
        """Why a command may not be called, None if it may."""
        if found is None or found.handler is None:
            return errors.unknown_command(args).decode("utf-8", "replace")
        if not found.low <= len(args) <= found.high:
            return errors.wrong_arity(found.name).decode()
        if "noscript" in found.declaration.flags:
            return "ERR This command is not for functions"
        if found.may_write and is_readonly:
            return READ_ONLY
        if found.is_write and self.state.replication.refuses_writes:
            return errors.READ_ONLY_REPLICA.decode()
        return None if self.is_own(found, args) else FOREIGN_KEY

    def is_own(self, found: Any, args: list[bytes]) -> bool:
        """Are the keys of a request this server's, if it is one of several?"""
        if self.state.cluster is None:
            return True
        slots = self.state.cluster.slots
        slot: int = slots.slot_of_request(found, args)
        return slot == NO_SLOT or bool(slots.owns(slot))

    @property
    def client(self) -> Client:
        """Who calls for the functions: a client without a connection, as that of scripts."""
        if self._client is None:
            self._client = self.state.new_client()
            self._client.is_script = True
        return self._client

    def given(self, value: Any) -> Any:
        """A command's value as Python's."""
        if value is None or type(value) is bytes or type(value) is int:
            return value
        self.writer.value(value)
        self.reader.feed(self.writer.take())
        return self.reader.gets()


class KeyEvents(Listener):
    """Collects what happens to keys, and tells of it between two commands."""

    hears_all = True

    def __init__(self, extensions: Extensions, function: Callable[[str, bytes, Database], object]) -> None:
        self.extensions = extensions
        self.state = extensions.state
        self.function = function
        self.noted: list[tuple[bytes, bytes, Keyspace]] = []
        self.is_telling = False

    def changed(self, keyspace: Keyspace, key: bytes, event: bytes) -> None:
        """Note an event."""
        if self.is_telling or self.state.snapshots.is_loading or EVENTS.get(event, UNWANTED) in UNWANTED:
            return  # what is loaded has happened before
        if not self.noted:
            self.state.chores.append(self.tell)
        self.noted.append((HEXPIRED if event is HEXPIRED_AT_ONCE else event, key, keyspace))

    def tell(self) -> None:
        """Call the function for each."""
        noted, self.noted = self.noted, []
        self.is_telling = True
        try:
            for event, key, keyspace in noted:
                try:
                    self.function(event.decode(), key, self.extensions.database(keyspace, False))
                except Exception as error:  # the user's own function must not end anything of ours
                    self.state.log.error("hook_failed", hook="on_key_event", error=repr(error), exc_info=error)
        finally:
            self.is_telling = False


class ExpiredKeys(Taker):
    """Tells of keys that expired, in batches."""

    def __init__(self, extensions: Extensions, function: Callable[[list[Any]], object]) -> None:
        self.extensions = extensions
        self.function = function
        self.most_bytes = getattr(function, VALUES, 0)

    def take(self, losses: list[Loss]) -> None:
        """Call the function, if any of these are its affair."""
        keys = [self.key_of(loss) for loss in losses if loss.event == EXPIRED]
        if not keys:
            return
        try:
            self.function(keys)
        except Exception as error:  # the user's own function must not end the worker
            self.extensions.state.log.error("hook_failed", hook="on_expired", error=repr(error), exc_info=error)

    def key_of(self, loss: Loss) -> ExpiredKey:
        """A key as the function gets it."""
        key = ExpiredKey(loss.key)
        key.db = self.extensions.database(self.extensions.state.databases.get(loss.database), False)
        key.type = loss.kind.decode()
        key.value = loss.fit(self.most_bytes)
        key.deadline = (loss.deadline_ms or 0) / 1000
        key.lag = loss.lag_ms / 1000
        return key
