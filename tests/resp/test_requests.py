"""Requests as bytes: what everybody writes, in both builds."""

from __future__ import annotations

from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .builds import builds

BUILDS = builds("resp.requests")
requests = st.lists(st.binary(max_size=200) | st.integers(0, 1100).map(bytes), min_size=1, max_size=20)


@pytest.fixture(params=sorted(BUILDS), scope="module")
def module(request: pytest.FixtureRequest) -> Any:
    """The module of one build."""
    return BUILDS[request.param]


@given(requests)
def test_bytes_and_their_number(module: Any, args: list[bytes]) -> None:
    """A request is written as others write it, behind what is there, and as long as it is said to be."""
    expected = hiredis.pack_command(tuple(args))
    data = bytearray(b"before")
    module.append_request(data, args)
    assert data == b"before" + expected
    assert module.size_of(args) == len(expected)
