"""INFO: which sections are shown, and that their figures are those of the state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from geventcache.base.clock import ManualClock
from geventcache.base.histogram import Histogram
from geventcache.command.table import CommandTable
from geventcache.commands import load_commands
from geventcache.engine.engine import Engine
from geventcache.services.observing.info import SECTIONS, mean_ttl_ms, report
from geventcache.services.observing.memory import human
from geventcache.services.settings.config import Config
from geventcache.services.state import ServerState

from ..support.inprocess import InProcessServer


@pytest.fixture
def state() -> ServerState:
    """A server's state without a server."""
    load_commands()
    made = ServerState(ManualClock(), Config(), CommandTable(), None)
    Engine(made)
    return made


def titles(text: bytes) -> list[bytes]:
    """The sections in a report."""
    return [line[2:].lower() for line in text.splitlines() if line.startswith(b"# ")]


def fields(state: Any, section: bytes) -> dict[str, str]:
    """The fields of one section."""
    lines = report(state, [section]).decode().splitlines()[1:]
    return dict(line.split(":", 1) for line in lines)


@pytest.mark.parametrize("words", [[], [b"default"], [b"DEFAULT"]])
def test_default_sections(state: ServerState, words: list[bytes]) -> None:
    """Without a word the default sections are shown: no statistics of single commands."""
    assert titles(report(state, words)) == [name for name in SECTIONS if name not in (b"commandstats", b"latencystats")]


def test_all_and_everything(state: ServerState) -> None:
    """All leaves modules out, everything does not."""
    assert titles(report(state, [b"all"])) == [name for name in SECTIONS if name != b"modules"]
    assert titles(report(state, [b"everything"])) == list(SECTIONS)


def test_sections_by_name(state: ServerState) -> None:
    """Named sections are shown in the order of INFO, once; unknown ones are passed over."""
    assert titles(report(state, [b"Keyspace", b"SERVER", b"server", b"nosuch"])) == [b"server", b"keyspace"]
    assert report(state, [b"nosuch"]) == b""


def test_keyspace_figures(state: ServerState) -> None:
    """A database's line counts its keys and those with a deadline, and estimates their time to live."""
    db = state.databases.get(3)
    db.put(b"plain", b"v", b"set")
    for i in range(10):
        db.put_until(b"%d" % i, b"v", state.clock.now_ms + 5_000, b"set")
    assert fields(state, b"keyspace") == {"db3": "keys=11,expires=10,avg_ttl=5000,keys_with_volatile_items=0"}


def test_persisted_keys_have_no_ttl(state: ServerState) -> None:
    """A key whose deadline was taken away is no sample of the mean time to live, though its ticket is still there."""
    db = state.databases.get(0)
    db.put_until(b"k", b"v", state.clock.now_ms + 5_000, b"set")
    db.persist(b"k")
    assert mean_ttl_ms(db) == 0


def test_latency_percentiles(state: ServerState) -> None:
    """Latency statistics are shown for commands whose times were measured, and for no other."""
    command = state.table.commands[b"ping"]
    command.latency = Histogram()
    command.latency.record(7)
    assert fields(state, b"latencystats") == {"latency_percentiles_usec_ping": "p50=7,p99=7,p99.9=7"}


def test_reset_statistics(state: ServerState) -> None:
    """CONFIG RESETSTAT sets the counters back, traffic of present clients included."""
    client = state.new_client()
    client.reader = SimpleNamespace(buffered=lambda: 0, is_trusted=True)
    state.enter(client)
    client.bytes_in = client.bytes_out = client.reads = client.writes = 100
    db = state.databases.get(0)
    db.read_string(b"missing")
    state.stats.count_error(b"ERR x")
    state.reset_statistics()
    shown = fields(state, b"stats")
    traffic = ("total_net_input_bytes", "total_net_output_bytes", "total_reads_processed", "total_writes_processed")
    for name in (*traffic, "keyspace_misses", "total_error_replies"):
        assert shown[name] == "0"
    assert fields(state, b"errorstats") == {}


def test_traffic_of_gone_clients_counts(state: ServerState) -> None:
    """The traffic of a client is still counted when it has left."""
    client = state.new_client()
    client.reader = SimpleNamespace(buffered=lambda: 0, is_trusted=True)
    state.enter(client)
    client.bytes_in = 7
    client.reads = 2
    state.leave(client)
    shown = fields(state, b"stats")
    assert (shown["total_net_input_bytes"], shown["total_reads_processed"]) == ("7", "2")


@pytest.mark.parametrize(
    ("slower_than", "spike_ms", "slow_us"),
    [
        (b"10000", b"0", 10_000),
        (b"10000", b"1", 1_000),
        (b"100", b"1", 100),
        (b"-1", b"2", 2_000),
        (b"-1", b"0", 1 << 62),
    ],
)
def test_engine_reports_what_somebody_wants(
    state: ServerState, slower_than: bytes, spike_ms: bytes, slow_us: int
) -> None:
    """The engine's threshold is the lower one of the slow log's and the latency monitor's."""
    state.config.set_many([(b"slowlog-log-slower-than", slower_than), (b"latency-monitor-threshold", spike_ms)])
    assert state.engine.slow_us == slow_us


def test_encoding_limits_follow_the_settings(state: ServerState) -> None:
    """Each limit of an encoding is what its setting says."""
    state.config.set(b"hash-max-listpack-entries", b"7")
    assert state.databases.limits.hash_max_listpack_entries == 7


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_626_000, "1.55M"), (1 << 50, "1.00P")]
)
def test_human_sizes(size: int, text: str) -> None:
    """Sizes for people have two decimals and a unit."""
    assert human(size) == text


def test_usage_grows_with_the_value() -> None:
    """The estimate of a key counts key, value and deadline."""
    keyspace = InProcessServer().state.databases.get(0)
    keyspace.put(b"k", b"v", b"set")
    small = keyspace.usage(b"k")
    keyspace.set_deadline(b"k", keyspace.clock.now_ms + 1000)
    assert keyspace.usage(b"k") > small
    keyspace.put(b"k", b"v" * 1000, b"set")
    assert keyspace.usage(b"k") >= small + 999


def test_memory_of_scripts() -> None:
    """The texts of scripts and libraries count, as long as they are kept."""
    server = InProcessServer()
    session = server.session()
    library = b"#!lua name=l\nserver.register_function('f', function() return 1 end)"
    session.do("EVAL", "return 1", "0")
    session.do("SCRIPT", "LOAD", "return 22")
    session.do("FUNCTION", "LOAD", library)
    assert fields(server.state, b"memory")["used_memory_scripts"] == str(len("return 1" + "return 22") + len(library))
    session.do("SCRIPT", "FLUSH")
    assert fields(server.state, b"memory")["used_memory_scripts"] == str(len(library))


def test_main_thread_uses_no_more_than_the_process(state: ServerState) -> None:
    """What one thread has used is a part of what all have."""
    found = {name: float(text) for name, text in fields(state, b"cpu").items()}
    assert 0 < found["used_cpu_user_main_thread"] <= found["used_cpu_user"] + 0.1
