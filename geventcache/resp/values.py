"""What a command may return beside Python's own values.

=====================  ==========================================  =============================
Python                 RESP2                                       RESP3
=====================  ==========================================  =============================
``None``               null bulk string                            null
``bytes``              bulk string                                 bulk string
``int``                integer                                     integer
``bool``               integer 0 or 1                              boolean
``float``              bulk string                                 double
``list``, ``tuple``    array                                       array
``dict``               array of key, value, key, ...               map
``set``                array                                       set
``CommandError``       error                                       error
`Simple`               simple string                               simple string
`Verbatim`             bulk string                                 verbatim string
`BigNumber`            bulk string                                 big number
`Double`               bulk string                                 double
`Pairs`                array of both, one after the other          array of arrays of two
`PairedMap`            array of arrays of two                      map
`Distinct`             array                                       set
`Push`                 array                                       push
`Many`                 each item a reply of its own                the same
`NULL_ARRAY`           null array                                  null
`Encoded`              as it is                                    as it is
=====================  ==========================================  =============================
"""

from typing import Any


class Simple(bytes):
    """A simple string such as ``OK``: one line, no CR or LF."""

    __slots__ = ()


class Verbatim(bytes):
    """Text for people, of format ``txt``."""

    __slots__ = ()


class BigNumber(bytes):
    """The decimal digits of an integer of any size."""

    __slots__ = ()


class Double(bytes):
    """The decimal text of a floating-point number, where `float` would show fewer digits."""

    __slots__ = ()


class Pairs(list[Any]):
    """A list of two-item sequences: flat in RESP2, nested in RESP3."""

    __slots__ = ()


class PairedMap(list[Any]):
    """A map as a list of its pairs, which RESP2 shows as an array of them; a key may come twice."""

    __slots__ = ()


class Distinct(list[Any]):
    """A set in an order of its own, of items that need not be hashable."""

    __slots__ = ()


class Attributed:
    """A value and what there is to know about it beside: attributes by their names."""

    __slots__ = ("attributes", "value")

    def __init__(self, value: Any, attributes: dict[Any, Any]) -> None:
        self.value = value
        self.attributes = attributes


class Push(list[Any]):
    """An out-of-band message: kind first."""

    __slots__ = ()


class Many(list[Any]):
    """Several replies to one command, as SUBSCRIBE gives one for each channel."""

    __slots__ = ()


class Encoded(bytes):
    """A reply that is RESP already."""

    __slots__ = ()


class NullArray:
    """The type of `NULL_ARRAY`."""

    def __repr__(self) -> str:
        return "NULL_ARRAY"


class NoReply:
    """The type of `NO_REPLY`: the command has answered, or must not."""

    def __repr__(self) -> str:
        return "NO_REPLY"


NULL_ARRAY = NullArray()
NO_REPLY = NoReply()
OK = Simple(b"OK")
PONG = Simple(b"PONG")
QUEUED = Simple(b"QUEUED")
