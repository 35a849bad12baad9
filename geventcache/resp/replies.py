"""Requests made of Python values, and replies as Python values."""

from __future__ import annotations

from typing import Any

import hiredis

Data = bytes | bytearray | memoryview | str | int | float


class ResponseError(Exception):
    """A command was refused or failed; the message is Redis' own, such as ``WRONGTYPE Operation against a key ...``."""


def encode(item: Data) -> bytes:
    """An item of a request: bytes as they are, text as UTF-8, numbers as decimals.

    Raises:
        TypeError: it is something else.
    """
    if type(item) is bytes:
        return item
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return repr(item).encode()
    raise TypeError(f"bytes, text or a number is needed, not {type(item).__name__}")


def new_reader() -> Any:
    """A parser of replies: errors are ResponseErrors, not raised."""
    return hiredis.Reader(replyError=ResponseError)
