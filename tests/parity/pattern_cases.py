"""Patterns of Lua for the tests of scripts: random ones, right or wrong, with texts in which they find something."""

from __future__ import annotations

import random
from collections.abc import Iterator

# All that the functions of a pattern give for a text: values, or the error.
MATCH = """
local text, pattern, replacement = ARGV[1], ARGV[2], ARGV[3]
local function all(found)
    local r = {}
    for a, b in found do r[#r + 1] = tostring(a) .. '|' .. tostring(b) end
    return r
end
local function try(f, ...)
    local r = {pcall(f, ...)}
    for i = 1, 8 do r[i] = type(r[i]) == 'table' and r[i] or tostring(r[i]) end
    return r
end
return {
    try(string.find, text, pattern), try(string.match, text, pattern, -9), try(string.gsub, text, pattern, replacement),
    try(function() return all(string.gmatch(text, pattern)) end),
    try(string.gsub, text, pattern, {a = 'x', ab = false, b = 7}),
    try(string.gsub, text, pattern, function(a, b) return tostring(a) .. tostring(b) end, 3),
    try(function() return (string.find(text, pattern)) end),
    try(function() local r = string.gsub(text, pattern, '%2') return r end),
}
"""
CHARACTERS = (*"aabbc .-]^$=", "%a", "%w", "%s", "%d", "%p", "%A", "%z", "%g", "%.", "%%", "%]", ".", ".", "\\")
IN_SETS = ("a", "b", "c", "a-c", "%w", "%s", "-", "]", "^", "%]", ".", "%-", "%a-z")
RARE = (
    "%bab",
    "%b()",
    "%b",
    "%f[%w]",
    "%f[^%w]",
    "%fa",
    "%f[a",
    "%1",
    "%2",
    "%0",
    "^",
    "$",
    "(",
    ")",
    "()",
    "%",
    "[",
    "\0",
)
SIGNS = ("", "", "*", "+", "-", "-", "?")
TEXT = "aaaabbc ()=.-]\0A1$^\\"
FAMILIAR = (
    ("^%s*(.-)%s*$", "  some words  "),
    ("(%w+)%s*=%s*(%w+)", "key = value, x=1"),
    ("<(.-)>", "a <b>bold</b> word <"),
    ("%b()", "f(a(b)c) + (d"),
    ("%f[%a]%a+", "THE (quick) fox"),
    ("(a*(.)%w(%s*))", "aab b c"),
    ("(%a+)%1", "hellohello abab"),
    ("^(.-)=(.*)$", "a=b=c"),
)


def of_seed(seed: int, count: int) -> Iterator[tuple[str, str, str]]:
    """Give a text, a pattern and a replacement, so many times; long patterns are those that go back most."""
    chance = random.Random(seed)

    def item() -> str:
        kind = chance.random()
        if kind > 0.9:
            return chance.choice(RARE)
        if kind > 0.65:
            inside = "".join(chance.choice(IN_SETS) for _ in range(chance.randint(1, 4)))
            return f"[{chance.choice(('', '^'))}{inside}]{chance.choice(SIGNS)}"
        return chance.choice(CHARACTERS) + chance.choice(SIGNS)

    for pattern, text in FAMILIAR:
        yield text, pattern, "<%1%0>"
        yield text * 40, pattern, "<%0>"
    for _ in range(count):
        size = chance.choice((2, 4, 10))
        pattern = "".join(f"({item()}{item()})" if chance.random() < 0.2 else item() for _ in range(size))
        text = "".join(chance.choice(TEXT) for _ in range(chance.randint(0, 24)))
        replacement = "".join(chance.choice(("x", "%0", "%1", "%%", "%", "")) for _ in range(2))
        yield text, chance.choice(("", "", "^")) + pattern + chance.choice(("", "", "$", "x")), replacement
