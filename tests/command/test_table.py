"""What is known of a command before it is called."""

from __future__ import annotations

import pytest

from geventcache.command.table import CommandTable
from geventcache.commands import load_commands


@pytest.fixture(scope="module")
def table() -> CommandTable:
    """All commands."""
    load_commands()
    return CommandTable()


@pytest.mark.parametrize("name", ["EVAL", "EVAL_RO", "FCALL", "EXEC", "BLPOP", "WAIT", "SAVE", "DEBUG", "SHUTDOWN"])
def test_what_may_let_others_in(table: CommandTable, name: str) -> None:
    """Scripts let others in, and so may what waits or what rules the server."""
    assert table.find([name.encode()]).may_wait


@pytest.mark.parametrize("name", ["GET", "SET", "RPUSH", "RPOP", "SADD", "ZADD", "LRANGE", "DEL", "PING", "PUBLISH"])
def test_what_never_lets_others_in(table: CommandTable, name: str) -> None:
    """What only reads or writes data never waits, nor does what takes no time."""
    assert not table.find([name.encode()]).may_wait
