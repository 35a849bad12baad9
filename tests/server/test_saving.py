"""Snapshots of a running server: saved in the background and at the end, loaded at the start, and what goes wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from ..support.client import Address, Client
from ..support.process import GRACE_S, eventually, information, running, serving
from ..support.servers import running_shards
from ..support.snapshots import Record, snapshot


def has_saved(client: Client) -> bool:
    """No save runs any more."""
    return information(client, "persistence")["rdb_bgsave_in_progress"] == "0"


def fill(client: Client, count: int) -> None:
    """Set so many keys."""
    client.send_bytes(b"".join(b"SET key:%d value:%d\r\n" % (i, i) for i in range(count)))
    for _ in range(count):
        client.receive()


def write_file(folder: Path, count: int) -> bytes:
    """Write a snapshot with so many keys; return its bytes."""
    data = snapshot(Record(0, b"key:%d" % i, b"value:%d" % i) for i in range(count))
    (folder / "dump.rdb").write_bytes(data)
    return data


def test_what_is_saved_is_there_again(tmp_path: Path) -> None:
    """In the foreground and in the background, whatever kills the server then."""
    for save in ("SAVE", "BGSAVE"):
        with serving("--dir", str(tmp_path)) as process:
            client = process.connect()
            assert eventually(lambda client=client, save=save: not client.do("SET", "by", save).is_error)  # type: ignore[misc]
            fill(client, 5000)
            assert not client.do(save).is_error
            assert eventually(lambda client=client: has_saved(client))  # type: ignore[misc]
            process.end(signal.SIGKILL)
        with serving("--dir", str(tmp_path)) as process:
            client = process.connect()
            assert eventually(lambda client=client: not client.do("DBSIZE").is_error)  # type: ignore[misc]
            assert client.do("GET", "by").value == save.encode()
            assert client.do("DBSIZE").value == 5001
            assert information(client, "persistence")["rdb_last_load_keys_loaded"] == "5001"
    assert [file.name for file in tmp_path.iterdir()] == ["dump.rdb"]


def test_nothing_is_saved_unless_it_is_asked_for(tmp_path: Path) -> None:
    """By default a server leaves no file."""
    with serving("--dir", str(tmp_path)) as process:
        process.connect().do("SET", "k", "v")
        assert process.end(signal.SIGTERM) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_end_saves(tmp_path: Path) -> None:
    """If there are points to save at, or SHUTDOWN says so; unless SHUTDOWN says that it is not wanted."""
    points = ("--save", "3600 1")
    for options, ending, is_saved in (
        (points, "", True),
        (points, "SHUTDOWN", True),
        (points, "SHUTDOWN NOSAVE", False),
        ((), "SHUTDOWN SAVE", True),
        ((), "SHUTDOWN", False),
    ):
        with serving("--dir", str(tmp_path), *options) as process:
            process.connect().do("SET", "k", "v")
            if ending:
                process.connect().send(*ending.split())
                assert process.popen.wait(GRACE_S) == 0
            else:
                assert process.end(signal.SIGTERM) == 0
        assert [file.name for file in tmp_path.iterdir()] == (["dump.rdb"] if is_saved else []), ending
        for file in tmp_path.iterdir():
            file.unlink()


def test_points_to_save_at(tmp_path: Path) -> None:
    """A save begins by itself."""
    with serving("--dir", str(tmp_path), "--save", "1 1") as process:
        client = process.connect()
        client.do("SET", "k", "v")
        assert eventually((tmp_path / "dump.rdb").exists)
        assert eventually(lambda: information(client, "persistence")["rdb_changes_since_last_save"] == "0")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """The server ends, tells where the damage is, and leaves the file as it is."""
    data = write_file(tmp_path, 100)[:-20]
    (tmp_path / "dump.rdb").write_bytes(data)
    log = tmp_path / "log"
    with (
        log.open("wb") as stderr,
        running("--port", "0", "--dir", str(tmp_path), stderr=stderr, listens=False) as process,
    ):
        assert process.popen.wait(GRACE_S) != 0
    text = log.read_text()
    assert "dump.rdb" in text
    assert re.search(r"at byte \d+", text)
    assert "Traceback" not in text
    assert (tmp_path / "dump.rdb").read_bytes() == data


def test_clients_are_told_while_the_file_is_loaded(tmp_path: Path) -> None:
    """They are served at once, with an error that says why."""
    write_file(tmp_path, 200_000)
    with serving("--dir", str(tmp_path)) as process:
        client = process.connect()
        first = client.do("GET", "key:1")
        assert first.value == b"LOADING Valkey is loading the dataset in memory"
        assert client.do("INFO", "persistence").value.startswith(b"# Persistence\r\nloading:1\r\n")
        assert eventually(lambda: not client.do("GET", "key:1").is_error)
        assert client.do("DBSIZE").value == 200_000


def test_a_server_stops_while_it_loads(tmp_path: Path) -> None:
    """And does not save the part that it has."""
    data = write_file(tmp_path, 200_000)
    with serving("--dir", str(tmp_path), "--save", "1 1") as process:
        assert process.connect().do("GET", "key:1").is_error
        assert process.end(signal.SIGTERM) == 0
    assert (tmp_path / "dump.rdb").read_bytes() == data


def test_clients_are_served_while_the_data_are_saved(tmp_path: Path) -> None:
    """What they change meanwhile neither gets lost nor stands there twice."""
    write_file(tmp_path, 50_000)
    with serving("--dir", str(tmp_path)) as process:
        client = process.connect()
        assert eventually(lambda: not client.do("DBSIZE").is_error)
        assert not client.do("BGSAVE").is_error
        assert client.do("BGSAVE").value == b"ERR Background save already in progress"
        assert client.do("SAVE").value == b"ERR Background save already in progress"
        count = 0
        while not has_saved(client):
            client.do("RENAME", f"key:{count}", f"renamed:{count}")
            client.do("SET", f"new:{count}", "v")
            client.do("DEL", f"key:{49_999 - count}")
            count += 1
        assert count > 0
        assert int(information(client, "persistence")["rdb_last_cow_size"]) > 0
        process.end(signal.SIGKILL)
    with serving("--dir", str(tmp_path)) as process:
        client = process.connect()
        assert eventually(lambda: not client.do("DBSIZE").is_error)
        assert all(client.do("EXISTS", f"key:{i}", f"renamed:{i}").value >= 1 for i in range(count))
        assert all(client.do("GET", f"key:{i}").value == b"value:%d" % i for i in range(count, 49_999 - count, 97))


def test_a_save_is_cancelled(tmp_path: Path) -> None:
    """Nothing of it stays, and the next one is free to begin."""
    write_file(tmp_path, 50_000)
    with serving("--dir", str(tmp_path)) as process:
        client = process.connect()
        assert eventually(lambda: not client.do("DBSIZE").is_error)
        for _ in range(5):
            assert not client.do("BGSAVE").is_error
            assert client.do("BGSAVE", "CANCEL").value == b"Background saving cancelled"
            assert client.do("BGSAVE", "CANCEL").is_error
        assert client.do("SAVE").value == b"OK"
        assert eventually(lambda: [file.name for file in tmp_path.iterdir()] == ["dump.rdb"])
        assert information(client, "persistence")["rdb_saves"] == "1"


def test_a_save_that_fails(tmp_path: Path) -> None:
    """It leaves the old file, is told, and stops writes until one succeeds."""
    folder = tmp_path / "data"
    folder.mkdir()
    with serving("--dir", str(folder), "--save", "3600 1") as process:
        client = process.connect()
        client.do("SET", "k", "v")
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("not a folder")
        assert client.do("SAVE").value == b"ERR"
        assert not client.do("BGSAVE").is_error
        assert eventually(lambda: has_saved(client))
        assert information(client, "persistence")["rdb_last_bgsave_status"] == "err"
        assert client.do("SET", "k", "w").value.startswith(b"MISCONF ")
        assert client.do("PING").value.startswith(b"MISCONF ")
        assert client.do("SHUTDOWN").value == b"ERR Errors trying to SHUTDOWN. Check logs."
        folder.unlink()
        (tmp_path / "elsewhere").rename(folder)
        assert not client.do("BGSAVE").is_error
        assert eventually(lambda: has_saved(client))
        assert client.do("SET", "k", "w").value == b"OK"
    assert subprocess.run(["ls", str(folder)], capture_output=True, check=True).stdout == b"dump.rdb\n"


def test_each_shard_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """And finds its own keys there again."""
    options = ("--dir", str(tmp_path), "--save", "3600 1")
    sizes = []
    for is_first in (True, False):
        with running_shards(2, *options) as addresses:
            for shard, address in enumerate(addresses):
                client = Client(address)
                assert eventually(lambda client=client: not client.do("DBSIZE").is_error)  # type: ignore[misc]
                if is_first:
                    for i in range(100):
                        client.do("SET", f"key:{i}", "v")
                    sizes.append(client.do("DBSIZE").value)
                    assert client.do("SAVE").value == b"OK"
                else:
                    assert client.do("DBSIZE").value == sizes[shard]
                client.close()
    assert sum(sizes) == 100
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shard-0", "shard-1"]


def test_a_killed_worker_comes_back_with_its_data(tmp_path: Path) -> None:
    """What it had saved; the other one has lost nothing."""
    with running_shards(2, "--dir", str(tmp_path)) as addresses:
        sizes = []
        for address in addresses:
            client = Client(address)
            for i in range(100):
                client.do("SET", f"key:{i}", "v")
            assert client.do("SAVE").value == b"OK"
            sizes.append(client.do("DBSIZE").value)
            process = int(information(client, "server")["process_id"])
            client.close()
        assert sum(sizes) == 100
        os.kill(process, signal.SIGKILL)
        assert eventually(lambda: size_at(addresses[1]) == sizes[1])
        assert size_at(addresses[0]) == sizes[0]


def size_at(address: Address) -> object:
    """DBSIZE of the server at an address; None while nobody answers there."""
    try:
        client = Client(address)
        value = client.do("DBSIZE").value
        client.close()
    except (OSError, EOFError):
        return None
    return value
