"""Fixtures of the parity tests: both servers for the whole run, and an empty pair of them for each test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.needs import required_reference
from ..support.servers import Servers, running_reference, running_servers, running_subject
from .pair import Pair

_HERE = Path(__file__).parent
ENABLED = ("--enable-debug-command", "local")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of these tests."""
    config.addinivalue_line("markers", "parity: compares geventcache with the reference server")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.parity)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Run both servers for all tests; without the reference there is nothing to compare with."""
    binary = required_reference()
    with running_servers(binary) as both:
        yield both


@pytest.fixture(scope="module")
def debuggable() -> Iterator[Servers]:
    """Both servers with DEBUG enabled."""
    binary = required_reference()
    with running_reference(binary, *ENABLED) as reference, running_subject(*ENABLED) as subject:
        yield Servers(reference, subject, frozenset())


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def pair(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Connections to both servers, empty, once for each protocol."""
    with _pair(servers, request.param) as opened:
        yield opened


@pytest.fixture
def resp2_pair(servers: Servers) -> Iterator[Pair]:
    """Connections to both servers, empty, for tests that choose the protocol themselves."""
    with _pair(servers, 2) as opened:
        yield opened


def _pair(servers: Servers, protocol: int) -> contextlib.closing[Pair]:
    return contextlib.closing(Pair(servers, protocol))
