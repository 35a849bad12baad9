"""May this command run now? One pure function, the same for clients, EXEC and scripts.

`refusal` is asked only when something is special about the client or the server; the common case costs one test. The
order of the questions is the reference's: a client sees the same error when several apply.
"""

from __future__ import annotations

from geventcache.base import errors


def refusal(state, client, command, args):
    """The error text that refuses the command, or None.

    Args:
        state: the ServerState.
        client: the Client that calls.
        command: the Command, which exists and has a proper number of arguments.
        args: the request.
    """
    declaration = command.declaration
    if client.needs_auth and "no_auth" not in declaration.flags:
        return errors.NO_AUTH
    if client.queue is not None and "no_multi" in declaration.flags:
        return errors.not_in_transaction(declaration.wire_name)
    if client.access is not None:
        text = client.access.refusal(client, command, args)
        if text is not None:
            return text
    if state.cluster is not None:
        text = state.cluster.slots.refusal(client, command, args)
        if text is not None:
            return text
    if client.is_monitor and (command.may_write or "readonly" in declaration.flags):
        return errors.MONITOR_READS
    if needs_memory(client, command) and state.is_out_of_memory(client.db):
        return errors.OUT_OF_MEMORY
    if state.snapshots.stops_writes() and writes(client, command):
        return errors.NOT_SAVED
    if not client.resp3 and "subscriber" not in declaration.traits and client.subscription_count():
        return (
            b"ERR Can't execute '%b': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
            b"are allowed in this context" % declaration.wire_name
        )
    if state.snapshots.is_loading and "loading" not in declaration.flags:
        return errors.LOADING
    if state.scripting.is_busy and "allow_busy" not in declaration.flags:
        return state.scripting.busy_error()
    return None


def writes(client, command):
    """True for a command that changes keys, and for an EXEC of such a one."""
    if command.runs_queue:
        return any("write" in queued.declaration.flags for queued, _ in client.queue or ())
    return "write" in command.declaration.flags


def needs_memory(client, command):
    """True for a command that maxmemory may refuse, and for an EXEC of such a one."""
    if command.runs_queue:
        return any(queued.is_denied_oom for queued, _ in client.queue or ())
    return command.is_denied_oom
