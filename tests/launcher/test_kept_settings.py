"""What CONFIG REWRITE keeps is there at the next start, and wins."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.launcher.kept_settings import read_kept_settings
from geventcache.launcher.settings import Settings, SettingsError
from geventcache.resp.inline import quoted, split_inline

from ..support.process import serving


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file."""
    path = tmp_path / "geventcache.conf.py"
    path.write_text("maxmemory = '1mb'\nmaxclients = 50\n")
    return path


def settings_of(file: Path, *options: str) -> Settings:
    """The settings of a process with that file."""
    return Settings(["--config", str(file), *options], {})


def test_what_was_changed_is_kept(file: Path) -> None:
    """And nothing else; what is taken back is kept no more."""
    kept = file.with_name("geventcache.conf.auto")
    settings = settings_of(file, "--timeout", "5", "--replicaof", "old", "7")
    settings.config.set_many([(b"maxmemory", b"2mb"), (b"timeout", b"6"), (b"requirepass", b'a "\\ \xff\n')])
    settings.config.load("replicaof", b"")
    settings.keep()
    assert set(read_kept_settings(kept)) == {"maxmemory", "timeout", "requirepass", "replicaof"}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = settings_of(file, "--timeout", "5", "--replicaof", "old", "7")
    for name in ("maxmemory", "timeout", "requirepass", "replicaof", "maxclients"):
        assert again.config[name] == settings.config[name], name
    again.config.set(b"maxmemory", b"1mb")
    again.keep()
    assert set(read_kept_settings(kept)) == {"timeout", "requirepass", "replicaof"}
    assert sorted(path.name for path in file.parent.iterdir()) == [kept.name, file.name]


def test_a_reload_leaves_what_was_kept(file: Path) -> None:
    """Unless the sources have changed it since."""
    settings = settings_of(file)
    settings.config.set_many([(b"maxmemory", b"2mb"), (b"maxclients", b"60")])
    settings.keep()
    again = settings_of(file)
    file.write_text("maxmemory = '3mb'\nmaxclients = 50\n")
    assert again.reload() == (["maxmemory"], [])
    assert (again.config["maxmemory"], again.config["maxclients"]) == (3 << 20, 60)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nosuch 1", "there is no setting 'nosuch'"),
        ("maxmemory", ":1: a line is a name, and a text in quotes"),
        ('maxmemory "1', ":1: a line is a name, and a text in quotes"),
        ("maxmemory x", "maxmemory: "),
    ],
)
def test_what_was_kept_makes_no_sense(file: Path, text: str, reason: str) -> None:
    """It is told in one line."""
    file.with_suffix(".auto").write_text(text)
    with pytest.raises(SettingsError, match=reason):
        settings_of(file)


@given(st.binary())
def test_any_text_comes_back(text: bytes) -> None:
    """Whatever bytes it has."""
    assert split_inline(b"name %b" % quoted(text)) == [b"name", text]


def test_a_server_is_what_it_had_become(file: Path) -> None:
    """CONFIG SET and CONFIG REWRITE, and a start."""
    with serving("--config", str(file)) as process:
        client = process.connect()
        assert client.do("CONFIG", "SET", "maxmemory", "5mb").value == b"OK"
        assert client.do("CONFIG", "REWRITE").value == b"OK"
        client.close()
    with serving("--config", str(file)) as process:
        client = process.connect()
        assert client.do("CONFIG", "GET", "maxmemory").plain() == [b"maxmemory", b"5242880"]
        file.with_suffix(".auto").unlink()
        file.with_suffix(".auto").mkdir()
        assert client.do("CONFIG", "REWRITE").value.startswith(b"ERR Rewriting config file: ")
        client.close()
    with serving() as process:
        client = process.connect()
        assert client.do("CONFIG", "REWRITE").value == b"ERR The server is running without a config file"
        client.close()
