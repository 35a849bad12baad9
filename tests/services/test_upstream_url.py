"""The URL of an upstream."""

from __future__ import annotations

import pytest

from geventcache.services.settings.upstream_url import Upstream, parse_upstream


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (b"valkey://a:1", Upstream((("a", 1),))),
        (b"redis://a", Upstream((("a", 6379),))),
        (b"valkeys://a:1,b:2", Upstream((("a", 1), ("b", 2)), True)),
        (b"rediss://[::1]:5,[fe80::1]", Upstream((("::1", 5), ("fe80::1", 6379)), True)),
        (b"redis://ann:p%40ss@a:1/3", Upstream((("a", 1),), False, (b"ann", b"p@ss"), 3)),
        (b"redis://:secret@a:1", Upstream((("a", 1),), False, (b"secret",))),
        (b"valkey://a,b:7?sentinel=main", Upstream((("a", 26379), ("b", 7)), sentinel=b"main")),
    ],
)
def test_parts(text: bytes, meant: Upstream) -> None:
    """Places, TLS, user and password, database, sentinels."""
    assert parse_upstream(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a:1",
        b"http://a:1",
        b"valkey://",
        b"valkey://a:0",
        b"valkey://a:70000",
        b"valkey://a:x",
        "valkey://a:²".encode(),
        pytest.param(b"valkey://a:" + b"1" * 5000, id="long port"),
        pytest.param(b"valkey://a/" + b"1" * 5000, id="long database"),
        b"valkey://a:1,",
        b"valkey://a:1/x",
        b"valkey://a:1?color=red",
        b"valkey://a:1#x",
    ],
)
def test_no_url(text: bytes) -> None:
    """It is refused, and the password in it is not repeated."""
    with pytest.raises(ValueError, match="upstream") as error:
        parse_upstream(text.replace(b"//a", b"//:secret@a"))
    assert "secret" not in str(error.value)
