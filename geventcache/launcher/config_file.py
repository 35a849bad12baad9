"""The configuration file: Python, as gunicorn's, with a name for every setting and a function for every hook.

Rules: a setting goes by its name with ``_`` in the place of ``-``. What is no setting is an error, so that a typing
mistake does not pass for a setting; free to use are names that begin with ``_``, and those of modules, classes and
functions. A value is a string, a number, a boolean, a list of them (addresses), or a dict (limits by class).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from geventcache.command.declaration import DECLARATIONS
from geventcache.commands import load_commands
from geventcache.launcher.hooks import HOOKS, Hooks
from geventcache.services.extensions import declaration_in
from geventcache.services.settings.kinds import text_of
from geventcache.services.settings.table import PYTHON_NAMES

DEFAULT_FILE = Path("geventcache.conf.py")


class ConfigFileError(Exception):
    """The file cannot be used; the message says where and why, on one line."""


def read_config_file(path: Path) -> tuple[dict[str, bytes], Hooks]:
    """Return the text of each setting in the file, by name, and its hooks and commands.

    Raises:
        ConfigFileError: it cannot be read or run, or something in it is neither a setting nor a hook.
    """
    texts: dict[str, bytes] = {}
    hooks: dict[str, Callable[..., object]] = {}
    commands: dict[str, Callable[..., object]] = {}
    for name, value in _run(path).items():
        declaration = declaration_in(value)
        if declaration is not None:
            load_commands()
            if declaration.name in DECLARATIONS or commands.setdefault(declaration.name, value) is not value:
                raise ConfigFileError(f"{path}: {name}: there is a command {declaration.name} already")
            continue
        if name in PYTHON_NAMES:
            try:
                texts[PYTHON_NAMES[name]] = text_of(value)
            except TypeError as error:
                raise ConfigFileError(f"{path}: {name}: {error}") from None
        elif name in HOOKS:
            if not callable(value):
                raise ConfigFileError(f"{path}: {name} must be a function")
            hooks[name] = value
        elif not (name.startswith("_") or callable(value) or isinstance(value, ModuleType)):
            raise ConfigFileError(f"{path}: there is no setting '{name}'")
    return texts, Hooks(hooks, tuple(commands.values()))


def _run(path: Path) -> Mapping[str, Any]:
    """The names that the file leaves behind."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigFileError(f"{path}: {error.strerror}") from None
    namespace: dict[str, Any] = {"__file__": str(path), "__name__": "__config__"}
    try:
        exec(compile(source, str(path), "exec"), namespace)
    except Exception as error:  # the file is the user's program and may raise anything
        raise ConfigFileError(f"{path}{_line_of(path, error)}: {type(error).__name__}: {_first_line(error)}") from error
    return namespace


def _first_line(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return (text.splitlines() or [""])[0]


def _line_of(path: Path, error: Exception) -> str:
    """``:LINE`` of the file where the error arose, as far as that is known."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line
