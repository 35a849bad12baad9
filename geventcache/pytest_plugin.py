"""Fixtures for pytest: a real server for the tests of a program that uses one.

Each process of a test run (each worker of xdist) has one server, in a thread or on the gevent hub of the tests, that
begins anew before every test. Local clients may steer it by GEVENTCACHE and DEBUG, unless the settings say otherwise.
Nothing is imported until a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from geventcache.embedding import Server


@pytest.fixture(scope="session")
def geventcache_settings() -> dict[str, Any]:
    """The settings of the server, by name with ``_`` for ``-``; to be overridden in a conftest.py."""
    return {}


def _server(settings: dict[str, Any]) -> Server:
    from geventcache.embedding import Server
    from geventcache.embedding.steering import STEERABLE

    return Server(**{**STEERABLE, **settings})


@pytest.fixture(scope="session")
def geventcache_session(geventcache_settings: dict[str, Any]) -> Iterator[Server]:
    """A server for the whole session, which keeps its data from test to test."""
    with _server(geventcache_settings) as server:
        yield server


@pytest.fixture(scope="session")
def _geventcache_shared(geventcache_settings: dict[str, Any]) -> Iterator[Server]:
    """The server that is emptied before every test."""
    with _server(geventcache_settings) as server:
        yield server


@pytest.fixture
def geventcache(_geventcache_shared: Server) -> Server:
    """A server that is empty and has its first settings, users and scripts; its address differs from run to run."""
    _geventcache_shared.reset()
    return _geventcache_shared
