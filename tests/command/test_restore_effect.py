"""What repeats a RESTORE: its deadline is a time, whatever the request said."""

from __future__ import annotations

import pytest

from geventcache.command import effects

NOW_MS = 1000


@pytest.mark.parametrize(
    ("request_", "effect"),
    [
        ("RESTORE k 0 x", "RESTORE k 0 x"),
        ("restore k 0 x REPLACE", "restore k 0 x REPLACE"),
        ("RESTORE k 0 x absttl", "RESTORE k 0 x absttl"),
        ("RESTORE k 5 x", "RESTORE k 1005 x ABSTTL"),
        ("RESTORE-ASKING k 5 x REPLACE IDLETIME 3", "RESTORE k 1005 x REPLACE IDLETIME 3 ABSTTL"),
        ("RESTORE k 9223372036854775807 x", "RESTORE k 9223372036854775806 x ABSTTL"),
        ("RESTORE k 5000 x absttl", "RESTORE k 5000 x absttl"),
        ("RESTORE k 1000 x ABSTTL REPLACE", "DEL k"),
    ],
)
def test_restore(request_: str, effect: str) -> None:
    """A past one deletes what was there."""
    assert effects.restore(request_.encode().split(), None, NOW_MS) == [effect.encode().split()]
