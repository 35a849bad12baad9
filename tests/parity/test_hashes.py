"""The hash commands: scripts for what each promises, then random scripts over all of them, deadlines included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.wire import Reply
from . import strategies as s
from .machine import ParityMachine, run_machine
from .match import approx, items, mapping, unordered
from .pair import Pair


def pairs(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match fields with their values in any order, flat as in RESP2 or nested as in RESP3."""
    yield from unordered(2)(flat(reference), flat(subject), path)


def flat(reply: Reply) -> Reply:
    """An array without its inner arrays."""
    if reply.kind != "*":
        return reply
    return Reply("*", tuple(leaf for part in reply.value for leaf in (part.value if part.kind == "*" else (part,))))


SCRIPTS = {
    "set and read": r"""
        HSET h f v g "a\r\nb" f w
        HSET h f x
        HSET h f
        HSET h f v g
        HSET str f v g
        HSET h
        HGET h f
        HGET h g
        HGET h nothing
        HGET missing f
        HGET h f g
        HMGET h f nothing g f
        HMGET missing f g
        HMGET h
        HEXISTS h f
        HEXISTS h nothing
        HEXISTS missing f
        HSTRLEN h g
        HSTRLEN h nothing
        HSTRLEN missing f
        HLEN h
        HLEN missing
        HGETALL h
        HGETALL missing
        HKEYS h
        HKEYS missing
        HVALS h
        HVALS missing
        HMSET h f 1 i 2
        HMSET h f
        HMSET h f 1 i
        HSETNX h f 2
        HSETNX h j 2
        HSETNX new f 1
        HGETALL h
        HGETALL new
        HDEL h f nothing f j
        HDEL h g i
        EXISTS h
        HDEL h g
        HDEL h
    """,
    "empty and binary": r"""
        HSET h "" "" "\x00\xff" "\r\n"
        HGET h ""
        HGET h "\x00\xff"
        HSTRLEN h ""
        HEXISTS h ""
        mapping: HGETALL h
        HDEL h ""
    """,
    "wrong type": """
        SET str x
        HSET str f v
        HMSET str f v
        HSETNX str f v
        HGET str f
        HMGET str f
        HGETALL str
        HKEYS str
        HVALS str
        HLEN str
        HEXISTS str f
        HSTRLEN str f
        HDEL str f
        HINCRBY str f 1
        HINCRBY str f x
        HINCRBYFLOAT str f 1
        HINCRBYFLOAT str f x
        HINCRBYFLOAT str f inf
        HRANDFIELD str
        HRANDFIELD str 1
        HRANDFIELD str x
        HSCAN str 0
        HSCAN str x
        HTTL str FIELDS 1 f
        HTTL str FIELDS 2 f
        HPERSIST str FIELDS 1 f
        HPERSIST str FIELDS 2 f
        HEXPIRE str 100 FIELDS 1 f
        HEXPIRE str -1 FIELDS 1 f
        HEXPIRE str 100 FOO FIELDS 1 f
        HGETDEL str FIELDS 1 f
        HGETDEL str FIELDS 2 f
        HGETEX str FIELDS 1 f
        HGETEX str EX x FIELDS 1 f
        HGETEX str FOO FIELDS 1 f
        HGETEX str FIELDS 2 f
        HSETEX str FIELDS 1 f v
        HSETEX str NX EX x FIELDS 1 f v
        HSETEX str EX FIELDS 1 f v
        HSETEX str FIELDS 2 f v
    """,
    "count": """
        HINCRBY h n 5
        HINCRBY h n -7
        HINCRBY h n 9223372036854775807
        HINCRBY h n 1
        HINCRBY h n -9223372036854775808
        HINCRBY h n 3
        HINCRBY h n 9223372036854775808
        HINCRBY h n 1.5
        HINCRBY h low -9223372036854775808
        HINCRBY h low -1
        HINCRBY h low 1
        HSET h text abc space " 1" plus +1 zero 00 f 1.5
        HINCRBY h text 1
        HINCRBY h space 1
        HINCRBY h plus 1
        HINCRBY h zero 1
        HINCRBY h f 1
        HINCRBY missing text x
        EXISTS missing
        HGETALL h
    """,
    "count with fractions": """
        HINCRBYFLOAT h n 10.50
        HINCRBYFLOAT h n 0.1
        HINCRBYFLOAT h n 5.0e3
        HINCRBYFLOAT h n -5111.6
        HINCRBYFLOAT h n 0x10
        HINCRBYFLOAT h n 1e-17
        HINCRBYFLOAT h n nan
        HINCRBYFLOAT h n inf
        HINCRBYFLOAT h n -inf
        HINCRBYFLOAT h n x
        HINCRBYFLOAT h n 1e5000
        HSET h text abc space " 1" infinite inf none nan big 1e4932
        HINCRBYFLOAT h text 1
        HINCRBYFLOAT h text x
        HINCRBYFLOAT h space 1
        HINCRBYFLOAT h infinite 1
        HINCRBYFLOAT h none 1
        HINCRBYFLOAT h big 1e4932
        HINCRBYFLOAT h big 1
        HINCRBYFLOAT missing f inf
        EXISTS missing
        HGETALL h
    """,
    "draw": """
        HSET h a 1 b 2 c 3
        shape: HRANDFIELD h
        shape: HRANDFIELD h 2
        shape: HRANDFIELD h -20
        unordered: HRANDFIELD h 3
        unordered: HRANDFIELD h 50
        HRANDFIELD h 0
        HRANDFIELD h 0 WITHVALUES
        HRANDFIELD h x
        HRANDFIELD h x FOO
        HRANDFIELD h 1 FOO
        HRANDFIELD h 1 WITHVALUES x
        HRANDFIELD h -9223372036854775808
        HRANDFIELD h 9223372036854775808
        HRANDFIELD h 9223372036854775807 WITHVALUES
        HRANDFIELD h 4611686018427387904 WITHVALUES
        HRANDFIELD missing 4611686018427387904 WITHVALUES
        HRANDFIELD missing
        HRANDFIELD missing 2
        HRANDFIELD missing -2 withvalues
        HSET one f v
        HRANDFIELD one
        HRANDFIELD one 5
        HRANDFIELD one -3
        HRANDFIELD one -3 WITHVALUES
        HRANDFIELD one 5 WITHVALUES
    """,
    "scan": """
        HSET h a 1 b 2 c 3
        HSCAN h 0
        HSCAN h 0 COUNT 1
        HSCAN h 0 MATCH [ab]
        HSCAN h 0 MATCH "" COUNT 1
        HSCAN h 0 NOVALUES
        HSCAN h 0 MATCH a novalues COUNT 5
        HSCAN h 0 NOSCORES
        HSCAN h 0 COUNT 0
        HSCAN h 0 COUNT x
        HSCAN h 0 COUNT
        HSCAN h 0 TYPE hash
        HSCAN h 0 FOO
        HSCAN h x
        HSCAN h -1
        HSCAN missing 0 FOO
        HSCAN missing x
        HSCAN h
    """,
    "deadlines": """
        HSET h a 1 b 2 c 3
        HEXPIRE h 100 FIELDS 3 a b nothing
        HEXPIRE h 100 NX FIELDS 2 a c
        HEXPIRE h 50 GT FIELDS 2 a c
        HPERSIST h FIELDS 3 a b nothing
        HPERSIST h FIELDS 1 b
        HEXPIRE h 100 XX FIELDS 2 a c
        HEXPIRE h 200 GT FIELDS 2 a c
        HEXPIRE h 150 LT FIELDS 2 a b
        HEXPIRE h 300 GT XX FIELDS 1 a
        HEXPIRE h 200 NX XX FIELDS 1 a
        HEXPIRE h 200 GT LT FIELDS 1 a
        HEXPIRE h 200 FOO NX XX FIELDS 1 a
        HEXPIRE h 200 NX NX FIELDS 1 a
        HEXPIRE missing 100 FIELDS 2 a b
        HEXPIRE h -1 FIELDS 1 a
        HEXPIREAT h -1 FIELDS 1 a
        HEXPIRE h 0 GT FIELDS 1 b
        HEXPIRE h 0 FIELDS 3 b nothing b
        mapping: HGETALL h
        HEXPIRE h 9223372036854775807 FIELDS 1 c
        HPEXPIRE h 9223372036854775807 FIELDS 1 c
        HPEXPIREAT h 4000000000500 FIELDS 1 c
        HEXPIRETIME h FIELDS 3 c a nothing
        HPEXPIRETIME h FIELDS 1 c
        HPEXPIREAT h 4000000000499 FIELDS 1 c
        HEXPIRETIME h FIELDS 1 c
        approx: HTTL h FIELDS 1 c
        approx_ms: HPTTL h FIELDS 1 c
        HEXPIREAT h 5000000000 FIELDS 2 c c
        HEXPIRETIME h FIELDS 1 c
        HPEXPIREAT h 1 FIELDS 1 c
        HEXPIREAT h 0 XX FIELDS 2 a c
        EXISTS h
        HTTL missing FIELDS 2 a b
        HPTTL missing FIELDS 1 a
        HEXPIRETIME missing FIELDS 1 a
        HPEXPIRETIME missing FIELDS 1 a
        HPERSIST missing FIELDS 2 a b
    """,
    "numbers of fields": """
        HSET h a 1 b 2
        HEXPIRE h 100 FIELDS 2 a
        HEXPIRE h 100 FIELDS 1 a b
        HEXPIRE h 100 FIELDS 0 a
        HEXPIRE h 100 FIELDS -1 a
        HEXPIRE h 100 FIELDS x a
        HEXPIRE h 100 FIELD 1 a
        HEXPIRE h 100 FIELDS FIELDS 1 a
        HEXPIRE h 100 a b FIELDS
        HEXPIRE h 100 a FIELDS 1
        HEXPIRE h x FIELDS 2 a
        HEXPIRE h x FIELDS 1 a
        HEXPIRE h FIELDS FIELDS 1 a
        HEXPIRE h 100 FIELDS 2147483648 a
        HEXPIRE h 100 FIELDS 99999999999999999999 a
        HEXPIRE h 100 NX XX FIELDS 2 a
        HEXPIRE h 100 FOO FIELDS 2 a
        HEXPIRE h 100 fields 1 a
        HTTL h FIELDS 2 a
        HTTL h FIELDS 1 a b
        HTTL h FIELDS 0 a
        HTTL h FIELDS x a
        HTTL h FIELD 1 a
        HTTL h FIELDS 1
        HPERSIST h FIELDS 2 a
        HPERSIST h FIELDS x a
        HPERSIST h FIELD 1 a
        HGETDEL h FIELDS 2 a
        HGETDEL h FIELDS 0 a
        HGETDEL h FIELDS x a
        HGETDEL h FIELD 1 a
        HGETEX h FIELDS 2 a
        HGETEX h FIELDS x a
        HGETEX h FOO BAR FIELDS
        HGETEX h FOO BAR FIELDS 1
        HGETEX h EX 100 a b
        HGETEX h EX FIELDS 1 FIELDS
        HSETEX h FIELDS 1 a 1 b
        HSETEX h FIELDS 2 a 1
        HSETEX h FIELDS 2 a 1 b
        HSETEX h FIELDS 4611686018427387904 a 1
        HSETEX h FIELDS x a 1
        HSETEX h FOO a b c d
        HSETEX h FOO FIELDS x a
        HSETEX h FIELDS 2 FIELDS 1 a 1
        mapping: HGETALL h
    """,
    "get and delete": """
        HSET h a 1 b 2 c 3
        HGETDEL h FIELDS 3 a nothing a
        HGETDEL h fields 2 b c
        EXISTS h
        HGETDEL missing FIELDS 2 a b
    """,
    "get and expire": """
        HSET h a 1 b 2 c 3
        HGETEX h FIELDS 2 a nothing
        HGETEX h EX 100 FIELDS 2 a nothing
        approx: HTTL h FIELDS 2 a b
        HGETEX h FIELDS 1 a
        approx: HTTL h FIELDS 1 a
        HGETEX h PERSIST FIELDS 2 a b
        HTTL h FIELDS 1 a
        HGETEX h EXAT 4000000000 FIELDS 1 a
        HGETEX h PXAT 4000000000001 FIELDS 1 b
        HPEXPIRETIME h FIELDS 2 a b
        HGETEX h EX 10 PX 10 FIELDS 1 b
        HGETEX h EX 10 PERSIST FIELDS 1 b
        HGETEX h PERSIST PERSIST FIELDS 1 b
        HGETEX h EX x EX 100 FIELDS 1 b
        HGETEX h EX 100 EX x FIELDS 1 b
        HGETEX h EX FIELDS 1 b
        HGETEX h KEEPTTL FIELDS 1 b
        HGETEX h NX FIELDS 1 b
        HGETEX h EX -1 FIELDS 1 b
        HGETEX h EX 9223372036854775807 FIELDS 1 b
        HGETEX missing EX -1 FIELDS 1 b
        HGETEX missing EX x FIELDS 1 b
        HGETEX missing EX 0 FIELDS 2 b c
        HGETEX h PXAT 0 FIELDS 2 a a
        HGETEX h PX 0 FIELDS 2 b c
        EXISTS h
    """,
    "set and expire": """
        HSETEX h FIELDS 2 a 1 a 2
        HSETEX h EX 100 FIELDS 2 a 3 b 4
        approx: HTTL h FIELDS 2 a b
        HSETEX h KEEPTTL FIELDS 2 a 5 c 6
        approx: HTTL h FIELDS 2 a c
        HSETEX h FIELDS 1 a 7
        HTTL h FIELDS 1 a
        HSETEX h NX FIELDS 1 a 8
        HSETEX h NX EX x FIELDS 1 a 8
        HSETEX h XX FIELDS 1 a 9
        HSETEX missing XX FIELDS 1 a 1
        HSETEX missing XX EX -1 FIELDS 1 a 1
        HSETEX missing FXX FIELDS 1 a 1
        EXISTS missing
        HSETEX new NX FNX EX 100 FIELDS 1 a 1
        HSETEX h FNX FIELDS 2 a 1 z 1
        HSETEX h FNX EX x FIELDS 1 a 1
        HSETEX h FXX FIELDS 2 a 1 z 1
        HSETEX h FXX FXX XX XX FIELDS 2 a 1 b 1
        HSETEX h NX XX FIELDS 1 a 1
        HSETEX h FNX FXX FIELDS 1 a 1
        HSETEX h EX 10 KEEPTTL FIELDS 1 a 1
        HSETEX h PX 10 EX 10 FIELDS 1 a 1
        HSETEX h EX 100 EX 100 FIELDS 1 a 1
        HSETEX h PERSIST FIELDS 1 a 1
        HSETEX h EX EX FIELDS 1 a 1
        HSETEX h EX -1 FIELDS 1 a 1
        HSETEX h PXAT 1 FIELDS 2 a 1 n 1
        mapping: HGETALL h
        HSETEX gone EX 0 FIELDS 1 a 1
        EXISTS gone
        HSETEX h FIELDS 1 a
    """,
    "a new value has no deadline, a count keeps it": """
        HSET h a 1 b 2 c 3
        HEXPIREAT h 4000000000 FIELDS 3 a b c
        HINCRBY h a 1
        HINCRBYFLOAT h b 1.5
        HSET h c 4
        HSETNX h a 9
        HEXPIRETIME h FIELDS 3 a b c
        HMSET h a 1 b 1
        HEXPIRETIME h FIELDS 2 a b
        HEXPIREAT h 4000000000 FIELDS 1 a
        HDEL h a
        HSET h a 1
        HEXPIRETIME h FIELDS 1 a
    """,
    "fields keep their deadlines wherever the key goes": """
        HSET h a 1 b 2
        HEXPIREAT h 4000000000 FIELDS 1 a
        COPY h copied
        RENAME h renamed
        MOVE renamed 1
        HEXPIRETIME copied FIELDS 2 a b
        SELECT 1
        HEXPIRETIME renamed FIELDS 2 a b
        OBJECT ENCODING renamed
        HPERSIST renamed FIELDS 1 a
        SELECT 0
        HEXPIRETIME copied FIELDS 1 a
    """,
    "in a transaction": """
        MULTI
        HSET h q 1
        HGETEX h EXAT 4000000000 FIELDS 1 q
        HGETALL h
        HSET h q 2
        HGETDEL h FIELDS 1 q
        HGETALL h
        EXEC
    """,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(pair: Pair, script: str) -> None:
    """Each family of hash commands answers as the reference's does."""
    pair.play(script)


@pytest.mark.parametrize("size", [511, 512, 513])
def test_sizes_at_which_the_encoding_changes(pair: Pair, size: int) -> None:
    """A hash changes its encoding at the reference's numbers of fields, and never back."""
    pairs = [part for number in range(size) for part in (f"f{number}", number)]
    pair.do("HSET", "once", *pairs)
    pair.do("HMSET", "repeated", *["f", "v"] * size)
    pair.do("HSETEX", "by number", "FIELDS", size, *pairs)
    for number in range(size):
        pair.do("HSET", "grown", f"f{number}", "v")
    for key in ("once", "repeated", "by number", "grown"):
        pair.do("OBJECT", "ENCODING", key)
    pair.do("HDEL", "grown", *pairs[: 2 * size - 2])
    pair.do("OBJECT", "ENCODING", "grown")


@pytest.mark.parametrize("length", [64, 65])
def test_lengths_at_which_the_encoding_changes(pair: Pair, length: int) -> None:
    """A hash changes its encoding at the reference's lengths of fields and of values."""
    long = "x" * length
    pair.do("HSET", "field", long, "v")
    pair.do("HSET", "value", "f", long)
    pair.do("HSETNX", "unless", "f", long)
    pair.do("HSETEX", "by number", "FIELDS", 1, "f", long)
    pair.do("HSET", "counter", long, 1)
    pair.do("HINCRBY", "counter", long, 1)
    for key in ("field", "value", "unless", "by number", "counter"):
        pair.do("OBJECT", "ENCODING", key)


@pytest.mark.parametrize("count", [3, 50, 4611686018427387903])
def test_all_fields_are_drawn_with_their_values(pair: Pair, count: int) -> None:
    """A draw of as many fields as there are shows each once, with its value."""
    pair.do("HSET", "h", "a", 1, "b", 2, "c", 3)
    pair.do("HRANDFIELD", "h", count, "WITHVALUES", match=pairs)


def test_deadlines_change_the_encoding(pair: Pair) -> None:
    """A deadline makes a small hash a table, one in the past does not."""
    for command in (
        ("HSETEX", "h", "FIELDS", 2, "a", 1, "b", 2),
        ("HEXPIRE", "h", 0, "FIELDS", 1, "a"),
        ("HSETEX", "h", "PXAT", 1, "FIELDS", 1, "c", 3),
        ("HPERSIST", "h", "FIELDS", 1, "b"),
        ("HSETEX", "h", "EX", 100, "FXX", "FIELDS", 1, "z", 3),
        ("HGETEX", "h", "EX", 100, "FIELDS", 1, "b"),
        ("HPERSIST", "h", "FIELDS", 1, "b"),
    ):
        pair.do(*command)
        pair.do("OBJECT", "ENCODING", "h")


def test_a_scan_of_a_large_hash_is_complete(pair: Pair) -> None:
    """Pages of HSCAN together hold every field that was there all the time, while others come and go."""
    fields = [b"f%d" % number for number in range(1000)]
    pair.do("HSET", "h", *(part for field in fields for part in (field, field)))
    for client in pair.clients:
        found: dict[bytes, bytes] = {}
        cursor, pages = b"0", 0
        while pages == 0 or cursor != b"0":
            cursor, page = (part.value for part in client.do("HSCAN", "h", cursor, "COUNT", "50").value)
            words = [reply.value for reply in page]
            found.update(zip(words[::2], words[1::2], strict=True))
            client.do("HSET", "h", f"new{pages}", "v")
            client.do("HDEL", "h", f"new{pages - 2}")
            pages += 1
            assert pages < 1000
        assert {field: found[field] for field in fields} == dict(zip(fields, fields, strict=True))


def test_keys_with_volatile_fields_are_counted(pair: Pair) -> None:
    """INFO tells in how many keys there are fields with deadlines."""
    for command in (
        ("HSETEX", "h", "EX", 100, "FIELDS", 1, "a", 1),
        ("HSETEX", "i", "EX", 100, "FIELDS", 1, "a", 1),
        ("COPY", "h", "j"),
        ("SET", "i", "x"),
        ("HSET", "j", "a", 1),
        ("HDEL", "h", "a"),
    ):
        pair.do(*command)
        pair.do("INFO", "keyspace")


class HashMachine(ParityMachine):
    """The hash commands; times to live are long, over, or wrong."""

    beginning = (
        ("HSET", "k1", "a", "1", "b", "two", "foo", "3.5"),
        ("HSETEX", "k2", "EXAT", "4000000000", "FIELDS", "2", "a", "12", "b", "x"),
        ("HSET", "k2", "bar", "-7"),
    )

    field = s.one_of(s.word, s.word, s.word, s.value)
    condition = s.options("NX", "XX", "GT", "LT", most=2)
    existence = s.options("NX", "XX", most=2)  # two deadlines from now are in the same millisecond, or are not
    fields = s.one_of(
        ["FIELDS", 1, field],
        ["FIELDS", 1, s.word],
        ["FIELDS", 2, s.word, s.word],
        ["fields", 3, s.word, s.word, field],
        ["FIELDS", s.count, field],
    )
    values = s.one_of(
        ["FIELDS", 1, field, s.value],
        ["FIELDS", 2, s.word, s.value, s.word, s.value],
        ["FIELDS", s.count, field, s.value],
    )
    deadline = s.one_of(
        ["EX", s.seconds],
        ["PX", s.milliseconds],
        ["EXAT", s.unix_seconds],
        ["PXAT", s.flag("4000000000000", "0", "-1")],
    )

    commands = (
        ("HSET", s.any_key, s.many(field, s.value)),
        ("HSET", s.any_key, field, s.value),
        ("HMSET", s.any_key, s.many(field, s.value)),
        ("HSETNX", s.any_key, field, s.value),
        ("HGET", s.any_key, field),
        ("HMGET", s.any_key, s.many(field)),
        ("HEXISTS", s.any_key, field),
        ("HSTRLEN", s.any_key, field),
        ("HLEN", s.any_key),
        ("HDEL", s.any_key, s.many(field)),
        ("HINCRBY", s.any_key, field, s.integer),
        ("HINCRBYFLOAT", s.any_key, field, s.number),
        s.command("HGETALL", s.any_key, match=mapping()),
        s.command("HKEYS", s.any_key, match=unordered()),
        s.command("HVALS", s.any_key, match=unordered()),
        s.command("HRANDFIELD", s.any_key, s.flag("0", "1000"), match=unordered(), damaged=False),
        s.command("HRANDFIELD", s.any_key, "1000", "WITHVALUES", match=pairs, damaged=False),
        s.command("HSCAN", s.any_key, 0, "COUNT", 1000, s.maybe("MATCH", s.pattern), match=items({1: unordered(2)})),
        s.command("HSCAN", s.any_key, 0, "COUNT", 1000, "NOVALUES", match=items({1: unordered()})),
        ("HEXPIRE", s.any_key, s.seconds, existence, fields),
        ("HPEXPIRE", s.any_key, s.milliseconds, existence, fields),
        ("HEXPIREAT", s.any_key, s.unix_seconds, condition, fields),
        ("HPEXPIREAT", s.any_key, s.flag("4000000000000", "4100000000000", "1", "0", "-5"), condition, fields),
        ("HEXPIREAT", s.any_key, "4000000000", fields),
        s.command("HTTL", s.any_key, fields, match=approx(5)),
        s.command("HPTTL", s.any_key, fields, match=approx(5000)),
        ("HPERSIST", s.any_key, fields),
        ("HGETDEL", s.any_key, fields),
        ("HGETEX", s.any_key, s.maybe(deadline), fields),
        ("HGETEX", s.any_key, s.flag("PERSIST", "KEEPTTL", "NX"), fields),
        ("HSETEX", s.any_key, s.options("NX", "XX", "FNX", "FXX", "KEEPTTL", [deadline]), values),
        ("HSETEX", s.any_key, deadline, values),
    )


def test_hashes_in_step(pair: Pair) -> None:
    """Random scripts of hash commands leave both servers with the same replies and the same data."""
    run_machine(HashMachine, pair)


def test_hash_events(pair: Pair) -> None:
    """Each hash command publishes the reference's keyspace events, in its order."""
    run_machine(HashMachine, pair, events="KEA")
