"""A cluster of the reference for all tests of this folder, and a near side of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.client import Client
from ..support.cluster import ReferenceCluster, running_cluster
from ..support.needs import required_reference
from ..support.process import Process, serving


@pytest.fixture(scope="session")
def cluster() -> Iterator[ReferenceCluster]:
    """Three primaries and three replicas; tests leave it as it was, but for keys.

    Here no member fails: one that has to wait for a busy machine is not to be taken for one that has.
    """
    binary = required_reference()
    with running_cluster(binary, 3, 3, "--cluster-node-timeout", "60000") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def near_side(cluster: ReferenceCluster) -> Iterator[Process]:
    """A near side of the cluster."""
    with serving("--upstream", cluster.url) as process:
        yield process


@pytest.fixture
def near(near_side: Process) -> Iterator[Client]:
    """A client of it, in RESP2; the cluster is empty."""
    client = near_side.connect()
    assert client.do("FLUSHALL").value == b"OK"
    yield client
    client.close()
