"""upstream-hash-tag: all keys of a database together, and nothing of that to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from geventcache.commands import load_commands
from geventcache.upstream import tagged_scripts
from geventcache.upstream.plan import all_declarations
from geventcache.upstream.tagged_scripts import TaggedScripts, sha_of
from geventcache.upstream.tags import tagged

from ..support.client import Client
from ..support.cluster import ReferenceCluster
from ..support.process import Process, serving

load_commands()
BY_NAME = {declaration.name: declaration for declaration in all_declarations()}


@pytest.fixture(scope="module")
def tagging(cluster: ReferenceCluster) -> Iterator[Process]:
    """A near side that gives tags."""
    with serving("--upstream", cluster.url, "--upstream-hash-tag", "yes") as process:
        yield process


@pytest.fixture(params=[2, 3])
def client(request: pytest.FixtureRequest, tagging: Process, near: Client) -> Iterator[Client]:
    """A client in each protocol, of an empty cluster."""
    client = tagging.connect(request.param)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        ("GET k", "GET Tk"),
        ("MSET a 1 b 2", "MSET Ta 1 Tb 2"),
        ("XREAD COUNT 1 STREAMS a b 0 0", "XREAD COUNT 1 STREAMS Ta Tb 0 0"),
        ("EVAL script 2 a b c", "EVAL script 2 Ta Tb c"),
        ("SORT l BY w_* GET # GET d_*->f STORE s", "SORT Tl BY Tw_* GET # GET Td_*->f STORE Ts"),
        ("SORT l BY nosort", "SORT Tl BY nosort"),
        ("BLPOP a b 0", "BLPOP Ta Tb 0"),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "ZUNIONSTORE Td 2 Ta Tb WEIGHTS 1 2"),
        ("OBJECT|ENCODING k", "OBJECT ENCODING Tk"),
        ("KEYS a*", "KEYS Ta*"),
        ("SCAN 0", "SCAN 0 MATCH T*"),
        ("SCAN 0 COUNT 5 MATCH a*", "SCAN 0 COUNT 5 MATCH Ta*"),
        ("PUBLISH c m", "PUBLISH c m"),
        ("SPUBLISH c m", "SPUBLISH c m"),
        ("ZUNIONSTORE d x a", "ZUNIONSTORE d x a"),
        ("PFMERGE d", "PFMERGE Td"),
    ],
)
def test_where_the_tag_goes(request_: str, sent: str) -> None:
    """At keys and at patterns of keys."""
    words = request_.replace("|", " ").split()
    declaration = BY_NAME[request_.split()[0]]
    assert tagged(declaration, [word.encode() for word in words], b"T") == [word.encode() for word in sent.split()]


def test_keys_are_together(client: Client) -> None:
    """What a cluster refuses elsewhere."""
    client.do("MSET", "a", 1, "b", 2)
    client.do("SADD", "s1", "x", "y")
    client.do("SADD", "s2", "y")
    assert client.do("SINTERSTORE", "s3", "s1", "s2").value == 1
    client.do("RENAME", "a", "c")
    client.do("MULTI")
    client.do("INCR", "b")
    client.do("INCR", "c")
    client.do("LPUSH", "l", "x")
    client.do("LMPOP", 1, "l", "LEFT")
    values = client.do("EXEC").value
    assert [item.value for item in values[:3]] == [3, 2, 1]
    assert values[3].value[0].value == b"l"
    assert client.do("EVAL", "return redis.call('GET', KEYS[1]) + redis.call('GET', KEYS[2])", 2, "b", "c").value == 5


def test_names_in_replies(client: Client) -> None:
    """Clients see the names that they have given."""
    client.do("MSET", "a", 1, "b", 2)
    client.do("RPUSH", "l", "x", "y", "z")
    client.do("XADD", "s", "1-1", "f", "v")
    client.do("ZADD", "z", 1, "m")
    assert sorted(item.value for item in client.do("KEYS", "*").value) == [b"a", b"b", b"l", b"s", b"z"]
    assert [item.value for item in client.do("KEYS", "[ab]").value] in ([b"a", b"b"], [b"b", b"a"])
    assert client.do("BLPOP", "none", "l", 1).value[0].value == b"l"
    assert client.do("LMPOP", 1, "l", "LEFT").value[0].value == b"l"
    assert client.do("BZPOPMIN", "z", 1).value[0].value == b"z"
    assert client.do("LMPOP", 1, "none", "LEFT").value is None
    assert client.do("RANDOMKEY").value in (b"a", b"b", b"l", b"s")
    assert client.do("OBJECT", "ENCODING", "a").value == b"int"
    streams = client.do("XREAD", "BLOCK", 10, "STREAMS", "s", "0").value
    assert "{db" not in repr(streams)
    assert "v" in repr(streams)
    found: list[bytes] = []
    cursor = b"0"
    while True:
        cursor, keys = (item.value for item in client.do("SCAN", cursor, "COUNT", 2).value)
        found += [item.value for item in keys]
        if cursor == b"0":
            break
    assert sorted(found) == [b"a", b"b", b"l", b"s"]


def test_databases_are_apart_from_each_other_and_from_others(client: Client, near: Client) -> None:
    """Any database that this server has; keys without the tag are nobody's here."""
    near.do("SET", "foreign", 1)
    client.do("SET", "k", "zero")
    client.do("SELECT", 15)
    client.do("SET", "k", "fifteen")
    assert client.do("GET", "k").value == b"fifteen"
    assert client.do("DBSIZE").value == 1
    assert client.do("FLUSHDB").value == b"OK"
    assert client.do("DBSIZE").value == 0
    assert client.do("RANDOMKEY").value is None
    client.do("SELECT", 0)
    assert client.do("GET", "k").value == b"zero"
    assert client.do("GET", "foreign").value is None
    assert client.do("FLUSHALL").value == b"OK"
    assert client.do("GET", "k").value is None
    assert near.do("GET", "foreign").value == b"1"


def test_what_is_refused(client: Client) -> None:
    """What would show the tag, or needs two of them."""
    for request in (("MOVE", "k", 1), ("SWAPDB", 0, 1), ("MIGRATE", "h", 1, "k", 0, 1)):
        assert b"is not available with an upstream" in client.do(*request).value
    assert b"not available with upstream-hash-tag" in client.do("SUBSCRIBE", "__keyevent@0__:set").value


def test_copies_stay_in_their_database(client: Client) -> None:
    """Another one has another tag; the own one has the upstream's number."""
    client.do("SET", "k", "v")
    assert b"two databases" in client.do("COPY", "k", "c", "DB", 1).value
    client.do("SELECT", 9)
    client.do("SET", "k", "v")
    assert client.do("COPY", "k", "c", "db", 9).value == 1
    assert client.do("GET", "c").value == b"v"
    client.do("MULTI")
    client.do("COPY", "k", "d", "DB", 0)
    assert b"two databases" in client.do("EXEC").value
    client.do("SELECT", 0)


def test_errors_tell_no_tag(client: Client) -> None:
    """Where they tell of keys."""
    client.do("XADD", "s", "1-1", "f", "v")
    reads = ("XREADGROUP", "GROUP", "g", "c", "BLOCK", 10, "STREAMS", "s", ">")
    assert client.do("XGROUP", "SETID", "s", "g", "$").value.endswith(b"for key name 's'")
    assert b"No such key 's' or" in client.do(*reads).value
    client.do("MULTI")
    client.do("XGROUP", "SETID", "s", "g", "$")
    assert client.do("EXEC").value[0].value.endswith(b"for key name 's'")


@pytest.mark.parametrize("words", ["'FLUSHALL'", "'flushdb'", "'DBSIZE'", "'RANDOMKEY'", "'SELECT', 1"])
def test_scripts_reach_nobody_else(client: Client, near: Client, words: str) -> None:
    """What concerns more than their database is refused in them."""
    near.do("SET", "foreign", 1)
    assert b"has the keys of its database alone" in client.do("EVAL", f"return redis.call({words})", 0).value
    assert b"has the keys of its database alone" in client.do("EVAL", f"return redis.pcall({words})", 0).value
    assert near.do("GET", "foreign").value == b"1"


def test_what_is_kept(client: Client) -> None:
    """Reads are kept under the tag, and dropped when the key changes."""
    client.do("SET", "k", 1)
    assert [client.do("GET", "k").value for _ in range(3)] == [b"1"] * 3
    client.do("SELECT", 1)
    assert client.do("GET", "k").value is None
    client.do("SELECT", 0)
    client.do("INCR", "k")
    assert client.do("GET", "k").value == b"2"


STREAM = "redis.call('XADD', 's', '1-1', 'f', 'v') "
SORT = "'SORT', 'l', 'BY', '*', 'GET', '#', 'ALPHA', 'STORE', 'sorted'"
SCRIPTS: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    ("return KEYS", ("a", "b"), [b"a", b"b"]),
    ("redis.call('SET', 'made' .. 'up', 1) return redis.call('GET', 'madeup')", (), b"1"),
    ("return server.pcall('get', KEYS[1] .. '1')", ("a",), b"v1"),
    ("return redis.call('MGET', 'a', KEYS[1], 'none')", ("b",), [b"va", b"vb", None]),
    ("redis.call('MSET', 'x', 'y', 'y', 'x') return redis.call('MGET', 'x', 'y')", (), [b"y", b"x"]),
    ("redis.call('ZADD', 'z', 1, 'm') return redis.call('ZUNIONSTORE', 'd', 2, 'z', 'z', 'WEIGHTS', 2, 3)", (), 1),
    ("redis.call('RPUSH', 'l', 1) return redis.call('LMPOP', 2, 'none', 'l', 'LEFT')", (), [b"l", [b"1"]]),
    (STREAM + "return redis.call('XREAD', 'STREAMS', 's', 't', 0, 0)", (), [[b"s", [[b"1-1", [b"f", b"v"]]]]]),
    (STREAM + "return redis.call('XREAD', 'STREAMS', 's', '$')", (), None),
    (STREAM + "redis.setresp(3) return next(redis.call('XREAD', 'STREAMS', 's', 0).map)", (), b"s"),
    (STREAM + "redis.call('XGROUP', 'CREATE', 's', 'g', 0) return redis.call('XINFO', 'GROUPS', 's')[1][2]", (), b"g"),
    (f"redis.call('RPUSH', 'l', 'b', 'a') redis.call({SORT}) return redis.call('LINDEX', 'sorted', 0)", (), b"a"),
    ("local found = redis.call('KEYS', 'a*') table.sort(found) return found", (), [b"a", b"a1"]),
    ("return redis.call('SCAN', 0, 'MATCH', 'a1', 'COUNT', 100)[2]", (), [b"a1"]),
    ("return #redis.call('SCAN', 0, 'COUNT', 100)[2]", (), 3),
    ("redis.call('SET', 12, 'n') return redis.call('GET', '12')", (), b"n"),
    ("return redis.call('OBJECT', 'ENCODING', 'a')", (), b"embstr"),
    ("return redis.call('BITOP', 'NOT', 'x', 'a')", (), 2),
    ("return redis.call('SINTERCARD', 1, 'none')", (), 0),
    ("return redis.sha1hex('')", (), b"da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("return redis.pcall('NOSUCH', 'x').err ~= nil and cjson.encode({1})", (), b"[1]"),
    ("#!lua flags=no-writes\nreturn redis.call('GET', 'a')", (), b"va"),
    ("return redis.call('PING').ok", (), b"PONG"),
    ("return redis.call('COPY', 'a', 'c') + redis.call('EXISTS', 'a', 'b', 'c')", (), 4),
)


@pytest.mark.parametrize(("script", "keys", "found"), SCRIPTS)
def test_scripts_see_no_tag(client: Client, script: str, keys: tuple[str, ...], found: Any) -> None:
    """Neither in KEYS nor in replies; the keys that they make up are those of their client."""
    client.do("MSET", "a", "va", "b", "vb", "a1", "v1")
    for name, one in (("EVAL", script), ("EVALSHA", sha_of(script.encode()))):
        client.do("DEL", "l", "s", "z", "d", "x", "y", "c", "madeup", "sorted", "12")
        assert client.do(name, one, len(keys), *keys).plain() == found
    assert client.do("GET", "a").value == b"va"


def test_names_of_scripts(client: Client) -> None:
    """Are those that clients know, in a transaction as well; each database has its own."""
    source = b"return {KEYS[1], redis.call('GET', 'made')}"
    sha = sha_of(source)
    client.do("SCRIPT", "FLUSH")
    assert client.do("EVALSHA", sha_of(b"never seen"), 0).value.startswith(b"NOSCRIPT")
    assert client.do("SCRIPT", "LOAD", source).value == sha
    client.do("SET", "made", "up")
    assert client.do("SCRIPT", "EXISTS", sha, "0" * 40).plain() == [1, 0]
    assert client.do("SCRIPT", "SHOW", sha).value == source
    assert client.do("EVALSHA", sha.upper(), 1, "k").plain() == [b"k", b"up"]
    client.do("MULTI")
    client.do("EVALSHA", sha, 1, "k")
    client.do("EVAL", source, 1, "l")
    assert client.do("EXEC").plain() == [[b"k", b"up"], [b"l", b"up"]]
    client.do("SELECT", 3)
    assert client.do("EVALSHA", sha, 1, "k").value.startswith(b"NOSCRIPT")
    assert client.do("EVAL", source, 1, "k").plain() == [b"k", None]
    error = client.do("EVAL", "\n\nreturn redis.call('INCR', KEYS[1], 1, 2)", 1, "k")
    assert error.is_error


def test_few_scripts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten."""
    monkeypatch.setattr(tagged_scripts, "MOST_REMEMBERED", 2)
    scripts = TaggedScripts()
    for source in (b"1", b"2", b"2", b"3"):
        scripts.remember(source, b"T")
    assert list(scripts.names) == [(b"T", sha_of(b"2")), (b"T", sha_of(b"3"))]
