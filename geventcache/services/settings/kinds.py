"""How the value of a setting is read, checked and shown: one class a kind of value.

Rules: `parse` takes the text of a command line or of CONFIG SET and returns a plain Python value; a text that it
refuses raises `InvalidSettingError`, whose message is the reference's. `show` gives the text of CONFIG GET, which
`parse` reads back to the same value.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, NamedTuple

from geventcache.base.numbers import format_float, parse_float, parse_integer, parse_memory, parse_yes_no
from geventcache.services.settings.addresses import HIGHEST_PORT, parse_address
from geventcache.services.settings.upstream_url import parse_upstream

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1


class InvalidSettingError(ValueError):
    """A text that is no value of a setting; the message says what would be."""


class Kind:
    """The base of all kinds, and the kind of free text.

    Attributes:
        takes_words: whether a command line may give the value as several words.
        is_switch: whether an option without a value means ``yes``.
    """

    takes_words = False
    is_switch = False

    def parse(self, text: bytes, current: Any) -> Any:
        """Return the value of `text`; `current` is the value before, for kinds that change it in part."""
        return text

    def show(self, value: Any) -> bytes:
        """Return the text of `value`."""
        return bytes(value)


class Addresses(Kind):
    """Addresses to listen on, as a tuple of the words that `parse_address` reads."""

    takes_words = True

    def parse(self, text: bytes, current: Any) -> tuple[bytes, ...]:
        """Return the words of `text`, each of them checked."""
        words = tuple(text.split())
        try:
            for word in words:
                parse_address(word)
        except ValueError as error:
            raise InvalidSettingError(str(error)) from None
        return words

    def show(self, value: Any) -> bytes:
        """Return the words, a space between each."""
        return b" ".join(value)


class HttpAddresses(Addresses):
    """Addresses for HTTP, which has no port of its own that could be left out."""

    def parse(self, text: bytes, current: Any) -> tuple[bytes, ...]:
        """Return the words of `text`, each of them with a port or a path."""
        words = super().parse(text, current)
        for word in words:
            address = parse_address(word)
            if not address.path and address.port is None:
                raise InvalidSettingError(f"no port in address '{address}'")
        return words


class UpstreamUrl(Kind):
    """The URL of an upstream, empty for none."""

    def parse(self, text: bytes, current: Any) -> bytes:
        """Return the text, which `parse_upstream` can read."""
        try:
            if text:
                parse_upstream(text)
        except ValueError as error:
            raise InvalidSettingError(str(error)) from None
        return text


class Patterns(Kind):
    """Globs, as a tuple of them."""

    takes_words = True

    def parse(self, text: bytes, current: Any) -> tuple[bytes, ...]:
        """Return the words of `text`."""
        return tuple(text.split())

    def show(self, value: Any) -> bytes:
        """Return the words, a space between each."""
        return b" ".join(value)


class Integer(Kind):
    """A decimal integer from `low` to `high`, both included; `ceiling` is what higher ones are quietly cut down to."""

    def __init__(
        self, low: int = 0, high: int = INT32_MAX, floor: int | None = None, ceiling: int | None = None
    ) -> None:
        self.low = low
        self.high = high
        self._floor = low if floor is None else floor
        self._ceiling = high if ceiling is None else ceiling

    def parse(self, text: bytes, current: Any) -> int:
        """Return the integer, strictly read."""
        value = parse_integer(text)
        if value is None:
            raise InvalidSettingError("argument couldn't be parsed into an integer")
        return min(max(_within(value, self.low, self.high), self._floor), self._ceiling)

    def show(self, value: Any) -> bytes:
        """Return the decimal."""
        return b"%d" % value


class Memory(Kind):
    """A number of bytes, with or without a unit."""

    def __init__(self, low: int = 0, high: int = INT64_MAX) -> None:
        self.low = low
        self.high = high

    def parse(self, text: bytes, current: Any) -> int:
        """Return the bytes."""
        value = parse_memory(text)
        if value is None:
            raise InvalidSettingError("argument must be a memory value")
        return _within(value, self.low, self.high)

    def show(self, value: Any) -> bytes:
        """Return the bytes, without a unit."""
        return b"%d" % value


class MemoryOrPercent(Memory):
    """A number of bytes, or a percentage, which is kept as a negative number."""

    def parse(self, text: bytes, current: Any) -> int:
        """Return the bytes, or the percentage below zero."""
        percent = parse_integer(text[:-1]) if text.endswith(b"%") else None
        if percent is not None and percent >= 0:
            if percent > 100:
                raise InvalidSettingError("percentage argument must be less or equal to 100")
            return -percent
        try:
            return super().parse(text, current)
        except InvalidSettingError:
            raise InvalidSettingError("argument must be a memory or percent value") from None

    def show(self, value: Any) -> bytes:
        """Return the bytes, or the percentage with its sign."""
        return b"%d%%" % -value if value < 0 else b"%d" % value


class Octal(Kind):
    """Permissions of a file."""

    def parse(self, text: bytes, current: Any) -> int:
        """Return the permissions as an integer."""
        if text.strip(b"01234567") or not 0 < len(text) <= 4:
            raise InvalidSettingError("argument couldn't be parsed into an integer")
        return int(text, 8)

    def show(self, value: Any) -> bytes:
        """Return the permissions in octal."""
        return b"%o" % value


class YesNo(Kind):
    """A switch."""

    is_switch = True

    def parse(self, text: bytes, current: Any) -> bool:
        """Return whether the text is ``yes``."""
        value = parse_yes_no(text)
        if value is None:
            raise InvalidSettingError("argument must be 'yes' or 'no'")
        return value

    def show(self, value: Any) -> bytes:
        """Return ``yes`` or ``no``."""
        return b"yes" if value else b"no"


class Choice(Kind):
    """One of a few words, in any case."""

    def __init__(self, *choices: bytes) -> None:
        self.choices = choices

    def parse(self, text: bytes, current: Any) -> bytes:
        """Return the word in lower case."""
        if text.lower() not in self.choices:
            allowed = b", ".join(self.choices).decode()
            raise InvalidSettingError(f"argument(s) must be one of the following: {allowed}")
        return text.lower()


class SavePoints(Kind):
    """When to save: pairs of seconds and changes, after which a snapshot is written."""

    takes_words = True

    def parse(self, text: bytes, current: Any) -> tuple[tuple[int, int], ...]:
        """Return the pairs."""
        numbers = [parse_integer(word) for word in text.split()]
        if len(numbers) % 2 or any(number is None or number < 0 for number in numbers) or 0 in numbers[::2]:
            raise InvalidSettingError("Invalid save parameters")
        return tuple((number, numbers[i + 1]) for i, number in enumerate(numbers) if i % 2 == 0)  # type: ignore[misc]

    def show(self, value: Any) -> bytes:
        """Return the numbers, a space between each."""
        return b" ".join(b"%d %d" % pair for pair in value)


class Folder(Kind):
    """A folder that exists, as a whole path; a dot is the one that the process works in."""

    def parse(self, text: bytes, current: Any) -> bytes:
        """Return the whole path, or the dot."""
        if not os.path.isdir(text):
            raise InvalidSettingError(f"No such file or directory: {text.decode(errors='replace')}")
        path = os.path.abspath(text)
        return b"." if path == os.getcwdb() else path

    def show(self, value: Any) -> bytes:
        """Return the whole path."""
        return os.path.abspath(bytes(value))


class Server(Kind):
    """Where another server is: host and port; empty for nowhere."""

    takes_words = True

    def parse(self, text: bytes, current: Any) -> bytes:
        """Return the host and the port, a space between them."""
        words = text.split()
        if text.strip().lower() in (b"", b"no one"):
            return b""
        port = parse_integer(words[1]) if len(words) == 2 else None
        if port is None or not 0 <= port <= HIGHEST_PORT:
            raise InvalidSettingError(
                "Invalid master port" if len(words) == 2 else "argument must be a host and a port"
            )
        return b" ".join(words)


class FileName(Kind):
    """The name of a file, without a path."""

    def __init__(self, setting: str) -> None:
        self.setting = setting

    def parse(self, text: bytes, current: Any) -> bytes:
        """Return the name."""
        if os.path.basename(text) != text or text in (b"", b".", b".."):
            raise InvalidSettingError(f"{self.setting} can't be a path, just a filename")
        return text


class Events(Kind):
    """Classes of keyspace notifications, as the frozen set of their letters; ``A`` stands for the usual ones."""

    USUAL = "g$lshzxetd"
    OTHERS = "nKEm"

    def parse(self, text: bytes, current: Any) -> frozenset[str]:
        """Return the letters, ``A`` spelled out."""
        letters = set(text.decode("latin-1"))
        if not letters <= set(self.USUAL + self.OTHERS + "A"):
            raise InvalidSettingError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        if "A" in letters:
            letters |= set(self.USUAL)
        return frozenset(letters - {"A"})

    def show(self, value: Any) -> bytes:
        """Return the letters in the reference's order; ``n`` stays hidden behind ``A``, as it does there."""
        order = "A" + self.OTHERS[1:] if value >= set(self.USUAL) else self.USUAL + self.OTHERS
        return "".join(letter for letter in order if letter == "A" or letter in value).encode()


class BufferLimit(NamedTuple):
    """When to close a client that does not read: at `hard` unread bytes, or after `seconds` above `soft` bytes."""

    hard: int
    soft: int
    seconds: int


class BufferLimits(Kind):
    """A `BufferLimit` for each class of clients; a text names only those that it changes."""

    takes_words = True
    CLASSES: ClassVar = {b"normal": b"normal", b"slave": b"slave", b"replica": b"slave", b"pubsub": b"pubsub"}

    def parse(self, text: bytes, current: Any) -> dict[bytes, BufferLimit]:
        """Return the limits of all classes, by class."""
        words = text.split(b" ") if text else []
        if len(words) % 4:
            raise InvalidSettingError("Wrong number of arguments in buffer limit configuration.")
        limits = dict(current)
        for at in range(0, len(words), 4):
            client_class = self.CLASSES.get(words[at].lower())
            if client_class is None:
                raise InvalidSettingError("Invalid client class specified in buffer limit configuration.")
            limits[client_class] = self._limit(*words[at + 1 : at + 4])
        return limits

    @staticmethod
    def _limit(hard_text: bytes, soft_text: bytes, seconds_text: bytes) -> BufferLimit:
        hard, soft = parse_memory(hard_text), parse_memory(soft_text)
        digits = seconds_text.removeprefix(b"+") or b"0"
        if hard is None or soft is None or not digits.isdigit() or len(digits) > 18:
            raise InvalidSettingError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
        return BufferLimit(hard, soft, int(digits))

    def show(self, value: Any) -> bytes:
        """Return every class with its three numbers."""
        return b" ".join(b"%b %d %d %d" % (client_class, *limit) for client_class, limit in value.items())


class Percentiles(Kind):
    """Percentiles, as a tuple of numbers from 0 to 100."""

    takes_words = True
    NAME = "latency-tracking-info-percentiles"  # in the reference's words about a wrong one

    def parse(self, text: bytes, current: Any) -> tuple[float, ...]:
        """Return the numbers."""
        read = [parse_float(word) for word in text.split()]
        numbers = tuple(number for number in read if number is not None)
        if len(numbers) < len(read):
            raise InvalidSettingError(f"Invalid {self.NAME} parameters")
        if not all(0 <= number <= 100 for number in numbers):
            raise InvalidSettingError(f"{self.NAME} parameters should sit between [0.0,100.0]")
        return numbers

    def show(self, value: Any) -> bytes:
        """Return the numbers, a space between each."""
        return b" ".join(format_float(number) for number in value)


class PerDatabase(Kind):
    """Values for single databases, as a dict by their number; a text names all of them, and an empty one none."""

    takes_words = True

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def parse(self, text: bytes, current: Any) -> dict[int, Any]:
        """Return the values by the numbers of their databases."""
        words = text.split()
        if len(words) % 2:
            raise InvalidSettingError("argument must be pairs of a database and its value")
        values: dict[int, Any] = {}
        for number, word in zip(words[::2], words[1::2], strict=True):
            index = parse_integer(number)
            if index is None or index < 0 or index in values:
                raise InvalidSettingError("each database must be a number, and named once")
            values[index] = self.kind.parse(word, None)
        return values

    def show(self, value: Any) -> bytes:
        """Return every database with its value."""
        return b" ".join(b"%d %b" % (index, self.kind.show(one)) for index, one in value.items())


class StreamPlace(NamedTuple):
    """A stream to write to.

    Attributes:
        key: its name.
        most: how many entries it is to keep, about; 0 for all.
    """

    key: bytes
    most: int


class StreamPlaces(Kind):
    """Streams of single databases: ``DB KEY [MAXLEN N] ...``; or ``KEY [MAXLEN N]`` in each of them, by None."""

    takes_words = True

    def parse(self, text: bytes, current: Any) -> dict[int | None, StreamPlace]:
        """Return the streams by the numbers of their databases."""
        words = text.split()
        places: dict[int | None, StreamPlace] = {}
        while words:
            index = parse_integer(words[0])
            if index is not None:
                del words[0]
            if not words or index in places or None in places or (index or 0) < 0 or (index is None and places):
                raise InvalidSettingError("argument must be KEY [MAXLEN N], or DB KEY [MAXLEN N] for each database")
            places[index] = StreamPlace(words.pop(0), self.limit(words))
        return places

    @staticmethod
    def limit(words: list[bytes]) -> int:
        """Take ``MAXLEN N`` off the words, if it comes next; return N, else 0."""
        if not words or words[0].upper() != b"MAXLEN":
            return 0
        most = parse_integer(words[1]) if len(words) > 1 else None
        if most is None or most < 1:
            raise InvalidSettingError("MAXLEN must be followed by a number of entries")
        del words[:2]
        return most

    def show(self, value: Any) -> bytes:
        """Return every stream."""
        return b" ".join(
            (b"" if index is None else b"%d " % index) + place.key + (b" MAXLEN %d" % place.most if place.most else b"")
            for index, place in value.items()
        )


class Fact(Kind):
    """What the server says about itself by a setting, and nobody can set."""

    def parse(self, text: bytes, current: Any) -> bytes:
        """Refuse every value but the one that it has."""
        if text != current:
            raise InvalidSettingError(f"it is {current.decode()}, as other settings make it")
        return text


class Only(Kind):
    """A setting that clients ask for and that has one value here, because the feature behind it does not exist."""

    def __init__(self, text: bytes, reason: str) -> None:
        self._text = text
        self._reason = reason

    def parse(self, text: bytes, current: Any) -> bytes:
        """Return the one value."""
        if text.lower() != self._text:
            raise InvalidSettingError(self._reason)
        return self._text


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise InvalidSettingError(f"argument must be between {low} and {high} inclusive")
    return value


def text_of(value: Any) -> bytes:
    """A Python value as the command line would write it.

    Raises:
        TypeError: no setting takes such a value.
    """
    if isinstance(value, bool):
        return b"yes" if value else b"no"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, (str, bytes, os.PathLike)):
        return os.fsencode(value)
    if isinstance(value, dict):
        value = [word for item in value.items() for word in item]
    if isinstance(value, (list, tuple)):
        return b" ".join(map(text_of, value))
    raise TypeError(f"a {type(value).__name__} is no value of a setting")
