"""The map of shards: who owns which slots, what clients are told of it, and where the keys of requests stand."""

from __future__ import annotations

import pytest

from geventcache.command.introspection import key_positions, keys_read
from geventcache.command.table import CommandTable
from geventcache.commands import load_commands
from geventcache.services.settings.config import Config
from geventcache.services.shards.cluster import Cluster, Topology, make_nodes
from geventcache.services.shards.hashing import SLOTS, slot_of
from geventcache.services.shards.slots import NO_SLOT, Slots, keys_in_slot

from ..parity.test_commands import INVOCATIONS
from ..support.inprocess import InProcessServer
from ..support.wire import split_line

IDS = [b"%040d" % n for n in range(3)]


def cluster_at(*hosts: str) -> Cluster:
    """Shards bound to hosts, on the ports from 7000 on."""
    nodes = make_nodes(IDS[: len(hosts)], [(host, 7000 + n) for n, host in enumerate(hosts)])
    return Cluster(Topology(nodes, 0), Config())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000])
def test_slots_are_divided_evenly(count: int) -> None:
    """The shards own each slot once, and none owns two more than another."""
    nodes = make_nodes([b"%040d" % n for n in range(count)], [("127.0.0.1", 1)] * count)
    assert [slot for node in nodes for slot in range(node.first_slot, node.last_slot + 1)] == list(range(SLOTS))
    sizes = {node.last_slot - node.first_slot for node in nodes}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("bound", "local", "told"),
    [
        ("127.0.0.1", b"127.0.0.1:7000", b"127.0.0.1"),
        ("10.0.0.1", b"10.0.0.1:7000", b"10.0.0.1"),
        ("0.0.0.0", b"192.168.1.5:7000", b"192.168.1.5"),
        ("::", b"[fe80::1]:7000", b"fe80::1"),
        ("::", b"[::ffff:192.168.1.5]:7000", b"192.168.1.5"),
        ("0.0.0.0", b"/run/cache.sock:0", b"127.0.0.1"),
        ("0.0.0.0", b"", b"127.0.0.1"),
    ],
)
def test_host_that_a_client_is_told(bound: str, local: bytes, told: bytes) -> None:
    """It is the one that the shards are bound to; for a wildcard, the address that the client has connected to."""
    cluster = cluster_at(bound, bound)
    client = InProcessServer().session().client
    client.local_address = local
    assert cluster.moved(16000, client) == b"MOVED 16000 %b:7001" % told


def test_announced_address() -> None:
    """Clients are told the host and the ports of the settings, if they are set."""
    cluster = cluster_at("0.0.0.0", "0.0.0.0", "0.0.0.0")
    cluster.config.load("cluster-announce-ip", b"cache.example")
    cluster.config.load("cluster-announce-port", b"30000")
    client = InProcessServer().session().client
    assert cluster.moved(6000, client) == b"MOVED 6000 cache.example:30001"
    assert [entry[2][:2] for entry in cluster.slot_map(client)] == [[b"cache.example", 30000 + n] for n in range(3)]


def test_slots_of_requests() -> None:
    """The slots of all kinds of requests are those of the keys that COMMAND GETKEYS finds."""
    load_commands()
    table, slots = CommandTable(), Slots(0, SLOTS - 1, None)
    checked = 0
    for args in map(list, map(split_line, INVOCATIONS.strip().splitlines())):
        command = table.find(args)
        if command is None or command.handler is None or not command.low <= len(args) <= command.high:
            continue
        try:
            found = {slot_of(args[i]) for i in key_positions(command.declaration, args)}
        except ValueError:
            found = set()
        if command.name not in (b"spublish", b"ssubscribe"):  # their channels have slots and are no keys
            expected = NO_SLOT if not found else found.pop() if len(found) == 1 else -2
            assert slots.slot_of_request(command, args) == expected, args
            checked += 1
    assert checked > 100


def test_key_counts_of_any_size() -> None:
    """A count of keys that does not fit the request, however large, leaves the answer to the command."""
    load_commands()
    table, slots = CommandTable(), Slots(0, SLOTS - 1, None)
    for count in (b"0", b"-1", b"3", b"9" * 18, b"9" * 60, b"", b" 1", "\u0661".encode()):
        args = [b"EVAL", b"return 1", count, b"foo", b"bar"]
        assert slots.slot_of_request(table.find(args), args) == NO_SLOT


def test_keys_in_a_slot() -> None:
    """The keys of a slot are found among others."""
    assert keys_in_slot([b"bar", b"foo", b"{bar}1", b"x{bar}", b"{}bar"], slot_of(b"bar")) == [
        b"bar",
        b"{bar}1",
        b"x{bar}",
    ]


@pytest.mark.parametrize(
    "request_line", ["CLUSTER INFO", "CLUSTER HELP", "CLUSTER SLOTS", "CLUSTER COUNTKEYSINSLOT 1", "ASKING"]
)
def test_without_shards(request_line: str) -> None:
    """A server that stands alone says so, in the reference's words."""
    assert (
        InProcessServer().session().do(*request_line.split()) == b"-ERR This instance has cluster support disabled\r\n"
    )


def test_what_stands_alone_knows() -> None:
    """KEYSLOT, READONLY and READWRITE need no shards."""
    session = InProcessServer().session()
    assert session.do("CLUSTER", "KEYSLOT", "foo") == b":12182\r\n"
    assert session.do("READONLY") == session.do("READWRITE") == b"+OK\r\n"


def test_optional_keys_may_be_absent() -> None:
    """The others are keys nevertheless."""
    load_commands()
    declaration = CommandTable().find([b"PFMERGE"]).declaration
    assert keys_read(declaration, [b"PFMERGE", b"d"]) == [b"d"]
    assert keys_read(declaration, [b"PFMERGE", b"d", b"s"]) == [b"d", b"s"]
