"""A snapshot is of one instant: whatever is done between its slices, it holds what there was when it began.

A server in process is driven by random requests of all commands, most of them on containers that are large enough to be
written in slices, while a snapshot is written a few records at a time. What a fresh server of ours and the reference
find in it is compared with what there was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from geventcache.base.table import Table
from geventcache.base.times import NEVER_MS
from geventcache.persistence import frozen, snapshot_writer, value_writer
from geventcache.server import untold
from geventcache.server.untold import Untold
from geventcache.services.observing import digest
from geventcache.store.keyspace import Keyspace

from ..support.client import Client
from ..support.inprocess import InProcessServer
from ..support.needs import required_reference
from ..support.servers import running_reference
from . import strategies as s
from .machine import PROFILES
from .test_effects import ACTIONS, DATABASES, Driver, facts, requests, soon

SIZE = 150
NUMBERS = range(SIZE)
MOST_STEPS = 400
FILLING: tuple[tuple[Any, ...], ...] = (
    ("HSET", "hash", *(word for i in NUMBERS for word in (f"f{i}", f"v{i}"))),
    ("HSET", "volatile", *(word for i in NUMBERS for word in (f"f{i}", "v"))),
    ("HPEXPIRE", "volatile", 200, "FIELDS", 50, *(f"f{i}" for i in range(50))),
    ("HPEXPIRE", "volatile", 100_000, "FIELDS", 50, *(f"f{i}" for i in range(50, 100))),
    ("SADD", "set", *(f"m{i}" for i in NUMBERS)),
    ("SADD", "integers", *map(str, range(1000))),
    ("ZADD", "zset", *(word for i in NUMBERS for word in (str(i % 9), f"m{i}"))),
    ("RPUSH", "list", *(f"e{i}" for i in NUMBERS)),
    ("RPUSH", "long", *(f"{i}" + "e" * 100 for i in range(1000))),
    ("SETBIT", "bits", 3, 1),
    ("SETRANGE", "buffer", 70_000, "x"),
    ("PFADD", "hll", *(f"e{i}" for i in NUMBERS)),
    ("SET", "counter", 7),
    ("SET", "long string", "s" * 2000),
    *(("XADD", "stream", f"{i + 1}-1", "f", f"v{i}") for i in NUMBERS),
    ("XGROUP", "CREATE", "stream", "g", 0),
    ("XREADGROUP", "GROUP", "g", "a", "COUNT", 100, "STREAMS", "stream", ">"),
    ("SET", "volatile string", "v", "PX", 300),
    *(("SET", f"key:{i}", f"value:{i}") for i in NUMBERS),
    ("SELECT", 1),
    ("HSET", "hash", *(word for i in NUMBERS for word in (f"g{i}", f"w{i}"))),
    *(("SET", f"key:{i}", f"other:{i}") for i in range(20)),
    ("SELECT", 0),
)
LARGE = sorted({str(command[1]) for command in FILLING} - {"0", "1"})
large = st.sampled_from(LARGE)
number = st.integers(0, SIZE + 20)
field = number.map(lambda i: f"f{i}")
member = number.map(lambda i: f"m{i}")
index = st.integers(-5, SIZE)
EDITING = (
    ("HSET", s.flag("hash", "volatile"), field, s.word),
    ("HDEL", s.flag("hash", "volatile"), field, field),
    ("HINCRBY", "hash", s.word, "2"),
    ("HPEXPIRE", s.flag("hash", "volatile"), soon, "FIELDS", 2, field, field),
    ("HPERSIST", "volatile", "FIELDS", 2, field, field),
    ("HGETDEL", "volatile", "FIELDS", 1, field),
    ("SADD", "set", member),
    ("SREM", "set", member, member),
    ("SPOP", s.flag("set", "integers"), s.flag("1", "3", "140")),
    ("SMOVE", "set", "integers", member),
    ("SADD", "integers", number),
    ("ZADD", "zset", s.options("XX", "GT", most=1), number, member),
    ("ZINCRBY", "zset", 1, member),
    ("ZREM", "zset", member, member),
    ("ZPOPMIN", "zset", s.flag("1", "5")),
    ("ZREMRANGEBYRANK", "zset", number, number),
    ("RPUSH", s.flag("list", "long"), s.many(s.word)),
    ("LPUSH", s.flag("list", "long"), s.many(s.word)),
    ("LPOP", s.flag("list", "long"), s.flag("1", "7")),
    ("RPOP", s.flag("list", "long")),
    ("LSET", s.flag("list", "long"), index, s.word),
    ("LREM", "list", 0, number.map(lambda i: f"e{i}")),
    ("LINSERT", "list", "BEFORE", number.map(lambda i: f"e{i}"), s.word),
    ("LTRIM", s.flag("list", "long"), index, index),
    ("LMOVE", "list", "long", "LEFT", "RIGHT"),
    ("SETBIT", s.flag("bits", "buffer"), number, 1),
    ("SETRANGE", s.flag("bits", "buffer"), number, s.word),
    ("SETRANGE", "buffer", s.flag("999", "1999", "65000", "69990"), s.word),
    ("BITFIELD", "buffer", "SET", "u8", "#4000", 7, "GET", "u8", 0, "INCRBY", "u16", "#9000", 3),
    ("APPEND", s.flag("bits", "buffer", "counter"), s.word),
    ("BITFIELD", "buffer", "SET", "u8", number, 7),
    ("PFADD", "hll", s.word, number),
    ("PFCOUNT", "hll"),
    ("INCR", "counter"),
    ("XADD", "stream", "*", "f", s.word),
    ("XDEL", "stream", number.map(lambda i: f"{i}-1")),
    ("XTRIM", "stream", "MAXLEN", s.flag("=", "~"), number),
    ("XACK", "stream", "g", number.map(lambda i: f"{i}-1")),
    ("XREADGROUP", "GROUP", "g", s.flag("a", "b"), "COUNT", 3, "STREAMS", "stream", s.flag(">", "0")),
    ("XCLAIM", "stream", "g", "b", 0, number.map(lambda i: f"{i}-1")),
    ("XGROUP", "DESTROY", "stream", "g"),
    ("DUMP", "stream"),
    ("XSETID", "stream", "100000-1"),
    ("SET", number.map(lambda i: f"key:{i}"), s.word, s.maybe("PX", soon)),
    ("DEL", number.map(lambda i: f"key:{i}")),
    ("RENAME", number.map(lambda i: f"key:{i}"), number.map(lambda i: f"key:{i}")),
    ("MOVE", number.map(lambda i: f"key:{i}"), 1),
)
# What goes, comes and changes places as a whole.
MOVING = (
    ("RENAME", large, large),
    ("COPY", large, large, "REPLACE"),
    ("COPY", large, large, "DB", 1, "REPLACE"),
    ("MOVE", large, 1),
    ("DEL", large),
    ("PEXPIRE", large, soon),
    ("PERSIST", large),
    ("SET", large, s.word),
    ("SORT", large, "ALPHA", "STORE", large),
    ("SUNIONSTORE", large, large, large),
    ("SWAPDB", 0, 1),
    ("FLUSHDB",),
    ("SELECT", s.flag("0", "1")),
)
DOINGS: dict[str, Any] = {
    **ACTIONS,
    "editing": requests(EDITING),
    "moving": requests(MOVING),
    "free": st.just(("free", 0)),
}
KINDS = sorted(DOINGS) + ["editing"] * 60 + ["moving"] * 8 + ["free"] * 8 + ["pass", "expire"]
doings = st.sampled_from(KINDS).flatmap(lambda kind: DOINGS[kind])
scripts = st.lists(st.tuples(st.integers(0, 2), doings), min_size=30, max_size=90)
Contents = dict[int, dict[bytes, Any]]


class InstantDriver(Driver):
    """A driver that frees what was buried as well, and is full of large containers."""

    def __init__(self) -> None:
        super().__init__()
        self.server.config.set(b"hash-max-listpack-entries", b"64")
        for command in FILLING:
            assert not self.sessions[0].do(*map(str, command)).startswith(b"-"), command

    def play(self, client: int, action: Any) -> None:
        """One step of a script."""
        if action[0] == "free":
            self.server.state.databases.graveyard.step()
        else:
            super().play(client, action)

    def contents(self) -> Contents:
        """All there is."""
        return {index: facts(self.server.state.databases.get(index)) for index in DATABASES}


def is_watched(keyspace: Keyspace) -> bool:
    """Does anybody watch its table, or that of a container?"""
    live = keyspace.keys()
    values = [keyspace.find(key) for key in live]
    tables: list[Table | None] = [value.elements_table() for value in values if hasattr(value, "elements_table")]
    return any(table is not None and table.watcher is not None for table in [keyspace.table, *tables])


def written_meanwhile(driver: InstantDriver, script: list[Any], to_tell: Untold | None = None) -> bytes:
    """What is written of the data as they are now, while a script is played, over and over.

    With `to_tell` it is for replicas.
    """
    snapshots = driver.server.state.snapshots
    if to_tell is None:
        image = snapshots.take()
        blocks = image.blocks()
    else:
        to_tell.begin()
        image = snapshots.take({}, to_tell.note)
        blocks = to_tell.told_amid(image.blocks())
    pending = islice(cycle(script), MOST_STEPS)
    data = bytearray()
    for block in blocks:
        data += block
        step = next(pending, None)
        if step is not None:
            driver.play(*step)
    image.end()
    assert not any(is_watched(driver.server.state.databases.get(index)) for index in DATABASES)
    return bytes(data)


def loaded(folder: Path, now_ms: int) -> InProcessServer:
    """A server of ours that has loaded the snapshot of a folder at some time."""
    server = InProcessServer()
    server.clock.now_ms = now_ms
    server.config.load("dir", os.fsencode(folder))
    server.state.snapshots.load()
    return server


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A connection to a reference that loads the snapshot of a folder when it is told to."""
    binary = required_reference()
    folder = tmp_path_factory.mktemp("instant")
    with running_reference(binary, "--enable-debug-command", "yes", "--dir", str(folder)) as address:
        client = Client(address)
        yield client, folder
        client.close()


@pytest.fixture(scope="module", autouse=True)
def _small_slices() -> Iterator[None]:
    """Slices of a few records, so that there are many between which something happens; small containers are large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_writer, "WORK", 8)
        patch.setattr(frozen, "WORK", 8)
        patch.setattr(frozen, "MOST_ELEMENTS", 20)
        patch.setattr(frozen, "FEW_MEMBERS", 20)
        patch.setattr(frozen, "STRING_PIECE", 1_000)
        patch.setattr(value_writer, "SLICE", 8)
        patch.setattr(untold, "FIELDS_A_STEP", 4)
        patch.setattr(untold, "STEPS_A_SLICE", 3)
        patch.setattr(untold, "MOST_GATHERED", 20)
        yield


def values_as_told(fact: Any) -> tuple[bytes, int]:
    """What `contents_there` tells of a key with such facts."""
    value, deadline_ms, _ = fact
    return b"%040x" % value, -1 if deadline_ms == NEVER_MS else deadline_ms


def contents_there(client: Client) -> dict[int, dict[bytes, tuple[bytes, int]]]:
    """The digest of each value at the reference, and its deadline: which keys are other ones than they should be."""
    found = {}
    for number in DATABASES:
        client.do("SELECT", number)
        keys = [item.value for item in client.do("KEYS", "*").value]
        found[number] = {
            key: (client.do("DEBUG", "DIGEST-VALUE", key).value[0].value, client.do("PEXPIRETIME", key).value)
            for key in keys
        }
    return found


@settings(PROFILES[os.environ.get("GEVENTCACHE_PARITY_PROFILE", "quick")], phases=(Phase.generate, Phase.shrink))
@given(before=scripts, script=scripts)
def test_a_snapshot_is_of_one_instant(reference: tuple[Client, Path], before: list[Any], script: list[Any]) -> None:
    """What was there when it began is in it, all of it and nothing else."""
    client, folder = reference
    driver = InstantDriver()
    for step in before[:30]:
        driver.play(*step)
    driver.expire()  # the reference, whose clock is another, would find what is due here
    now_ms = driver.server.clock.now_ms
    expected = driver.contents()
    fingerprint = digest.shown(digest.of_databases(driver.server.state.databases.existing()))
    libraries = sorted(driver.server.state.scripting.libraries.by_name)
    (folder / "dump.rdb").write_bytes(written_meanwhile(driver, script))
    twin = loaded(folder, now_ms)
    for number in DATABASES:
        assert facts(twin.state.databases.get(number)) == expected[number]
    assert sorted(twin.state.scripting.libraries.by_name) == libraries
    assert client.do("DEBUG", "RELOAD", "NOSAVE").value == b"OK"
    if client.do("DEBUG", "DIGEST").value != fingerprint:
        found = contents_there(client)
        wanted = {number: {key: values_as_told(fact) for key, fact in expected[number].items()} for number in DATABASES}
        assert found == wanted
        assert client.do("DEBUG", "DIGEST").value == fingerprint


def check_replica(driver: InstantDriver, script: list[Any], folder: Path) -> None:
    """A replica that takes a file without deadlines of fields, and the stream that begins with it, has all there is."""
    now_ms = driver.server.clock.now_ms
    driver.sink.units.clear()
    to_tell = Untold(driver.server.state)
    (folder / "dump.rdb").write_bytes(written_meanwhile(driver, script, to_tell))
    assert not to_tell.notes
    to_tell.end()
    driver.finish()
    replica = loaded(folder, now_ms)
    session = replica.session()
    for request in driver.sink.stream():
        reply = session.do(*request)
        assert not reply.startswith(b"-"), (request, reply)
    assert {number: facts(replica.state.databases.get(number)) for number in DATABASES} == driver.contents()


@settings(PROFILES[os.environ.get("GEVENTCACHE_PARITY_PROFILE", "quick")], phases=(Phase.generate, Phase.shrink))
@given(before=scripts, script=scripts)
def test_file_and_stream_are_all_there_is(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], script: list[Any]
) -> None:
    """Whatever is done while the file is written."""
    driver = InstantDriver()
    for step in before[:30]:
        driver.play(*step)
    driver.expire()
    check_replica(driver, script, tmp_path_factory.mktemp("file"))


@pytest.mark.parametrize(
    "request_of_each",
    [
        "RENAME {key} to:{key}",
        "RENAME {key} volatile",
        "COPY {key} to:{key}",
        "COPY {key} {key} DB 1",
        "MOVE {key} 1",
        "SWAPDB 0 1",
        "HSET {key} f1 v",
        "HPEXPIRE {key} 7000 FIELDS 1 f1",
        "HPERSIST {key} FIELDS 1 f1",
        "DEL {key}",
        "SET {key} v",
        "RESTORE {key} 0 {dump} REPLACE",
        "FLUSHDB",
    ],
)
def test_deadlines_go_along_with_their_hashes(request_of_each: str, tmp_path: Path) -> None:
    """At whatever point of the file their hashes change or go elsewhere."""
    keys = [f"h{i}" for i in range(5)]
    for point in range(0, 60, 4):
        driver = InstantDriver()
        session = driver.sessions[0]
        for number, key in enumerate(keys):
            session.do("HSET", key, *(word for i in range(30) for word in (f"f{i}", "v")))
            for i in range(30):
                session.do("HPEXPIRE", key, str(100_000 + 10 * number + i % 20), "FIELDS", "1", f"f{i}")
        dump = session.do("DUMP", "h0").split(b"\r\n", 1)[1][:-2]
        moves = []
        for key in keys:
            words = request_of_each.format(key=key, dump="?").split()
            moves.append((0, ("run", tuple(dump if word == "?" else word for word in words))))
        wait = (0, ("pass", 0))
        check_replica(driver, [wait] * point + moves + [wait] * MOST_STEPS, tmp_path)
