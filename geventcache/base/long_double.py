"""Floating point of 64 significant bits: INCRBYFLOAT and HINCRBYFLOAT compute with it, and timeouts are read as such.

The reference adds C long doubles (on x86-64: a significand of 64 bits) and prints 17 decimals without trailing zeros.
Python has no such type, so a value is kept as an exact integer times a power of two and rounded to 64 bits, half to
even, where the processor would. Replies are then the same to the last digit. The range is the processor's too, but
numbers below its smallest normal one keep their full precision: none of them shows in 17 decimals.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SIGNIFICANT_BITS = 64
_MAX_EXPONENT = 16384
# Half of the smallest number there is, as a power of two: what is not above it reads as zero.
_UNDERFLOW_EXPONENT = -16446
_DECIMALS = 17
_MAX_TEXT = 5 * 1024
# The interpreter refuses longer integer conversions in one go.
_CHUNK = 4000
_CHUNK_UNIT: int = 10**_CHUNK
_MAX_POWER = 6000

_DECIMAL = re.compile(rb"([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?")
_HEXADECIMAL = re.compile(rb"([+-]?)0[xX](?=\.?[0-9a-fA-F])([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?\d+))?")
_INFINITE = re.compile(rb"([+-]?)inf(?:inity)?", re.IGNORECASE)


class LongDouble(NamedTuple):
    """The number `significand` times two to the power of `exponent`; infinite if the flag says so."""

    significand: int
    exponent: int
    is_finite: bool = True

    def plus(self, other: LongDouble) -> LongDouble:
        """Return the rounded sum; not finite when an operand is not, or when the sum is out of range."""
        if not (self.is_finite and other.is_finite):
            return INFINITE
        exponent = min(self.exponent, other.exponent)
        total = (self.significand << (self.exponent - exponent)) + (other.significand << (other.exponent - exponent))
        return _rounded(total, exponent)

    def times(self, factor: int) -> LongDouble:
        """Return the rounded product; not finite when the number is not, or when the product is out of range."""
        return self if not self.is_finite else _rounded(self.significand * factor, self.exponent)

    def ceiling(self) -> int:
        """Return the smallest integer that is not below; only for finite numbers."""
        if self.exponent >= 0:
            return self.significand << self.exponent
        return -(-self.significand >> -self.exponent)

    def text(self) -> bytes:
        """Return the shortest text with up to 17 decimals; only for finite numbers."""
        scaled, shift = abs(self.significand) * 10**_DECIMALS, self.exponent
        scaled = scaled << shift if shift >= 0 else _shift_half_even(scaled, -shift)
        digits = _decimal(scaled).rjust(_DECIMALS + 1, "0")
        number = f"{digits[:-_DECIMALS]}.{digits[-_DECIMALS:]}".rstrip("0").rstrip(".")
        return f"-{number}".encode() if self.significand < 0 and number != "0" else number.encode()


INFINITE = LongDouble(0, 0, is_finite=False)


def parse_long_double(text: bytes) -> LongDouble | None:
    """Return the number in `text`, or None: no spaces, no NaN, nothing that overflows, or underflows to zero.

    Hexadecimal floats pass, and so do infinities, for which the commands have an error of their own.
    """
    if len(text) >= _MAX_TEXT:
        return None
    match = _DECIMAL.fullmatch(text)
    if match:
        return _read(match, base=10)
    match = _HEXADECIMAL.fullmatch(text)
    if match:
        return _read(match, base=16)
    return INFINITE if _INFINITE.fullmatch(text) else None


def _read(match: re.Match[bytes], base: int) -> LongDouble | None:
    sign, whole, fraction, power_text = match.groups()
    digits = (whole + fraction).lstrip(b"0")
    if not digits:
        return LongDouble(0, 0)
    power = _bounded(power_text or b"0") - len(fraction) * (1 if base == 10 else 4)
    significand = _integer(digits) if base == 10 else int(digits, 16)
    number = _from_decimal(significand, power, len(digits)) if base == 10 else _rounded(significand, power)
    margin = _UNDERFLOW_EXPONENT - number.exponent
    if not number.is_finite or number.significand <= (1 << margin if margin >= 0 else 0):
        return None
    return number._replace(significand=-number.significand) if sign == b"-" else number


def _bounded(power: bytes) -> int:
    """Return a written power, cut off where it is beyond every number with that many digits."""
    digits = power.lstrip(b"+-").lstrip(b"0")
    value = int(digits) if 0 < len(digits) < 8 else 10**8 * bool(digits)
    return -value if power.startswith(b"-") else value


def _from_decimal(significand: int, power: int, count: int) -> LongDouble:
    """Return `significand`, of `count` digits, times ten to the power of `power`, rounded."""
    if count + power > _MAX_POWER:
        return INFINITE
    if count + power < -_MAX_POWER:
        return LongDouble(0, 0)
    if power >= 0:
        return _rounded(significand * 10**power, 0)
    divisor = 10**-power
    shift = max(0, _SIGNIFICANT_BITS + 2 + divisor.bit_length() - significand.bit_length())
    quotient, rest = divmod(significand << shift, divisor)
    # One more bit says that the quotient is not exact, so that no tie is seen where there is none.
    return _rounded(quotient * 2 + bool(rest), -shift - 1)


def _rounded(significand: int, exponent: int) -> LongDouble:
    """Return the nearest number with 64 significant bits."""
    excess = abs(significand).bit_length() - _SIGNIFICANT_BITS
    if excess > 0:
        magnitude = _shift_half_even(abs(significand), excess)
        significand, exponent = (magnitude if significand > 0 else -magnitude), exponent + excess
    if abs(significand).bit_length() + exponent > _MAX_EXPONENT:
        return INFINITE
    return LongDouble(significand, exponent)


def _shift_half_even(value: int, bits: int) -> int:
    """Return a positive `value` over two to the power of `bits`, rounded half to even."""
    quotient = value >> bits
    rest, half = value - (quotient << bits), 1 << (bits - 1)
    return quotient + (rest > half or (rest == half and quotient & 1))


def _integer(digits: bytes) -> int:
    """Return the integer of up to twice as many digits as one conversion takes."""
    if len(digits) <= _CHUNK:
        return int(digits)
    return int(digits[:-_CHUNK]) * _CHUNK_UNIT + int(digits[-_CHUNK:])


def _decimal(value: int) -> str:
    """Return the decimal of an integer of up to twice as many digits as one conversion takes."""
    if value.bit_length() < _CHUNK * 3:
        return str(value)
    high, low = divmod(value, _CHUNK_UNIT)
    return f"{high}{low:0{_CHUNK}d}" if high else str(low)
