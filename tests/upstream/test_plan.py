"""What happens to each command, and how replies become one."""

from __future__ import annotations

import pytest

from geventcache.command.declaration import DECLARATIONS
from geventcache.commands import load_commands
from geventcache.upstream.merge import merge_of
from geventcache.upstream.plan import ALL, LOCAL, REFUSE, REFUSED, SPECIAL, all_declarations, plan_of

load_commands()
BY_NAME = {declaration.name: declaration for declaration in all_declarations()}


def test_tables_name_commands() -> None:
    """What is said of a command is said of one that exists."""
    assert not (set(REFUSED) | set(SPECIAL)) - set(BY_NAME)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_command_with_keys_never_stays(name: str) -> None:
    """A near side has no keys: what is about keys goes to the upstream or is refused."""
    declaration = BY_NAME[name]
    plan = plan_of(declaration)
    if plan.way == LOCAL:
        keys = [spec for spec in declaration.keys if "not_key" not in spec.flags]
        assert not keys
        assert not declaration.flags & {"write", "readonly"} - {"readonly"} or name == "LOLWUT"
    if plan.way == REFUSE:
        assert plan.reason
    if plan.way == ALL:
        assert merge_of(name, plan.policy)


def test_what_may_be_kept() -> None:
    """Reads of one key whose reply depends on nothing else."""
    kept = {name for name, declaration in BY_NAME.items() if plan_of(declaration).is_cacheable}
    assert kept >= {"GET", "MGET", "EXISTS", "HGET", "HGETALL", "LRANGE", "SMEMBERS", "ZRANGE", "XRANGE", "TYPE"}
    assert not kept & {"TTL", "PTTL", "HTTL", "TOUCH", "SRANDMEMBER", "HSCAN", "OBJECT|IDLETIME", "XPENDING", "XREAD"}
    assert not kept & {"EVAL_RO", "PFCOUNT", "DUMP", "SORT_RO", "LCS", "KEYS", "XINFO|STREAM", "SET"}
    assert all("write" not in BY_NAME[name].flags for name in kept)


def test_containers_have_no_plan() -> None:
    """Only what can be called is planned."""
    assert not [name for name in BY_NAME if DECLARATIONS.get(name) is not None and DECLARATIONS[name].handler is None]


@pytest.mark.parametrize(
    ("name", "policy", "frames", "merged"),
    [
        ("DBSIZE", "agg_sum", [b":1\r\n", b":2\r\n"], b":3\r\n"),
        ("DBSIZE", "agg_sum", [b":1\r\n", b"-ERR no\r\n"], b"-ERR no\r\n"),
        ("FLUSHALL", "all_succeeded", [b"+OK\r\n", b"+OK\r\n"], b"+OK\r\n"),
        ("KEYS", "", [b"*1\r\n$1\r\na\r\n", b"*0\r\n", b"*1\r\n$1\r\nb\r\n"], b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("SCRIPT|EXISTS", "agg_logical_and", [b"*2\r\n:1\r\n:1\r\n", b"*2\r\n:0\r\n:1\r\n"], b"*2\r\n:0\r\n:1\r\n"),
        ("SCRIPT|KILL", "one_succeeded", [b"-NOTBUSY a\r\n", b"+OK\r\n"], b"+OK\r\n"),
        ("SCRIPT|KILL", "one_succeeded", [b"-NOTBUSY a\r\n", b"-UNKILLABLE b\r\n"], b"-UNKILLABLE b\r\n"),
        ("RANDOMKEY", "special", [b"$-1\r\n", b"$1\r\na\r\n"], b"$1\r\na\r\n"),
        ("RANDOMKEY", "special", [b"_\r\n", b"_\r\n"], b"_\r\n"),
    ],
)
def test_one_reply_of_several(name: str, policy: str, frames: list[bytes], merged: bytes) -> None:
    """Each policy of the tips, and what only a table can tell."""
    assert merge_of(name, policy)(frames) == merged
