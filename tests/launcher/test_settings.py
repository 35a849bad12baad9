"""The command line sets what it says, and refuses the rest in one line."""

from __future__ import annotations

import pytest

from geventcache import __version__
from geventcache.launcher.settings import build_parser, parse_command_line
from geventcache.services.settings_table import SETTINGS


def test_defaults() -> None:
    """Without options every setting has its default."""
    config = parse_command_line([])
    assert {setting.name: config[setting.name] for setting in SETTINGS} == {
        setting.name: setting.default for setting in SETTINGS
    }


@pytest.mark.parametrize(
    ("arguments", "name", "shown"),
    [
        (["--maxmemory", "100mb"], b"maxmemory", b"104857600"),
        (["--maxmemory=1k", "--maxmemory", "2k"], b"maxmemory", b"2000"),
        (["--list-max-listpack-size", "-5"], b"list-max-listpack-size", b"-5"),
        (["--lua-time-limit", "9"], b"busy-reply-threshold", b"9"),
        (["-b", "127.0.0.1:0", "--bind", "unix:/x", "[::1]:7"], b"bind", b"127.0.0.1:0 unix:/x [::1]:7"),
        (["--bind=-::1"], b"bind", b"-::1"),
        (["--unixsocketperm", "700"], b"unixsocketperm", b"700"),
        (["--save", ""], b"save", b""),
        (["--requirepass", "\udcff"], b"requirepass", b"\xff"),
        (
            ["--client-output-buffer-limit", "normal", "1", "2", "3"],
            b"client-output-buffer-limit",
            b"normal 1 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
    ],
)
def test_option(arguments: list[str], name: bytes, shown: bytes) -> None:
    """An option sets its setting; the last one counts, words are joined."""
    assert parse_command_line(arguments).get(name) == {name: shown}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--nosuch"], "unrecognized arguments: --nosuch"),
        (["surplus"], "unrecognized arguments: surplus"),
        (["--maxmem", "1"], "unrecognized arguments: --maxmem 1"),
        (["--maxmemory", "x"], "argument --maxmemory: argument must be a memory value"),
        (["--appendonly", "yes"], "argument --appendonly: there is no append only file: argument must be 'no'"),
        (["-b", "host:port"], "argument --bind: invalid address 'host:port'"),
        (["--bind="], "no address to listen on"),
    ],
)
def test_refused(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line ends in one line and status 2."""
    with pytest.raises(SystemExit) as caught:
        parse_command_line(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"geventcache: error: {line}\n"


def test_help_names_every_setting() -> None:
    """--help lists all settings with their descriptions."""
    text = " ".join(build_parser().format_help().replace(",", " ").split())
    missing = [setting.name for setting in SETTINGS if f"--{setting.name} " not in text]
    assert missing == []
    assert "Bytes that data may take; 0 is unlimited. Default: 0." in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version and ends well."""
    with pytest.raises(SystemExit) as caught:
        parse_command_line(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"geventcache {__version__}\n"
