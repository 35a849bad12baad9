"""The texts of errors: each stands once, under one name."""

from __future__ import annotations

import ast
from pathlib import Path

from geventcache.base import errors


def test_names_and_texts_are_unique() -> None:
    """A second text of a name would silently take the place of the first."""
    tree = ast.parse(Path(errors.__file__).with_name("errors.py").read_text())
    pairs = [
        (one.targets[0].id, one.value.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and isinstance(one.value, ast.Constant)
    ]
    assert len(pairs) > 200
    assert len({name for name, _ in pairs}) == len({text for _, text in pairs}) == len(pairs)
