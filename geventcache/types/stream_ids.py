"""The text form of stream IDs: ``ms-seq`` and its short forms, as numbers.

An ID is a pair of unsigned 64-bit integers, kept as one integer ``ms << 64 | seq`` so that comparing IDs is comparing
numbers. The parsers return None for text that is no ID. They accept what the reference accepts: it reads each half as a
C number, so a NUL ends the text, and blanks, a plus sign, leading zeros and most negative numbers (which wrap) are
taken.
"""

import re

import cython

EntryId = int  # also of a half
Fields = tuple[bytes, ...]
SEQ_BITS = 64
MAX_HALF = 2**64 - 1
MAX_ID = 2**128 - 1
MAX_TEXT = 127

NUMBER = re.compile(rb"[ \t-\r]*([+-]?)([0-9]+)\Z")
STRICT_NEGATIVE = re.compile(rb"-[1-9][0-9]*\Z")


def make_id(ms: EntryId, seq: EntryId) -> EntryId:
    """The ID of two halves."""
    return ms << SEQ_BITS | seq


def format_id(entry_id: EntryId) -> bytes:
    """The canonical text of an ID."""
    return format_halves(entry_id >> SEQ_BITS, entry_id & MAX_HALF)


def format_halves(ms: cython.ulonglong, seq: cython.ulonglong) -> bytes:
    """The canonical text of an ID, given its halves."""
    return f"{ms}-{seq}".encode("ascii")


def parse_half(text: bytes) -> "EntryId | None":
    """An unsigned 64-bit integer, or None."""
    if text.isdigit():
        value = int(text)
        return value if value <= MAX_HALF else None
    match = NUMBER.match(text)
    if match is None:
        return None
    value = int(match[2])
    if value > MAX_HALF:
        return None
    if match[1] != b"-":
        return value
    if STRICT_NEGATIVE.match(text) and value <= 2**63:
        return None
    return -value & MAX_HALF


def parse_strict_id(text: bytes, missing_seq: EntryId = 0) -> "EntryId | None":
    """The ID of ``ms-seq`` or ``ms``, whose sequence is then `missing_seq`; ``-`` and ``+`` are no IDs here."""
    if len(text) > MAX_TEXT:
        return None
    ms_text, dash, seq_text = text.partition(b"\0")[0].partition(b"-")
    ms = parse_half(ms_text)
    seq = parse_half(seq_text) if dash else missing_seq
    return None if ms is None or seq is None else make_id(ms, seq)


def parse_id(text: bytes, missing_seq: EntryId = 0) -> "EntryId | None":
    """Like `parse_strict_id`, and ``-`` is the least ID, ``+`` the greatest."""
    if text == b"-":
        return 0
    if text == b"+":
        return MAX_ID
    return parse_strict_id(text, missing_seq)


def parse_new_id(text: bytes) -> "tuple[int, int | None] | None":
    """The halves of an ID that an entry asks for; the sequence is None in ``ms-*``, for the stream to choose."""
    ms_text, _, seq_text = text.partition(b"\0")[0].partition(b"-")
    if seq_text == b"*" and len(text) <= MAX_TEXT:
        ms = parse_half(ms_text)
        return None if ms is None else (ms, None)
    entry_id = parse_strict_id(text)
    return None if entry_id is None else (entry_id >> SEQ_BITS, entry_id & MAX_HALF)


def parse_range_start(text: bytes) -> "EntryId | None":
    """The first ID of a range; ``(`` excludes it, which gives MAX_ID + 1 after the greatest (an error of its own)."""
    if text[:1] != b"(":
        return parse_id(text)
    entry_id = parse_strict_id(text[1:])
    return None if entry_id is None else entry_id + 1


def parse_range_end(text: bytes) -> "EntryId | None":
    """The last ID of a range; ``(`` excludes the ID, which gives -1 before the least (an error of its own)."""
    if text[:1] != b"(":
        return parse_id(text, MAX_HALF)
    entry_id = parse_strict_id(text[1:], MAX_HALF)
    return None if entry_id is None else entry_id - 1
