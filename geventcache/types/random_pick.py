"""Fair random choice, which tests can make repeatable. The compiled build has this from ``random_pick.pyx``."""

from __future__ import annotations

import os
import random

generator = random.Random(os.urandom(8))


def seed(number: int) -> None:
    """Make the choices that follow repeatable."""
    generator.seed(number)


def below(limit: int) -> int:
    """A random integer from 0 to `limit` - 1; `limit` is at least 1."""
    return generator.randrange(limit)
