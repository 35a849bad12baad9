"""The values of all settings at run time: what CONFIG GET and SET read and change, and what the server follows.

Rules: a value is read by the setting's own name (`config["maxmemory"]`; a wrong name is a KeyError, never a silent
default). A set of changes is applied as a whole or not at all. Whoever keeps a copy of a value registers with
`on_change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from geventcache.base.errors import CommandError, printable, up_to_zero
from geventcache.base.glob import compile_glob
from geventcache.services.settings.kinds import InvalidSettingError
from geventcache.services.settings.setting import Setting
from geventcache.services.settings.table import SETTINGS

Listener = Callable[[Any], object]

_UNKNOWN_OPTION = b"ERR Unknown option or number of arguments for CONFIG SET - '%b'"


class Config:
    """The settings of one server."""

    def __init__(self, settings: Iterable[Setting] = SETTINGS) -> None:
        self._values: dict[str, Any] = {}
        self._by_name: dict[str, Setting] = {}
        self._listeners: dict[str, list[Listener]] = {}
        for setting in settings:
            self._values[setting.name] = setting.default
            for name in (setting.name, *setting.aliases):
                self._by_name[name] = setting

    def __getitem__(self, name: str) -> Any:
        """Return the value of a setting, as its kind reads it."""
        return self._values[name]

    def copy(self) -> Config:
        """Return the values as they are now; nobody hears of changes to them."""
        copied = Config()
        copied._values = dict(self._values)
        return copied

    def names(self, prefix: str) -> list[str]:
        """Return the names of the settings that begin so."""
        return [name for name in self._values if name.startswith(prefix)]

    def on_change(self, name: str, listener: Listener) -> None:
        """Call `listener` with the new value after every change of a setting.

        It may raise InvalidSettingError: then the change does not happen, nor do others that came with it.
        """
        self._listeners.setdefault(self._by_name[name].name, []).append(listener)

    def get(self, *patterns: bytes) -> dict[bytes, bytes]:
        """Return name and text of every setting that matches a glob, in any case.

        A pattern without wildcards comes back as it was written, as the first one to match a name does with the
        reference.
        """
        found: dict[str, tuple[bytes, bytes]] = {}
        for pattern in patterns:
            for name, shown in self._matching(pattern):
                found.setdefault(name, (shown, self._text(name)))
        return dict(found.values())

    def _matching(self, pattern: bytes) -> list[tuple[str, bytes]]:
        if set(b"*?[").isdisjoint(pattern):
            name = _name(pattern)
            return [(name, pattern)] if name in self._by_name else []
        is_match = compile_glob(pattern, True)
        return [(name, name.encode()) for name in self._by_name if is_match(name.encode())]

    def _text(self, name: str) -> bytes:
        setting = self._by_name[name]
        return setting.kind.show(self._values[setting.name])

    def set(self, name: bytes, text: bytes) -> None:
        """Change one setting at run time; raise CommandError with CONFIG SET's error text."""
        self.set_many([(name, text)])

    def set_many(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Change several settings at run time, or none: raise CommandError with CONFIG SET's error text."""
        self._check_names(pairs)
        changes: dict[str, Any] = {}
        for name, text in pairs:
            setting = self._by_name[_name(name)]
            try:
                current = changes.get(setting.name, self._values[setting.name])
                changes[setting.name] = setting.kind.parse(text, current)
            except InvalidSettingError as error:
                raise _failed(name.lower(), str(error)) from None
        self._apply(changes)

    def _check_names(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        seen: set[str] = set()
        for given, text in pairs:
            name = _name(given)
            setting = self._by_name.get(name)
            if setting is None:
                raise CommandError(printable(_UNKNOWN_OPTION % up_to_zero(given)))
            if not setting.is_mutable and not (setting.takes_itself and text == self._text(name)):
                raise _failed(given, f"can't set {'protected' if setting.is_protected else 'immutable'} config")
            if name in seen:
                raise _failed(given, "duplicate parameter")
            seen.add(name)

    def note(self, name: str, value: Any) -> None:
        """Keep what the server says about itself by a setting."""
        self._values[name] = value

    def load(self, name: str, text: bytes) -> None:
        """Set any setting before the server starts; raise InvalidSettingError if the text is no value of it."""
        setting = self._by_name[name]
        self._apply({setting.name: setting.kind.parse(text, self._values[setting.name])})

    def _apply(self, changes: dict[str, Any]) -> None:
        before = {name: self._values[name] for name, value in changes.items() if value != self._values[name]}
        self._values.update(changes)
        for name in before:
            try:
                self._tell(name)
            except InvalidSettingError as error:
                self._take_back(before)
                raise _failed(name.encode(), str(error)) from None

    def _tell(self, name: str) -> None:
        for listener in self._listeners.get(name, ()):
            listener(self._values[name])

    def _take_back(self, before: dict[str, Any]) -> None:
        self._values.update(before)
        for name in before:
            with suppress(InvalidSettingError):
                self._tell(name)


def _name(given: bytes) -> str:
    return given.decode("latin-1").lower()


def _failed(name: bytes, reason: str) -> CommandError:
    return CommandError(b"ERR CONFIG SET failed (possibly related to argument '%b') - %b" % (name, reason.encode()))
