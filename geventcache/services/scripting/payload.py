"""Libraries as FUNCTION DUMP gives them and FUNCTION RESTORE takes them: each as in a snapshot, with DUMP's footer."""

from __future__ import annotations

from collections.abc import Iterable

from geventcache.base.errors import WRONG_PAYLOAD, CommandError
from geventcache.persistence import kinds
from geventcache.persistence.cursor import Cursor, DataError
from geventcache.persistence.output import Output
from geventcache.persistence.payload import FooterError, opened, sealed

WRONG_TYPE = b"ERR given type is not a function"
WRONG_DATA = b"ERR failed loading library data"


def dump(codes: Iterable[bytes]) -> bytes:
    """The payload of the codes of libraries."""
    out = Output(False)
    for code in codes:
        out.byte(kinds.FUNCTION)
        out.string(code)
    return sealed(out.take(), kinds.VERSION)


def restore(payload: bytes) -> list[bytes]:
    """The codes in a payload.

    Raises:
        CommandError: it is none.
    """
    codes = []
    try:
        cursor = Cursor(opened(payload, False))
        while not cursor.is_done():
            if cursor.byte() != kinds.FUNCTION:
                raise CommandError(WRONG_TYPE)
            codes.append(cursor.string())
    except FooterError:
        raise CommandError(WRONG_PAYLOAD) from None
    except DataError:
        raise CommandError(WRONG_DATA) from None
    return codes
