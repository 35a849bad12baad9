"""A memory limit that is not kept is told to whoever sets it."""

from __future__ import annotations

from .inprocess import InProcessServer


def test_limit_is_warned_of() -> None:
    """Setting maxmemory writes a warning; a limit of 0, which is none, does not."""
    server = InProcessServer()
    told: list[dict[str, object]] = []
    server.state.log.warning = lambda event, **fields: told.append({"event": event, **fields})
    session = server.session()
    assert session.do("CONFIG", "SET", "maxmemory", "1mb") == b"+OK\r\n"
    assert session.do("CONFIG", "SET", "maxmemory", "0") == b"+OK\r\n"
    assert told == [{"event": "maxmemory_not_enforced", "maxmemory": 1048576}]
