"""The connection commands: HELLO, AUTH, RESET, and CLIENT with all that it says and does about other clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.wire import Reply, split_line
from .match import exact, ignore, mapping, shape
from .pair import END, Pair, Twin

SCRIPTS = {
    "ping and echo": """
        PING
        PING hello
        PING ""
        PING a b
        ECHO hello
        ECHO
        ECHO a b
    """,
    "select": """
        SELECT 1
        SET k v
        SELECT 0
        EXISTS k
        SELECT 15
        SELECT 16
        SELECT -1
        SELECT x
        SELECT 9223372036854775808
        SELECT 01
        SELECT
        SELECT 1 2
    """,
    "hello refuses": """
        HELLO 1
        HELLO 4
        HELLO x
        HELLO ""
        HELLO 3.0
        HELLO 9223372036854775808
        HELLO 3 WHAT
        HELLO 3 AUTH
        HELLO 3 AUTH a
        HELLO 2 AUTH nobody wrong
        HELLO 3 SETNAME
        HELLO 3 SETNAME "a b"
        HELLO 3 SETNAME "a\\nb"
        HELLO SETNAME a
        HELLO 3 AUTH nobody x SETNAME me
        CLIENT GETNAME
    """,
    "auth without a password": """
        AUTH
        AUTH a
        AUTH ""
        AUTH default a
        AUTH default ""
        AUTH nobody a
        AUTH a b c
        PING
    """,
    "names": """
        CLIENT GETNAME
        CLIENT SETNAME me
        CLIENT GETNAME
        CLIENT SETNAME ""
        CLIENT GETNAME
        CLIENT SETNAME "a b"
        CLIENT SETNAME "a\\nb"
        CLIENT SETNAME "\\x7f"
        CLIENT SETNAME "\\xff"
        CLIENT SETNAME !~
        CLIENT GETNAME
        CLIENT SETNAME
        CLIENT SETNAME a b
        CLIENT GETNAME x
    """,
    "setinfo": """
        CLIENT SETINFO LIB-NAME redis-py
        CLIENT SETINFO lib-ver 1.2.3
        CLIENT SETINFO LIB-NAME "a b"
        CLIENT SETINFO LIB-VER "a\\nb"
        CLIENT SETINFO LIB-NAME ""
        CLIENT SETINFO LIB-WHAT x
        CLIENT SETINFO LIB-NAME
        CLIENT SETINFO
    """,
    "switches": """
        CLIENT NO-EVICT ON
        CLIENT NO-EVICT off
        CLIENT NO-EVICT maybe
        CLIENT NO-EVICT
        CLIENT NO-TOUCH ON
        CLIENT NO-TOUCH OFF
        CLIENT NO-TOUCH maybe
        CLIENT NO-TOUCH
        CLIENT REPLY ON
        CLIENT REPLY maybe
        CLIENT REPLY
        CLIENT GETREDIR
        CLIENT GETREDIR x
        shape: CLIENT ID
        CLIENT ID x
        CLIENT
        CLIENT NOSUCH
        CLIENT MAINT_NOTIFICATIONS ON
        CLIENT HELP x
    """,
    "list refuses": """
        CLIENT LIST WHAT
        CLIENT LIST TYPE
        CLIENT LIST TYPE nosuch
        CLIENT LIST ID
        CLIENT LIST ID x
        CLIENT LIST ID -1
        CLIENT LIST ID 0
        CLIENT LIST ID 999999999
        CLIENT LIST TYPE replica
        CLIENT LIST TYPE pubsub
        CLIENT LIST TYPE normal WHAT
        CLIENT LIST NAME nobody
        CLIENT LIST USER nobody
        CLIENT LIST MAXAGE x
        CLIENT LIST DB 99
        CLIENT LIST DB 4294967296
        CLIENT INFO x
    """,
    "kill refuses": """
        CLIENT KILL
        CLIENT KILL x
        CLIENT KILL 1.2.3.4:5
        CLIENT KILL ID
        CLIENT KILL ID x
        CLIENT KILL ID -1
        CLIENT KILL ID 0
        CLIENT KILL ID 999999999
        CLIENT KILL TYPE nosuch
        CLIENT KILL TYPE replica
        CLIENT KILL USER nobody
        CLIENT KILL ADDR 1.2.3.4:5
        CLIENT KILL LADDR 1.2.3.4:5
        CLIENT KILL SKIPME maybe
        CLIENT KILL WHAT x
        CLIENT KILL ADDR 1.2.3.4:5 SKIPME
        CLIENT KILL MAXAGE x
        CLIENT KILL MAXAGE -1
        CLIENT KILL MAXAGE 100000
        CLIENT KILL MAXAGE 100000 TYPE normal
        CLIENT KILL ID 999999999 SKIPME no
        CLIENT KILL NAME nobody
    """,
    "pause refuses": """
        CLIENT PAUSE
        CLIENT PAUSE x
        CLIENT PAUSE -1
        CLIENT PAUSE 1 WHAT
        CLIENT PAUSE 99999999999999999999
        CLIENT PAUSE 1 WRITE x
        CLIENT UNPAUSE
        CLIENT UNPAUSE x
    """,
    "reset": """
        SELECT 3
        CLIENT SETNAME me
        CLIENT NO-EVICT ON
        RESET
        CLIENT GETNAME
        SET k v
        SELECT 0
        EXISTS k
        RESET x
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_connection_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])


GREETING = mapping({b"server": shape, b"version": shape, b"id": shape, b"modules": ignore})


@pytest.mark.parametrize(
    "argv",
    [(), ("2",), ("3",), ("3", "SETNAME", "me"), ("2", "setname", "me"), ("3", "AUTH", "default", "any")],
    ids=lambda argv: " ".join(argv) or "none",
)
def test_hello_greets_alike(pair: Pair, argv: tuple[str, ...]) -> None:
    """HELLO has the reference's fields and switches the protocol as asked."""
    pair.do("HELLO", *argv, match=GREETING)
    pair.do("CLIENT", "GETNAME")
    pair.do("GET", "missing")


def test_hello_tells_the_zone(pair: Pair) -> None:
    """The availability zone is told by HELLO if there is one."""
    with pair.configured(availability_zone="here 1"):
        pair.do("HELLO", "3", match=GREETING)
        pair.do("CONFIG", "GET", "availability-zone")
    pair.do("HELLO", "3", match=GREETING)


def test_reset_returns_to_resp2(pair: Pair) -> None:
    """RESET ends MULTI, WATCH, the name and the protocol."""
    pair.play("""
        WATCH k
        MULTI
        SET k v
        RESET
        EXEC
        GET k
        CLIENT GETNAME
    """)


REFUSED = [
    *(
        "PING",
        "GET k",
        "GET",
        "nosuch",
        "HELLO",
        "HELLO 3",
        "HELLO 3 AUTH default wrong",
        "AUTH wrong",
        "AUTH default wrong",
    ),
    *("AUTH nobody secret", "AUTH", "AUTH a b c", "RESET", "PING", "MULTI", "COMMAND", "CLIENT ID"),
]


def test_password_is_asked_for(resp2_pair: Pair) -> None:
    """With a password every command but AUTH, HELLO, QUIT and RESET is refused until it is given."""
    with resp2_pair.configured(requirepass="secret"):
        for name in ("resp2", "resp3"):
            twin = resp2_pair.client(name)
            for line in REFUSED:
                twin.do(*line.split(" "))
            if name == "resp3":
                twin.do("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me", match=GREETING)
            else:
                twin.do("AUTH", "secret")
            for line in ("PING", "CLIENT GETNAME", "AUTH wrong", "PING", "RESET", "PING"):
                twin.do(*line.split(" "))


VOLATILE = frozenset(
    [
        "id",
        "addr",
        "laddr",
        "fd",
        "age",
        "idle",
        "qbuf",
        "qbuf-free",
        "argv-mem",
        "multi-mem",
        "rbs",
        "rbp",
        "obl",
        "oll",
        "omem",
        "tot-mem",
        "tot-net-in",
        "tot-net-out",
    ]
)


# The reference counts a queue of 0 commands for a client that has ever watched a key; only in MULTI it means something.
NO_QUEUE = (("multi", "0"), ("multi", "-1"))


def clients_of(reply: Reply) -> list[list[tuple[str, str]]]:
    """Return the fields of each client in a reply of CLIENT LIST or CLIENT INFO, with the volatile values left out."""
    lines = reply.value.removeprefix(b"txt:").decode().splitlines()
    pairs = [[field.partition("=")[::2] for field in line.split(" ")] for line in lines]
    return [
        [(name, "" if name in VOLATILE or (name, value) in NO_QUEUE else value) for name, value in fields]
        for fields in pairs
    ]


def same_clients(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match replies of CLIENT LIST and CLIENT INFO: the same fields in the same order, with the same lasting values."""
    if reference.kind != subject.kind or reference.is_error:
        yield from exact(reference, subject, path)
    elif clients_of(reference) != clients_of(subject):
        yield f"{path}: reference {clients_of(reference)}, subject {clients_of(subject)}"


def test_client_info_describes_the_connection(pair: Pair) -> None:
    """CLIENT INFO has the reference's fields, and they follow what the connection does."""
    for line in (
        "PING",
        "CLIENT SETNAME me",
        "CLIENT SETINFO LIB-NAME lib",
        "CLIENT SETINFO LIB-VER 1.0",
        "SELECT 3",
        "CLIENT NO-EVICT ON",
        "CLIENT NO-TOUCH ON",
        "WATCH a b",
        "UNWATCH",
    ):
        pair.do(*line.split(" "))
        pair.do("CLIENT", "INFO", match=same_clients)


FILTERS = (
    *(
        "NAME one",
        "NAME one SKIPME yes",
        "DB 7",
        "DB 7 NAME two",
        "USER nobody NAME one",
        "DB 7 FLAGS N",
        "TYPE normal DB 7",
    ),
    *("USER default NAME two", "IDLE 100 NAME one", "MAXAGE 100000 NAME one", "LIB-NAME x NAME one"),
)


def test_client_list_can_be_filtered(pair: Pair) -> None:
    """The filters of CLIENT LIST choose the same clients."""
    for name in ("one", "two"):
        pair.client(name).do("CLIENT", "SETNAME", name)
        pair.client(name).do("SELECT", 7)
    for line in FILTERS:
        pair.do("CLIENT", "LIST", *line.split(" "), match=same_clients)


def ids_of(twin: Twin) -> tuple[int, int]:
    """Return the client id that each server gave the twin's connection."""
    reference, subject = (client.do("CLIENT", "ID").value for client in twin.clients)
    return reference, subject


def test_client_ids_grow(pair: Pair) -> None:
    """Each new connection has an id above those before it, on both servers."""
    first, second = ids_of(pair.client("first")), ids_of(pair.client("second"))
    assert first[0] < second[0]
    assert first[1] < second[1]


@pytest.mark.parametrize("form", ["CLIENT LIST ID {}", "CLIENT LIST ID {} {}", "CLIENT LIST ID {} SKIPME no"])
def test_clients_are_listed_by_id(pair: Pair, form: str) -> None:
    """CLIENT LIST ID lists each asked client, once."""
    ids = ids_of(pair.client("a"))
    reference, subject = (form.format(number, number).split(" ") for number in ids)
    pair.send_each(reference, subject, match=same_clients)


@pytest.mark.parametrize("form", ["CLIENT KILL ID {}", "CLIENT KILL ID {} SKIPME yes", "CLIENT KILL TYPE normal ID {}"])
def test_killed_client_is_cut_off(pair: Pair, form: str) -> None:
    """CLIENT KILL ends the connections that it counts, and no other."""
    reference, subject = (form.format(number).split(" ") for number in ids_of(pair.client("victim")))
    assert pair.send_each(reference, subject).value == 1
    assert pair.client("victim").receive() == END
    pair.do("PING")


def test_client_may_kill_itself(pair: Pair) -> None:
    """A client that kills itself has its answer first; SKIPME, which is the default, spares it."""
    twin = pair.client("suicidal")
    reference, subject = (("CLIENT", "KILL", "ID", number) for number in ids_of(twin))
    assert twin.send_each(reference, subject).value == 0
    assert twin.send_each((*reference, "SKIPME", "no"), (*subject, "SKIPME", "no")).value == 1
    assert twin.receive() == END


def test_client_is_killed_by_address(pair: Pair) -> None:
    """The old form of CLIENT KILL takes the address that CLIENT LIST shows."""
    victim = pair.client("victim")
    victim.do("PING")
    addresses = ["{}:{}".format(*client.socket.getsockname()) for client in victim.clients]
    pair.send_each(("CLIENT", "KILL", addresses[0]), ("CLIENT", "KILL", addresses[1]))
    assert victim.receive() == END
    pair.send_each(("CLIENT", "KILL", addresses[0]), ("CLIENT", "KILL", addresses[1]))


def test_client_reply_silences(pair: Pair) -> None:
    """OFF silences all until ON, SKIP silences the next command only."""
    for line in ("CLIENT REPLY OFF", "SET k v", "nosuch", "CLIENT REPLY SKIP", "CLIENT REPLY ON"):
        pair.send(*line.split(" "))
    assert pair.receive() == Reply("+", b"OK")
    for line in (
        "CLIENT REPLY SKIP",
        "SET k w",
        "GET k",
        "CLIENT REPLY SKIP",
        "CLIENT REPLY SKIP",
        "PING",
        "ECHO last",
    ):
        pair.send(*line.split(" "))
    assert pair.receive() == Reply("$", b"w")
    assert pair.receive() == Reply("$", b"last")
    assert pair.is_silent()


def test_quit_ends_the_connection(pair: Pair) -> None:
    """QUIT is answered, what follows it is not."""
    pair.send("QUIT")
    assert pair.receive() == Reply("+", b"OK")
    assert pair.receive() == END


def test_pause_holds_writes_back(pair: Pair) -> None:
    """While writes are paused, reads are answered; a held write is answered after UNPAUSE."""
    writer = pair.client("writer")
    pair.do("CLIENT", "PAUSE", 100_000, "WRITE")
    writer.send("SET", "k", "v")
    pair.do("GET", "k")
    pair.do("CLIENT", "GETNAME")
    assert writer.is_silent()
    pair.do("CLIENT", "UNPAUSE")
    assert writer.receive() == Reply("+", b"OK")


HELD_BACK = {
    "EVAL 'return 1' 0": True,
    "EVAL '#!lua flags=no-writes\nreturn 1' 0": False,
    "EVAL '#!lua flags=allow-oom\nreturn 1' 0": True,
    "EVAL '#!lua nonsense\nreturn 1' 0": True,
    "EVAL_RO 'return 1' 0": False,
    "EVALSHA 77f21361171213377cb083e2ffc2ae24ffdff8fb 0": False,
    "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0": True,
    "EVALSHA nosuch 0": True,
    "FCALL reads 0": False,
    "FCALL WRITES 0": True,
    "FCALL nosuch 0": True,
    "FCALL_RO reads 0": False,
    "SCRIPT LOAD 'return 2'": False,
    "FUNCTION LIST LIBRARYNAME nosuch": False,
    "FUNCTION DELETE nosuch": True,
    "PFCOUNT k": True,
}
LIBRARY = """#!lua name=l
server.register_function{function_name='reads', callback=function() return 1 end, flags={'no-writes'}}
server.register_function('writes', function() return 1 end)"""


@pytest.mark.parametrize("is_queued", [False, True])
@pytest.mark.parametrize("line", HELD_BACK)
def test_pause_of_writes_knows_scripts(pair: Pair, line: str, is_queued: bool) -> None:
    """Scripts and functions are held back with writes unless they say that they only read."""
    caller = pair.client("caller")
    pair.do("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    pair.do("SCRIPT", "LOAD", "return 1")
    pair.do("SCRIPT", "LOAD", "#!lua flags=no-writes\nreturn 1")
    if is_queued:
        caller.do("MULTI")
        caller.do(*split_line(line))
    pair.do("CLIENT", "PAUSE", 100_000, "WRITE")
    try:
        caller.send(*(("EXEC",) if is_queued else split_line(line)))
        for _ in range(3):
            pair.do("CLIENT", "GETNAME")
        is_held = [not client.has_input() for client in caller.clients]
    finally:
        pair.do("CLIENT", "UNPAUSE")
    assert is_held == [HELD_BACK[line]] * 2
    caller.receive()
    pair.do("FUNCTION", "FLUSH")


def test_pause_holds_all_back(pair: Pair) -> None:
    """While all is paused even a PING waits, and everything is answered in order when the pause ends by itself."""
    pair.do("CLIENT", "PAUSE", 50, "ALL")
    pair.send("PING")
    pair.send("SET", "k", "v")
    assert pair.receive() == Reply("+", b"PONG")
    assert pair.receive() == Reply("+", b"OK")


def test_maxclients_refuses_one_more(resp2_pair: Pair) -> None:
    """A connection above maxclients is told so and closed."""
    with resp2_pair.configured(maxclients=2):
        resp2_pair.raw(b"PING\r\n")


@pytest.mark.parametrize("reason", ["", "TIMEOUT", "error"])
def test_blocked_client_is_unblocked(pair: Pair, reason: str) -> None:
    """CLIENT UNBLOCK gives a blocked client its timeout's reply, or an error; others are left alone."""
    waiter = pair.client("waiter")
    ids = ids_of(waiter)
    waiter.send("BLPOP", "empty", 0)
    pair.wait_blocked(1)
    reference, subject = (f"CLIENT UNBLOCK {number} {reason}".split() for number in ids)
    assert pair.send_each(reference, subject).value == 1
    waiter.receive()
    assert pair.send_each(reference, subject).value == 0
    waiter.do("PING")


def test_unblock_refuses(pair: Pair) -> None:
    """CLIENT UNBLOCK checks the reason before the id, and knows no id that is not there."""
    pair.play("""
        CLIENT UNBLOCK
        CLIENT UNBLOCK x
        CLIENT UNBLOCK x what
        CLIENT UNBLOCK 1 what
        CLIENT UNBLOCK 999999999
        CLIENT UNBLOCK -1 ERROR
    """)
