"""DEBUG where it is enabled: what the test suites of clients and servers ask for."""

from __future__ import annotations

import contextlib

import pytest

from ..support.servers import Servers
from .pair import Pair

SCRIPTS = {
    "frame": """
        DEBUG
        DEBUG NOSUCH
        DEBUG SLEEP
        DEBUG SLEEP 0
        DEBUG sleep x
        DEBUG SLEEP 0 0
        DEBUG ERROR "FOO bar"
        DEBUG ERROR
        DEBUG LOG hello
        DEBUG LOG
    """,
    "switches": """
        DEBUG SET-ACTIVE-EXPIRE 0
        DEBUG SET-ACTIVE-EXPIRE 1
        DEBUG SET-ACTIVE-EXPIRE
        DEBUG QUICKLIST-PACKED-THRESHOLD 100B
        DEBUG DICT-RESIZING 1
        DEBUG PAUSE-CRON 0
        DEBUG REPLYBUFFER RESIZING 0
        DEBUG RELOAD
        DEBUG SET-DISABLE-DENY-SCRIPTS 0
        DEBUG CHANGE-REPL-ID
        DEBUG CHANGE-REPL-ID x
    """,
    "object": """
        DEBUG OBJECT missing
        SET k v
        shape: DEBUG OBJECT k
        DEBUG OBJECT
        DEBUG OBJECT a b c
    """,
    "populate": """
        DEBUG POPULATE 3
        MGET key:0 key:1 key:2 key:3
        SET p:1 kept
        DEBUG POPULATE 2 p 3
        MGET p:0 p:1
        DEBUG POPULATE 1 long 20
        GET long:0
        DEBUG POPULATE x
        DEBUG POPULATE
    """,
    "digest": r"""
        DEBUG DIGEST
        SET s hello
        SET n 12
        SET e x EX 1000
        RPUSH l a b a ""
        SADD i 3 1 2
        SADD w b a "c\r\nd"
        HSET h f v g ""
        HSET d f v g w
        HPEXPIREAT d 4000000000000 FIELDS 1 f
        ZADD z 1 a 2.5 b -0.1 c 0 d -0 e inf f -inf g
        ZADD large 1e7 a 1e8 b 1e15 c 1e17 d -1e18 e 1e300 f 123456789012345678 g 9007199254740993 h 5e-324 i 1e-7 j
        XADD x 1-1 f v g w
        XADD x 18446744073709551615-2 f v
        XGROUP CREATE x g 0
        PFADD p a b c
        DEBUG DIGEST-VALUE s n e l i w h d z large x p missing
        DEBUG DIGEST-VALUE
        DEBUG DIGEST
        SELECT 3
        SET k v
        DEBUG DIGEST
        DEBUG DIGEST x
    """,
    "protocol": """
        DEBUG PROTOCOL string
        DEBUG PROTOCOL integer
        DEBUG PROTOCOL double
        DEBUG PROTOCOL bignum
        DEBUG PROTOCOL null
        DEBUG PROTOCOL array
        DEBUG PROTOCOL set
        DEBUG PROTOCOL map
        DEBUG PROTOCOL verbatim
        DEBUG PROTOCOL true
        DEBUG PROTOCOL false
        DEBUG PROTOCOL
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
def test_debug_script(debuggable: Servers, protocol: int, name: str) -> None:
    """Each line of the script has the reference's reply."""
    with contextlib.closing(Pair(debuggable, protocol)) as pair:
        pair.play(SCRIPTS[name])


def test_debug_attributes(debuggable: Servers) -> None:
    """Attributes stand before the value, in RESP3 alone; a script that is let call DEBUG gets the value."""
    with contextlib.closing(Pair(debuggable, 3)) as pair:
        pair.send("DEBUG", "PROTOCOL", "attrib")
        pair.receive()
        pair.receive()
    with contextlib.closing(Pair(debuggable, 2)) as pair:
        pair.play("""
        DEBUG PROTOCOL attrib
        DEBUG PROTOCOL nosuch
        EVAL "return redis.call('debug', 'protocol', 'attrib')" 0
        DEBUG SET-DISABLE-DENY-SCRIPTS 1
        EVAL "return redis.call('debug', 'protocol', 'attrib')" 0
        EVAL "redis.setresp(3) return redis.call('debug', 'protocol', 'attrib')" 0
        DEBUG SET-DISABLE-DENY-SCRIPTS 0
        EVAL "return redis.call('debug', 'protocol', 'attrib')" 0
        """)


def test_debug_push(debuggable: Servers) -> None:
    """A push comes after its command's reply, in RESP3; RESP2 has none."""
    with contextlib.closing(Pair(debuggable, 3)) as pair:
        pair.send("DEBUG", "PROTOCOL", "push")
        pair.receive()
        pair.receive()
    with contextlib.closing(Pair(debuggable, 2)) as pair:
        pair.do("DEBUG", "PROTOCOL", "push")
