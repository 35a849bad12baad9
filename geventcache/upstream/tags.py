"""upstream-hash-tag: all keys of a database in one slot, by a tag that clients do not see.

The rules:

- Key k of database n is `{dbn}:k` at the upstream, in the one database that the URL names. So all databases exist,
  requests with several keys always find them together, and others can use the same cluster.
- Requests get the tag where their declarations say that keys are, and where patterns stand for keys; replies that name
  keys lose it. What a script sees as KEYS has the tag, and what it makes up itself has none.
- What concerns a whole database concerns the keys with its tag: they are walked.
"""

from __future__ import annotations

from collections.abc import Callable

from geventcache.command.declaration import Declaration
from geventcache.command.introspection import key_positions
from geventcache.resp.frames import MAP, array, bulk, bulk_value, error, error_text, is_error, items

Translate = Callable[[bytes], bytes]

_OTHER = "with upstream-hash-tag, keys of two databases are in two slots"
_EVENTS = "events of keys are not available with upstream-hash-tag"
REFUSED = {"MOVE": _OTHER, "SWAPDB": _OTHER, "MIGRATE": "keys have tags at the upstream that would arrive with them"}
EVENTS_REFUSED = b"ERR " + _EVENTS.encode()
OTHER_DATABASE = b"ERR " + _OTHER.encode()
# Replies whose first item is the key.
NAME_FIRST = frozenset(("BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX", "LMPOP", "BLMPOP", "ZMPOP", "BZMPOP"))
STREAMS = frozenset(("XREAD", "XREADGROUP"))
SORTS = frozenset(("SORT", "SORT_RO"))
SCRIPTS = frozenset(("EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO"))
PATTERNS = frozenset(("KEYS", "SCAN"))
WALKED = frozenset(("DBSIZE", "RANDOMKEY", "FLUSHDB", "FLUSHALL"))


def prefix_of(db: int) -> bytes:
    """What precedes the keys of a database."""
    return b"{db%d}:" % db


def tagged(declaration: Declaration, args: list[bytes], prefix: bytes) -> list[bytes]:
    """A request with the tag at its keys; as it is if its arguments do not fit."""
    args = list(args)
    try:
        positions = key_positions(declaration, args) if declaration.keys else []
        for i in positions:
            args[i] = prefix + args[i]
    except (ValueError, IndexError):
        return args
    if declaration.name in SORTS:
        tag_patterns(args, prefix)
    elif declaration.name == "KEYS":
        args[1] = prefix + args[1]
    elif declaration.name == "SCAN":
        tag_match(args, prefix)
    return args


def tag_patterns(args: list[bytes], prefix: bytes) -> None:
    """Give the tag to the patterns of SORT that stand for keys."""
    for i in range(2, len(args) - 1):
        stands_for_keys = b"*" in args[i + 1]
        if args[i].upper() in (b"BY", b"GET") and stands_for_keys:
            args[i + 1] = prefix + args[i + 1]


def tag_match(args: list[bytes], prefix: bytes) -> None:
    """Let SCAN find keys with the tag alone."""
    for i in range(2, len(args) - 1, 2):
        if args[i].upper() == b"MATCH":
            args[i + 1] = prefix + args[i + 1]
            return
    args += [b"MATCH", prefix + b"*"]


def translation(declaration: Declaration, prefix: bytes) -> Translate | None:
    """What takes the tag out of the replies to a command, None if there is none in them."""
    name = declaration.name
    if name in NAME_FIRST:
        return lambda frame: first_untagged(frame, prefix)
    if name in STREAMS:
        return lambda frame: streams_untagged(frame, prefix)
    if name == "KEYS":
        return lambda frame: all_untagged(frame, prefix)
    if name == "SCAN":
        return lambda frame: scan_untagged(frame, prefix)
    return None


def untagged(frame: bytes, prefix: bytes) -> bytes:
    """A key, as a frame, without its tag."""
    key = bulk_value(frame)
    return frame if key is None else bulk(key.removeprefix(prefix))


def all_untagged(frame: bytes, prefix: bytes) -> bytes:
    """An array of keys."""
    return frame if is_error(frame) else array([untagged(item, prefix) for item in items(frame)])


def is_empty(frame: bytes) -> bool:
    """An error, or a null."""
    return is_error(frame) or frame[:1] == b"_" or frame[1:2] == b"-"


def first_untagged(frame: bytes, prefix: bytes) -> bytes:
    """An array that begins with a key."""
    if is_empty(frame):
        return frame
    key, *rest = items(frame)
    return array([untagged(key, prefix), *rest])


def streams_untagged(frame: bytes, prefix: bytes) -> bytes:
    """The reply to XREAD: in RESP3 a map by name, in RESP2 an array of pairs."""
    if is_empty(frame):
        return frame
    found = items(frame)
    if frame[0] != MAP:
        return array([first_untagged(pair, prefix) for pair in found])
    named = [item if i % 2 else untagged(item, prefix) for i, item in enumerate(found)]
    return b"%%%d\r\n%b" % (len(found) // 2, b"".join(named))


def scan_untagged(frame: bytes, prefix: bytes) -> bytes:
    """The reply to SCAN."""
    if is_error(frame):
        return frame
    cursor, keys = items(frame)
    return array([cursor, all_untagged(keys, prefix)])


def reply_untagged(frame: bytes, prefix: bytes, named: Translate | None) -> bytes:
    """Any reply: errors may tell of keys, other replies do as `named` knows."""
    if is_error(frame):
        return error(error_text(frame).replace(prefix, b""))
    return frame if named is None else named(frame)


def replies_untagged(frame: bytes, translations: list[Translate]) -> bytes:
    """The reply to EXEC: each item as its command asks."""
    if is_empty(frame):
        return frame
    return array([one(item) for one, item in zip(translations, items(frame), strict=True)])
