"""Events have classes, all of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import geventcache
from geventcache.base.events import EVENTS, event
from geventcache.commands import load_commands

# Methods of a keyspace that take an event.
TELLING = {
    "announce", "changed", "delete", "edit", "edit_or_create", "notify", "persist", "put", "put_until", "replace",
    "set_deadline", "tell", "transfer",
}  # fmt: skip


def test_an_event_has_one_class() -> None:
    """The import of a module fails that registers an event with no class, or with another one."""
    load_commands()
    assert event(b"lpush", "l") == b"lpush"
    for letter in ("s", "", "lg", "K", "?"):
        with pytest.raises(ValueError, match="is no event of the class"):
            event(b"lpush", letter)
    assert EVENTS[b"lpush"] == "l"


def test_no_event_is_named_without_its_class() -> None:
    """Whoever tells of a change does it by what `event` has returned, and by no name of its own."""
    root = Path(geventcache.__file__).parent
    for path in [*root.glob("commands/*.py"), *root.glob("command/*.py"), *root.glob("store/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TELLING:
                last = [argument for argument in node.args[1:] if isinstance(argument, ast.Constant)]
                assert not any(isinstance(argument.value, bytes) for argument in last), (path.name, node.lineno)
