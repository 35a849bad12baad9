"""May this command run now? One table of questions, for clients, EXEC and scripts.

The rules:

- A question is a function of the state, the client, the command and the request: the error text that refuses it, or
  None. The order of `QUESTIONS` is the reference's: a client sees the same error when several apply.
- It is asked in some of four contexts:
  - CLIENT: a request of a client; of EXEC, also for what it will run.
  - QUEUED: one that MULTI had queued, when EXEC runs it: asked again is what may have changed since.
  - SCRIPT: a script or a function that is about to begin. Its Run stands in the place of the command: one that declares
    its flags is judged as a command with these flags, before it has done anything.
  - CALL: a command of a script, whose client is the script's.
- A question that depends on the server (`applies`) is asked only while that is so. One such of CLIENT makes the engine
  ask the gate about every command; while there is none, and nothing is special about the client (`Client.review`), the
  gate is one comparison. Whoever changes what `applies` looks at calls `ServerState.review`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from geventcache.base import errors
from geventcache.services.shards.slots import NO_SLOT

CLIENT = 1
QUEUED = 2
SCRIPT = 4
CALL = 8

ACL_FAILURE = b"ERR ACL failure in script: "
NO_CLUSTER = b"ERR Can not run script on cluster, 'no-cluster' flag is set."
RO_REFUSED = b"ERR Can not execute a script with write flag using *_ro command."
WRITE_REFUSED = b"ERR Write commands are not allowed from read-only scripts."
OOM_REFUSED = b"OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
FOREIGN_KEY = b"ERR Attempted to access a non local key in a cluster node"
OTHER_SLOT = b"ERR Script attempted to access keys that do not hash to the same slot"
STALE_CALL = b"ERR Can not execute the command on a stale replica"
SUBSCRIBED = (
    b"ERR Can't execute '%b': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
)

Ask = Callable[[Any, Any, Any, list[bytes]], "bytes | None"]


class Question(NamedTuple):
    """One reason to refuse a command.

    Attributes:
        ask: the error text that refuses it, or None.
        contexts: in which it is asked, added up.
        applies: whether it has to be asked at all, by the state; None if only the client or the command can tell.
    """

    ask: Ask
    contexts: int
    applies: Callable[[Any], bool] | None = None


class Gate:
    """The questions of one server that have to be asked now.

    Attributes:
        of_clients: those about requests of clients.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.of_clients: tuple[Ask, ...] = ()

    def review(self) -> bool:
        """Find out anew what has to be asked; return whether it has to be of every client."""
        self.of_clients = self.questions(CLIENT)
        return any(one.applies(self.state) for one in QUESTIONS if one.applies is not None and one.contexts & CLIENT)

    def questions(self, context: int) -> tuple[Ask, ...]:
        """What has to be asked now in a context."""
        return tuple(
            one.ask for one in QUESTIONS if one.contexts & context and (one.applies is None or one.applies(self.state))
        )

    def refusal(self, client: Any, command: Any, args: list[bytes]) -> bytes | None:
        """The error text that refuses a client's request, or None.

        Args:
            client: the Client that calls.
            command: the Command, which exists and has a proper number of arguments.
            args: the request.
        """
        for ask in self.of_clients:
            text = ask(self.state, client, command, args)
            if text is not None:
                return text
        return None

    def script_refusal(self, caller: Any, run: Any) -> bytes | None:
        """The error text that refuses a script or a function that a client wants to run, or None."""
        for ask in self.questions(SCRIPT):
            text = ask(self.state, caller, run, [])
            if text is not None:
                return text
        return None

    def of_queue(self) -> tuple[Ask, ...]:
        """What has to be asked of the requests that EXEC is about to run."""
        return self.questions(QUEUED)

    def of_script(self) -> tuple[Ask, ...]:
        """What has to be asked of the commands of the script that is about to begin."""
        return self.questions(CALL)


# ---------------------------------------------------------------------- who asks


def authentication(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """A client has to authenticate first."""
    return errors.NO_AUTH if client.needs_auth and "no_auth" not in command.declaration.flags else None


def rights(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Its user must be allowed the command, its keys and its channels."""
    return None if client.access is None else client.access.refusal(client, command, args)


def call_rights(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """`rights` of the caller of a script."""
    text = rights(state, client, command, args)
    return None if text is None else ACL_FAILURE + text.removeprefix(b"NOPERM ")


# ---------------------------------------------------------------------- what state the client is in


def transaction(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Some commands are not for MULTI."""
    if client.queue is not None and "no_multi" in command.declaration.flags:
        return errors.not_in_transaction(command.name)
    return None


def is_about_keys(command: Any) -> bool:
    """Does it read or write data?"""
    return bool(command.may_write) or "readonly" in command.declaration.flags


def monitor(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Who watches the commands of others has none of its own."""
    return errors.REPLICA_AND_KEYS if client.is_monitor and is_about_keys(command) else None


def replica(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """A replica's connection is for the stream: one that asks for keys has lost its way, and is closed."""
    if client.peer is None or client.peer.client_type != b"replica" or not is_about_keys(command):
        return None
    client.transport.break_off()
    return errors.REPLICA_AND_KEYS


def subscriber(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """In RESP2, a message could not be told from a reply."""
    if client.resp3 or not client.subscription_count() or "subscriber" in command.declaration.traits:
        return None
    return SUBSCRIBED % command.name


# ---------------------------------------------------------------------- whose keys


def slot(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Keys have to be this server's, if it is one of several."""
    return None if state.cluster is None else state.cluster.slots.refusal(client, command, args)


def script_cluster(state: Any, client: Any, run: Any, args: list[bytes]) -> bytes | None:
    """A script may say that it is not for one of several servers."""
    return NO_CLUSTER if run.rules.is_alone else None


def call_slot(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """`slot` of a script's command; a script that keeps to one slot may use no keys of others."""
    slots = state.cluster.slots
    found = slots.slot_of_request(command, args)
    if found == NO_SLOT:
        return None
    if not slots.owns(found):
        return FOREIGN_KEY
    run = state.scripting.running
    if run.keeps_slot and run.slot not in (NO_SLOT, found):
        return OTHER_SLOT
    run.slot = found
    return None


# ---------------------------------------------------------------------- may anything be changed


def script_reading(state: Any, client: Any, run: Any, args: list[bytes]) -> bytes | None:
    """A script that declares that it writes is not for EVAL_RO and its kin."""
    return RO_REFUSED if run.is_write and run.is_read_only else None


def call_reading(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """A script that only reads changes nothing."""
    return WRITE_REFUSED if command.may_write else None


def saving(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Nothing is changed while it could not be saved, where a setting says so."""
    return errors.NOT_SAVED if writes(state, client, command) else None


def health(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Whoever probes the server hears that it cannot save, or cannot write its journal."""
    if "health" not in command.declaration.traits:
        return None
    return errors.NOT_SAVED if state.snapshots.stops_writes() else errors.journal_failed(state.journal.error)


def journal(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Nothing is changed while the journal cannot be written."""
    return errors.journal_failed(state.journal.error) if writes(state, client, command) else None


def memory(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """What needs memory is refused if no room can be made for it. Evicts."""
    is_needed = command.is_denied_oom
    if command.runs_queue:
        is_needed = any(one.is_denied_oom for one, _ in client.queue or ())
    return errors.OUT_OF_MEMORY if is_needed and state.is_out_of_memory(client.db) else None


def script_memory(state: Any, client: Any, run: Any, args: list[bytes]) -> bytes | None:
    """`memory` of a script that declares that it writes."""
    if not run.is_denied_oom or not run.is_out_of_memory:
        return None
    return OOM_REFUSED if client.is_in_exec else errors.OUT_OF_MEMORY


def call_memory(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """`memory` of a script's command, as it was found when the script began; one that has begun to write goes on."""
    return errors.OUT_OF_MEMORY if command.is_denied_oom and not state.scripting.running.has_written else None


def writes(state: Any, client: Any, command: Any) -> bool:
    """Does a command change keys, or an EXEC of such a one, or a script that declares so?

    A command of a script that has begun to write does not count: half of the changes would be missing.
    """
    if command.is_write:
        return not client.is_script or not state.scripting.running.has_written
    return command.runs_queue and any(one.is_write for one, _ in client.queue or ())


def replicas(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Nothing is changed while too few replicas follow closely, where a setting says so."""
    return errors.NO_REPLICAS if writes(state, client, command) else None


def following(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """Nobody but the primary changes a replica that is read-only."""
    return errors.READ_ONLY_REPLICA if writes(state, client, command) else None


# ---------------------------------------------------------------------- may the data be shown


def staleness(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """What the primary has not told for long is not shown, where a setting says so."""
    is_meant = "stale" in command.declaration.flags
    if command.runs_queue:
        is_meant = all("stale" in one.declaration.flags for one, _ in client.queue or ())
    return None if is_meant else errors.PRIMARY_DOWN


def script_staleness(state: Any, client: Any, run: Any, args: list[bytes]) -> bytes | None:
    """`staleness` of a script, which may say that it is meant for that."""
    return None if run.rules.allows_stale else errors.PRIMARY_DOWN


def call_staleness(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """`staleness` of a command of such a script."""
    return None if "stale" in command.declaration.flags else STALE_CALL


# ---------------------------------------------------------------------- what the server is doing


def loading(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """The data is not there yet."""
    return None if "loading" in command.declaration.flags else errors.LOADING


def busy(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """A script runs for long, and lets in only who may end it."""
    return None if "allow_busy" in command.declaration.flags else state.scripting.busy_error()


def fault(state: Any, client: Any, command: Any, args: list[bytes]) -> bytes | None:
    """A test may have asked for an error; what else it has asked for is noted, and happens later."""
    text: bytes | None = state.faults.meet(client, command, args)
    return text


# ---------------------------------------------------------------------- the table


def is_shard(state: Any) -> bool:
    """Is the server one of several, each with its own keys?"""
    return state.cluster is not None


QUESTIONS = (
    Question(authentication, CLIENT),
    Question(transaction, CLIENT),
    Question(rights, CLIENT | QUEUED),
    Question(call_rights, CALL, lambda state: state.scripting.client.access is not None),
    Question(script_cluster, SCRIPT, is_shard),
    Question(script_staleness, SCRIPT, lambda state: state.replication.is_cut_off),
    Question(call_staleness, CALL, lambda state: state.replication.is_cut_off),
    Question(call_reading, CALL, lambda state: state.scripting.running.is_read_only),
    Question(slot, CLIENT),
    Question(monitor, CLIENT),
    Question(replica, CLIENT),
    Question(memory, CLIENT, lambda state: state.memory_limit.is_pressed),
    Question(saving, CLIENT | SCRIPT | CALL, lambda state: state.snapshots.stops_writes()),
    Question(health, CLIENT, lambda state: state.snapshots.stops_writes() or bool(state.journal.error)),
    Question(replicas, CLIENT | SCRIPT | CALL, lambda state: state.replication.is_short),
    Question(journal, CLIENT | SCRIPT | CALL, lambda state: bool(state.journal.error)),
    Question(script_reading, SCRIPT),
    Question(following, CLIENT | SCRIPT | CALL, lambda state: state.replication.refuses_writes),
    Question(script_memory, SCRIPT),
    Question(call_memory, CALL, lambda state: state.scripting.running.lacks_memory()),
    Question(call_slot, CALL, is_shard),
    Question(subscriber, CLIENT),
    Question(staleness, CLIENT, lambda state: state.replication.is_cut_off),
    Question(loading, CLIENT, lambda state: state.snapshots.is_loading),
    Question(busy, CLIENT, lambda state: state.scripting.is_busy),
    Question(fault, CLIENT, lambda state: bool(state.faults)),
)
