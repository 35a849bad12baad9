"""Workers as shards: what a client of Redis Cluster asks for, and what it says before it reads."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.resp.values import OK, Verbatim
from geventcache.services.clients import Client
from geventcache.services.shards.cluster import shard_id
from geventcache.services.shards.hashing import SLOTS, slot_of
from geventcache.services.shards.slots import count_by_slot, keys_in_slot

KEY_COUNT = b"key-count"


def cluster_of(ctx: Client):
    """The shards that the server is one of.

    Raises:
        CommandError: it stands alone.
    """
    if ctx.server.cluster is None:
        raise CommandError(errors.CLUSTER_DISABLED)
    return ctx.server.cluster


container(
    "CLUSTER",
    "cluster",
    summary="A container for Cluster commands.",
    since="3.0.0",
    help_since="5.0.0",
    help_check=cluster_of,
)


# ---------------------------------------------------------------------- the map


@command(
    "CLUSTER|SLOTS",
    "cluster",
    arity=2,
    flags="loading stale",
    since="3.0.0",
    complexity="O(N) where N is the total number of Cluster nodes",
    tips="nondeterministic_output",
    history=[
        ("4.0.0", "Added node IDs."),
        ("7.0.0", "Added additional networking metadata field."),
        ("9.1.0", "Added `availability-zone` field inside the networking metadata."),
    ],
)
def cluster_slots(ctx: Client):
    """Returns the mapping of cluster slots to nodes."""
    return cluster_of(ctx).slot_map(ctx)


@command(
    "CLUSTER|SHARDS",
    "cluster",
    arity=2,
    flags="loading stale",
    since="7.0.0",
    complexity="O(N) where N is the total number of cluster nodes",
    tips="nondeterministic_output",
    history=[("9.1.0", "Added shard level `id` field and node level `availability-zone` field.")],
)
def cluster_shards(ctx: Client):
    """Returns the mapping of cluster slots to shards."""
    return cluster_of(ctx).shards(ctx)


@command(
    "CLUSTER|NODES",
    "cluster",
    arity=2,
    flags="loading stale",
    since="3.0.0",
    complexity="O(N) where N is the total number of Cluster nodes",
    tips="nondeterministic_output",
)
def cluster_nodes(ctx: Client):
    """Returns the cluster configuration for a node."""
    return Verbatim(cluster_of(ctx).node_lines(ctx))


@command(
    "CLUSTER|INFO",
    "cluster",
    arity=2,
    flags="loading stale",
    since="3.0.0",
    complexity="O(1)",
    tips="nondeterministic_output",
)
def cluster_info(ctx: Client):
    """Returns information about the state of a node."""
    return Verbatim(cluster_of(ctx).info())


@command(
    "CLUSTER|LINKS",
    "cluster",
    arity=2,
    flags="stale",
    since="7.0.0",
    complexity="O(N) where N is the total number of Cluster nodes",
    tips="nondeterministic_output",
)
def cluster_links(ctx: Client):
    """Returns a list of all TCP links to and from peer nodes."""
    return cluster_of(ctx).links()


@command(
    "CLUSTER|MYID",
    "cluster",
    arity=2,
    flags="loading stale",
    since="3.0.0",
    complexity="O(1)",
)
def cluster_myid(ctx: Client):
    """Returns the ID of a node."""
    return cluster_of(ctx).own.id


@command(
    "CLUSTER|MYSHARDID",
    "cluster",
    arity=2,
    flags="loading stale",
    since="7.2.0",
    complexity="O(1)",
    tips="nondeterministic_output",
)
def cluster_myshardid(ctx: Client):
    """Returns the shard ID of a node."""
    return shard_id(cluster_of(ctx).own)


@command(
    "CLUSTER|REPLICAS",
    "cluster",
    arity=3,
    flags="admin stale",
    since="5.0.0",
    complexity="O(N) where N is the number of replicas.",
    tips="nondeterministic_output",
    args="node-id",
)
def cluster_replicas(ctx: Client, node_id: bytes):
    """Lists the replica nodes of a primary node."""
    if cluster_of(ctx).find(node_id) is None:
        raise CommandError(errors.unknown_node(node_id))
    return []


@command(
    "CLUSTER|SLAVES",
    "cluster",
    arity=3,
    flags="admin stale",
    since="3.0.0",
    complexity="O(N) where N is the number of replicas.",
    tips="nondeterministic_output",
    args="node-id",
    doc_flags="deprecated",
    deprecated=("5.0.0", "`CLUSTER REPLICAS`"),
)
def cluster_slaves(ctx: Client, node_id: bytes):
    """Lists the replica nodes of a primary node."""
    return cluster_replicas(ctx, node_id)


# ---------------------------------------------------------------------- slots


@command(
    "CLUSTER|KEYSLOT",
    "cluster",
    arity=3,
    flags="stale",
    since="3.0.0",
    complexity="O(N) where N is the number of bytes in the key",
    args="key:string",
)
def cluster_keyslot(ctx: Client, key: bytes):
    """Returns the hash slot for a key."""
    return slot_of(key)


@command(
    "CLUSTER|COUNTKEYSINSLOT",
    "cluster",
    arity=3,
    flags="stale",
    since="3.0.0",
    complexity="O(1)",
    args="slot:integer",
)
def cluster_countkeysinslot(ctx: Client, slot: bytes):
    """Returns the number of keys in a hash slot."""
    cluster_of(ctx)
    number = integer(slot)
    if not 0 <= number < SLOTS:
        raise CommandError(errors.INVALID_SLOT)
    return len(keys_in_slot(ctx.db.keys(), number))


@command(
    "CLUSTER|GETKEYSINSLOT",
    "cluster",
    arity=4,
    flags="stale",
    since="3.0.0",
    complexity="O(N) where N is the number of requested keys",
    tips="nondeterministic_output",
    args="slot:integer count:integer",
)
def cluster_getkeysinslot(ctx: Client, slot: bytes, count: bytes):
    """Returns the key names in a hash slot."""
    cluster_of(ctx)
    number, most = integer(slot), integer(count)
    if not 0 <= number < SLOTS or most < 0:
        raise CommandError(errors.INVALID_SLOT_OR_COUNT)
    return keys_in_slot(ctx.db.keys(), number)[:most]


@command(
    "CLUSTER|SLOT-STATS",
    "cluster",
    arity=-4,
    flags="loading stale",
    since="8.0.0",
    complexity="O(N) where N is the total number of slots based on arguments. O(N*log(N)) with ORDERBY subcommand.",
    tips="nondeterministic_output request_policy:all_shards",
    args=(
        "filter(SLOTSRANGE=slotsrange{start-slot:integer end-slot:integer} | "
        "ORDERBY=orderby{metric LIMIT=limit:integer? order(ASC | DESC)?})"
    ),
)
def cluster_slot_stats(ctx: Client, kind: bytes, first: bytes, *rest: bytes):
    """Return an array of slot usage statistics for slots assigned to the current node."""
    cluster = cluster_of(ctx)
    word = kind.upper()
    if word == b"SLOTSRANGE" and len(rest) == 1:
        start, end = parse_range(first, rest[0])
        counts = count_by_slot(ctx.db.keys())
        order = list(range(max(start, cluster.own.first_slot), min(end, cluster.own.last_slot) + 1))
    elif word == b"ORDERBY":
        limit, is_descending = parse_order(first, rest)
        counts = count_by_slot(ctx.db.keys())
        own = range(cluster.own.first_slot, cluster.own.last_slot + 1)
        sign = -1 if is_descending else 1
        order = sorted(own, key=lambda slot: (sign * counts[slot], slot))[:limit]
    else:
        raise bad_use(ctx, b"CLUSTER")
    return [[slot, {KEY_COUNT: counts[slot]}] for slot in order]


def parse_range(first: bytes, last: bytes):
    """First and last slot of a range.

    Raises:
        CommandError: one of them is no slot, or they are in the wrong order.
    """
    start, end = parse_integer(first), parse_integer(last)
    if start is None or end is None or not 0 <= start < SLOTS or not 0 <= end < SLOTS:
        raise CommandError(errors.SLOT_OUT_OF_RANGE)
    if start > end:
        raise CommandError(b"ERR Start slot number %d is greater than end slot number %d" % (start, end))
    return start, end


def parse_order(metric: bytes, words: tuple[bytes, ...]):
    """How many slots to show, and whether those of the most keys come first.

    Raises:
        CommandError: nothing is known by that name, or a word is wrong.
    """
    limit = is_descending = None
    remaining = list(reversed(words))
    if metric.lower() != KEY_COUNT:
        raise CommandError(errors.SLOT_METRIC)
    while remaining:
        word = remaining.pop().upper()
        if word in (b"ASC", b"DESC"):
            is_repeated = is_descending is not None
            is_descending = word == b"DESC"
        elif word == b"LIMIT" and remaining:
            is_repeated = limit is not None
            limit = parse_integer(remaining.pop())
            if limit is None or not 1 <= limit <= SLOTS:
                raise CommandError(errors.SLOT_LIMIT)
        else:
            raise CommandError(errors.SYNTAX)
        if is_repeated:
            raise CommandError(errors.SLOT_FILTER_TWICE)
    return limit or SLOTS, is_descending is not False


# ---------------------------------------------------------------------- what a client says of its next commands


@command("READONLY", "cluster", arity=1, flags="loading stale fast", acl="connection", since="3.0.0", complexity="O(1)")
def readonly(ctx: Client):
    """Enables read-only queries for a connection to a Valkey replica node."""
    return OK


@command(
    "READWRITE", "cluster", arity=1, flags="loading stale fast", acl="connection", since="3.0.0", complexity="O(1)"
)
def readwrite(ctx: Client):
    """Enables read-write queries for a connection to a Valkey replica node."""
    return OK


@command("ASKING", "cluster", arity=1, flags="fast", acl="connection", since="3.0.0", complexity="O(1)")
def asking(ctx: Client):
    """Signals that a cluster client is following an -ASK redirect."""
    cluster_of(ctx)
    return OK
