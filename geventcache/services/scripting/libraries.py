"""The functions that FUNCTION LOAD brought, in libraries.

A change is made on a copy and put in place as a whole: a library that cannot be loaded leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from geventcache.base.errors import CommandError
from geventcache.services.scripting.headers import FLAGS, check_name, read_library, rules_of

Loader = Callable[[bytes], list[tuple[bytes, Any, "bytes | None", list[bytes]]]]


class Function:
    """One function.

    Attributes:
        name, description: as it was registered.
        callback: the function of the runtime.
        flags: in the order in which they are shown.
        rules: what they mean.
    """

    def __init__(self, name: bytes, callback: Any, description: bytes | None, flags: list[bytes]) -> None:
        self.name = name
        self.callback = callback
        self.description = description
        self.flags = [flag for flag in FLAGS if flag in flags]
        self.rules = rules_of(flags)


class Library:
    """One library: its name, its code as it was sent, its functions by their names in lower case."""

    def __init__(self, name: bytes, code: bytes) -> None:
        self.name = name
        self.code = code
        self.functions: dict[bytes, Function] = {}

    def add(self, function: Function) -> None:
        """Register a function.

        Raises:
            CommandError: its name is none, or taken.
        """
        check_name(function.name, b"Function")
        if function.name.lower() in self.functions:
            raise CommandError(b"ERR Function already exists in the library")
        self.functions[function.name.lower()] = function


def load_library(code: bytes, load: Loader) -> Library:
    """Make a library of its code.

    Raises:
        CommandError: it cannot be loaded, or registers nothing.
    """
    name, body = read_library(code)
    library = Library(name, code)
    for registered in load(body):
        library.add(Function(*registered))
    if not library.functions:
        raise CommandError(b"ERR No functions registered")
    return library


class Libraries:
    """All libraries of a server, by name, and their functions by their names in lower case."""

    def __init__(self) -> None:
        self.by_name: dict[bytes, Library] = {}
        self.functions: dict[bytes, Function] = {}

    def __len__(self) -> int:
        return len(self.by_name)

    def codes(self) -> list[bytes]:
        """The codes of all libraries, as they were sent."""
        return [library.code for library in self.by_name.values()]

    def put(self, libraries: Iterable[Library], clears: bool = False) -> None:
        """Take libraries in, in the place of those of the same names, or of all.

        Raises:
            CommandError: another library has a function of that name; nothing is changed then.
        """
        by_name = {} if clears else dict(self.by_name)
        for library in libraries:
            by_name.pop(library.name, None)
            by_name[library.name] = library
        functions: dict[bytes, Function] = {}
        for library in by_name.values():
            for name, function in library.functions.items():
                if name in functions:
                    raise CommandError(b"ERR Function %b already exists" % function.name)
                functions[name] = function
        self.by_name, self.functions = by_name, functions

    def remove(self, name: bytes) -> bool:
        """Forget a library; False if there is none of that name."""
        library = self.by_name.pop(name, None)
        if library is None:
            return False
        for function in library.functions:
            del self.functions[function]
        return True

    def clear(self) -> None:
        """Forget all."""
        self.by_name, self.functions = {}, {}
