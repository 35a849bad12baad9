"""A memory limit that is not kept is told to whoever sets it."""

from __future__ import annotations

from .inprocess import InProcessServer


