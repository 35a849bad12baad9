"""Settings of the reference for what does not exist here: they can be read, and set to what it allows, without effect.

Tools and test suites set some of them as a matter of course. A setting that promises something (access, durability) is
not among them: where it cannot be kept, it is refused.
"""

from __future__ import annotations

from typing import Any

from geventcache.services.settings.kinds import INT32_MAX, INT64_MAX, Choice, Integer, Kind, Memory, YesNo

_PERCENT = Integer(1, 99)
_DEFRAGMENTATION = "Memory is not moved."
_NODES = "Shards are workers of one host: they neither fail over nor move slots."
_THREADS = "One thread runs all commands."
_SYNCS = "Nothing is forked for a replica, which has the stream from the first byte on."

# Name, kind, default, why it has no effect, and aliases.
IGNORED: tuple[tuple[str, Kind, Any, str, tuple[str, ...]], ...] = (
    ("active-expire-effort", Integer(1, 10), 1, "Expired keys are removed on time anyway.", ()),
    ("activerehashing", YesNo(), True, "Tables grow in small steps anyway.", ()),
    ("sanitize-dump-payload", Choice(b"no", b"yes", b"clients"), b"no", "Payloads are looked through always.", ()),
    ("active-defrag-cycle-max", _PERCENT, 25, _DEFRAGMENTATION, ()),
    ("active-defrag-cycle-min", _PERCENT, 1, _DEFRAGMENTATION, ()),
    ("active-defrag-cycle-us", Integer(0, 100_000), 500, _DEFRAGMENTATION, ()),
    ("active-defrag-ignore-bytes", Memory(1), 100 << 20, _DEFRAGMENTATION, ()),
    ("active-defrag-max-scan-fields", Integer(1, INT64_MAX), 1000, _DEFRAGMENTATION, ()),
    ("active-defrag-threshold-lower", Integer(0, 1000), 10, _DEFRAGMENTATION, ()),
    ("active-defrag-threshold-upper", Integer(0, 1000), 100, _DEFRAGMENTATION, ()),
    ("cluster-allow-pubsubshard-when-down", YesNo(), True, _NODES, ()),
    ("cluster-allow-reads-when-down", YesNo(), False, _NODES, ()),
    ("cluster-allow-replica-migration", YesNo(), True, _NODES, ()),
    ("cluster-link-sendbuf-limit", Memory(), 0, _NODES, ()),
    ("cluster-manual-failover-timeout", Integer(1, INT32_MAX), 5000, _NODES, ()),
    ("cluster-migration-barrier", Integer(0, INT32_MAX), 1, _NODES, ()),
    ("cluster-node-timeout", Integer(0, INT64_MAX), 15_000, _NODES, ()),
    ("cluster-replica-no-failover", YesNo(), False, _NODES, ("cluster-slave-no-failover",)),
    ("cluster-replica-validity-factor", Integer(0, INT32_MAX), 10, _NODES, ("cluster-slave-validity-factor",)),
    ("cluster-require-full-coverage", YesNo(), True, _NODES, ()),
    ("crash-log-enabled", YesNo(), True, "Defects are logged, always.", ()),
    ("crash-memcheck-enabled", YesNo(), True, "Memory is not tested.", ()),
    ("dual-channel-replication-enabled", YesNo(), False, _SYNCS, ()),
    ("hide-user-data-from-log", YesNo(), True, "The log has no data of users.", ()),
    ("io-threads", Integer(1, 256), 1, _THREADS, ()),
    ("jemalloc-bg-thread", YesNo(), True, "Memory is the system's allocator's.", ()),
    ("max-new-connections-per-cycle", Integer(1, 1000), 10, "A poll takes what there are.", ()),
    ("max-new-tls-connections-per-cycle", Integer(1, 1000), 1, "A handshake holds up nobody else.", ()),
    ("prefetch-batch-max-size", Integer(0, 128), 16, "Keys are looked up ahead, sixteen at a time.", ()),
    ("propagation-error-behavior", Choice(b"ignore", b"panic", b"panic-on-replicas"), b"ignore", "It is logged.", ()),
    ("rdb-del-sync-files", YesNo(), False, _SYNCS, ()),
    ("repl-disable-tcp-nodelay", YesNo(), False, "Replicas get what there is at once.", ()),
    (
        "repl-diskless-load",
        Choice(b"disabled", b"on-empty-db", b"swapdb", b"flush-before-load"),
        b"disabled",
        "The old data serve until the new ones are whole.",
        (),
    ),
    ("repl-diskless-sync", YesNo(), True, _SYNCS, ()),
    ("repl-diskless-sync-max-replicas", Integer(0, INT32_MAX), 0, _SYNCS, ()),
    ("replica-ignore-disk-write-errors", YesNo(), False, "A replica goes on.", ()),
    ("replica-lazy-flush", YesNo(), True, "Memory is freed in slices, always.", ("slave-lazy-flush",)),
    ("tls-session-cache-size", Integer(0, INT32_MAX), 20_480, "Sessions are resumed by tickets.", ()),
    ("tls-session-cache-timeout", Integer(0, INT32_MAX), 300, "Sessions are resumed by tickets.", ()),
)
