"""The Lua runtime: one a server, made when the first script comes.

It knows Lua and nothing of commands: what scripts call is given to it as functions of the host (see ``lua/sandbox.lua``
for the rules between both sides). It is not re-entrant: one script runs at a time, and nothing calls into Lua while one
does.

The engine is LuaJIT, which hashes long strings in full and has a bit library; where lupa has none, Lua 5.1, with the
same results.

Memory is bounded by the allocator. A failed allocation is an ordinary error inside Lua; outside of Lua's protection it
would end the process, and in a frame of the binding's it would jump over what that frame has to give back. So the
limit holds only while Lua itself runs: the sandbox sets it when it begins (`restrict`), and whoever hands over a value
lifts it before. What is large is measured first (`admit`), and the system asked whether it would give as much.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.services.scripting.headers import FLAGS
from geventcache.services.scripting.replies import Tokens, integer_of

ENTRIES = (b"compile", b"run", b"run_few", b"call", b"call_few", b"load", b"slice", b"verdict", b"forget")
FEW = 16
MODULES = ("cjson", "cmsgpack", "struct", "strings", "dialect")
SMALL = 4096
SLICE = 4000
KEPT_REFERENCES = 256
COLLECT_ABOVE = 0.5
GROWTH = 16 << 20  # bytes of garbage that are not left to stay until the next script
SCALAR, VALUES, SLICES, FAILURE, OVERFLOW = range(5)
ASKED = 1 << 16  # of so many bytes and more the system is asked first
SPARE = 1 << 20
OUT_OF_MEMORY = b"ERR the script needs more memory than script-max-memory allows"
NO_MEMORY = b"ERR the system has not the memory that the script needs"


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


class Runtime:
    """Lua, with the sandbox in it.

    Attributes:
        is_ending, last_words: the running script was told to end; the limit is lifted until it has.
        floor: the bytes that were in use after the last collection.
    """

    def __init__(
        self, host: dict[bytes, Callable[..., Any]], versions: dict[bytes, Any], limit: int, lua: Any = None
    ) -> None:
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
        self.table = self.lua.table_from
        self.is_ending = False
        self.last_words = OUT_OF_MEMORY
        self.floor = 0
        self.limit_memory(limit)
        exports = self.load_sandbox(host, versions)
        self.functions = {name: exports[name] for name in ENTRIES}
        # References that were used once are taken again without an allocation.
        references = [self.lua.table() for _ in range(KEPT_REFERENCES)]
        del references

    def load_sandbox(self, host: dict[bytes, Callable[..., Any]], versions: dict[bytes, Any]) -> Any:
        """Load the modules and the sandbox; return what it exports."""
        given: dict[bytes, Any] = {**host, b"restrict": self.restrict, b"lift": self.lift}
        given[b"versions"] = self.table(versions)
        given[b"flags"] = self.table(dict.fromkeys(FLAGS, True))
        functions = self.table(given)
        execute = self.lua.execute
        base = execute(source_of("base"), functions)
        if base[b"bit"] is None:
            base[b"bit"] = execute(source_of("bit"), base)
        modules = self.table({})
        for name in MODULES:
            made = execute(source_of(name), base)
            if name == "cjson":
                made, modules[b"reset_json"] = made
            modules[name.encode()] = made
        return execute(source_of("sandbox"), functions, modules, base)

    def limit_memory(self, limit: int) -> None:
        """Let scripts use up to `limit` bytes, 0 for any number."""
        self.limit = limit
        self.most = limit or 1 << 62

    # ------------------------------------------------------------------ memory

    def restrict(self) -> None:
        """The limit holds from now on."""
        if not self.is_ending:
            self.lua.set_max_memory(self.limit)

    def lift(self) -> None:
        """No limit holds while a value is handed over."""
        self.lua.set_max_memory(0)

    def end(self, text: bytes = OUT_OF_MEMORY) -> None:
        """The running script has to end with an error, and gets what it needs for that."""
        self.is_ending = True
        self.last_words = text
        self.lua.set_max_memory(0)

    def admit(self, size: int) -> bool:
        """May `size` bytes be handed to the running script? If not, it has to end."""
        if self.used() + size > self.most:
            self.lua.gccollect()
            if self.used() + size > self.most:
                self.end()
                return False
        if not is_available(size):
            self.end(NO_MEMORY)
            return False
        return True

    def make_room(self, size: int) -> None:
        """Before a script begins: collect garbage if there may be much.

        Raises:
            CommandError: there is no room for its arguments.
        """
        if self.used() + size > self.most * COLLECT_ABOVE:
            self.lua.gccollect()
            if self.used() + size > self.most:
                raise CommandError(OUT_OF_MEMORY)
        if not is_available(size):
            raise CommandError(NO_MEMORY)

    def settle(self) -> None:
        """After a script: nothing is limited, and much garbage does not stay."""
        self.is_ending = False
        self.last_words = OUT_OF_MEMORY
        self.lua.set_max_memory(0)
        if self.used() > self.floor + GROWTH:
            self.functions[b"forget"]()
            self.lua.gccollect()
            self.floor = self.used()
            give_back()

    # ------------------------------------------------------------------ scripts

    def compile(self, text: bytes) -> Any:
        """A script as a function of Lua.

        Raises:
            CommandError: it is no Lua.
        """
        self.make_room(len(text) * 8)
        try:
            kind, *result = self.protected(b"compile", text)
            self.check(kind, result)
        finally:
            self.settle()
        if len(result) == 1:
            return result[0]
        raise CommandError(printable(b"ERR Error compiling script (new function): " + result[1]))

    def run(self, function: Any, keys: tuple[bytes, ...], args: tuple[bytes, ...]) -> Any:
        """Run a script; return its value, as the reply writer takes it.

        Raises:
            CommandError: it failed.
        """
        return self.enter((b"run", b"run_few"), function, keys, args)

    def call(self, function: Any, keys: tuple[bytes, ...], args: tuple[bytes, ...]) -> Any:
        """Run a function of a library; return its value.

        Raises:
            CommandError: it failed.
        """
        return self.enter((b"call", b"call_few"), function, keys, args)

    def enter(
        self, entries: tuple[bytes, bytes], function: Any, keys: tuple[bytes, ...], args: tuple[bytes, ...]
    ) -> Any:
        """Call the function of the sandbox that takes tables, or the one that takes a few arguments as they are."""
        self.make_room(64 * (len(keys) + len(args)) + sum(map(len, keys)) + sum(map(len, args)))
        try:
            return self.value(self.outcome(entries, function, keys, args))
        finally:
            self.settle()

    def outcome(
        self, entries: tuple[bytes, bytes], function: Any, keys: tuple[bytes, ...], args: tuple[bytes, ...]
    ) -> tuple[Any, ...]:
        """What the sandbox says of a call: a kind, and its facts."""
        if len(keys) + len(args) <= FEW:
            return self.protected(entries[1], function, len(keys), *keys, *args)
        return self.protected(entries[0], function, self.table(keys), self.table(args))

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

    def load(self, text: bytes) -> list[tuple[bytes, Any, bytes | None, list[bytes]]]:
        """Run a library; return what it registered: names, functions, descriptions and flags.

        Raises:
            CommandError: it is no Lua, or it failed.
        """
        self.make_room(len(text) * 8)
        try:
            kind, *result = self.protected(b"load", text)
            self.check(kind, result)
            count, entries = result
            if count is False:
                raise CommandError(printable(b"ERR Error compiling function: " + entries))
            if count is None:
                raise CommandError(printable(b"ERR Error registering functions: " + entries))
            found = [entries(i) for i in range(1, count + 1)]
        finally:
            self.settle()
        return [
            (name, function, description or None, flags.split(b",") if flags else [])
            for name, function, description, flags in found
        ]

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

    def farewell(self) -> bytes:
        """What is said of a script that was told to end, and where it was."""
        verdict = self.functions[b"verdict"]()
        return located(*verdict) if isinstance(verdict, tuple) else self.last_words


def is_available(size: int) -> bool:
    """Would the system give Lua so many bytes? Address space is asked for and given back; no page of it is touched."""
    if size < ASKED:
        return True
    try:
        mmap.mmap(-1, size + SPARE).close()
    except (OSError, ValueError, OverflowError, MemoryError):
        return False
    return True


def give_back() -> None:
    """Let the C library return free memory to the system, where it can."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def located(text: bytes, source: bytes | None = None, line: int | None = None) -> bytes:
    """An error text with the place in the script."""
    if source is None or line is None:
        return printable(text)
    return printable(b"%b script: on %b:%d." % (text, source, line))


def source_of(name: str) -> bytes:
    """The source of a module of the sandbox."""
    return (files(__package__) / "lua" / f"{name}.lua").read_bytes()
