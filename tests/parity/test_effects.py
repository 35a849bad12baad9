"""Effects repeat what happened: sent to an empty reference and to an empty server of ours, they make the same data.

A server in process is driven by random requests of all commands, in transactions, in scripts and by clients that block,
while its clock moves, keys and fields expire by the worker or by whoever meets them, and memory gets short. Whoever
repeats the effects has a clock that stands still at the beginning, so nothing expires there by itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from geventcache.engine.effects import Sink, in_transaction
from geventcache.services.observing import digest
from geventcache.store.keyspace import Keyspace
from geventcache.types.hashes import Hash
from geventcache.types.streams import Stream

from ..store.keyspaces import visit_due
from ..support.client import Client
from ..support.inprocess import InProcessServer, Session
from ..support.needs import required_reference
from ..support.servers import running_reference
from . import strategies as s
from .machine import PROFILES
from .test_dump import DumpMachine
from .test_families import family_steps

YEAR_MS = 365 * 24 * 3600 * 1000
EVAL = (b"EVAL", b"redis.pcall(unpack(ARGV)) redis.pcall(unpack(ARGV))", b"0")
DATABASES = (0, 1)
soon = st.integers(1, 400)
soon_seconds = st.just(1)
names = s.flag("a", "b", "c")

# What the families leave out: times that pass, chance, and waiting.
PASSING = (
    ("SET", s.key, s.word, "PX", soon),
    ("SET", s.key, s.word, s.options("NX", "XX", "GET", most=1), "EX", soon_seconds),
    ("PSETEX", s.key, soon, s.word),
    ("SETEX", s.key, soon_seconds, s.word),
    ("GETEX", s.key, "PX", soon),
    ("PEXPIRE", s.any_key, soon, s.options("NX", "GT", most=1)),
    ("EXPIRE", s.any_key, s.flag("1", "-1", "100")),
    ("MSETEX", 2, s.key, s.word, s.key, s.word, s.options(["PX", soon], "KEEPTTL", most=1)),
    ("HSET", s.key, s.many(names, s.word)),
    ("HPEXPIRE", s.key, soon, s.options("NX", "GT", most=1), "FIELDS", 2, names, names),
    (
        "HSETEX",
        s.key,
        s.options("FNX", "FXX", most=1),
        s.options(["PX", soon], "KEEPTTL", most=1),
        "FIELDS",
        2,
        names,
        s.word,
        names,
        s.word,
    ),
    ("HGETEX", s.key, s.one_of(["PX", soon], "PERSIST"), "FIELDS", 2, names, names),
    ("HINCRBYFLOAT", s.key, names, "0.5"),
    ("HINCRBY", s.key, names, "2"),
    ("HDEL", s.key, names),
    ("HPERSIST", s.key, "FIELDS", 1, names),
    ("SPOP", s.any_key, s.maybe(s.flag("1", "2"))),
    ("MOVE", s.key, 1),
    ("COPY", s.key, s.key, "DB", s.flag("0", "1"), s.maybe("REPLACE")),
    ("SWAPDB", 0, 1),
    ("SELECT", s.flag("0", "1")),
    ("PUBLISH", "channel", s.word),
    ("XGROUP", "CREATE", s.any_key, "g", s.flag("0", "$", "5-1"), s.maybe("MKSTREAM")),
    ("XREADGROUP", "GROUP", "g", names, s.maybe("COUNT", 2), s.maybe("NOACK"), "STREAMS", s.any_key, s.flag(">", "0")),
    ("XCLAIM", s.any_key, "g", names, 0, s.flag("5-1", "5-2", "6-1"), s.options("FORCE", "JUSTID", ["LASTID", "7-1"])),
    ("XAUTOCLAIM", s.any_key, "g", names, 0, 0, s.maybe("COUNT", 1)),
    ("XADD", s.any_key, s.maybe("MAXLEN", s.flag("=", "~"), s.flag("0", "2")), s.flag("*", "5-*", "6-*"), "f", s.word),
    ("XADD", s.any_key, "NOMKSTREAM", "MINID", "~", "6-0", "*", "f", s.word),
    ("XTRIM", s.any_key, s.flag("MAXLEN", "MINID"), "~", s.flag("0", "1", "6")),
)
WAITING = (
    ("BLPOP", s.any_key, s.any_key, 0),
    ("BRPOP", s.any_key, 0),
    ("BLMOVE", s.any_key, s.any_key, s.flag("LEFT", "RIGHT"), s.flag("LEFT", "RIGHT"), 0),
    ("BRPOPLPUSH", s.any_key, s.any_key, 0),
    ("BLMPOP", 0, 2, s.key, s.any_key, s.flag("LEFT", "RIGHT"), s.maybe("COUNT", 2)),
    ("BZPOPMIN", s.any_key, 0),
    ("BZPOPMAX", s.any_key, 0),
    ("BZMPOP", 0, 1, s.any_key, s.flag("MIN", "MAX"), s.maybe("COUNT", 2)),
    ("XREADGROUP", "GROUP", "g", names, "BLOCK", 0, "STREAMS", s.any_key, ">"),
)
PUSHING = (
    ("RPUSH", s.key, s.many(s.word)),
    ("ZADD", s.key, s.number, s.word),
    ("XADD", s.key, "*", "f", s.word),
)
LIBRARY = """#!lua name=lib
redis.register_function('put', function(keys, args)
    redis.call('SET', keys[1], args[1])
    return redis.call('INCRBYFLOAT', keys[1], 1)
end)
"""
FUNCTIONS = (
    ("FUNCTION", "LOAD", "REPLACE", LIBRARY),
    ("FUNCTION", "DELETE", "lib"),
    ("FCALL", "put", 1, s.key, s.flag("1", "x")),
)


def requests(templates: Any) -> st.SearchStrategy[Any]:
    """Draw requests of templates, as ``("run", arguments)``."""
    return s.steps(templates).map(lambda step: ("run", step.argv))


# A kind is drawn first: what a strategy of one_of has many alternatives for would crowd out the rest.
ACTIONS = {
    "family": family_steps.map(lambda step: ("run", step.argv)),
    "dump": requests(DumpMachine.commands),
    "passing": requests(PASSING),
    "waiting": requests(WAITING),
    "pushing": requests(PUSHING),
    "function": requests(FUNCTIONS),
    "transaction": st.sampled_from([b"MULTI", b"EXEC", b"EXEC"]).map(lambda name: ("run", (name,))),
    "script": s.steps(PASSING).map(lambda step: ("run", (*EVAL, *step.argv))),
    "pass": soon.map(lambda ms: ("pass", ms)),
    "expire": st.just(("expire", None)),
    "limit": st.just(("limit", None)),
}
KINDS = sorted(ACTIONS) + ["passing"] * 12 + ["family"] * 6 + ["pushing"] * 2 + ["waiting", "pass", "script"]
actions = st.sampled_from(KINDS).flatmap(lambda kind: ACTIONS[kind])
scripts = st.lists(st.tuples(st.integers(0, 2), actions), min_size=40, max_size=80)


class Recorder(Sink):
    """Keeps the units that it is given, with PUBLISH if `takes_messages`."""

    def __init__(self, takes_messages: bool = True) -> None:
        super().__init__(takes_messages)
        self.units: list[tuple[int, list[list[bytes]]]] = []

    def note(self, index: int, requests: list[list[bytes]]) -> None:
        """Keep one."""
        self.units.append((index, [list(request) for request in requests]))

    def stream(self) -> Iterator[list[bytes]]:
        """What a connection would have to send."""
        selected = 0
        for index, requests in self.units:
            if index != selected:
                yield [b"SELECT", b"%d" % index]
                selected = index
            yield from in_transaction(requests)


class Driver:
    """A server in process with three clients, whose effects are recorded."""

    def __init__(self) -> None:
        self.server = InProcessServer()
        self.start_ms = self.server.clock.now_ms = int(time.time() * 1000) + YEAR_MS
        self.sink = Recorder()
        self.server.engine.add_sink(self.sink)
        self.sessions: list[Session] = [self.server.session() for _ in range(3)]

    def play(self, client: int, action: Any) -> None:
        """One step of a script."""
        kind, argument = action
        session = self.sessions[client]
        if kind == "run":
            if session.client.blocked is None:
                session.do(*argument)
        elif kind == "pass":
            self.server.clock.now_ms += argument
            self.server.engine.time_out(session.client)
        elif kind == "expire":
            self.expire()
        else:
            self.evict()

    def evict(self) -> None:
        """A command finds less memory than is used, and makes room."""
        config, limit = self.server.config, self.server.state.memory_limit
        config.set_many([(b"maxmemory-policy", b"allkeys-random"), (b"maxmemory", b"%d" % (1 << 40))])
        while not limit.step():
            pass
        config.set(b"maxmemory", b"%d" % max(limit.used() - 200, 1))
        self.server.session().do("INCR", "counter")
        config.set(b"maxmemory", b"0")

    def expire(self) -> None:
        """What the batch worker does."""
        for keyspace in self.server.state.databases.existing():
            visit_due(keyspace)
        self.server.engine.serve_waiters()

    def finish(self) -> None:
        """Nobody waits any more, and nothing is due."""
        for session in self.sessions:
            self.server.engine.time_out(session.client)
        self.expire()


def group_of(stream: Stream) -> Any:
    """What there is to know of a stream beside its entries, but for when something happened."""
    groups = {}
    for name, group in stream.groups.items():
        pending = [(one.entry_id, one.consumer.name, one.delivery_count) for one in group.pending.after(0, -1)]
        groups[name] = (group.last_delivered_id, group.entries_read, sorted(group.consumers), pending)
    return stream.last_id, stream.entries_added, stream.max_deleted_id, groups


def facts(keyspace: Keyspace) -> dict[bytes, Any]:
    """What a database holds, with all deadlines."""
    found = {}
    live = keyspace.keys()
    for key in live:
        value = keyspace.find(key)
        beside: Any = None
        if isinstance(value, Stream):
            beside = group_of(value)
        elif isinstance(value, Hash):
            beside = {field: value.deadline(field) for field in value}
        found[key] = (digest.of_value(keyspace, key), keyspace.deadline(key), beside)
    return found


def repeated(driver: Driver) -> InProcessServer:
    """A server of ours that has got the effects alone, at the time at which it all began."""
    server = InProcessServer()
    server.clock.now_ms = driver.start_ms
    session = server.session()
    for request in driver.sink.stream():
        reply = session.do(*request)
        assert not reply.startswith(b"-"), (request, reply)
    return server


@pytest.fixture(scope="module")
def reference() -> Iterator[Client]:
    """A connection to a reference, for effects."""
    binary = required_reference()
    with running_reference(binary, "--enable-debug-command", "yes") as address:
        client = Client(address)
        yield client
        client.close()


def digest_of_reference(reference: Client, driver: Driver) -> bytes:
    """The digest of a reference that has got the effects alone."""
    reference.do("SELECT", 0)
    reference.do("FLUSHALL")
    reference.do("FUNCTION", "FLUSH")
    for request in driver.sink.stream():
        reply = reference.do(*request)
        assert not reply.is_error, (request, reply)
    value: bytes = reference.do("DEBUG", "DIGEST").value
    return value


@settings(PROFILES[os.environ.get("GEVENTCACHE_PARITY_PROFILE", "quick")], phases=(Phase.generate, Phase.shrink))
@given(script=scripts)
def test_effects_make_the_same_data(reference: Client, script: list[Any]) -> None:
    """Whatever was done, in whichever way, its effects do it again: here, and at the reference."""
    driver = Driver()
    for client, action in script:
        driver.play(client, action)
    driver.finish()
    state = driver.server.state
    twin = repeated(driver).state
    for index in DATABASES:
        assert facts(twin.databases.get(index)) == facts(state.databases.get(index))
    assert sorted(twin.scripting.libraries.by_name) == sorted(state.scripting.libraries.by_name)
    assert digest_of_reference(reference, driver) == digest.shown(digest.of_databases(state.databases.existing()))
