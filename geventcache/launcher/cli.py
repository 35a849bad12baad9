"""The command ``geventcache``: read the settings, start the logs, run the server.

Rules: the exit status is 0 after a clean shutdown, 2 for a wrong setting, 1 when the operating system refuses what was
asked for (a taken port, an unreadable path); then one line on standard error says so, without a traceback. gevent and
structlog are imported only once the settings are right, so that --help answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from geventcache.command.secrets import REDACTED
from geventcache.launcher.background import explain, go_into_background, open_standard_streams, say
from geventcache.launcher.handover import main as hand_over
from geventcache.launcher.settings import Settings, SettingsError
from geventcache.services.settings.table import PUBLIC_NAMES

_INTERRUPTED = 130
_HANDOVER = "handover"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; raise SystemExit after --help and --version."""
    open_standard_streams()
    report: Callable[[str], None] = say
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [_HANDOVER]:
        return hand_over(words[1:], report)
    try:
        settings = Settings(arguments)
        if settings.is_print:
            _print(settings)
        if settings.is_print or settings.is_check:
            return 0
        _prepare(settings)
        if settings.config["daemon"]:
            report = go_into_background()
        return _run(settings, report)
    except SettingsError as error:
        report(f"geventcache: error: {error}")
        return 2
    except OSError as error:
        report(f"geventcache: error: {explain(error)}")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _print(settings: Settings) -> None:
    """All settings, as CONFIG GET would show them, but for secrets."""
    for name, text in sorted(settings.config.get(b"*").items()):
        shown = text if not text or name in PUBLIC_NAMES else REDACTED
        print(f"{os.fsdecode(name)} = {os.fsdecode(shown)}")


def _prepare(settings: Settings) -> None:
    """What must be so before any file is opened."""
    if settings.config["umask"]:
        os.umask(settings.config["umask"])
    if settings.config["chdir"]:
        os.chdir(settings.config["chdir"])


def _run(settings: Settings, report: Callable[[str], None]) -> int:
    from geventcache.launcher import logging
    from geventcache.launcher.arbiter import Arbiter
    from geventcache.launcher.process import ServerProcess

    logs = logging.start(settings.config)
    process = Arbiter if settings.config["workers"] > 1 else ServerProcess
    try:
        return process(settings, logs, report).run()
    finally:
        logs.close()
