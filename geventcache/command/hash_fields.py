"""What commands on fields of hashes share: ``FIELDS numfields field ...`` and its options."""

import cython

from geventcache.base.errors import NUMFIELDS, CommandError, invalid_expire
from geventcache.command.expiration import any_deadline_of
from geventcache.command.integers import integer
from geventcache.command.string_options import UNITS, StringOptions

FIELD_CONDITIONS = frozenset((b"FNX", b"FXX"))


def split_fields(words: tuple) -> tuple:
    """The options before the word FIELDS, and what follows it.

    Raises:
        CommandError: there is no such word, or nothing follows it.
    """
    i: cython.Py_ssize_t
    for i in range(len(words) - 1):
        if words[i].upper() == b"FIELDS":
            return words[:i], words[i + 1 :]
    raise CommandError(NUMFIELDS)


def read_fields(words: tuple, mismatch: bytes, width: cython.int = 1) -> tuple:
    """The fields behind their number, each of `width` words.

    Raises:
        CommandError: the number is none; or, with the text `mismatch`, it is not how many fields there are.
    """
    number: cython.longlong = integer(words[0])
    size: cython.Py_ssize_t = len(words) - 1
    if number < 1 or number > size or number * width != size:
        raise CommandError(mismatch)
    return words[1:]


def field_deadline(
    n: cython.longlong, is_seconds: cython.bint, base_ms: cython.longlong, name: bytes
) -> cython.longlong:
    """A deadline in milliseconds since the epoch, at least 1, which may be over.

    Args:
        n: the amount, 0 or more. base_ms: what it is counted from: the time, or 0.
        name: the command, for the error text.

    Raises:
        CommandError: the amount is negative or too large.
    """
    if n < 0:
        raise CommandError(invalid_expire(name))
    return max(1, any_deadline_of(n, is_seconds, base_ms, name))


class FieldOptions(StringOptions):
    """The options of HSETEX and HGETEX.

    Attributes:
        fields_condition: FNX or FXX; None for none.
    """

    def __init__(self, words: tuple[bytes, ...], allowed: frozenset[bytes]) -> None:
        """Read `words`, of which those in `allowed` (and the units) may occur.

        Raises:
            CommandError: a word is unknown, lacks its value, or excludes another one.
        """
        self.fields_condition: bytes | None = None
        super().__init__(words, allowed)

    def take(self, name: bytes, value: bytes) -> bool:
        """Note one option; False if another one forbids it."""
        if name not in FIELD_CONDITIONS:
            return super().take(name, value)
        if self.fields_condition not in (None, name):
            return False
        self.fields_condition = name
        return True

    def deadline_ms(self, now_ms: int, name: bytes) -> int:
        """The deadline in milliseconds since the epoch, which may be over; 0 when no unit was given.

        Raises:
            CommandError: it is none; `name` is the command.
        """
        if self.deadline not in UNITS:
            return 0
        is_relative = self.deadline in (b"EX", b"PX")
        is_seconds = self.deadline in (b"EX", b"EXAT")
        return field_deadline(integer(self.amount), is_seconds, now_ms if is_relative else 0, name)
