# cython: boundscheck=False, wraparound=False
"""One client's connection: it reads, runs and answers, in the hub or in a greenlet of its own.

The rules:

- A persistent level-triggered watcher says when input is there. It resumes the greenlet only where that waits for input
  (`is_idle`); whatever else it may be waiting for, it cannot be woken in the wrong place.
- While the greenlet waits for input, a turn of requests that never let others in (`Engine.may_wait`) is taken in the
  hub, which spares two switches; for all else the greenlet is switched into.
- A turn reads once, runs what is complete and sends once. A turn that exceeds its budget leaves the rest in `backlog`
  and lets the loop poll: a long pipeline does not hold others up. (`gevent.sleep(0)` would not do: the loop runs
  callbacks before it polls.)
- Connections are served in the order in which their input came (`Arrivals`), and what they are answered briefly is sent
  when all have been.
- While the client is held (blocked, paused), input is still read, into the backlog, so that a client that leaves is
  noticed.
- A client that has said all, or that cannot be told anything any more, or whose server stops, while it waits for the
  upstream: what was read from it is still run, as by a server that never waits (`end_input`), for as long as its Relay
  says.
- All that is sent passes `flush` or `drain`; what the socket does not take waits in the client's outbox for the write
  watcher, and no greenlet waits for it. Only a client that leaves `UNREAD_LIMIT` bytes unread is not read from until it
  has caught up.
- What a turn with effects sends, to whomever, may have to wait until they are in the journal: the server's journal
  keeps it (`withhold`) and gives it back (`let_go`). What the same client is sent after that waits behind it.
"""

from typing import Any

import cython
from gevent import get_hub, getcurrent

from geventcache.base.errors import ProtocolError
from geventcache.engine import runs
from geventcache.engine.effects import Effects
from geventcache.engine.engine import Engine, take_messages
from geventcache.resp.reader import RequestReader
from geventcache.resp.writer import ReplyWriter
from geventcache.server import forks, wire
from geventcache.services.clients import Client

READ = 1
WRITE = 2
TURN_BUDGET_US = 2000
BACKLOG_LIMIT = 1000
UNREAD_LIMIT = 256 * 1024 * 1024
BRIEF_SIZE = 16 * 1024
GATHER_SIZE = 256 * 1024


class Arrivals:
    """The connections whose input one poll found, served in the order in which it came.

    Programs rely on that order: they subscribe on one connection and publish on another without waiting for the
    first reply. libev calls the watchers of one poll in reverse, so these only note their connections; a watcher of the
    lowest priority is called after all of them and serves.

    What each is answered is kept until all have been served, or for as long as one turn may take: who has several of
    the connections is woken once for all replies, rather than for each, and sends what follows together. In pipelines
    of 16, from 50 connections of one process, that spares two switches of three.

    Attributes:
        connections: those that have input.
        is_serving: several are being served.
        answered: those whose replies are kept, of the first one since `since_us`.
    """

    def __init__(self) -> None:
        loop = get_hub().loop
        self.connections: list[Connection] = []
        self.answered: list[Connection] = []
        self.since_us = 0
        self.is_serving = False
        self.is_reversed = "libuv" not in type(loop).__module__
        self.watcher = loop.check(ref=False, priority=loop.MINPRI)
        self.watcher.start(self.serve)

    def serve(self):
        """The watcher's callback, in the hub."""
        connection: Connection
        if self.connections:
            connections = self.connections
            self.connections = []
            if self.is_reversed:
                connections.reverse()
            self.is_serving = len(connections) > 1
            for connection in connections:
                connection.ready()
            self.is_serving = False
            self.send()

    def keep(self, connection, now_us):
        """A connection keeps its replies until those of the others are sent."""
        if not self.answered:
            self.since_us = now_us
        self.answered.append(connection)
        if now_us - self.since_us > TURN_BUDGET_US:
            self.send()

    def send(self):
        """Send the replies that are kept."""
        connection: Connection
        if self.answered:
            connections = self.answered
            self.answered = []
            for connection in connections:
                connection.send_kept()

    def close(self):
        """Serve nobody any more."""
        self.watcher.stop()
        self.watcher.close()


class Connection:
    """A connected client.

    Attributes:
        server: the Server that it belongs to.
        client: its Client.
        tls: its TlsStream, None without TLS.
        backlog: requests that were read but must wait.
        is_idle: the greenlet waits for `ready` or `resume`.
        is_ended: nothing more is read from the client; is_deaf: nor sent to it.
        held: how many pieces of output wait for the journal.
        kept: replies that are sent with those of other connections (see `Arrivals`), before all that is in the outbox.
    """

    def __init__(self, server, sock, client, tls=None) -> None:
        self.server = server
        self.sock = sock
        self.tls = tls
        self.fd = sock.fileno()
        self.client = client
        self.engine = server.engine
        self.reader = server.new_reader()
        client.reader = self.reader
        client.transport = self
        self.buffer = server.buffer
        self.arrivals = server.arrivals
        self.backlog: list[list[bytes]] = []
        self.hub = get_hub()
        self.greenlet = getcurrent()
        self.io = self.hub.loop.io(self.fd, READ)
        self.writable: Any = None
        self.timer: Any = None
        self.sent = 0
        self.held = 0
        self.kept: bytes | None = None
        self.measured_in = 0
        self.is_idle = False
        self.is_reading = False
        self.is_ended = False
        self.is_deaf = False
        self.is_broken = False

    # ------------------------------------------------------------------ the greenlet

    def serve(self):
        """Serve the client until one of both sides ends the connection."""
        self.listen()
        if self.tls is not None:
            self.wake()  # requests may have come with the end of the handshake
        try:
            while not self.is_broken:
                self.wait()
                if not self.turn():
                    break
        except Exception as error:
            self.fail(error)
        finally:
            self.tear_down()

    def fail(self, error):
        """An exception ended a turn of this client: nothing of it stays in the way of others."""
        try:  # noqa: SIM105 (`suppress` is an object that takes memory)
            self.engine.abandon()
        except MemoryError:
            pass
        self.give_up(error)

    def give_up(self, error):
        """After an exception, the client cannot be told all that it should hear: the connection ends."""
        self.break_off()
        self.server.state.on_lost(error, self.client)

    def wait(self):
        """Give the hub control until there is something to do."""
        self.is_idle = True
        wire.switch(self.hub)
        self.is_idle = False

    def arrive(self):
        """The watcher's callback, in the hub: there is input."""
        arrivals: Arrivals = self.arrivals
        arrivals.connections.append(self)

    def ready(self):
        """It is this connection's turn, in the hub: there is input, unless it stopped reading since."""
        if not self.is_reading:
            return
        if not self.is_idle:
            self.stop_reading()
        elif not self.turn_at_once():
            self.arrivals.send()
            wire.switch(self.greenlet)

    def turn_at_once(self):
        """Take a turn in the hub; False if it is the greenlet's, for which what was read is in the backlog then.

        It is where a request may let others in, and where the connection, or what stood in its way, has come to an end.
        """
        if self.client.is_held or self.backlog or self.is_ended or self.timer is not None:
            return False
        try:
            commands = self.pull()
            if commands is None:
                return False
            if commands:
                self.measure(commands)
                if self.engine.may_wait(commands):
                    self.backlog = commands
                    return False
                self.run(commands)
        except Exception as error:
            self.fail(error)
            return True
        reader: RequestReader = self.reader
        return reader.error is None and not reader.overflown and not reader.has_more

    def resume(self):
        """Continue the greenlet, from the hub."""
        if self.is_idle:
            wire.switch(self.greenlet)

    def wake(self):
        """Continue the greenlet, from anywhere, when the running turn is over."""
        self.hub.loop.run_callback(self.resume)

    def go_on(self):
        """The client is held no more: continue the greenlet, if there is anything to do before there is input."""
        if self.backlog or not self.is_reading or self.reader.has_more or self.client.is_closing:
            self.wake()

    def listen(self):
        """Watch for input."""
        if not self.is_reading and not self.is_ended:
            self.is_reading = True
            self.io.start(self.arrive)

    def stop_reading(self):
        """Do not watch for input."""
        if self.is_reading:
            self.is_reading = False
            self.io.stop()

    def turn(self):
        """Something is to do: input, a backlog that may go on, an end. Returns False at the end of the connection."""
        client: Client = self.client
        if self.timer is not None and client.blocked is None:
            self.drop_timer()
        if client.is_closing:
            return self.say_goodbye()
        if self.backlog and not client.is_held:
            commands = self.backlog
            self.backlog = []
        elif self.is_ended:
            commands = []
        else:
            if not self.is_reading and not client.is_held and not self.is_overfull():
                self.listen()
            commands = self.pull()
            if commands is None:
                return self.end_input() or self.goes_on()
            if commands:
                self.measure(commands)
            if client.is_held or self.backlog:
                self.backlog += commands
                if len(self.backlog) > BACKLOG_LIMIT:
                    self.stop_reading()
                return self.check_reader()
        self.run(commands)
        while self.reader.has_more and not client.is_held:
            self.run(self.reader.feed(b"", 0))
        return self.check_reader()

    def measure(self, commands):
        """These requests have arrived: if that took many bytes, some of them may be large ones."""
        if self.client.bytes_in - self.measured_in >= self.engine.large_request:
            self.server.state.on_large_input(self.client, commands)
        self.measured_in = self.client.bytes_in

    def run(self, commands):
        """Run requests until one holds the client or the turn's budget is used up; send the replies."""
        engine: Engine = self.engine
        client: Client = self.client
        done: cython.Py_ssize_t
        if commands:
            engine.begin_turn()
            done = runs.run(engine, client, commands, engine.last_us + TURN_BUDGET_US)
            if client.is_held and (client.postponed or client.is_barred):
                done -= 1
            if done < len(commands):
                self.backlog = commands[done:]
            client.last_active_ms = engine.clock.now_ms
            if client.relay is None or client.relay.end_turn():
                self.flush()
            if client.is_held:
                self.on_hold()
            elif self.backlog:
                self.stop_reading()
                self.server.defer(self)
            elif not self.is_reading and not self.is_overfull():
                self.listen()
        if engine.pushed or engine.chores:
            self.server.end_turn()
        if engine.effects is not None:
            self.end_effects()

    def end_effects(self):
        """Whoever repeats effects is done with the turn."""
        effects: Effects = self.engine.effects
        effects.is_held = False
        if self.client.has_changed:
            self.server.feeding.note_writer(self.client)

    def on_hold(self):
        """The client was held by its command: it blocks for a time, waits for the end of a pause, or closes."""
        client: Client = self.client
        if client.is_closing:
            self.wake()
        elif client.postponed:
            self.server.postpone(self)
        else:
            self.watch_time()

    def watch_time(self):
        """Let a timer wake the client at the end of its blocking command; if the time was moved, by a new one.

        Where time stands still there is none: it passes by hand.
        """
        if self.timer is not None:
            self.drop_timer()
        wait = self.client.blocked
        if wait is None or not wait.timeout_ms or self.engine.clock.is_frozen:
            return
        left_ms: cython.longlong = wait.until_ms - self.engine.clock.now_ms
        self.timer = self.hub.loop.timer(max(left_ms, 0) / 1000)
        self.hub.loop.update_now()
        self.timer.start(self.time_out)

    def drop_timer(self):
        """The blocking command is over."""
        self.timer.stop()
        self.timer.close()
        self.timer = None

    def time_out(self):
        """The time of a blocking command is over; in the hub."""
        try:
            self.drop_timer()
            self.engine.clock.update()
            self.engine.time_out(self.client)
            self.server.end_turn()
        except Exception as error:
            self.fail(error)

    def check_reader(self):
        """After input: False if the reader found what ends the connection, which is told to the client."""
        reader: RequestReader = self.reader
        if reader.error is None and not reader.overflown:
            return not self.is_ended or self.is_busy()
        if self.client.is_held or self.backlog:
            return True  # what was read before it comes first
        if reader.error is not None:
            error: ProtocolError = reader.error
            self.engine.out.error(b"ERR Protocol error: " + error.text)
            self.flush()
        return self.goes_on()

    def end_input(self):
        """No more is read from the client: True if it waits for the upstream, and what it has said is to be run."""
        relay = self.client.relay
        if relay is None or self.client.postponed:
            return False
        if not (self.is_ended or self.backlog or self.reader.has_more or relay.is_busy()):
            return False
        if not self.is_ended:
            self.stop_reading()
            self.is_ended = True
            relay.end_input()
        return True

    def is_busy(self):
        """After the end of the input: False if nobody waits for anything; what can still be sent is sent before."""
        if not self.backlog and not self.client.is_held:
            self.client.close()
            return True
        return not self.client.is_held or self.client.relay.is_busy()

    def goes_on(self):
        """Nothing more is read: does the connection have to wait for what is held?"""
        if not self.held:
            return False
        self.client.close()
        return True

    def say_goodbye(self):
        """The client is to be closed: False as soon as it has got what was meant for it."""
        self.stop_reading()
        self.backlog = []
        self.drain()
        return (self.client.is_congested or self.held > 0) and not self.is_broken

    def tear_down(self):
        """Leave nothing behind."""
        self.is_broken = True
        client: Client = self.client
        client.is_closing = True
        self.is_reading = False
        for watcher in (self.io, self.writable, self.timer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self.writable = None
        self.timer = None
        self.backlog = []
        client.transport = None
        self.kept = None
        client.outbox.clear()
        try:
            self.server.leave(client)
        finally:
            if self.tls is not None:
                self.tls.close()
            self.sock.close()

    def abandon(self, is_own_hub):
        """In a forked process: the connection is the other's, so not a word to the client; its greenlet never goes on.

        Args:
            is_own_hub: the watchers' hub may go on in this process.
        """
        self.is_broken = True
        self.is_idle = False
        self.is_reading = False
        self.tls = None
        if is_own_hub:
            for watcher in (self.io, self.writable, self.timer):
                if watcher is not None:
                    watcher.stop()
                    watcher.close()
        forks.let_go(self.sock)

    # ------------------------------------------------------------------ input

    def pull(self):
        """Read once: the requests that became complete, None at the end of the stream."""
        if self.tls is not None:
            return self.pull_tls()
        return wire.receive(self.fd, self.sock, self.client, self.reader, self.buffer)

    def pull_tls(self):
        """`pull`, through TLS."""
        n: cython.Py_ssize_t = self.tls.receive(self.buffer)
        if n <= 0:
            return [] if n == 0 else None
        if self.tls.is_over:
            self.wake()  # the socket may stay open and silent
        self.client.bytes_in += n
        self.client.reads += 1
        return self.reader.feed(self.buffer, n)

    # ------------------------------------------------------------------ output

    def flush(self):
        """Send the replies of the turn."""
        out: ReplyWriter = self.engine.out
        client: Client = self.client
        if self.is_deaf:
            out.take()
            return
        if self.must_wait():
            data = out.take()
            if data:
                client.bytes_out += len(data)
                self.withhold(data)
            return
        if out.parts is None and not client.outbox and self.tls is None:
            if self.is_idle and self.arrivals.is_serving and 0 < out.size_since(0) < BRIEF_SIZE:
                self.kept = out.take_buffer()
                self.arrivals.keep(self, self.engine.last_us)
                return
            rest: bytes | None = wire.send_replies(self.fd, self.sock, client, out)
            if rest is None:
                self.lose_client()
            elif rest:
                self.put_back(rest)
            return
        for part in out.take_parts():
            client.bytes_out += len(part)
            client.outbox.append(part)
            client.outbox_size += len(part)
        self.drain()

    def send_kept(self):
        """Send the replies that were kept, if they have not gone since. Raises nothing, as `drain`."""
        data = self.kept
        if data is None or self.is_broken:
            return
        self.kept = None
        try:
            size: cython.Py_ssize_t = len(data)
            self.client.bytes_out += size
            n: cython.Py_ssize_t = self.send(data, 0)
            if n < size and not self.is_broken:
                self.put_back(data[n:])
        except Exception as error:
            self.give_up(error)

    def put_back(self, rest):
        """The socket has not taken the rest of what was sent past the outbox: it is the first to go from there."""
        client: Client = self.client
        client.outbox.appendleft(rest)
        client.outbox_size += len(rest)
        self.congest()

    def send(self, data, start):
        """Send data[start:] as far as the socket takes it; return how much that was."""
        n: cython.Py_ssize_t
        self.client.writes += 1
        if self.tls is not None:
            try:
                return self.tls.send(data, start)
            except OSError:
                self.lose_client()
                return 0
        n = wire.send(self.fd, self.sock, data, start)
        if n < 0:
            self.lose_client()
        return max(n, 0)

    def must_wait(self):
        """Is what is to be sent now held back until the journal has the effects of this turn?"""
        if self.held:
            return True
        effects: Effects | None = self.engine.effects
        return effects is not None and effects.is_held and self.server.journaling.writer.holds()

    def withhold(self, data):
        """Let bytes wait for the journal."""
        self.held += 1
        self.client.outbox_size += len(cython.cast(bytes, data))
        self.server.journaling.writer.hold(self, data)
        if self.is_overfull():
            self.stop_reading()

    def let_go(self, data):
        """The journal gives bytes back that were held; in the hub."""
        self.held -= 1
        if self.is_broken:
            return
        self.client.outbox.append(data)
        self.drain()
        if not self.held and (self.client.is_closing or not self.is_reading):
            self.wake()

    def deliver(self):
        """A turn is over that pushed to this client: send it, or hold it back. Raises nothing."""
        try:
            if not self.must_wait():
                self.drain_outbox()
                return
            client: Client = self.client
            client.is_pushed_to = False
            messages = take_messages(client, client.unsent)
            if messages and not self.is_broken:
                self.withhold(b"".join(messages))
        except Exception as error:
            self.give_up(error)

    def drain(self):
        """Send what is in the outbox as far as the socket takes it; the write watcher does the rest.

        Raises nothing, since it may be called for one client amid the turn of another.
        """
        try:
            self.drain_outbox()
        except Exception as error:
            self.give_up(error)

    def drain_outbox(self):
        """`drain`, but it may raise."""
        client: Client = self.client
        outbox = client.outbox
        client.is_pushed_to = False
        if self.is_deaf:
            self.forget_output()
        if self.kept is not None:
            self.send_kept()
        while outbox and not self.is_broken:
            if self.sent == 0 and len(outbox) > 1 and len(outbox[0]) < GATHER_SIZE:
                self.gather()
            data: bytes = outbox[0]
            n: cython.Py_ssize_t = self.send(data, self.sent)
            client.outbox_size -= n
            self.sent += n
            if self.sent < len(data):
                self.congest()
                return
            outbox.popleft()
            self.sent = 0
        if client.is_congested:
            self.decongest()

    def gather(self):
        """Join the first messages of the outbox: one system call for many. They leave it when they are joined."""
        outbox = self.client.outbox
        parts = []
        size: cython.Py_ssize_t = 0
        for part in outbox:
            size += len(part)
            if size > GATHER_SIZE:
                break
            parts.append(part)
        joined = b"".join(parts)
        for _ in range(len(parts) - 1):
            outbox.popleft()
        outbox[0] = joined

    def congest(self):
        """The socket is full: watch for room, and keep to the limits."""
        client: Client = self.client
        client.unsent = len(client.outbox)
        if not client.is_congested and not self.is_broken:
            client.is_congested = True
            if self.writable is None:
                self.writable = self.hub.loop.io(self.fd, WRITE)
            self.writable.start(self.drain_more)
        if self.server.exceeds_output_limit(client):
            self.break_off()
        elif self.is_overfull():
            self.stop_reading()

    def drain_more(self):
        """The write watcher's callback, in the hub."""
        self.drain()

    def decongest(self):
        """All is sent."""
        self.client.is_congested = False
        self.client.unsent = 0
        self.client.soft_since_ms = 0
        self.writable.stop()
        if self.client.peer is not None:
            self.client.peer.on_room()
        if not self.is_reading or self.client.is_closing:
            self.wake()

    def is_overfull(self):
        """Does the client leave too much unread to be read from, or does the journal come too late with its writes?"""
        effects: Effects | None = self.engine.effects
        return self.client.outbox_size > UNREAD_LIMIT or (self.held > 0 and effects is not None and effects.is_behind)

    def lose_client(self):
        """The client takes nothing more: the connection ends, with what it has said still to be run or at once."""
        if self.is_broken or not self.end_input():
            self.break_off()
            return
        self.is_deaf = True
        self.wake()

    def forget_output(self):
        """Nobody takes what was to be sent."""
        self.kept = None
        self.client.outbox.clear()
        self.client.outbox_size = 0
        self.sent = 0

    def break_off(self):
        """The connection cannot go on: end it without another word."""
        if not self.is_broken:
            self.is_broken = True
            self.forget_output()
            self.client.is_closing = True
            self.client.is_held = True
        try:  # noqa: SIM105 (`suppress` is an object that takes memory)
            self.wake()
        except MemoryError:
            pass  # `Cron` calls this again for a client that does not go


def new_buffer():
    """The buffer that all connections of a server receive into."""
    return bytearray(wire.BUFFER_SIZE)
