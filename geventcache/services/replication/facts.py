"""What INFO and ROLE tell of replication."""

from __future__ import annotations

from typing import Any

from geventcache.services.replication.failover import NONE
from geventcache.services.replication.primary import CONNECTED, NEVER, SYNC, Primary
from geventcache.services.replication.replicas import Replica

SECOND_MS = 1000


def role(state: Any) -> list[Any]:
    """The reply of ROLE."""
    replication = state.replication
    primary = replication.primary
    if primary is None:
        replicas = [[one.ip, b"%d" % one.port, b"%d" % one.acknowledged] for one in online(state)]
        return [b"master", replication.position, replicas]
    position = replication.history.position if primary.state == CONNECTED else NEVER
    return [b"slave", primary.host, primary.port, primary.state, position]


def fields(state: Any) -> dict[str, Any]:
    """The fields of INFO replication."""
    replication = state.replication
    primary = replication.primary
    found: dict[str, Any] = {"role": "master" if primary is None else "slave"}
    if primary is not None:
        found.update(fields_of_primary(state, primary))
    return {
        **found,
        "connected_slaves": len(replication.replicas),
        **fields_of_replicas(state),
        "replicas_waiting_psync": 0,
        "master_failover_state": NONE if replication.failover is None else replication.failover.state,
        **fields_of_history(state),
    }


def fields_of_primary(state: Any, primary: Primary) -> dict[str, Any]:
    """What a replica tells of itself."""
    config, history, now_ms = state.config, state.replication.history, state.clock.now_ms
    is_syncing = primary.state == SYNC
    has_heard = primary.state == CONNECTED or is_syncing
    return {
        "master_host": primary.host.decode(errors="replace"),
        "master_port": primary.port,
        "master_link_status": "up" if primary.state == CONNECTED else "down",
        "master_last_io_seconds_ago": (now_ms - primary.heard_ms) // SECOND_MS if has_heard else NEVER,
        "master_sync_in_progress": int(is_syncing),
        "slave_read_repl_offset": history.position,
        "slave_repl_offset": history.position,
        "replicas_repl_buffer_size": 0,
        "replicas_repl_buffer_peak": 0,
        **fields_of_transfer(primary, now_ms),
        **({} if primary.is_up else {"master_link_down_since_seconds": (now_ms - primary.down_ms) // SECOND_MS}),
        "slave_priority": config["replica-priority"],
        "slave_read_only": int(config["replica-read-only"]),
        "replica_announced": int(config["replica-announced"]),
    }


def online(state: Any) -> list[Replica]:
    """The replicas that have the data, and follow."""
    return [one for one in state.replication.replicas.values() if one.is_online]


def fields_of_replicas(state: Any) -> dict[str, Any]:
    """A line for each replica, and how many of them follow closely."""
    now_ms = state.clock.now_ms
    lines: dict[str, Any] = {}
    if state.config["min-replicas-to-write"] and state.config["min-replicas-max-lag"]:
        lines["min_slaves_good_slaves"] = state.replication.good_count()
    for number, one in enumerate(state.replication.replicas.values()):
        lines[f"slave{number}"] = (
            f"ip={one.ip.decode(errors='replace')},port={one.port},state={one.state.decode()},"
            f"offset={one.acknowledged},lag={one.lag_s(now_ms) if one.is_online else 0},type=replica"
        )
    return lines


def fields_of_transfer(primary: Primary, now_ms: int) -> dict[str, Any]:
    """How far the file of the primary has come."""
    transfer = primary.transfer
    if transfer is None:
        return {}
    share = 100 * transfer.received / transfer.total if transfer.total else 0.0
    return {
        "master_sync_total_bytes": transfer.total,
        "master_sync_read_bytes": transfer.received,
        "master_sync_left_bytes": max(transfer.total - transfer.received, NEVER),
        "master_sync_perc": f"{share:.2f}",
        "master_sync_last_io_seconds_ago": (now_ms - primary.heard_ms) // SECOND_MS,
    }


def fields_of_history(state: Any) -> dict[str, Any]:
    """The history and its backlog."""
    history = state.replication.history
    position = state.replication.position
    backlog = history.backlog
    return {
        "master_replid": history.id.decode(),
        "master_replid2": history.second_id.decode(),
        "master_repl_offset": position,
        "second_repl_offset": history.second_end,
        "repl_backlog_active": int(backlog is not None),
        "repl_backlog_size": state.config["repl-backlog-size"],
        "repl_backlog_first_byte_offset": 0 if backlog is None else backlog.start + 1,
        "repl_backlog_histlen": 0 if backlog is None else len(backlog),
    }
