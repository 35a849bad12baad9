"""What the server says of its commands: COMMAND INFO, DOCS and GETKEYS, field by field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.servers import shared
from ..support.wire import Reply, split_line
from .match import exact, mapping
from .pair import Pair

_SUBCOMMANDS = 9


def same_command(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match two entries of COMMAND INFO: its fields, and subcommands where the subject has them."""
    if reference.value is None or subject.value is None:
        yield from exact(reference, subject, path)
        return
    yield from _fields(reference, subject, path)
    theirs = {entry.value[0].value: entry for entry in reference.value[_SUBCOMMANDS].value}
    for entry in subject.value[_SUBCOMMANDS].value:
        name = entry.value[0].value
        if name in theirs:
            yield from same_command(theirs[name], entry, f"{path}.{name.decode()}")
        else:
            yield f"{path}: only the subject has {name.decode()}"


def _fields(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    first, second = (Reply(entry.kind, entry.value[:_SUBCOMMANDS]) for entry in (reference, subject))
    yield from exact(first, second, path)


def same_docs(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match the documents of one command, and of the subcommands that the subject has."""
    ours = _as_dict(subject)
    theirs = _as_dict(reference)
    yield from mapping()(_without_subcommands(reference), _without_subcommands(subject), path)
    if b"subcommands" in ours:
        known = _as_dict(theirs[b"subcommands"])
        for name, docs in _as_dict(ours[b"subcommands"]).items():
            yield from (
                same_docs(known[name], docs, f"{path}.{name.decode()}")
                if name in known
                else iter([f"{path}: {name!r}"])
            )


def _as_dict(reply: Reply) -> dict[bytes, Reply]:
    if reply.kind == "%":
        return {key.value: value for key, value in reply.value}
    return {key.value: value for key, value in zip(reply.value[::2], reply.value[1::2], strict=True)}


def _without_subcommands(reply: Reply) -> Reply:
    if reply.kind == "%":
        return Reply("%", tuple(pair for pair in reply.value if pair[0].value != b"subcommands"))
    fields = [(key, value) for key, value in zip(reply.value[::2], reply.value[1::2], strict=True)]
    return Reply("*", tuple(part for key, value in fields if key.value != b"subcommands" for part in (key, value)))


def same_commands(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match two replies of COMMAND INFO, entry by entry."""
    for first, second in zip(reference.value, subject.value, strict=True):
        yield from same_command(first, second, "unknown" if first.value is None else first.value[0].value.decode())


def same_documents(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match two replies of COMMAND DOCS, command by command."""
    theirs, ours = _as_dict(reference), _as_dict(subject)
    for name in theirs.keys() | ours.keys():
        if name in theirs and name in ours:
            yield from same_docs(theirs[name], ours[name], name.decode())
        else:
            yield f"{name.decode()}: only one server documents it"


def names(pair: Pair) -> list[str]:
    """Return the commands of the subject, without subcommands."""
    found = sorted(name.decode().lower() for name in pair.servers.subject_commands if b"|" not in name)
    assert found
    return found


def test_command_info(pair: Pair) -> None:
    """COMMAND INFO is the reference's for each command that the subject has."""
    pair.do("COMMAND", "INFO", *names(pair), match=same_commands)


def test_subcommand_info(pair: Pair) -> None:
    """COMMAND INFO takes subcommands by their full name."""
    full = sorted(name.decode().lower() for name in pair.servers.subject_commands if b"|" in name)
    pair.do("COMMAND", "INFO", *full, match=same_commands)


def test_command_docs(pair: Pair) -> None:
    """COMMAND DOCS is the reference's for each command that the subject has."""
    pair.do("COMMAND", "DOCS", *names(pair), match=same_documents)


def test_command_count_agrees_with_the_list(resp2_pair: Pair) -> None:
    """COMMAND COUNT is the number of entries of COMMAND and of the names in COMMAND LIST that are no subcommands."""
    for client in resp2_pair.clients:
        listed = [name for name in client.do("COMMAND", "LIST").value if b"|" not in name.value]
        assert client.do("COMMAND", "COUNT").value == len(listed) == len(client.do("COMMAND").value)


CATEGORIES = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
]


@pytest.mark.parametrize("category", CATEGORIES)
def test_commands_of_a_category(resp2_pair: Pair, category: str) -> None:
    """The subject's commands are in the categories that the reference has them in."""
    listed = [
        {name.value.upper() for name in client.do("COMMAND", "LIST", "FILTERBY", "ACLCAT", category).value}
        for client in resp2_pair.clients
    ]
    assert shared(listed[1]) == listed[0] & resp2_pair.servers.subject_commands


INVOCATIONS = """
    APPEND k v
    BITCOUNT k
    BITFIELD k GET u8 0
    BITFIELD k SET u8 0 1
    BITFIELD_RO k GET u8 0
    BITOP AND d a b
    BITPOS k 1
    BLMOVE a b LEFT RIGHT 0
    BLMPOP 0 2 a b LEFT
    BLPOP a b 0
    BRPOPLPUSH a b 0
    BZMPOP 0 1 a MIN
    BZPOPMIN a b 0
    COPY a b
    DEL a b c
    DELIFEQ k v
    DUMP k
    EVAL s 2 a b c
    EVAL s 0
    EVAL s x a
    EVAL s 5 a
    EVALSHA_RO s 1 a
    EXISTS a b
    EXPIRE k 1
    FCALL f 1 a b
    GEOADD k 1 1 m
    GEORADIUS k 0 0 1 m
    GEORADIUS k 0 0 1 m STORE d
    GEORADIUS k 0 0 1 m STOREDIST d
    GEORADIUSBYMEMBER k m 1 m STORE d
    GEORADIUS_RO k 0 0 1 m
    GEOSEARCH k FROMMEMBER m BYRADIUS 1 m
    GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 m
    GET k
    GETDEL k
    GETEX k
    GETSET k v
    HDEL k f
    HSET k f v
    HGETALL k
    INCRBY k 1
    LCS a b
    LMOVE a b LEFT LEFT
    LMPOP 2 a b LEFT
    LMPOP 0 a LEFT
    LPUSH k v
    MEMORY USAGE k
    MEMORY DOCTOR
    MGET a b c
    MIGRATE h 1 k 0 1
    MIGRATE h 1 "" 0 1 KEYS a b
    MOVE k 1
    MSET a 1 b 2
    MSET a 1 b
    MSETNX a 1 b 2
    MSETEX 2 a 1 b 2 EX 10
    MSETEX 0 a 1
    MSETEX 9 a 1
    OBJECT ENCODING k
    OBJECT HELP
    PFADD k a
    PFCOUNT a b
    PFMERGE d a b
    PFDEBUG ENCODING k
    PUBLISH c m
    RENAME a b
    RESTORE k 0 x
    RPOPLPUSH a b
    SADD k m
    SDIFFSTORE d a b
    SINTERCARD 2 a b LIMIT 1
    SMOVE a b m
    SORT k
    SORT k BY w_* GET g_* STORE d
    SORT k STORE a STORE b
    SORT_RO k BY w_*
    SPUBLISH c m
    SSUBSCRIBE a b
    SET k v
    SET k v GET
    SET k v NX GET EX 10
    SET k v IFEQ x
    SETRANGE k 0 v
    SUNION a b
    TOUCH a b
    UNLINK a
    WATCH a b
    XACK s g 1
    XADD s * f v
    XAUTOCLAIM s g c 0 0
    XGROUP CREATE s g $
    XINFO STREAM s
    XREAD COUNT 1 STREAMS a b 0 0
    XREAD STREAMS a
    XREAD STREAMS STREAMS 0
    XREADGROUP GROUP g c STREAMS a b > >
    XREADGROUP GROUP STREAMS c STREAMS a 0
    ZADD k 1 m
    ZDIFFSTORE d 2 a b
    ZINTER 2 a b
    ZINTERCARD 2 a b
    ZMPOP 2 a b MIN
    ZRANGESTORE d s 0 1
    ZUNIONSTORE d 2 a b WEIGHTS 1 2
    CLIENT ID
    PING
    CONFIG GET x
    GET
    GET a b
    get k
    COMMAND GETKEYS GET k
    ACL DRYRUN u GET k
"""


@pytest.mark.parametrize("asked", ["GETKEYS", "GETKEYSANDFLAGS"])
def test_keys_of_invocations(pair: Pair, asked: str) -> None:
    """The keys of a command, and what it does to them, are found as the reference finds them."""
    for argv in map(split_line, INVOCATIONS.strip().splitlines()):
        if pair.has(argv[0].decode()) or pair.has(b"|".join(argv[:2]).decode()):
            pair.do("COMMAND", asked, *argv)
