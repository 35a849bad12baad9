"""Searching a geospatial index: what the commands ask for, parsed into a `Search`; then run, and replied or stored."""

from collections.abc import Callable
from typing import Any

import cython

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_float, parse_integer
from geventcache.command.integers import INT32_MAX, INT32_MIN, integer
from geventcache.resp.values import Double
from geventcache.store.keyspace import Keyspace
from geventcache.types.geo import (
    OUTSIDE,
    UNITS,
    Box,
    Circle,
    Polygon,
    Shape,
    decode,
    format_coordinate,
    format_distance,
    is_position,
    score_ranges,
)
from geventcache.types.sorted_sets import SortedSet

LEAST_CORNERS = 3
METRE = 1.0
ORDERS = {b"ASC": 1, b"DESC": -1}

Found = tuple[bytes, float, float]  # member, score, metres from the centre


# ---------------------------------------------------------------------- arguments


def number(text: bytes, error: bytes = errors.NOT_FLOAT) -> cython.double:
    """A floating-point argument.

    Raises:
        CommandError: with the text `error`; it is none.
    """
    value = parse_float(text)
    if value is None:
        raise CommandError(error)
    return value


def position(longitude: bytes, latitude: bytes) -> tuple[float, float]:
    """A position in degrees.

    Raises:
        CommandError: it is none, or too near to a pole.
    """
    x: cython.double = number(longitude)
    y: cython.double = number(latitude)
    if not is_position(x, y):
        raise CommandError(errors.invalid_position(x, y))
    return x, y


def unit(text: bytes) -> float:
    """The metres of a unit.

    Raises:
        CommandError: there is no such unit.
    """
    metres = UNITS.get(text.lower())
    if metres is None:
        raise CommandError(errors.GEO_UNIT)
    return metres


def radius(text: bytes) -> float:
    """A radius in some unit.

    Raises:
        CommandError: it is no number, or negative.
    """
    value = number(text, errors.GEO_RADIUS_NOT_NUMBER)
    if value < 0:
        raise CommandError(errors.GEO_RADIUS_NEGATIVE)
    return value


def sides(width: bytes, height: bytes) -> tuple[float, float]:
    """The sides of a box in some unit.

    Raises:
        CommandError: one is no number, or negative.
    """
    wide = number(width, errors.GEO_WIDTH_NOT_NUMBER)
    high = number(height, errors.GEO_HEIGHT_NOT_NUMBER)
    if wide < 0 or high < 0:
        raise CommandError(errors.GEO_SIDE_NEGATIVE)
    return wide, high


# ---------------------------------------------------------------------- searches


class Search:
    """What a search asks for.

    Attributes:
        source: the SortedSet to search, None if there is none.
        centre: longitude and latitude; None until it is given, or where it is a member and there is no source; empty
            for a polygon, which is its own centre.
        centre_word, shape_word: the options that gave centre and shape, None before.
        kind, measures: the Shape, None before it is given, and what it is made of beside the centre.
        unit: metres of the unit of distances.
        count: how many to find at most, 0 for all; with `is_any` the first ones that turn up.
        order: 1 by distance, -1 the other way, 0 as found.
        store: the key for the result, None to reply it; `stores_distance`: with distances in place of positions.
    """

    def __init__(self, source: "SortedSet | None") -> None:
        self.source = source
        self.centre: tuple[float, ...] | None = None
        self.centre_word: bytes | None = None
        self.shape_word: bytes | None = None
        self.kind: Callable[..., Shape] | None = None
        self.measures: tuple[Any, ...] = ()
        self.unit = METRE
        self.count = 0
        self.is_any = False
        self.order = 0
        self.with_distance = False
        self.with_hash = False
        self.with_position = False
        self.store: bytes | None = None
        self.stores_distance = False

    def centre_at_member(self, member: bytes) -> None:
        """Search around a member.

        Raises:
            CommandError: the sorted set does not have it.
        """
        if self.source is None:
            return
        score = self.source.score(member)
        if score is None:
            raise CommandError(errors.no_such_member(member))
        self.centre = decode(score)

    def within_radius(self, length: bytes, unit_name: bytes) -> None:
        """Search a circle."""
        size = radius(length)
        self.unit = unit(unit_name)
        self.kind = Circle
        self.measures = (size, self.unit)

    def within_box(self, width: bytes, height: bytes, unit_name: bytes) -> None:
        """Search a box."""
        wide, high = sides(width, height)
        self.unit = unit(unit_name)
        self.kind = Box
        self.measures = (wide, high, self.unit)

    def within_polygon(self, corners: tuple) -> None:
        """Search a polygon, given as longitudes and latitudes in turn."""
        self.centre = ()
        self.kind = Polygon
        self.measures = ([position(corners[i], corners[i + 1]) for i in range(0, len(corners), 2)],)

    def wants_details(self) -> bool:
        """Whether more than members is asked for."""
        return self.with_distance or self.with_hash or self.with_position

    # Options: each method takes the one at index i, and returns how many arguments that were; 0 if it is none of its.

    def take_detail(self, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """What to find of how many, and in which order.

        Raises:
            CommandError: the count is wrong.
        """
        word = args[i].upper()
        if word == b"COUNT" and i + 1 < len(args):
            self.count = at_least_one(args[i + 1])
            return 2
        if word == b"WITHDIST":
            self.with_distance = True
        elif word == b"WITHHASH":
            self.with_hash = True
        elif word == b"WITHCOORD":
            self.with_position = True
        elif word == b"ANY":
            self.is_any = True
        elif word in ORDERS:
            self.order = ORDERS[word]
        else:
            return 0
        return 1

    def take_store(self, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where GEORADIUS stores the result."""
        word = args[i].upper()
        if word not in (b"STORE", b"STOREDIST") or i + 1 >= len(args):
            return 0
        self.store = args[i + 1]
        self.stores_distance = word == b"STOREDIST"
        return 2

    def take_distance(self, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Whether GEOSEARCHSTORE stores distances."""
        if args[i].upper() != b"STOREDIST":
            return 0
        self.stores_distance = True
        return 1

    def take_centre(self, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where GEOSEARCH begins: one kind of centre, and none for a polygon.

        Raises:
            CommandError: there is no such member or position.
        """
        word = args[i].upper()
        left = len(args) - i - 1
        if self.centre_word not in (None, word) or self.shape_word == b"BYPOLYGON":
            return 0
        if word == b"FROMMEMBER" and left >= 1:
            self.centre_at_member(args[i + 1])
            self.centre_word = word
            return 2
        if word == b"FROMLONLAT" and left >= 2:
            self.centre = position(args[i + 1], args[i + 2])
            self.centre_word = word
            return 3
        return 0

    def take_shape(self, args: tuple, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """The area of GEOSEARCH: one kind of shape.

        Raises:
            CommandError: a number or a unit is wrong.
        """
        word = args[i].upper()
        left = len(args) - i - 1
        if self.shape_word not in (None, word):
            return 0
        if word == b"BYRADIUS" and left >= 2:
            self.within_radius(args[i + 1], args[i + 2])
            size = 3
        elif word == b"BYBOX" and left >= 3:
            self.within_box(args[i + 1], args[i + 2], args[i + 3])
            size = 4
        elif word == b"BYPOLYGON" and left >= 2 and self.centre_word is None:
            corners = corner_arguments(args, i + 1)
            self.within_polygon(corners)
            size = 2 + len(corners)
        else:
            return 0
        self.shape_word = word
        return size

    def take_all(self, args: tuple, takers: tuple) -> None:
        """Take all options, each by the first of the methods `takers` that knows it.

        Raises:
            CommandError: nobody knows one, or an argument is wrong.
        """
        i = 0
        while i < len(args):
            for take in takers:
                taken = take(args, i)
                if taken:
                    break
            else:
                raise CommandError(errors.SYNTAX)
            i += taken

    def check(self, name: bytes, store_name: bytes) -> None:
        """Refuse what does not go together; `name`, as it was sent, and `store_name` are for the error texts.

        Raises:
            CommandError: something is missing, or too much.
        """
        if self.store is not None and self.wants_details():
            raise CommandError(errors.not_with_store(store_name))
        if self.centre_word is None and self.shape_word != b"BYPOLYGON":
            raise CommandError(errors.needs_centre(name))
        if self.shape_word is None:
            raise CommandError(errors.needs_shape(name))
        if self.is_any and not self.count:
            raise CommandError(errors.GEO_ANY_WITHOUT_COUNT)

    # Results

    def run(self) -> list[Found]:
        """What the shape holds, as many as asked for and in order."""
        if self.source is None or self.kind is None or self.centre is None:
            return []
        found = self.collect(self.kind(*self.centre, *self.measures), self.count if self.is_any else 0)
        # The nearest ones are meant where nothing is said of an order.
        order = self.order or (1 if self.count and not self.is_any else 0)
        if order:
            found.sort(key=by_distance, reverse=order < 0)
        return found[: self.count] if self.count else found

    def collect(self, shape: Shape, limit: cython.Py_ssize_t) -> list[Found]:
        """The members inside a shape, up to `limit` (0: all); none if its centre is beyond the map."""
        found: list[Found] = []
        member: bytes
        score: cython.double
        longitude: cython.double
        latitude: cython.double
        metres: cython.double
        if self.source is None or not is_position(shape.longitude, shape.latitude):
            return found
        for low, high in score_ranges(shape):
            start, stop = self.source.score_window(low, False, high, True)
            for member, score in self.source.pairs(start, stop - start):
                longitude, latitude = decode(score)
                metres = shape.distance_to(longitude, latitude)
                if metres != OUTSIDE:
                    found.append((member, score, metres))
                    if len(found) == limit:
                        return found
        return found

    def shown(self, one: Found):
        """A member with the details that were asked for."""
        member, score, metres = one
        if not self.wants_details():
            return member
        parts: list[Any] = [member]
        if self.with_distance:
            parts.append(format_distance(metres / self.unit))
        if self.with_hash:
            parts.append(int(score))
        if self.with_position:
            parts.append(coordinates(score))
        return parts

    def answer(self, db: Keyspace, event: bytes):
        """Run the search, and reply or store what it finds."""
        found = self.run()
        if self.store is None:
            return [self.shown(one) for one in found]
        if found:
            result = SortedSet(db.limits)
            result.fill({one[0]: one[2] / self.unit if self.stores_distance else one[1] for one in found})
            db.put(self.store, result, event)
        else:
            db.delete(self.store)
        return len(found)


def by_distance(one: Found) -> float:
    """The distance of a member that was found."""
    return one[2]


def coordinates(score: float):
    """The longitude and latitude of a score."""
    longitude: cython.double
    latitude: cython.double
    longitude, latitude = decode(score)
    return [Double(format_coordinate(longitude)), Double(format_coordinate(latitude))]


def at_least_one(text: bytes) -> int:
    """A count.

    Raises:
        CommandError: it is no integer, or not positive.
    """
    count = integer(text)
    if count <= 0:
        raise CommandError(errors.COUNT_OPTION_NOT_POSITIVE)
    return count


def corner_arguments(args: tuple, i: int) -> tuple[bytes, ...]:
    """The longitudes and latitudes of a polygon, whose number of corners stands at index `i`.

    Raises:
        CommandError: the number is wrong, or there are fewer.
    """
    count = parse_integer(args[i])
    if count is None or not INT32_MIN <= count <= INT32_MAX:
        raise CommandError(errors.GEO_CORNERS_INVALID)
    if count < LEAST_CORNERS or i + 2 * count >= len(args):
        raise CommandError(errors.GEO_CORNERS_TOO_FEW)
    return args[i + 1 : i + 1 + 2 * count]
