"""The command line sets what it says, and refuses the rest in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from geventcache import __version__
from geventcache.launcher.settings import Settings, SettingsError, build_parser
from geventcache.services.settings.config import Config
from geventcache.services.settings.table import SETTINGS


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in a folder without a configuration file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parse_command_line(arguments: Sequence[str]) -> Config:
    """Return what the options ask for, in an empty environment."""
    return Settings(arguments, {}).config


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
        (["--appendonly", "perhaps"], "argument --appendonly: argument must be 'yes' or 'no'"),
        (["-b", "host:port"], "argument --bind: invalid address 'host:port'"),
        (["--bind="], "no address to listen on"),
        (
            ["--upstream", "valkey://h:7", "--appendonly", "yes"],
            "appendonly is for a server that has data: this one has an upstream",
        ),
        (
            ["--upstream", "valkey://h:7", "--workers", "2"],
            "several workers are shards of a cluster of their own: they have no upstream",
        ),
    ],
)
def test_refused(arguments: list[str], line: str) -> None:
    """A wrong command line is refused in one line."""
    with pytest.raises(SettingsError) as caught:
        parse_command_line(arguments)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("file", "variables", "arguments", "port"),
    [
        ("", {}, [], b"6379"),
        ("port = 1", {}, [], b"1"),
        ("port = 1", {"GEVENTCACHE_SET_PORT": "2"}, [], b"2"),
        ("port = 1", {"GEVENTCACHE_SET_PORT": "2", "GEVENTCACHE_CMD_ARGS": "--port 3"}, [], b"3"),
        ("port = 1", {"GEVENTCACHE_SET_PORT": "2", "GEVENTCACHE_CMD_ARGS": "--port 3"}, ["--port", "4"], b"4"),
    ],
)
def test_precedence(
    empty_folder: Path, file: str, variables: dict[str, str], arguments: list[str], port: bytes
) -> None:
    """The command line wins over GEVENTCACHE_CMD_ARGS, that over variables, those over the file, that over defaults."""
    (empty_folder / "geventcache.conf.py").write_text(file)
    assert Settings(arguments, variables).config.get(b"port") == {b"port": port}


@pytest.mark.parametrize(
    ("source", "name", "shown"),
    [
        ('bind = ["127.0.0.1:1", "unix:/x"]', b"bind", b"127.0.0.1:1 unix:/x"),
        ("protected_mode = False", b"protected-mode", b"no"),
        ("maxmemory = 10 * 1024", b"maxmemory", b"10240"),
        (
            'client_output_buffer_limit = {"pubsub": "1kb 2kb 3"}',
            b"client-output-buffer-limit",
            b"normal 0 0 0 slave 268435456 67108864 60 pubsub 1024 2048 3",
        ),
        ('import os\n_x = 1\ndef helper(): pass\nrequirepass = "s"', b"requirepass", b"s"),
    ],
)
def test_file(empty_folder: Path, source: str, name: bytes, shown: bytes) -> None:
    """A configuration file is Python, and its values are those of the command line."""
    (empty_folder / "my.py").write_text(source)
    assert Settings(["-c", "my.py"], {}).config.get(name) == {name: shown}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("maxmemorry = 1", "there is no setting 'maxmemorry'"),
        ("maxmemory = 'x'", "maxmemory: argument must be a memory value"),
        ("maxmemory = 1.5", "maxmemory: a float is no value of a setting"),
        ("when_ready = 1", "when_ready must be a function"),
    ],
)
def test_file_refused(empty_folder: Path, source: str, line: str) -> None:
    """What is wrong in a configuration file is told with its path, on one line."""
    (empty_folder / "my.py").write_text(source)
    with pytest.raises(SettingsError) as caught:
        Settings(["-c", "my.py"], {})
    assert str(caught.value) == f"{empty_folder / 'my.py'}: {line}"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("port = (", ":1: SyntaxError: '(' was never closed"),
        ("x = 1\n1 / 0", ":2: ZeroDivisionError: division by zero"),
    ],
)
def test_file_broken(empty_folder: Path, source: str, line: str) -> None:
    """A file that does not run is told with the line of its mistake."""
    (empty_folder / "my.py").write_text(source)
    with pytest.raises(SettingsError) as caught:
        Settings(["-c", "my.py"], {})
    assert str(caught.value) == f"{empty_folder / 'my.py'}{line}"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"GEVENTCACHE_SET_NO_SUCH": "1"}, "GEVENTCACHE_SET_NO_SUCH: there is no such setting"),
        ({"GEVENTCACHE_SET_PORT": "x"}, "GEVENTCACHE_SET_PORT: argument couldn't be parsed into an integer"),
        ({"GEVENTCACHE_CMD_ARGS": "--nosuch"}, "GEVENTCACHE_CMD_ARGS: unrecognized arguments: --nosuch"),
    ],
)
def test_environment_refused(variables: dict[str, str], line: str) -> None:
    """A wrong variable is told by its name."""
    with pytest.raises(SettingsError) as caught:
        Settings([], variables)
    assert str(caught.value) == line


def test_switch() -> None:
    """A switch needs no value."""
    assert parse_command_line(["-D"])["daemon"] is True
    assert parse_command_line(["--daemon", "no"])["daemon"] is False


def test_help_names_every_setting() -> None:
    """--help lists all settings with their descriptions."""
    text = " ".join(build_parser().format_help().replace(",", " ").split())
    missing = [setting.name for setting in SETTINGS if f"--{setting.name} " not in text]
    assert missing == []
    assert "Seconds after which an idle client is closed; 0 keeps it. Default: 0." in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version and ends well."""
    with pytest.raises(SystemExit) as caught:
        parse_command_line(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"geventcache {__version__}\n"
