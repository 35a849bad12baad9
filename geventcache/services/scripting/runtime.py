"""The Lua runtime: one a server, made when the first script comes.

It knows Lua and nothing of commands: what scripts ask for goes through a door (``door.py``). It is not re-entrant: one
script runs at a time, and nothing calls into Lua while one does.

The engine is LuaJIT, which hashes long strings in full and has a bit library; where lupa has none, Lua 5.1, with the
same results.

Memory is bounded by the allocator. A failed allocation is an ordinary error inside Lua; outside of Lua's protection it
would end the process, or jump over frames of the binding's. So once the sandbox is loaded, its functions are called
with numbers alone, for which Lua needs no memory: texts wait at the door, and functions of scripts stay in Lua, where
they are known by their numbers.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.services.scripting.door import TEXT, Door, Host
from geventcache.services.scripting.headers import FLAGS
from geventcache.services.scripting.plain_door import PlainDoor
from geventcache.services.scripting.replies import Tokens, integer_of

ENTRIES = (b"compile", b"run", b"call", b"load", b"registered", b"slice", b"verdict", b"release", b"forget", b"collect")
MODULES = ("cjson", "cmsgpack", "struct", "strings", "sorting", "dialect", "resp", "results")
HAS_FFI = b"return jit ~= nil and (pcall(require, 'ffi'))"
SLICE = 4000
SPARE_REFERENCES = 16
COLLECT_ABOVE = 0.5
GROWTH = 16 << 20  # bytes of garbage that are not left to stay until the next script
START = 16 << 20  # bytes that the system must have for Lua and the sandbox, which are loaded without protection
SCALAR, VALUES, SLICES, FAILURE, OVERFLOW = range(5)
OUT_OF_MEMORY = b"ERR the script needs more memory than script-max-memory or the system allows"
NO_MEMORY = b"ERR the system has not the memory that scripts need"


def nothing() -> None:
    """Nobody wants to know."""


def refuse_access(*args: Any) -> Any:
    """Scripts read and write no attribute of any object of ours."""
    raise AttributeError("not accessible")


def engine() -> Any:
    """The module of lupa that is used; imported only now: a server without scripts does without Lua."""
    with contextlib.suppress(ImportError):
        from lupa import luajit21

        return luajit21
    from lupa import lua51

    return lua51


class Function:
    """A function that Lua keeps for as long as this object is there."""

    __slots__ = ("number", "released")

    def __init__(self, number: int, released: list[int]) -> None:
        self.number = number
        self.released = released

    def __del__(self) -> None:
        self.released.append(self.number)


class Runtime:
    """Lua, with the sandbox in it.

    Attributes:
        door: what scripts ask for, and what they are given.
        is_ending, last_words: the running script was told to end; the limit is lifted until it has.
        floor: the bytes that were in use after the last collection.
        released: numbers of functions that Lua need not keep any longer.
        on_much_freed: is called when much memory of Lua's was freed.

    Raises:
        CommandError: there is no memory for it.
    """

    def __init__(self, inside: Host, versions: dict[bytes, Any], limit: int, lua: Any = None) -> None:
        if not is_available(START):
            raise CommandError(NO_MEMORY)
        module = lua or engine()
        self.error = module.LuaError
        self.lua = module.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_handlers=(refuse_access, refuse_access),
            max_memory=0,
        )
        self.used = self.lua.get_memory_used
        self.door = Door(inside) if self.lua.execute(HAS_FFI) else PlainDoor(inside, self.lua)
        self.is_ending = False
        self.last_words = OUT_OF_MEMORY
        self.floor = 0
        self.released: list[int] = []
        self.on_much_freed: Callable[[], None] = nothing
        self.exports = self.load_sandbox(versions)
        self.functions = {name: self.exports[name] for name in ENTRIES}
        # What lupa wraps amid a call, an error that is a table, takes one of these without an allocation.
        references = [self.lua.table() for _ in range(SPARE_REFERENCES)]
        del references
        self.limit_memory(limit)

    def load_sandbox(self, versions: dict[bytes, Any]) -> Any:
        """Load the modules and the sandbox; return what it exports."""
        table, execute = self.lua.table_from, self.lua.execute
        given = {b"versions": table(versions), b"flags": table(dict.fromkeys(FLAGS, True)), **self.door.addresses()}
        functions = table(given)
        base = execute(source_of("base"), functions)
        if base[b"bit"] is None:
            base[b"bit"] = execute(source_of("bit"), base)
        base[b"patterns"] = execute(source_of("patterns"), base)
        modules = table({})
        for name in MODULES:
            made = execute(source_of(name), base)
            if name == "cjson":
                made, modules[b"reset_json"] = made
            modules[name.encode()] = made
        return execute(source_of("sandbox"), execute(source_of("door"), functions, base), modules, base)

    def limit_memory(self, limit: int) -> None:
        """Let scripts use up to `limit` bytes, 0 for any number."""
        self.limit = limit
        self.most = limit or 1 << 62
        self.lua.set_max_memory(limit)
        self.door.limit(self.most)

    # ------------------------------------------------------------------ memory

    def end(self, text: bytes) -> None:
        """The running script has to end with an error, and gets what it needs for that."""
        self.is_ending = True
        self.last_words = text
        self.lua.set_max_memory(0)

    def make_room(self, size: int) -> None:
        """Before a script begins: collect garbage if there may be much.

        Raises:
            CommandError: there is no room for its arguments.
        """
        if self.released:
            self.release()
        if self.used() + size > self.most * COLLECT_ABOVE:
            self.clean()
            if self.used() + size > self.most:
                raise CommandError(OUT_OF_MEMORY)

    def clean(self) -> None:
        """Forget what a script has left, and collect garbage; beyond the limit, because LuaJIT needs memory for it."""
        self.lua.set_max_memory(0)
        try:
            self.functions[b"forget"]()
            self.functions[b"collect"]()
        finally:
            self.lua.set_max_memory(self.limit)

    def release(self) -> None:
        """Let Lua forget functions."""
        while self.released:
            self.functions[b"release"](self.released.pop())

    def settle(self) -> None:
        """After a script: the limit holds again, and much garbage does not stay."""
        if self.is_ending:
            self.is_ending = False
            self.last_words = OUT_OF_MEMORY
            self.lua.set_max_memory(self.limit)
        if self.used() > self.floor + GROWTH:
            self.clean()
            self.floor = self.used()
            self.on_much_freed()

    # ------------------------------------------------------------------ scripts

    def compile(self, text: bytes) -> Function:
        """A script as a function of Lua.

        Raises:
            CommandError: it is no Lua.
        """
        self.make_room(len(text) * 8)
        self.door.give_text(TEXT, text)
        try:
            kind, *result = self.protected(b"compile")
            self.check(kind, result)
        finally:
            self.settle()
        if len(result) == 1:
            return Function(result[0], self.released)
        raise CommandError(printable(b"ERR Error compiling script (new function): " + result[1]))

    def run(self, function: Function, count: int) -> Any:
        """Run a script, whose keys and arguments wait at the door, `count` of them keys; return its value.

        Raises:
            CommandError: it failed.
        """
        return self.enter(b"run", function, count)

    def call(self, function: Function, count: int) -> Any:
        """Run a function of a library, in the same way.

        Raises:
            CommandError: it failed.
        """
        return self.enter(b"call", function, count)

    def enter(self, entry: bytes, function: Function, count: int) -> Any:
        """Call a function of the sandbox that runs what is a script's."""
        try:
            return self.value(self.protected(entry, function.number, count))
        finally:
            self.settle()

    def value(self, outcome: tuple[Any, ...]) -> Any:
        """The value of an outcome.

        Raises:
            CommandError: the script failed, or returned an error.
        """
        kind = outcome[0]
        if kind == SCALAR:
            value = outcome[1]
            return value if type(value) is bytes else integer_of(value)
        self.check(kind, outcome[1:])
        value = Tokens(iter(outcome[1:] if kind == VALUES else self.slices(outcome[1]))).read()
        if type(value) is CommandError:
            raise value
        return value

    def check(self, kind: int, facts: Any) -> None:
        """Raise the error that an outcome tells of.

        Raises:
            CommandError: the script's, or that its memory was not enough.
        """
        if kind == FAILURE:
            raise CommandError(located(*facts))
        if kind == OVERFLOW:
            raise CommandError(self.last_words)

    def slices(self, size: int) -> list[Any]:
        """The tokens of a large value."""
        tokens: list[Any] = []
        for first in range(1, size + 1, SLICE):
            part = self.functions[b"slice"](first, min(first + SLICE - 1, size))
            tokens += part if isinstance(part, tuple) else (part,)
        return tokens

    def load(self, text: bytes) -> list[tuple[bytes, Function, bytes | None, list[bytes]]]:
        """Run a library; return what it registered: names, functions, descriptions and flags.

        Raises:
            CommandError: it is no Lua, or it failed.
        """
        self.make_room(len(text) * 8)
        self.door.give_text(TEXT, text)
        try:
            kind, count, *problem = self.protected(b"load")
            self.check(kind, [count, *problem])
            if count is False:
                raise CommandError(printable(b"ERR Error compiling function: " + problem[0]))
            if count is None:
                raise CommandError(printable(b"ERR Error registering functions: " + problem[0]))
            return [self.registered(i) for i in range(1, count + 1)]
        finally:
            self.settle()

    def registered(self, i: int) -> tuple[bytes, Function, bytes | None, list[bytes]]:
        """One of the functions that the library registered."""
        name, number, description, flags = self.protected(b"registered", i)
        return name, Function(number, self.released), description or None, flags.split(b",") if flags else []

    def protected(self, entry: bytes, *args: Any) -> tuple[Any, ...]:
        """Call a function of the sandbox: a kind of outcome, and its facts.

        Raises:
            CommandError: it failed outside of the script's own protection.
        """
        try:
            outcome = self.functions[entry](*args)
            return outcome if isinstance(outcome, tuple) else (outcome,)
        except self.error as error:
            text = str(error).encode()
            if self.is_ending or not text:
                raise CommandError(self.farewell()) from None
            raise CommandError(self.last_words if b"memory" in text else printable(text)) from None
        except MemoryError:  # of Python's, for what is returned
            raise CommandError(self.last_words) from None

    def farewell(self) -> bytes:
        """What is said of a script that was told to end, and where it was."""
        verdict = self.functions[b"verdict"]()
        return located(*verdict) if isinstance(verdict, tuple) else self.last_words


def is_available(size: int) -> bool:
    """Would the system give so many bytes? Address space is asked for and given back; no page of it is touched."""
    try:
        mmap.mmap(-1, size).close()
    except (OSError, ValueError, OverflowError, MemoryError):
        return False
    return True


def located(text: bytes, source: bytes | None = None, line: int | None = None) -> bytes:
    """An error text with the place in the script."""
    if source is None or line is None:
        return printable(text)
    return printable(b"%b script: on %b:%d." % (text, source, line))


@cache
def source_of(name: str) -> bytes:
    """The source of a module of the sandbox."""
    return (files(__package__) / "lua" / f"{name}.lua").read_bytes()


def load_engine() -> None:
    """Import and read what a runtime needs, so that no file is when one is made."""
    engine()
    for path in (files(__package__) / "lua").iterdir():
        source_of(path.name.removesuffix(".lua"))
