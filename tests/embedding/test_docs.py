"""The examples of docs/embedding.md run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import geventcache

pytest.importorskip("redis")
PAGE = Path(__file__).parents[2] / "docs" / "embedding.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example{number}" for number in range(1, len(EXAMPLES) + 1)])
def test_example(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program ends without an error, and tests pass, each in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(Path(geventcache.__file__).parents[1]))
    path = tmp_path / "test_example.py"
    path.write_text(example, encoding="utf-8")
    runner = ["-m", "pytest", "-q", "-p", "geventcache.pytest_plugin"] if "def test_" in example else []
    command = [sys.executable, *runner, str(path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
