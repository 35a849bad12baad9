"""What INFO tells: one function a section, in the order in which the sections are shown.

Only what is known and true is told. Fields of features that do not exist are there when clients and dashboards read
them, with the value that says so (no forks).
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from geventcache import __version__
from geventcache.base.build import IS_COMPILED
from geventcache.base.numbers import format_float
from geventcache.services.limits.client_memory import pending_bytes
from geventcache.services.observing.client_report import type_of
from geventcache.services.observing.memory import human
from geventcache.services.replication import facts

# What clients are told, so that they use what is here and nothing that is not.
REDIS_VERSION = "7.4.2"
# The server whose behaviour this one has.
VALKEY_VERSION = "9.1.2"
TTL_SAMPLES = 64
KIBIBYTE = 1024
LRU_CLOCK_MASK = (1 << 24) - 1
# How INFO names what access control refuses, and how its log does.
DENIALS = {"auth": b"auth", "cmd": b"command", "key": b"key", "channel": b"channel", "db": b"database"}

Fields = Mapping[str, Any]


class Section(NamedTuple):
    """A section of INFO: its heading, what is in it, and whether INFO without arguments and INFO ALL show it."""

    title: str
    fields: Callable[[Any], Fields]
    is_default: bool = True
    is_in_all: bool = True


def report(state: Any, names: Iterable[bytes]) -> bytes:
    """The text of the named sections (in any case), of the default ones when none is named."""
    wanted = {name.lower() for name in names} or {b"default"}
    parts = [text_of(section, state) for name, section in SECTIONS.items() if is_wanted(name, section, wanted)]
    return "\r\n".join(parts).encode()


def is_wanted(name: bytes, section: Section, wanted: set[bytes]) -> bool:
    """Whether these words ask for a section."""
    return (
        name in wanted
        or b"everything" in wanted
        or (section.is_default and b"default" in wanted)
        or (section.is_in_all and b"all" in wanted)
    )


def text_of(section: Section, state: Any) -> str:
    """A section with its heading."""
    lines = [f"# {section.title}", *(f"{name}:{value}" for name, value in section.fields(state).items())]
    return "".join(f"{line}\r\n" for line in lines)


def server(state: Any) -> Fields:
    """The program and the machine."""
    system = os.uname()
    uptime_s = state.stats.uptime_seconds()
    return {
        "redis_version": REDIS_VERSION,
        "valkey_version": VALKEY_VERSION,
        "server_name": "geventcache",
        "geventcache_version": __version__,
        "redis_mode": mode(state),
        "server_mode": mode(state),
        "os": f"{system.sysname} {system.release} {system.machine}",
        "arch_bits": struct.calcsize("P") * 8,
        "multiplexing_api": "gevent",
        "gevent_version": getattr(sys.modules.get("gevent"), "__version__", "none"),
        "python_version": sys.version.split()[0],
        "compiled": "yes" if IS_COMPILED else "no",
        "process_id": os.getpid(),
        "process_supervised": "no",
        "run_id": state.stats.run_id,
        "tcp_port": tcp_port(state),
        "server_time_usec": state.clock.microseconds(),
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s // 86400,
        "lru_clock": state.clock.now_ms // 1000 & LRU_CLOCK_MASK,
        "hz": state.config["hz"],
        "configured_hz": state.config["hz"],
        "executable": sys.executable,
        "config_file": state.config_file,
        "availability_zone": state.config["availability-zone"].decode("utf-8", "replace"),
        **({"shutdown_in_milliseconds": state.shutdown.left_ms} if state.shutdown.is_waiting else {}),
        **{f"listener{i}": address for i, address in enumerate(state.addresses)},
    }


def mode(state: Any) -> str:
    """How the server stands among others, as clients are told."""
    return "standalone" if state.cluster is None else "cluster"


def tcp_port(state: Any) -> int:
    """The port of the first address of the internet, 0 when there is none."""
    return next((address.port for address in state.addresses if not address.path), 0)


def clients(state: Any) -> Fields:
    """Connections."""
    everybody = list(state.clients)
    return {
        "connected_clients": len(everybody),
        "cluster_connections": len(state.cluster.links()) if state.cluster is not None else 0,
        "maxclients": state.config["maxclients"],
        "client_recent_max_input_buffer": max(map(pending_bytes, everybody), default=0),
        "client_recent_max_output_buffer": max((client.outbox_size for client in everybody), default=0),
        "clients_in_timeout_table": sum(
            client.blocked is not None and client.blocked.timeout_ms > 0 for client in everybody
        ),
        "blocked_clients": len(state.waiters) + sum(client.postponed for client in everybody),
        "tracking_clients": sum(client.tracking is not None for client in everybody),
        "pubsub_clients": sum(type_of(client) == b"pubsub" for client in everybody),
        "watching_clients": len(state.watch.clients),
        "total_watched_keys": len(state.watch),
        "total_blocking_keys": len(state.waiters.by_key),
        **pause(state),
    }


def pause(state: Any) -> Fields:
    """What is held back, and why: the pause that lasts longest."""
    until_ms, reason = max(((until_ms, reason) for reason, (until_ms, _) in state.pauses.items()), default=(0, "none"))
    left_ms = max(0, until_ms - state.clock.now_ms)
    actions = ("all" if state.pauses_all else "write") if left_ms else "none"
    return {
        "paused_reason": reason if left_ms else "none",
        "paused_actions": actions,
        "paused_timeout_milliseconds": left_ms,
    }


def memory(state: Any) -> Fields:
    """Memory: by the account while there is a limit, else as the operating system accounts for it."""
    used, resident, peak = state.memory.used, state.memory.resident, state.memory.peak
    total, limit = state.memory.system_total(), state.config["maxmemory"]
    overhead = state.memory.overhead
    backlog = len(state.replication.history.backlog or ())
    return {
        "used_memory": used,
        "used_memory_human": human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": human(resident),
        "used_memory_peak": peak,
        "used_memory_peak_human": human(peak),
        "used_memory_peak_perc": f"{percentage(used, peak):.2f}%",
        "used_memory_overhead": overhead,
        "used_memory_startup": 0,
        "used_memory_dataset": max(0, used - overhead),
        "used_memory_dataset_perc": f"{percentage(max(0, used - overhead), used):.2f}%",
        "total_system_memory": total,
        **scripts(state),
        "total_system_memory_human": human(total),
        "maxmemory": limit,
        "maxmemory_human": human(limit),
        "maxmemory_policy": state.config["maxmemory-policy"].decode(),
        **selected_database(state),
        "mem_fragmentation_ratio": f"{state.memory.fragmentation:.2f}",
        "mem_fragmentation_bytes": max(0, resident - state.memory.startup - used),
        "mem_clients_slaves": 0,
        "mem_clients_normal": state.memory_limit.clients(),
        "mem_replication_backlog": backlog,
        "mem_total_replication_buffers": backlog,
        "mem_not_counted_for_evict": 0,
        "mem_aof_buffer": state.journal.waiting(),
        "mem_allocator": "pymalloc",
        "active_defrag_running": 0,
        "lazyfree_pending_objects": len(state.databases.graveyard),
        "lazyfreed_objects": state.databases.graveyard.freed,
    }


def scripts(state: Any) -> Fields:
    """Scripts, functions and the memory of Lua, which both share."""
    scripting = state.scripting
    used = scripting.used_memory()
    texts = scripting.cache.text_bytes + sum(map(len, scripting.libraries.codes()))
    return {
        "used_memory_lua": used,
        "used_memory_lua_human": human(used),
        "used_memory_vm_total": used,
        "used_memory_vm_total_human": human(used),
        "used_memory_scripts": texts,
        "used_memory_scripts_human": human(texts),
        "number_of_cached_scripts": len(scripting.cache),
        "number_of_functions": len(scripting.libraries.functions),
        "number_of_libraries": len(scripting.libraries),
    }


def selected_database(state: Any) -> Fields:
    """The limit of the database that the asking client has selected."""
    client = state.engine.current
    if client is None:
        return {}
    index, account = client.db.index, client.db.account
    return {
        "selected_db": index,
        "selected_db_used_memory": account.used if account is not None else 0,
        "selected_db_maxmemory": state.config["maxmemory-db"].get(index, 0),
        "selected_db_maxmemory_policy": state.memory_limit.policy_of(index).decode(),
        "selected_db_evicted_keys": client.db.evicted,
    }


def percentage(part: int, whole: int) -> float:
    """How many percent of `whole` a part is."""
    return 100 * part / whole if whole else 0.0


def persistence(state: Any) -> Fields:
    """Snapshots, the journal, and the load of one."""
    snapshots = state.snapshots
    image = snapshots.image
    return {
        "loading": int(snapshots.is_loading),
        "async_loading": 0,
        "current_save_keys_processed": 0 if image is None else image.done,
        "current_save_keys_total": 0 if image is None else image.total,
        "rdb_changes_since_last_save": snapshots.changes(),
        "rdb_bgsave_in_progress": int(snapshots.is_saving),
        "rdb_last_save_time": snapshots.saved_s,
        "rdb_last_bgsave_status": "ok" if snapshots.is_last_good else "err",
        "rdb_last_bgsave_time_sec": snapshots.duration_s,
        "rdb_current_bgsave_time_sec": -1 if not snapshots.is_saving else snapshots.now_s() - snapshots.began_s,
        "rdb_saves": snapshots.saves,
        "rdb_last_cow_size": snapshots.most_held,
        "rdb_last_load_keys_expired": snapshots.loaded.expired,
        "rdb_last_load_keys_loaded": snapshots.loaded.keys,
        **rewrites(state.journal, snapshots.now_s()),
        "aof_last_write_status": "err" if state.journal.error else "ok",
        "aof_last_cow_size": state.journal.most_held,
        **(sizes(state.journal) if state.journal.is_on else {}),
        **loading(snapshots),
    }


def rewrites(journal: Any, now_s: int) -> Fields:
    """The journal, and how its rewrites went."""
    return {
        "aof_enabled": int(journal.is_on),
        "aof_rewrite_in_progress": int(journal.is_rewriting),
        "aof_rewrite_scheduled": int(journal.is_scheduled),
        "aof_last_rewrite_time_sec": journal.duration_s,
        "aof_current_rewrite_time_sec": now_s - journal.began_s if journal.is_rewriting else -1,
        "aof_last_bgrewrite_status": "ok" if journal.is_rewrite_good else "err",
        "aof_rewrites": journal.rewrites,
        "aof_rewrites_consecutive_failures": journal.failures,
    }


def sizes(journal: Any) -> Fields:
    """How much the journal has, and what it waits for."""
    return {
        "aof_current_size": journal.size,
        "aof_base_size": journal.base_size,
        "aof_pending_rewrite": int(journal.is_scheduled),
        "aof_buffer_length": journal.waiting(),
        "aof_pending_bio_fsync": int(journal.is_syncing),
        "aof_delayed_fsync": journal.delayed_syncs,
    }


def loading(snapshots: Any) -> Fields:
    """How far a load has come."""
    file = snapshots.file
    if not snapshots.is_loading or file is None:
        return {}
    return {
        "loading_total_bytes": file.size,
        "loading_loaded_bytes": file.position,
        "loading_loaded_perc": f"{percentage(file.position, file.size):.2f}",
    }


def stats(state: Any) -> Fields:
    """What was done since the start, or since CONFIG RESETSTAT."""
    keyspaces = state.databases.existing()
    return {
        "total_connections_received": state.clients.accepted + state.clients.rejected,
        "total_commands_processed": sum(command.calls for command in state.table.all()),
        "total_net_input_bytes": state.traffic("bytes_in"),
        "total_net_output_bytes": state.traffic("bytes_out"),
        "total_net_repl_input_bytes": state.replication.heard_bytes,
        "total_net_repl_output_bytes": state.replication.fed_bytes,
        **rates(state),
        "rejected_connections": state.clients.rejected,
        "sync_full": state.replication.full_syncs,
        "sync_partial_ok": state.replication.partial_syncs,
        "sync_partial_err": state.replication.refused_syncs,
        "expired_keys": sum(keyspace.expired for keyspace in keyspaces),
        "expired_fields": sum(keyspace.expired_elements for keyspace in keyspaces),
        "expired_stale_perc": f"{stale_percentage(state):.2f}",
        "expired_time_cap_reached_count": 0,
        "evicted_keys": sum(keyspace.evicted for keyspace in keyspaces),
        "evicted_clients": state.client_memory.evicted,
        "evicted_scripts": state.scripting.cache.evicted,
        "total_eviction_exceeded_time": 0,
        "current_eviction_exceeded_time": 0,
        "keyspace_hits": sum(keyspace.hits for keyspace in keyspaces),
        "keyspace_misses": sum(keyspace.misses for keyspace in keyspaces),
        "pubsub_channels": len(state.pubsub.channels),
        "pubsub_patterns": len(state.pubsub.patterns),
        "pubsubshard_channels": len(state.pubsub.shard_channels),
        "tracking_total_keys": len(state.tracking.table),
        "tracking_total_items": state.tracking.items(),
        "tracking_total_prefixes": len(state.tracking.by_prefix),
        "migrate_cached_sockets": len(state.migration_links),
        "slave_expires_tracked_keys": 0,
        "active_defrag_hits": 0,
        "active_defrag_misses": 0,
        "active_defrag_key_hits": 0,
        "active_defrag_key_misses": 0,
        "latest_fork_usec": 0,
        "total_forks": 0,
        "unexpected_error_replies": 0,
        "total_error_replies": state.stats.error_replies,
        "total_reads_processed": state.traffic("reads"),
        "total_writes_processed": state.traffic("writes"),
        "client_output_buffer_limit_disconnections": state.clients.overflown,
        **{f"acl_access_denied_{name}": state.acl.log.denied[reason] for name, reason in DENIALS.items()},
    }


def rates(state: Any) -> Fields:
    """What the last seconds brought, a second."""
    cron = state.cron
    commands, incoming, outgoing = (
        (cron.commands.per_second, cron.bytes_in.per_second, cron.bytes_out.per_second) if cron else (0, 0, 0)
    )
    return {
        "instantaneous_ops_per_sec": commands,
        "instantaneous_input_kbps": f"{incoming / KIBIBYTE:.2f}",
        "instantaneous_output_kbps": f"{outgoing / KIBIBYTE:.2f}",
        "instantaneous_input_repl_kbps": "0.00",
        "instantaneous_output_repl_kbps": "0.00",
    }


def stale_percentage(state: Any) -> float:
    """How many percent of the keys with a deadline are due and not yet removed: they wait for the batch worker."""
    keyspaces, now_ms = state.databases.existing(), state.clock.now_ms
    waiting = state.expiry.depth if state.expiry is not None else 0
    for one in keyspaces:
        if one.deadlines.next_ms <= now_ms:
            waiting += sum(len(keys) for time_ms, keys in one.deadlines.buckets.items() if time_ms <= now_ms)
    return percentage(waiting, sum(one.volatile for one in keyspaces))


def cpu(state: Any) -> Fields:
    """Seconds of CPU."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "used_cpu_sys": f"{own.ru_stime:.6f}",
        "used_cpu_user": f"{own.ru_utime:.6f}",
        "used_cpu_sys_children": f"{children.ru_stime:.6f}",
        "used_cpu_user_children": f"{children.ru_utime:.6f}",
        **main_thread(),
    }


def main_thread() -> Fields:
    """Seconds of CPU of the thread that runs the data, where the system tells."""
    if not hasattr(resource, "RUSAGE_THREAD"):
        return {}
    own = resource.getrusage(resource.RUSAGE_THREAD)
    return {
        "used_cpu_sys_main_thread": f"{own.ru_stime:.6f}",
        "used_cpu_user_main_thread": f"{own.ru_utime:.6f}",
    }


def modules(state: Any) -> Fields:
    """There are none."""
    return {}


def command_statistics(state: Any) -> Fields:
    """Calls of each command that was called."""
    return {
        f"cmdstat_{command.name.decode()}": f"calls={command.calls},usec={command.usec},"
        f"usec_per_call={command.usec / command.calls if command.calls else 0:.2f},"
        f"rejected_calls={command.rejected},failed_calls={command.failed}"
        for command in state.table.all()
        if command.calls or command.rejected or command.failed
    }


def error_statistics(state: Any) -> Fields:
    """Error replies by their codes."""
    return {f"errorstat_{code.decode(errors='replace')}": f"count={n}" for code, n in state.stats.errors.items()}


def latency_statistics(state: Any) -> Fields:
    """Percentiles of each command's time, in microseconds."""
    percentiles = state.config["latency-tracking-info-percentiles"]
    return {
        f"latency_percentiles_usec_{command.name.decode()}": ",".join(
            f"p{format_float(percent).decode()}={command.latency.percentile(percent)}" for percent in percentiles
        )
        for command in state.table.all()
        if command.latency is not None and command.latency.count
    }


def cluster(state: Any) -> Fields:
    """Is it one of several shards?"""
    return {"cluster_enabled": int(state.cluster is not None)}


def keyspace(state: Any) -> Fields:
    """Keys of each database that has some."""
    return {
        f"db{one.index}": (
            f"keys={len(one)},expires={one.volatile},avg_ttl={mean_ttl_ms(one)},"
            f"keys_with_volatile_items={one.volatile_containers}"
        )
        for one in state.databases.existing()
        if len(one) and one.index < state.databases.count
    }


def mean_ttl_ms(one: Any) -> int:
    """The mean time to live of a database's keys that have one, estimated from a few that are chosen at random."""
    left_ms = [deadline_ms - one.clock.now_ms for deadline_ms in one.deadlines.sample(one.table, TTL_SAMPLES)]
    return max(0, sum(left_ms) // len(left_ms)) if left_ms else 0


def expiry(state: Any) -> Fields:
    """How keys expire: what is scheduled, what waits, and how late keys went."""
    keyspaces, engine = state.databases.existing(), state.expiry
    scheduled = {
        "keys_with_deadline": sum(one.volatile for one in keyspaces),
        "tickets": sum(one.deadlines.tickets for one in keyspaces),
        "stale_tickets": sum(one.deadlines.stale for one in keyspaces),
    }
    if engine is None:
        return scheduled
    return {
        **scheduled,
        "queue_size": state.config["expire-queue-size"],
        "queue_depth": engine.depth,
        "queue_peak": engine.peak,
        "queue_full_fallbacks": engine.fallbacks,
        "batches": engine.batches,
        "batch_growth": engine.growth,
        "batch_keys": engine.sizes.total,
        "batch_sizes": ",".join(f"{size}={n}" for size, n in engine.sizes.buckets()),
        "lag_p50_ms": engine.lags.percentile(50),
        "lag_p99_ms": engine.lags.percentile(99),
        "lag_max_ms": engine.lags.maximum,
    }


def upstream(state: Any) -> Fields:
    """The servers that have the data, if this one has none, and what is kept of theirs."""
    return {"upstream": "no"} if state.upstream is None else {"upstream": "yes", **state.upstream.report()}


SECTIONS: dict[bytes, Section] = {
    b"server": Section("Server", server),
    b"clients": Section("Clients", clients),
    b"memory": Section("Memory", memory),
    b"persistence": Section("Persistence", persistence),
    b"stats": Section("Stats", stats),
    b"replication": Section("Replication", facts.fields),
    b"cpu": Section("CPU", cpu),
    b"modules": Section("Modules", modules, is_in_all=False),
    b"commandstats": Section("Commandstats", command_statistics, is_default=False),
    b"errorstats": Section("Errorstats", error_statistics),
    b"latencystats": Section("Latencystats", latency_statistics, is_default=False),
    b"cluster": Section("Cluster", cluster),
    b"keyspace": Section("Keyspace", keyspace),
    b"expiry": Section("Expiry", expiry),
    b"upstream": Section("Upstream", upstream),
}
