"""What a process does to itself: into the background, under another user, its number into a file.

Rules: whoever started a process that goes into the background waits for its word: the exit status and the line on
standard error are the same as in the foreground.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import select
import stat
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from geventcache.base.numbers import parse_integer
from geventcache.server.listening import group_of
from geventcache.services.settings.config import Config

_STARTED = b"started"
_STANDARD_ERROR = 2
_OPENING = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_NUMBER = (1 << 32) - 1  # of users and groups; to the system it means none
_LONGEST = 32  # of a pid file, in bytes; more is something else


def open_standard_streams() -> None:
    """Let what is closed of standard input, output and error be /dev/null.

    Otherwise the next files and sockets would get their numbers, and what is written for people would go to clients.
    """
    null = os.open(os.devnull, os.O_RDWR)
    while null <= _STANDARD_ERROR:
        os.set_inheritable(null, True)
        null = os.open(os.devnull, os.O_RDWR)
    os.close(null)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:  # so it is where it was closed when Python began
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def go_into_background() -> Callable[[str], None]:
    """Continue in a process of a session of its own; the caller's ends as soon as it is told how that went.

    Returns: what must be called with an empty line when the server has started, or with what went wrong.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        wrong = hear(reading, "geventcache: error: the server has ended")
        if wrong:
            say(wrong)
        os._exit(1 if wrong else 0)
    os.close(reading)
    os.setsid()
    if os.fork():  # no leader of a session: it can never get a terminal again
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)

    return reporter(writing)


def reporter(pipe: int) -> Callable[[str], None]:
    """Return what tells the reader of a pipe, once, that this process has started, or else what went wrong."""
    waiting = [pipe]

    def report(line: str) -> None:
        if waiting:  # later words have no listener
            os.write(waiting[0], line.encode("utf-8", "surrogateescape")[: select.PIPE_BUF] or _STARTED)
            os.close(waiting.pop())

    return report


def hear(pipe: int, otherwise: str) -> str:
    """Wait for what the other process reports, unless the pipe does not block, and close the pipe.

    Returns: the empty line if it has started, else what went wrong: `otherwise` if it has ended without a word.
    """
    try:
        said = os.read(pipe, select.PIPE_BUF)
    except BlockingIOError:
        said = b""
    os.close(pipe)
    return "" if said == _STARTED else said.decode("utf-8", "surrogateescape") or otherwise


class PidFile:
    """The file that tells a process' number; removed when it ends.

    No symbolic link is followed, and a file that holds anything but a number is left alone.
    """

    def __init__(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written, is no pid file, or the process that it names still runs.
        """
        self.path = path
        try:
            # Not to wait for the reader of a FIFO, which is refused below.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _OPENING, 0o644)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise FileExistsError(f"{path}: a pid file must not be a symbolic link") from None
            raise
        try:
            running = _number_in(descriptor)
            if running is None:
                raise FileExistsError(f"{path}: this is no pid file, and is not overwritten")
            if running not in (0, os.getpid()) and _exists(running):
                raise FileExistsError(f"{path}: already running with process number {running}")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Remove the file, if it is still this process'."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_RDONLY | _OPENING)
            try:
                is_own = _number_in(descriptor) == os.getpid()
            finally:
                os.close(descriptor)
            if is_own:
                self.path.unlink()


def _number_in(descriptor: int) -> int | None:
    """The number in a pid file, 0 if it is empty; None if it is another file."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    text = os.pread(descriptor, _LONGEST, 0)
    number = parse_integer(text.strip() or b"0") if len(text) < _LONGEST else None
    return None if number is None or number < 0 else number


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return True
    return status.rpartition(b") ")[2][:1] != b"Z"  # in a container there may be nobody to reap what was killed


def settle(config: Config, *sockets: Path) -> PidFile | None:
    """Write the pid file and become the user that the settings ask for, to whom `sockets` belong from now on.

    Returns: the pid file, if one is asked for.

    Raises:
        OSError: the file cannot be written, the user not become.
    """
    named = [Path(os.fsdecode(config[name])) for name in ("pid", "logfile") if config[name]]
    pid_file = PidFile(named[0]) if config["pid"] else None
    keep_group = sockets if config["unixsocketgroup"] else ()
    become(config["user"], config["group"], *named, *sockets, keep_group=keep_group)
    return pid_file


def become(user: bytes, group: bytes, *files: Path, keep_group: Collection[Path] = ()) -> None:
    """Continue as another user and group, to whom `files` belong from now on.

    Files of `keep_group` change their user alone.

    Raises:
        OSError: there are none of such names, or this user may not become them.
    """
    if not user and not group:
        return
    user_id, name, own_group = _user(user)
    group_id = _group(group) if group else own_group
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            given = -1 if file in keep_group else group_id
            os.chown(file, user_id, given, follow_symlinks=False)  # a link may lead to what is not ours to give
    if os.geteuid() == 0:
        if name:
            os.initgroups(name, group_id)
        else:
            os.setgroups([group_id])
    os.setgid(group_id)
    os.setuid(user_id)


def _user(word: bytes) -> tuple[int, str, int]:
    """The number, the name and the group of a user. A number that has no name, as in containers, is its own group's."""
    number = _number(word, "user") if word else os.geteuid()
    try:
        entry = pwd.getpwnam(os.fsdecode(word)) if number is None else pwd.getpwuid(number)
    except KeyError:
        if number is None:
            raise OSError(f"there is no user {os.fsdecode(word)}") from None
        return number, "", number
    return entry.pw_uid, entry.pw_name, entry.pw_gid


def _number(word: bytes, kind: str) -> int | None:
    number = parse_integer(word)
    if number is not None and not 0 <= number < _NO_NUMBER:
        raise OSError(f"there is no {kind} {os.fsdecode(word)}")
    return number


def _group(word: bytes) -> int:
    number = _number(word, "group")
    return group_of(os.fsdecode(word)) if number is None else number


def explain(error: OSError) -> str:
    """Return what went wrong, and with what, on one line."""
    reason = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason


def say(line: str) -> None:
    """Tell what went wrong, on standard error; the empty line of a server that has started is no news there."""
    if line:
        print(line, file=sys.stderr)
