# cython: boundscheck=False, wraparound=False
"""The engine runs requests: finds the command, asks the gate, calls it, settles, counts, answers, serves who waited.

One `Engine` a server; nothing in it yields, so a command is atomic. The reply of the running command goes into `out`, which the
connection sends before anything else runs; what others receive goes through `Client.push`.
"""

import cython

from geventcache.base import errors
from geventcache.base.clock import Clock, monotonic_us
from geventcache.base.errors import CommandError
from geventcache.command.table import Command, CommandTable
from geventcache.engine.gate import refusal
from geventcache.resp.values import OK, QUEUED
from geventcache.resp.writer import ReplyWriter
from geventcache.services.clients import REPLY_ON, REPLY_SKIP, REPLY_SKIP_NEXT, Client
from geventcache.services.waiters import Wait
from geventcache.store.keyspace import Keyspace

OK_LINE = b"+OK\r\n"
CROSS_PROTOCOL = (b"post", b"host:")
MILLISECOND_US = 1000
NO_LIMIT_US = 1 << 62

if not cython.compiled:

    def invoke(handler, args, start):
        """Call `handler` with the items of `args` from `start` on."""
        return handler(*args[start:]) if start else handler(*args)


class Engine:
    """Runs the requests of one server.

    Attributes:
        state: the ServerState.
        out: the ReplyWriter of the running command.
        is_special: the gate must look at every command (the server is paused, limited, monitored, ...).
        current: the Client whose command runs, None between commands.
        slow_us: a command that takes as long or longer is reported to `state.on_slow_command`.
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
        self.is_special = False
        self.current = None
        self.mark = 0
        self.slow_us = NO_LIMIT_US
        self.last_us = 0
        self.tick_us = 0
        state.engine = self

    def begin_turn(self):
        """Requests will be executed: take the time."""
        self.last_us = monotonic_us()
        self.tick_us = self.last_us + MILLISECOND_US
        self.clock.update()

    def execute(self, client, args):
        """Run one request and write its reply to `out`; `args` belongs to the engine from now on.

        A client that must wait afterwards is held (`Client.is_held`): it blocks, or the server is paused and this very request was
        postponed (`Client.postponed`), or it closes.
        """
        out: ReplyWriter = self.out
        name = args[0]
        command: Command = self.table.by_spelling.get(name)
        if command is None or command.subcommands is not None:
            command = self.table.find(args)
        out.resp3 = client.resp3
        if command is None or command.handler is None or not command.low <= len(args) <= command.high:
            self.reject(client, args, command)
            return
        if (client.is_special or self.is_special) and not self.admit(client, command, args):
            return
        self.mark = out.mark()
        client.commands += 1
        self.current = client
        db: Keyspace = client.db
        args[command.start] = client
        try:
            value = invoke(command.handler, args, command.start)
        except CommandError as error:
            self.fail(command, error.text)
        except Exception as error:  # a defect of ours must not take the server down for the others
            self.fail(command, self.state.on_defect(error, command.name))
        else:
            if type(value) is bytes:
                out.bulk(value)
            elif value is OK:
                out.raw(OK_LINE)
            elif type(value) is Wait:
                self.park(client, command, args, name, value)
            else:
                out.value(value)
        if db.edits:
            db.settle()
        self.finish(client, command, args, name)

    def finish(self, client, command, args, name):
        """What follows a call: counting, slow commands, clients that waited, messages to the caller itself."""
        now_us: cython.longlong = monotonic_us()
        usec: cython.longlong = now_us - self.last_us
        command.calls += 1
        command.usec += usec
        self.last_us = now_us
        if now_us >= self.tick_us:
            self.tick_us = now_us + MILLISECOND_US
            self.clock.update()
        if usec >= self.slow_us:
            args[command.start] = name
            self.state.on_slow_command(client, command, args, usec)
        if self.ready:
            self.serve_waiters()
        self.current = None
        if client.is_pushed_to and not client.is_congested:
            # What the command sent to its own caller (a message it subscribed to) follows the reply at once.
            while client.outbox:
                self.out.raw(client.outbox.popleft())
            client.outbox_size = 0
        if client.reply_mode != REPLY_ON:
            self.withhold(client)

    def reject(self, client, args, command):
        """Answer a request that names no command, or has too few or too many arguments."""
        if command is None:
            if cython.cast(bytes, args[0]).lower() in CROSS_PROTOCOL:
                client.close()  # a browser was made to talk to us: not a word to it
                return
            text = errors.unknown_command(args)
        elif command.handler is None and len(args) > 1:
            text = errors.unknown_subcommand(args[1], command.name)
        else:
            text = errors.wrong_arity(command.name)
        self.refuse(client, command, text)

    def refuse(self, client, command, text):
        """Answer a command that will not be called."""
        if command is not None:
            command.rejected += 1
        if client.queue is not None:
            client.queue_error = True
        self.out.error(text)
        self.state.stats.count_error(text)

    def fail(self, command, text):
        """Answer a command that was called and raised."""
        command.failed += 1
        self.out.error(text)
        self.state.stats.count_error(text)

    def admit(self, client, command, args):
        """The gate, for special clients and servers: True if the command is to be called now."""
        text = refusal(self.state, client, command, args)
        if text is not None:
            self.refuse(client, command, text)
            return False
        if self.state.is_paused_for(client, command):
            client.postponed = True
            client.hold()
            return False
        if client.queue is not None and not command.is_immediate:
            client.queue.append((command, args))
            self.out.value(QUEUED)
            return False
        self.state.before_command(client, command, args)
        return True

    def withhold(self, client):
        """Take the reply back, as CLIENT REPLY asks."""
        self.out.rollback(self.mark)
        if client.reply_mode == REPLY_SKIP_NEXT:
            client.reply_mode = REPLY_SKIP
        elif client.reply_mode == REPLY_SKIP:
            client.reply_mode = REPLY_ON
            client.review()

    # ------------------------------------------------------------------ calls inside a command

    def call(self, client, command, args):
        """Call a command for EXEC or a script: settled and counted, its value returned.

        Raises:
            CommandError: the command's own.
        """
        db: Keyspace = client.db
        started_us: cython.longlong = monotonic_us()
        args[command.start] = client
        command.calls += 1
        try:
            value = invoke(command.handler, args, command.start)
        except CommandError as error:
            command.failed += 1
            self.state.stats.count_error(error.text)
            raise
        finally:
            if db.edits:
                db.settle()
            command.usec += monotonic_us() - started_us
        return value.timeout_reply if type(value) is Wait else value

    def run_queue(self, client):
        """The values of the requests that MULTI queued; a failed one's is its error."""
        values = []
        queue = client.queue
        client.queue = None
        client.is_in_exec = True
        try:
            for command, args in queue:
                values.append(self.value_of(client, command, args))
        finally:
            client.is_in_exec = False
        return values

    def value_of(self, client, command, args):
        """The value of a queued request, its error as a value."""
        text = refusal(self.state, client, command, args)
        if text is not None:
            command.rejected += 1
            self.state.stats.count_error(text)
            return CommandError(text)
        try:
            return self.call(client, command, args)
        except CommandError as error:
            return error
        except Exception as error:
            return CommandError(self.state.on_defect(error, command.name))

    # ------------------------------------------------------------------ blocked clients

    def park(self, client, command, args, name, wait):
        """The command waits; inside a transaction or a script it gets what it would get after its timeout."""
        if client.is_in_exec or client.is_script:
            self.out.value(wait.timeout_reply)
            return
        if wait.args is None:
            args[command.start] = name
            wait.args = args
        wait.command = command
        self.waiters.park(client, wait)

    def serve_waiters(self):
        """Run the parked commands whose keys became ready: key by key, first come first served."""
        ready: dict = self.ready
        while ready:
            place = next(iter(ready))
            del ready[place]
            for client in list(self.waiters.by_key.get(place, ())):
                wait = client.blocked
                if wait is None or place not in self.waiters.by_key:
                    continue
                value = place[0].find(place[1])
                if wait.wakes_without_key or (value is not None and wait.kind in (None, type(value))):
                    self.retry(client, wait)

    def retry(self, client, wait):
        """Run a parked command again; answer it unless it still has to wait."""
        command: Command = wait.command
        args = list(wait.args)
        args[command.start] = client
        try:
            value = invoke(command.handler, args, command.start)
        except CommandError as error:
            command.failed += 1
            self.state.stats.count_error(error.text)
            value = error
        except Exception as error:
            value = CommandError(self.state.on_defect(error, command.name))
        db: Keyspace = client.db
        if db.edits:
            db.settle()
        if type(value) is not Wait:
            self.unblock(client, value)

    def unblock(self, client, value):
        """Answer a parked client with `value`; it goes on."""
        self.waiters.release(client)
        self.send(client, value)
        if client.transport is not None:
            client.transport.wake()

    def time_out(self, client):
        """A parked client's time is over."""
        if client.blocked is not None:
            self.unblock(client, client.blocked.timeout_reply)

    def send(self, client, value):
        """Send a value to a client outside of its own turn."""
        self.aside.resp3 = client.resp3
        self.aside.value(value)
        client.push(self.aside.take())
