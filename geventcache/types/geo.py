"""Positions on the globe as scores of a sorted set, and searching for those inside a shape.

A position is a cell of a grid: each axis is halved 26 times, and the bits of the two numbers alternate, longitude
first. Cells close to each other mostly share leading bits, so an area is a few ranges of scores: the cell of a coarser
grid that holds the centre of the search, and its eight neighbours. What these ranges hold is then measured one by one.

Longitudes and latitudes are degrees, distances metres on a sphere. Formulas are evaluated in the reference's order of
operations, because clients see the last digit, and areas are searched in its order, because replies are in that order.
"""

import math

import cython

from geventcache.base import native

Position = tuple[float, float]
Range = tuple[float, float]
Move = tuple[int, int]

MAX_STEP = 26
MAX_LONGITUDE = 180.0
MAX_LATITUDE = 85.05112878
FULL_LATITUDE = 90.0
EARTH_RADIUS = 6372797.560856
HALF_EQUATOR = 20037726.37
RADIANS = 3.14159265358979323846 / 180.0
SAME_LONGITUDE = 1e-15
OUTSIDE = -1.0
UNITS = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}
ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"
GEOHASH_DIGITS = 10
NEIGHBOURS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))

SPREAD_32 = 0x00000000FFFFFFFF
SPREAD_16 = 0x0000FFFF0000FFFF
SPREAD_8 = 0x00FF00FF00FF00FF
SPREAD_4 = 0x0F0F0F0F0F0F0F0F
SPREAD_2 = 0x3333333333333333
SPREAD_1 = 0x5555555555555555


# Cells


def spread(number: cython.ulonglong) -> cython.ulonglong:
    """A 32-bit number with a zero bit in front of each of its bits."""
    number = (number | number << 16) & SPREAD_16
    number = (number | number << 8) & SPREAD_8
    number = (number | number << 4) & SPREAD_4
    number = (number | number << 2) & SPREAD_2
    return (number | number << 1) & SPREAD_1


def gather(number: cython.ulonglong) -> cython.ulonglong:
    """Every second bit of a number, the lowest one first: the opposite of `spread`."""
    number &= SPREAD_1
    number = (number | number >> 1) & SPREAD_2
    number = (number | number >> 2) & SPREAD_4
    number = (number | number >> 4) & SPREAD_8
    number = (number | number >> 8) & SPREAD_16
    return (number | number >> 16) & SPREAD_32


@cython.cdivision(True)
def cell_of(degrees: cython.double, limit: cython.double, step: cython.int) -> cython.ulonglong:
    """The number of the cell that holds a coordinate between -limit and limit, on an axis halved `step` times."""
    return cython.cast(cython.ulonglong, (degrees + limit) / (limit + limit) * (1 << step))


@cython.cdivision(True)
def edge_of(cell: cython.longlong, limit: cython.double, step: cython.int) -> cython.double:
    """The coordinate at which a cell begins."""
    cells: cython.double = 1 << step
    return cell / cells * (limit + limit) - limit


def centre_of(cell: cython.longlong, limit: cython.double) -> cython.double:
    """The coordinate in the middle of a cell of the finest grid."""
    centre: cython.double = (edge_of(cell, limit, MAX_STEP) + edge_of(cell + 1, limit, MAX_STEP)) / 2
    return min(max(centre, -limit), limit)


def is_position(longitude: cython.double, latitude: cython.double) -> cython.bint:
    """Tell whether a position can be encoded; the poles cannot."""
    return -MAX_LONGITUDE <= longitude <= MAX_LONGITUDE and -MAX_LATITUDE <= latitude <= MAX_LATITUDE


def encode(longitude: cython.double, latitude: cython.double) -> cython.double:
    """The score of a position; a whole number, rounded to a double where the longitude is 180."""
    x: cython.ulonglong = cell_of(longitude, MAX_LONGITUDE, MAX_STEP)
    y: cython.ulonglong = cell_of(latitude, MAX_LATITUDE, MAX_STEP)
    return float(spread(x) << 1 | spread(y))


def decode(score: cython.double) -> Position:
    """The longitude and latitude in the middle of a score's cell."""
    bits: cython.ulonglong = int(score)
    return centre_of(gather(bits >> 1), MAX_LONGITUDE), centre_of(gather(bits), MAX_LATITUDE)


def geohash(score: cython.double) -> bytes:
    """The position of a score as a standard geohash of eleven characters, the last of which is always a zero."""
    longitude, latitude = decode(score)
    x: cython.ulonglong = cell_of(longitude, MAX_LONGITUDE, MAX_STEP)
    y: cython.ulonglong = cell_of(latitude, FULL_LATITUDE, MAX_STEP)
    bits: cython.ulonglong = spread(x) << 1 | spread(y)
    digits = [ALPHABET[bits >> (2 * MAX_STEP - 5 * i) & 31] for i in range(1, GEOHASH_DIGITS + 1)]
    return bytes(digits) + ALPHABET[:1]


# Distances


def distance(
    longitude: cython.double, latitude: cython.double, longitude_2: cython.double, latitude_2: cython.double
) -> cython.double:
    """Metres from one position to another, by the haversine formula."""
    v: cython.double = math.sin((longitude_2 * RADIANS - longitude * RADIANS) / 2)
    if math.fabs(v) <= SAME_LONGITUDE:
        return latitude_distance(latitude, latitude_2)
    phi: cython.double = latitude * RADIANS
    phi_2: cython.double = latitude_2 * RADIANS
    u: cython.double = math.sin((phi_2 - phi) / 2)
    return 2.0 * EARTH_RADIUS * math.asin(math.sqrt(u * u + math.cos(phi) * math.cos(phi_2) * v * v))


def latitude_distance(latitude: cython.double, latitude_2: cython.double) -> cython.double:
    """Metres from one latitude to another."""
    return EARTH_RADIUS * math.fabs(latitude_2 * RADIANS - latitude * RADIANS)


def format_distance(value: cython.double) -> bytes:
    """A distance with four decimals."""
    scaled: cython.longlong = native.nearest(value * 10000)
    return f"{scaled // 10000}.{scaled % 10000:04d}".encode("ascii")


def format_coordinate(value: cython.double) -> bytes:
    """A coordinate with up to 17 decimals."""
    text = (b"%.17f" % value).rstrip(b"0").rstrip(b".")
    return b"0" if text == b"-0" else text


# Shapes


class Shape:
    """An area to search.

    Attributes:
        longitude, latitude: its centre, from which distances are measured.
        west, south, east, north: degrees within which it lies.
        reach: metres from the centre to its farthest point, or so.
    """

    def __init__(self) -> None:
        self.longitude = self.latitude = 0.0
        self.west = self.south = self.east = self.north = 0.0
        self.reach = 0.0

    def distance_to(self, longitude: cython.double, latitude: cython.double) -> cython.double:
        """Metres from the centre to a position inside; OUTSIDE for any other."""
        raise NotImplementedError

    def bound(self, half_width: cython.double, half_height: cython.double) -> None:
        """Set the degrees of a shape that extends so many metres to each side."""
        tall: cython.double = half_height / EARTH_RADIUS / RADIANS
        self.south = self.latitude - tall
        self.north = self.latitude + tall
        # A degree of longitude is shortest at the edge that is nearer to a pole.
        edge: cython.double = self.south if self.latitude < 0 else self.north
        wide: cython.double = half_width / EARTH_RADIUS / math.cos(edge * RADIANS) / RADIANS
        self.west = self.longitude - wide
        self.east = self.longitude + wide


class Circle(Shape):
    """What lies within a radius, given in a unit of so many metres."""

    def __init__(
        self, longitude: cython.double, latitude: cython.double, radius: cython.double, unit: cython.double = 1.0
    ) -> None:
        super().__init__()
        self.longitude = longitude
        self.latitude = latitude
        self.reach = radius * unit
        self.bound(self.reach, self.reach)

    def distance_to(self, longitude: cython.double, latitude: cython.double) -> cython.double:
        """Metres from the centre to a position inside; OUTSIDE for any other."""
        metres: cython.double = distance(self.longitude, self.latitude, longitude, latitude)
        return OUTSIDE if metres > self.reach else metres


class Box(Shape):
    """What lies within a box whose sides follow the axes, given in a unit of so many metres."""

    def __init__(
        self,
        longitude: cython.double,
        latitude: cython.double,
        width: cython.double,
        height: cython.double,
        unit: cython.double = 1.0,
    ) -> None:
        super().__init__()
        self.longitude = longitude
        self.latitude = latitude
        self.half_width = width * unit / 2
        self.half_height = height * unit / 2
        self.reach = math.sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2)) * unit
        self.bound(self.half_width, self.half_height)

    def distance_to(self, longitude: cython.double, latitude: cython.double) -> cython.double:
        """Metres from the centre to a position inside; OUTSIDE for any other."""
        if latitude_distance(latitude, self.latitude) > self.half_height:
            return OUTSIDE
        if distance(longitude, latitude, self.longitude, latitude) > self.half_width:
            return OUTSIDE
        return distance(self.longitude, self.latitude, longitude, latitude)


class Polygon(Shape):
    """What lies within a polygon of (longitude, latitude) corners; its centre is their mean on the sphere."""

    def __init__(self, corners: list[Position]) -> None:
        super().__init__()
        self.corners = corners
        longitudes = [corner[0] for corner in corners]
        latitudes = [corner[1] for corner in corners]
        self.west = min(longitudes)
        self.east = max(longitudes)
        self.south = min(latitudes)
        self.north = max(latitudes)
        self.find_centre()
        self.reach = max(
            distance(self.longitude, self.latitude, longitude, latitude)
            for longitude in (self.west, self.east)
            for latitude in (self.north, self.south)
        )

    def find_centre(self) -> None:
        """Set the centre: the direction of the sum of all corners as vectors from the middle of the earth."""
        x: cython.double = 0.0
        y: cython.double = 0.0
        z: cython.double = 0.0
        for longitude, latitude in self.corners:
            ring: cython.double = math.cos(latitude * RADIANS)
            x += ring * math.cos(longitude * RADIANS)
            y += ring * math.sin(longitude * RADIANS)
            z += math.sin(latitude * RADIANS)
        self.longitude = math.atan2(y, x) / RADIANS
        self.latitude = math.atan2(z, math.sqrt(x * x + y * y)) / RADIANS

    def distance_to(self, longitude: cython.double, latitude: cython.double) -> cython.double:
        """Metres from the centre to a position inside; OUTSIDE for any other."""
        if not self.surrounds(longitude, latitude):
            return OUTSIDE
        return distance(self.longitude, self.latitude, longitude, latitude)

    def surrounds(self, longitude: cython.double, latitude: cython.double) -> cython.bint:
        """Tell whether a line from a position to the east crosses the border an odd number of times."""
        is_inside: cython.bint = False
        corner_x: cython.double
        corner_y: cython.double
        before_x: cython.double
        before_y: cython.double
        before_x, before_y = self.corners[len(self.corners) - 1]
        for corner_x, corner_y in self.corners:
            if (corner_y > latitude) != (before_y > latitude):
                crossing = (before_x - corner_x) * (latitude - corner_y) / (before_y - corner_y) + corner_x
                if longitude < crossing:
                    is_inside = not is_inside
            before_x = corner_x
            before_y = corner_y
        return is_inside


# Searching


def step_for(reach: cython.double, latitude: cython.double) -> cython.int:
    """How often to halve the axes so that a cell and its neighbours cover a shape."""
    if reach == 0:
        return MAX_STEP
    step: cython.int = -1
    while reach < HALF_EQUATOR:
        reach *= 2
        step += 1
    # Cells are narrow near the poles.
    if math.fabs(latitude) > 66:
        step -= 1
    if math.fabs(latitude) > 80:
        step -= 1
    return min(max(step, 1), MAX_STEP)


def moved(cell: cython.ulonglong, by: cython.int, step: cython.int) -> cython.ulonglong:
    """The cell next to another, round the world if need be."""
    return (cell + by) & ((1 << step) - 1) if by else cell


def is_covered(shape: Shape, x: cython.ulonglong, y: cython.ulonglong, step: cython.int) -> cython.bint:
    """Tell whether the neighbours of a cell reach as far as a shape in each direction."""
    return (
        edge_of(moved(y, 1, step) + 1, MAX_LATITUDE, step) >= shape.north
        and edge_of(moved(y, -1, step), MAX_LATITUDE, step) <= shape.south
        and edge_of(moved(x, 1, step) + 1, MAX_LONGITUDE, step) >= shape.east
        and edge_of(moved(x, -1, step), MAX_LONGITUDE, step) <= shape.west
    )


def useful_moves(shape: Shape, x: cython.ulonglong, y: cython.ulonglong, step: cython.int) -> list[Move]:
    """Which neighbours of a cell a shape extends into; all of them on the coarsest grid."""
    if step < 2:
        return list(NEIGHBOURS)
    barred_x = set()
    barred_y = set()
    if edge_of(x, MAX_LONGITUDE, step) < shape.west:
        barred_x.add(-1)
    if edge_of(x + 1, MAX_LONGITUDE, step) > shape.east:
        barred_x.add(1)
    if edge_of(y, MAX_LATITUDE, step) < shape.south:
        barred_y.add(-1)
    if edge_of(y + 1, MAX_LATITUDE, step) > shape.north:
        barred_y.add(1)
    return [move for move in NEIGHBOURS if move[0] not in barred_x and move[1] not in barred_y]


def score_ranges(shape: Shape) -> list[Range]:
    """The ranges of scores, the second of each excluded, that hold what is in a shape, in the order of searching."""
    step: cython.int = step_for(shape.reach, shape.latitude)
    x: cython.ulonglong = cell_of(shape.longitude, MAX_LONGITUDE, step)
    y: cython.ulonglong = cell_of(shape.latitude, MAX_LATITUDE, step)
    if step > 1 and not is_covered(shape, x, y, step):
        step -= 1
        x = cell_of(shape.longitude, MAX_LONGITUDE, step)
        y = cell_of(shape.latitude, MAX_LATITUDE, step)
    shift = 2 * (MAX_STEP - step)
    ranges: list[Range] = []
    for move_x, move_y in useful_moves(shape, x, y, step):
        bits = spread(moved(x, move_x, step)) << 1 | spread(moved(y, move_y, step))
        found = (float(bits << shift), float((bits + 1) << shift))
        if not ranges or ranges[-1] != found:
            ranges.append(found)
    return ranges
