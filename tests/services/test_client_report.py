"""The filters of CLIENT LIST and CLIENT KILL, one by one and together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from geventcache.base.clock import ManualClock
from geventcache.base.errors import CommandError
from geventcache.command.table import CommandTable
from geventcache.engine.engine import Engine
from geventcache.services.clients import Client
from geventcache.services.observing.client_report import ClientFilter, line_of
from geventcache.services.settings.config import Config
from geventcache.services.state import ServerState


@pytest.fixture
def clients() -> list[Client]:
    """Three connected clients: a plain one; a named one of database 2, old and idle; a subscriber."""
    clock = ManualClock(100_000)
    state = ServerState(clock, Config(), CommandTable({}), None)
    Engine(state)
    made = [state.new_client() for _ in range(3)]
    for number, client in enumerate(made, 1):
        client.reader = SimpleNamespace(buffered=lambda: 0, is_trusted=True)
        client.address = b"10.0.0.%d:999" % number
        state.enter(client)
    made[1].name = b"named"
    made[1].lib_name = b"lib"
    made[1].created_ms = made[1].last_active_ms = 40_000
    made[1].db = state.databases.get(2)
    made[2].channels = {b"news": None}
    return made


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (b"", [1, 2, 3]),
        (b"ID 1 3 9", [1, 3]),
        (b"NOT-ID 1 3", [2]),
        (b"NAME named", [2]),
        (b"NOT-NAME named", [1, 3]),
        (b"LIB-NAME lib", [2]),
        (b"DB 2", [2]),
        (b"not-db 2", [1, 3]),
        (b"TYPE pubsub", [3]),
        (b"NOT-TYPE pubsub", [1, 2]),
        (b"FLAGS P", [3]),
        (b"FLAGS NP", []),
        (b"NOT-FLAGS P", [1, 2]),
        (b"ADDR 10.0.0.1:999", [1]),
        (b"IP 10.0.0.1", [1]),
        (b"MAXAGE 60", [2]),
        (b"MAXAGE 61", []),
        (b"IDLE 60", [2]),
        (b"SKIPME yes", [2, 3]),
        (b"SKIPME yes NAME named", [2]),
        (b"USER default TYPE normal DB 0", [1]),
        (b"TYPE normal TYPE pubsub", [3]),
    ],
)
def test_filters_choose(clients: list[Client], text: bytes, chosen: list[int]) -> None:
    """All given filters must choose a client; one that is given twice counts as given last."""
    selected = ClientFilter(clients[0].server, text.split(), False).choose(clients[0])
    assert [client.id for client in selected] == chosen


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"WHAT x", b"ERR syntax error"),
        (b"NAME", b"ERR syntax error"),
        (b"NOT-MAXAGE 1", b"ERR syntax error"),
        (b"ID x", b"ERR syntax error"),
        (b"ID 0", b"ERR client-id should be greater than 0"),
        (b"TYPE x", b"ERR Unknown client type 'x'"),
        (b"USER x", b"ERR No such user 'x'"),
        (b"FLAGS Z", b"ERR Unknown flags found in the provided filter: Z"),
        (b"IDLE 0", b"ERR idle should be greater than 0"),
        (b"MAXAGE x", b"ERR maxage is not an integer or out of range"),
        (b"NOT-DB 16", b"ERR NOT-DB number should be between 0 and 15"),
        (b"SKIPME x", b"ERR syntax error"),
    ],
)
def test_filters_refuse(clients: list[Client], text: bytes, error: bytes) -> None:
    """A wrong filter has the reference's error."""
    with pytest.raises(CommandError) as caught:
        ClientFilter(clients[0].server, text.split(), False)
    assert caught.value.text == error


def test_line_has_the_fields_in_order(clients: list[Client]) -> None:
    """A line begins with the id and shows what the client said about itself."""
    line = line_of(clients[1])
    assert line.startswith(b"id=2 addr=10.0.0.2:999 laddr= fd=-1 name=named age=60 idle=60 flags=N capa= db=2 sub=0 ")
    assert line.endswith(b" lib-name=lib lib-ver= tot-net-in=0 tot-net-out=0 tot-cmds=0")
