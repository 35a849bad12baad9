"""Inline commands: words in a line, quoted where they have to be. Configuration files are written so, too."""

from __future__ import annotations

ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}
# What stands for a byte between double quotes.
QUOTED = {byte: bytes([byte]) if 32 <= byte < 127 else b"\\x%02x" % byte for byte in range(256)} | {
    byte: b"\\" + bytes([letter]) for letter, byte in [*ESCAPES.items(), (34, 34), (92, 92)]
}
SPACE = b" \t\n\r\v\f\0"


def quoted(text: bytes) -> bytes:
    """A text in double quotes, as `split_inline` reads it; what is not printable is escaped."""
    return b'"%b"' % b"".join(map(QUOTED.__getitem__, text))


def split_inline(line: bytes) -> list[bytes] | None:
    r"""The words of an inline command, or None when its quotes do not balance.

    Double quotes know the escapes of C and ``\xHH``; single quotes only ``\'``.
    """
    if b'"' not in line and b"'" not in line:
        return line.split()
    words: list[bytes] = []
    pos = 0
    end = len(line)
    while True:
        while pos < end and line[pos] in SPACE:
            pos += 1
        if pos >= end:
            return words
        word = bytearray()
        while pos < end and line[pos] not in SPACE:
            if line[pos] == 34:
                pos = read_double_quoted(line, pos + 1, word)
            elif line[pos] == 39:
                pos = read_single_quoted(line, pos + 1, word)
            else:
                word.append(line[pos])
                pos += 1
            if pos < 0:
                return None
        words.append(bytes(word))


def read_double_quoted(line: bytes, pos: int, word: bytearray) -> int:
    """Append to `word` what stands before the closing quote; return the index after it, or -1 when there is none."""
    end = len(line)
    while pos < end:
        byte = line[pos]
        if byte == 34:
            return pos + 1
        if byte == 92 and pos + 1 < end:
            digits = line[pos + 2 : pos + 4]
            if line[pos + 1] == 120 and len(digits) == 2 and all(d in b"0123456789abcdefABCDEF" for d in digits):
                word.append(int(digits, 16))
                pos += 4
                continue
            pos += 1
            byte = ESCAPES.get(line[pos], line[pos])
        word.append(byte)
        pos += 1
    return -1


def read_single_quoted(line: bytes, pos: int, word: bytearray) -> int:
    """As `read_double_quoted`, for single quotes."""
    end = len(line)
    while pos < end:
        if line[pos] == 39:
            return pos + 1
        if line[pos : pos + 2] == b"\\'":
            pos += 1
        word.append(line[pos])
        pos += 1
    return -1
