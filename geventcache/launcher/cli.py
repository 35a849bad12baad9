"""The command ``geventcache``: read the settings, start the logs, run the server.

Rules: the exit status is 0 after a clean shutdown, 2 for a bad command line, 1 when the operating system refuses what
was asked for (a taken port, an unreadable path); then one line on standard error says so, without a traceback. gevent
and structlog are imported only once the command line is right, so that --help answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from geventcache.launcher.settings import parse_command_line

if TYPE_CHECKING:
    from geventcache.services.config import Config

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; raise SystemExit as `parse_command_line` does."""
    config = parse_command_line(arguments)
    try:
        return _run(config)
    except OSError as error:
        print(f"geventcache: error: {_explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(config: Config) -> int:
    from geventcache.launcher import logging
    from geventcache.server import app

    logs = logging.start(config)
    try:
        return app.run(config, logs.log)
    finally:
        logs.close()


def _explain(error: OSError) -> str:
    """Return what went wrong, and with what, on one line."""
    reason = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason
