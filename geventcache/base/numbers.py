# cython: boundscheck=False, wraparound=False, cdivision=True
"""Numbers as the wire reads and prints them; every reader is strict and answers None instead of guessing.

Python's own `int()` and `float()` accept spaces, underscores and signs that the reference refuses, and its `repr()`
lays doubles out in another way, so both directions live here. Doubles are printed with the Grisu2 method (Loitsch,
2010), which the reference uses: it is not always the shortest text, so `repr()` would differ in about one of 230
random doubles.

Nothing here indexes from the end of a text, hence the directives.
"""

import math

import cython

from geventcache.base.native import scan_decimal, scan_integer

# Wide constants are named, and typed in the .pxd: a literal beyond 32 bits would be an object in compiled arithmetic.
_INT64_MAX = 9223372036854775807
_UINT64_MAX = 18446744073709551615
# Below this a further digit overflows; at it, only a last digit up to 8 does not.
_TOP_BIT = 0x8000000000000000
_HIDDEN_BIT = 4503599627370496
_FLOAT_BYTES = b"0123456789+-.eE"
_INFINITE = (b"inf", b"infinity")
_UNIT_LETTERS = b"kmgbKMGB"
_MEMORY_UNITS = {b"": 1, b"b": 1, b"k": 10**3, b"kb": 1 << 10, b"m": 10**6, b"mb": 1 << 20, b"g": 10**9, b"gb": 1 << 30}
_YES_NO = {b"yes": True, b"no": False}

# Up to here, either sign, the reference prints an integral double as an integer.
_INTEGRAL_LIMIT = 4611686018427387904.0


def parse_integer(text: bytes) -> int | None:
    """Return the signed 64-bit integer that `text` is the canonical decimal of, else None."""
    value: cython.longlong
    is_valid: cython.bint
    value, is_valid = scan_integer(text)
    return value if is_valid else None


def parse_unsigned(text: bytes) -> int | None:
    """Return the unsigned 64-bit integer in `text`, or None.

    This one is as lenient as cursors are: leading white space, a sign and leading zeros pass. What is negative in a way
    that `scan_integer` does not read (``-0``, ``-01``, beyond 63 bits) is counted down from 2**64, as by C's strtoull.
    """
    value: cython.longlong
    is_valid: cython.bint
    value, is_valid = scan_integer(text)
    if is_valid:
        return value if value >= 0 else None
    digits: bytes = text.lstrip()
    is_negative: cython.bint = digits[:1] == b"-"
    if digits[:1] in (b"+", b"-"):
        digits = digits[1:]
    digits = digits.lstrip(b"0") or digits[:1]
    if not digits.isdigit() or len(digits) > 20:
        return None
    number = int(digits)
    if number > _UINT64_MAX:
        return None
    return -number & _UINT64_MAX if is_negative else number


def parse_float(text: bytes) -> float | None:
    """Return the double in `text`, or None: no spaces, no NaN, no hexadecimals, nothing that overflows or underflows.

    ``inf`` and ``infinity`` pass in any case and with a sign.
    """
    plain: cython.double
    is_plain: cython.bint
    plain, is_plain = scan_decimal(text)
    if is_plain:
        return float(plain)
    if text.strip(_FLOAT_BYTES):
        return _parse_infinity(text)
    try:
        number: cython.double = float(text)
    except ValueError:
        return None
    if number == 0.0:
        return number if _is_zero(text) else None
    return None if math.isinf(number) else number


def _parse_infinity(text: bytes) -> float | None:
    unsigned = text[1:] if text[:1] in (b"+", b"-") else text
    if unsigned.lower() not in _INFINITE:
        return None
    return -math.inf if text[:1] == b"-" else math.inf


def _is_zero(text: bytes) -> bool:
    """Tell a written zero from a number too small for a double."""
    return not text.lower().split(b"e")[0].strip(b"+-.0")


def parse_memory(text: bytes) -> int | None:
    """Return the bytes of a memory size, or None: ``100``, ``1k`` is 1,000, ``1kb`` is 1,024; also ``m`` and ``g``.

    Units pass in any case; an empty text is 0, as it is to the reference.
    """
    digits: bytes = text.rstrip(_UNIT_LETTERS)
    unit = _MEMORY_UNITS.get(text[len(digits) :].lower())
    if unit is None or (digits and not digits.isdigit()) or len(digits) > 20:
        return None
    size = int(digits or b"0")
    return size * unit if size <= _UINT64_MAX else None


def parse_yes_no(text: bytes) -> bool | None:
    """Return whether `text` is ``yes``; None if it is neither that nor ``no``, in any case."""
    return _YES_NO.get(text.lower())


def format_integer(value: cython.longlong) -> bytes:
    """Return the decimal of an integer."""
    return f"{value}".encode("ascii")


def format_float(value: cython.double) -> bytes:
    """Return the text of a double as scores, coordinates and RESP3 doubles print."""
    if -_INTEGRAL_LIMIT <= value <= _INTEGRAL_LIMIT:
        integer: cython.longlong = int(value)
        if integer == value:
            return b"-0" if integer == 0 and math.copysign(1.0, value) < 0 else format_integer(integer)
    return format_shortest(value)


def format_shortest(value: cython.double) -> bytes:
    """Return the text of a double that is not 0, in which integers with many zeros have an exponent, too."""
    if math.isnan(value):
        return b"nan"
    if math.isinf(value):
        return b"inf" if value > 0 else b"-inf"
    digits: bytes
    exponent: cython.int
    digits, exponent = _digits(-value if value < 0 else value)
    return _layout(digits, exponent, value < 0)


def _layout(digits: bytes, exponent: cython.int, is_negative: cython.bint) -> bytes:
    """Place the point: `digits` times ten to the power of `exponent`."""
    count: cython.Py_ssize_t = len(digits)
    leading: cython.int = exponent + count - 1
    text: bytes
    if exponent >= 0 and leading < count + 7:
        text = digits + b"0" * exponent
    elif exponent < 0 and (exponent > -7 or -4 < leading < 4):
        point: cython.Py_ssize_t = count + exponent
        text = digits[:point] + b"." + digits[point:] if point > 0 else b"0." + b"0" * -point + digits
    else:
        fraction: bytes = b"." + digits[1:] if count > 1 else b""
        text = digits[:1] + fraction + f"e{leading:+d}".encode("ascii")
    return b"-" + text if is_negative else text


# Powers of ten as 64-bit significands and binary exponents, from 10**-348 in steps of eight: what Grisu2 scales with.
_FIRST_POWER = -348
_POWER_STEP = 8


def _power_of_ten(power: int) -> tuple[int, int]:
    """Return 10**power as a significand of exactly 64 bits, rounded, and a binary exponent."""
    if power >= 0:
        exact, scale = 10**power, 0
    else:
        scale = -1280
        exact = (1 << -scale) // 10**-power
    excess = exact.bit_length() - 64
    if excess <= 0:
        return exact << -excess, scale + excess
    return (exact + (1 << (excess - 1))) >> excess, scale + excess


_POWERS = [_power_of_ten(power) for power in range(-348, 341, 8)]


def _scale(a: cython.ulonglong, b: cython.ulonglong) -> cython.ulonglong:
    """Return the upper half of a 64 by 64 bit product, rounded after its lowest quarter was dropped."""
    mask: cython.ulonglong = 0xFFFFFFFF
    a_high: cython.ulonglong = a >> 32
    a_low: cython.ulonglong = a & mask
    b_high: cython.ulonglong = b >> 32
    b_low: cython.ulonglong = b & mask
    cross_1: cython.ulonglong = a_high * b_low
    cross_2: cython.ulonglong = a_low * b_high
    middle: cython.ulonglong = (cross_1 & mask) + (cross_2 & mask) + ((a_low * b_low) >> 32) + (mask + 1) // 2
    return a_high * b_high + (cross_1 >> 32) + (cross_2 >> 32) + (middle >> 32)


def _digits(value: cython.double) -> tuple[bytes, int]:
    """Return the digits of a positive finite double, and the power of ten of the last one."""
    fraction: cython.double
    exponent: cython.int
    fraction, exponent = math.frexp(value)
    significand: cython.ulonglong = int(fraction * 9007199254740992.0)
    exponent -= 53
    if exponent < -1074:
        significand >>= -1074 - exponent
        exponent = -1074
    # The neighbours' midpoints, and the value itself, with the upper one's top bit in place.
    lower_shift: cython.int = 2 if significand == _HIDDEN_BIT else 1
    high: cython.ulonglong = significand * 2 + 1
    low: cython.ulonglong = (significand << lower_shift) - 1
    shift: cython.int = 0
    while high < _TOP_BIT:
        high *= 2
        shift += 1
    low <<= shift + 1 - lower_shift
    exponent -= 1 + shift
    index: cython.int = _power_index(exponent)
    power: cython.ulonglong
    power_exponent: cython.int
    power, power_exponent = _POWERS[index]
    digits: bytes
    last: cython.int
    # A unit off either end: the scaled midpoints are only known to that.
    digits, last = _generate(
        _scale(low, power) + 1,
        _scale(significand << (shift + 1), power),
        _scale(high, power) - 1,
        exponent + power_exponent + 64,
    )
    return digits, last - (_FIRST_POWER + index * _POWER_STEP)


def _power_index(exponent: cython.int) -> cython.int:
    """Return the place of the power of ten that scales a binary `exponent` into what `_generate` takes."""
    approximate: cython.int = int(-(exponent + 87) * 0.30102999566398114)
    index: cython.int = (approximate - _FIRST_POWER) // _POWER_STEP
    while True:
        scaled: cython.int = exponent + _POWERS[index][1] + 64
        if scaled < -60:
            index += 1
        elif scaled > -32:
            index -= 1
        else:
            return index


def _generate(
    low: cython.ulonglong, mid: cython.ulonglong, high: cython.ulonglong, exponent: cython.int
) -> tuple[bytes, int]:
    """Return the fewest digits that stay between `low` and `high`, the last one as near to `mid` as it can be.

    The three are significands of one binary `exponent` between -60 and -32; the second item is the last digit's power.
    """
    bits: cython.int = -exponent
    one: cython.ulonglong = 1
    one <<= bits
    wanted: cython.ulonglong = high - mid
    delta: cython.ulonglong = high - low
    whole: cython.ulonglong = high >> bits
    rest: cython.ulonglong = high & (one - 1)
    divisor: cython.ulonglong = 1000000000
    number: cython.ulonglong = 0
    left: cython.ulonglong
    last: cython.int = 10
    while last > 0:
        number = number * 10 + whole // divisor
        whole %= divisor
        last -= 1
        left = (whole << bits) + rest
        if left <= delta:
            return f"{_nearest(number, delta, left, divisor << bits, wanted)}".encode("ascii"), last
        divisor //= 10
    while True:
        rest *= 10
        delta *= 10
        wanted *= 10
        last -= 1
        number = number * 10 + (rest >> bits)
        rest &= one - 1
        if rest < delta:
            return f"{_nearest(number, delta, rest, one, wanted)}".encode("ascii"), last


def _nearest(
    number: cython.ulonglong,
    delta: cython.ulonglong,
    left: cython.ulonglong,
    unit: cython.ulonglong,
    wanted: cython.ulonglong,
) -> cython.ulonglong:
    """Lower the last digit of `number` while that brings what is `left` nearer to `wanted`."""
    while left < wanted and delta - left >= unit and (left + unit < wanted or wanted - left > left + unit - wanted):
        number -= 1
        left += unit
    return number
