"""The count of SRANDMEMBER, HRANDFIELD and ZRANDMEMBER: so many different elements; if negative, with repetitions."""

from __future__ import annotations

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.integers import integer

INT64_MAX = 9223372036854775807
# A reply is made as a whole, so that repetitions need a bound.
MOST_REPEATED = 1 << 26


def random_count(text: bytes, items: int = 1) -> int:
    """The count that an argument is; each element is shown as so many `items` of the reply.

    Raises:
        CommandError: it is no integer or out of range.
    """
    count: int = integer(text)
    if count < -INT64_MAX:
        raise CommandError(errors.NO_OPPOSITE)
    if count < -MOST_REPEATED or count > INT64_MAX // items:
        raise CommandError(errors.VALUE_OUT_OF_RANGE)
    return count
