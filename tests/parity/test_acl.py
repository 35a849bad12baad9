"""Access control: rules, what they refuse, and what is told of users. Every test makes its users anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.wire import split_line
from .match import ignore, items
from .pair import END, Pair, Twin

RULES = r"""
    on
    on >p1 ~a* %R~b* %W~c* %RW~d &ch* +@read -get +set +client|id +config|get -@dangerous +select|0
    (~x* +get) (%W~y* -@all +@write &k)
    clearselectors resetkeys resetchannels resetpass off
    allcommands allkeys allchannels nopass on alldbs db=1,2
    ~a ~*
    ~* ~a
    &* &a
    %X~a
    %~a
    %R
    %
    %RR~c
    %rw~e
    %WR~d
    %R~e %W~e
    %RW~* ~a
    +@nosuch
    +nosuch
    +client|nosuch
    +get|x|y
    -client|id|x
    -get|x
    +config|set|x
    +get|
    +|get
    +config|
    +
    -
    +@
    #abc
    #E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    #e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    <nosuch
    !abc
    !e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    >x >x
    >x <x
    foo
    (foo)
    (+get
    (on)
    (
    ()
    "a b"
    "~a b"
    "&a b"
    ""
    ( ~x +get )
    "( ~y  +get)"
    "(~y +get) "
    "(~y (+get))"
    "(reset)"
    "(>p)"
    "(db=1 allcommands allkeys allchannels)"
    +@all -@write +set -set +get|foo
    reset +client -client|id -client|kill +client|kill
    -@all +client|id +client|kill +client
    +@all -client
    -@read +@read
    skip-sanitize-payload
    sanitize-payload
    nocommands
    +acl|list +ACL|LOAD +@Read +GET
    +get|a +get|b -get
    +get|a +get|b +get|a
    db=3
    db=99
    db=
    db=a
    db=-1
    db=1,,2
    db=1,
    DB=1
    db=5,2,9
    resetdbs
    OFF ON NoPass AllKeys ALLCHANNELS ALLCOMMANDS
    default
"""
COMMANDS = """
    ACL
    ACL NOSUCH
    ACL CAT
    ACL CAT nosuch
    ACL CAT a b
    acl cat a b
    unordered: ACL CAT transaction
    unordered: ACL CAT hyperloglog
    ACL WHOAMI
    ACL WHOAMI x
    ACL USERS
    ACL USERS x
    ACL GENPASS 0
    ACL GENPASS 4097
    ACL GENPASS x
    ACL GENPASS 1 2
    ACL LOG RESET
    ACL LOG
    ACL LOG 0
    ACL LOG -1
    ACL LOG x
    ACL LOG 1 2
    ACL LOAD
    ACL LOAD x
    ACL SAVE
    ACL SETUSER
    ACL SETUSER "a b" on
    ACL DELUSER
    ACL DELUSER nosuch
    ACL DELUSER default
    ACL GETUSER
    ACL GETUSER nosuch
    ACL GETUSER default
    ACL LIST
    ACL DRYRUN
    ACL DRYRUN nosuch get a
    ACL DRYRUN default nosuch a
    ACL DRYRUN default get
    ACL DRYRUN default get a
    ACL DRYRUN default config nosuch
    ACL DRYRUN default config
    AUTH nosuch x
    AUTH default x
    AUTH x
    AUTH a b c
"""
LIMITED = {
    "keys": (
        "~a* %R~r* %W~w* +@all -flushall -config|get",
        """
        GET a
        GET b
        MGET a b c
        SET r 1
        GET w
        GETSET w 1
        SET w 1
        SET w 1 GET
        FLUSHALL
        FLUSHALL x y z
        CONFIG GET x
        NOSUCH
        CONFIG
        CONFIG NOSUCH
        GET
        SORT a BY w_* GET x_*
        SORT a BY nosort GET #
        SORT a BY nosort
        ZUNIONSTORE a 2 r w
        ZUNIONSTORE w 1 r
        ZUNIONSTORE x 1 r
        EVAL "return 1" 1 b
        EVAL "return redis.call('get','b')" 0
        EVAL "return redis.call('flushall')" 0
        XREAD STREAMS a b 0 0
        OBJECT ENCODING b
        MULTI
        GET b
        EXEC
        RANDOMKEY
        ACL WHOAMI
        """,
    ),
    "channels": (
        "&c* ~* +@all",
        """
        PUBLISH x y
        PUBLISH c y
        SPUBLISH x y
        SUBSCRIBE c1 x
        SSUBSCRIBE cx d
        PSUBSCRIBE c?
        UNSUBSCRIBE x
        """,
    ),
    "databases": (
        "db=0,1 ~* +@all",
        """
        SELECT 2
        SELECT 1
        SELECT 99
        SELECT x
        SET a 1
        MOVE a 2
        MOVE a x
        COPY a b DB 2
        COPY a b DB 0
        SWAPDB 0 2
        SWAPDB 0 x
        DBSIZE
        FLUSHALL
        FLUSHDB
        """,
    ),
    "selectors": (
        "~a +get (+set ~b) (+publish &x)",
        """
        GET a
        GET b
        SET b 1
        SET a 1
        PUBLISH a x
        PUBLISH x x
        LPUSH x y
        PING
        QUIT
        """,
    ),
    "first arguments": (
        "+select|1 +get|a ~*",
        """
        SELECT 0
        SELECT 1
        GET a
        GET A
        GET b
        """,
    ),
}
LOG_ENTRY = {2 * i + 1: ignore for i in (5, 6, 7, 8, 9)}


@pytest.fixture
def acl(pair: Pair) -> Iterator[Pair]:
    """Both servers without users, whose default user may do everything afterwards."""
    pair.do("ACL", "LOG", "RESET")
    yield pair
    pair.control.do("ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all")
    pair.control.do("ACL", "DELUSER", "u", "v")


def limited(pair: Pair, rules: str) -> Twin:
    """A client that is logged in as a user with these rules."""
    pair.do("ACL", "SETUSER", "u", "reset", "on", "nopass", *split_line(rules))
    client = pair.client("limited")
    client.do("AUTH", "u", "x")
    return client


def test_rules(acl: Pair) -> None:
    """Each line of rules is read or refused as by the reference, and the user is shown the same afterwards."""
    for line in RULES.strip().splitlines():
        acl.do("ACL", "SETUSER", "u", *split_line(line.strip()))
        acl.do("ACL", "GETUSER", "u")
        acl.do("ACL", "LIST")


def test_commands(acl: Pair) -> None:
    """Each line of the script has the reference's reply."""
    acl.play(COMMANDS)


@pytest.mark.parametrize("name", LIMITED)
def test_limited_user(acl: Pair, name: str) -> None:
    """A limited user is refused the same, in the same words; ACL DRYRUN says it in more of them, the log too."""
    rules, script = LIMITED[name]
    client = limited(acl, rules)
    for line in script.strip().splitlines():
        request = split_line(line.strip())
        if name == "channels":
            client.send(*request)
            client.drain()
        else:
            client.do(*request)
        if request[0] not in (b"MULTI", b"EXEC", b"EVAL"):
            acl.do("ACL", "DRYRUN", "u", *request)
    log = acl.do("ACL", "LOG", "100", match=ignore)
    if acl.protocol == 2:
        for i in range(len(log.value)):
            acl.do("ACL", "LOG", "100", match=items({i: items(LOG_ENTRY)}, otherwise=ignore))


def test_rights_that_are_lost_before_exec(acl: Pair) -> None:
    """What was queued is refused by EXEC when the right to it is gone."""
    client = limited(acl, "~* &* +@all")
    for line in ("MULTI", "GET a", "SET a 1", "PUBLISH c 1", "SELECT 0"):
        client.do(*split_line(line))
    acl.do("ACL", "SETUSER", "u", "-get", "resetkeys", "resetchannels", "db=1")
    client.do("EXEC")


def test_disconnected_clients(acl: Pair) -> None:
    """Clients of deleted users, and subscribers who lost their channel, are disconnected; disabled users stay."""
    client = limited(acl, "~* &* +@all")
    acl.do("ACL", "SETUSER", "u", "off")
    client.do("PING")
    client.send("SUBSCRIBE", "a")
    client.drain()
    acl.do("ACL", "SETUSER", "u", "resetchannels", "&b")
    assert client.receive() == END
    client.reconnect()
    acl.do("ACL", "SETUSER", "u", "on")
    client.do("AUTH", "u", "x")
    acl.do("ACL", "DELUSER", "u", "v")
    assert client.receive() == END
    client.reconnect()
    client.do("AUTH", "u", "x")


def test_default_user(acl: Pair) -> None:
    """The default user's password is asked of new connections; requirepass replaces it."""
    client = acl.client("new")
    for rules in (">pw", "off", "on nopass", ">pp resetpass", "nopass"):
        acl.do("ACL", "SETUSER", "default", *rules.split())
        client.reconnect()
        for line in ("PING", "AUTH x", "AUTH pw", "AUTH default pw", "PING"):
            client.do(*line.split())
    with acl.configured(requirepass="foo"):
        acl.do("ACL", "GETUSER", "default")
        acl.do("AUTH", "foo")
    acl.do("ACL", "GETUSER", "default")


def test_categories(acl: Pair) -> None:
    """Every category has the same commands, of those that both servers have; containers are among the slow ones."""
    known = [{item.value for item in client.do("COMMAND", "LIST").value} for client in acl.clients]
    for name in acl.do("ACL", "CAT").value:
        listed = [{item.value for item in client.do("ACL", "CAT", name.value).value} for client in acl.clients]
        containers = [{item for item in names if b"|" not in item} for names in listed]
        assert containers[0] & known[1] == containers[1] & known[0], name
        shared = {item.split(b"|")[0] for item in listed[1]} & known[0]
        assert {item for item in listed[1] if item.split(b"|")[0] in shared} <= listed[0], name
