"""What happens to each command where an upstream has the data: derived from the declarations.

The order in which a command's treatment is found: what only a table can tell (`REFUSED`, `SPECIAL`); where its keys
are; what its tips say of those without keys; and what is left concerns this server and is answered here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from geventcache.command.declaration import DECLARATIONS, Declaration
from geventcache.command.introspection import key_range

LOCAL = "local"
LAST = "last"
REFUSE = "refused"
SLOT = "slot"
SPLIT = "split"
ALL = "all"
ANY = "any"
ALONE = "alone"
SCAN = "scan"
SELECT = "select"
SUBSCRIBE = "subscribe"
TRANSACTION = "transaction"

SAVES = "the data are the upstream's, which saves them by its own settings"
_CONNECTION = "it is about what this connection has written, and clients share the connections to the upstream"
_TRACKING = "the upstream tells this server of changes, and this server tells nobody"
_ONE_SERVER = "it looks into the data of one server, and here are none"
_REPLICAS = "a replica needs all of the data, and here are none"
REFUSED = {
    "WAIT": _CONNECTION,
    "WAITAOF": _CONNECTION,
    "SAVE": SAVES,
    "BGSAVE": SAVES,
    "BGREWRITEAOF": SAVES,
    "LASTSAVE": SAVES,
    "CLIENT|TRACKING": _TRACKING,
    "CLIENT|CACHING": _TRACKING,
    "CLIENT|NO-TOUCH": "the upstream notes what is read of it, by connections that clients share",
    "CLIENT|IMPORT-SOURCE": "the data are the upstream's",
    "DEBUG": _ONE_SERVER,
    "PFDEBUG": _ONE_SERVER,
    "SCRIPT|DEBUG": "a debugger needs a connection of its own to the server that runs the script",
    "REPLICAOF": "the data are the upstream's",
    "SLAVEOF": "the data are the upstream's",
    "FAILOVER": "the data are the upstream's",
    "SYNC": _REPLICAS,
    "PSYNC": _REPLICAS,
    "REPLCONF": _REPLICAS,
    "RESTORE-ASKING": "it is what servers of a cluster say to each other",
    "ASKING": "where keys are is this server's business",
}
SPECIAL = {
    "SCAN": SCAN,
    "SELECT": SELECT,
    "SUBSCRIBE": SUBSCRIBE,
    "PSUBSCRIBE": SUBSCRIBE,
    "SSUBSCRIBE": SUBSCRIBE,
    "UNSUBSCRIBE": LOCAL,
    "PUNSUBSCRIBE": LOCAL,
    "SUNSUBSCRIBE": LOCAL,
    "EXEC": TRANSACTION,
    "DISCARD": TRANSACTION,
    "WATCH": TRANSACTION,
    "UNWATCH": TRANSACTION,
    "PUBLISH": ANY,
    "SWAPDB": ALL,
    "FUNCTION|LIST": ANY,
    "FUNCTION|DUMP": ANY,
    "SCRIPT|SHOW": ANY,
    "MIGRATE": ALONE,
    "QUIT": LAST,
    "CLIENT|KILL": LAST,
}
# Groups whose commands without keys are about a connection or a server, which is this one.
OWN_GROUPS = frozenset(("connection", "cluster", "server"))
DATA_OF_SERVER = frozenset(("DBSIZE", "FLUSHALL", "FLUSHDB"))
# They answer the same wherever they run, and may stand in a transaction.
STATELESS = frozenset(("PING", "ECHO", "TIME", "LOLWUT", "UNWATCH"))
# What reads them in RESP2 shows pairs flat and other nulls, which their form in RESP3 does not tell.
SHAPED_WORDS = frozenset((b"WITHSCORES", b"WITHSCORE"))
SHAPED = frozenset(("GEOPOS", "XRANGE", "XREVRANGE"))


class Plan(NamedTuple):
    """What happens to a command.

    Attributes:
        way: one of the words above.
        reason: why it is refused.
        policy: how the replies of several servers become one.
        writes: it may change something.
        repeats: it may be sent again when nobody knows what became of it.
        reads_replica: a replica may answer.
        is_cacheable: its reply depends on nothing but one key and its arguments.
        drops_all: it may change every key.
        is_shaped: see `SHAPED`.
        in_transaction: it may stand between MULTI and EXEC.
        names_databases: by their numbers, which may be others at the upstream.
    """

    way: str
    reason: str = ""
    policy: str = ""
    writes: bool = False
    repeats: bool = False
    reads_replica: bool = False
    is_cacheable: bool = False
    drops_all: bool = False
    is_shaped: bool = False
    in_transaction: bool = False
    names_databases: bool = False


ADDED = Plan(REFUSE, "it was added to this server, and works on data that are not here")


def is_known(declaration: Declaration) -> bool:
    """Is it one of the commands that this server has by itself?"""
    parent, _, sub = declaration.name.partition("|")
    known = DECLARATIONS.get(parent)
    return (known.subcommands.get(sub) if known is not None and sub else known) is declaration


def plan_of(declaration: Declaration) -> Plan:
    """The plan of one command."""
    name, flags = declaration.name, declaration.flags
    if name in REFUSED:
        return Plan(REFUSE, REFUSED[name])
    way = way_of(declaration)
    is_readonly = "readonly" in flags
    goes = way in (SLOT, SPLIT, ANY, ALL, SCAN, ALONE)
    return Plan(
        way,
        policy=next((tip.partition(":")[2] for tip in declaration.tips if tip.startswith("response_policy:")), ""),
        writes=goes and not is_readonly,
        repeats=goes and is_readonly,
        reads_replica=goes and is_readonly,
        is_cacheable=is_cacheable(declaration, way),
        drops_all=way == ALL and "write" in flags and declaration.group != "scripting",
        is_shaped=name in SHAPED,
        in_transaction=way in (SLOT, SPLIT, ANY, ALONE) or name in STATELESS,
        names_databases=goes and declaration.databases is not None,
    )


def way_of(declaration: Declaration) -> str:
    """Where a command goes."""
    name, tips = declaration.name, declaration.tips
    if name in SPECIAL:
        return SPECIAL[name]
    step = key_range(declaration)[2]
    if step:
        if "blocking" in declaration.flags:
            return ALONE
        return SPLIT if "request_policy:multi_shard" in tips else SLOT
    is_own = declaration.group in OWN_GROUPS and name not in DATA_OF_SERVER
    if is_own or declaration.handler is None or name.endswith("|HELP"):
        return LOCAL
    return ALL if "request_policy:all_shards" in tips or "request_policy:all_nodes" in tips else LOCAL


def is_cacheable(declaration: Declaration, way: str) -> bool:
    """Is the reply the same until the key changes? Subcommands look into what is no change to the key."""
    return (
        way in (SLOT, SPLIT)
        and "readonly" in declaration.flags
        and "may_replicate" not in declaration.traits
        and "composite" not in declaration.traits
        and "nondeterministic_output" not in declaration.tips
        and "|" not in declaration.name
        and key_range(declaration)[0] == 1
        and key_range(declaration)[1] in (1, -1)
        and not goes_by_time(declaration)
        and declaration.name != "TOUCH"
    )


def goes_by_time(declaration: Declaration) -> bool:
    """Does the reply change as time goes by? The declarations of HTTL and HPTTL do not say so, as those of TTL do."""
    return declaration.name in ("HTTL", "HPTTL")


def all_declarations() -> Iterator[Declaration]:
    """Every command that can be called, subcommands too."""
    for declaration in DECLARATIONS.values():
        if declaration.handler is not None:
            yield declaration
        yield from (sub for sub in declaration.subcommands.values() if sub.handler is not None)
