"""The server commands: CONFIG, INFO, FLUSHALL and their like. Values that are the server's own are compared by type."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest

from ..support.client import Client
from ..support.wire import Reply
from .match import ignore, mapping
from .pair import Pair

SCRIPTS = {
    "dbsize and flush": """
        DBSIZE
        MSET a 1 b 2
        DBSIZE
        SELECT 1
        SET c 3
        DBSIZE
        FLUSHDB
        DBSIZE
        SELECT 0
        DBSIZE
        FLUSHDB ASYNC
        SET a 1
        FLUSHDB SYNC
        DBSIZE
        SET a 1
        FLUSHALL ASYNC
        FLUSHALL SYNC
        flushall sync
        FLUSHALL NOW
        FLUSHDB NOW
        FLUSHALL SYNC ASYNC
        FLUSHDB ASYNC ASYNC
        DBSIZE x
    """,
    "config get": """
        mapping: CONFIG GET maxmemory
        mapping: CONFIG GET MAXMEMORY
        mapping: CONFIG GET maxmemory maxmemory
        mapping: CONFIG GET maxmemory-policy timeout
        mapping: CONFIG GET nosuch
        mapping: CONFIG GET nosuch timeout
        mapping: CONFIG GET hash-max-listpack-*
        mapping: CONFIG GET hash-max-ziplist-entries
        mapping: CONFIG GET notify-keyspace-event[s]
        CONFIG GET
        CONFIG
        CONFIG NOSUCH
        CONFIG SET
        CONFIG SET maxmemory
        CONFIG SET maxmemory 1 timeout
        CONFIG RESETSTAT
        CONFIG RESETSTAT x
        CONFIG HELP x
    """,
    "config set refuses": """
        CONFIG SET nosuch 1
        CONFIG SET "no such" 1
        CONFIG SET maxmemory x
        CONFIG SET maxmemory -1
        CONFIG SET maxmemory 1.5gb
        CONFIG SET maxmemory ""
        CONFIG SET maxmemory 99999999999999999999
        CONFIG SET maxmemory 0 maxmemory 0
        CONFIG SET maxmemory 0 nosuch 1
        CONFIG SET nosuch 1 maxmemory 0
        CONFIG SET timeout x
        CONFIG SET save "" appendonly no stop-writes-on-bgsave-error no
        CONFIG SET stop-writes-on-bgsave-error yes
        CONFIG SET appendfsync sometimes
        CONFIG SET active-expire-effort 11
        CONFIG SET min-replicas-to-write 0
        CONFIG SET activedefrag no
        CONFIG SET timeout -1
        CONFIG SET timeout 99999999999
        CONFIG SET maxmemory-policy nosuch
        CONFIG SET maxmemory-samples 0
        CONFIG SET maxmemory-samples 65
        CONFIG SET hz x
        CONFIG SET databases 4
        CONFIG SET lazyfree-lazy-user-del maybe
        CONFIG SET notify-keyspace-events q
        CONFIG SET client-output-buffer-limit x
        CONFIG SET client-output-buffer-limit "normal 1 2"
        CONFIG SET client-output-buffer-limit "nosuch 1 2 3"
        CONFIG SET maxclients 0
        CONFIG SET proto-max-bulk-len 1
        CONFIG SET slowlog-log-slower-than x
        CONFIG SET list-max-listpack-size x
    """,
    "time, lolwut, shutdown": """
        shape: TIME
        TIME x
        ignore: LOLWUT
        ignore: LOLWUT VERSION 5
        LOLWUT VERSION x
        LOLWUT VERSION
        SHUTDOWN NOSUCH
        SHUTDOWN ABORT
        SHUTDOWN SAVE NOSAVE
        SHUTDOWN ABORT NOW
    """,
    "swapdb": """
        SET a 1
        SELECT 1
        SET b 2
        SWAPDB 0 1
        GET a
        GET b
        SELECT 0
        GET b
        SWAPDB 1 1
        SWAPDB
        SWAPDB 0
        SWAPDB x 1
        SWAPDB 0 x
        SWAPDB x y
        SWAPDB 0 16
        SWAPDB -1 0
        SWAPDB 0 1 2
    """,
    "role": """
        shape: ROLE
        ROLE x
    """,
    "memory": """
        SET a 1
        shape: MEMORY USAGE a
        shape: MEMORY USAGE a SAMPLES 0
        MEMORY USAGE missing
        MEMORY USAGE missing WHAT 1
        MEMORY USAGE a SAMPLES
        MEMORY USAGE a SAMPLES x
        MEMORY USAGE a SAMPLES -1
        MEMORY USAGE a WHAT 1
        MEMORY USAGE
        MEMORY NOSUCH
        MEMORY PURGE
        shape: MEMORY DOCTOR
        MEMORY DOCTOR x
        MEMORY STATS x
    """,
    "slow logs": """
        SLOWLOG RESET
        SLOWLOG LEN
        SLOWLOG GET
        SLOWLOG GET -1
        SLOWLOG GET -2
        SLOWLOG GET x
        SLOWLOG GET 1 2
        SLOWLOG NOSUCH
        SLOWLOG
        COMMANDLOG GET 1 slow
        COMMANDLOG RESET LARGE-REPLY
        COMMANDLOG GET -1 LARGE-REPLY
        COMMANDLOG GET -2 slow
        COMMANDLOG GET x what
        COMMANDLOG GET 1 what
        COMMANDLOG GET 1
        COMMANDLOG LEN slow
        COMMANDLOG LEN what
        COMMANDLOG RESET what
        COMMANDLOG RESET slow
        COMMANDLOG RESET large-request
    """,
    "latency": """
        LATENCY LATEST
        LATENCY HISTORY command
        LATENCY HISTORY nosuch
        LATENCY GRAPH nosuch
        LATENCY RESET
        LATENCY RESET command nosuch
        LATENCY HISTOGRAM nosuch
        LATENCY NOSUCH
        LATENCY
        shape: LATENCY DOCTOR
    """,
    "debug is off": """
        DEBUG SLEEP 0
        DEBUG HELP
        DEBUG
        DEBUG NOSUCH
        DEBUG SET-ACTIVE-EXPIRE 1
    """,
    "info": """
        shape: INFO
        INFO nosuch
        shape: INFO server clients
        shape: INFO ALL
        shape: INFO everything
        shape: INFO Default
        shape: INFO server nosuch
    """,
    "command refuses": """
        COMMAND NOSUCH
        COMMAND COUNT x
        COMMAND INFO nosuch
        COMMAND INFO nosuch config|nosuch get|x
        COMMAND DOCS nosuch
        COMMAND GETKEYS
        COMMAND GETKEYS nosuch
        COMMAND GETKEYS GET
        COMMAND GETKEYS GET a b
        COMMAND GETKEYS PING
        COMMAND GETKEYSANDFLAGS
        COMMAND GETKEYSANDFLAGS PING
        COMMAND GETKEYSANDFLAGS nosuch a
        COMMAND LIST FILTERBY
        COMMAND LIST FILTERBY MODULE nosuch
        COMMAND LIST FILTERBY ACLCAT nosuch
        COMMAND LIST FILTERBY PATTERN nosuch*
        COMMAND LIST FILTERBY WHAT x
        COMMAND LIST FILTERBY PATTERN a b
        COMMAND LIST WHAT
        COMMAND INFO config|nosuch PING|x get|
        COMMAND GETKEYS CONFIG NOSUCH
        COMMAND GETKEYS CONFIG
        COMMAND GETKEYS SPUBLISH a b
        unordered: COMMAND LIST FILTERBY PATTERN set*
        unordered: COMMAND LIST FILTERBY PATTERN mse?ex
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_server_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


DEFAULTS = [
    "appendonly",
    "client-output-buffer-limit",
    "client-query-buffer-limit",
    "databases",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "hll-sparse-max-bytes",
    "hz",
    "latency-monitor-threshold",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "lfu-decay-time",
    "lfu-log-factor",
    "list-compress-depth",
    "list-max-listpack-size",
    "maxclients",
    "maxmemory",
    "maxmemory-policy",
    "maxmemory-samples",
    "notify-keyspace-events",
    "proto-max-bulk-len",
    "protected-mode",
    "requirepass",
    "save",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "stream-node-max-bytes",
    "stream-node-max-entries",
    "tcp-backlog",
    "tcp-keepalive",
    "timeout",
    "tracking-table-max-keys",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "acllog-max-len",
]


@pytest.mark.parametrize("parameter", DEFAULTS)
def test_settings_have_the_defaults(pair: Pair, parameter: str) -> None:
    """A setting that nobody touched has the reference's value, in its spelling."""
    pair.do("CONFIG", "GET", parameter, match=mapping())


SPELLINGS = [
    ("maxmemory", "100mb"),
    ("maxmemory", "1GB"),
    ("maxmemory", "1k"),
    ("maxmemory", "2kb"),
    ("maxmemory", "0"),
    ("maxmemory-policy", "allkeys-lru"),
    ("maxmemory-policy", "VOLATILE-TTL"),
    ("maxmemory-policy", "noeviction"),
    ("timeout", "0300"),
    ("timeout", "0"),
    ("lazyfree-lazy-user-del", "NO"),
    ("lazyfree-lazy-user-del", "yes"),
    ("notify-keyspace-events", "KEA"),
    ("notify-keyspace-events", "Kg$x"),
    ("notify-keyspace-events", "AKE"),
    ("notify-keyspace-events", "KElshzt"),
    ("notify-keyspace-events", "g$lshzxetdKE"),
    ("notify-keyspace-events", "mnKE"),
    ("notify-keyspace-events", "g"),
    ("notify-keyspace-events", ""),
    ("list-max-listpack-size", "-2"),
    ("client-output-buffer-limit", "normal 1mb 2mb 30"),
    ("client-output-buffer-limit", "normal 0 0 0 pubsub 33554432 8388608 60"),
    ("slowlog-log-slower-than", "-1"),
    ("slowlog-log-slower-than", "10000"),
    ("hash-max-ziplist-entries", "10"),
    ("hash-max-listpack-entries", "512"),
    ("hz", "1"),
    ("hz", "1000"),
    ("hz", "10"),
    ("proto-max-bulk-len", "600mb"),
    ("proto-max-bulk-len", "536870912"),
    ("maxclients", "5000"),
    ("maxclients", "10000"),
]


@pytest.mark.parametrize(("parameter", "value"), SPELLINGS)
def test_settings_are_spelt_alike(resp2_pair: Pair, parameter: str, value: str) -> None:
    """What CONFIG SET takes, CONFIG GET shows in the reference's spelling."""
    with resp2_pair.configured(**{parameter.replace("-", "_"): value}):
        resp2_pair.do("CONFIG", "GET", parameter)


def test_config_set_is_all_or_nothing(pair: Pair) -> None:
    """One bad value leaves all the settings of the call as they were."""
    pair.play("""
        CONFIG SET maxmemory-samples 7 timeout x
        mapping: CONFIG GET maxmemory-samples
        CONFIG SET maxmemory-samples 7 nosuch x
        mapping: CONFIG GET maxmemory-samples
    """)


INFO_FIELDS = {
    "server": """
        redis_version server_name os arch_bits process_id run_id tcp_port server_time_usec uptime_in_seconds
        uptime_in_days hz configured_hz executable config_file availability_zone
    """,
    "clients": """
        connected_clients maxclients client_recent_max_input_buffer client_recent_max_output_buffer blocked_clients
        tracking_clients pubsub_clients watching_clients total_watched_keys total_blocking_keys clients_in_timeout_table
    """,
    "memory": """
        used_memory used_memory_human used_memory_rss used_memory_peak used_memory_dataset total_system_memory maxmemory
        maxmemory_human maxmemory_policy mem_fragmentation_ratio mem_allocator lazyfree_pending_objects used_memory_lua
        number_of_cached_scripts number_of_functions number_of_libraries mem_replication_backlog
    """,
    "persistence": "loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time aof_enabled",
    "stats": """
        total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
        total_net_output_bytes rejected_connections expired_keys evicted_keys keyspace_hits keyspace_misses
        pubsub_channels pubsub_patterns latest_fork_usec total_error_replies instantaneous_input_kbps
        instantaneous_output_kbps evicted_scripts active_defrag_hits slave_expires_tracked_keys
    """,
    "replication": "role connected_slaves master_repl_offset",
    "cpu": "used_cpu_sys used_cpu_user",
    "cluster": "cluster_enabled",
}


def info(reply: Reply) -> dict[str, str]:
    """Return the fields of an INFO reply."""
    lines = reply.value.removeprefix(b"txt:").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if line and not line.startswith("#"))


def refusals(pair: Pair) -> list[Counter[str]]:
    """Return how often access control of both servers has refused something, by the reason."""
    prefix = "acl_access_denied_"
    fields = [info(client.do("INFO", "stats")) for client in pair.clients]
    return [
        Counter({name.removeprefix(prefix): int(n) for name, n in one.items() if name.startswith(prefix)})
        for one in fields
    ]


def test_info_counts_refusals(resp2_pair: Pair) -> None:
    """INFO counts by their reason what access control refused."""
    before = refusals(resp2_pair)
    resp2_pair.play("""
        ACL SETUSER guest on nopass ~k &c +get +publish +auth
        AUTH guest x
        GET other
        GET k
        SET k v
        PUBLISH d m
        AUTH nobody x
        PUBLISH d m
        AUTH default x
        ACL DELUSER guest
    """)
    counted = [now - then for now, then in zip(refusals(resp2_pair), before, strict=True)]
    assert counted[0] == counted[1] == Counter(auth=1, cmd=1, key=1, channel=2)


@pytest.mark.parametrize("section", INFO_FIELDS)
def test_info_has_what_dashboards_read(pair: Pair, section: str) -> None:
    """Each section has its title and the fields that clients and dashboards read, on both servers."""
    for client in pair.clients:
        reply = client.do("INFO", section)
        title = reply.value.removeprefix(b"txt:").splitlines()[0]
        assert title.lower() == b"# " + section.encode()
        assert set(INFO_FIELDS[section].split()) - info(reply).keys() == set()


COUNTED = (
    "keyspace_hits",
    "keyspace_misses",
    "expired_keys",
    "evicted_keys",
    "total_error_replies",
    "total_commands_processed",
)


def test_statistics_count_alike(resp2_pair: Pair) -> None:
    """Hits, misses, errors and commands are counted as the reference counts them."""
    resp2_pair.do("CONFIG", "RESETSTAT")
    resp2_pair.play("""
        MSET a 1 b 2
        GET a
        GET missing
        MGET a b missing
        EXISTS a missing
        INCR b
        INCR c
        TTL a
        TYPE missing
        nosuch
        GET
        EXPIRE a -1
        SET d v PXAT 1
        GET d
    """)
    counted = [info(client.do("INFO", "stats")) for client in resp2_pair.clients]
    assert {name: counted[1].get(name) for name in COUNTED} == {name: counted[0].get(name) for name in COUNTED}


@pytest.mark.parametrize("creation", ["SET k v", "SADD k a", "HSET k f v", "XADD k 1-1 f v"])
def test_hits_and_misses_of_writers_count_alike(resp2_pair: Pair, creation: str) -> None:
    """Of the commands that write, the same look a key up for reading as with the reference."""
    for command in (
        "HGETDEL k FIELDS 1 f",
        "HGETDEL missing FIELDS 1 f",
        "HGETEX missing FIELDS 1 f",
        "XACK k g 1-1",
        "XACK missing g 1-1",
        "XCLAIM k g c 0 1-1",
        "XCLAIM missing g c 0 1-1",
        "XAUTOCLAIM k g c 0 0",
        "XAUTOCLAIM missing g c 0 0",
        "LCS k missing",
        "LCS missing k",
    ):
        resp2_pair.play(f"FLUSHALL\n{creation}\nCONFIG RESETSTAT\n{command}")
        counted = [info(client.do("INFO", "stats")) for client in resp2_pair.clients]
        for name in ("keyspace_hits", "keyspace_misses"):
            assert counted[1][name] == counted[0][name], command


def test_command_statistics_count_alike(resp2_pair: Pair) -> None:
    """INFO commandstats and errorstats count the calls, the rejected and the failed calls of each command."""
    resp2_pair.do("CONFIG", "RESETSTAT")
    resp2_pair.play("""
        SET a x
        SET a
        INCR a
        GET a
        CONFIG GET timeout
        OBJECT NOSUCH
        nosuch
    """)
    counted = [counts(info(client.do("INFO", "commandstats"))) for client in resp2_pair.clients]
    assert counted[1] == counted[0]
    errors = [info(client.do("INFO", "errorstats")) for client in resp2_pair.clients]
    assert errors[1] == errors[0]


def test_error_codes_of_scripts_are_bounded(resp2_pair: Pair) -> None:
    """A script that makes up codes does not fill the memory of the server: INFO errorstats tells 128 of them apart."""
    resp2_pair.do("CONFIG", "RESETSTAT")
    for number in range(130):
        resp2_pair.do("EVAL", "return redis.error_reply(ARGV[1])", "0", f"CODE{number} text")
    resp2_pair.play("""
        EVAL "return redis.error_reply('CODE5 text')" 0
        SET a x
        LPUSH a x
    """)
    errors = [info(client.do("INFO", "errorstats")) for client in resp2_pair.clients]
    assert errors[1] == errors[0]
    assert errors[1]["errorstat_ERRORSTATS_OVERFLOW"] == "count=2"


@pytest.mark.parametrize(
    "body",
    [
        "return redis.call('lpush', 'str', 1)",
        "return redis.pcall('lpush', 'str', 1)",
        "redis.pcall('lpush', 'str', 1) return 1",
        "redis.pcall('lpush', 'str', 1) return redis.error_reply('MY own')",
        "local r = redis.pcall('lpush', 'str', 1) error(r)",
        "return redis.call('nosuch')",
        "return redis.call('get')",
        "return redis.call('subscribe', 'c')",
        "error('x')",
    ],
)
def test_errors_that_leave_a_script_count_once(resp2_pair: Pair, body: str) -> None:
    """The error of a command that a script called, and passed on, is one error; in EXEC too."""
    resp2_pair.do("SET", "str", "x")
    resp2_pair.do("CONFIG", "RESETSTAT")
    for request in (("EVAL", body, "0"), ("MULTI",), ("EVAL", body, "0"), ("EXEC",)):
        resp2_pair.do(*request)
    for section in ("errorstats", "commandstats"):
        seen = [counts(info(client.do("INFO", section))) for client in resp2_pair.clients]
        assert seen[1] == seen[0]


def counts(statistics: dict[str, str]) -> dict[str, list[str]]:
    """Return the fields of each command's statistics that are no times."""
    return {name: [part for part in text.split(",") if "usec" not in part] for name, text in statistics.items()}


def test_keyspace_section_counts_keys(resp2_pair: Pair) -> None:
    """INFO keyspace has a line for each database that is not empty."""
    resp2_pair.play("""
        MSET a 1 b 2 c 3
        EXPIRE a 1000
        SELECT 5
        SET x y
    """)
    lines = [
        {name: text.split(",")[:2] for name, text in info(client.do("INFO", "keyspace")).items()}
        for client in resp2_pair.clients
    ]
    assert lines[1] == lines[0]


@pytest.mark.parametrize(
    "name", ["CONFIG", "OBJECT", "MEMORY", "COMMAND", "CLIENT", "SLOWLOG", "COMMANDLOG", "LATENCY"]
)
def test_help_has_the_same_frame(pair: Pair, name: str) -> None:
    """HELP is an array of simple strings with the reference's first and last lines around the server's own."""
    frames = []
    for client in pair.clients:
        reply = client.do(name, "HELP")
        frames.append((reply.kind, {line.kind for line in reply.value}, reply.value[0], reply.value[-2:]))
    assert frames[1] == frames[0]


def without_times(entries: Reply) -> list[tuple[int, list[bytes], bytes]]:
    """Return the part of slow log entries that both servers have in common."""
    return [
        (len(entry.value), [arg.value for arg in entry.value[3].value], entry.value[5].value) for entry in entries.value
    ]


def test_slow_log_entries(resp2_pair: Pair) -> None:
    """The slow log shows the latest calls first, long requests cut and passwords left out."""
    resp2_pair.do("CLIENT", "SETNAME", "me")
    with resp2_pair.configured(slowlog_log_slower_than=0):
        resp2_pair.do("SLOWLOG", "RESET")
        resp2_pair.do("SET", "k", "v" * 200)
        resp2_pair.do("MSET", *map(str, range(40)))
        resp2_pair.do("AUTH", "default", "secret")
        resp2_pair.do("HELLO", "2", "AUTH", "default", "secret", "SETNAME", "me", match=ignore)
        resp2_pair.do("CONFIG", "SET", "requirepass", "")
        resp2_pair.do("GET", "k")
        for question in (("SLOWLOG", "GET"), ("SLOWLOG", "GET", "2"), ("COMMANDLOG", "GET", "-1", "slow")):
            shown = [without_times(client.do(*question)) for client in resp2_pair.clients]
            assert shown[1] == shown[0]
        resp2_pair.do("SLOWLOG", "LEN")


def test_slow_log_is_bounded(resp2_pair: Pair) -> None:
    """The slow log keeps as many entries as it may, the latest ones, and numbers them on after RESET."""
    with resp2_pair.configured(slowlog_log_slower_than=0, slowlog_max_len=2):
        resp2_pair.play("""
            GET a
            GET b
            GET c
            SLOWLOG LEN
        """)
        shown = [without_times(client.do("SLOWLOG", "GET")) for client in resp2_pair.clients]
        assert shown[1] == shown[0]


def test_large_requests_and_replies(resp2_pair: Pair) -> None:
    """Requests and replies of so many bytes are kept with their sizes, those of a transaction one by one."""
    with resp2_pair.configured(commandlog_request_larger_than=60, commandlog_reply_larger_than=60):
        for log in ("large-request", "large-reply"):
            resp2_pair.do("COMMANDLOG", "RESET", log)
        for command in (
            ("SET", "k", "v" * 100),
            ("SET", "k2", "v" * 32),
            ("SET", "k2", "v" * 33),
            ("GET", "k"),
            ("ECHO", "x" * 53),
            ("ECHO", "x" * 54),
            ("MULTI",),
            ("GET", "k"),
            ("EXEC",),
            ("SET", "k", "v" * 300_000),
            ("STRLEN", "k"),
        ):
            resp2_pair.do(*command)
        # The reply that shows a log is a large one as well, and its size varies with ids and addresses.
        for log in ("large-reply", "large-request"):
            shown = [client.do("COMMANDLOG", "GET", -1, log) for client in resp2_pair.clients]
            assert without_times(shown[1]) == without_times(shown[0])
            sizes = [[entry.value[2].value for entry in reply.value] for reply in shown]
            assert sizes[1] == sizes[0]
            resp2_pair.do("COMMANDLOG", "LEN", log)
            resp2_pair.do("COMMANDLOG", "RESET", log)
            resp2_pair.do("COMMANDLOG", "LEN", log)


@pytest.mark.parametrize("text", ["", "50", "99 50.0 99", "0 100", "101", "-1", "x", "50 x", "nan"])
def test_percentiles_of_latency(resp2_pair: Pair, text: str) -> None:
    """INFO latencystats shows the percentiles that latency-tracking-info-percentiles names."""
    with resp2_pair.configured(latency_tracking_info_percentiles="50 99 99.9"):
        resp2_pair.do("CONFIG", "SET", "latency-tracking-info-percentiles", text)
        resp2_pair.do("CONFIG", "GET", "latency-tracking-info-percentiles")
        resp2_pair.do("ECHO", "x")
        shown = [client.do("INFO", "latencystats").value for client in resp2_pair.clients]
        names = [re.search(rb"usec_echo:([^\r]*)", text)[1] for text in shown]
        assert re.findall(rb"(p[0-9.]+)=", names[1]) == re.findall(rb"(p[0-9.]+)=", names[0])


def test_encoding_limits_follow_the_settings(resp2_pair: Pair) -> None:
    """CONFIG SET of an encoding limit changes what OBJECT ENCODING says of lists that grow afterwards."""
    with resp2_pair.configured(list_max_listpack_size=2):
        resp2_pair.play("""
            RPUSH l a b c
            OBJECT ENCODING l
        """)


def test_swapdb_moves_all_clients(resp2_pair: Pair) -> None:
    """After SWAPDB a client finds the other database's keys under its own number."""
    resp2_pair.play("""
        SET a zero
        [other] SELECT 1
        [other] SET a one
        SWAPDB 0 1
        GET a
        [other] GET a
        [other] DBSIZE
    """)


def test_reads_and_writes(resp2_pair: Pair) -> None:
    """INFO counts how often sockets were read and written to: a pipeline that came at once is one of each."""
    for client in resp2_pair.clients:
        counts = []
        for count in (1, 10, 1):
            client.send_bytes(b"PING\r\n" * count)
            for _ in range(count):
                client.receive()
            told = dict(line.split(b":", 1) for line in client.do("INFO", "stats").value.split(b"\r\n") if b":" in line)
            counts.append((int(told[b"total_reads_processed"]), int(told[b"total_writes_processed"])))
        assert [tuple(b - a for a, b in zip(*two, strict=True)) for two in itertools.pairwise(counts)] == [(2, 2)] * 2


def parameters(client: Client) -> dict[bytes, bytes]:
    """All that CONFIG GET shows."""
    items = [item.value for item in client.do("CONFIG", "GET", "*").value]
    return dict(zip(items[::2], items[1::2], strict=True))


def test_every_parameter_takes_its_own_value(resp2_pair: Pair) -> None:
    """A parameter that both have can be set to what it is where the reference's can, else it is refused as there."""
    first, second = resp2_pair.clients
    theirs, ours = parameters(first), parameters(second)
    for name in sorted(theirs.keys() & ours.keys()):
        assert first.do("CONFIG", "SET", name, theirs[name]) == second.do("CONFIG", "SET", name, ours[name]), name
