"""The journal of a running server: what is loaded from it, what damage does, how it is rewritten, turned on and off."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.process import GRACE_S, Process, eventually, information, running, serving
from ..support.servers import running_shards
from ..support.wire import request

DEBUG = ("--enable-debug-command", "yes")
DEL = request((b"DEL", b"k"))


def journaling(folder: Path, *options: str) -> tuple[str, ...]:
    """Options of a server that keeps a journal in a folder."""
    return ("--dir", str(folder), "--appendonly", "yes", *DEBUG, *options)


def ready(process: Process) -> Client:
    """A connection to a server that has loaded what it had to."""
    client = process.connect()
    assert eventually(lambda: not client.do("DBSIZE").is_error)
    return client


def files_of(folder: Path) -> dict[str, bytes]:
    """The journal's files."""
    return {path.name: path.read_bytes() for path in (folder / "appendonlydir").iterdir()}


def manifest_of(folder: Path) -> list[str]:
    """The lines of the manifest."""
    return files_of(folder)["appendonly.aof.manifest"].decode().splitlines()


def fill(client: Client) -> None:
    """Change all kinds of things, in two databases."""
    for line in (
        "SET string v",
        "SET volatile v PX 100000000",
        "SET gone v PX 1",
        "INCRBYFLOAT float 1.5",
        "RPUSH list a b c",
        "LPOP list",
        "HSET hash f 1 g 2",
        "HEXPIRE hash 10000 FIELDS 1 f",
        "SADD set a b c d",
        "SPOP set 2",
        "ZADD zset 1 a 2 b",
        "XADD stream * f v",
        "XGROUP CREATE stream g 0",
        "XREADGROUP GROUP g c STREAMS stream >",
        "SELECT 3",
        "MULTI",
        "SET a 1",
        "SELECT 0",
        "APPEND string w",
        "EXEC",
        "SELECT 0",
        "SETRANGE range 3 x",
        "PFADD log a b",
    ):
        assert not client.do(*line.split()).is_error, line
    client.do("EVAL", "redis.call('SET', 'script', redis.call('TIME')[1])", 0)
    client.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 7 end)")
    assert eventually(lambda: client.do("EXISTS", "gone").value == 0)


def digest_of(client: Client) -> bytes:
    """The digest of all data."""
    value: bytes = client.do("DEBUG", "DIGEST").value
    return value


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_what_was_answered_is_there_again(tmp_path: Path, policy: str) -> None:
    """Whatever kills the server: from the increment alone, from a base and an increment, and after loading twice."""
    with serving(*journaling(tmp_path, "--appendfsync", policy)) as process:
        client = ready(process)
        fill(client)
        digest = digest_of(client)
        process.end(signal.SIGKILL)
    for _ in range(2):
        with serving(*journaling(tmp_path)) as process:
            client = ready(process)
            assert digest_of(client) == digest
            assert client.do("FCALL", "f", 0).value == 7
            assert client.do("XPENDING", "stream", "g").value[0].value == 1
            assert not client.do("BGREWRITEAOF").is_error
            assert eventually(lambda client=client: information(client, "persistence")["aof_rewrites"] == "1")  # type: ignore[misc]
            assert client.do("INCR", "counter").kind == ":"
            digest = digest_of(client)
            process.end(signal.SIGKILL)
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        assert client.do("GET", "counter").value == b"2"
        assert digest_of(client) == digest
        assert manifest_of(tmp_path) == [
            "file appendonly.aof.3.base.rdb seq 3 type b",
            "file appendonly.aof.3.incr.aof seq 3 type i",
        ]
        assert len(files_of(tmp_path)) == 3


def test_the_end_writes_all(tmp_path: Path) -> None:
    """SIGTERM and SHUTDOWN lose nothing either."""
    for ending in ("SHUTDOWN", ""):
        with serving(*journaling(tmp_path, "--appendfsync", "no")) as process:
            client = ready(process)
            client.do("INCR", "n")
            if ending:
                client.send(ending)
                assert process.popen.wait(GRACE_S) == 0
            else:
                assert process.end(signal.SIGTERM) == 0
    with serving(*journaling(tmp_path)) as process:
        assert ready(process).do("GET", "n").value == b"2"


def test_what_is_due_goes_by_what_is_noted(tmp_path: Path) -> None:
    """A key whose time came while the server was down goes then; what lives longer by a request lives."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file a.aof seq 1 type i\n")
    (folder / "a.aof").write_bytes(
        request((b"SET", b"gone", b"v", b"PXAT", b"1000"))
        + request((b"SET", b"kept", b"v", b"PXAT", b"1000"))
        + request((b"APPEND", b"kept", b"w"))
        + request((b"PERSIST", b"kept"))
    )
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        assert client.do("GET", "gone").value is None
        assert client.do("GET", "kept").value == b"vw"
        assert eventually(lambda: request((b"DEL", b"gone")) in (folder / "a.aof").read_bytes())


# ---------------------------------------------------------------------- damage

MULTI = request((b"MULTI",)) + request((b"SET", b"k", b"w"))
CASES = [
    # What the last increment ends with, what stays of it, None where it is refused, and what is logged.
    (DEL[:-3], b"", "ends too early"),
    (b"*", b"", "ends too early"),
    (MULTI, b"", "MULTI without EXEC"),
    (b"no request\r\n", None, "Bad file format"),
    (request((b"NOSUCH", b"k")), None, "is not known"),
    (request((b"SELECT", b"999")), None, "out of range"),
    (request((b"LPUSH", b"k", b"v")), request((b"LPUSH", b"k", b"v")), ""),
]


@pytest.mark.parametrize("truncates", ["yes", "no"])
@pytest.mark.parametrize(("tail", "stays", "reason"), CASES)
def test_a_damaged_end(tmp_path: Path, tail: bytes, stays: bytes | None, reason: str, truncates: str) -> None:
    """What is cut is cut off and logged, whatever else is wrong is refused with its place; the file stays as it is."""
    begin = request((b"SELECT", b"0")) + request((b"SET", b"k", b"v"))
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n"
    )
    (folder / "appendonly.aof.1.incr.aof").write_bytes(begin)
    (folder / "appendonly.aof.2.incr.aof").write_bytes(begin + tail)
    options = ("--port", "0", *journaling(tmp_path, "--aof-load-truncated", truncates))
    log = tmp_path / "log"
    if stays is None or (truncates == "no" and stays != tail):
        with log.open("wb") as stderr, running(*options, stderr=stderr, listens=False) as process:
            assert process.popen.wait(GRACE_S) == 1
        assert (folder / "appendonly.aof.2.incr.aof").read_bytes() == begin + tail
        text = log.read_text()
        assert reason in text
        assert "appendonly.aof.2.incr.aof" in text
        assert "byte " in text
        assert "Traceback" not in text
        return
    with serving(*options) as process:
        client = ready(process)
        assert client.do("GET", "k").value == b"v"
        client.do("SET", "after", "v")
        process.end(signal.SIGKILL)
    written = request((b"SELECT", b"0")) + request((b"SET", b"after", b"v"))
    assert (folder / "appendonly.aof.2.incr.aof").read_bytes() == begin + stays + written


def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    """Only the last file may be cut, or the last that is not empty; a file that is missing is missed."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file a seq 1 type i\nfile b seq 2 type i\n")
    (folder / "a").write_bytes(DEL[:-3])
    for rest, is_refused in ((DEL, True), (b"", False), (None, True)):
        if rest is None:
            (folder / "b").unlink()
        else:
            (folder / "b").write_bytes(rest)
        with running("--port", "0", *journaling(tmp_path), listens=not is_refused) as process:
            if is_refused:
                assert process.popen.wait(GRACE_S) == 1
            else:
                ready(process)


def test_what_the_manifest_names_is_loaded(tmp_path: Path) -> None:
    """The number in a name says nothing, if the manifest says another one; what it does not name goes."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 5 type i\n")
    (folder / "appendonly.aof.1.incr.aof").write_bytes(request((b"SET", b"k", b"v")))
    (folder / "appendonly.aof.2.incr.aof").write_bytes(request((b"SET", b"k", b"old")))
    with serving(*journaling(tmp_path)) as process:
        assert ready(process).do("GET", "k").value == b"v"
    assert {path.name for path in folder.glob("*.incr.aof")} == {"appendonly.aof.1.incr.aof"}


# ---------------------------------------------------------------------- loading


def test_nothing_is_evicted_while_it_is_loaded(tmp_path: Path) -> None:
    """Neither by the worker nor for a client: what went is told by the journal, and what is too much goes later."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file a seq 1 type i\n")
    pushes = b"".join(request((b"RPUSH", b"list:%d" % (i % 5000), b"x" * 100)) for i in range(50_000))
    (folder / "a").write_bytes(pushes)
    limits = ("--maxmemory", "2mb", "--maxmemory-policy", "allkeys-random")
    with serving(*journaling(tmp_path, *limits)) as process:
        client = process.connect()
        assert client.do("SET", "k", "v").value.startswith(b"LOADING ")
        ready(process)
        # It may go at once when all is there; what had gone before would have come back, and be shorter.
        assert {client.do("LLEN", f"list:{i}").value for i in range(0, 5000, 7)} <= {0, 10}
        assert eventually(lambda: not client.do("SET", "k", "v").is_error and client.do("DBSIZE").value < 5000)
        kept = [key.value for key in client.do("KEYS", "list:*").value]
        assert all(client.do("LLEN", key).value in (0, 10) for key in kept[:100])  # more go meanwhile, whole


def test_an_old_journal_becomes_the_base(tmp_path: Path) -> None:
    """The one file of before Redis 7 moves into the folder, with a snapshot at its beginning or without."""
    (tmp_path / "appendonly.aof").write_bytes(request((b"SET", b"k", b"v")))
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        assert client.do("GET", "k").value == b"v"
        client.do("APPEND", "k", "w")
    assert not (tmp_path / "appendonly.aof").exists()
    assert manifest_of(tmp_path) == [
        "file appendonly.aof seq 1 type b",
        "file appendonly.aof.1.incr.aof seq 1 type i",
    ]
    # The server ended between the manifest and the move.
    (tmp_path / "appendonlydir" / "appendonly.aof").rename(tmp_path / "appendonly.aof")
    with serving(*journaling(tmp_path)) as process:
        assert ready(process).do("GET", "k").value == b"vw"


def test_a_snapshot_is_taken_over(tmp_path: Path) -> None:
    """Where there is no journal yet, one begins with what the snapshot has."""
    with serving("--dir", str(tmp_path), *DEBUG) as process:
        client = process.connect()
        client.do("DEBUG", "POPULATE", 1000)
        client.do("SAVE")
        digest = digest_of(client)
    with serving(*journaling(tmp_path)) as process:
        assert digest_of(ready(process)) == digest
        process.end(signal.SIGKILL)
    (tmp_path / "dump.rdb").unlink()
    with serving(*journaling(tmp_path)) as process:
        assert digest_of(ready(process)) == digest


def test_clients_are_told_while_it_is_loaded(tmp_path: Path) -> None:
    """They are served at once, with an error that says why; a server that stops meanwhile leaves the files alone."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file a seq 1 type i\n")
    data = b"".join(request((b"SET", b"key:%d" % i, b"v")) for i in range(100_000))
    (folder / "a").write_bytes(data)
    with serving(*journaling(tmp_path)) as process:
        assert process.connect().do("GET", "key:1").value == b"LOADING Valkey is loading the dataset in memory"
        assert process.end(signal.SIGTERM) == 0
    assert (folder / "a").read_bytes() == data
    with serving(*journaling(tmp_path)) as process:
        client = process.connect()
        assert client.do("INFO", "persistence").value.startswith(b"# Persistence\r\nloading:1\r\n")
        assert eventually(lambda: client.do("DBSIZE").value == 100_000)


def test_debug_loadaof(tmp_path: Path) -> None:
    """All is deleted and loaded anew, and nothing of it is noted a second time."""
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        fill(client)
        digest = digest_of(client)
        before = files_of(tmp_path)
        assert client.do("DEBUG", "LOADAOF").value == b"OK"
        assert digest_of(client) == digest
        assert files_of(tmp_path) == before
        client.do("INCR", "n")
        process.end(signal.SIGKILL)
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        assert client.do("GET", "n").value == b"1"
        client.do("DEL", "n")
        assert digest_of(client) == digest


# ---------------------------------------------------------------------- rewriting, on and off


def test_it_is_turned_on_and_off(tmp_path: Path) -> None:
    """At run time, with what there is then; the journal that there was is replaced."""
    options = ("--dir", str(tmp_path), *DEBUG)
    with serving(*options) as process:
        client = ready(process)
        client.do("SET", "before", "v")
        for number in (1, 2):
            assert client.do("CONFIG", "SET", "appendonly", "yes").value == b"OK"
            assert eventually(lambda: information(client, "persistence")["aof_rewrite_in_progress"] == "0")
            client.do("INCR", "on")
            client.do("CONFIG", "SET", "appendonly", "no")
            client.do("INCR", "off")
            assert manifest_of(tmp_path)[1] == f"file appendonly.aof.{number}.incr.aof seq {number} type i"
        assert information(client, "persistence")["aof_enabled"] == "0"
        assert len(files_of(tmp_path)) == 3
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        assert client.do("MGET", "before", "on", "off").plain() == [b"v", b"2", b"1"]


def test_it_cannot_be_turned_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    """CONFIG SET says so, and it stays off."""
    (tmp_path / "appendonlydir").write_text("not a folder")
    with serving("--dir", str(tmp_path)) as process:
        client = ready(process)
        assert client.do("CONFIG", "SET", "appendonly", "yes").value.startswith(b"ERR CONFIG SET failed")
        assert client.do("CONFIG", "GET", "appendonly").plain() == [b"appendonly", b"no"]
        assert client.do("SET", "k", "v").value == b"OK"


def test_it_is_rewritten_when_it_has_grown(tmp_path: Path) -> None:
    """By the settings, and as BGREWRITEAOF asks; not while a save runs."""
    options = ("--auto-aof-rewrite-min-size", "10kb", "--auto-aof-rewrite-percentage", "100")
    with serving(*journaling(tmp_path, *options)) as process:
        client = ready(process)
        client.send_bytes(request((b"SET", b"k", b"x" * 1000)) * 20)
        for _ in range(20):
            client.receive()
        assert int(information(client, "persistence")["aof_current_size"]) > 20_000
        assert eventually(lambda: information(client, "persistence")["aof_rewrites"] == "1")
        assert int(information(client, "persistence")["aof_current_size"]) < 10_000
        assert len(manifest_of(tmp_path)) == 2
        assert int(information(client, "persistence")["aof_last_cow_size"]) > 0
        client.do("MULTI")
        client.do("BGSAVE")
        client.do("BGREWRITEAOF")
        assert client.do("EXEC").value[1].value == b"Background append only file rewriting scheduled"
        assert eventually(lambda: information(client, "persistence")["aof_rewrites"] == "2")


def test_what_a_broken_rewrite_left_goes(tmp_path: Path) -> None:
    """At the start, and after a rewrite that succeeded; what comes later stays, as do the files of others."""
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        client.do("SET", "k", "v")
        client.do("BGREWRITEAOF")
        assert eventually(lambda: information(client, "persistence")["aof_rewrites"] == "1")
        process.end(signal.SIGTERM)
    folder = tmp_path / "appendonlydir"
    own = set(os.listdir(folder))
    left = {
        "temp-1-1-appendonly.aof.3.base.rdb",
        "temp-77-2-appendonly.aof.manifest",
        "appendonly.aof.1.incr.aof",
        "appendonly.aof.1.base.rdb",
    }
    others = {"appendonly.aof.9.incr.aof", "appendonly.aof.2.base.rdb.bak", "temp-1-1-dump.rdb", "notes"}
    for name in left | others:
        folder.joinpath(name).write_bytes(b"left")
    with serving(*journaling(tmp_path)) as process:
        client = ready(process)
        assert client.do("GET", "k").value == b"v"
        assert set(os.listdir(folder)) == own | others
        for name in left:
            folder.joinpath(name).write_bytes(b"left")
        client.do("BGREWRITEAOF")
        assert eventually(lambda: information(client, "persistence")["aof_rewrite_in_progress"] == "0")
        assert not left & set(os.listdir(folder))
        assert others <= set(os.listdir(folder))


def test_a_rewrite_without_a_journal(tmp_path: Path) -> None:
    """BGREWRITEAOF makes a base where nothing is noted, as the reference does: what it has is loaded."""
    with serving("--dir", str(tmp_path)) as process:
        client = ready(process)
        client.do("SET", "k", "v")
        assert client.do("BGREWRITEAOF").value == b"Background append only file rewriting started"
        assert eventually(lambda: information(client, "persistence")["aof_rewrites"] == "1")
        assert manifest_of(tmp_path) == ["file appendonly.aof.1.base.rdb seq 1 type b"]
    with serving(*journaling(tmp_path)) as process:
        assert ready(process).do("GET", "k").value == b"v"


def test_times_are_noted(tmp_path: Path) -> None:
    """With aof-timestamp-enabled a line tells the second before its first request."""
    with serving(*journaling(tmp_path, "--aof-timestamp-enabled", "yes")) as process:
        client = ready(process)
        now_s = int(client.do("TIME").value[0].value)
        client.do("SET", "k", "v")
        written = files_of(tmp_path)["appendonly.aof.1.incr.aof"]
        line, _, rest = written.partition(b"\r\n")
        assert 0 <= int(line.removeprefix(b"#TS:")) - now_s <= 5
        assert rest == request((b"SELECT", b"0")) + request((b"SET", b"k", b"v"))
    with serving(*journaling(tmp_path)) as process:
        assert ready(process).do("GET", "k").value == b"v"


def test_waiting_for_the_disk(tmp_path: Path) -> None:
    """WAITAOF answers when what was noted is on the disk: at once with `always`, after a second with `everysec`."""
    with serving(*journaling(tmp_path, "--appendfsync", "always")) as process:
        client = ready(process)
        client.do("SET", "k", "v")
        assert client.do("WAITAOF", 1, 0, 0).plain() == [1, 0]
        client.do("CONFIG", "SET", "appendfsync", "everysec")
        client.do("SET", "k", "w")
        assert client.do("WAITAOF", 1, 0, 10_000).plain() == [1, 0]
        client.do("SET", "k", "w")
        client.do("MULTI")
        client.do("WAITAOF", 1, 0, 0)
        assert client.do("EXEC").plain() == [[0, 0]]
        assert client.do("WAITAOF", 1, 1, 3000).plain() == [1, 0]
        client.do("CONFIG", "SET", "appendonly", "no")
        assert client.do("WAITAOF", 1, 0, 0).is_error


def test_each_shard_has_a_journal_of_its_own(tmp_path: Path) -> None:
    """A worker that is killed comes back with its keys."""
    options = journaling(tmp_path, "--appendfsync", "always")
    with running_shards(2, *options) as addresses:
        clients = [Client(address) for address in addresses]
        keys = [f"key:{i}" for i in range(100)]
        owners = [next(c for c in clients if not c.do("SET", key, "v").is_error) for key in keys]
        victim = int(information(clients[0], "server")["process_id"])
        os.kill(victim, signal.SIGKILL)
        clients[0].close()

        def is_back() -> bool:
            try:
                clients[0] = Client(addresses[0])
                return int(information(clients[0], "server")["process_id"]) != victim
            except (OSError, EOFError):
                return False

        before = owners.count(owners[0])
        assert eventually(is_back)
        assert eventually(lambda: not clients[0].do("DBSIZE").is_error)
        sizes = [client.do("DBSIZE").value for client in clients]
        assert sum(sizes) == 100
        assert before in sizes
        for client in clients:
            client.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shard-0", "shard-1"]
