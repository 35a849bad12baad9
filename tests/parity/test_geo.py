"""The geospatial commands: scripts of replies and refusals, then random scripts over all of them."""

from __future__ import annotations

import random

import pytest

from . import strategies as s
from .machine import ParityMachine, run_machine
from .pair import Pair

SCRIPTS = {
    "adding": """
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        ZRANGE g 0 -1 WITHSCORES
        GEOADD g CH 13.5 38 Palermo 1 1 new
        GEOADD g NX 2 2 Palermo 3 3 newer
        GEOADD g XX 2 2 Palermo 3 3 newest
        GEOADD g NX CH 5 5 Palermo
        GEOADD g XX CH ch 6 6 Palermo
        GEOADD none XX 1 1 a
        EXISTS none
        GEOADD g NX XX 1 1 a
        GEOADD g NX 1 1
        GEOADD g NX 1 1 a b
        GEOADD g 1 1 a 2
        GEOADD g x 1 a
        GEOADD g 1 x a
        GEOADD g nan 1 a
        GEOADD g 181 1 a
        GEOADD g 1 86 a
        GEOADD g 180 85.05112878 corner -180 -85.05112878 other
        GEOADD g 1 1 a 181 1 b
        SET str v
        GEOADD str x 1 a
        GEOADD str 1 1 a
        ZRANGE g 0 -1 WITHSCORES
    """,
    "positions and distances": """
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 0 0 zero -0.1 -0.00001 near
        GEOPOS g Palermo none zero near
        GEOPOS g
        GEOPOS none a b
        GEOHASH g Palermo none zero
        GEOHASH g
        GEOHASH none a b
        GEODIST g Palermo Catania
        GEODIST g Palermo Catania KM
        GEODIST g Palermo Catania mi
        GEODIST g Palermo Palermo ft
        GEODIST g zero near
        GEODIST g Palermo none
        GEODIST none a b
        GEODIST g Palermo Catania foo
        GEODIST none a b foo
        GEODIST g Palermo Catania m x
        ZADD g 0.5 fraction -1 negative
        GEOPOS g fraction negative
        GEOHASH g fraction negative
        SET str v
        GEOPOS str a
        GEOHASH str a
        GEODIST str a b
        GEODIST str a b foo
    """,
    "by radius": """
        GEOADD g 1 1 a 1.5 1 b 2 2 c
        GEORADIUS g 1 1 100 km
        GEORADIUS g 1 1 200 km WITHDIST WITHHASH WITHCOORD
        GEORADIUS g 1 1 200 MI WITHDIST DESC COUNT 2
        GEORADIUS g 1 1 200 km COUNT 1
        GEORADIUS g 1 1 200 km COUNT 1 ANY
        GEORADIUS g 1 1 0 m
        GEORADIUS g 1 1 1e300 km ASC
        GEORADIUS g 1 1 x km
        GEORADIUS g 1 1 -1 km
        GEORADIUS g 1 1 nan km
        GEORADIUS g 1 1 1 foo
        GEORADIUS g x 1 1 foo
        GEORADIUS g 181 1 1 foo
        GEORADIUS none 181 1 1 foo
        GEORADIUS g 1 1 100 km COUNT
        GEORADIUS g 1 1 100 km COUNT 0
        GEORADIUS g 1 1 100 km COUNT x
        GEORADIUS g 1 1 100 km ANY
        GEORADIUS g 1 1 100 km FOO
        GEORADIUS none 1 1 100 km FOO
        GEORADIUS none 1 1 100 km
        GEORADIUS g 1 1 200 km STORE
        GEORADIUS g 1 1 200 km STORE d WITHDIST
        GEORADIUS g 1 1 200 km STORE d STOREDIST e
        EXISTS d
        ZRANGE e 0 -1 WITHSCORES
        GEORADIUS g 1 1 200 km STOREDIST e STORE d COUNT 2
        ZRANGE d 0 -1 WITHSCORES
        GEORADIUS none 1 1 100 km STORE d
        EXISTS d
        GEORADIUS_RO g 1 1 100 km ASC
        GEORADIUS_RO g 1 1 100 km STORE d
        GEORADIUSBYMEMBER g a 100 km WITHDIST
        GEORADIUSBYMEMBER g none x foo foo
        GEORADIUSBYMEMBER none a x foo foo
        GEORADIUSBYMEMBER none a x foo
        GEORADIUSBYMEMBER g a x foo
        GEORADIUSBYMEMBER g a 300 km STORE d
        ZRANGE d 0 -1
        GEORADIUSBYMEMBER_RO g a 300 km DESC
        GEORADIUSBYMEMBER_RO g a 300 km STORE d
        SET str v
        GEORADIUS str x 1 1 foo
        GEORADIUS g 1 1 200 km STORE str
        TYPE str
    """,
    "searching": """
        GEOADD g 1 1 a 1.5 1 b 2 2 c
        GEOSEARCH g FROMMEMBER a BYRADIUS 100 km ASC WITHDIST
        GEOSEARCH g FROMLONLAT 1.2 1.2 BYBOX 100 200 km DESC WITHDIST WITHCOORD
        GEOSEARCH g FROMMEMBER a BYBOX 0 0 m
        GEOSEARCH g BYPOLYGON 3 0 0 3 0 1 3 WITHDIST WITHHASH
        GEOSEARCH g BYPOLYGON 4 0 0 3 0 3 3 0 3 COUNT 2 DESC
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 km BYBOX 1 1 km
        GEOSEARCH g FROMMEMBER a BYBOX 1 1 km BYRADIUS 1 km
        GEOSEARCH g FROMMEMBER a FROMLONLAT 1 1 BYRADIUS 1 km
        GEOSEARCH g FROMMEMBER a FROMMEMBER b BYRADIUS 1 km
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 km BYRADIUS 200 km
        GEOSEARCH g FROMMEMBER none BYRADIUS 1 km
        GEOSEARCH none FROMMEMBER none BYRADIUS 1 km
        GEOSEARCH none FROMMEMBER none BYRADIUS x km
        GEOSEARCH g FROMMEMBER a BYRADIUS x km
        GEOSEARCH g FROMMEMBER a BYRADIUS -1 km
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 foo
        GEOSEARCH g FROMMEMBER a BYBOX -1 1 km
        GEOSEARCH g FROMMEMBER a BYBOX 1 x km
        GEOSEARCH g FROMMEMBER a BYBOX x 1 km
        GEOSEARCH g FROMMEMBER a BYBOX 1 1 foo
        GEOSEARCH g FROMMEMBER a ASC ASC DESC
        GEOSEARCH g BYRADIUS 1 km ASC ASC DESC
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 km STORE d
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 km STOREDIST
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 km ANY
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 km COUNT 1 ANY WITHDIST WITHDIST
        GEOSEARCH g BYPOLYGON 3 0 0 0 3 3
        GEOSEARCH g BYPOLYGON 2 0 0 0 3
        GEOSEARCH g BYPOLYGON x 0 0 0 3
        GEOSEARCH g BYPOLYGON -1 0 0 0 3
        GEOSEARCH g BYPOLYGON 2147483647 0 0 0 3
        GEOSEARCH g BYPOLYGON 2147483648 0 0 0 3
        GEOSEARCH g BYPOLYGON 3 0 0 0 3 3 x
        GEOSEARCH g BYPOLYGON 3 0 0 0 3 300 1
        GEOSEARCH g BYPOLYGON 3 0 0 0 3 3 3 BYRADIUS 1 km
        GEOSEARCH g BYRADIUS 1 km BYPOLYGON 3 0 0 0 3 3 3
        GEOSEARCH g BYPOLYGON 3 0 0 0 3 3 3 FROMLONLAT 1 1
        GEOSEARCH g FROMLONLAT 1 1 BYPOLYGON 3 0 0 0 3 3 3
        GEOSEARCH none BYPOLYGON 3 0 0 0 3 3 3 WITHDIST
        GEOSEARCH g ASC DESC ASC BYPOLYGON 3
        GEOSEARCH g ASC DESC ASC BYPOLYGON 3 0
        GEOSEARCHSTORE d g FROMMEMBER a BYRADIUS 200 km WITHDIST
        GEOSEARCHSTORE d g FROMMEMBER a BYRADIUS 200 km STOREDIST
        ZRANGE d 0 -1 WITHSCORES
        GEOSEARCHSTORE d g FROMMEMBER a BYBOX 200 200 mi STOREDIST STOREDIST
        ZRANGE d 0 -1 WITHSCORES
        GEOSEARCHSTORE d g BYPOLYGON 3 0 0 3 0 1 3
        ZRANGE d 0 -1 WITHSCORES
        GEOSEARCHSTORE d none FROMMEMBER a BYRADIUS 1 km
        EXISTS d
        GEOSEARCHSTORE g g FROMMEMBER a BYRADIUS 60 km
        ZRANGE g 0 -1
        SET str v
        GEOSEARCHSTORE d str FROMMEMBER a BYRADIUS 1 km
        GEOSEARCH str FOO FOO FOO FOO FOO
        GEOSEARCHSTORE str g FROMLONLAT 50 50 BYRADIUS 1 km
        EXISTS str
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_geo_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


def test_searches_all_over_the_world(resp2_pair: Pair) -> None:
    """Searches of all sizes find the same members in the same order, also at the date line and near the poles."""
    pair, draw = resp2_pair, random.Random(7)
    for first in range(0, 2000, 100):
        members = [(draw.uniform(-180, 180), draw.uniform(-85, 85), f"m{first + n}") for n in range(100)]
        pair.do("GEOADD", "g", *(part for member in members for part in member))
    for _ in range(150):
        centre = (draw.choice((-179.9, 179.9, draw.uniform(-180, 180))), draw.choice((85, -85, draw.uniform(-85, 85))))
        size = 10 ** draw.uniform(0, 4.4)
        pair.do("GEOSEARCH", "g", "FROMLONLAT", *centre, "BYRADIUS", size, "km", "WITHDIST")
        pair.do("GEOSEARCH", "g", "FROMLONLAT", *centre, "BYBOX", size, size * draw.uniform(0.1, 3), "km")
        pair.do("GEOSEARCH", "g", "FROMLONLAT", *centre, "BYRADIUS", size, "km", "COUNT", 3, "ANY")
        pair.do("GEOSEARCH", "g", "FROMMEMBER", f"m{draw.randrange(2000)}", "BYRADIUS", size, "mi", "COUNT", 5)
        corners = [draw.uniform(low, -low) for _ in range(5) for low in (-180, -85)]
        pair.do("GEOSEARCH", "g", "BYPOLYGON", 5, *corners, "ASC", "WITHDIST")


longitude = s.flag("0", "1", "1.5", "13.361389", "-0.00001", "179.99999", "-180", "180", "181", "x")
latitude = s.flag("0", "1", "-1.25", "38.115556", "85.05112878", "-85", "86", "nan")
member = s.flag("a", "b", "c", "d", "e", "missing")
unit = s.flag("m", "km", "km", "MI", "ft", "yd")
size = s.flag("0", "1", "100", "500.5", "20000", "-1", "x", "1e10")
detail = s.one_of(
    s.flag("WITHDIST", "WITHCOORD", "WITHHASH"), s.flag("ASC", "DESC"), ["COUNT", s.count, s.maybe("ANY")], "ANY"
)
centre = s.one_of(["FROMMEMBER", member], ["FROMLONLAT", longitude, latitude], ["FROMLONLAT", "1", "1"])
area = s.one_of(
    ["BYRADIUS", size, unit],
    ["BYBOX", size, size, unit],
    ["BYPOLYGON", s.flag("3", "3", "2", "4"), "0", "0", "20", "0", "1", "40"],
)
search = s.one_of([centre, area], [centre, area], ["BYPOLYGON", "3", "-1", "-1", "20", "0", "1", "40"])
store = s.one_of(detail, ["STORE", s.any_key], ["STOREDIST", s.any_key])


class GeoMachine(ParityMachine):
    """All geospatial commands, and a few of sorted sets that change the same keys."""

    beginning = (("GEOADD", "k1", 1, 1, "a", 1.5, 1, "b"), ("GEOADD", "k2", 13.361389, 38.115556, "c", 0, 0, "a"))
    commands = (
        (
            "GEOADD",
            s.any_key,
            s.options(s.flag("NX", "XX", "CH"), most=2),
            s.many(longitude, latitude, s.one_of(member, s.word), most=3),
        ),
        ("GEOADD", s.key, "1.25", latitude, member),
        ("GEODIST", s.any_key, member, member, s.maybe(unit)),
        ("GEOHASH", s.any_key, s.many(member, least=0)),
        ("GEOPOS", s.any_key, s.many(member, least=0)),
        ("GEORADIUS", s.any_key, longitude, latitude, size, unit, s.options(store)),
        ("GEORADIUS", s.key, "1", "1", "500", "km", s.options(store)),
        ("GEORADIUS_RO", s.any_key, longitude, latitude, size, unit, s.options(detail)),
        ("GEORADIUSBYMEMBER", s.any_key, member, size, unit, s.options(store)),
        ("GEORADIUSBYMEMBER_RO", s.any_key, member, size, unit, s.options(detail)),
        ("GEOSEARCH", s.any_key, search, s.options(detail)),
        ("GEOSEARCHSTORE", s.any_key, s.any_key, search, s.options(detail, "STOREDIST", most=2)),
        ("ZREM", s.key, member),
        ("DEL", s.key),
    )


def test_geo_in_step(pair: Pair) -> None:
    """Random scripts of geospatial commands leave both servers with the same replies and the same data."""
    run_machine(GeoMachine, pair)


def test_geo_events(pair: Pair) -> None:
    """Each geospatial command publishes the reference's keyspace events, in its order."""
    if not pair.has("psubscribe"):
        pytest.skip("the subject has no PSUBSCRIBE")
    run_machine(GeoMachine, pair, events="KEAn")
