"""Keyspace notifications: the events of each command, their order, their classes, and that each is told once."""

from __future__ import annotations

import pytest

from ..support.wire import Reply, split_line
from .match import unordered
from .pair import Pair, Twin

# Each line may send events; the state that it finds is what the lines before it have left.
SCRIPT = """
    SET s v
    SET s v GET
    SET nosuch v XX
    SET s v NX
    SETEX s2 100 v
    PSETEX s2 1000000 v
    SETNX s3 v
    SETNX s3 v
    GETSET s v
    GETSET s8 v
    MSET s v s v s7 w
    MSETNX s4 v s5 v
    MSETNX s4 v s6 v
    MSETEX 1 s v EX 1000
    APPEND s x
    APPEND s20 x
    SETRANGE s 0 a
    SETRANGE nosuch 0 ""
    INCR n
    INCRBY n 2
    DECR n
    DECRBY n 5
    INCRBYFLOAT n 1.5
    SETBIT b 1 1
    BITFIELD b SET u8 0 1 INCRBY u8 0 1
    BITFIELD b GET u8 0
    BITOP AND b2 b b
    BITOP AND b2 nosuch nosuch
    GETEX s EX 1000
    GETEX s PERSIST
    GETEX s PERSIST
    GETEX s PXAT 1
    GETDEL s4
    GETDEL s4
    SET s v
    DELIFEQ s w
    DELIFEQ s v
    SET s v EX 100
    SET s v KEEPTTL
    SET s v
    EXPIRE s 100
    EXPIRE nosuch 100
    EXPIRE s 50 GT
    PERSIST s
    PERSIST s
    EXPIREAT s 1
    SET s v
    RENAME s s9
    RENAME s9 s9
    RENAMENX s9 s3
    COPY s9 s10
    COPY s9 s10
    COPY s9 s10 REPLACE
    MOVE s9 3
    DEL s10 nosuch s3
    UNLINK s2
    PFADD p a b
    PFADD p a b
    PFADD p2
    PFMERGE p3 p
    LPUSH l a b c d e f
    LPUSHX nosuch a
    RPUSHX l g
    RPUSH l 1
    LPOP l
    RPOP l 2
    LPOP nosuch
    LINSERT l BEFORE a z
    LINSERT l BEFORE nosuch z
    LSET l 0 q
    LREM l 1 q
    LREM l 1 q
    LTRIM l 0 2
    LTRIM l 0 -1
    LMOVE l l LEFT RIGHT
    RPOPLPUSH l l2
    BLMOVE l2 l3 LEFT LEFT 1
    LMPOP 2 nosuch l3 LEFT
    BLPOP l 1
    BRPOP l 1
    RPUSH l b a
    SORT l ALPHA STORE l4
    SORT nosuch STORE l4
    LTRIM l 9 10
    HSET h a 1 b 2 c 3
    HSET h a 1
    HINCRBY h a 1
    HINCRBYFLOAT h a 1.5
    HSETNX h d 1
    HSETNX h d 1
    HMSET h e 1
    HDEL h e nosuch
    HEXPIRE h 100 FIELDS 1 a
    HPERSIST h FIELDS 1 a
    HPERSIST h FIELDS 1 a
    HPEXPIRE h 100000 FIELDS 1 a
    HEXPIRE h 0 FIELDS 1 a
    HSETEX h EX 100 FIELDS 1 x 1
    HSETEX h EXAT 1 FIELDS 1 y 1
    HSETEX h EXAT 1 FIELDS 2 y 1 x 1
    HSETEX nosuch EXAT 1 FIELDS 1 y 1
    HSETEX h EX 100 FIELDS 1 x 1
    HGETEX h EX 100 FIELDS 1 b
    HGETEX h PERSIST FIELDS 1 b
    HGETDEL h FIELDS 1 c
    HDEL h a b c d x
    SADD st a b c d
    SADD st a
    SREM st a
    SREM st a
    SPOP st 1
    SPOP st 9
    SADD st a b
    SMOVE st st2 a
    SMOVE st st2 a
    SMOVE st st2 b
    SADD x1 a b
    SINTERSTORE x2 x1 x1
    SUNIONSTORE x2 x1 x1
    SDIFFSTORE x2 x1 nosuch
    SDIFFSTORE x2 nosuch x1
    SDIFFSTORE x2 nosuch x1
    ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
    ZADD z 1 a
    ZADD z XX 9 nosuch
    ZINCRBY z 1 a
    ZADD z INCR 1 a
    ZREM z a
    ZPOPMIN z
    ZPOPMAX z
    BZPOPMIN z 1
    ZMPOP 1 z MIN
    ZREMRANGEBYRANK z 0 0
    ZREMRANGEBYSCORE z 4 4
    ZREMRANGEBYLEX z [e [e
    ZADD z 1 a 2 b
    ZRANGESTORE z2 z 0 -1
    ZUNIONSTORE z2 1 z
    ZINTERSTORE z2 1 z
    ZDIFFSTORE z2 2 z nosuch
    ZDIFFSTORE z2 2 nosuch z
    ZREM z a b
    GEOADD g 1 1 a
    GEOSEARCHSTORE g2 g FROMLONLAT 1 1 BYRADIUS 10 km
    GEORADIUS g 1 1 10 km STORE g3
    XADD x 1-1 a b
    XADD x 2-1 a b
    XADD x MAXLEN 2 3-1 a b
    XADD x NOMKSTREAM 4-1 a b
    XGROUP CREATE x grp 0
    XGROUP CREATE y grp 0 MKSTREAM
    XGROUP SETID x grp 0
    XGROUP CREATECONSUMER x grp c1
    XGROUP CREATECONSUMER x grp c1
    XREADGROUP GROUP grp c2 COUNT 1 STREAMS x >
    XREADGROUP GROUP grp c2 COUNT 1 STREAMS x >
    XCLAIM x grp c3 0 2-1
    XAUTOCLAIM x grp c4 0 0
    XACK x grp 2-1
    XGROUP DELCONSUMER x grp c2
    XGROUP DESTROY x grp
    XGROUP DESTROY x grp
    XSETID x 9-1
    XDEL x 2-1
    XDEL x 2-1
    XTRIM x MAXLEN 1
    XTRIM x MAXLEN 0
    GET nosuch
    HGET nosuch f
    EXISTS nosuch
    TYPE nosuch
    TTL nosuch
    STRLEN nosuch
    SELECT 5
    SET s v
    SWAPDB 5 6
    FLUSHDB
    FLUSHALL
    SELECT 0
"""
LINES = [line.strip() for line in SCRIPT.strip().splitlines()]


def listener_of(pair: Pair) -> Twin:
    """Return a client that hears all notifications."""
    listener = pair.client("listener")
    listener.send("PSUBSCRIBE", "__key*__:*")
    listener.receive()
    return listener


@pytest.mark.parametrize("classes", ["KEA", "KEAmn", *(f"E{letter}" for letter in "g$lshzxetnm"), "K$", "A", "KE", "d"])
def test_events_of_each_command(resp2_pair: Pair, classes: str) -> None:
    """Each command sends the same events in the same order, of the wanted classes to the wanted channels."""
    skipped = {name for name in {line.split()[0] for line in LINES} if not resp2_pair.has(name)}
    with resp2_pair.configured(notify_keyspace_events=classes):
        listener = listener_of(resp2_pair)
        for line in LINES:
            if line.split()[0] not in skipped:
                for client in resp2_pair.clients:
                    client.do(*split_line(line))
                resp2_pair.history.append(line)
                listener.drain()


def test_expired_is_told_once(resp2_pair: Pair) -> None:
    """Keys that expire while nobody reads them, and while somebody does, are each told once."""
    with resp2_pair.configured(notify_keyspace_events="KEx"):
        listener = listener_of(resp2_pair)
        for i in range(20):
            resp2_pair.do("SET", f"k{i}", "v", "PX", "10")
        for i in range(10):
            resp2_pair.wait_until(lambda client, i=i: client.do("GET", f"k{i}").value is None)
        for client in listener.clients:
            messages = [client.receive() for _ in range(40)]
            assert len(set(messages)) == 40
        assert listener.drain() == ()


def test_events_of_a_transaction(pair: Pair) -> None:
    """The events of a transaction come command by command, to its own client after its replies."""
    with pair.configured(notify_keyspace_events="KEA"):
        listener = listener_of(pair)
        pair.play("MULTI\nSET k v\nAPPEND k x\nINCR k\nGETDEL k")
        pair.do("EXEC")
        listener.drain()
    if pair.protocol == 3:
        with pair.configured(notify_keyspace_events="KEA"):
            for line in ("MULTI", "SET k v", "APPEND k x", "EXEC"):
                listener.send(*line.split())
            for _ in range(4 + 4):
                listener.receive()


def test_events_of_blocked_clients(pair: Pair) -> None:
    """A blocked client that is served sends the events of its own command after those that served it."""
    if not pair.has("BLPOP", "BLMOVE"):
        pytest.skip("the subject has no blocking commands")
    with pair.configured(notify_keyspace_events="KEA"):
        listener = listener_of(pair)
        for name, line in (("a", "BLPOP q 0"), ("b", "BLMOVE q r LEFT RIGHT 0")):
            pair.client(name).send(*line.split())
            pair.wait_blocked(1 if name == "a" else 2)
        pair.do("RPUSH", "q", "1", "2", "3")
        for name in ("a", "b"):
            pair.client(name).receive()
        listener.drain()


def test_events_of_databases(pair: Pair) -> None:
    """Events name the number of the database, after SWAPDB too."""
    with pair.configured(notify_keyspace_events="KEA"):
        listener = listener_of(pair)
        pair.play("SELECT 3\nSET k v\nSWAPDB 3 4\nSET k w\nSELECT 4\nAPPEND k x\nFLUSHDB\nSELECT 0")
        listener.drain()


def test_only_who_asks_is_told(pair: Pair) -> None:
    """Listeners to single channels get what is sent there and nothing else."""
    with pair.configured(notify_keyspace_events="KEA"):
        for name, channel in (
            ("key", "__keyspace@0__:k"),
            ("event", "__keyevent@0__:set"),
            ("other", "__keyevent@1__:set"),
        ):
            pair.client(name).send("SUBSCRIBE", channel)
            pair.client(name).receive()
        pair.play("SET k v\nSET j v\nAPPEND k x\nAPPEND j x")
        for name in ("key", "event", "other"):
            pair.client(name).drain()


@pytest.mark.parametrize("value", ["", "KEA", "AKE", "Kg$", "mnKE", "g$lshzxetd", "Elx", "KEAmn", "q", "K E", "ke"])
def test_setting_is_shown_alike(pair: Pair, value: str) -> None:
    """The setting takes the same letters and is shown in the same way."""
    with pair.configured(notify_keyspace_events="Kx"):
        pair.do("CONFIG", "SET", "notify-keyspace-events", value)
        pair.do("CONFIG", "GET", "notify-keyspace-events")
        assert pair.do("PUBSUB", "CHANNELS", match=unordered()) == Reply("*", ())
