"""Single values as DUMP gives them and RESTORE takes them.

A payload is a type, a value, the version of the format in two bytes and a checksum of all before it in eight.
"""

from collections.abc import Iterable
from typing import Any

from geventcache.persistence import kinds
from geventcache.persistence.checksum import crc64
from geventcache.persistence.cursor import Cursor, DataError
from geventcache.persistence.output import Output
from geventcache.persistence.value_reader import read_value
from geventcache.persistence.value_writer import kind_of, version_of, write_value
from geventcache.types.limits import EncodingLimits

FOOTER_SIZE = 10
CHECKSUM_SIZE = 8


class FooterError(Exception):
    """The version is unknown, or the checksum is not that of the payload."""


def dump(value: Any, compresses: bool, is_plain: bool = False) -> bytes:
    """The payload of a value; a plain hash is without the deadlines of its fields."""
    kind = kind_of(value, is_plain)
    out = Output(compresses)
    out.byte(kind)
    write_value(out, value, is_plain)
    return sealed(out.take(), version_of(kind))


def sealed(body: bytes, version: int) -> bytes:
    """A body with its footer."""
    return body + footer([body], version)


def footer(pieces: Iterable[bytes], version: int) -> bytes:
    """The footer of a body that is in pieces."""
    data = version.to_bytes(FOOTER_SIZE - CHECKSUM_SIZE, "little")
    checksum = 0
    for piece in pieces:
        checksum = crc64(piece, checksum)
    return data + crc64(data, checksum).to_bytes(CHECKSUM_SIZE, "little")


def is_for_all(payload: bytes) -> bool:
    """Is a payload of a version that all servers read which may follow this one?"""
    return int.from_bytes(payload[-FOOTER_SIZE:-CHECKSUM_SIZE], "little") <= kinds.VERSION


def opened(payload: bytes, takes_any_version: bool) -> bytes:
    """The body of a payload.

    Raises:
        FooterError: it is none.
    """
    data, checksum = payload[:-CHECKSUM_SIZE], payload[-CHECKSUM_SIZE:]
    version = int.from_bytes(data[CHECKSUM_SIZE - FOOTER_SIZE :], "little")
    is_known = takes_any_version or version <= kinds.LAST_REDIS_VERSION or version in kinds.VALKEY_VERSIONS
    if len(payload) < FOOTER_SIZE or not is_known or crc64(data) != int.from_bytes(checksum, "little"):
        raise FooterError
    return data[: CHECKSUM_SIZE - FOOTER_SIZE]


def restore(body: bytes, limits: EncodingLimits) -> Any:
    """The value that an opened payload holds.

    Raises:
        DataError: it holds none.
    """
    cursor = Cursor(body)
    value = read_value(cursor, cursor.byte(), limits)
    if not cursor.is_done():
        raise DataError("bytes are left over")
    return value
