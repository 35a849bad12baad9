"""The embedded server, in a thread and on the hub of a gevent program."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.socket
import pytest

from geventcache import Server

from ..support.client import Client
from ..support.wire import Reply

PING = b"*1\r\n$4\r\nPING\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in a thread."""
    with Server() as running:
        yield running


def connect(server: Server) -> Client:
    """A connection to it."""
    address = server.address
    assert isinstance(address, tuple)
    return Client(address)


def test_a_program_without_gevent_gets_a_thread(server: Server) -> None:
    """Plain sockets of the starting thread are served; the addresses tell where."""
    client = connect(server)
    assert client.do("SET", "k", "v") == Reply("+", b"OK")
    assert server.url == f"redis://127.0.0.1:{server.port}"
    assert server.addresses == [("127.0.0.1", server.port)]
    client.close()


def test_stop_leaves_no_thread_and_no_listener() -> None:
    """After stop, threads are what they were, nobody listens, and stop may be called again."""
    before = threading.active_count()
    server = Server().start()
    address = server.address
    client = connect(server)
    server.stop()
    server.stop()
    assert threading.active_count() == before
    with pytest.raises(EOFError):
        client.receive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    with pytest.raises(RuntimeError, match="does not run"):
        server.port  # noqa: B018


def test_reset_begins_anew_at_the_same_address(server: Server) -> None:
    """Keys and settings are the first ones again, clients are disconnected, the address stays."""
    address = server.address
    client = connect(server)
    client.do("SET", "k", "v")
    client.do("CONFIG", "SET", "maxclients", "9")
    server.reset()
    assert server.address == address
    with pytest.raises((EOFError, ConnectionError)):
        client.do("PING")
    client = connect(server)
    assert client.do("DBSIZE") == Reply(":", 0)
    assert client.do("CONFIG", "GET", "maxclients").value[1] == Reply("$", b"10000")
    client.close()


def test_shutdown_ends_the_server(server: Server) -> None:
    """SHUTDOWN closes connections and listeners; stop afterwards is harmless."""
    client = connect(server)
    client.send("SHUTDOWN")
    with pytest.raises((EOFError, ConnectionError)):
        client.receive()


def test_unix_socket_alone(tmp_path: Path) -> None:
    """A server may listen on a unix socket only, whose permissions are as asked for, and removes it in the end."""
    path = tmp_path / "socket"
    with Server(bind=f"unix:{path}", unixsocketperm="700") as server:
        assert server.url == f"unix://{path}"
        assert server.addresses == [str(path)]
        assert path.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(PING)
            assert sock.recv(100) == b"+PONG\r\n"
        with pytest.raises(RuntimeError, match="listens on no port"):
            server.port  # noqa: B018
        server.reset()
        assert path.exists()
    assert not path.exists()


def test_a_taken_port_is_told_and_leaves_nothing(server: Server) -> None:
    """Start raises OSError, with no thread left."""
    before = threading.active_count()
    with pytest.raises(OSError, match=f"127.0.0.1:{server.port}"):
        Server(port=server.port).start()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"no_such": 1}, TypeError),
        ({"maxclients": None}, TypeError),
        ({"maxclients": "many"}, ValueError),
        ({"appendonly": True, "upstream": "valkey://127.0.0.1:7"}, ValueError),
    ],
)
def test_wrong_settings_are_errors(settings: dict[str, object], error: type[Exception]) -> None:
    """A wrong name is a TypeError, as that of any keyword argument; a wrong value a ValueError."""
    with pytest.raises(error, match=next(iter(settings))):
        Server(**settings)


def test_starting_twice_is_an_error(server: Server) -> None:
    """A server that runs does not start again."""
    with pytest.raises(RuntimeError, match="started"):
        server.start()


def test_the_hub_of_a_gevent_program_serves() -> None:
    """With thread=False greenlets serve, and none of them is left in the end."""
    before = threading.active_count()
    with Server(thread=False) as server:
        assert threading.active_count() == before
        sock = gevent.socket.create_connection(server.address)
        sock.sendall(PING)
        assert sock.recv(100) == b"+PONG\r\n"
        sock.close()
    gevent.sleep(0)
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, gevent.Greenlet) and one]


def test_the_program_keeps_its_garbage_collector(server: Server) -> None:
    """A server inside another program leaves automatic collections on and freezes nothing."""
    assert gc.isenabled()
    assert server._app.owns_process is False


def test_data_are_kept_if_settings_ask_for_it(tmp_path: Path) -> None:
    """What one server saved, the next one has, but for one that begins anew."""
    settings = {"dir": str(tmp_path), "save": "3600 1", "port": 0}
    with Server(**settings) as first:
        client = connect(first)
        client.do("SET", "k", "v")
        client.close()
    with Server(**settings) as second:
        client = connect(second)
        assert client.do("GET", "k").value == b"v"
        client.close()
        second.reset()
        client = connect(second)
        assert client.do("DBSIZE").value == 0
        client.send("SHUTDOWN", "NOSAVE")
        with pytest.raises((EOFError, ConnectionError)):
            client.receive()
        client.close()
    with Server(**settings) as third:
        client = connect(third)
        assert client.do("GET", "k").value == b"v"
        client.close()
