# cython: boundscheck=False, wraparound=False
"""The engine runs requests: finds the command, asks the gate, calls it, settles, counts, answers, serves who waited.

The rules:

- `perform` is the one place where a command's function runs: for clients, EXEC, scripts and parked requests. Whatever
  that raises, the request, the opened containers and the effects are left as they have to be, and an error is a value.
  (Uncompiled, `runs.run_some` does the same in a line of its own, for calls of which nothing can be special.)
- One `Engine` a server; nothing in it yields, so a command is atomic.
- The reply of the running command goes into `out`, which the connection sends before anything else runs; what others
  receive goes through `Client.push`.
"""

from typing import Any

import cython

from geventcache.base import errors, native
from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError, DefectError
from geventcache.command.effects import Told
from geventcache.command.table import Command
from geventcache.engine.effects import Effects
from geventcache.engine.gate import Gate
from geventcache.resp.values import OK, QUEUED
from geventcache.resp.writer import ReplyWriter, Written
from geventcache.services.clients import REPLY_ON, REPLY_SKIP, REPLY_SKIP_NEXT, Client
from geventcache.services.listeners.waiters import Wait
from geventcache.store.keyspace import Keyspace

OK_LINE = b"+OK\r\n"
CROSS_PROTOCOL = (b"post", b"host:")
INTEGER = 58  # ":", which begins the line of one
MILLISECOND_US = 1000
AHEAD = 16


class Engine:
    """Runs the requests of one server.

    Attributes:
        state: the ServerState.
        out: the ReplyWriter of the running command.
        gate: the questions that are asked before a command runs.
        is_special: the gate must look at every command (the server is paused, limited, monitored, ...).
        upstream: takes requests to where the data are, if that is not here; else None.
        slots: which keys are this server's, if it is one of several shards; else None.
        current: the Client whose command runs, None between commands.
        spelling: the name of the command that began last, as it was sent.
        effects: the Effects that note how to repeat changes, None while nobody takes them.
        slow_us: a command that takes as long or longer is reported to `state.on_slow_command`; kept by the state.
        large_request, large_reply: from how many bytes on they are reported to `state.on_large_input` and
            `state.on_large_reply`; kept by the state.
    """

    def __init__(self, state) -> None:
        self.state = state
        self.clock = state.clock
        self.table = state.table
        self.out = ReplyWriter()
        self.aside = ReplyWriter()
        self.waiters = state.waiters
        self.ready = state.waiters.ready
        self.pushed = state.pushed
        self.chores = state.chores
        self.gate = Gate(state)
        self.is_special = False
        self.slots: Any = None if state.cluster is None else state.cluster.slots
        self.upstream: Any = None
        self.current: Client | None = None
        self.spelling = b""
        self.changes = state.changes
        self.effects: Effects | None = None
        self.mark = 0
        self.last_us = 0
        self.tick_us = 0
        self.slow_us = 0
        self.large_request = 0
        self.large_reply = 0
        state.attach(self)

    def begin_turn(self):
        """Requests will be executed: take the time."""
        self.last_us = monotonic_us()
        self.tick_us = self.last_us + MILLISECOND_US
        self.clock.update_at(self.last_us)

    def may_wait(self, commands):
        """May one of these requests let others in while it runs? Of most commands it is known that they never do."""
        args: list
        last: bytes = b""
        for args in commands:
            name: bytes = args[0]
            if name != last:  # in a pipeline it mostly is
                command: Command | None = self.table.spelled(name)
                if command is None or command.may_wait:
                    return True
                last = name
        return False

    def look_ahead(self, client, commands, start):
        """Fetch what the next requests of a pipeline will look up from memory into the caches, all of it at once.

        Their first keys are sought, and where they go on about one large container the elements that they name or will
        draw: nothing that a client could notice. Returns the index up to which it looked.
        """
        stop: cython.Py_ssize_t = min(start + AHEAD, len(commands))
        keys: list = []
        elements: list = []
        draws: cython.Py_ssize_t = 0
        last: bytes = b""
        i: cython.Py_ssize_t
        args: list
        for i in range(start, stop):
            args = commands[i]
            command: Command = self.table.spelled(args[0])
            if command is not None and 0 < command.first_key < len(args):
                key: bytes = args[command.first_key]
                if key == last:
                    args[command.first_key] = last  # one object is hashed once, and need not be sought again
                else:
                    keys.append(key)
                    last = key
                    elements = []
                    draws = 0
                if 0 < command.element < len(args):
                    elements.append(args[command.element])
                elif command.draws:
                    draws += 1
        if keys:
            db: Keyspace = client.db
            db.ahead(keys, elements, draws)
        return stop

    def execute(self, client, args):
        """Run one request and write its reply to `out`; `args` belongs to the engine from now on.

        A client that must wait afterwards is held (`Client.is_held`): it blocks, or the server is paused and this very
        request was postponed (`Client.postponed`), or it closes.
        """
        out: ReplyWriter = self.out
        command: Command = self.table.spelled(args[0])
        if command is None or command.subcommands is not None:
            command = self.table.find(args)
        out.resp3 = client.resp3
        if command is None or command.handler is None or not command.low <= len(args) <= command.high:
            self.reject(client, args, command)
            return
        client.last_command = command.name
        if client.is_special or self.is_special:
            if not self.admit(client, command, args):
                return
        elif self.slots is not None:
            if self.is_elsewhere(client, command, args):
                return
        elif self.upstream is not None and self.upstream.take(client, command, args):
            return
        self.mark = out.mark()
        client.commands += 1
        self.current = client
        value = self.perform(client, command, args)
        try:
            if type(value) is bytes:
                out.bulk(value)
            elif type(value) is int:
                out.number(INTEGER, value)
            elif value is OK:
                out.raw(OK_LINE)
            elif type(value) is CommandError:
                out.rollback(self.mark)
                self.fail(command, value)
            elif type(value) is Wait:
                self.park(client, command, args, value)
            else:
                out.value(value)
        except Exception as error:
            out.rollback(self.mark)
            self.fail(command, self.defect(command, error))
        self.finish(client, command, args)

    def perform(self, client, command, args):
        """Call a command's function; return its value, or its error as one.

        What it changed is settled then, and noted for those who repeat it.
        """
        effects: Effects | None = self.effects
        db: Keyspace = client.db
        dirty: cython.longlong = self.changes.dirty
        told = None
        depth: cython.Py_ssize_t = 0
        is_defect: cython.bint = False
        self.spelling = args[command.start]
        if effects is not None:
            depth = effects.begin()
        # The client takes the place of the command's name.
        try:
            value = native.invoke(command.handler, args, command.start, client)
            if type(value) is Told:
                told = value
                value = cython.cast(Told, told).value
        except CommandError as error:
            value = error.with_traceback(None)
        except Exception as error:  # a defect of ours, or no memory, must not take the server down for the others
            is_defect = True
            value = self.defect(command, error)
            db.discard()
        if db.opened:
            try:
                db.settle()
            except Exception as error:
                is_defect = True
                value = self.defect(command, error)
        if effects is not None:
            if is_defect:
                effects.doubt()
            if self.changes.dirty != dirty or command.is_noted:
                client.has_changed = True
                effects.note(db.index, command, args, value, told)
            effects.end(depth)
        return value

    def defect(self, command, error):
        """What is answered when a command raised what it must not; not all may have heard of what it changed."""
        self.doubt()
        return CommandError(self.state.on_defect(error, command.name))

    def abandon(self):
        """A turn was ended by an exception: nothing that it left half done stays in the way of others.

        What it had opened is settled. The replies of its client are gone: the connection must end.
        """
        self.out.clear()
        self.aside.clear()
        self.current = None
        self.state.databases.pause_uses(False)
        db: Keyspace
        for db in self.state.databases.existing():
            if db.opened:
                db.discard()
                db.settle()
        if self.effects is not None:
            self.effects.abandon()
        self.doubt()

    def doubt(self):
        """A change may have been made that not all have heard of, because of an exception."""
        self.state.doubt()

    def finish(self, client, command, args):
        """What follows a call: counting, slow commands, clients that waited, messages to the caller itself."""
        now_us: cython.longlong = monotonic_us()
        usec: cython.longlong = now_us - self.last_us
        if client.blocked is None:  # else it is counted when it has its answer
            command.note(usec)
        self.last_us = now_us
        if now_us >= self.tick_us:
            self.tick_us = now_us + MILLISECOND_US
            self.clock.update_at(now_us)
        if usec >= self.slow_us:
            self.state.on_slow_command(client, command, args, usec)
        size: cython.Py_ssize_t = self.out.size_since(self.mark)
        if size >= self.large_reply:
            self.state.on_large_reply(client, command, args, size)
        if client.is_special or self.is_special:
            self.state.after_command(client, command, args)
        if self.ready:
            self.serve_waiters()
        self.current = None
        if client.reply_mode != REPLY_ON and client.blocked is None:
            self.withhold(client)
        if client.is_pushed_to:
            self.follow_up(client)

    def follow_up(self, client):
        """What the turn has sent to its own client (a message that it subscribed to) comes here in the replies."""
        for message in take_messages(client, client.unsent):
            self.out.raw(message)

    def reject(self, client, args, command):
        """Answer a request that names no command, or has too few or too many arguments."""
        if command is None:
            if cython.cast(bytes, args[0]).lower() in CROSS_PROTOCOL:
                self.out.rollback(0)  # a browser was made to talk to us: not a word to it
                client.close()
                return
            text = errors.NO_AUTH if client.needs_auth else errors.unknown_command(args)
        elif client.needs_auth and "no_auth" not in command.declaration.flags:
            text = errors.NO_AUTH
        elif command.handler is None and len(args) > 1:
            text = errors.unknown_subcommand(args[1], command.name)
            command = None
        elif command.declaration.arity < 0 and len(args) > command.high:
            self.overrun(client, command, args)
            return
        else:
            text = errors.wrong_arity(command.name)
        self.refuse(client, command, text)

    def overrun(self, client, command, args):
        """Answer a request that its arity admits but that is longer than the command reads.

        Only the command would find that out: MULTI queues the request, and it counts as a call that failed.
        """
        if client.is_special or self.is_special:
            if not self.admit(client, command, args):
                return
        elif self.slots is not None and self.is_elsewhere(client, command, args):
            return
        command.calls += 1
        command.failed += 1
        text = errors.wrong_arity(command.name)
        self.answer(client, CommandError(text))
        self.state.stats.count_error(text)

    def refuse(self, client, command, text):
        """Answer a command that will not be called."""
        if command is not None:
            command.rejected += 1
            if command.runs_queue:
                self.state.end_transaction(client)
                text = errors.exec_aborted(text)
        if client.queue is not None:
            client.queue_error = True
        self.answer(client, CommandError(text))
        self.state.stats.count_error(text)

    def fail(self, command, error):
        """Answer a command that was called and raised a CommandError."""
        command.failed += 1
        self.out.error(error.text)
        if not error.is_counted:
            self.state.stats.count_error(error.text)

    def admit(self, client, command, args):
        """The gate, for special clients and servers: True if the command is to be called now."""
        text = self.gate.refusal(client, command, args)
        if client.is_pushed_to:
            self.follow_up(client)  # that keys were evicted for the command is told before its reply
        if text is not None:
            self.refuse(client, command, text)
            return False
        if self.state.faults.met and self.state.faults.holds(client):
            return False
        if self.state.is_paused_for(client, command, args):
            client.postponed = True
            client.hold()
            return False
        if client.queue is not None and not command.is_immediate:
            text = None if self.upstream is None else self.upstream.refusal(command)
            if text is not None:
                self.refuse(client, command, text)
                return False
            client.queue.append((command, args))
            self.answer(client, QUEUED)
            return False
        if self.upstream is not None and self.upstream.take(client, command, args):
            return False
        self.state.before_command(client, command, args)
        return True

    def is_elsewhere(self, client, command, args):
        """True if the keys of a request are not this shard's, which is answered."""
        text = self.slots.refusal(client, command, args)
        if text is None:
            return False
        self.refuse(client, command, text)
        return True

    def answer(self, client, value):
        """Answer a command that was not called, unless its client wants no answer."""
        if client.reply_mode == REPLY_ON:
            self.out.value(value)
        else:
            self.pass_over(client)

    def withhold(self, client):
        """Take the reply back, as CLIENT REPLY asks."""
        self.out.rollback(self.mark)
        self.pass_over(client)

    def cut_reply(self, leaves_half):
        """Take the reply back that was written last, or the second half of it: a test has asked for that."""
        out: ReplyWriter = self.out
        size: cython.Py_ssize_t = out.size_since(self.mark)
        written: bytes = out.take()
        out.raw(written[: len(written) - (size + 1) // 2 if leaves_half else len(written) - size])

    def pass_over(self, client):
        """One reply was not sent."""
        if client.reply_mode == REPLY_SKIP_NEXT:
            client.reply_mode = REPLY_SKIP
        elif client.reply_mode == REPLY_SKIP:
            client.reply_mode = REPLY_ON
            client.review()

    # ------------------------------------------------------------------ calls inside a command

    def call(self, client, command, args):
        """Call a command for a script; return its value.

        The caller has asked whether it may run, and the number of arguments has been checked, but for too many of them.

        Raises:
            CommandError: the command's own.
        """
        value: Any = self.call_within(client, command, args)
        if type(value) is CommandError:
            raise value
        return value

    def call_as(self, caller, client, command, args):
        """Call a command for the server itself; meanwhile `caller` is the client whose command runs. See `call`."""
        current, self.current = self.current, caller
        try:
            return self.call(client, command, args)
        finally:
            self.current = current

    def call_within(self, client, command, args):
        """Call a command for EXEC or a script, and count the call; return its value, or its error as one."""
        started_us: cython.longlong = monotonic_us()
        if self.is_special:
            self.state.before_command(client, command, args)
        if len(args) > command.high:
            value: Any = CommandError(errors.wrong_arity(command.name))
        else:
            value = self.plain(command, self.perform(client, command, args))
        usec: cython.longlong = monotonic_us() - started_us
        command.note(usec)
        if type(value) is CommandError:
            command.failed += 1
            if not value.is_counted:
                self.state.stats.count_error(value.text)
                value.is_counted = True
        if usec >= self.slow_us:
            self.state.on_slow_command(client, command, args, usec)
        if client.tracking is not None or self.is_special:
            self.state.after_command(client, command, args)
        return value.denied_reply if type(value) is Wait else value

    def plain(self, command, value):
        """The value of a command, which may be used after others have run."""
        if not isinstance(value, Written):
            return value
        try:
            return cython.cast(Written, value).plain()
        except Exception as error:
            return self.defect(command, error)

    def run_queue(self, client, queue):
        """Run the requests that MULTI queued and write an array of their values; a failed one's is its error.

        Each value is written before the next request runs: that may change it, or the protocol.
        """
        out: ReplyWriter = self.out
        mark: cython.Py_ssize_t = out.mark()
        out.array_header(len(queue))
        client.is_in_exec = True
        questions: tuple = self.gate.of_queue()
        try:
            for command, args in queue:
                value = self.value_of(client, command, args, questions)
                out.resp3 = client.resp3
                out.value(value)
                size: cython.Py_ssize_t = out.size_since(mark)
                mark = out.mark()
                if size >= self.large_reply:
                    self.state.on_large_reply(client, command, args, size)
        finally:
            client.is_in_exec = False

    def value_of(self, client, command, args, questions):
        """The value of a queued request, its error as a value."""
        for ask in questions:
            text = ask(self.state, client, command, args)
            if text is not None:
                cython.cast(Command, command).rejected += 1
                self.state.stats.count_error(text)
                return CommandError(text)
        return self.call_within(client, command, args)

    # ------------------------------------------------------------------ blocked clients

    def park(self, client, command, args, wait):
        """The command waits."""
        if wait.args is None:
            wait.args = args
        wait.command = command
        if wait.timeout_ms:
            wait.until_ms = self.clock.now_ms + wait.timeout_ms
        self.waiters.park(client, wait)

    def serve_waiters(self):
        """Run the parked commands whose keys became ready: key by key, first come first served."""
        ready: dict = self.ready
        while ready:
            place = next(iter(ready))
            clients = self.waiters.at(place)
            del ready[place]
            for client in clients:
                wait = client.blocked
                if wait is None or client.is_closing:
                    continue
                value = place[0].find(place[1])
                if value is None and not self.waiters.keyless:
                    break  # a thousand clients may wait for the one element that the first of them got
                is_fit: cython.bint = value is not None and (wait.kind is None or type(value) is wait.kind)
                if is_fit or wait.wakes_without_key:
                    try:
                        self.retry(client, wait)
                    except Exception as error:  # the clients behind it, and the one that runs now, go on
                        self.lose(client, error)

    def retry(self, client, wait):
        """Run a parked command again, if the gate still lets it pass; answer it unless it still has to wait."""
        command: Command = wait.command
        text = self.gate.refusal(client, command, wait.args) if client.is_special or self.is_special else None
        if text is not None:
            command.rejected += 1
            self.state.stats.count_error(text)
            self.release(client, CommandError(text))
            return
        started_us: cython.longlong = monotonic_us()
        if client.no_touch:
            self.state.databases.pause_uses(True)
        sent: cython.Py_ssize_t = len(client.outbox)
        caller = self.current
        self.current = client
        value = self.perform(client, command, wait.args)
        self.current = caller
        if client.no_touch:
            self.state.databases.pause_uses(False)
        command.usec += monotonic_us() - started_us
        if type(value) is Wait:
            self.waiters.requeue(client)
            return
        if client.tracking is not None:
            self.state.tracking.after_command(client, command, wait.args)
        messages = take_messages(client, sent)
        self.unblock(client, value)
        for message in messages:  # what it did to its own client follows the reply
            client.push(message)

    def unblock(self, client, value):
        """The call of a parked client ends with `value`: it is counted and answered, and the client goes on."""
        command: Command = client.blocked.command
        self.release(client, value)
        command.calls += 1
        if type(value) is CommandError:
            command.failed += 1
            self.state.stats.count_error(value.text)
        if self.is_special:
            self.state.faults.after_wait(client)

    def release(self, client, value):
        """Answer a parked client with `value`; it goes on."""
        self.waiters.release(client)
        if client.tracking is not None:
            client.tracking.is_caching = False
        if client.reply_mode == REPLY_ON:
            self.send(client, value)
        else:
            self.pass_over(client)
        if client.transport is not None:
            client.transport.wake()

    def time_out(self, client):
        """A parked client's time is over."""
        if client.blocked is not None:
            self.unblock(client, client.blocked.timeout_reply)

    def send(self, client, value):
        """Send a value to a client outside of its own turn; a client that cannot be told loses its connection."""
        aside: ReplyWriter = self.aside
        aside.resp3 = client.resp3
        try:
            aside.value(value)
            client.push(aside.take())
        except Exception as error:
            self.lose(client, error)

    def lose(self, client, error):
        """A client waits for what it will not get, because of an exception: its connection ends."""
        self.aside.clear()
        self.waiters.release(client)
        self.state.on_defect(error, client.last_command)
        if client.transport is not None:
            client.transport.break_off()

    # ------------------------------------------------------------------ effects

    def add_sink(self, sink):
        """Give `sink` the effects of all that happens from now on; to be called between two units."""
        effects: Any = self.effects or Effects(self.clock, self.changes)
        effects.sinks.append(sink)
        self.effects = effects
        self.changes.on_lost = effects.lost

    def remove_sink(self, sink):
        """Give `sink` nothing more; to be called between two units."""
        effects: Any = self.effects
        effects.sinks.remove(sink)
        if not effects.sinks:
            self.effects = self.changes.on_lost = None

    def begin_anew(self):
        """All data have been exchanged for others, which no requests tell of; to be called between two units."""
        effects: Any = self.effects
        if effects is not None:
            for sink in effects.sinks:
                sink.begin_anew()

    def replay(self, client, calls):
        """Carry out requests of another server, (command, request) each, as one unit; return those that failed.

        It decides what is over, so the clock stands still meanwhile. The numbers of arguments have been checked.

        Returns: (command, its error) of each of them.

        Raises:
            DefectError: one was not carried out, or only half, though it was there.
        """
        effects: Effects | None = self.effects
        failed: list = []
        depth: cython.Py_ssize_t = 0
        client.is_repeating = True
        self.state.is_in_doubt = False
        self.clock.stand_still()
        try:
            if effects is not None:
                depth = effects.begin()
            for command, args in calls:
                value = self.call_within(client, command, args)
                if type(value) is CommandError:
                    failed.append((command, value))
            if effects is not None:
                effects.end(depth)
        finally:
            self.clock.go_on()
        if self.state.is_in_doubt:
            raise DefectError("a request was not carried out, for want of memory or by a defect: the data may differ")
        return failed

    def mute(self):
        """What happens from now on has no effects: it is loaded from where they are already. To be ended by `unmute`.

        Of the command that does this, effects are noted even so.
        """
        effects, self.effects, self.changes.on_lost = self.effects, None, None
        return effects

    def unmute(self, effects):
        """What happens has effects again, for those that `mute` returned."""
        self.effects = effects
        self.changes.on_lost = effects.lost if effects is not None else None

    # ------------------------------------------------------------------ a command that lets others in

    def set_aside(self):
        """Amid a command, before others run: take its half of the reply and of everything else out of their way."""
        written = ReplyWriter()
        kept = (written, self.mark, self.current, self.last_us, self.clock.now_ms, dict(self.ready))
        self.out.exchange(written)
        self.ready.clear()
        return kept

    def put_back(self, kept):
        """The command goes on, at the time at which it began, with what `set_aside` returned."""
        written, self.mark, self.current, self.last_us, self.clock.now_ms, ready = kept
        self.out.exchange(written)
        for place in ready:
            self.ready[place] = None


def take_messages(client, count):
    """Take back what was pushed to a client, but for the first `count` messages of its outbox; in their order."""
    messages = [client.outbox.pop() for _ in range(len(client.outbox) - count)]
    messages.reverse()
    client.outbox_size -= sum(map(len, messages))
    return messages
