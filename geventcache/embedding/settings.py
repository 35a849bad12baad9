"""Settings as keyword arguments, and the log of a server that is part of another program."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import structlog

from geventcache.services.config import Config
from geventcache.services.setting_kinds import InvalidSettingError
from geventcache.services.settings_table import SETTINGS

_NAMES = {name.replace("-", "_"): name for setting in SETTINGS for name in (setting.name, *setting.aliases)}


def config_of(settings: Mapping[str, Any]) -> Config:
    """The settings, by their names with ``_`` in the place of ``-``.

    Raises:
        TypeError: there is no setting of such a name, or it takes no such value.
        ValueError: the value is refused; the message says what would be one.
    """
    config = Config()
    for name, value in settings.items():
        if name not in _NAMES:
            raise TypeError(f"there is no setting {name!r}")
        try:
            config.load(_NAMES[name], text_of(name, value))
        except InvalidSettingError as error:
            raise ValueError(f"{name}: {error}") from None
    return config


def text_of(name: str, value: Any) -> bytes:
    """A value as the command line would write it.

    Raises:
        TypeError: no setting takes such a value.
    """
    if isinstance(value, bool):
        return b"yes" if value else b"no"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, (str, bytes, os.PathLike)):
        return os.fsencode(value)
    if isinstance(value, (list, tuple)):
        return b" ".join(text_of(name, word) for word in value)
    raise TypeError(f"{name}: a {type(value).__name__} is no value of a setting")


def embedded_log() -> Any:
    """The log of a server that is part of another program: the standard library's logger ``geventcache``."""
    return structlog.wrap_logger(
        logging.getLogger("geventcache"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
