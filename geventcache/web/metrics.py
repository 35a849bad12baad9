"""What is told of a server as metrics: a table of INFO's fields, and functions for what has labels.

Names are those that redis_exporter gives to the same facts, so that its dashboards and alerts work; what geventcache
alone has begins with ``geventcache_``. Units are Prometheus' base units where the exporter has them, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from geventcache import __version__
from geventcache.base.build import IS_COMPILED
from geventcache.base.numbers import format_float
from geventcache.services.observing import info
from geventcache.services.replication import facts
from geventcache.web.exposition import COUNTER, GAUGE, HISTOGRAM, Family, Sample, buckets, by_label, labels, single

MICROSECOND, MILLISECOND = 1e-6, 1e-3


class Metric(NamedTuple):
    """A field of INFO as a metric."""

    field: str
    name: str
    description: str
    kind: str = GAUGE


METRICS = (
    Metric("uptime_in_seconds", "redis_uptime_in_seconds", "Seconds since the start."),
    Metric("process_id", "redis_process_id", "Number of the process."),
    Metric("connected_clients", "redis_connected_clients", "Connected clients."),
    Metric("blocked_clients", "redis_blocked_clients", "Clients that wait for a key or for the end of a pause."),
    Metric("tracking_clients", "redis_tracking_clients", "Clients with client-side caching."),
    Metric("pubsub_clients", "redis_pubsub_clients", "Clients that have subscribed."),
    Metric("watching_clients", "redis_watching_clients", "Clients with watched keys."),
    Metric("clients_in_timeout_table", "redis_clients_in_timeout_table", "Clients that wait with a timeout."),
    Metric("cluster_connections", "redis_cluster_connections", "Links to other shards."),
    Metric(
        "client_recent_max_input_buffer",
        "redis_client_recent_max_input_buffer_bytes",
        "Largest unfinished request of a client.",
    ),
    Metric(
        "client_recent_max_output_buffer",
        "redis_client_recent_max_output_buffer_bytes",
        "Most unread bytes of a client.",
    ),
    Metric("used_memory", "redis_memory_used_bytes", "Memory in use."),
    Metric("used_memory_rss", "redis_memory_used_rss_bytes", "Resident memory of the process."),
    Metric("used_memory_peak", "redis_memory_used_peak_bytes", "Most memory in use since the start."),
    Metric("used_memory_overhead", "redis_memory_used_overhead_bytes", "Memory of what is not data."),
    Metric("used_memory_startup", "redis_memory_used_startup_bytes", "Memory in use at the start."),
    Metric("used_memory_dataset", "redis_memory_used_dataset_bytes", "Memory of the data."),
    Metric("used_memory_lua", "redis_memory_used_lua_bytes", "Memory of Lua."),
    Metric("used_memory_scripts", "redis_memory_used_scripts_bytes", "Memory of scripts' texts."),
    Metric("total_system_memory", "redis_total_system_memory_bytes", "Memory of the machine."),
    Metric("maxmemory", "redis_memory_max_bytes", "Limit of memory; 0 is none."),
    Metric("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", "Resident memory by memory in use."),
    Metric("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", "Resident memory that is not in use."),
    Metric("mem_clients_normal", "redis_mem_clients_normal", "Bytes of clients' buffers."),
    Metric("lazyfree_pending_objects", "redis_lazyfree_pending_objects", "Large values that wait to be freed."),
    Metric("lazyfreed_objects", "redis_lazyfreed_objects_total", "Large values freed in slices.", COUNTER),
    Metric("number_of_cached_scripts", "redis_number_of_cached_scripts", "Cached scripts."),
    Metric("number_of_functions", "redis_number_of_functions", "Functions."),
    Metric("loading", "redis_loading_dump_file", "Whether a snapshot is being loaded."),
    Metric(
        "rdb_changes_since_last_save", "redis_rdb_changes_since_last_save", "Changes that no snapshot has, in number."
    ),
    Metric("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", "Whether a snapshot is being written."),
    Metric("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds", "When the last snapshot was written."),
    Metric("rdb_last_bgsave_time_sec", "redis_rdb_last_bgsave_duration_sec", "How long the last snapshot took."),
    Metric("rdb_current_bgsave_time_sec", "redis_rdb_current_bgsave_duration_sec", "How long this one takes so far."),
    Metric("total_connections_received", "redis_connections_received_total", "Connections that came.", COUNTER),
    Metric("rejected_connections", "redis_rejected_connections_total", "Connections that were refused.", COUNTER),
    Metric("total_commands_processed", "redis_commands_processed_total", "Commands that ran.", COUNTER),
    Metric("instantaneous_ops_per_sec", "redis_instantaneous_ops_per_sec", "Commands a second, of the last seconds."),
    Metric("total_net_input_bytes", "redis_net_input_bytes_total", "Bytes that clients sent.", COUNTER),
    Metric("total_net_output_bytes", "redis_net_output_bytes_total", "Bytes that clients were sent.", COUNTER),
    # Counters that the exporter does not call `_total`, as OpenMetrics wants it.
    Metric("total_reads_processed", "redis_total_reads_processed", "How often clients' sockets were read."),
    Metric("total_writes_processed", "redis_total_writes_processed", "How often clients' sockets were written to."),
    Metric("total_error_replies", "redis_total_error_replies", "Error replies."),
    Metric("expired_keys", "redis_expired_keys_total", "Keys that expired.", COUNTER),
    Metric("expired_fields", "redis_expired_fields_total", "Fields of hashes that expired.", COUNTER),
    Metric("expired_stale_perc", "redis_expired_stale_percentage", "Percent of volatile keys that are overdue."),
    Metric("evicted_keys", "redis_evicted_keys_total", "Keys that were evicted.", COUNTER),
    Metric("evicted_clients", "redis_evicted_clients_total", "Clients that were closed for memory.", COUNTER),
    Metric("keyspace_hits", "redis_keyspace_hits_total", "Keys that were looked for and found.", COUNTER),
    Metric("keyspace_misses", "redis_keyspace_misses_total", "Keys that were looked for and not found.", COUNTER),
    Metric("pubsub_channels", "redis_pubsub_channels", "Channels with subscribers."),
    Metric("pubsub_patterns", "redis_pubsub_patterns", "Patterns with subscribers."),
    Metric("tracking_total_keys", "redis_tracking_total_keys", "Keys remembered for client-side caching."),
    Metric("tracking_total_items", "redis_tracking_total_items", "Pairs of a key and a client remembered."),
    Metric("tracking_total_prefixes", "redis_tracking_total_prefixes", "Prefixes that clients wait for."),
    Metric("connected_slaves", "redis_connected_slaves", "Replicas."),
    Metric("master_repl_offset", "redis_master_repl_offset", "Offset of the replication."),
    Metric("second_repl_offset", "redis_second_repl_offset", "Offset up to which the second history is valid."),
    Metric("repl_backlog_active", "redis_repl_backlog_is_active", "Whether there is a backlog."),
    Metric("repl_backlog_size", "redis_replication_backlog_bytes", "Size of the backlog."),
    Metric("repl_backlog_first_byte_offset", "redis_repl_backlog_first_byte_offset", "Offset of its first byte."),
    Metric("repl_backlog_histlen", "redis_repl_backlog_history_bytes", "Bytes in the backlog."),
    Metric("sync_full", "redis_replica_resyncs_full", "Full synchronisations of replicas."),
    Metric("sync_partial_ok", "redis_replica_partial_resync_accepted", "Partial synchronisations of replicas."),
    Metric("sync_partial_err", "redis_replica_partial_resync_denied", "Partial synchronisations that were refused."),
    Metric("mem_clients_slaves", "redis_mem_clients_slaves", "Bytes of replicas' buffers."),
    Metric("aof_enabled", "redis_aof_enabled", "Whether there is an append only file."),
    Metric("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress", "Whether it is being rewritten."),
    Metric("aof_rewrite_scheduled", "redis_aof_rewrite_scheduled", "Whether it is to be rewritten."),
    Metric("aof_current_size", "redis_aof_current_size_bytes", "Bytes of the append only file."),
    Metric("aof_base_size", "redis_aof_base_size_bytes", "Its bytes when it was rewritten or loaded."),
    Metric("aof_buffer_length", "redis_aof_buffer_length", "Bytes that are to be appended."),
    Metric("aof_pending_bio_fsync", "redis_aof_pending_bio_fsync", "Syncs that are under way."),
    Metric("aof_delayed_fsync", "redis_aof_delayed_fsync", "Syncs that writes had to wait for."),
    Metric("used_cpu_sys", "redis_cpu_sys_seconds_total", "Seconds of CPU in the system.", COUNTER),
    Metric("used_cpu_user", "redis_cpu_user_seconds_total", "Seconds of CPU in the program.", COUNTER),
    Metric("used_cpu_sys_children", "redis_cpu_sys_children_seconds_total", "Of ended children, system.", COUNTER),
    Metric("used_cpu_user_children", "redis_cpu_user_children_seconds_total", "Of ended children, program.", COUNTER),
    Metric("used_cpu_sys_main_thread", "redis_cpu_sys_main_thread_seconds_total", "Of the main thread.", COUNTER),
    Metric("used_cpu_user_main_thread", "redis_cpu_user_main_thread_seconds_total", "Of the main thread.", COUNTER),
    Metric("cluster_enabled", "redis_cluster_enabled", "Whether the server is one of several shards."),
    Metric("queue_size", "geventcache_expire_queue_limit", "Posts that fit into the queue of expiry."),
    Metric("queue_depth", "geventcache_expire_queue_depth_keys", "Keys that wait in the queue of expiry."),
    Metric("queue_peak", "geventcache_expire_queue_peak_keys", "Most keys that ever waited there."),
    Metric("queue_full_fallbacks", "geventcache_expire_fallbacks_total", "How often that queue was full.", COUNTER),
    Metric("batches", "geventcache_expire_batches_total", "Batches of expiry.", COUNTER),
    Metric("batch_growth", "geventcache_expire_batch_growth", "By how much batches have grown under load."),
    Metric("keys_with_deadline", "geventcache_volatile_keys", "Keys with a deadline."),
    Metric("tickets", "geventcache_expire_tickets", "Notes of deadlines."),
    Metric("stale_tickets", "geventcache_expire_stale_tickets", "Notes of deadlines that are none any more."),
)
SECTIONS = (
    info.server,
    info.clients,
    info.memory,
    info.persistence,
    info.stats,
    facts.fields,
    info.cpu,
    info.cluster,
    info.expiry,
)

# Fields that are "ok" or not.
STATUSES = {
    "rdb_last_bgsave_status": "Whether the last snapshot is good.",
    "aof_last_bgrewrite_status": "Whether the last rewrite of the append only file is good.",
    "aof_last_write_status": "Whether the append only file can be written.",
}


def families(server: Any) -> Iterator[Family]:
    """All metrics of a server."""
    state = server.state
    fields = {name: value for section in SECTIONS for name, value in section(state).items()}
    yield single("redis_up", GAUGE, "Always 1: the server answers.", 1)
    yield instance(fields)
    yield single("redis_start_time_seconds", GAUGE, "When the server was started.", state.stats.started_s)
    for field, name, description, kind in METRICS:
        if field in fields:
            yield single(name, kind, description, fields[field])
    for field, description in STATUSES.items():
        yield single(f"redis_{field}", GAUGE, description, int(fields[field] == "ok"))
    yield from settings(state)
    yield from logs(state)
    yield from databases(state)
    yield from commands(state)
    yield from errors(state)
    yield from expiry(state)


def instance(fields: dict[str, Any]) -> Family:
    """Who the server is."""
    named = ("redis_mode", "redis_version", "role", "os", "tcp_port", "run_id", "maxmemory_policy")
    text = labels(
        **{name: str(fields[name]) for name in named},
        process_id=str(fields["process_id"]),
        geventcache_version=__version__,
        python_version=str(fields["python_version"]),
        compiled="yes" if IS_COMPILED else "no",
    )
    return Family("redis_instance_info", GAUGE, "Who the server is.", [Sample(1, text)])


def settings(state: Any) -> Iterator[Family]:
    """Settings that others are compared with."""
    config = state.config
    yield single("redis_config_maxclients", GAUGE, "The setting maxclients.", config["maxclients"])
    yield single("redis_config_maxmemory", GAUGE, "The setting maxmemory.", config["maxmemory"])


def logs(state: Any) -> Iterator[Family]:
    """The slow log."""
    latest = state.slow_log.latest(1)
    yield single("redis_slowlog_length", GAUGE, "Entries of the slow log.", len(state.slow_log))
    yield single("redis_slowlog_last_id", GAUGE, "Number of its last entry.", latest[0][0] if latest else 0)
    yield single(
        "redis_last_slow_execution_duration_seconds",
        GAUGE,
        "How long the last slow command took.",
        latest[0][2] * MICROSECOND if latest else 0,
    )


def databases(state: Any) -> Iterator[Family]:
    """Keys of each database that has some."""
    spaces = {f"db{one.index}": one for one in state.databases.existing() if len(one)}
    yield by_label("redis_db_keys", GAUGE, "Keys.", "db", {name: len(one) for name, one in spaces.items()})
    yield by_label(
        "redis_db_keys_expiring", GAUGE, "Keys with a deadline.", "db", {n: one.volatile for n, one in spaces.items()}
    )
    yield by_label(
        "redis_db_avg_ttl_seconds",
        GAUGE,
        "Mean time to live of keys with a deadline, estimated.",
        "db",
        {name: info.mean_ttl_ms(one) * MILLISECOND for name, one in spaces.items() if one.volatile},
    )


def commands(state: Any) -> Iterator[Family]:
    """Each command that was called."""
    called = [one for one in state.table.all() if one.calls or one.rejected or one.failed]
    marks = [(one, labels(cmd=one.name.decode())) for one in called]

    def count(name: str, description: str, attribute: str, scale: float = 1) -> Family:
        return Family(
            name, COUNTER, description, [Sample(getattr(one, attribute) * scale, mark) for one, mark in marks]
        )

    yield count("redis_commands_total", "Calls.", "calls")
    yield count("redis_commands_duration_seconds_total", "Seconds that calls took.", "usec", MICROSECOND)
    yield count("redis_commands_rejected_calls_total", "Calls that were refused.", "rejected")
    yield count("redis_commands_failed_calls_total", "Calls that ended in an error.", "failed")
    measured = [(one.latency, mark) for one, mark in marks if one.latency is not None and one.latency.count]
    percentiles = [(p, format_float(p / 100).decode()) for p in state.config["latency-tracking-info-percentiles"]]
    yield Family(
        "redis_latency_percentiles_usec",
        GAUGE,
        "Percentiles of the time that calls took, in microseconds.",
        [
            Sample(latency.percentile(percent), f'{mark},quantile="{quantile}"')
            for latency, mark in measured
            for percent, quantile in percentiles
        ],
    )
    yield Family(
        "redis_commands_latencies_usec",
        HISTOGRAM,
        "Time that calls took, in microseconds.",
        [sample for latency, mark in measured for sample in buckets(latency, label=mark)],
    )


def errors(state: Any) -> Iterator[Family]:
    """Error replies by their codes, and refusals of access control by their reasons."""
    counts = {code.decode("utf-8", "replace"): n for code, n in state.stats.errors.items()}
    yield by_label("redis_errors_total", COUNTER, "Error replies by code.", "err", counts)
    denied = {name: state.acl.log.denied[reason] for name, reason in info.DENIALS.items()}
    yield by_label("redis_acl_access_denied_total", COUNTER, "What access control refused.", "reason", denied)


def expiry(state: Any) -> Iterator[Family]:
    """How late keys went, and how many at once."""
    worker = state.expiry
    yield Family(
        "geventcache_expire_lag_seconds",
        HISTOGRAM,
        "From a key's deadline to its removal.",
        buckets(worker.lags, MILLISECOND),
    )
    yield Family("geventcache_expire_batch_keys", HISTOGRAM, "Keys removed in a batch.", buckets(worker.sizes))
