"""What CLIENT LIST and CLIENT INFO tell of a client, and the filters that choose clients by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from socket import AF_UNIX
from typing import Any

from geventcache.base import errors
from geventcache.base.errors import SYNTAX, CommandError
from geventcache.base.numbers import parse_integer
from geventcache.services.limits.client_memory import memory_of, pending_bytes, queued_bytes
from geventcache.services.settings.kinds import INT32_MAX

# Letters of the field "flags": the ones that filters may ask for, those of features that do not exist here included.
KNOWN_FLAGS = frozenset(b"AbBcdeEiIMNOPrRStTuUx")
KNOWN_CAPABILITIES = frozenset(b"r")
CLIENT_TYPES = {
    b"normal": b"normal",
    b"master": b"primary",
    b"primary": b"primary",
    b"slave": b"replica",
    b"replica": b"replica",
    b"pubsub": b"pubsub",
}
NEGATION = b"not-"

Test = Callable[[Any], bool]


def type_of(client: Any) -> bytes:
    """The class of a client, as filters and output limits know it."""
    if client.peer is not None:
        kind: bytes = client.peer.client_type
        return kind
    return b"pubsub" if client.subscription_count() else b"normal"


def flags_of(client: Any) -> bytes:
    """The letters of what is special about a client, ``N`` when nothing is."""
    letters = (
        (b"O", client.is_monitor),
        (b"S", type_of(client) == b"replica"),
        (b"M", type_of(client) == b"primary"),
        (b"P", client.subscription_count()),
        (b"x", client.queue is not None),
        (b"b", client.blocked is not None),
        (b"t", client.tracking is not None),
        (b"R", client.tracking is not None and client.tracking.is_broken),
        (b"B", client.tracking is not None and client.tracking.prefixes is not None),
        (b"d", client.is_dirty),
        (b"c", client.is_closing),
        (b"U", is_unix(client)),
        (b"e", client.no_evict),
        (b"T", client.no_touch),
    )
    return b"".join(letter for letter, is_set in letters if is_set) or b"N"


def is_unix(client: Any) -> bool:
    """Whether the client came through a unix socket."""
    sock = socket_of(client)
    return sock is not None and sock.family == AF_UNIX


def socket_of(client: Any) -> Any:
    """The socket of a client, None if it has none: it is a script's, or a cache's inside of a program."""
    return None if client.transport is None else client.transport.sock


def ip_of(client: Any) -> bytes:
    """The address of a client without its port."""
    return bytes(client.address.rpartition(b":")[0].strip(b"[]"))


def age_of(client: Any) -> int:
    """For how many seconds it has been connected."""
    return int((client.server.clock.now_ms - client.created_ms) // 1000)


def idle_of(client: Any) -> int:
    """For how many seconds it has sent nothing."""
    if client is client.server.engine.current:
        return 0
    return max(0, int((client.server.clock.now_ms - client.last_active_ms) // 1000))


def line_of(client: Any) -> bytes:
    """One line of CLIENT LIST, without its end."""
    fields = {**identity(client), **subscriptions(client), **buffers(client), **session(client)}
    return b" ".join(b"%b=%b" % (name.encode(), shown(value)) for name, value in fields.items())


def shown(value: Any) -> bytes:
    """The value of a field as text."""
    return value if isinstance(value, bytes) else b"%d" % value


def identity(client: Any) -> dict[str, Any]:
    """Who it is."""
    return {
        "id": client.id,
        "addr": client.address,
        "laddr": client.local_address,
        "fd": -1 if socket_of(client) is None else socket_of(client).fileno(),
        "name": client.name,
        "age": age_of(client),
        "idle": idle_of(client),
        "flags": flags_of(client),
        "capa": client.capabilities,
        "db": client.db.index,
    }


def subscriptions(client: Any) -> dict[str, Any]:
    """What it listens to, and its transaction."""
    return {
        "sub": len(client.channels or ()),
        "psub": len(client.patterns or ()),
        "ssub": len(client.shard_channels or ()),
        "multi": -1 if client.queue is None else len(client.queue),
        "watch": len(client.watched or ()),
    }


def buffers(client: Any) -> dict[str, Any]:
    """The memory that it holds: unfinished requests, queued ones, unread replies. No buffer is a client's own."""
    return {
        "qbuf": pending_bytes(client),
        "qbuf-free": 0,
        "argv-mem": 0,
        "multi-mem": queued_bytes(client),
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": len(client.outbox),
        "omem": client.outbox_size,
        "tot-mem": memory_of(client),
        "events": b"rw" if client.is_congested else b"r",
    }


def session(client: Any) -> dict[str, Any]:
    """What it did, and how."""
    is_running = client is client.server.engine.current
    return {
        "cmd": client.last_command,
        "user": client.user,
        "redir": client.tracking.redirect if client.tracking is not None else -1,
        "resp": 3 if client.resp3 else 2,
        "lib-name": client.lib_name,
        "lib-ver": client.lib_version,
        "tot-net-in": client.bytes_in,
        "tot-net-out": client.bytes_out,
        "tot-cmds": client.commands - is_running,
    }


# ------------------------------------------------------------------ filters


def read_client_type(text: bytes) -> bytes:
    """A type of clients.

    Raises:
        CommandError: there is no such type.
    """
    found = CLIENT_TYPES.get(text.lower())
    if found is None:
        raise CommandError(errors.unknown_client_type(text))
    return found


def read_letters(kind: bytes, known: frozenset[int]) -> Callable[[bytes], frozenset[int]]:
    """A reader of letters that raises CommandError when one of them means nothing."""

    def read(text: bytes) -> frozenset[int]:
        letters = frozenset(text)
        if not letters <= known:
            raise CommandError(errors.unknown_in_filter(kind, text))
        return letters

    return read


def read_seconds(name: bytes) -> Callable[[bytes], int]:
    """A reader of a positive number of seconds that raises CommandError when it is none."""

    def read(text: bytes) -> int:
        seconds = parse_integer(text)
        if seconds is None:
            raise CommandError(errors.not_integer(name))
        if seconds <= 0:
            raise CommandError(errors.too_low(name))
        return seconds

    return read


# Filters with one argument: how it is read, and whether it chooses a client.
FILTERS: dict[bytes, tuple[Callable[[bytes], Any], Callable[[Any, Any], bool]]] = {
    b"type": (read_client_type, lambda client, wanted: type_of(client) == wanted),
    b"user": (bytes, lambda client, wanted: client.user == wanted),
    b"addr": (bytes, lambda client, wanted: client.address == wanted),
    b"laddr": (bytes, lambda client, wanted: client.local_address == wanted),
    b"ip": (bytes, lambda client, wanted: ip_of(client) == wanted),
    b"name": (bytes, lambda client, wanted: bool(client.name) and client.name == wanted),
    b"lib-name": (bytes, lambda client, wanted: bool(client.lib_name) and client.lib_name == wanted),
    b"lib-ver": (bytes, lambda client, wanted: bool(client.lib_version) and client.lib_version == wanted),
    b"flags": (read_letters(b"flags", KNOWN_FLAGS), lambda client, wanted: wanted <= frozenset(flags_of(client))),
    b"capa": (
        read_letters(b"capa", KNOWN_CAPABILITIES),
        lambda client, wanted: wanted <= frozenset(client.capabilities),
    ),
    b"maxage": (read_seconds(b"maxage"), lambda client, wanted: age_of(client) >= wanted),
    b"idle": (read_seconds(b"idle"), lambda client, wanted: idle_of(client) >= wanted),
}
NEVER_NEGATED = (b"maxage", b"idle")


class ClientFilter:
    """The clients that all given filters choose.

    Attributes:
        skips_caller: the calling client is left out.
    """

    def __init__(self, server: Any, args: Sequence[bytes], skips_caller: bool) -> None:
        self.server = server
        self.skips_caller = skips_caller
        self.tests: dict[bytes, Test] = {}
        self.read(list(args))

    def read(self, words: list[bytes]) -> None:
        """Read filters.

        Raises:
            CommandError: one is unknown, or its argument is wrong.
        """
        while words:
            option = words.pop(0).lower()
            if option in (b"id", NEGATION + b"id"):
                self.tests[option] = test_of_ids(words, option != b"id")
                continue
            if not words:
                raise CommandError(SYNTAX)
            text = words.pop(0)
            if option == b"skipme":
                self.skips_caller = read_yes_no(text)
            else:
                self.tests[option] = self.test_of(option, text)

    def test_of(self, option: bytes, text: bytes) -> Test:
        """The test of a filter with one argument."""
        name = option.removeprefix(NEGATION)
        is_negated = name != option
        if name == b"db":
            index = self.read_db(option.upper(), text)
            return lambda client: (client.db.index == index) != is_negated
        if name not in FILTERS or (is_negated and name in NEVER_NEGATED):
            raise CommandError(SYNTAX)
        read, chooses = FILTERS[name]
        if name == b"user" and text not in self.server.acl.users:
            raise CommandError(errors.no_such_user(text))
        wanted = read(text)
        return lambda client: chooses(client, wanted) != is_negated

    def read_db(self, name: bytes, text: bytes) -> int:
        """The number of a database."""
        count = self.server.databases.count
        index = parse_integer(text)
        if index is None or abs(index) > INT32_MAX:
            raise CommandError(errors.not_integer(name))
        if not 0 <= index < count:
            raise CommandError(errors.db_out_of_range(name, count))
        return index

    def choose(self, caller: Any) -> list[Any]:
        """The chosen clients, in the order of their coming."""
        return [
            client
            for client in self.server.clients
            if not (self.skips_caller and client is caller) and all(test(client) for test in self.tests.values())
        ]


def test_of_ids(words: list[bytes], is_negated: bool) -> Test:
    """The test of as many ids as `words` begins with, which are taken from it."""
    ids = set()
    while words and (number := parse_integer(words[0])) is not None:
        if number <= 0:
            raise CommandError(errors.CLIENT_ID_TOO_LOW)
        ids.add(number)
        words.pop(0)
    return lambda client: (client.id in ids) != is_negated


def read_yes_no(text: bytes) -> bool:
    """YES or NO.

    Raises:
        CommandError: it is neither.
    """
    if text.lower() not in (b"yes", b"no"):
        raise CommandError(SYNTAX)
    return text.lower() == b"yes"
