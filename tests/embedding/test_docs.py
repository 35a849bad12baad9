"""The examples of the pages named below run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import geventcache

pytest.importorskip("redis")
DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = {
    f"{name}{number}": example
    for name in ("embedding", "testing", "expiry", "extending")
    for number, example in enumerate(
        re.findall(r"^```python\n(.*?)^```", (DOCS / f"{name}.md").read_text("utf-8"), re.MULTILINE | re.DOTALL), 1
    )
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_example(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program ends without an error, and tests pass, each in a process of its own."""
    for module in re.findall(r"^(?:from|import) (\w+)", example, re.MULTILINE):
        pytest.importorskip(module)
    monkeypatch.setenv("PYTHONPATH", str(Path(geventcache.__file__).parents[1]))
    path = tmp_path / "test_example.py"
    path.write_text(example, encoding="utf-8")
    runner = ["-m", "pytest", "-q", "-p", "geventcache.pytest_plugin"] if "def test_" in example else []
    command = [sys.executable, *runner, str(path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
