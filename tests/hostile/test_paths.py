"""Files that the server writes, removes or gives away are its own: it follows no links and overwrites nothing else."""

from __future__ import annotations

import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from geventcache.launcher.background import PidFile, become
from geventcache.server.listening import ListenError, listen_on, remove_path
from geventcache.services.settings.addresses import Address
from geventcache.services.settings.config import Config

from ..support.inprocess import NoLog


@pytest.mark.parametrize("content", [b"", b"999999999\n", b" 999999999 ", b"0\n"])
def test_a_pid_file_is_taken_over(tmp_path: Path, content: bytes) -> None:
    """An empty one, and one of a process that has gone, with whatever white space; it is removed in the end."""
    path = tmp_path / "pid"
    path.write_bytes(content)
    file = PidFile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()
    assert not path.exists()


@pytest.mark.parametrize("content", [b"precious", b"12 13", b"-1", b"1" * 40, b"12\nprecious\n", b"\x00"])
def test_another_file_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    """What is no pid file stays as it is."""
    path = tmp_path / "pid"
    path.write_bytes(content)
    with pytest.raises(OSError, match="no pid file"):
        PidFile(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("target", ["precious", "999999999", None])
def test_a_link_is_not_followed(tmp_path: Path, target: str | None) -> None:
    """Neither to a file, nor to a pid file, nor to where there is none yet."""
    path, other = tmp_path / "pid", tmp_path / "other"
    if target is not None:
        other.write_text(target)
    path.symlink_to(other)
    with pytest.raises(OSError, match="symbolic link"):
        PidFile(path)
    assert (other.read_text() if other.exists() else None) == target


def test_special_files_are_refused(tmp_path: Path) -> None:
    """A FIFO does not hold up the start."""
    os.mkfifo(tmp_path / "pid")
    with pytest.raises(OSError, match="no pid file"):
        PidFile(tmp_path / "pid")
    with pytest.raises(IsADirectoryError):
        PidFile(tmp_path)


def test_what_has_taken_the_place_is_not_removed(tmp_path: Path) -> None:
    """Another process' file, or a link, stays."""
    path = tmp_path / "pid"
    file = PidFile(path)
    path.write_text("1\n")
    file.remove()
    assert path.read_text() == "1\n"
    path.unlink()
    (tmp_path / "own").write_text(f"{os.getpid()}\n")
    path.symlink_to(tmp_path / "own")
    file.remove()
    assert path.is_symlink()


def listen(path: Path, permissions: bytes = b"0") -> socket.socket:
    """Listen on a unix socket."""
    config = Config()
    config.load("unixsocketperm", permissions)
    ((sock, _),) = listen_on([Address(path=str(path))], config, NoLog())
    return sock


def test_a_file_in_the_place_of_a_socket_is_not_removed(tmp_path: Path) -> None:
    """Neither a file nor a link, be it to a socket that nobody listens on; such a socket itself is."""
    path = tmp_path / "socket"
    path.write_text("precious")
    with pytest.raises(ListenError, match="in use"):
        listen(path)
    remove_path(Address(path=str(path)))
    assert path.read_text() == "precious"
    path.unlink()
    listen(tmp_path / "dead").close()
    path.symlink_to(tmp_path / "dead")
    with pytest.raises(ListenError, match="in use"):
        listen(path)
    remove_path(Address(path=str(path)))
    assert path.is_symlink()
    assert (tmp_path / "dead").is_socket()
    listen(tmp_path / "dead").close()


@pytest.mark.parametrize("permissions", [0o600, 0o700, 0o770, 0o777])
def test_permissions_of_a_socket(tmp_path: Path, permissions: int) -> None:
    """They are those that were asked for, whatever the umask."""
    path = tmp_path / "socket"
    before = os.umask(0o027)
    try:
        listen(path, b"%o" % permissions).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == permissions


def test_group_of_a_socket(tmp_path: Path) -> None:
    """It is the one that was asked for; where there is none of that name, nothing is listened on or left behind."""
    path = tmp_path / "socket"
    config = Config()
    # Only root may give a file to a group that it is not in.
    wanted = grp.getgrall()[-1] if os.geteuid() == 0 else grp.getgrgid(os.getegid())
    config.load("unixsocketgroup", wanted.gr_name.encode())
    ((sock, _),) = listen_on([Address(path=str(path))], config, NoLog())
    sock.close()
    assert path.stat().st_gid == wanted.gr_gid
    path.unlink()
    config.load("unixsocketgroup", b"no-such-group")
    with pytest.raises(ListenError, match="no-such-group"):
        listen_on([Address(path=str(path))], config, NoLog())
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_a_link_leads_to_is_not_given_away(tmp_path: Path) -> None:
    """A user gets the link, and not the file behind it."""
    precious, path = tmp_path / "precious", tmp_path / "log"
    precious.write_text("")
    path.symlink_to(precious)
    pid = os.fork()
    if not pid:
        try:
            become(b"nobody", b"", path, tmp_path / "missing")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert precious.stat().st_uid == 0
    assert path.lstat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_group_of_its_own_stays(tmp_path: Path) -> None:
    """A user gets a socket, but a group that it was given to keeps it."""
    socket_path, log = tmp_path / "socket", tmp_path / "log"
    for path in (socket_path, log):
        path.write_text("")
        os.chown(path, -1, 1)
    pid = os.fork()
    if not pid:
        try:
            become(b"nobody", b"", socket_path, log, keep_group=(socket_path,))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert socket_path.stat().st_uid != 0
    assert [path.stat().st_gid == 1 for path in (socket_path, log)] == [True, False]
