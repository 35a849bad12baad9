"""Payloads: what is dumped is restored, what old servers wrote is read, and what is damaged is refused."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.persistence import kinds, payload
from geventcache.persistence.cursor import DataError
from geventcache.persistence.listpack import Listpack, as_text, read_listpack
from geventcache.persistence.output import Output
from geventcache.persistence.value_reader import EmptyValueError
from geventcache.types.hashes import Hash
from geventcache.types.limits import EncodingLimits
from geventcache.types.lists import List
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet
from geventcache.types.streams import Stream

from ..support.inprocess import InProcessServer
from .samples import content_here, made_here

NUMBERS = st.integers(-(1 << 70), 1 << 70).map(lambda number: b"%d" % number)
TEXTS = st.one_of(st.binary(max_size=80), NUMBERS, st.binary(min_size=1, max_size=3).map(lambda text: text * 100))
SCORES = st.floats(allow_nan=False)
DEADLINES = st.one_of(st.none(), st.integers(0, (1 << 63) - 2))
HALVES = st.integers(0, (1 << 64) - 1)
INFINITY = float("inf")


def restored(data: bytes) -> Any:
    """What a payload holds."""
    return payload.restore(payload.opened(data, False), EncodingLimits())


def read(body: bytes) -> Any:
    """What the body of a payload holds, as plain Python."""
    return content_here(payload.restore(body, EncodingLimits()))


def string(text: bytes) -> bytes:
    """A string as a snapshot has it."""
    out = Output(False)
    out.string(text)
    return out.take()


def ziplist(*elements: bytes) -> bytes:
    """A ziplist of elements that are encoded already."""
    body, previous, tail = b"", 0, 10
    for element in elements:
        tail = 10 + len(body)
        entry = (bytes([previous]) if previous < 254 else b"\xfe" + previous.to_bytes(4, "little")) + element
        body += entry
        previous = len(entry)
    return struct.pack("<IIH", 11 + len(body), tail, len(elements)) + body + b"\xff"


def listpack(*elements: Any) -> bytes:
    """A listpack of strings and numbers."""
    pack = Listpack()
    for element in elements:
        if isinstance(element, bytes):
            pack.add_text(element)
        else:
            pack.add_number(element)
    return pack.to_bytes()


# ---------------------------------------------------------------------- round trips


@given(TEXTS, st.booleans())
def test_a_string_comes_back(text: bytes, compresses: bool) -> None:
    """Every string comes back, as an integer, compressed or plain."""
    assert restored(payload.dump(text, compresses)) == text


@pytest.mark.parametrize("value", [12, bytearray(b"changed"), -(1 << 40)])
def test_strings_of_all_kinds_are_dumped(value: Any) -> None:
    """A counter and a string that changes in place are strings like others."""
    expected = b"%d" % value if isinstance(value, int) else bytes(value)
    assert restored(payload.dump(value, True)) == expected


@given(st.lists(TEXTS, min_size=1), st.booleans())
def test_a_list_comes_back(elements: list[bytes], compresses: bool) -> None:
    """Every list comes back in its order."""
    value = List(EncodingLimits())
    value.extend_right(elements)
    again = restored(payload.dump(value, compresses))
    assert again.to_list() == elements
    assert again.encoding() == value.encoding()


@given(st.sets(TEXTS, min_size=1))
def test_a_set_comes_back(members: set[bytes]) -> None:
    """Every set comes back, a set of integers as one."""
    value = Set(EncodingLimits())
    for member in members:
        value.add(member)
    again = restored(payload.dump(value, True))
    assert set(again.names()) == members
    assert again.encoding() == value.encoding()


@given(st.dictionaries(TEXTS, SCORES, min_size=1))
def test_a_sorted_set_comes_back(scores: dict[bytes, float]) -> None:
    """Every sorted set comes back with its scores, infinite ones as well."""
    value = SortedSet(EncodingLimits())
    for member, score in scores.items():
        value.add(member, score)
    again = restored(payload.dump(value, True))
    assert again.pairs(0, len(scores)) == value.pairs(0, len(scores))
    assert again.encoding() == value.encoding()


@given(st.dictionaries(TEXTS, st.tuples(TEXTS, DEADLINES), min_size=1))
def test_a_hash_comes_back(fields: dict[bytes, tuple[bytes, int | None]]) -> None:
    """Every hash comes back with the deadlines of its fields, those that have passed as well."""
    value = Hash(EncodingLimits())
    for field, (text, deadline_ms) in fields.items():
        value.set(field, text, 0)
        if deadline_ms is not None:
            value.set_deadline(field, deadline_ms)
    data = payload.dump(value, True)
    again = restored(data)
    assert {field: (again.get(field), again.deadline(field)) for field in again} == fields
    assert again.encoding() == value.encoding()
    assert int.from_bytes(data[-10:-8], "little") == (10 if value.deadlines is None else 80)


@given(
    st.lists(st.tuples(HALVES, HALVES, st.lists(st.tuples(TEXTS, TEXTS), max_size=4)), max_size=30),
    st.integers(1, 5),
    st.data(),
)
def test_a_stream_comes_back(entries: list[Any], node_size: int, data: st.DataObject) -> None:
    """Every stream comes back, whatever its IDs, with groups, consumers and what they have pending."""
    limits = EncodingLimits()
    limits.stream_node_max_entries = node_size
    stream = Stream(limits)
    ids = []
    for ms, seq, fields in sorted(entries, key=lambda entry: entry[:2]):
        if stream.append(ms, seq, tuple(text for pair in fields for text in pair)):
            ids.append(stream.last_id)
    for entry_id in data.draw(st.sets(st.sampled_from(ids), max_size=5)) if ids else ():
        stream.delete(entry_id)
    stream.create_group(b"g", 0, data.draw(st.integers(-1, 100)))
    for name in (b"one", b"two"):
        consumer = stream.create_consumer(stream.groups[b"g"], name, data.draw(st.integers(0, 1 << 62)))
        assert consumer is not None
        stream.read_new(stream.groups[b"g"], consumer, data.draw(st.integers(0, 5)), False, 77)
        consumer.active_time_ms = consumer.seen_time_ms  # which is not dumped
    again = restored(payload.dump(stream, True))
    assert content_here(again) == content_here(stream)
    assert again.entries_added == stream.entries_added
    assert again.max_deleted_id == stream.max_deleted_id
    assert again.first_id() == stream.first_id()
    assert again.groups[b"g"].entries_read == stream.groups[b"g"].entries_read
    if again.last_id != (1 << 128) - 1:
        ms, seq = again.next_id(5)
        assert again.append(ms, seq, (b"f", b"v"))


@given(st.lists(st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=5000)), max_size=40))
def test_a_listpack_comes_back(elements: list[Any]) -> None:
    """What is packed is unpacked."""
    assert [as_text(element) for element in read_listpack(listpack(*elements))] == [
        as_text(element) for element in elements
    ]


@pytest.mark.parametrize("size", [63, 64, 4095, 4096, 16380, 2097140, 2097160])
def test_long_elements_of_a_listpack(size: int) -> None:
    """Each width of a length is written and read."""
    assert read_listpack(listpack(b"x" * size, 7, b"y" * size)) == [b"x" * size, 7, b"y" * size]


# ---------------------------------------------------------------------- what old servers wrote

OLD_HASH = b"\x02\x01f\x02\x00vw\x02g1\x03\x01abc\x00\xff"
WIDE_FIELD = b"\xfe" + (300).to_bytes(4, "little") + b"f" * 300
OLD: dict[str, tuple[bytes, Any]] = {
    "zipmap": (b"\x09" + string(OLD_HASH), ({b"f": b"vw", b"g1": b"abc"}, {})),
    "zipmap that is not counted": (
        b"\x09" + string(b"\xfe" + WIDE_FIELD + b"\x01\x02v--\xff"),
        ({b"f" * 300: b"v"}, {}),
    ),
    "old scores": (
        b"\x03\x05\x01a\x03-10\x01b\x041e10\x01c\xfe\x01d\xff\x01e\x030.5",
        [(b"d", -INFINITY), (b"a", -10.0), (b"e", 0.5), (b"b", 1e10), (b"c", INFINITY)],
    ),
    "list in a ziplist": (
        b"\x0a"
        + string(
            ziplist(
                b"\x01a",
                b"\xf1",
                b"\xfd",
                b"\xfe\xff",
                b"\xc0\x00\x80",
                b"\xf0\xff\xff\x7f",
                b"\xd0\0\0\0\x80",
                b"\xe0" + b"\xff" * 8,
                b"\x41\x04" + b"x" * 260,
                b"\x80\0\0\0\x02yz",
            )
        ),
        [b"a", b"0", b"12", b"-1", b"-32768", b"8388607", b"-2147483648", b"-1", b"x" * 260, b"yz"],
    ),
    "sorted set in a ziplist": (
        b"\x0c" + string(ziplist(b"\x01a", b"\xf2", b"\x01b", b"\x041e-1")),
        [(b"b", 0.1), (b"a", 1.0)],
    ),
    "hash in a ziplist": (b"\x0d" + string(ziplist(b"\x01f", b"\xf2")), ({b"f": b"1"}, {})),
    "list in ziplists": (
        b"\x0e\x02" + string(ziplist(b"\x01a")) + string(ziplist(b"\x01b", b"\x01c")),
        [b"a", b"b", b"c"],
    ),
    "set of integers": (b"\x0b" + string(struct.pack("<IIhhh", 2, 3, -5, 0, 700)), {b"-5", b"0", b"700"}),
    "list with a plain node": (b"\x12\x02\x01\x03abc\x02" + string(listpack(b"d", 5)), [b"abc", b"d", b"5"]),
    "redis' deadlines": (
        b"\x18" + struct.pack("<q", 5000) + b"\x03\x01\x01a\x01b\x00\x01c\x01d\x0b\x01e\x01f",
        ({b"a": b"b", b"c": b"d", b"e": b"f"}, {b"a": 5000, b"c": -1, b"e": 5010}),
    ),
    "redis' deadlines in a listpack": (
        b"\x19" + struct.pack("<q", 5000) + string(listpack(b"a", b"b", 5000, b"c", 7, 0)),
        ({b"a": b"b", b"c": b"7"}, {b"a": 5000, b"c": -1}),
    ),
    "set in a listpack": (b"\x14" + string(listpack(b"a", 5)), {b"a", b"5"}),
    "string of an odd length": (b"\x00\x81" + (3).to_bytes(8, "big") + b"abc", b"abc"),
    "stream of version 5": (
        b"\x0f\x01"
        + string(b"\0" * 7 + b"\x09" + b"\0" * 8)
        + string(listpack(1, 0, 1, b"f", 0, 2, 0, 1, b"v", 4))
        + b"\x01\x09\x01\x00",
        ([[b"9-1", [b"f", b"v"]]], b"9-1", {}),
    ),
}


@pytest.mark.parametrize("name", OLD)
def test_what_old_servers_wrote_is_read(name: str) -> None:
    """Encodings that nobody writes any more still tell what they hold."""
    body, expected = OLD[name]
    assert read(body) == expected


# ---------------------------------------------------------------------- what is refused

NODE_ID = string(b"\0" * 7 + b"\x09" + b"\0" * 8)
ENTRY_9 = string(listpack(1, 0, 0, 0, 2, 0, 0, 3))
GROUP = b"\x0f\x00\x00\x00\x00\x01\x01g\x00\x00"
HUGE = b"\x81" + b"\xff" * 8
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "a type alone": b"\x00",
    "an unknown type": b"\x17\x01a",
    "an opcode": b"\xfa\x01a\x01b",
    "bytes left over": b"\x00\x01ab",
    "an unknown kind of string": b"\x00\xc4",
    "an unknown kind of length": b"\x00\x82\0\0\0\0",
    "a string of 2**64 bytes": b"\x00" + HUGE + b"abc",
    "a string of 2**62 bytes": b"\x00\x81\x40" + b"\0" * 7 + b"abc",
    "a count that is a string": b"\x01\xc0\x01\x01a",
    "2**64 elements": b"\x01" + HUGE + b"\x01a",
    "2**64 members": b"\x02" + HUGE + b"\x01a",
    "2**64 fields": b"\x04" + HUGE + b"\x01a\x01b",
    "2**64 scores": b"\x05" + HUGE + b"\x01a" + b"\0" * 8,
    "2**64 nodes": b"\x12" + HUGE + b"\x01\x01a",
    "2**64 entries": b"\x13" + HUGE + NODE_ID,
    "a bomb": b"\x00\xc3\x03\x81" + (1 << 40).to_bytes(8, "big") + b"\xe0\xff\x00",
    "a compressed string without a beginning": b"\x00\xc3\x02\x09\x20\x00",
    "a compressed string that is shorter": b"\x00\xc3\x05\x09\x03abcd",
    "a compressed string that is longer": b"\x00\xc3\x05\x03\x03abcd",
    "a compressed string of no bytes": b"\x00\xc3\x00\x00",
    "a member twice": b"\x02\x02\x01a\x01a",
    "a member twice in a listpack": b"\x14" + string(listpack(b"a", b"a")),
    "a field twice": b"\x04\x02\x01a\x01b\x01a\x01b",
    "a field twice in a ziplist": b"\x0d" + string(ziplist(b"\x01f", b"\xf2", b"\x01f", b"\xf2")),
    "a scored member twice": b"\x05\x02" + 2 * (b"\x01a" + b"\0" * 8),
    "a scored member twice in a listpack": b"\x11" + string(listpack(b"a", 1, b"a", 2)),
    "no number as a score": b"\x05\x01\x01a" + struct.pack("<d", float("nan")),
    "no number as an old score": b"\x03\x01\x01a\xfd",
    "words as an old score": b"\x03\x01\x01a\x03abc",
    "words as a score": b"\x11" + string(listpack(b"a", b"nan")),
    "a field without a value": b"\x10" + string(listpack(b"a")),
    "a member without a score": b"\x11" + string(listpack(b"a", 1, b"b")),
    "an unknown node of a list": b"\x12\x01\x03\x01a",
    "a listpack with another length": b"\x14" + string(listpack(b"a").replace(b"\x0a", b"\x0b", 1)),
    "a listpack with another count": b"\x14" + string(b"\x0a\0\0\0\x02\0\x81a\x02\xff"),
    "a listpack with another length of an element": b"\x14" + string(b"\x0a\0\0\0\x01\0\x81a\x03\xff"),
    "a listpack that goes on": b"\x14" + string(b"\x0b\0\0\0\x01\0\x81a\x02\xff\0"),
    "an unknown element of a listpack": b"\x14" + string(b"\x09\0\0\0\x01\0\xf5\x01\xff"),
    "an element that is longer than its listpack": b"\x14" + string(b"\x0e\0\0\0\x01\0\xf0\xff\xff\xff\xff\x05\xff"),
    "a ziplist with another tail": b"\x0a" + string(ziplist(b"\x01a").replace(b"\x0a", b"\x0b", 1)),
    "a ziplist that runs in a circle": b"\x0a"
    + string(ziplist(b"\x01a", b"\x01b").replace(b"\x03\x01b", b"\x00\x01b")),
    "an unknown element of a ziplist": b"\x0a" + string(ziplist(b"\xff")),
    "integers out of order": b"\x0b" + string(struct.pack("<IIhh", 2, 2, 7, 5)),
    "an integer twice": b"\x0b" + string(struct.pack("<IIhh", 2, 2, 7, 7)),
    "integers of an odd width": b"\x0b" + string(struct.pack("<II", 3, 1) + b"\0\0\0"),
    "more integers than there are": b"\x0b" + string(struct.pack("<IIh", 2, 2, 7)),
    "a zipmap without an end": b"\x09" + string(OLD_HASH[:-1]),
    "a zipmap with a field alone": b"\x09" + string(b"\x01\x01f\xff"),
    "a deadline before all time": b"\x16\x01\x01a\x01b" + struct.pack("<q", -2),
    "a deadline after all time": b"\x18" + struct.pack("<q", (1 << 63) - 1) + b"\x01\x05\x01a\x01b",
    "a deadline in words": b"\x19" + b"\0" * 8 + string(listpack(b"a", b"b", b"c")),
    "a node without an ID": b"\x13\x01\x01a" + string(listpack(1, 0, 0, 0)),
    "a node without entries": b"\x13\x01" + NODE_ID + string(listpack(0, 0, 1, b"f", 0)) + b"\0" * 9,
    "an entry before its node": b"\x0f\x01" + NODE_ID + string(listpack(1, 0, 0, 0, 2, -1, 0, 3)) + b"\x01\x09\x00\x00",
    "an entry that is cut": b"\x0f\x01" + NODE_ID + string(listpack(1, 0, 1, b"f", 0, 2, 0, 0)) + b"\x01\x09\x00\x00",
    "an entry with endless fields": b"\x0f\x01"
    + NODE_ID
    + string(listpack(1, 0, 0, 0, 0, 0, 0, 1 << 40))
    + b"\x01\x09\x00\x00",
    "a last ID before the last entry": b"\x0f\x01" + NODE_ID + ENTRY_9 + b"\x01\x08\x00\x00",
    "a length that is not the stream's": b"\x0f\x01" + NODE_ID + ENTRY_9 + b"\x02\x09\x00\x00",
    "a group twice": b"\x0f\x00\x00\x00\x00\x02" + 2 * b"\x01g\x00\x00\x00\x00",
    "a consumer twice": GROUP + b"\x00\x02" + 2 * (b"\x01c" + b"\0" * 8 + b"\x00"),
    "a pending entry of nobody": GROUP + b"\x01" + b"\0" * 15 + b"\x01" + b"\0" * 8 + b"\x01\x00",
    "a pending entry of a consumer alone": GROUP + b"\x00\x01\x01c" + b"\0" * 8 + b"\x01" + b"\0" * 16,
    "pending entries out of order": GROUP + b"\x02" + 2 * (b"\0" * 24 + b"\x01"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_value_is_refused(name: str) -> None:
    """Each of these is refused by the module's own error, at once."""
    with pytest.raises(DataError):
        read(HOSTILE[name])


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 14, 18, 22])
def test_a_container_without_elements_is_told_apart(kind: int) -> None:
    """A file may have them, and passes over them."""
    with pytest.raises(EmptyValueError):
        read(bytes([kind, 0]))


def test_values_of_modules_are_refused_by_name() -> None:
    """The name stands in the value."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = 0
    for letter in "ReJSON-RL":
        number = number << 6 | letters.index(letter)
    with pytest.raises(DataError, match="ReJSON-RL"):
        read(b"\x07\x81" + (number << 10 | 3).to_bytes(8, "big") + b"\x00")


@pytest.mark.parametrize("name", made_here())
def test_a_payload_that_is_cut_is_refused(name: str) -> None:
    """At whatever byte: by its checksum, and also if somebody mended that."""
    data = payload.dump(made_here()[name], True)
    body = data[: -payload.FOOTER_SIZE]
    for size in range(len(data)):
        with pytest.raises(payload.FooterError):
            payload.opened(data[:size], False)
    for size in range(len(body)):
        with pytest.raises(DataError):
            read(body[:size])


@pytest.mark.parametrize("name", made_here())
def test_a_payload_with_a_wrong_byte_is_a_value_or_refused(name: str) -> None:
    """Whatever byte stands at whatever place: the checksum tells, and if it was mended, no other error comes out."""
    data = payload.dump(made_here()[name], True)
    body = bytearray(data[: -payload.FOOTER_SIZE])
    for place in range(len(body)):
        kept = body[place]
        for byte in (
            0,
            1,
            127,
            128,
            254,
            255,
            kept ^ 1,
            kept ^ 16,
            kept ^ 64,
            kept ^ 128,
            kept + 1 & 255,
            kept - 1 & 255,
        ):
            body[place] = byte
            survives(bytes(body))
        body[place] = kept
        flipped = data[:place] + bytes([kept ^ 1]) + data[place + 1 :]
        with pytest.raises(payload.FooterError):
            payload.opened(flipped, False)


def test_bytes_at_random_are_values_or_refused() -> None:
    """Bytes at random behind each type, and old values with random changes."""
    source = random.Random(14)
    bodies = [body for body, _ in OLD.values()]
    bodies += [payload.dump(value, True)[: -payload.FOOTER_SIZE] for value in made_here().values()]
    for _ in range(4000):
        survives(bytes([source.randrange(26)]) + source.randbytes(source.randrange(40)))
        body = bytearray(source.choice(bodies))
        for _ in range(source.randrange(1, 4)):
            place = source.randrange(len(body))
            body[place : place + source.randrange(3)] = source.randbytes(source.randrange(3))
        survives(bytes(body))


def survives(body: bytes) -> None:
    """A body is a value that can be dumped again, or refused by the module's own error."""
    try:
        value = payload.restore(body, EncodingLimits())
    except DataError:
        return
    again = payload.restore(payload.opened(payload.dump(value, True), False), EncodingLimits())
    assert content_here(again) == content_here(value)


def test_versions() -> None:
    """Those of all servers that are known here; any, if the setting says so."""
    body = payload.dump(b"abc", True)[: -payload.FOOTER_SIZE]
    for version in (0, 1, 6, 9, 10, 11, 12, 80):
        assert payload.opened(payload.sealed(body, version), False) == body
    for version in (13, 79, 81, 65535):
        assert payload.opened(payload.sealed(body, version), True) == body
        with pytest.raises(payload.FooterError):
            payload.opened(payload.sealed(body, version), False)


def test_a_dump_is_of_now_while_a_snapshot_is_of_before() -> None:
    """Entries of a group that are acknowledged meanwhile are pending in the one and not in the other."""
    server = InProcessServer()
    session = server.session()
    for i in range(1, 2000):
        session.do("XADD", "stream", f"{i}-1", "f", "v")
    session.do("XGROUP", "CREATE", "stream", "g", "0")
    session.do("XREADGROUP", "GROUP", "g", "before", "STREAMS", "stream", ">")
    image = server.state.snapshots.take()
    session.do("XACK", "stream", "g", "1-1", "2-1")
    session.do("XCLAIM", "stream", "g", "later", "0", "3-1")
    dumped = server.state.databases.get(0).find(b"stream")
    session.do("COPY", "stream", "copy")
    assert payload.dump(dumped, True) == payload.dump(server.state.databases.get(0).find(b"copy"), True)
    image.end()


@pytest.mark.parametrize("kind", [kinds.SET, kinds.ZSET])
@pytest.mark.parametrize("count", [10, 1000])
def test_sets_of_any_size_are_looked_through(kind: int, count: int) -> None:
    """A member that repeats is found in a large set as well as in a small one, and so is a score that is none."""
    members = [b"%d" % i for i in range(count)]

    def body(scores: list[float], names: list[bytes]) -> bytes:
        out = Output(False)
        out.byte(kind)
        out.length(count)
        for name, score in zip(names, scores, strict=True):
            out.string(name)
            if kind == kinds.ZSET:
                out.raw(struct.pack("<d", score))
        return out.take()

    scores = [float(i) for i in range(count)]
    assert len(payload.restore(body(scores, members), EncodingLimits())) == count
    with pytest.raises(DataError, match="repeats"):
        payload.restore(body(scores, [*members[:-1], b"3"]), EncodingLimits())
    if kind == kinds.ZSET:
        with pytest.raises(DataError, match="not a number"):
            payload.restore(body([*scores[:-1], float("nan")], members), EncodingLimits())
