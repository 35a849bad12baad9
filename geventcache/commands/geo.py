"""Geospatial indexes: sorted sets whose scores are positions."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.command.declaration import command
from geventcache.command.geo_search import METRE, Search, coordinates, position, unit
from geventcache.command.keyspecs import after, at
from geventcache.resp.values import NULL_ARRAY
from geventcache.services.clients import Client
from geventcache.store.keyspace import Keyspace
from geventcache.types.geo import decode, distance, encode, format_distance
from geventcache.types.geo import geohash as geohash_text
from geventcache.types.sorted_sets import SortedSet

ZADD = event(b"zadd", "z")
RADIUS_STORE = event(b"georadiusstore", "z")
SEARCH_STORE = event(b"geosearchstore", "z")
OPTIONS = (b"NX", b"XX", b"CH")


def score_of(longitude: bytes, latitude: bytes) -> float:
    """The score of a position.

    Raises:
        CommandError: it is none.
    """
    x, y = position(longitude, latitude)
    return encode(x, y)


@command(
    "GEOADD",
    "geo",
    arity=-5,
    flags="write denyoom",
    keys=[at(1, "RW update")],
    since="3.2.0",
    complexity="O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    args="key#0 condition(NX | XX)@6.2.0? CH=change:token@6.2.0? data{longitude:double latitude:double member}*",
    history=[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
)
def geoadd(ctx: Client, key: bytes, first: bytes, second: bytes, third: bytes, *others: bytes):
    """Adds one or more members to a geospatial index. The key is created if it doesn't exist."""
    if not others and first.upper() not in OPTIONS:
        score = score_of(first, second)
        target: SortedSet = ctx.db.edit_or_create(key, SortedSet, ZADD)
        return 1 if target.add(third, score) == 1 else 0
    return add_positions(ctx, key, (first, second, third, *others))


def add_positions(ctx: Client, key: bytes, args: tuple):
    """GEOADD with options or several positions."""
    db: Keyspace = ctx.db
    is_nx, is_xx, is_ch, start = add_options(args)
    if (len(args) - start) % 3 or (is_nx and is_xx):
        raise CommandError(errors.SYNTAX)
    pairs = [(args[i + 2], score_of(args[i], args[i + 1])) for i in range(start, len(args), 3)]
    target: SortedSet = db.edit(key, SortedSet, ZADD) if is_xx else db.edit_or_create(key, SortedSet, ZADD)
    if target is None:
        return 0
    target.expect(len(pairs), max([len(pair[0]) for pair in pairs]))
    added, updated = 0, 0
    for member, score in pairs:
        is_there = target.score(member) is not None
        if is_there if is_nx else is_xx and not is_there:
            continue
        outcome = target.add(member, score)
        added += outcome == 1
        updated += outcome == 0
    return added + updated if is_ch else added


def add_options(args: tuple):
    """Whether NX, XX and CH stand before the positions of GEOADD, and how many arguments they are."""
    given = set()
    i = 0
    while i < len(args) and args[i].upper() in OPTIONS:
        given.add(args[i].upper())
        i += 1
    return b"NX" in given, b"XX" in given, b"CH" in given, i


@command(
    "GEODIST",
    "geo",
    arity=-4,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="3.2.0",
    complexity="O(1)",
    args="key#0 member1 member2 unit(M | KM | FT | MI)?",
)
def geodist(ctx: Client, key: bytes, member: bytes, other: bytes, *unit_name: bytes):
    """Returns the distance between two members of a geospatial index."""
    if len(unit_name) > 1:
        raise CommandError(errors.SYNTAX)
    metres = unit(unit_name[0]) if unit_name else METRE
    source: SortedSet = ctx.db.read_container(key, SortedSet)
    if source is None:
        return None
    first, second = source.score(member), source.score(other)
    if first is None or second is None:
        return None
    longitude, latitude = decode(first)
    other_longitude, other_latitude = decode(second)
    return format_distance(distance(longitude, latitude, other_longitude, other_latitude) / metres)


@command(
    "GEOHASH",
    "geo",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="3.2.0",
    complexity="O(1) for each member requested.",
    args="key#0 member?*",
)
def geohash(ctx: Client, key: bytes, *members: bytes):
    """Returns members from a geospatial index as geohash strings."""
    return [None if score is None else geohash_text(score) for score in scores(ctx, key, members)]


@command(
    "GEOPOS",
    "geo",
    arity=-2,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="3.2.0",
    complexity="O(1) for each member requested.",
    args="key#0 member?*",
)
def geopos(ctx: Client, key: bytes, *members: bytes):
    """Returns the longitude and latitude of members from a geospatial index."""
    return [NULL_ARRAY if score is None else coordinates(score) for score in scores(ctx, key, members)]


def scores(ctx: Client, key: bytes, members: tuple):
    """The scores of members, None for those that are missing."""
    source: SortedSet = ctx.db.read_container(key, SortedSet)
    return [None if source is None else source.score(member) for member in members]


def store_positions(args: list[bytes], start: int) -> list[int]:
    """The keys of GEORADIUS: the source, and what the last STORE or STOREDIST from `start` on names."""
    found = [1]
    for i in range(start, len(args) - 1):
        if args[i].upper() in (b"STORE", b"STOREDIST"):
            found[1:] = [i + 1]
    return found


def georadius_keys(args: list[bytes]) -> list[int]:
    """Where GEORADIUS has its keys."""
    return store_positions(args, 6)


def georadiusbymember_keys(args: list[bytes]) -> list[int]:
    """Where GEORADIUSBYMEMBER has its keys."""
    return store_positions(args, 5)


def around_position(ctx: Client, key: bytes, args: tuple, is_storing: bool):
    """GEORADIUS; `args` are longitude, latitude, radius, unit and options."""
    search = Search(ctx.db.read_container(key, SortedSet))
    search.centre = position(args[0], args[1])
    return around(ctx, search, args[2:], is_storing)


def around_member(ctx: Client, key: bytes, args: tuple, is_storing: bool):
    """GEORADIUSBYMEMBER; `args` are member, radius, unit and options."""
    search = Search(ctx.db.read_container(key, SortedSet))
    search.centre_at_member(args[0])
    return around(ctx, search, args[1:], is_storing)


def around(ctx: Client, search: Search, args: tuple, is_storing: bool):
    """The rest of both: radius, unit and options."""
    if search.source is not None or search.centre is not None:
        search.within_radius(args[0], args[1])
    search.centre_word = b"FROMLONLAT"
    search.shape_word = b"BYRADIUS"
    search.take_all(args[2:], (search.take_detail, search.take_store) if is_storing else (search.take_detail,))
    search.check(b"GEORADIUS", b"STORE option in GEORADIUS")
    return search.answer(ctx.db, RADIUS_STORE)


@command(
    "GEORADIUS",
    "geo",
    arity=-6,
    flags="write denyoom",
    keys=[
        at(1, "RO access"),
        after("STORE", 6, "OW update variable_flags"),
        after("STOREDIST", 6, "OW update variable_flags"),
    ],
    since="3.2.0",
    complexity=(
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by "
        "center and radius and M is the number of items inside the index."
    ),
    args=(
        "key#0 longitude:double latitude:double radius:double unit(M | KM | FT | MI) WITHCOORD? WITHDIST? WITHHASH? "
        "count-block{COUNT=count:integer ANY@6.2.0?}? order(ASC | DESC)? store(STORE=storekey#1'key' | "
        "STOREDIST=storedistkey#2'key')?"
    ),
    history=[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Added support for uppercase unit names.")],
    find_keys=georadius_keys,
)
def georadius(
    ctx: Client, key: bytes, longitude: bytes, latitude: bytes, length: bytes, unit_name: bytes, *args: bytes
):
    """Queries a geospatial index for members within a distance from a coordinate, optionally stores the result."""
    return around_position(ctx, key, (longitude, latitude, length, unit_name, *args), True)


@command(
    "GEORADIUS_RO",
    "geo",
    arity=-6,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="3.2.10",
    complexity=(
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by "
        "center and radius and M is the number of items inside the index."
    ),
    args=(
        "key#0 longitude:double latitude:double radius:double unit(M | KM | FT | MI) WITHCOORD? WITHDIST? WITHHASH? "
        "count-block{COUNT=count:integer ANY@6.2.0?}? order(ASC | DESC)?"
    ),
    history=[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Added support for uppercase unit names.")],
)
def georadius_ro(
    ctx: Client, key: bytes, longitude: bytes, latitude: bytes, length: bytes, unit_name: bytes, *args: bytes
):
    """Returns members from a geospatial index that are within a distance from a coordinate."""
    return around_position(ctx, key, (longitude, latitude, length, unit_name, *args), False)


@command(
    "GEORADIUSBYMEMBER",
    "geo",
    arity=-5,
    flags="write denyoom",
    keys=[
        at(1, "RO access"),
        after("STORE", 5, "OW update variable_flags"),
        after("STOREDIST", 5, "OW update variable_flags"),
    ],
    since="3.2.0",
    complexity=(
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by "
        "center and radius and M is the number of items inside the index."
    ),
    args=(
        "key#0 member radius:double unit(M | KM | FT | MI) WITHCOORD? WITHDIST? WITHHASH? "
        "count-block{COUNT=count:integer ANY?}? order(ASC | DESC)? store(STORE=storekey#1'key' | "
        "STOREDIST=storedistkey#2'key')?"
    ),
    history=[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Added support for uppercase unit names.")],
    find_keys=georadiusbymember_keys,
)
def georadiusbymember(ctx: Client, key: bytes, member: bytes, length: bytes, unit_name: bytes, *args: bytes):
    """Queries a geospatial index for members within a distance from a member, optionally stores the result."""
    return around_member(ctx, key, (member, length, unit_name, *args), True)


@command(
    "GEORADIUSBYMEMBER_RO",
    "geo",
    arity=-5,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="3.2.10",
    complexity=(
        "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by "
        "center and radius and M is the number of items inside the index."
    ),
    args=(
        "key#0 member radius:double unit(M | KM | FT | MI) WITHCOORD? WITHDIST? WITHHASH? "
        "count-block{COUNT=count:integer ANY?}? order(ASC | DESC)?"
    ),
    history=[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Added support for uppercase unit names.")],
)
def georadiusbymember_ro(ctx: Client, key: bytes, member: bytes, length: bytes, unit_name: bytes, *args: bytes):
    """Returns members from a geospatial index that are within a distance from a member."""
    return around_member(ctx, key, (member, length, unit_name, *args), False)


@command(
    "GEOSEARCH",
    "geo",
    arity=-7,
    flags="readonly",
    keys=[at(1, "RO access")],
    since="6.2.0",
    complexity=(
        "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape "
        "provided as the filter and M is the number of items inside the shape"
    ),
    args=(
        "key#0 from(FROMMEMBER=member | FROMLONLAT=fromlonlat{longitude:double latitude:double})? "
        "by(circle{BYRADIUS=radius:double unit(M | KM | FT | MI)} | box{BYBOX=width:double height:double unit(M | KM "
        "| FT | MI)} | polygon{BYPOLYGON=num-vertices:integer vertices{longitude:double latitude:double}*}@9.0.0) "
        "order(ASC | DESC)? count-block{COUNT=count:integer ANY?}? WITHCOORD? WITHDIST? WITHHASH?"
    ),
    history=[
        ("7.0.0", "Added support for uppercase unit names."),
        ("9.0.0", "Added support for the BYPOLYGON option."),
    ],
)
def geosearch(
    ctx: Client, key: bytes, first: bytes, second: bytes, third: bytes, fourth: bytes, fifth: bytes, *others: bytes
):
    """Queries a geospatial index for members inside an area of a box, circle, or a polygon."""
    args = (first, second, third, fourth, fifth, *others)
    search = Search(ctx.db.read_container(key, SortedSet))
    search.take_all(args, (search.take_detail, search.take_centre, search.take_shape))
    search.check(ctx.server.engine.spelling, b"GEOSEARCH")
    return search.answer(ctx.db, SEARCH_STORE)


@command(
    "GEOSEARCHSTORE",
    "geo",
    arity=-8,
    flags="write denyoom",
    keys=[at(1, "OW update"), at(2, "RO access")],
    since="6.2.0",
    complexity=(
        "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape "
        "provided as the filter and M is the number of items inside the shape"
    ),
    args=(
        "destination#0 source#1 from(FROMMEMBER=member | FROMLONLAT=fromlonlat{longitude:double latitude:double})? "
        "by(circle{BYRADIUS=radius:double unit(M | KM | FT | MI)} | box{BYBOX=width:double height:double unit(M | KM "
        "| FT | MI)} | polygon{BYPOLYGON=num-vertices:integer vertices{longitude:double latitude:double}*}@9.0.0) "
        "order(ASC | DESC)? count-block{COUNT=count:integer ANY?}? STOREDIST?"
    ),
    history=[
        ("7.0.0", "Added support for uppercase unit names."),
        ("9.0.0", "Added support for the BYPOLYGON option."),
    ],
)
def geosearchstore(
    ctx: Client,
    destination: bytes,
    key: bytes,
    first: bytes,
    second: bytes,
    third: bytes,
    fourth: bytes,
    fifth: bytes,
    *others: bytes,
):
    """Queries a geospatial index for members inside an area of a box, a circle, or a polygon, optionally stores the
    result.
    """
    args = (first, second, third, fourth, fifth, *others)
    search = Search(ctx.db.read_container(key, SortedSet))
    search.store = destination
    search.take_all(args, (search.take_detail, search.take_centre, search.take_shape, search.take_distance))
    search.check(ctx.server.engine.spelling, b"GEOSEARCHSTORE")
    return search.answer(ctx.db, SEARCH_STORE)
