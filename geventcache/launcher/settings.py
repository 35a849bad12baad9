"""The command line: every setting of the table is an option of its name, with Redis' values and gunicorn's short flags.

Rules: a bad command line ends in one line on standard error and exit status 2. Nothing here knows a setting by name.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import NoReturn

from geventcache import __version__
from geventcache.services.addresses import listen_addresses
from geventcache.services.config import Config
from geventcache.services.setting_kinds import InvalidSettingError
from geventcache.services.settings_table import SETTINGS, Setting

_DESCRIPTION = "A Redis-compatible in-memory cache server."


class _Parser(argparse.ArgumentParser):
    """argparse without the usage text before an error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def build_parser(settings: Sequence[Setting] = SETTINGS) -> argparse.ArgumentParser:
    """Return the parser of the command line; options that are not given are not in its result."""
    parser = _Parser(
        prog="geventcache",
        usage="geventcache [-b ADDRESS]... [--SETTING VALUE]...",
        description=_DESCRIPTION,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"geventcache {__version__}")
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
        nargs="*" if setting.kind.takes_words else 1,
        metavar="VALUE",
        help=f"{setting.description} Default: {default}.".replace("%", "%%"),
    )


def parse_command_line(arguments: Sequence[str] | None = None) -> Config:
    """Return the settings that `arguments` (those of the process by default) ask for.

    Raises SystemExit: status 0 after --help and --version, status 2 when an option or a value is wrong.
    """
    parser = build_parser()
    config = Config()
    for name, text in _given(parser.parse_args(arguments)):
        try:
            config.load(name, text)
        except InvalidSettingError as error:
            parser.error(f"argument --{name}: {error}")
    if not listen_addresses(config):
        parser.error("no address to listen on")
    return config


def _given(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    """Yield name and text of the options; the words of a repeated one are joined, of other ones the last counts."""
    for setting in SETTINGS:
        values: list[list[str]] = getattr(options, setting.name, [])
        if setting.kind.takes_words:
            values = [[" ".join(word for words in values for word in words)]] if values else []
        for value in values[-1:]:
            yield setting.name, os.fsencode(value[0])
