"""Positions, distances and searches beside what the reference answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.types import geo
from geventcache.types.geo import OUTSIDE, UNITS, Box, Circle, Polygon, Shape

POINTS = [
    (0, 0, 3377699720527872.0, b"0.00000268220901489", b"0.00000126736058093", b"s0000000000"),
    (13.361389, 38.115556, 3479099956230698.0, b"13.36138933897018433", b"38.11555639549629859", b"sqc8b49rny0"),
    (15.087269, 37.502669, 3479447370796909.0, b"15.08726745843887329", b"37.50266842333162032", b"sqdtr74hyu0"),
    (-122.4194155, 37.7749295, 1367859919124776.0, b"-122.41941779851913452", b"37.77493042721969374", b"9q8yyk8yuv0"),
    (139.691711, 35.689487, 4171231230197033.0, b"139.69171196222305298", b"35.68948605865241319", b"xn774c06kf0"),
    (179.9999, 10, 4134140898114999.0, b"179.99990075826644897", b"10.00000092823272979", b"xczbzuryjx0"),
    (-179.9999, 10, 1131741146535709.0, b"-179.99990075826644897", b"10.00000092823272979", b"81b0bh2n4r0"),
    (180, -85.05112878, 9007199254740992.0, b"180", b"-85.05112751263942528", b"00bh0hbj200"),
    (-180, 85.05112878, 4503599627370496.0, b"-179.99999731779098511", b"85.0511287799999991", b"bp05b5048p0"),
    (0.5, 85.05, 3753008960901676.0, b"0.49999862909317017", b"85.04999956172351006", b"up07g6uh4v0"),
    (-0.0001, -0.0001, 1125899906841058.0, b"-0.00009924173355103", b"-0.00010012148579364", b"7zzzzzzzmt0"),
    (25, -85, 2287164892412487.0, b"24.99999850988388062", b"-84.99999965213439168", b"h8cu2yhrn50"),
]
WORLD = [(0, b"0.0003"), (1, b"4454.7332"), (2, b"4449.6961"), (9, b"9459.8178"), (5, b"18908.4709")]
WORLD += [(4, b"14266.9002"), (11, b"9506.4552"), (6, b"18908.4709"), (3, b"12799.0272"), (10, b"0.0157")]
EUROPE = [(0, b"1809823.9604"), (1, b"2645368.7611"), (2, b"2640599.2563"), (10, b"1809838.1170")]

longitudes = st.floats(-180, 180)
latitudes = st.floats(-85.05112878, 85.05112878)


def position(index: int) -> tuple[float, float]:
    """Where a recorded point is, as its score says."""
    return geo.decode(POINTS[index][2])


@pytest.mark.parametrize(("longitude", "latitude", "score", "east", "north", "text"), POINTS)
def test_position_as_recorded(
    longitude: float, latitude: float, score: float, east: bytes, north: bytes, text: bytes
) -> None:
    """Score, coordinates and geohash are the reference's, at the edges of the world too."""
    assert geo.is_position(longitude, latitude)
    assert geo.encode(longitude, latitude) == score
    assert tuple(map(geo.format_coordinate, geo.decode(score))) == (east, north)
    assert geo.geohash(score) == text


@pytest.mark.parametrize(("longitude", "latitude"), [(180.01, 0), (-181, 0), (0, 85.06), (0, -90), (0, float("nan"))])
def test_not_a_position(longitude: float, latitude: float) -> None:
    """Beyond the date line, near the poles and nowhere there are no positions."""
    assert not geo.is_position(longitude, latitude)


@given(longitudes, latitudes)
def test_decoding_comes_back_close(longitude: float, latitude: float) -> None:
    """The middle of the cell is within a metre of what was encoded."""
    assert geo.distance(longitude, latitude, *geo.decode(geo.encode(longitude, latitude))) < 1


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 2, b"166274.1516"),
        (3, 4, b"8273044.5579"),
        (5, 6, b"21.7412"),
        (7, 8, b"18919844.5891"),
        (0, 10, b"15.9904"),
        (0, 0, b"0.0000"),
        (9, 8, b"1101004.3619"),
        (11, 7, b"1080282.9821"),
    ],
)
def test_distance_as_recorded(first: int, second: int, expected: bytes) -> None:
    """Distances are the reference's to the last decimal, across the date line too."""
    assert geo.format_distance(geo.distance(*position(first), *position(second))) == expected


@pytest.mark.parametrize(
    ("shape", "unit", "expected"),
    [
        (Circle(15, 37, 200, 1000.0), b"km", [(1, b"190.4424"), (2, b"56.4413")]),
        (Circle(179, 10, 300, 1000.0), b"km", [(5, b"109.5256"), (6, b"109.5474")]),
        (Circle(0, 0, 20000, 1000.0), b"km", WORLD),
        (Box(10, 85, 4000, 400, 1000.0), b"km", [(9, b"91.6973")]),
        (Box(-100, 40, 3000, 3000, 1609.34), b"mi", [(3, b"1212.5875")]),
        (Polygon([(-10, -10), (-10, 40), (20, 40), (20, -10)]), b"m", EUROPE),
        (Circle(0, 0, 0), b"m", []),
        (Circle(20, -85, 100000, 0.3048), b"ft", []),
    ],
)
def test_search_as_recorded(shape: Shape, unit: bytes, expected: list[tuple[int, bytes]]) -> None:
    """What is found, how far it is, and in which order."""
    found = []
    ordered = sorted((point[2], index) for index, point in enumerate(POINTS))
    for low, high in geo.score_ranges(shape):
        for score, index in ordered:
            metres = shape.distance_to(*geo.decode(score)) if low <= score < high else OUTSIDE
            if metres != OUTSIDE:
                found.append((index, geo.format_distance(metres / UNITS[unit])))
    assert found == expected


@given(
    st.floats(-180, 179.999),
    st.floats(-60, 60),
    st.floats(1, 3_000_000),
    st.floats(-180, 179.999),
    st.floats(-60, 60),
)
def test_ranges_miss_nothing_inside(
    longitude: float, latitude: float, radius: float, longitude_2: float, latitude_2: float
) -> None:
    """A position within the radius has a score within one of the ranges, and in one alone.

    What rounds to a longitude of 180 is beyond the last cell: the reference does not find it, nor what is around it.
    """
    shape = Circle(longitude, latitude, radius)
    score = geo.encode(longitude_2, latitude_2)
    if shape.distance_to(*geo.decode(score)) != OUTSIDE:
        assert sum(low <= score < high for low, high in geo.score_ranges(shape)) == 1


def test_polygon_is_hollow_where_it_is_hollow() -> None:
    """Only what is inside the border counts, not all within its bounds."""
    shape = Polygon([(0, 0), (10, 0), (10, 10), (5, 1), (0, 10)])
    assert shape.distance_to(5, 5) == OUTSIDE
    assert shape.distance_to(5, 0.5) != OUTSIDE
    assert shape.distance_to(1, 5) != OUTSIDE
