"""The notation of command arguments, and what COMMAND DOCS makes of it.

A declaration gives a command's arguments as one line of text, read only when somebody asks for the documentation::

    key#0 value condition(NX@2.6.12 | XX@2.6.12)? GET? expiration(EX=seconds:integer | KEEPTTL)? data{field value}*

========================  =============================================================================
``name``                  a string; ``name:type`` for another type (integer, double, pattern, unix-time)
``name#0``                a key, of the key specification 0; ``name:key`` a key of none
``TOKEN``                 a word by itself; ``TOKEN=name:token`` when it is not named after its token
``TOKEN=name``            an argument that a word announces
``name(a | b)``           one of several;  ``TOKEN=name(a | b)`` likewise, announced
``name{a b}``             several together
``?`` ``*`` ``+``         optional, repeated, repeated together with its token
``@1.0.0``  ``!7.0.0``    since, deprecated since
``'text'``  ``<text>``    shown as, described as
========================  =============================================================================
"""

from __future__ import annotations

import re
from typing import Any

WORD = re.compile(r"\s*(\*=[\w:-]+|[{}()|?*+]|'[^']*'|<[^>]*>|[@!][\d.]+|[^\s{}()|?*+@!'<]+)")
FLAGS = {"?": "optional", "*": "multiple", "+": "multiple_token"}


def parse_arguments(text: str) -> list[dict[str, Any]]:
    """The arguments of one line of notation, as COMMAND DOCS tells them.

    Raises:
        ValueError: the text is not of the notation.
    """
    words = []
    position = 0
    while position < len(text):
        word = WORD.match(text, position)
        if word is None:
            raise ValueError(f"not understood: {text[position:]}")
        words.append(word[1])
        position = word.end()
    arguments = read_sequence(words, "")
    if words:
        raise ValueError(f"not understood: {words}")
    return arguments


def read_sequence(words: list[str], end: str) -> list[dict[str, Any]]:
    """Arguments up to the word `end`."""
    found: list[dict[str, Any]] = []
    while words and words[0] != end:
        if words[0] == "|":
            words.pop(0)
            continue
        found.append(read_argument(words))
    if end:
        words.pop(0)
    return found


def read_argument(words: list[str]) -> dict[str, Any]:
    """One argument with what belongs to it."""
    facts = read_head(words.pop(0))
    if words and words[0] in "({":
        is_choice = words.pop(0) == "("
        facts["type"] = "oneof" if is_choice else "block"
        facts["arguments"] = read_sequence(words, ")" if is_choice else "}")
    flags = []
    while words and words[0][0] in "?*+@!'<":
        word = words.pop(0)
        if word in FLAGS:
            flags.append(FLAGS[word])
        else:
            name = {"@": "since", "!": "deprecated_since", "'": "display_text", "<": "summary"}[word[0]]
            facts[name] = word[1:-1] if word[0] in "'<" else word[1:]
    return arrange(facts, flags)


def read_head(word: str) -> dict[str, Any]:
    """Name, type, key specification and token of one word."""
    token, equals, name = word.rpartition("=")
    name, colon, kind = name.partition(":")
    name, hash_sign, spec = name.partition("#")
    if colon:
        kind, hash_sign, spec = kind.partition("#") if "#" in kind else (kind, hash_sign, spec)
    facts: dict[str, Any] = {"name": name, "type": kind or ("key" if hash_sign else "string")}
    if hash_sign:
        facts["key_spec_index"] = int(spec)
    if equals:
        facts["token"] = token.strip('"')
    elif name == name.upper() and re.search("[A-Z]", name):
        facts |= {"name": name.lower(), "type": "pure-token", "token": name}
    if facts["type"] == "token":
        facts["type"] = "pure-token"
    return facts


def arrange(facts: dict[str, Any], flags: list[str]) -> dict[str, Any]:
    """The facts in the order in which the reference tells them."""
    argument: dict[str, Any] = {"name": facts["name"], "type": facts["type"]}
    if "arguments" not in facts or "display_text" in facts:
        argument["display_text"] = facts.get("display_text", facts["name"])
    for name in ("key_spec_index", "token", "summary", "since", "deprecated_since"):
        if name in facts:
            argument[name] = facts[name]
    if flags:
        argument["flags"] = [flag for flag in FLAGS.values() if flag in flags]
    if "arguments" in facts:
        argument["arguments"] = facts["arguments"]
    return argument
