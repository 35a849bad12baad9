"""What is seen over HTTP of a server that follows another, and of one that is followed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ..support.ports import free_port
from ..support.process import eventually, serving
from .chromium import BROWSER, DRIVER, browsing
from .conftest import Pair


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Two servers with HTTP."""
    ports = [free_port(), free_port()]
    with (
        serving("--http", f"127.0.0.1:{ports[0]}") as first,
        serving("--http", f"127.0.0.1:{ports[1]}") as second,
    ):
        assert first.address is not None
        assert second.address is not None
        yield [Pair(first.address, ("127.0.0.1", ports[0])), Pair(second.address, ("127.0.0.1", ports[1]))]


def test_replica(pairs: list[Pair]) -> None:
    """It is not ready without the data of its primary; both show what INFO tells, and nothing when there is nothing."""
    primary, replica = pairs
    client = replica.connect()
    assert json.loads(replica.get("/live.json").body)["replication"] == {}
    client.do("REPLICAOF", "127.0.0.1", free_port())
    ready = replica.get("/health/ready")
    assert (ready.status, ready.body) == (503, "a replica without the data of its primary\n")
    client.do("REPLICAOF", "127.0.0.1", primary.resp[1])
    assert eventually(lambda: replica.get("/health/ready").status == 200)
    told = json.loads(replica.get("/live.json").body)["replication"]
    assert (told["role"], told["master_port"], told["master_link_status"]) == ("slave", primary.resp[1], "up")
    told = json.loads(primary.get("/live.json").body)["replication"]
    assert (told["role"], told["connected_slaves"]) == ("master", 1)
    assert f"port={replica.resp[1]}" in told["slave0"]
    client.do("REPLICAOF", "NO", "ONE")
    assert replica.get("/health/ready").status == 200
    client.close()


@pytest.mark.skipif(not (BROWSER and DRIVER), reason="Chromium and its driver are not installed")
def test_page(pairs: list[Pair]) -> None:
    """The page shows replication while there is some."""
    pytest.importorskip("selenium")
    primary, replica = pairs
    client = replica.connect()
    with browsing() as page:
        page.get("http://{}:{}/".format(*replica.http))
        hidden = "return document.getElementById('replication-section').hidden"
        assert eventually(lambda: page.execute_script("return document.getElementById('state').textContent") == "live")
        assert page.execute_script(hidden)
        client.do("REPLICAOF", "127.0.0.1", primary.resp[1])
        text = "return document.getElementById('replication').textContent"
        assert eventually(lambda: "link statusup" in page.execute_script(text))
        assert not page.execute_script(hidden)
    client.close()
