"""Where settings come from, and which of them wins.

In rising order: the defaults, the configuration file, the variables ``GEVENTCACHE_SET_<NAME>``, the options in
``GEVENTCACHE_CMD_ARGS``, the command line, what CONFIG REWRITE has kept. Every setting of the table is an option of its
name, with Redis' values and gunicorn's short flags; nothing here knows a setting by name but those that say where to
look.

A bad setting, wherever it comes from, ends in one line on standard error and exit status 2.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from geventcache import __version__
from geventcache.base.errors import CommandError
from geventcache.launcher.config_file import DEFAULT_FILE, ConfigFileError, read_config_file
from geventcache.launcher.hooks import Hooks
from geventcache.launcher.kept_settings import KeptSettingsError, path_beside, read_kept_settings, write_kept_settings
from geventcache.services.extensions import NO_DATA
from geventcache.services.settings.binding import shard_addresses
from geventcache.services.settings.config import Config
from geventcache.services.settings.conflicts import check_upstream
from geventcache.services.settings.kinds import InvalidSettingError
from geventcache.services.settings.setting import Setting
from geventcache.services.settings.table import PYTHON_NAMES, SETTINGS

ARGUMENTS_VARIABLE = "GEVENTCACHE_CMD_ARGS"
VARIABLE_PREFIX = "GEVENTCACHE_SET_"
_DESCRIPTION = "A Redis-compatible in-memory cache server."
NAMES = frozenset(name for setting in SETTINGS for name in (setting.name, *setting.aliases))


class SettingsError(Exception):
    """A setting is wrong; the message says which one and why, on one line."""


class _Parser(argparse.ArgumentParser):
    """argparse without the usage text before an error, and without an exit of its own."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


def build_parser(settings: Sequence[Setting] = SETTINGS) -> argparse.ArgumentParser:
    """Return the parser of the command line; options that are not given are not in its result."""
    parser = _Parser(
        prog="geventcache",
        usage="geventcache [-c FILE] [-b ADDRESS]... [--SETTING VALUE]...",
        description=_DESCRIPTION,
        epilog="geventcache handover --help tells how data go over from, or to, another server.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"geventcache {__version__}")
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help=f"Configuration file, in Python. Default: {DEFAULT_FILE}, if there is one.",
    )
    parser.add_argument("--check-config", action="store_true", help="Check the settings, start nothing.")
    parser.add_argument("--print-config", action="store_true", help="Print the settings, start nothing.")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for setting in settings:
        if setting.section not in groups:
            groups[setting.section] = parser.add_argument_group(setting.section)
        _add_option(groups[setting.section], setting)
    return parser


def _add_option(group: argparse._ArgumentGroup, setting: Setting) -> None:
    flags = [f"-{setting.short_flag}"] if setting.short_flag else []
    default = os.fsdecode(setting.kind.show(setting.default)) or "empty"
    group.add_argument(
        *flags,
        f"--{setting.name}",
        *(f"--{alias}" for alias in setting.aliases),
        dest=setting.name,
        action="append",
        nargs="*" if setting.kind.takes_words else "?" if setting.kind.is_switch else 1,
        const="yes" if setting.kind.is_switch else None,
        metavar="VALUE",
        help=f"{setting.description} Default: {default}.".replace("%", "%%"),
    )


class Settings:
    """The settings of a process, and how to read them again.

    Attributes:
        config: the values.
        hooks: the functions of the configuration file.
        file: the path of that file, None without one.
        is_check, is_print: only check the settings, or print them.
    """

    def __init__(self, arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> None:
        """Read the settings that `arguments` (those of the process by default) and all other sources ask for.

        Raises:
            SettingsError: one of them is wrong.
            SystemExit: after --help and --version.
        """
        self._parser = build_parser()
        self._options = self._parser.parse_args(arguments)
        self._environment = environment
        self.is_check: bool = "check_config" in self._options
        self.is_print: bool = "print_config" in self._options
        self.file = self._find_file()
        self.config, self.hooks = self._read()
        # What the sources said last; CONFIG SET may have changed the values since, in this process or one before.
        self._said = self.config.copy()
        self._load_kept()

    def _find_file(self) -> Path | None:
        """The configuration file, as an absolute path: the process may change its folder."""
        named = getattr(self._options, "config", None) or getattr(self._variable_options(), "config", None)
        if named is not None:
            return Path(named).absolute()
        return DEFAULT_FILE.absolute() if DEFAULT_FILE.exists() else None

    def _load_kept(self) -> None:
        """Let the settings win that were changed at run time and kept."""
        if self.file is not None:
            path = path_beside(self.file)
            try:
                texts = read_kept_settings(path)
            except KeptSettingsError as error:
                raise SettingsError(str(error)) from None
            unknown = [name for name in texts if name not in NAMES]
            if unknown:
                raise SettingsError(f"{path}: there is no setting '{unknown[0]}'")
            _load(self.config, f"{path}: ", texts)

    def keep(self) -> None:
        """Keep what was changed at run time, for the next start.

        Raises:
            OSError: it cannot be written.
        """
        assert self.file is not None
        changed = [setting for setting in SETTINGS if self.config[setting.name] != self._said[setting.name]]
        texts = {setting.name: setting.kind.show(self.config[setting.name]) for setting in changed}
        write_kept_settings(path_beside(self.file), texts)

    def reload(self) -> tuple[list[str], list[str]]:
        """Read all sources anew and apply what has changed in them since they were last read.

        Returns: the names of the settings that were applied, and of those that can only be set at the start.

        Raises:
            SettingsError: a setting is wrong; then nothing is changed.
        """
        config, self.hooks = self._read()
        changed = [setting for setting in SETTINGS if config[setting.name] != self._said[setting.name]]
        self._said = config
        applied = []
        for setting in changed:
            if setting.is_mutable:
                with contextlib.suppress(CommandError):  # logged by whoever refused the value
                    self.config.set(setting.name.encode(), setting.kind.show(config[setting.name]))
                    applied.append(setting.name)
        return applied, [setting.name for setting in changed if not setting.is_mutable]

    def _read(self) -> tuple[Config, Hooks]:
        texts: dict[str, bytes] = {}
        hooks = Hooks()
        if self.file is not None:
            try:
                texts, hooks = read_config_file(self.file)
            except ConfigFileError as error:
                raise SettingsError(str(error)) from None
        config = Config()
        _load(config, f"{self.file}: ", texts)
        _load(config, "", dict(_from_variables(self._environment)), VARIABLE_PREFIX)
        _load(config, f"{ARGUMENTS_VARIABLE}: ", dict(_given(self._variable_options())), "--")
        _load(config, "argument ", dict(_given(self._options)), "--")
        if config["upstream"] and hooks.commands:
            raise SettingsError(NO_DATA)
        try:
            check_upstream(config)
            shard_addresses(config)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        return config, hooks

    def _variable_options(self) -> argparse.Namespace:
        """The options in the variable of the environment."""
        try:
            words = shlex.split(self._environment.get(ARGUMENTS_VARIABLE, ""))
            return self._parser.parse_args(words)
        except (ValueError, SettingsError) as error:
            raise SettingsError(f"{ARGUMENTS_VARIABLE}: {error}") from None


def _load(config: Config, source: str, texts: Mapping[str, bytes], prefix: str = "") -> None:
    for name, text in texts.items():
        try:
            config.load(name, text)
        except InvalidSettingError as error:
            shown = prefix + (name.replace("-", "_").upper() if prefix == VARIABLE_PREFIX else name)
            raise SettingsError(f"{source}{shown}: {error}") from None


def _from_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and text of the settings that variables of the environment give."""
    for variable, text in environment.items():
        if variable.startswith(VARIABLE_PREFIX):
            name = PYTHON_NAMES.get(variable.removeprefix(VARIABLE_PREFIX).lower())
            if name is None:
                raise SettingsError(f"{variable}: there is no such setting")
            yield name, os.fsencode(text)


def _given(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    """Yield name and text of the options; the words of a repeated one are joined, of other ones the last counts."""
    for setting in SETTINGS:
        values: list[str | list[str]] = getattr(options, setting.name, [])
        if setting.kind.takes_words:
            values = [" ".join(word for words in values for word in words)] if values else []
        for value in values[-1:]:
            yield setting.name, os.fsencode(value if isinstance(value, str) else value[0])
