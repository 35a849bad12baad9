"""The command's exit status and its last words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from geventcache.launcher import cli
from geventcache.launcher.process import ServerProcess


def _run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Any) -> int:
    monkeypatch.setattr(ServerProcess, "run", run)
    return cli.main(["--logfile", str(tmp_path / "log"), "--maxclients", "7"])


def test_status_of_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server gets the settings and a logger; its status is the command's, and its lines are written."""

    def run(process: ServerProcess) -> int:
        process.log.info("ran", maxclients=process.config["maxclients"])
        return 7

    assert _run(monkeypatch, tmp_path, run) == 7
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line)["maxclients"] == 7


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("cannot listen on x: Address already in use"), "cannot listen on x: Address already in use"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied"),
        (OSError(24, "Too many open files"), "Too many open files"),
    ],
)
def test_refused_by_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], error: OSError, line: str
) -> None:
    """What the operating system refuses is one line and status 1."""

    def run(_process: ServerProcess) -> int:
        raise error

    assert _run(monkeypatch, tmp_path, run) == 1
    assert capsys.readouterr().err == f"geventcache: error: {line}\n"


def test_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C before the server listens to signals ends without a traceback."""

    def run(_process: ServerProcess) -> int:
        raise KeyboardInterrupt

    assert _run(monkeypatch, tmp_path, run) == 130


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--logfile", "/nonexistent/log"], 1, "geventcache: error: /nonexistent/log: No such file or directory"),
        (["--port", "x"], 2, "geventcache: error: argument --port: argument couldn't be parsed into an integer"),
    ],
)
def test_module(arguments: list[str], status: int, line: str, tmp_path: Path) -> None:
    """``python -m geventcache`` is the command, and has no traceback either."""
    folder = str(Path(cli.__file__).parents[2])
    command = [sys.executable, "-m", "geventcache", *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": folder}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (status, f"{line}\n")


def test_check_and_print(capsys: pytest.CaptureFixture[str]) -> None:
    """--check-config and --print-config start nothing; a wrong setting is status 2."""
    assert cli.main(["--check-config"]) == 0
    assert cli.main(["--print-config", "--port", "7"]) == 0
    assert "\nport = 7\n" in capsys.readouterr().out
    assert cli.main(["--check-config", "--port", "x"]) == 2
