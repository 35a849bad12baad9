"""Commands and hooks in Python: what clients see of them, and what their mistakes do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from geventcache import Cache, Server
from geventcache.command.declaration import DeclarationError
from geventcache.engine.effects import Sink
from geventcache.extension import Context, Database, ExpiredKey, ResponseError, command, with_values

from ..server.test_travel import opened
from ..support.client import Client


@command("CART.TOTAL", keys=1, readonly=True, complexity="O(N)")
def total(ctx: Context, key: bytes) -> float:
    """Sums the prices in a cart.

    They are the values of a hash.
    """
    return sum(map(float, ctx.call("HVALS", key)))


@command("CART.ADD", keys=1, fast=True)
def add(ctx: Context, key: bytes, item: bytes, price: bytes, seconds: bytes = b"3600") -> dict[str, Any]:
    """Puts an item into a cart, which lives on for an hour."""
    if float(price) < 0:
        raise ResponseError("CART prices are not negative")
    ctx.call("HSET", key, item, price)
    ctx.call("EXPIRE", key, seconds)
    return {"user": ctx.user, "db": ctx.db, "items": ctx.call("HLEN", key), "at": ctx.time()}


@command("CART.MERGE", keys=-1)
def merge(ctx: Context, target: bytes, *others: bytes) -> None:
    """Moves all into the first cart."""
    for other in others:
        for item, price in ctx.call("HGETALL", other).items():
            ctx.call("HSET", target, item, price)
        ctx.call("DEL", other)


@command("CART.BREAK", keys=1)
def broken(ctx: Context, key: bytes) -> object:
    """Fails after it has changed something."""
    ctx.call("HSET", key, "half", 1)
    return object()


@command("CART.CHEAT", keys=1, readonly=True)
def cheat(ctx: Context, key: bytes, *request: bytes) -> Any:
    """Calls whatever it is told to."""
    return ctx.call(*request)


COMMANDS = (total, add, merge, broken, cheat)


@pytest.fixture
def cache() -> Iterator[Cache]:
    """A cache that has them."""
    with Cache(commands=COMMANDS, clock="manual") as made:
        made.clock.set(1_800_000_000)
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that has them."""
    with Server(commands=COMMANDS) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A connection to it."""
    with opened(server) as open_one:
        client = open_one(3)
        client.do("FLUSHALL")
        yield client


# ---------------------------------------------------------------------- commands


def test_values_and_errors(cache: Cache) -> None:
    """What a function returns is the reply, by its type; a ResponseError is an error, its own or a command's."""
    assert cache.execute("cart.add", "c", "pear", "1.5") == {
        b"user": b"default",
        b"db": 0,
        b"items": 1,
        b"at": 1_800_000_000.0,
    }
    cache.execute("CART.ADD", "c", "fig", 2, 60)
    assert cache.execute("CART.TOTAL", "c") == 3.5
    assert cache.ttl("c") == 60
    assert cache.execute("CART.MERGE", "c2", "c") is None
    assert cache.hgetall("c2") == {b"pear": b"1.5", b"fig": b"2"}
    with pytest.raises(ResponseError, match=r"^CART prices are not negative$"):
        cache.execute("CART.ADD", "c", "fig", -1)
    cache.set("text", "v")
    with pytest.raises(ResponseError, match=r"^WRONGTYPE"):
        cache.execute("CART.TOTAL", "text")
    for wrong in (["CART.TOTAL"], ["CART.TOTAL", "a", "b"], ["CART.ADD", "a"]):
        with pytest.raises(ResponseError, match="wrong number of arguments for 'cart"):
            cache.execute(*wrong)


def test_a_mistake_is_an_error_and_a_line(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """What a function raises, or returns and cannot, is one error and one line; what it had changed stays."""
    with pytest.raises(ResponseError, match=r"internal error in 'cart.break': TypeError"):
        cache.execute("CART.BREAK", "c")
    with pytest.raises(ResponseError, match=r"internal error in 'cart.add': ValueError"):
        cache.execute("CART.ADD", "c", "fig", "dear")
    assert len([record for record in caplog.records if "command_failed" in record.getMessage()]) == 2
    assert cache.hgetall("c") == {b"half": b"1"}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ("SET c v", "Write commands are not allowed from read-only"),
        ("SUBSCRIBE c", "not for functions"),
        ("EVAL x 0", "not for functions"),
        ("NOPE c", "unknown command 'NOPE'"),
        ("GET", "wrong number of arguments for 'get'"),
        ("CONFIG NOPE", "unknown command"),
        ("CART.ADD c fig 1", "Write commands are not allowed from read-only"),
    ],
)
def test_what_a_function_may_not_call(cache: Cache, request_: str, error: str) -> None:
    """A read-only command changes nothing, and none waits, subscribes or runs scripts."""
    with pytest.raises(ResponseError, match=error):
        cache.execute("CART.CHEAT", "c", *request_.split())
    assert len(cache) == 0


def test_commands_call_each_other(cache: Cache) -> None:
    """One command of one's own calls another; one that would block does not; SELECT is for nobody else."""
    cache.execute("CART.ADD", "c", "fig", 2)
    assert cache.execute("CART.CHEAT", "c", "CART.TOTAL", "c") == 2
    assert cache.execute("CART.CHEAT", "c", "OBJECT", "ENCODING", "c") == b"listpack"
    assert cache.execute("CART.CHEAT", "c", "SELECT", 3) == b"OK"
    assert cache.execute("CART.TOTAL", "c") == 2
    assert cache.execute("CART.CHEAT", "c", "XREAD", "BLOCK", 0, "STREAMS", "s", "$") is None


def test_what_clients_are_told(client: Client) -> None:
    """COMMAND INFO, DOCS, GETKEYS, LIST and ACL CAT know it."""
    info = client.do("COMMAND", "INFO", "cart.total").value[0].value
    assert [info[0].value, info[1].value] == [b"cart.total", 2]
    assert {flag.value for flag in info[2].value} == {b"readonly"}
    assert [part.value for part in info[3:6]] == [1, 1, 1]
    assert {category.value for category in info[6].value} == {b"@read", b"@slow"}
    docs = {key.value: value.value for key, value in client.do("COMMAND", "DOCS", "CART.TOTAL").value[0][1].value}
    assert docs[b"summary"] == b"Sums the prices in a cart."
    assert docs[b"complexity"] == b"O(N)"
    keys = client.do("COMMAND", "GETKEYS", "CART.MERGE", "a", "b", "c").value
    assert [key.value for key in keys] == [b"a", b"b", b"c"]
    assert b"cart.add" in {name.value for name in client.do("ACL", "CAT", "write").value}
    assert client.do("COMMAND", "INFO", "cart.add").value[0].value[1].value == -4


def test_transactions_and_scripts(client: Client) -> None:
    """MULTI queues it, WATCH notices it, EVAL calls it, EVAL_RO only what reads."""
    client.do("MULTI")
    client.do("CART.ADD", "c", "fig", 2)
    client.do("CART.TOTAL", "c")
    added, summed = client.do("EXEC").value
    assert not added.is_error
    assert summed.value in (2.0, b"2")
    script = "return redis.call('CART.TOTAL', KEYS[1]) .. ''"
    assert client.do("EVAL", script, 1, "c").value == b"2"
    assert client.do("EVAL_RO", script, 1, "c").value == b"2"
    refused = client.do("EVAL_RO", "return redis.call('CART.ADD', KEYS[1], 'a', 1)", 1, "c")
    assert b"Write commands are not allowed" in refused.value
    failed = client.do("EVAL", "return redis.pcall('CART.ADD', KEYS[1], 'a', -1)", 1, "c")
    assert failed.value == b"CART prices are not negative"


def test_access_control(server: Server, client: Client) -> None:
    """Users may it by name or category, on their keys; the default user, who may all, may it at once."""
    with opened(server) as open_one:
        ann = open_one()
        client.do("ACL", "SETUSER", "ann", "reset", "on", "nopass", "~a*", "+@read", "-cart.total", "+hvals")
        ann.do("AUTH", "ann", "x")
        assert b"no permissions to run the 'cart.total'" in ann.do("CART.TOTAL", "a").value
        client.do("ACL", "SETUSER", "ann", "+cart.total", "-hvals")
        assert not ann.do("CART.TOTAL", "a").is_error  # what it calls is its own affair
        assert b"NOPERM" in ann.do("CART.TOTAL", "b").value
        assert b"NOPERM" in ann.do("CART.ADD", "a", "fig", 1).value
        client.do("ACL", "SETUSER", "default", "-get")
        assert not client.do("CART.TOTAL", "a").is_error
        client.do("ACL", "SETUSER", "default", "+get")


def test_later_commands_are_for_who_may_all(server: Server, client: Client) -> None:
    """One that comes while the server runs is for those who may call all; it is there after a reset, too."""
    client.do("ACL", "SETUSER", "ann", "reset", "on", "nopass", "~*", "+@all", "-get")
    client.do("ACL", "SETUSER", "bob", "reset", "on", "nopass", "~*", "+@all")

    @server.command("NOW.MS", readonly=True)
    def now(ctx: Context) -> int:
        """Tells the time."""
        return int(ctx.time() * 1000)

    with opened(server) as open_one:
        user = open_one()
        user.do("AUTH", "bob", "x")
        assert user.do("NOW.MS").value > 0
        user.do("AUTH", "ann", "x")
        assert user.do("NOW.MS").is_error
    server.reset()
    with opened(server) as open_one:
        assert open_one().do("now.ms").value > 0
    assert now.__doc__ == "Tells the time."


def test_blocked_clients_and_trackers_notice(server: Server, client: Client) -> None:
    """What it changes is a change like any other."""
    with opened(server) as open_one:
        reader = open_one(3)
        reader.do("CLIENT", "TRACKING", "ON")
        reader.do("CART.TOTAL", "c")
        client.do("CART.ADD", "c", "fig", 1)
        assert reader.receive().value[0].value == b"invalidate"


def test_effects_are_those_of_what_it_calls(cache: Cache) -> None:
    """A journal or a replica, which knows no such command, gets what it did, as one."""
    units: list[list[list[bytes]]] = []

    class Recorder(Sink):
        def note(self, index: int, requests: list[list[bytes]]) -> None:
            units.append([request[:3] for request in requests])

    cache._engine.add_sink(Recorder())
    cache.execute("CART.ADD", "c", "fig", 1)
    assert units == [[[b"HSET", b"c", b"fig"], [b"PEXPIREAT", b"c", b"1800003600000"]]]


@pytest.mark.parametrize("name", ["", "lower", "TWO WORDS", "SUB|COMMAND"])
def test_declarations_that_are_none(name: str) -> None:
    """Names of no command are refused where they are declared."""
    with pytest.raises(DeclarationError):
        command(name)(lambda ctx: None)


def test_names_that_are_taken(cache: Cache) -> None:
    """A command of ours stays ours, and one of the user's comes once."""
    for name in ("GET", "CART.TOTAL"):
        with pytest.raises(DeclarationError, match="already"):
            cache.command(name)(lambda ctx: None)
    with pytest.raises(DeclarationError, match="not declared"):
        Cache(commands=[print])


# ---------------------------------------------------------------------- hooks


def test_key_events() -> None:
    """Each change is told of after the command, in its order; what the hook changes itself is not."""
    seen: list[tuple[str, bytes, int]] = []

    def hear(event: str, key: bytes, db: Database) -> None:
        seen.append((event, key, db))
        if key.startswith(b"order:"):
            db.call("INCR", "orders:" + event)

    with Cache(on_key_event=hear, clock="manual") as cache:
        cache.set("order:1", "v", ttl=1)
        cache.get("none")
        cache.execute("SELECT", 2)
        cache.hset("h", {"f": 1})
        cache.execute("HPEXPIRE", "h", 1000, "FIELDS", 1, "f")
        cache.advance(1)
        cache.execute("SELECT", 0)
        assert cache.mget("orders:set", "orders:expired") == [b"1", b"1"]
        assert seen == [
            ("set", b"order:1", 0),
            ("expire", b"order:1", 0),
            ("hset", b"h", 2),
            ("hexpire", b"h", 2),
            ("expired", b"order:1", 0),
            ("hexpired", b"h", 2),
            ("del", b"h", 2),
        ]


def test_expired_keys_with_values() -> None:
    """With `with_values` keys bring theirs; without, they do not. They are bytes either way."""
    told: list[ExpiredKey] = []

    @with_values
    def hear(keys: list[ExpiredKey]) -> None:
        told.extend(keys)
        for key in keys:
            key.db.call("SADD", "gone", key)

    with Cache(on_expired=hear, clock="manual") as cache:
        cache.clock.set(1_800_000_000)
        cache.set("k", "x" * 2000, ttl=1)
        cache.execute("RPUSH", "l", 1, 2)
        cache.expire("l", 2)
        cache.advance(2)
        first, second = told
        assert (first, first.type, first.db, first.value, first.lag) == (b"k", "string", 0, b"x" * 1024, 0)
        assert first.deadline == 1_800_000_001
        assert second.value is not None
        cache.execute("RESTORE", "again", 0, second.value)
        assert cache.execute("LRANGE", "again", 0, -1) == [b"1", b"2"]
        assert set(cache.execute("SMEMBERS", "gone")) == {b"k", b"l"}
    with Cache(on_expired=told.extend, clock="manual") as cache:
        cache.set("k", "v", ttl=1)
        cache.advance(1)
    assert told[-1].value is None


def test_hooks_that_raise(caplog: pytest.LogCaptureFixture) -> None:
    """A hook's mistake is a line; the next event is told of all the same."""
    seen: list[bytes] = []

    def hear(event: str, key: bytes, db: Database) -> None:
        seen.append(key)
        db.call("NOPE")

    def expire(keys: list[bytes]) -> None:
        raise LookupError(*keys)

    with Cache(on_key_event=hear, on_expired=expire, clock="manual") as cache:
        cache.set("a", "v", ttl=1)
        cache.advance(1)
        cache.set("b", "v")
    assert seen == [b"a", b"a", b"a", b"b"]
    lines = [record.getMessage() for record in caplog.records]
    assert sum("hook='on_key_event'" in line for line in lines) == 4
    assert sum("hook='on_expired'" in line for line in lines) == 1


def test_hooks_of_a_server(server: Server) -> None:
    """A server calls them on its hub, for each of its clients."""
    seen: list[tuple[str, bytes]] = []
    expired: list[bytes] = []
    with (
        Server(
            on_key_event=lambda event, key, db: seen.append((event, key)), on_expired=expired.extend, clock="manual"
        ) as hearing,
        opened(hearing) as open_one,
    ):
        client = open_one()
        client.do("SET", "k", "v", "EX", 1)
        hearing.advance(1)
        assert expired == [b"k"]
        assert seen == [("set", b"k"), ("expire", b"k"), ("expired", b"k")]
        hearing.reset()
        again = open_one()
        again.do("SET", "again", "v")
        again.do("PING")  # the hook came between
        assert seen[-1] == ("set", b"again")


def test_a_hook_that_calls_its_server(caplog: pytest.LogCaptureFixture) -> None:
    """It would wait for itself: that is an error, not a standstill."""
    server = Server(thread=True, on_key_event=lambda event, key, db: server.advance(1))
    with server, opened(server) as open_one:
        client = open_one()
        client.do("SET", "k", "v")
        assert client.do("GET", "k").value == b"v"
    assert "cannot call it" in caplog.text


def test_nothing_is_noted_without_hooks(server: Server, cache: Cache) -> None:
    """While nobody has hooks, nobody listens."""
    for state in (cache._state, server._app.state):
        assert state.changes.on_losing is None
        assert state.extensions.key_events is None
