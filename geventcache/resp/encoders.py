# cython: boundscheck=False, wraparound=False, cdivision=True
"""How values of the less common types are written: maps, sets, what RESP2 and RESP3 write differently.

Imported with the package, it fills the writer's table `WRITERS`: a function a type, of the writer and the value.
"""

from typing import Any

from geventcache.base.errors import CommandError
from geventcache.resp.values import (
    NO_REPLY,
    NULL_ARRAY,
    Attributed,
    BigNumber,
    Distinct,
    Double,
    Encoded,
    Many,
    PairedMap,
    Pairs,
    Push,
    Verbatim,
)
from geventcache.resp.writer import WRITERS, ReplyWriter


def write_map(out: ReplyWriter, v: dict[Any, Any]) -> None:
    """A dict."""
    out.map_header(len(v))
    for key, item in v.items():
        out.value(key)
        out.value(item)


def write_set(out: ReplyWriter, v: Any) -> None:
    """A set or frozenset."""
    out.number(126 if out.resp3 else 42, len(v))
    out.items(v)


def write_bool(out: ReplyWriter, v: bool) -> None:
    """A boolean."""
    if out.resp3:
        out.raw(b"#t\r\n" if v else b"#f\r\n")
    else:
        out.number(58, 1 if v else 0)


def write_bytearray(out: ReplyWriter, v: bytearray) -> None:
    """A string that is kept changeable."""
    out.bulk(bytes(v))


def write_verbatim(out: ReplyWriter, v: Verbatim) -> None:
    """Text."""
    if out.resp3:
        out.raw(b"=%d\r\ntxt:%b\r\n" % (len(v) + 4, v))
    else:
        out.bulk(bytes(v))


def write_big_number(out: ReplyWriter, v: BigNumber) -> None:
    """An integer of any size."""
    if out.resp3:
        out.raw(b"(%b\r\n" % v)
    else:
        out.bulk(bytes(v))


def write_double(out: ReplyWriter, v: Double) -> None:
    """A floating-point number whose text is given."""
    if out.resp3:
        out.raw(b",%b\r\n" % v)
    else:
        out.bulk(bytes(v))


def write_pairs(out: ReplyWriter, v: Any) -> None:
    """Pairs."""
    if out.resp3:
        out.array_header(len(v))
        for pair in v:
            out.array_header(2)
            out.items(pair)
    else:
        out.array_header(2 * len(v))
        for pair in v:
            out.items(pair)


def write_paired_map(out: ReplyWriter, v: Any) -> None:
    """A map that is an array of pairs in RESP2."""
    if out.resp3:
        out.number(37, len(v))
    else:
        out.array_header(len(v))
    for pair in v:
        if not out.resp3:
            out.array_header(2)
        out.items(pair)


def write_attributed(out: ReplyWriter, v: Attributed) -> None:
    """A value behind its attributes, which RESP2 leaves out."""
    if out.resp3:
        out.number(124, len(v.attributes))
        for name, value in v.attributes.items():
            out.value(name)
            out.value(value)
    out.value(v.value)


def write_push(out: ReplyWriter, v: Any) -> None:
    """A push message."""
    out.number(62 if out.resp3 else 42, len(v))
    out.items(v)


def write_many(out: ReplyWriter, v: Any) -> None:
    """Several replies."""
    out.items(v)


def write_null_array(out: ReplyWriter, v: Any) -> None:
    """A null where an array was expected."""
    out.raw(b"_\r\n" if out.resp3 else b"*-1\r\n")


def write_error(out: ReplyWriter, v: CommandError) -> None:
    """An error as a value, as EXEC has them."""
    out.error(v.text)


def write_nothing(out: ReplyWriter, v: Any) -> None:
    """No reply."""


def write_encoded(out: ReplyWriter, v: Encoded) -> None:
    """RESP already."""
    out.raw(bytes(v))


WRITERS.update(
    {
        dict: write_map,
        set: write_set,
        frozenset: write_set,
        Distinct: write_set,
        bool: write_bool,
        bytearray: write_bytearray,
        Verbatim: write_verbatim,
        BigNumber: write_big_number,
        Double: write_double,
        Pairs: write_pairs,
        PairedMap: write_paired_map,
        Attributed: write_attributed,
        Push: write_push,
        Many: write_many,
        type(NULL_ARRAY): write_null_array,
        type(NO_REPLY): write_nothing,
        CommandError: write_error,
        Encoded: write_encoded,
    }
)
