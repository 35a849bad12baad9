"""Where each worker listens, and what of it is left when a start fails."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from geventcache.launcher.settings import Settings, SettingsError
from geventcache.launcher.shards import Shards
from geventcache.server.listening import ListenError
from geventcache.services.settings.binding import shard_addresses


def _addresses(*options: str) -> list[str]:
    config = Settings([*options, "--workers", "2"], {}).config
    return [" ".join(map(str, addresses)) for addresses in shard_addresses(config)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["127.0.0.1:6379", "127.0.0.1:6380"]),
        (["--port", "0"], ["127.0.0.1:0", "127.0.0.1:0"]),
        (["-b", "10.0.0.1:7", "-b", "10.0.0.2:70"], ["10.0.0.1:7", "10.0.0.2:70"]),
        (["-b", "10.0.0.1", "::1"], ["10.0.0.1:6379 [::1]:6379", "10.0.0.1:6380 [::1]:6380"]),
        (["-b", "h:7", "--unixsocket", "/s"], ["h:7 unix:/s", "h:8 unix:/s.1"]),
        (["-b", "h:7", "unix:/s"], ["h:7 unix:/s", "h:8 unix:/s.1"]),
        (["-b", "h:7", "h:70", "unix:/s"], ["h:7 unix:/s", "h:70 unix:/s.1"]),
        (["--port", "7", "--tls-port", "9"], ["127.0.0.1:7 tls:127.0.0.1:9", "127.0.0.1:8 tls:127.0.0.1:10"]),
    ],
)
def test_addresses(options: Sequence[str], expected: list[str]) -> None:
    """Each worker has the addresses of the first, one port further; as many bound ones as workers are one each."""
    assert _addresses(*options) == expected


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--port", "65535"], "127.0.0.1:65535 is too high a port: worker 1 would have 65536"),
        (["-b", "unix:/s"], "several workers need a port that clients could be sent to"),
    ],
)
def test_refused(options: Sequence[str], line: str) -> None:
    """Workers without a port are a wrong setting."""
    with pytest.raises(SettingsError) as caught:
        _addresses(*options)
    assert str(caught.value) == line


def test_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker has its sockets, its node and its end of the bus; nothing is left in the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shards = Shards(Settings(["-w", "2", "--port", "0"], {}).config, structlog.get_logger())
    shard = shards.take(1)
    ((sock, address),) = shard.sockets
    node = shard.topology.nodes[1]
    assert shard.topology.own == 1
    assert (node.host, node.port) == sock.getsockname() == (address.host, address.port)
    assert (node.first_slot, node.last_slot) == (8192, 16383)
    bus, paths = shard.bus
    assert bus.getsockname() == paths[1]
    with socket.socket(socket.AF_UNIX) as peer:
        assert peer.connect_ex(paths[1]) == 0
    shards.close()
    assert os.listdir(tmp_path) == []


def test_sockets_of_systemd() -> None:
    """There have to be as many of them as workers."""
    with socket.create_server(("127.0.0.1", 0)) as only:
        config = Settings(["-w", "2"], {}).config
        with pytest.raises(ListenError, match="2 workers need as many sockets from systemd, not 1"):
            Shards(config, structlog.get_logger(), [only])
