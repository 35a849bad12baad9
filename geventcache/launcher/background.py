"""What a process does to itself: into the background, under another user, its number into a file.

Rules: whoever started a process that goes into the background waits for its word: the exit status and the line on
standard error are the same as in the foreground.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geventcache.base.numbers import parse_integer

_STARTED = b"started"


def go_into_background() -> Callable[[str], None]:
    """Continue in a process of a session of its own; the caller's ends as soon as it is told how that went.

    Returns: what must be called with an empty line when the server has started, or with what went wrong.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        if said != _STARTED:
            os.write(2, said or b"geventcache: error: the server has ended\n")
        os._exit(0 if said == _STARTED else 1)
    os.close(reading)
    os.setsid()
    if os.fork():  # no leader of a session: it can never get a terminal again
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)

    waiting = [writing]

    def report(line: str) -> None:
        if waiting:  # later words have no listener
            os.write(waiting[0], f"{line}\n".encode() if line else _STARTED)
            os.close(waiting.pop())

    return report


class PidFile:
    """The file that tells a process' number; removed when it ends."""

    def __init__(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written, or the process that it names still runs.
        """
        self.path = path
        running = self._read()
        if running is not None and running != os.getpid() and _exists(running):
            raise FileExistsError(f"{path}: already running with process number {running}")
        path.write_text(f"{os.getpid()}\n")

    def _read(self) -> int | None:
        try:
            return parse_integer(self.path.read_bytes().strip())
        except OSError:
            return None

    def remove(self) -> None:
        """Remove the file, if it is still this process'."""
        if self._read() == os.getpid():
            with contextlib.suppress(OSError):
                self.path.unlink()


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def become(user: bytes, group: bytes, *files: Path) -> None:
    """Continue as another user and group, to whom `files` belong from now on.

    Raises:
        OSError: there are none of such names, or this user may not become them.
    """
    if not user and not group:
        return
    entry = _find(pwd.getpwuid, pwd.getpwnam, user, "user") if user else pwd.getpwuid(os.geteuid())
    group_id: int = _find(grp.getgrgid, grp.getgrnam, group, "group").gr_gid if group else entry.pw_gid
    for file in files:
        if file.exists():
            os.chown(file, entry.pw_uid, group_id)
    if os.geteuid() == 0:
        os.initgroups(entry.pw_name, group_id)
    os.setgid(group_id)
    os.setuid(entry.pw_uid)


def _find(by_number: Callable[[int], Any], by_name: Callable[[str], Any], word: bytes, kind: str) -> Any:
    number = parse_integer(word)
    try:
        return by_name(os.fsdecode(word)) if number is None else by_number(number)
    except KeyError:
        raise OSError(f"there is no {kind} {os.fsdecode(word)}") from None


def say(line: str) -> None:
    """Tell what went wrong, on standard error; the empty line of a server that has started is no news there."""
    if line:
        print(line, file=sys.stderr)
