"""Shards: two nodes of Redis Cluster against two shards; each owns half of the slots.

Of the keys, `bar`, `hello` and `{bar}...` are the first node's, `foo`, `a` and `{foo}...` the second's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from geventcache.services.shards.hashing import slot_of

from ..support.client import Address, Client
from ..support.needs import required_reference
from ..support.ports import free_port
from ..support.servers import Servers, running_reference, running_shards
from ..support.wire import Reply, split_line
from .match import Matcher, exact, unordered
from .pair import Twin

_ROUNDS = 100_000  # of asking the reference's nodes whether they have found each other


class Nodes(NamedTuple):
    """The nodes of one cluster, in the order of their slots."""

    addresses: tuple[Address, ...]
    ids: tuple[bytes, ...]

    def named(self, reply: Reply) -> Reply:
        """A reply with words in the place of addresses and ids."""
        if isinstance(reply.value, tuple):
            return Reply(reply.kind, tuple(self._named(item) for item in reply.value))
        return Reply(reply.kind, self._named_value(reply.value))

    def _named(self, item: object) -> object:
        return self.named(item) if isinstance(item, Reply) else tuple(map(self.named, item))  # type: ignore[arg-type]

    def _named_value(self, value: object) -> object:
        for n, ((host, port), node_id) in enumerate(zip(self.addresses, self.ids, strict=True)):
            if value == port:
                return n
            if isinstance(value, bytes):
                value = value.replace(b"%b:%d" % (host.encode(), port), b"address%d" % n).replace(node_id, b"id%d" % n)
        return value


class Clusters(NamedTuple):
    """The reference's cluster and the subject's."""

    reference: Nodes
    subject: Nodes

    def twin(self, node: int, protocol: int) -> Twin:
        """Connections to a node of each."""
        return Twin(
            Servers(self.reference.addresses[node], self.subject.addresses[node], frozenset()), protocol, f"{node}", []
        )

    def placed(self, match: Matcher) -> Matcher:
        """A matcher that takes a node of one cluster for that of the other."""
        return lambda first, second, path: match(self.reference.named(first), self.subject.named(second), path)


@pytest.fixture(scope="module")
def clusters() -> Iterator[Clusters]:
    """Run two nodes of each."""
    binary = required_reference()
    with running_reference_cluster(binary) as reference, running_shards(2) as subject:
        yield Clusters(nodes_of(reference), nodes_of(subject))


@contextlib.contextmanager
def running_reference_cluster(binary: Path) -> Iterator[tuple[Address, ...]]:
    """Run two nodes of the reference that know each other."""
    bus_ports = free_port(), free_port()
    options = [("--cluster-enabled", "yes", "--cluster-port", str(port)) for port in bus_ports]
    with running_reference(binary, *options[0]) as first, running_reference(binary, *options[1]) as second:
        clients = Client(first), Client(second)
        clients[0].do("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        clients[1].do("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        clients[1].do("CLUSTER", "SET-CONFIG-EPOCH", 2)
        clients[0].do("CLUSTER", "MEET", "127.0.0.1", second[1], bus_ports[1])
        for client in clients:
            wait_until(lambda client=client: b"cluster_state:ok" in client.do("CLUSTER", "INFO").value)  # type: ignore[misc]
            client.close()
        yield first, second


def wait_until(claim: Callable[[], bool]) -> None:
    """Ask until the claim holds."""
    assert any(claim() for _ in range(_ROUNDS))


def nodes_of(addresses: tuple[Address, ...]) -> Nodes:
    """The nodes at addresses."""
    ids = []
    for address in addresses:
        client = Client(address)
        ids.append(client.do("CLUSTER", "MYID").value)
        client.close()
    return Nodes(addresses, tuple(ids))


def play(clusters: Clusters, protocol: int, script: str) -> None:
    """Play a script, on the first nodes or, where a line begins with ``[1]``, on the second ones."""
    twins = [clusters.twin(node, protocol) for node in (0, 1)]
    try:
        for twin in twins:
            twin.do("FLUSHALL")
        for line in filter(None, map(str.strip, script.splitlines())):
            node = 1 if line.startswith("[1]") else 0
            twins[node].do(*split_line(line.removeprefix("[1]")), match=clusters.placed(exact))
    finally:
        for twin in twins:
            twin.close()


SCRIPTS = {
    "redirections": r"""
        GET bar
        GET foo
        [1] GET foo
        [1] GET bar
        SET foo 1
        SET foo a b c d e f g
        GET foo bar
        MGET bar foo
        MGET foo bar
        MGET bar hello
        MGET foo a
        MGET {bar}1 {bar}2
        MGET {foo}1 {foo}2
        MSET foo 1
        MSET foo 1 bar
        MSETEX 9 foo 1
        RENAME foo bar
        COPY bar foo
        BLPOP foo bar 0
        BLPOP foo 0
        BITOP AND foo bar hello
        XREAD COUNT 1 STREAMS foo bar 0 0
        XREAD COUNT 1 STREAMS foo 0
        XREADGROUP GROUP g c STREAMS foo >
        XINFO STREAM foo
        XGROUP CREATE foo g $
        OBJECT ENCODING foo
        MEMORY USAGE foo
        ZUNIONSTORE foo 2 bar foo
        ZUNIONSTORE foo x bar foo
        ZUNIONSTORE foo 0
        ZUNION 2 foo a
        ZUNION 1 foo
        LMPOP 2 foo bar LEFT
        LMPOP 1 foo LEFT
        LMPOP 2 foo
        SINTERCARD 2 foo bar LIMIT x
        PFMERGE foo
        GEORADIUS foo 0 0 1 m STORE bar
        LCS foo bar
        DBSIZE
        PUBLISH foo m
        READONLY
        READWRITE
        READONLY x
        ASKING
        GET foo
        ASKING
        MGET foo bar
        ASKING x
    """,
    "databases": r"""
        SELECT 0
        SELECT 1
        SELECT x
        SELECT -1
        SWAPDB 0 1
        SWAPDB x 0
        SET bar 1
        MOVE bar 1
        MOVE bar 0
        MOVE foo 1
        COPY bar {bar}x DB 1
        COPY bar {bar}x DB 0
        CONFIG GET cluster-databases
    """,
    "sort": r"""
        RPUSH {bar}l 1 2 3
        SORT {bar}l BY w_*
        SORT bar BY w_*
        SORT {bar}l BY nosort
        SORT {bar}l BY {bar}w_*
        SORT {bar}l BY {bar}*
        SORT {bar}l BY w{bar}_*
        SORT {bar}l BY w{*}
        SORT {bar}l BY *{bar}
        SORT {bar}l BY {bar*}x
        SORT {bar}l BY {}x*
        SORT {bar}l BY {bar*
        SORT {bar}l BY w_*->f
        SORT {bar}l GET #
        SORT {bar}l GET g_*
        SORT {bar}l GET {bar}g_*
        SORT {bar}l GET {foo}g_*
        SORT {bar}l GET # GET {bar}g_*
        SORT {bar}l GET nostar
        SORT {bar}l GET bar
        SORT {bar}l GET bar*
        SORT {bar}l GET {bar}*->f
        SORT {bar}l STORE foo
        SORT {foo}l STORE bar
        SORT_RO {bar}l BY w_*
        SORT {bar}l BADWORD BY w_*
    """,
    "transactions": r"""
        MULTI
        SET bar 1
        SET hello 2
        EXEC
        GET bar
        MULTI
        SET foo 1
        SET bar 2
        EXEC
        MULTI
        SET bar 5
        SET {bar}x 5
        PING
        EXEC
        MULTI
        SET bar 6
        SET hello 6
        NOSUCH
        EXEC
        MULTI
        GET bar
        MGET foo bar
        EXEC
        WATCH foo
        WATCH bar hello
        WATCH bar
        SET bar 7
        MULTI
        GET hello
        GET bar
        EXEC
        WATCH bar
        MULTI
        GET hello
        EXEC
    """,
    "shard channels": r"""
        SSUBSCRIBE foo
        SSUBSCRIBE foo bar
        SSUBSCRIBE bar hello
        SPUBLISH foo m
        SPUBLISH bar m
        SUNSUBSCRIBE foo
        SUNSUBSCRIBE bar hello
    """,
    "slots": r"""
        CLUSTER KEYSLOT foo
        CLUSTER KEYSLOT {foo}bar
        CLUSTER KEYSLOT {}foo
        CLUSTER KEYSLOT foo{{bar}}zap
        CLUSTER KEYSLOT foo{bar}{zap}
        CLUSTER KEYSLOT a{b
        CLUSTER KEYSLOT a}b{c}
        CLUSTER KEYSLOT {}{a}
        CLUSTER KEYSLOT ""
        CLUSTER KEYSLOT "\x00\xff{\x80}"
        CLUSTER KEYSLOT
        CLUSTER KEYSLOT a b
        CLUSTER COUNTKEYSINSLOT x
        CLUSTER COUNTKEYSINSLOT -1
        CLUSTER COUNTKEYSINSLOT 16384
        CLUSTER COUNTKEYSINSLOT 16383
        CLUSTER GETKEYSINSLOT 0 -1
        CLUSTER GETKEYSINSLOT -1 0
        CLUSTER GETKEYSINSLOT 0 x
        CLUSTER GETKEYSINSLOT x 1
        CLUSTER GETKEYSINSLOT 5061 10
        SET bar 1
        CLUSTER GETKEYSINSLOT 5061 10
        CLUSTER GETKEYSINSLOT 5061 1
        CLUSTER GETKEYSINSLOT 5061 0
        CLUSTER COUNTKEYSINSLOT 5061
        CLUSTER COUNTKEYSINSLOT 5062
    """,
    "statistics of slots": r"""
        SET bar 1
        SET {bar}1 1
        SET hello 1
        CLUSTER SLOT-STATS
        CLUSTER SLOT-STATS SLOTSRANGE 5061 5061
        CLUSTER SLOT-STATS SLOTSRANGE 8190 8193
        [1] CLUSTER SLOT-STATS SLOTSRANGE 8190 8193
        CLUSTER SLOT-STATS SLOTSRANGE 9000 9001
        CLUSTER SLOT-STATS SLOTSRANGE 5 4
        CLUSTER SLOT-STATS SLOTSRANGE x 4
        CLUSTER SLOT-STATS SLOTSRANGE 4 x
        CLUSTER SLOT-STATS SLOTSRANGE 4 16384
        CLUSTER SLOT-STATS SLOTSRANGE 4
        CLUSTER SLOT-STATS SLOTSRANGE 4 5 6
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT 3
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT 3 ASC
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT DESC LIMIT 3
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT 0
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT 16385
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT x
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT FOO
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT ASC DESC
        CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT 1 LIMIT 2
        CLUSTER SLOT-STATS ORDERBY CPU-USEC LIMIT 1
        CLUSTER SLOT-STATS ORDERBY FOO
        CLUSTER SLOT-STATS ORDERBY
        CLUSTER SLOT-STATS FOO BAR
        CLUSTER SLOT-STATS FOO
    """,
    "scan": r"""
        CLUSTERSCAN
        [1] CLUSTERSCAN 0
        CLUSTERSCAN 0
        [1] CLUSTERSCAN 0 SLOT 99999
        [1] CLUSTERSCAN 0 SLOT x
        [1] CLUSTERSCAN 0 SLOT
        [1] CLUSTERSCAN 0 FOO bar
        [1] CLUSTERSCAN 0 NOVALUES
        [1] CLUSTERSCAN 0 COUNT 0
        [1] CLUSTERSCAN 0 TYPE nosuch
        [1] CLUSTERSCAN 0-{06S}-0
        CLUSTERSCAN 0-{06S}-x
        CLUSTERSCAN 0-{06S}
        CLUSTERSCAN {06S}-0
        CLUSTERSCAN 0-{06S}-0 SLOT 5
    """,
    "the map": r"""
        CLUSTER
        CLUSTER FOO
        CLUSTER MYID
        CLUSTER MYID x
        CLUSTER LINKS x
        CLUSTER SLOTS
        [1] CLUSTER SLOTS
        CLUSTER REPLICAS x
        CLUSTER SLAVES x
    """,
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("name", SCRIPTS)
def test_cluster_script(clusters: Clusters, name: str, protocol: int) -> None:
    """Each line of the script has the reference's reply."""
    play(clusters, protocol, SCRIPTS[name])


# The reference fails every script after the first one that used a key of another node: that comes last, and once.
LUA = r"""
    EVAL "return 1" 0
    EVAL "return 1" 1 foo
    EVAL "return 1" 2 foo bar
    EVAL "return 1" 3 foo bar
    EVAL "return 1" x foo
    EVAL "return 1" -1 foo
    EVAL "return redis.call('get', 'hello')" 1 bar
    EVAL "return redis.call('get', 'hello')" 0
    EVAL "redis.call('get', 'bar') return redis.call('get', 'hello')" 0
    EVAL "#!lua flags=allow-cross-slot-keys\nredis.call('get', 'bar') return redis.call('get', 'hello')" 1 bar
    EVAL "#!lua flags=allow-cross-slot-keys\nreturn 1" 2 bar hello
    EVAL "#!lua flags=no-cluster\nreturn 1" 0
    EVAL "#!lua flags=no-cluster\nreturn 1" 1 foo
    EVAL "#!lua\nredis.call('get', 'bar') return redis.call('get', 'hello')" 0
    EVAL "#!lua\nredis.call('ping') return redis.call('get', 'hello')" 1 bar
    EVAL "#!lua\nreturn redis.call('get', '{bar}x')" 1 bar
    FUNCTION LOAD "#!lua name=l\nserver.register_function('f', function(k, a) return server.call('get', a[1]) end)"
    FCALL f 0 bar
    FCALL f 1 bar {bar}x
    FCALL f 1 bar hello
    FCALL f 1 foo bar
    EVAL "return redis.pcall('get', 'foo')" 0
    EVAL "return redis.call('get', 'foo')" 1 bar
    EVAL "return redis.call('mget', 'bar', 'hello')" 0
"""


def test_scripts_of_a_shard(clusters: Clusters) -> None:
    """A script uses the keys of its node, of one slot if it has a header and does not ask for more."""
    play(clusters, 2, LUA)


@pytest.mark.parametrize("protocol", [2, 3])
def test_cluster_shards(clusters: Clusters, protocol: int) -> None:
    """CLUSTER SHARDS is the reference's, but for the ids of shards and their order."""
    twin = clusters.twin(0, protocol)
    twin.do("CLUSTER", "SHARDS", match=clusters.placed(same_shards))
    twin.close()


def same_shards(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Match two replies of CLUSTER SHARDS; the id of a shard comes last in its map."""
    first, second = (
        Reply("*", tuple(Reply(shard.kind, shard.value[: -1 if shard.kind == "%" else -2]) for shard in reply.value))
        for reply in (reference, subject)
    )
    return unordered()(first, second, path)


def test_cluster_nodes(clusters: Clusters) -> None:
    """A line of CLUSTER NODES has the reference's fields; times, epochs and the port of the bus are a server's own."""
    lines = []
    for addresses, node_ids in clusters:
        client = Client(addresses[0])
        text = client.do("CLUSTER", "NODES").value.decode()
        client.close()
        for n, (port, node_id) in enumerate(zip([address[1] for address in addresses], node_ids, strict=True)):
            text = text.replace(f":{port}@", f":{n}@").replace(node_id.decode(), f"id{n}")
        fields = [line.split(" ") for line in text.splitlines()]
        lines.append(sorted([line[0], line[1].split("@")[0], *line[2:4], *line[7:]] for line in fields))
    assert lines[0] == lines[1]


def test_cluster_info(clusters: Clusters) -> None:
    """CLUSTER INFO tells the state of the cluster as the reference does; counters of messages are a server's own."""
    reports = []
    for addresses, _ in clusters:
        client = Client(addresses[0])
        fields = dict(line.split(":") for line in client.do("CLUSTER", "INFO").value.decode().splitlines())
        client.close()
        reports.append({name: text for name, text in fields.items() if "stats" not in name and "epoch" not in name})
    assert reports[0] == reports[1]


@pytest.mark.parametrize(("section", "line"), [("server", b"server_mode:cluster"), ("cluster", b"cluster_enabled:1")])
def test_info_of_a_shard(clusters: Clusters, section: str, line: bytes) -> None:
    """INFO of both says that the server is one of a cluster."""
    twin = clusters.twin(0, 2)
    assert all(line in client.do("INFO", section).value.splitlines() for client in twin.clients)
    twin.close()


def test_greeting_of_a_shard(clusters: Clusters) -> None:
    """HELLO of both says that the server is one of a cluster."""
    twin = clusters.twin(0, 2)
    assert [client.do("HELLO", "3").plain()[b"mode"] for client in twin.clients] == [b"cluster", b"cluster"]
    twin.close()


def walk(nodes: Nodes, *options: str) -> list[bytes]:
    """The keys that a whole CLUSTERSCAN gives out, each page at the node of its cursor's slot."""
    clients = [Client(address) for address in nodes.addresses]
    try:
        slot = slot_of(SLOT_KEY) if "SLOT" in options else None
        found: list[bytes] = []
        cursor = b"0"
        while True:
            node = clients[slot_of(cursor) // 8192]
            assert slot is None or cursor == b"0" or slot_of(cursor) == slot
            reply = node.do("CLUSTERSCAN", cursor, *options).value
            cursor = reply[0].value
            found += [key.value for key in reply[1].value]
            if cursor == b"0":
                return sorted(found)
    finally:
        for client in clients:
            client.close()


SLOT_KEY = b"{foo}"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("COUNT", "7"),
        ("COUNT", "1000"),
        ("MATCH", "*1*"),
        ("TYPE", "list"),
        ("SLOT", str(slot_of(SLOT_KEY))),
        ("SLOT", str(slot_of(SLOT_KEY)), "COUNT", "5", "TYPE", "string"),
    ],
)
def test_clusterscan_gives_out_every_key_once(clusters: Clusters, options: tuple[str, ...]) -> None:
    """Whoever follows the cursors from node to node gets every key, and both clusters give the same."""
    for nodes in clusters:
        for address, tag in zip(nodes.addresses, (b"bar", b"foo"), strict=True):
            client = Client(address)
            client.do("FLUSHALL")
            for n in range(30):
                client.do("SET", b"{%b}%d" % (tag, n), "v")
            client.do("RPUSH", b"{%b}list" % tag, "v")
            client.close()
    found = walk(clusters.subject, *options)
    assert found == walk(clusters.reference, *options)
    assert len(found) == len(set(found)) > 0
