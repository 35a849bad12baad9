"""Settings as keyword arguments, and the log of a server that is part of another program."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import structlog

from geventcache.services.settings.config import Config
from geventcache.services.settings.conflicts import check_upstream
from geventcache.services.settings.kinds import InvalidSettingError, text_of
from geventcache.services.settings.table import PYTHON_NAMES


def config_of(settings: Mapping[str, Any]) -> Config:
    """The settings, by their names with ``_`` in the place of ``-``.

    Raises:
        TypeError: there is no setting of such a name, or it takes no such value.
        ValueError: the value is refused, the message says what would be one; or it contradicts another.
    """
    config = Config()
    config.load("loglevel", b"debug")  # the program's own logging decides
    for name, value in settings.items():
        if name not in PYTHON_NAMES:
            raise TypeError(f"there is no setting {name!r}")
        try:
            config.load(PYTHON_NAMES[name], text_of(value))
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        except InvalidSettingError as error:
            raise ValueError(f"{name}: {error}") from None
    check_upstream(config)
    return config


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
