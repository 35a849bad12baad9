"""Fair random choice from a dict: every key is as likely as every other.

A dict's entries cannot be reached by position, so a choice walks to its key.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import islice
from typing import Any

from geventcache.types.random_pick import below


def random_key(table: Mapping[bytes, Any]) -> bytes:
    """A random key of `table`, which is not empty."""
    return next(islice(table, below(len(table)), None))


def random_keys(table: Mapping[bytes, Any], count: int) -> list[bytes]:
    """`count` different random keys of `table`, all of them when there are fewer."""
    return random.sample(list(table), min(count, len(table)))
