"""Bits, ranges of bits and integers within a string, beside models that work on text of zeros and ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geventcache.types import bits
from geventcache.types.bits import FieldKind

strings = st.one_of(
    st.binary(max_size=40), st.integers(0, 40).map(bytes), st.integers(0, 40).map(lambda size: b"\xff" * size)
)
indices = st.integers(-400, 400)
kinds = st.one_of(
    st.builds(FieldKind, st.just(True), st.integers(1, 64)), st.builds(FieldKind, st.just(False), st.integers(1, 63))
)
policies = st.sampled_from([bits.WRAP, bits.SAT, bits.FAIL])


def text_of(data: bytes) -> str:
    """The bits as text."""
    return "".join(f"{byte:08b}" for byte in data)


@given(strings, st.integers(0, 500), st.integers(0, 1))
def test_set_bit_changes_one_bit(data: bytes, offset: int, bit: int) -> None:
    """The old bit is returned, the string grows just enough, the other bits stay."""
    changed = bytearray(data)
    assert bits.set_bit(changed, offset, bit) == bits.get_bit(data, offset)
    expected = list(text_of(data).ljust((offset // 8 + 1) * 8, "0"))
    expected[offset] = str(bit)
    assert text_of(changed) == "".join(expected)
    assert bits.get_bit(changed, offset) == bit


@given(strings, indices, indices, st.booleans())
def test_count_and_find_agree_with_text(data: bytes, start: int, end: int, is_bit: bool) -> None:
    """Counting and searching a range is what they are on its text."""
    unit = 1 if is_bit else 8
    total = len(data) * 8 // unit
    low = max(start + total if start < 0 else start, 0)
    high = min(max(end + total if end < 0 else end, 0), total - 1)
    part = text_of(data)[low * unit : (high + 1) * unit]
    ones = 0 if end < start < 0 else part.count("1")
    assert bits.count_ones(data, start, end, is_bit) == ones
    for bit in (0, 1):
        place = part.find(str(bit))
        expected = low * unit + place if place >= 0 else -1
        assert bits.find_bit(data, bit, start, end, is_bit, is_end_given=True) == expected


@pytest.mark.parametrize(
    ("data", "bit", "start", "expected"),
    [(b"\xff\xff", 0, 0, 16), (b"\xff\xff", 0, 1, 16), (b"\xff\xff", 0, 2, -1), (b"", 0, 0, -1), (b"\0", 1, 0, -1)],
)
def test_clear_bit_beyond_the_end(data: bytes, bit: int, start: int, expected: int) -> None:
    """Without an end, a string of ones goes on with a zero, unless the range is empty."""
    assert bits.find_bit(data, bit, start) == expected


def test_long_strings_are_searched_whole() -> None:
    """Pieces join without a gap."""
    for place in (0, bits.PIECE - 1, bits.PIECE, bits.PIECE * 3 + 5):
        data = bytearray(bits.PIECE * 4)
        data[place] = 0x10
        assert bits.find_bit(data, 1) == place * 8 + 3
        assert bits.find_bit(bits.invert(data), 0) == place * 8 + 3
        assert bits.count_ones(data) == 1
        assert bits.count_ones(bits.invert(data), 1, -2) == (len(data) - 2) * 8 - (place > 0)
        assert bits.combine(b"XOR", [data, bytes(len(data))]) == data


@given(st.lists(strings, min_size=1, max_size=4))
def test_combine_pads_with_zeros(values: list[bytes]) -> None:
    """Each operator works byte by byte on strings made equally long."""
    size = max(map(len, values))
    columns = list(zip(*(value.ljust(size, b"\0") for value in values), strict=True))
    for name, operator in bits.OPERATORS.items():
        expected = bytearray()
        for column in columns:
            byte = column[0]
            for other in column[1:]:
                byte = operator(byte, other)
            expected.append(byte)
        assert bits.combine(name, values) == expected


@given(strings, kinds, st.integers(0, 200), st.integers(-(2**63), 2**63 - 1), policies)
def test_increment_fits_or_fails(data: bytes, kind: FieldKind, offset: int, increment: int, policy: bytes) -> None:
    """The sum is stored as the policy says, and nothing beside the field changes."""
    changed = bytearray(data)
    old = bits.get_field(data, kind, offset)
    assert kind.low <= old <= kind.high
    total = old + increment
    result = bits.increment_field(changed, kind, offset, increment, policy)
    if kind.low <= total <= kind.high:
        assert result == total
    elif policy == bits.FAIL:
        assert result is None
        assert changed == data
        return
    elif policy == bits.SAT:
        assert result == (kind.high if total > kind.high else kind.low)
    else:
        assert (result - total) % 2**kind.bits == 0
    assert bits.get_field(changed, kind, offset) == result
    before, after = text_of(data).ljust(len(changed) * 8, "0"), text_of(changed)
    assert before[:offset] == after[:offset]
    assert before[offset + kind.bits :] == after[offset + kind.bits :]


@pytest.mark.parametrize(
    ("name", "value", "policy", "stored"),
    [
        (b"u8", -1, bits.WRAP, 255),
        (b"u8", -1, bits.SAT, 255),
        (b"u8", 256, bits.WRAP, 0),
        (b"i8", 200, bits.WRAP, -56),
        (b"i8", -200, bits.SAT, -128),
        (b"i8", -(2**63), bits.SAT, 127),
        (b"i64", -(2**63), bits.SAT, -(2**63)),
        (b"i7", -(2**63) + 64, bits.SAT, -64),
        (b"i7", -(2**63) + 63, bits.SAT, 63),
    ],
)
def test_set_field_as_recorded(name: bytes, value: int, policy: bytes, stored: int) -> None:
    """Values out of range are stored as the reference stores them."""
    kind = bits.parse_kind(name)
    assert kind is not None
    data = bytearray()
    assert bits.set_field(data, kind, 5, value, policy) == 0
    assert bits.get_field(data, kind, 5) == stored


@pytest.mark.parametrize(
    "text", [b"u64", b"i65", b"u0", b"i0", b"8", b"u", b"u08", b"u+8", b"U8", b"i8 ", b"", b"u8\n"]
)
def test_no_kind(text: bytes) -> None:
    """Other names are none."""
    assert bits.parse_kind(text) is None
