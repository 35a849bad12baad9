"""Every setting, declared once: the command line, CONFIG GET and SET and the reference page are made from this table.

Names, defaults and texts are the reference's where it has the setting; those of geventcache alone come last. A setting
that is not mutable is read once, at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geventcache.services.settings.addresses import HIGHEST_PORT
from geventcache.services.settings.ignored import IGNORED
from geventcache.services.settings.kinds import (
    INT32_MAX,
    INT64_MAX,
    UINT64_MAX,
    Addresses,
    BufferLimit,
    BufferLimits,
    Choice,
    Events,
    Fact,
    FileName,
    Folder,
    HttpAddresses,
    Integer,
    Kind,
    Memory,
    MemoryOrPercent,
    Octal,
    Only,
    Patterns,
    Percentiles,
    PerDatabase,
    SavePoints,
    Server,
    StreamPlaces,
    UpstreamUrl,
    YesNo,
)


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: as in CONFIG GET; ``--name`` on the command line.
        kind: how its value is read and shown.
        default: the value when nobody sets it, as `kind` returns it.
        section: the heading it stands under in --help and in the reference page.
        description: one line.
        is_mutable: whether CONFIG SET may change it.
        takes_itself: though it is not mutable, CONFIG SET accepts the value that it has: with the reference it is.
        is_protected: it is not mutable because whoever could change it would write files where he likes.
        aliases: further names, equal in every way.
        short_flag: a one-letter flag on the command line.
        is_secret: nothing but CONFIG GET shows its value.
    """

    name: str
    kind: Kind
    default: Any
    section: str
    description: str
    is_mutable: bool = True
    takes_itself: bool = False
    is_protected: bool = False
    aliases: tuple[str, ...] = ()
    short_flag: str = ""
    is_secret: bool = False


_PROCESS = "Process"
_NETWORK = "Network"
_TLS = "TLS"
_SECURITY = "Security"
_CLUSTER = "Shards"
_UPSTREAM = "Upstream"
_LIMITS = "Limits of clients"
_MEMORY = "Memory"
_ENCODINGS = "Encodings"
_OBSERVING = "Observing"
_HTTP = "HTTP"
_RUNNING = "Running"
_EXPIRY = "Expiry"
_SNAPSHOTS = "Snapshots"
_REPLICATION = "Replication"
_JOURNAL = "Journal"
_WITHOUT_EFFECT = "Accepted without effect"

_POLICIES = (
    b"volatile-lru",
    b"volatile-lfu",
    b"volatile-random",
    b"volatile-ttl",
    b"allkeys-lru",
    b"allkeys-lfu",
    b"allkeys-random",
    b"noeviction",
)
_DEFAULT_BUFFER_LIMITS = {
    b"normal": BufferLimit(0, 0, 0),
    b"slave": BufferLimit(256 << 20, 64 << 20, 60),
    b"pubsub": BufferLimit(32 << 20, 8 << 20, 60),
}
_COUNT = Integer(0, INT64_MAX)
_MEBIBYTE = 1 << 20

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "workers",
        Integer(1, 1000),
        1,
        _PROCESS,
        "Processes; with more than one, each is a shard of a cluster, with a port of its own.",
        is_mutable=False,
        short_flag="w",
    ),
    Setting(
        "daemon",
        YesNo(),
        False,
        _PROCESS,
        "Go into the background.",
        is_mutable=False,
        aliases=("daemonize",),
        short_flag="D",
    ),
    Setting(
        "pid",
        Kind(),
        b"",
        _PROCESS,
        "File to write the process' number to; empty for none.",
        is_mutable=False,
        aliases=("pidfile",),
        short_flag="p",
    ),
    Setting(
        "user",
        Kind(),
        b"",
        _PROCESS,
        "User, by name or number, to become once the sockets are bound.",
        is_mutable=False,
        short_flag="u",
    ),
    Setting(
        "group",
        Kind(),
        b"",
        _PROCESS,
        "Group, by name or number, to become; empty for that of the user.",
        is_mutable=False,
        short_flag="g",
    ),
    Setting(
        "umask", Octal(), 0, _PROCESS, "Mask of the permissions of new files, in octal; 0 keeps it.", is_mutable=False
    ),
    Setting("chdir", Kind(), b"", _PROCESS, "Folder to change to before anything else.", is_mutable=False),
    Setting(
        "graceful-timeout",
        Integer(),
        30,
        _PROCESS,
        "Seconds that clients may take for their last replies when the server stops.",
    ),
    Setting(
        "bind",
        Addresses(),
        (b"127.0.0.1",),
        _NETWORK,
        "Addresses to listen on: HOST, HOST:PORT, [IPv6]:PORT, *, unix:PATH or tls:HOST:PORT; port 0 takes a free one.",
        is_mutable=False,
        takes_itself=True,
        short_flag="b",
    ),
    Setting(
        "port",
        Integer(0, HIGHEST_PORT),
        6379,
        _NETWORK,
        "Port of addresses that name none.",
        is_mutable=False,
        takes_itself=True,
    ),
    Setting("unixsocket", Kind(), b"", _NETWORK, "Path of a unix socket to listen on as well.", is_mutable=False),
    Setting(
        "unixsocketperm",
        Octal(),
        0,
        _NETWORK,
        "Permissions of unix sockets, in octal; 0 keeps the umask's.",
        is_mutable=False,
    ),
    Setting("tcp-backlog", Integer(), 511, _NETWORK, "Connections that may wait to be accepted.", is_mutable=False),
    Setting(
        "tcp-keepalive",
        Integer(),
        300,
        _NETWORK,
        "Seconds between keep-alive probes on idle connections; 0 sends none.",
    ),
    Setting("timeout", Integer(), 0, _NETWORK, "Seconds after which an idle client is closed; 0 keeps it."),
    Setting(
        "tls-port",
        Integer(0, HIGHEST_PORT),
        0,
        _TLS,
        "Port for TLS of addresses that name none; 0 for none. With it, port 0 means no port without TLS.",
        is_mutable=False,
        takes_itself=True,
    ),
    Setting("tls-cert-file", Kind(), b"", _TLS, "Certificate of the server, with its chain, in PEM."),
    Setting("tls-key-file", Kind(), b"", _TLS, "Key of the certificate; empty if it is in tls-cert-file."),
    Setting("tls-key-file-pass", Kind(), b"", _TLS, "Password of the key.", is_secret=True),
    Setting("tls-ca-cert-file", Kind(), b"", _TLS, "Certificates that sign those of clients, in PEM."),
    Setting("tls-ca-cert-dir", Kind(), b"", _TLS, "Folder of such certificates, named by their hash."),
    Setting(
        "tls-auth-clients",
        Choice(b"no", b"yes", b"optional"),
        b"yes",
        _TLS,
        "Whether clients have to show a certificate: yes, no, or optional to check those that do.",
    ),
    Setting("tls-protocols", Kind(), b"", _TLS, "Versions of the protocol, such as 'TLSv1.2 TLSv1.3'; empty for both."),
    Setting("tls-ciphers", Kind(), b"", _TLS, "Ciphers of TLS 1.2, as OpenSSL writes them; empty for its own."),
    Setting(
        "tls-ciphersuites",
        Only(b"", "the cipher suites of TLS 1.3 cannot be chosen here: argument must be empty"),
        b"",
        _TLS,
        "Always empty: TLS 1.3 has OpenSSL's suites.",
    ),
    Setting("tls-prefer-server-ciphers", YesNo(), False, _TLS, "Prefer the server's order of ciphers to the client's."),
    Setting("tls-dh-params-file", Kind(), b"", _TLS, "Parameters for ciphers with DH, in PEM."),
    Setting("tls-session-caching", YesNo(), True, _TLS, "Let clients resume sessions by tickets."),
    Setting(
        "protected-mode", YesNo(), True, _SECURITY, "Refuse clients from other machines while there is no password."
    ),
    Setting("requirepass", Kind(), b"", _SECURITY, "Password of the default user; empty for none.", is_secret=True),
    Setting("aclfile", Kind(), b"", _SECURITY, "File that the users are kept in; empty for none.", is_mutable=False),
    Setting("acllog-max-len", _COUNT, 128, _SECURITY, "Entries that the log of refusals keeps."),
    Setting(
        "acl-pubsub-default",
        Choice(b"allchannels", b"resetchannels"),
        b"resetchannels",
        _SECURITY,
        "Channels that a new user may use: all or none.",
    ),
    Setting(
        "enable-debug-command",
        Choice(b"no", b"yes", b"local"),
        b"no",
        _SECURITY,
        "Who may use DEBUG and GEVENTCACHE: nobody, everybody, or clients on this machine.",
        is_mutable=False,
    ),
    Setting(
        "cluster-databases",
        Integer(1),
        1,
        _CLUSTER,
        "Number of databases of a server that is one of several shards.",
        is_mutable=False,
    ),
    Setting(
        "cluster-enabled",
        Fact(),
        b"no",
        _CLUSTER,
        "The server is one of several shards: there are several workers.",
        is_mutable=False,
    ),
    Setting(
        "cluster-announce-ip",
        Kind(),
        b"",
        _CLUSTER,
        "Host that clients are told for all shards; empty for the one that they are bound to.",
    ),
    Setting(
        "cluster-announce-port",
        Integer(0, HIGHEST_PORT),
        0,
        _CLUSTER,
        "Port that clients are told for the first shard, each further one has the next; 0 for the real ones.",
    ),
    Setting("maxclients", Integer(1, 2**32 - 1), 10000, _LIMITS, "Clients connected at the same time."),
    Setting(
        "proto-max-bulk-len", Memory(_MEBIBYTE), 512 << 20, _LIMITS, "Longest string that a request may carry or make."
    ),
    Setting(
        "client-query-buffer-limit", Memory(_MEBIBYTE), 1 << 30, _LIMITS, "Bytes that one unfinished request may hold."
    ),
    Setting(
        "upstream",
        UpstreamUrl(),
        b"",
        _UPSTREAM,
        "URL of the servers that have the data; empty if this server has them.",
        is_mutable=False,
        is_secret=True,
    ),
    Setting(
        "upstream-read-from",
        Choice(b"primary", b"replica", b"nearest"),
        b"primary",
        _UPSTREAM,
        "Who answers reads whose replies are not kept here.",
        is_mutable=False,
    ),
    Setting(
        "upstream-timeout",
        Integer(1, 3_600_000),
        2000,
        _UPSTREAM,
        "Milliseconds of silence after which a connection to the upstream is lost.",
        is_mutable=False,
    ),
    Setting(
        "upstream-retry-time",
        Integer(0, 3_600_000),
        10_000,
        _UPSTREAM,
        "Milliseconds for which a request is tried again, where nothing can have come of it.",
        is_mutable=False,
    ),
    Setting(
        "upstream-max-connections",
        Integer(0, 100_000),
        256,
        _UPSTREAM,
        "Connections to the upstream that may be in use by single clients: for WATCH and blocking commands.",
        is_mutable=False,
    ),
    Setting(
        "upstream-tls-ca-cert-file",
        Kind(),
        b"",
        _UPSTREAM,
        "Certificates that vouch for an upstream with TLS; empty for those of the system.",
        is_mutable=False,
    ),
    Setting(
        "upstream-split-transactions",
        YesNo(),
        False,
        _UPSTREAM,
        "Carry out a transaction over several slots slot by slot, and not as a whole, if it watches nothing.",
        is_mutable=False,
    ),
    Setting(
        "upstream-hash-tag",
        YesNo(),
        False,
        _UPSTREAM,
        "Keep all keys of a database in one slot of the upstream, by a tag that clients do not see.",
        is_mutable=False,
    ),
    Setting("near-cache", YesNo(), True, _UPSTREAM, "Keep replies of the upstream here while they are true."),
    Setting("near-keys", Patterns(), (), _UPSTREAM, "Globs of the keys whose replies are kept; none for all."),
    Setting("near-bypass", Patterns(), (), _UPSTREAM, "Globs of keys whose replies are not kept."),
    Setting(
        "near-ttl-max", Integer(0, 31_536_000), 300, _UPSTREAM, "Seconds for which a reply is kept; 0 for no limit."
    ),
    Setting(
        "near-maxmemory",
        Memory(),
        100 * _MEBIBYTE,
        _UPSTREAM,
        "Memory for replies that are kept, in the place of maxmemory; 0 for no limit.",
        is_mutable=False,
    ),
    Setting(
        "near-maxmemory-policy",
        Choice(*_POLICIES),
        b"allkeys-lru",
        _UPSTREAM,
        "Which replies go when that is full, in the place of maxmemory-policy.",
        is_mutable=False,
    ),
    Setting(
        "client-output-buffer-limit",
        BufferLimits(),
        _DEFAULT_BUFFER_LIMITS,
        _LIMITS,
        "Unread replies a client may leave, by class: CLASS HARD SOFT SECONDS ...; 0 is unlimited.",
    ),
    Setting(
        "tracking-table-max-keys",
        _COUNT,
        1_000_000,
        _MEMORY,
        "Keys that are remembered for client-side caching; 0 is unlimited.",
    ),
    Setting("databases", Integer(1), 16, _MEMORY, "Number of databases.", is_mutable=False),
    Setting("maxmemory", Memory(0, UINT64_MAX), 0, _MEMORY, "Bytes that data and clients may take; 0 is unlimited."),
    Setting(
        "maxmemory-policy",
        Choice(*_POLICIES),
        b"noeviction",
        _MEMORY,
        "Which keys go when memory is full.",
    ),
    Setting(
        "maxmemory-db",
        PerDatabase(Memory(0, UINT64_MAX)),
        {},
        _MEMORY,
        "Bytes that the data of single databases may take: DB BYTES ...; 0 is unlimited.",
    ),
    Setting(
        "maxmemory-policy-db",
        PerDatabase(Choice(*_POLICIES)),
        {},
        _MEMORY,
        "Policies of single databases, in place of maxmemory-policy: DB POLICY ...",
    ),
    Setting(
        "maxmemory-clients",
        MemoryOrPercent(),
        0,
        _MEMORY,
        "Bytes, or percent of maxmemory, that all clients may take before the largest are closed; 0 is unlimited.",
    ),
    Setting("maxmemory-samples", Integer(1, 64), 5, _MEMORY, "Keys looked at to find one to evict."),
    Setting(
        "maxmemory-eviction-tenacity",
        Integer(0, 100),
        10,
        _MEMORY,
        "How long a command may evict: 50 microseconds for each up to 10, then 15 % more for each; 100 is unlimited.",
    ),
    Setting("lfu-log-factor", Integer(), 10, _MEMORY, "How slowly the counters of use grow."),
    Setting(
        "lfu-decay-time", Integer(), 1, _MEMORY, "Minutes after which a counter of use goes down by one; 0 keeps it."
    ),
    Setting("lazyfree-lazy-eviction", YesNo(), True, _MEMORY, "Free evicted values in slices."),
    Setting("lazyfree-lazy-expire", YesNo(), True, _MEMORY, "Free expired values in slices."),
    Setting("lazyfree-lazy-server-del", YesNo(), True, _MEMORY, "Free overwritten values in slices."),
    Setting("lazyfree-lazy-user-del", YesNo(), True, _MEMORY, "Let DEL free values as UNLINK does."),
    Setting("lazyfree-lazy-user-flush", YesNo(), True, _MEMORY, "Let FLUSHALL and FLUSHDB free values in slices."),
    Setting(
        "hash-max-listpack-entries",
        _COUNT,
        512,
        _ENCODINGS,
        "Fields of a hash up to which it is called a listpack.",
        aliases=("hash-max-ziplist-entries",),
    ),
    Setting(
        "hash-max-listpack-value",
        Memory(),
        64,
        _ENCODINGS,
        "Longest field or value in a hash that is called a listpack.",
        aliases=("hash-max-ziplist-value",),
    ),
    Setting(
        "list-max-listpack-size",
        Integer(-(2**31)),
        -2,
        _ENCODINGS,
        "Size of a list that is called a listpack: elements, or -1 to -5 for 4 to 64 kB.",
        aliases=("list-max-ziplist-size",),
    ),
    Setting("list-compress-depth", Integer(), 0, _ENCODINGS, "Accepted and kept; lists are not compressed."),
    Setting(
        "set-max-intset-entries", _COUNT, 512, _ENCODINGS, "Members of a set of integers that is called an intset."
    ),
    Setting(
        "set-max-listpack-entries", _COUNT, 128, _ENCODINGS, "Members of a set up to which it is called a listpack."
    ),
    Setting("set-max-listpack-value", _COUNT, 64, _ENCODINGS, "Longest member of a set that is called a listpack."),
    Setting(
        "zset-max-listpack-entries",
        _COUNT,
        128,
        _ENCODINGS,
        "Members of a sorted set up to which it is called a listpack.",
        aliases=("zset-max-ziplist-entries",),
    ),
    Setting(
        "zset-max-listpack-value",
        Memory(),
        64,
        _ENCODINGS,
        "Longest member of a sorted set that is called a listpack.",
        aliases=("zset-max-ziplist-value",),
    ),
    Setting("hll-sparse-max-bytes", Memory(), 3000, _ENCODINGS, "Longest sparse HyperLogLog."),
    Setting("stream-node-max-bytes", Memory(), 4096, _ENCODINGS, "Bytes of a node of a stream; 0 is unlimited."),
    Setting("stream-node-max-entries", _COUNT, 100, _ENCODINGS, "Entries of a node of a stream; 0 is unlimited."),
    Setting(
        "notify-keyspace-events", Events(), frozenset(), _OBSERVING, "Classes of keyspace notifications to publish."
    ),
    Setting(
        "slowlog-log-slower-than",
        Integer(-1, INT64_MAX),
        10000,
        _OBSERVING,
        "Microseconds from which a command enters the slow log; -1 for none.",
        aliases=("commandlog-execution-slower-than",),
    ),
    Setting(
        "slowlog-max-len",
        _COUNT,
        128,
        _OBSERVING,
        "Entries that the slow log keeps.",
        aliases=("commandlog-slow-execution-max-len",),
    ),
    Setting(
        "commandlog-request-larger-than",
        Integer(-1, INT64_MAX),
        _MEBIBYTE,
        _OBSERVING,
        "Bytes from which a request enters the log of large requests; -1 for none.",
    ),
    Setting(
        "commandlog-large-request-max-len", _COUNT, 128, _OBSERVING, "Entries that the log of large requests keeps."
    ),
    Setting(
        "commandlog-reply-larger-than",
        Integer(-1, INT64_MAX),
        _MEBIBYTE,
        _OBSERVING,
        "Bytes from which a reply enters the log of large replies; -1 for none.",
    ),
    Setting("commandlog-large-reply-max-len", _COUNT, 128, _OBSERVING, "Entries that the log of large replies keeps."),
    Setting(
        "latency-monitor-threshold",
        _COUNT,
        0,
        _OBSERVING,
        "Milliseconds from which an event is a latency spike; 0 for none.",
    ),
    Setting("latency-tracking", YesNo(), True, _OBSERVING, "Keep how long the calls of each command take."),
    Setting(
        "latency-tracking-info-percentiles",
        Percentiles(),
        (50.0, 99.0, 99.9),
        _OBSERVING,
        "Percentiles of these times that INFO shows.",
    ),
    Setting(
        "loglevel",
        Choice(b"debug", b"verbose", b"notice", b"warning", b"nothing"),
        b"notice",
        _OBSERVING,
        "Least important lines to log.",
    ),
    Setting("logfile", Kind(), b"", _OBSERVING, "File to log to; empty for standard error.", is_mutable=False),
    Setting(
        "http",
        HttpAddresses(),
        (),
        _HTTP,
        "Addresses of metrics, health and a page: HOST:PORT, [IPv6]:PORT, unix:PATH or tls:HOST:PORT; empty for none.",
        is_mutable=False,
    ),
    Setting(
        "http-writable",
        YesNo(),
        False,
        _HTTP,
        "Let the page change keys; else it only shows them.",
        is_mutable=False,
    ),
    Setting(
        "http-token",
        Kind(),
        b"",
        _HTTP,
        "Token that lets clients from other machines see reports; empty for none.",
        is_secret=True,
    ),
    Setting(
        "busy-reply-threshold",
        _COUNT,
        5000,
        _RUNNING,
        "Milliseconds after which a running script is reported as busy.",
        aliases=("lua-time-limit",),
    ),
    Setting(
        "script-max-memory",
        Memory(16 << 20),
        256 << 20,
        _RUNNING,
        "Bytes that Lua may use; a script that needs more ends.",
    ),
    Setting(
        "hz", Integer(0, floor=1, ceiling=500), 10, _RUNNING, "Times a second that background work is looked after."
    ),
    Setting(
        "activedefrag",
        Only(b"no", "Active defragmentation cannot be enabled: the allocator does not know it"),
        b"no",
        _RUNNING,
        "Always no.",
    ),
    Setting(
        "save",
        SavePoints(),
        (),
        _SNAPSHOTS,
        "Pairs of seconds and changes, after which a snapshot is written; nothing is saved while it is empty.",
    ),
    Setting(
        "dir",
        Folder(),
        b".",
        _SNAPSHOTS,
        "Folder of the snapshot. It is loaded at the start if `save` is set, or this is not the folder worked in.",
        is_mutable=False,
        is_protected=True,
    ),
    Setting(
        "dbfilename",
        FileName("dbfilename"),
        b"dump.rdb",
        _SNAPSHOTS,
        "File of the snapshot.",
        is_mutable=False,
        is_protected=True,
    ),
    Setting(
        "stop-writes-on-bgsave-error",
        YesNo(),
        True,
        _SNAPSHOTS,
        "Refuse to change keys after a save in the background has failed, until one succeeds.",
    ),
    Setting(
        "rdbchecksum", YesNo(), True, _SNAPSHOTS, "Write checksums into snapshots, and compare them.", is_mutable=False
    ),
    Setting(
        "rdb-save-incremental-fsync",
        YesNo(),
        True,
        _SNAPSHOTS,
        "Bring a snapshot to the disk every few megabytes while it is written.",
    ),
    Setting("rdbcompression", YesNo(), True, _SNAPSHOTS, "Compress long strings in snapshots, and for DUMP."),
    Setting(
        "rdb-version-check",
        Choice(b"strict", b"relaxed"),
        b"strict",
        _SNAPSHOTS,
        "Whether snapshots and payloads of versions that are not known here are read as far as they can be.",
    ),
    Setting(
        "replicaof",
        Server(),
        b"",
        _REPLICATION,
        "Server to follow: host and port; empty to follow none. REPLICAOF changes it.",
        is_mutable=False,
        aliases=("slaveof",),
    ),
    Setting(
        "primaryuser",
        Kind(),
        b"",
        _REPLICATION,
        "User to be at the server that is followed; empty for its default user.",
        aliases=("masteruser",),
    ),
    Setting(
        "primaryauth",
        Kind(),
        b"",
        _REPLICATION,
        "Password at the server that is followed; empty for none.",
        aliases=("masterauth",),
        is_secret=True,
    ),
    Setting("tls-replication", YesNo(), False, _REPLICATION, "Speak TLS with the server that is followed."),
    Setting(
        "replica-read-only",
        YesNo(),
        True,
        _REPLICATION,
        "While another server is followed, refuse to change keys.",
        aliases=("slave-read-only",),
    ),
    Setting(
        "replica-serve-stale-data",
        YesNo(),
        True,
        _REPLICATION,
        "Serve the data that there are while the link to the followed server is down.",
        aliases=("slave-serve-stale-data",),
    ),
    Setting(
        "replica-ignore-maxmemory",
        YesNo(),
        True,
        _REPLICATION,
        "While another server is followed, leave evictions to it.",
        aliases=("slave-ignore-maxmemory",),
    ),
    Setting(
        "replica-announce-ip",
        Kind(),
        b"",
        _REPLICATION,
        "Address that the followed server is told; empty for the one that it sees.",
        aliases=("slave-announce-ip",),
    ),
    Setting(
        "replica-announce-port",
        Integer(0, HIGHEST_PORT),
        0,
        _REPLICATION,
        "Port that the followed server is told; 0 for the one that is listened on.",
        aliases=("slave-announce-port",),
    ),
    Setting("replica-announced", YesNo(), True, _REPLICATION, "Let sentinels tell clients of this replica."),
    Setting(
        "replica-priority",
        Integer(0, INT32_MAX),
        100,
        _REPLICATION,
        "Rank in which sentinels promote replicas, the lowest first; 0 for never.",
        aliases=("slave-priority",),
    ),
    Setting(
        "repl-timeout", Integer(1, INT32_MAX), 60, _REPLICATION, "Seconds of silence after which a link is given up."
    ),
    Setting(
        "repl-backlog-size",
        Memory(1),
        10 << 20,
        _REPLICATION,
        "Bytes of the stream that are kept for replicas that come back.",
    ),
    Setting(
        "repl-backlog-ttl",
        _COUNT,
        3600,
        _REPLICATION,
        "Seconds after the last replica for which the stream is kept; 0 for ever.",
    ),
    Setting(
        "repl-ping-replica-period",
        Integer(1, INT32_MAX),
        10,
        _REPLICATION,
        "Seconds after which replicas are told that this server is there.",
        aliases=("repl-ping-slave-period",),
    ),
    Setting(
        "repl-diskless-sync-delay",
        Integer(0, INT32_MAX),
        0,
        _REPLICATION,
        "Seconds that replicas wait for others which need all data, too.",
    ),
    Setting(
        "min-replicas-to-write",
        Integer(0, INT32_MAX),
        0,
        _REPLICATION,
        "Replicas that must follow closely; with fewer, keys are not changed.",
        aliases=("min-slaves-to-write",),
    ),
    Setting(
        "min-replicas-max-lag",
        Integer(0, INT32_MAX),
        10,
        _REPLICATION,
        "Seconds of silence up to which a replica follows closely.",
        aliases=("min-slaves-max-lag",),
    ),
    Setting(
        "appendonly", YesNo(), False, _JOURNAL, "Note every change in a journal, from which all is loaded at the start."
    ),
    Setting(
        "appenddirname",
        FileName("appenddirname"),
        b"appendonlydir",
        _JOURNAL,
        "Folder of the journal, in `dir`.",
        is_mutable=False,
    ),
    Setting(
        "appendfilename",
        FileName("appendfilename"),
        b"appendonly.aof",
        _JOURNAL,
        "What the names of the journal's files begin with.",
        is_mutable=False,
    ),
    Setting(
        "appendfsync",
        Choice(b"everysec", b"always", b"no"),
        b"everysec",
        _JOURNAL,
        "When the journal is brought to the disk: before a change is answered (always), every second, or never.",
    ),
    Setting(
        "no-appendfsync-on-rewrite",
        YesNo(),
        False,
        _JOURNAL,
        "Bring nothing to the disk while the journal is rewritten or a snapshot is saved.",
    ),
    Setting(
        "auto-aof-rewrite-percentage",
        Integer(),
        100,
        _JOURNAL,
        "Percent by which the journal may grow before it is rewritten; 0 for never.",
    ),
    Setting(
        "auto-aof-rewrite-min-size", Memory(), 64 << 20, _JOURNAL, "Bytes below which the journal is not rewritten."
    ),
    Setting(
        "aof-load-truncated",
        YesNo(),
        True,
        _JOURNAL,
        "Cut off what is not whole at the journal's end when it is loaded; else the server does not start.",
    ),
    Setting(
        "aof-timestamp-enabled",
        YesNo(),
        False,
        _JOURNAL,
        "Note the time in the journal, so that it can be cut off at some second.",
    ),
    Setting(
        "aof-use-rdb-preamble",
        YesNo(),
        True,
        _JOURNAL,
        "Let the base of a rewritten journal be a snapshot; else it consists of requests.",
    ),
    Setting(
        "aof-rewrite-incremental-fsync",
        YesNo(),
        True,
        _JOURNAL,
        "Bring the base to the disk every few megabytes while it is written.",
    ),
    Setting("expire-batch-size", Integer(1), 100, _EXPIRY, "Keys that expire in one batch at most."),
    Setting("expire-batch-timeout", Integer(1), 100, _EXPIRY, "Milliseconds that a batch waits to fill up."),
    Setting(
        "expire-queue-size",
        Integer(1),
        1024,
        _EXPIRY,
        "Posts that may wait for the batch worker; what is beyond stays due.",
    ),
    Setting("expire-time-budget", Integer(1), 500, _EXPIRY, "Microseconds that expiry runs before it lets clients in."),
    Setting("expire-adaptive", YesNo(), True, _EXPIRY, "Let batches grow and wait less while many keys are due."),
    Setting(
        "expire-stream",
        StreamPlaces(),
        {},
        _EXPIRY,
        "Streams that tell of all that expires or is evicted: KEY [MAXLEN N], or DB KEY [MAXLEN N] ...",
    ),
    Setting(
        "expire-stream-value-size",
        Memory(0, INT64_MAX),
        1024,
        _EXPIRY,
        "Bytes of a value that such a stream tells at most; 0 for no values.",
    ),
    Setting("active-expire-effort", Integer(1, 10), 1, _WITHOUT_EFFECT, "Expired keys are removed on time anyway."),
    Setting("activerehashing", YesNo(), True, _WITHOUT_EFFECT, "Tables grow in small steps anyway."),
    Setting(
        "sanitize-dump-payload",
        Choice(b"no", b"yes", b"clients"),
        b"no",
        _WITHOUT_EFFECT,
        "Payloads are looked through always.",
    ),
    *(
        Setting(name, kind, default, _WITHOUT_EFFECT, why, aliases=aliases)
        for name, kind, default, why, aliases in IGNORED
    ),
)

# How a setting is named where a name must be Python's: in the configuration file, as a keyword argument.
PYTHON_NAMES = {name.replace("-", "_"): name for setting in SETTINGS for name in (setting.name, *setting.aliases)}

# The names of settings whose values may be shown, in lower case.
PUBLIC_NAMES = frozenset(
    name.encode() for setting in SETTINGS if not setting.is_secret for name in (setting.name, *setting.aliases)
)
