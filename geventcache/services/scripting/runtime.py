"""The Lua runtime: one a server, made when the first script comes.

It knows Lua and nothing of commands: what scripts call is given to it as functions of the host (see ``lua/sandbox.lua``
for the rules between both sides). It is not re-entrant: one script runs at a time, and nothing calls into Lua while one
does, tables for its replies aside.

Memory is bounded by the allocator. A failed allocation is an ordinary error inside Lua; outside of Lua's protection it
would end the process. So whatever is about to be handed over is measured first: `admit` keeps a distance to the limit
that no small value can use up.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from geventcache.base.errors import CommandError, printable
from geventcache.services.scripting.replies import Tokens, integer_of

ENTRIES = (b"compile", b"run", b"run_few", b"call", b"call_few", b"load", b"slice", b"forget")
FEW = 16
MODULES = ("bit", "cjson", "cmsgpack", "struct")
DISTANCE = 1 << 20
SMALL = 4096
SLICE = 4000
KEPT_REFERENCES = 256
COLLECT_ABOVE = 0.5
SCALAR, TOKENS, SLICES, FAILURE = range(4)
OUT_OF_MEMORY = b"ERR the script needs more memory than script-max-memory allows"
NO_MEMORY = b"ERR not enough memory"


def refuse_access(*args: Any) -> Any:
    """Scripts read and write no attribute of any object of ours."""
    raise AttributeError("not accessible")


class Runtime:
    """Lua, with the sandbox in it.

    Attributes:
        failed, okay: what a host function returns for a failed call, and for OK.
        is_exhausted: the running script was stopped for want of memory; the limit is lifted until it has ended.
    """

    def __init__(self, host: dict[bytes, Callable[..., Any]], versions: dict[bytes, Any], limit: int) -> None:
        from lupa import lua51  # only now: a server without scripts does without Lua

        self.error = lua51.LuaError
        self.lua = lua51.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_handlers=(refuse_access, refuse_access),
            max_memory=0,
        )
        self.used = self.lua.get_memory_used
        self.table = self.lua.table_from
        functions = self.table(host)
        functions[b"versions"] = self.table(versions)
        modules = self.table({name.encode(): self.lua.execute(source_of(name), functions) for name in MODULES})
        exports = self.lua.execute(source_of("sandbox"), functions, modules)
        self.failed = exports[b"failed"]
        self.okay = exports[b"okay"]
        self.functions = {name: exports[name] for name in ENTRIES}
        # References that were used once are taken again without an allocation.
        references = [self.lua.table() for _ in range(KEPT_REFERENCES)]
        del references
        self.is_exhausted = False
        self.limit_memory(limit)

    def limit_memory(self, limit: int) -> None:
        """Let scripts use up to `limit` bytes, 0 for any number."""
        self.limit = limit
        self.threshold = max(limit - DISTANCE, 0) if limit else 1 << 62
        self.lua.set_max_memory(limit)

    # ------------------------------------------------------------------ memory

    def admit(self, size: int) -> bool:
        """May `size` bytes be handed to the running script? If not, it has to end, and gets what it needs for that."""
        if self.used() + size <= self.threshold:
            return True
        self.is_exhausted = True
        self.lua.set_max_memory(0)
        return False

    def make_room(self, size: int) -> None:
        """Before a script begins: collect garbage if there may be much.

        Raises:
            CommandError: there is no room for its arguments.
        """
        if self.used() + size > self.threshold * COLLECT_ABOVE:
            self.lua.gccollect()
            if self.used() + size > self.threshold:
                raise CommandError(OUT_OF_MEMORY)

    def recover(self) -> None:
        """A script was stopped for want of memory: all is as before it."""
        self.is_exhausted = False
        self.functions[b"forget"]()
        self.lua.gccollect()
        self.lua.set_max_memory(self.limit)

    def reply_table(self, value: Any) -> Any:
        """A table of a value of `as_lua2` or `as_lua3`, over the limit if need be: the script notices soon enough."""
        self.lua.set_max_memory(0)
        made = self.table(value, recursive=True)
        if not self.is_exhausted:
            self.lua.set_max_memory(self.limit)
        return made

    # ------------------------------------------------------------------ scripts

    def compile(self, text: bytes) -> Any:
        """A script as a function of Lua.

        Raises:
            CommandError: it is no Lua.
        """
        self.make_room(len(text) * 8)
        result = self.protected(b"compile", text)
        if isinstance(result, tuple):
            raise CommandError(printable(b"ERR Error compiling script (new function): " + result[1]))
        return result

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
        count = len(keys) + len(args)
        self.make_room(64 * count + sum(map(len, keys)) + sum(map(len, args)))
        if count <= FEW:
            outcome = self.protected(entries[1], function, len(keys), *keys, *args)
        else:
            outcome = self.protected(entries[0], function, self.table(keys), self.table(args))
        kind = outcome[0]
        if kind == SCALAR:
            value = outcome[1]
            return value if type(value) is bytes else integer_of(value)
        if kind == FAILURE:
            raise CommandError(located(*outcome[1:]))
        value = Tokens(iter(outcome[1:] if kind == TOKENS else self.slices(outcome[1]))).read()
        if type(value) is CommandError:
            raise value
        return value

    def slices(self, size: int) -> list[Any]:
        """The tokens of a large value."""
        tokens: list[Any] = []
        for first in range(1, size + 1, SLICE):
            part = self.functions[b"slice"](first, min(first + SLICE - 1, size))
            tokens += part if isinstance(part, tuple) else (part,)
        self.functions[b"forget"]()
        return tokens

    def load(self, text: bytes) -> list[tuple[bytes, Any, bytes | None, list[bytes]]]:
        """Run a library; return what it registered: names, functions, descriptions and flags.

        Raises:
            CommandError: it is no Lua, or it failed.
        """
        self.make_room(len(text) * 8)
        count, entries = self.protected(b"load", text)
        if count is False:
            raise CommandError(printable(b"ERR Error compiling function: " + entries))
        if count is None:
            raise CommandError(printable(b"ERR Error registering functions: " + entries))
        found = [entries(i) for i in range(1, count + 1)]
        return [
            (name, function, description or None, flags.split(b",") if flags else [])
            for name, function, description, flags in found
        ]

    def protected(self, entry: bytes, *args: Any) -> Any:
        """Call a function of the sandbox.

        Raises:
            CommandError: it failed outside of the script's own protection: it was stopped, or memory ran out.
        """
        try:
            return self.functions[entry](*args)
        except self.error as error:
            self.is_exhausted = True
            raise CommandError(printable(str(error).encode() or NO_MEMORY)) from None
        finally:
            if self.is_exhausted:
                self.recover()


def located(text: bytes, source: bytes | None = None, line: int | None = None) -> bytes:
    """An error text with the place in the script."""
    if source is None or line is None:
        return printable(text)
    return printable(b"%b script: on %b:%d." % (text, source, line))


def source_of(name: str) -> bytes:
    """The source of a module of the sandbox."""
    return (files(__package__) / "lua" / f"{name}.lua").read_bytes()
