"""Clients that wait for lists: who is served, when, with what, and what is left when they are gone."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ..support.wire import Argument
from .pair import END, Pair, Twin

FOREVER = 0
SHORT = "0.002"


def block(pair: Pair, name: str, *command: Argument, count: int = 1) -> Twin:
    """Let a client of that name block; `count` are blocked then."""
    twin = pair.client(name)
    twin.send(*command)
    pair.wait_blocked(count)
    return twin


def settle(pair: Pair) -> None:
    """Let both servers finish what was sent to them, and send what follows from it."""
    for client in pair.control.clients:
        for _ in range(3):
            client.do("PING")


@pytest.mark.parametrize(
    "command",
    [
        ("BLPOP", "l", FOREVER),
        ("BRPOP", "l", FOREVER),
        ("BLPOP", "a", "l", "b", "l", FOREVER),
        ("BLMOVE", "l", "d", "LEFT", "RIGHT", FOREVER),
        ("BLMOVE", "l", "l", "LEFT", "RIGHT", FOREVER),
        ("BRPOPLPUSH", "l", "d", FOREVER),
        ("BLMPOP", FOREVER, 1, "l", "LEFT"),
        ("BLMPOP", FOREVER, 2, "a", "l", "RIGHT", "COUNT", 2),
        ("BLMPOP", FOREVER, 1, "l", "LEFT", "COUNT", 10),
    ],
)
def test_a_push_serves(pair: Pair, command: tuple[Argument, ...]) -> None:
    """A waiting command gets what it would get now, and an equal one that comes later does not wait."""
    waiter = block(pair, "waiter", *command)
    pair.do("RPUSH", "l", "1", "2", "3")
    waiter.receive()
    pair.do("LRANGE", "l", 0, -1)
    pair.do("LRANGE", "d", 0, -1)
    pair.do("RPUSH", "l", "4")
    waiter.do(*command)
    pair.do("LRANGE", "l", 0, -1)


@pytest.mark.parametrize(
    "command",
    [
        ("BLPOP", "a", "b", SHORT),
        ("BRPOP", "a", "0.0001"),
        ("BRPOP", "a", "0x1p-9"),
        ("BLMOVE", "a", "b", "LEFT", "RIGHT", SHORT),
        ("BRPOPLPUSH", "a", "b", SHORT),
        ("BLMPOP", SHORT, 1, "a", "LEFT"),
    ],
)
def test_a_timeout_answers_null(pair: Pair, command: tuple[Argument, ...]) -> None:
    """When its time is over a client gets a null and goes on, with nobody waiting any more."""
    pair.do(*command)
    pair.wait_blocked(0)
    pair.do("RPUSH", "a", "1")
    pair.do("LRANGE", "a", 0, -1)


@pytest.mark.parametrize(
    "timeout",
    [
        *("-1", "-0.01", "x", "", " 1", "1 ", "nan", "inf", "-inf", "1e18", "1e400", "-1e400", "1e4931", "-1e4931"),
        *("9223372036854775807", "9223372036854775808", "9223372036854775", "0x", "1.1.1"),
    ],
)
def test_wrong_timeouts(resp2_pair: Pair, timeout: str) -> None:
    """A timeout that is no number, negative or too large is refused, even where there is something to pop."""
    resp2_pair.do("RPUSH", "l", "a")
    resp2_pair.do("BLPOP", "l", timeout)
    resp2_pair.do("BRPOP", "missing", timeout)
    resp2_pair.do("BLMOVE", "l", "d", "LEFT", "LEFT", timeout)
    resp2_pair.do("BRPOPLPUSH", "missing", "d", timeout)
    resp2_pair.do("BLMPOP", timeout, 1, "l", "LEFT")


REFUSALS = """
    BLPOP
    BLPOP l
    BRPOP l
    BLMOVE l d LEFT RIGHT
    BLMOVE l d WHAT RIGHT 0
    BLMOVE l d LEFT WHAT x
    BLMOVE l d LEFT RIGHT 0 0
    BRPOPLPUSH l d
    BLMPOP 0 1 l
    BLMPOP 0 0 l LEFT
    BLMPOP x 0 l LEFT
    BLMPOP 0 x l LEFT
    BLMPOP x 1 l WHAT
    BLMPOP 0 2 l LEFT
    BLMPOP x 1 l LEFT COUNT 0
    BLMPOP 0 1 l LEFT COUNT 1 COUNT 2
    SET s v
    BLPOP s 0
    BLPOP missing s 0
    BRPOP s x
    BLMOVE s d LEFT RIGHT 0
    BLMPOP 0 2 missing s LEFT
    RPUSH l a b c
    BLMOVE l s LEFT RIGHT 0
    BRPOPLPUSH l s 0
    BLPOP l s 0
    BLPOP s l 0
    LRANGE l 0 -1
"""


def test_refusals(pair: Pair) -> None:
    """Wrong arguments and wrong types are refused at once, in the reference's order."""
    pair.play(REFUSALS)


@pytest.mark.parametrize("is_forever", [True, False])
def test_nobody_waits_in_a_transaction(pair: Pair, is_forever: bool) -> None:
    """Inside MULTI a blocking command answers as if its time were over."""
    timeout = 0 if is_forever else 100
    pair.do("MULTI")
    pair.do("BLPOP", "l", timeout)
    pair.do("BLMOVE", "l", "d", "LEFT", "RIGHT", timeout)
    pair.do("BRPOPLPUSH", "l", "d", timeout)
    pair.do("BLMPOP", timeout, 1, "l", "LEFT")
    pair.do("RPUSH", "l", "a")
    pair.do("BRPOP", "l", timeout)
    pair.do("EXEC")


def test_first_come_first_served(pair: Pair) -> None:
    """Clients of one key are served in the order in which they came, one element each, by one push or by several."""
    waiters = [block(pair, f"w{i}", "BLPOP", "l", FOREVER, count=i + 1) for i in range(5)]
    pair.do("RPUSH", "l", "1", "2", "3")
    for waiter in waiters[:3]:
        waiter.receive()
    pair.wait_blocked(2)
    pair.do("LPUSH", "l", "4")
    waiters[3].receive()
    pair.do("LPUSH", "l", "5", "6")
    waiters[4].receive()
    pair.do("LRANGE", "l", 0, -1)


def test_keys_are_served_in_the_order_of_pushes(pair: Pair) -> None:
    """In a transaction the key that was pushed first serves first; a client gets the first of its own keys."""
    first = block(pair, "first", "BLPOP", "a", "b", FOREVER)
    second = block(pair, "second", "BLPOP", "b", "a", FOREVER, count=2)
    third = block(pair, "third", "BLPOP", "b", FOREVER, count=3)
    pair.play("MULTI\nRPUSH b 1\nRPUSH a 2\nRPUSH b 3\nEXEC")
    for waiter in (first, second, third):
        waiter.receive()
    pair.do("EXISTS", "a", "b")


@pytest.mark.parametrize(
    ("script", "is_served"),
    [
        ("RPUSH l a", True),
        ("MULTI\nRPUSH l a\nEXEC", True),
        ("MULTI\nRPUSH l a\nDEL l\nEXEC", False),
        ("MULTI\nRPUSH l a\nDEL l\nRPUSH l b\nEXEC", True),
        ("MULTI\nRPUSH l a b\nLPOP l\nLPOP l\nEXEC", False),
        ("MULTI\nRPUSH l a\nDEL l\nSET l b\nEXEC", False),
        ("SET l v", False),
        ("RPUSH x a\nRENAME x l", True),
        ("RPUSH x a\nRENAMENX x l", True),
        ("SET x v\nRENAME x l", False),
        ("RPUSH x a\nCOPY x l", True),
        ("SELECT 1\nRPUSH l a\nMOVE l 0\nSELECT 0", True),
        ("SELECT 1\nRPUSH l a\nSWAPDB 0 1\nSELECT 0", True),
        ("SELECT 1\nRPUSH l a\nSWAPDB 1 0\nSELECT 0", True),
        ("SELECT 1\nRPUSH l a\nSELECT 0", False),
        ("SELECT 1\nSET l a\nSWAPDB 0 1\nSELECT 0", False),
        ("RPUSH x 3 1 2\nSORT x STORE l", True),
        ("SORT missing STORE l", False),
        ("RPUSH x a\nLMOVE x l LEFT LEFT", True),
        ("RPUSH x a\nRPOPLPUSH x l", True),
        ("LPUSHX l a", False),
        ("LINSERT l BEFORE a b", False),
        ("EVAL \"redis.call('RPUSH', 'l', 'a') return 1\" 1 l", True),
        ("FLUSHALL", False),
    ],
)
def test_what_serves(pair: Pair, script: str, is_served: bool) -> None:
    """Whatever makes a list of the key serves the waiting client, and nothing else does."""
    if not pair.has(*{line.split()[0] for line in script.splitlines()}):
        pytest.skip("the subject lacks a command")
    waiter = block(pair, "waiter", "BLPOP", "l", FOREVER)
    pair.play(script)
    settle(pair)
    assert waiter.is_silent() != is_served
    pair.play("DEL l\nRPUSH l last")
    waiter.receive()
    pair.play("EXISTS l\nLRANGE l 0 -1\nunordered: KEYS *")


def test_wrong_types_on_the_way(pair: Pair) -> None:
    """Of a client's keys only a list wakes it; the first key of another type makes its command an error then."""
    waiter = block(pair, "waiter", "BLPOP", "a", "b", FOREVER)
    pair.do("SET", "a", "string")
    settle(pair)
    assert waiter.is_silent()
    pair.do("RPUSH", "b", "1")
    waiter.receive()
    mover = block(pair, "mover", "BLMOVE", "l", "a", "LEFT", "RIGHT", FOREVER)
    pair.do("RPUSH", "l", "1")
    mover.receive()
    pair.do("LRANGE", "l", 0, -1)


def test_chain(pair: Pair) -> None:
    """What a served client moves serves the next one: three moves and a pop by one push."""
    last = block(pair, "last", "BLPOP", "d", FOREVER)
    third = block(pair, "third", "BLMOVE", "c", "d", "LEFT", "LEFT", FOREVER, count=2)
    second = block(pair, "second", "BRPOPLPUSH", "b", "c", FOREVER, count=3)
    first = block(pair, "first", "BLMOVE", "a", "b", "RIGHT", "LEFT", FOREVER, count=4)
    pair.do("RPUSH", "a", "1")
    for waiter in (first, second, third, last):
        waiter.receive()
    pair.do("KEYS", "*")


def test_circle(pair: Pair) -> None:
    """Two clients that move an element around move it once each."""
    one = block(pair, "one", "BLMOVE", "a", "b", "LEFT", "RIGHT", FOREVER)
    other = block(pair, "other", "BLMOVE", "b", "a", "LEFT", "RIGHT", FOREVER, count=2)
    pair.do("RPUSH", "a", "1")
    one.receive()
    other.receive()
    pair.do("LRANGE", "a", 0, -1)
    same = block(pair, "same", "BRPOPLPUSH", "c", "c", FOREVER)
    pair.do("RPUSH", "c", "1", "2")
    same.receive()
    pair.do("LRANGE", "c", 0, -1)


def test_one_push_many_ways(pair: Pair) -> None:
    """Clients that pop different numbers from different ends share a push in their order."""
    many = block(pair, "many", "BLMPOP", FOREVER, 1, "l", "RIGHT", "COUNT", 2)
    one = block(pair, "one", "BRPOP", "l", FOREVER, count=2)
    rest = block(pair, "rest", "BLMPOP", FOREVER, 1, "l", "LEFT", "COUNT", 10, count=3)
    none = block(pair, "none", "BLPOP", "l", FOREVER, count=4)
    pair.do("RPUSH", "l", *range(7))
    for waiter in (many, one, rest):
        waiter.receive()
    settle(pair)
    assert none.is_silent()
    pair.do("EXISTS", "l")


def test_a_pipeline_waits(pair: Pair) -> None:
    """What a client sends behind a blocking command runs when that has its answer, other blocking commands included."""
    waiter = pair.client("waiter")
    waiter.send("RPUSH", "x", "0")
    waiter.send("BLPOP", "l", FOREVER)
    waiter.send("RPUSH", "x", "1")
    waiter.send("BLPOP", "l", FOREVER)
    waiter.send("BLPOP", "m", SHORT)
    waiter.send("LRANGE", "x", 0, -1)
    pair.wait_blocked(1)
    pair.do("LRANGE", "x", 0, -1)
    pair.do("RPUSH", "l", "a", "b")
    for _ in range(6):
        waiter.receive()
    pair.wait_blocked(0)


def test_a_client_that_leaves(pair: Pair) -> None:
    """A client that ends its connection while it waits takes nothing and holds nobody up."""
    leaver = block(pair, "leaver", "BLMOVE", "l", "d", "LEFT", "LEFT", FOREVER)
    stayer = block(pair, "stayer", "BLPOP", "l", FOREVER, count=2)
    leaver.close()
    pair.wait_blocked(1)
    pair.do("RPUSH", "l", "1")
    stayer.receive()
    pair.do("KEYS", "*")
    leaver.reconnect()


def client_ids(twin: Twin) -> tuple[int, int]:
    """The client's id at the reference and at the subject."""
    reference, subject = (client.do("CLIENT", "ID").value for client in twin.clients)
    return reference, subject


@pytest.mark.parametrize("reason", [(), ("TIMEOUT",), ("ERROR",)])
@pytest.mark.parametrize(
    "command",
    [("BLPOP", "l", FOREVER), ("BLMOVE", "l", "d", "LEFT", "LEFT", 100), ("BLMPOP", FOREVER, 1, "l", "LEFT")],
)
def test_client_unblock(pair: Pair, reason: tuple[str, ...], command: tuple[Argument, ...]) -> None:
    """CLIENT UNBLOCK ends the wait like a timeout or with an error, and says whether there was one."""
    if not pair.has("CLIENT"):
        pytest.skip("the subject has no CLIENT")
    reference, subject = client_ids(pair.client("waiter"))
    waiter = block(pair, "waiter", *command)
    pair.send_each(("CLIENT", "UNBLOCK", reference, *reason), ("CLIENT", "UNBLOCK", subject, *reason))
    waiter.receive()
    pair.wait_blocked(0)
    pair.send_each(("CLIENT", "UNBLOCK", reference, *reason), ("CLIENT", "UNBLOCK", subject, *reason))
    pair.do("RPUSH", "l", "1")
    waiter.do("LRANGE", "l", 0, -1)


def test_client_kill(pair: Pair) -> None:
    """A waiting client that is killed takes nothing of what is pushed right after."""
    if not pair.has("CLIENT"):
        pytest.skip("the subject has no CLIENT")
    reference, subject = client_ids(pair.client("victim"))
    victim = block(pair, "victim", "BLPOP", "l", FOREVER)
    for client, number in zip(pair.clients, (reference, subject), strict=True):
        client.send("CLIENT", "KILL", "ID", number)
        client.send("RPUSH", "l", "1")
    pair.answer()
    pair.answer()
    assert victim.receive() == END
    pair.do("LRANGE", "l", 0, -1)


def test_no_reply_is_wanted(pair: Pair) -> None:
    """CLIENT REPLY holds for the answer of a command that had to wait."""
    if not pair.has("CLIENT"):
        pytest.skip("the subject has no CLIENT")
    waiter = pair.client("waiter")
    waiter.send("CLIENT", "REPLY", "SKIP")
    waiter.send("BLPOP", "l", FOREVER)
    pair.wait_blocked(1)
    pair.do("RPUSH", "l", "1")
    pair.wait_blocked(0)
    waiter.do("PING")
    waiter.send("CLIENT", "REPLY", "OFF")
    waiter.send("BLPOP", "l", FOREVER)
    pair.wait_blocked(1)
    pair.do("RPUSH", "l", "2")
    pair.wait_blocked(0)
    waiter.do("CLIENT", "REPLY", "ON")


def test_lost_rights(pair: Pair) -> None:
    """A client that lost its right to a key while it waited is refused when its turn comes."""
    if not pair.has("ACL"):
        pytest.skip("the subject has no ACL")
    pair.do("ACL", "SETUSER", "worker", "on", "nopass", "allcommands", "allkeys")
    pair.client("waiter").do("AUTH", "worker", "any")
    waiter = block(pair, "waiter", "BLPOP", "l", FOREVER)
    pair.do("ACL", "SETUSER", "worker", "resetkeys", "~other")
    pair.do("RPUSH", "l", "1")
    waiter.receive()
    pair.do("LRANGE", "l", 0, -1)
    pair.do("ACL", "DELUSER", "worker")


def test_events_of_a_chain(pair: Pair) -> None:
    """The events of a push come before those of the pops and moves that it sets off, and each of them once."""
    if not pair.has("PSUBSCRIBE"):
        pytest.skip("the subject has no PSUBSCRIBE")
    with pair.configured(notify_keyspace_events="KEAn"):
        listener = pair.client("listener")
        listener.send("PSUBSCRIBE", "__key*__:*")
        listener.receive()
        block(pair, "last", "BLPOP", "c", FOREVER)
        block(pair, "second", "BLMOVE", "b", "c", "LEFT", "LEFT", FOREVER, count=2)
        block(pair, "first", "BRPOPLPUSH", "a", "b", FOREVER, count=3)
        pair.play("MULTI\nRPUSH a 1 2\nSET x y\nEXEC")
        pair.wait_blocked(0)
        listener.drain()


def test_watched_keys(pair: Pair) -> None:
    """A key that a served client changed is dirty for whoever watches it; one that nobody changed is not."""
    if not pair.has("WATCH"):
        pytest.skip("the subject has no WATCH")
    block(pair, "waiter", "BLMOVE", "a", "b", "LEFT", "LEFT", FOREVER)
    watcher = pair.client("watcher")
    watcher.do("WATCH", "b")
    pair.do("RPUSH", "a", "1")
    for command in (("MULTI",), ("PING",), ("EXEC",)):
        watcher.do(*command)
    watcher.do("WATCH", "c")
    for command in (("MULTI",), ("PING",), ("EXEC",)):
        watcher.do(*command)


def test_counted_when_answered(pair: Pair) -> None:
    """INFO counts a blocking command once, when it has its answer."""

    def calls_are(count: int) -> Callable[..., bool]:
        return lambda client: b"cmdstat_brpop:calls=%d," % count in client.do("INFO", "commandstats").value

    pair.control.do("CONFIG", "RESETSTAT")
    waiter = block(pair, "waiter", "BRPOP", "l", FOREVER)
    pair.do("BRPOP", "missing", SHORT)
    pair.wait_until(calls_are(1))
    pair.do("RPUSH", "l", "1")
    waiter.receive()
    pair.wait_until(calls_are(2))


KEYS = ("a", "b", "c")
NAMES = ("w1", "w2", "w3", "w4", "w5")


class Crowd:
    """Clients that wait and are served at random, on both servers in step."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.random = random.Random(seed)
        self.waiting: dict[str, Twin] = {}
        self.serial = 0

    def key(self) -> str:
        """A key."""
        return self.random.choice(KEYS)

    def side(self) -> str:
        """An end of a list."""
        return self.random.choice(("LEFT", "RIGHT"))

    def elements(self) -> list[str]:
        """New elements that differ from all others."""
        count = self.random.choice((1, 1, 2, 3))
        self.serial += count
        return [f"e{self.serial - i}" for i in range(count)]

    def blocking(self) -> tuple[Argument, ...]:
        """A command that may wait."""
        keys = self.random.sample(KEYS, self.random.randint(1, 3))
        return self.random.choice(
            (
                ("BLPOP", *keys, FOREVER),
                ("BRPOP", *keys, FOREVER),
                ("BLMOVE", self.key(), self.key(), self.side(), self.side(), FOREVER),
                ("BRPOPLPUSH", self.key(), self.key(), FOREVER),
                ("BLMPOP", FOREVER, len(keys), *keys, self.side(), "COUNT", self.random.randint(1, 3)),
            )
        )

    def writing(self) -> tuple[Argument, ...]:
        """A command that may serve somebody."""
        return self.random.choice(
            (
                ("RPUSH", self.key(), *self.elements()),
                ("RPUSH", self.key(), *self.elements()),
                ("LPUSH", self.key(), *self.elements()),
                ("LPOP", self.key()),
                ("DEL", self.key()),
                ("SET", self.key(), "string"),
                ("RENAME", self.key(), self.key()),
                ("COPY", self.key(), self.key(), "REPLACE"),
                ("LMOVE", self.key(), self.key(), self.side(), self.side()),
                ("MOVE", self.key(), 1),
                ("SWAPDB", 0, 1),
            )
        )

    def step(self) -> None:
        """Let somebody wait, leave or write; then everybody who was served is served on both servers alike."""
        name = self.random.choice(NAMES)
        action = self.random.random()
        if action < 0.45 and name not in self.waiting:
            self.waiting[name] = self.pair.client(name)
            self.waiting[name].send(*self.blocking())
        elif action < 0.5 and name in self.waiting:
            self.waiting.pop(name).reconnect()
        elif action < 0.65:
            self.pair.do("MULTI")
            for _ in range(self.random.randint(1, 5)):
                self.pair.do(*self.writing())
            self.pair.do("EXEC")
        else:
            self.pair.do(*self.writing())
        self.collect()

    def collect(self) -> None:
        """Compare who was answered, and with what."""
        settle(self.pair)
        for name, twin in list(self.waiting.items()):
            if not twin.is_silent():
                twin.receive()
                del self.waiting[name]


@pytest.mark.parametrize("seed", range(25))
def test_crowd(pair: Pair, seed: int) -> None:
    """Whatever a crowd of waiting clients and a writer do, the same clients are served with the same elements."""
    crowd = Crowd(pair, seed)
    for _ in range(40):
        crowd.step()
    pair.wait_blocked(len(crowd.waiting))
    for database in (0, 1):
        pair.do("SELECT", database)
        for key in KEYS:
            if pair.do("TYPE", key).value == b"list":
                pair.do("LRANGE", key, 0, -1)
