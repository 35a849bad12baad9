"""The arguments that LMPOP, ZMPOP and their blocking twins share: keys, an end, a count."""

from __future__ import annotations

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.integers import at_least


def pop_arguments(args: tuple[bytes, ...], first: bytes, last: bytes) -> tuple[tuple[bytes, ...], bool, int]:
    """The keys, whether the last end is meant and not the first, and how many elements to pop at most.

    Args:
        args: ``numkeys key ... end [COUNT count]``.
        first, last: the names of the ends, such as LEFT and RIGHT.

    Raises:
        CommandError: they are not of that form, or a number is not positive.
    """
    number = at_least(args[0], 1, errors.NUMKEYS_NOT_POSITIVE)
    keys, rest = args[1 : number + 1], args[number + 1 :]
    end = rest[0].upper() if rest else b""
    if end not in (first, last):
        raise CommandError(errors.SYNTAX)
    if len(rest) == 1:
        return keys, end == last, 1
    if rest[1].upper() != b"COUNT" or len(rest) < 3:
        raise CommandError(errors.SYNTAX)
    count = at_least(rest[2], 1, errors.COUNT_NOT_POSITIVE)
    if len(rest) > 3:
        raise CommandError(errors.SYNTAX)
    return keys, end == last, count
