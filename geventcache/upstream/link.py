"""A connection to one server of the upstream, which many requests share.

The rules:

- What is asked in one turn of the loop is sent in one write; replies come in the order of the requests.
- Whoever asks is called when the replies are there. Nobody waits here but the greenlet that reads.
- A link that is lost says so before anything else happens (`on_lost`): what was kept because of it is dropped first. It
  then gives back what it had not answered, each with whether it was sent.
- From time to time the server is asked for a sign of life, busy or not: it tells whether it still has its cluster, and
  of which age that is. Nothing is heard though something is owed, for longer than `timeout_us`: the link is lost.
"""

from __future__ import annotations

import contextlib
import socket as plain_socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent import get_hub, socket

from geventcache.base.clock import monotonic_us
from geventcache.resp.frames import PUSH, FrameReader, error_text, is_error, pack
from geventcache.upstream.asks import Ask

READ_SIZE = 64 << 10
AT_ONCE = struct.pack("ii", 1, 0)
KEEPALIVE_SECONDS = 5
GREETING = (b"CLIENT", b"SETINFO", b"LIB-NAME", b"geventcache")
TRACKING = (b"CLIENT", b"TRACKING", b"ON")
PING = pack((b"PING",))
CLUSTER_INFO = pack((b"CLUSTER", b"INFO"))
CLUSTER_IS_DOWN = b"cluster_state:fail"
# What changes when another server takes over.
TOLD = (b"cluster_state:", b"\r\ncluster_current_epoch:", b"\r\ncluster_my_epoch:")


class RefusedError(Exception):
    """The server takes the connection but not what it asks for; `text` is its error."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class Way:
    """How servers are connected to.

    Attributes:
        credentials: for AUTH, empty for none.
        context: of TLS, None without it.
        timeout_us: after how long of silence a link is lost.
    """

    def __init__(self, credentials: tuple[bytes, ...], context: Any, timeout_us: int) -> None:
        self.credentials = credentials
        self.context = context
        self.timeout_us = timeout_us

    def connect(self, host: str, port: int) -> Any:
        """Return a connected socket.

        Raises:
            OSError: nobody answers there.
        """
        sock = socket.create_connection((host, port), self.timeout_us / 1e6)
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(plain_socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, plain_socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, plain_socket.TCP_KEEPINTVL, 1)
            sock.setsockopt(socket.IPPROTO_TCP, plain_socket.TCP_KEEPCNT, KEEPALIVE_SECONDS)
        if self.context is None:
            return sock
        return self.context.wrap_socket(sock, server_hostname=host)


class Link:
    """One connection.

    Attributes:
        node: the Node that it leads to.
        db, resp3: its database and protocol.
        opening: what it asks for before anything else, beside who it is.
        on_open, on_lost: called with the link.
        on_push: called with the link and each push.
        on_doubt: called with the link when its server has lost its cluster; on_change: when the cluster has changed.
        on_answered: called with the link and an Ask whose replies are there.
        on_unanswered: called with an Ask and whether it was sent, when the link is lost.
        on_defect: called with what a reply made somebody raise.
        after: called when what one read brought is done with.
        refusal: the server's error that refused the connection, empty if it did not.
        reason: why it is over.
        is_open, is_lost: it is agreed on; it is over.
        is_tracked: the server tells of changes to what is read by it.
        is_patient: a reply may take for ever.
        is_finished: nothing more will be asked.
        mode: of the server: ``cluster``, ``standalone`` or ``sentinel``.
        waiting, sent: what was asked, and is not sent or not answered.
    """

    def __init__(self, way: Way, node: Any, db: int, resp3: bool, opening: tuple[tuple[bytes, ...], ...] = ()) -> None:
        self.way = way
        self.node = node
        self.db = db
        self.resp3 = resp3
        self.opening = opening
        self.on_open: Callable[[Link], None] = ignore
        self.on_lost: Callable[[Link], None] = ignore
        self.on_push: Callable[[Link, bytes], None] = ignore_push
        self.on_doubt: Callable[[Link], None] = ignore
        self.on_change: Callable[[Link], None] = ignore
        self.on_answered: Callable[[Link, Ask], None] = lambda link, ask: ask.done(ask.frames)
        self.on_unanswered: Callable[[Ask, bool, bytes], None] = lambda ask, was_sent, text: None
        self.after: Callable[[], None] = lambda: None
        self.on_defect: Callable[[Exception], object] = lambda error: None
        self.refusal = self.reason = b""
        self.is_open = self.is_lost = self.is_patient = self.is_finished = False
        self.is_tracked = TRACKING in opening
        self.mode = b""
        self.waiting: deque[Ask] = deque()
        self.sent: deque[Ask] = deque()
        self.reader = FrameReader()
        self.sock: Any = None
        self.is_flush_due = self.is_writing = False
        self.began_us = self.heard_us = monotonic_us()
        self.round_trip_us = 0
        self.sign: Ask | None = None
        self.told: list[bytes] = []
        self.loop = get_hub().loop
        self.greenlet: Any = None

    def start(self) -> Link:
        """Connect, in a greenlet."""
        self.greenlet = gevent.spawn(self.run)
        return self

    # ------------------------------------------------------------------ the greenlet

    def run(self) -> None:
        """Connect, agree, read until the end."""
        reason = b"the connection was closed"
        try:
            with gevent.Timeout(self.way.timeout_us / 1e6, OSError("timed out")):
                self.sock = self.way.connect(*self.node.place)
                self.agree()
            self.is_open = True
            self.node.failed_us = 0
            self.heard_us = monotonic_us()
            self.on_open(self)
            self.flush()
            self.read()
        except RefusedError as refused:
            self.refusal = reason = refused.text
        except (OSError, ValueError) as error:
            reason = str(error).encode()
        finally:
            self.lose(reason)
            self.after()

    def agree(self) -> None:
        """Say who we are and what the connection is for.

        Raises:
            RefusedError, OSError: it is not to be had.
        """
        user = (b"default", *self.way.credentials) if len(self.way.credentials) == 1 else self.way.credentials
        hello = (b"HELLO", b"3" if self.resp3 else b"2", *((b"AUTH", *user) if user else ()))
        select = ((b"SELECT", b"%d" % self.db),) if self.db else ()
        requests = [hello, GREETING, *select, *self.opening]
        self.sock.sendall(b"".join(pack(request) for request in requests))
        frames: list[bytes] = []
        while len(frames) < len(requests):
            data = self.sock.recv(READ_SIZE)
            if not data:
                raise OSError("closed at once")
            frames += [frame for frame in self.reader.feed(data) if frame[0] != PUSH]
        for request, frame in zip(requests, frames, strict=True):
            if is_error(frame) and request is not GREETING:
                raise RefusedError(error_text(frame))
        self.mode = mode_in(frames[0])

    def read(self) -> None:
        """Hand out replies until the connection ends."""
        while not self.is_lost:
            data = self.sock.recv(READ_SIZE)
            if not data or self.is_lost:
                return
            self.heard_us = monotonic_us()
            for frame in self.reader.feed(data):
                self.take(frame)
                if self.is_lost:
                    return
            self.after()

    def take(self, frame: bytes) -> None:
        """A frame has come."""
        if frame[0] == PUSH:
            self.on_push(self, frame)
            return
        ask = self.sent[0]
        if ask.take(frame):
            self.sent.popleft()
            try:
                self.on_answered(self, ask)
            except Exception as error:  # the others' replies are behind it
                self.on_defect(error)

    # ------------------------------------------------------------------ sending

    def send(self, ask: Ask) -> None:
        """Ask; the link must not be lost."""
        ask.link = self
        ask.frames = []
        self.waiting.append(ask)
        if self.is_open and not self.is_flush_due and not self.is_writing:
            self.is_flush_due = True
            self.loop.run_callback(self.flush)

    def flush(self) -> None:
        """Send what waits: all of a turn in one write."""
        self.is_flush_due = False
        if not self.is_open or self.is_writing:
            return
        if self.waiting:
            self.send_waiting()
        if self.is_finished and self.is_open and not self.is_writing:
            with contextlib.suppress(OSError):
                self.sock._sock.shutdown(plain_socket.SHUT_WR)

    def send_waiting(self) -> None:
        """Send what waits, as far as the socket takes it."""
        data = b"".join([ask.encoded() for ask in self.waiting])
        self.sent += self.waiting
        self.waiting.clear()
        count = 0
        if self.way.context is None:
            try:
                count = self.sock._sock.send(data)
            except (BlockingIOError, InterruptedError):
                count = 0
            except OSError as error:
                self.lose(str(error).encode())
                self.after()
                return
        if count < len(data):
            self.is_writing = True
            gevent.spawn(self.write, data[count:])

    def write(self, data: bytes) -> None:
        """Send the rest, in a greenlet of its own, since the socket does not take it at once."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.lose(str(error).encode())
            self.after()
        self.is_writing = False
        self.flush()

    def finish(self) -> None:
        """Nothing more will be asked: the server sees the end behind what it was asked."""
        self.is_finished = True
        self.flush()

    # ------------------------------------------------------------------ the end

    def look(self, now_us: int) -> None:
        """From time to time: is anybody there? Silence counts from what was heard last, since it is asked for."""
        if not self.is_open or self.is_lost:
            return
        if self.sent and now_us - self.heard_us > self.way.timeout_us:
            self.give_up(b"it is silent")
        elif self.sign is None:
            request = CLUSTER_INFO if self.mode == b"cluster" else PING
            self.sign = Ask([request], lambda frames: self.note_sign(now_us, frames[0]))
            self.send(self.sign)

    def is_quiet(self, now_us: int) -> bool:
        """Has nothing been heard for half of the time that is borne, though something is owed?"""
        return bool(self.sent) and not self.is_patient and now_us - self.heard_us > self.way.timeout_us // 2

    def give_up(self, reason: bytes) -> None:
        """Lose it for a reason that is not its own, and tell whoever waits for it."""
        self.lose(reason)
        self.after()

    def note_sign(self, began_us: int, frame: bytes) -> None:
        """A sign of life has come. Who has lost its cluster may be no primary any more, without knowing it."""
        self.sign = None
        took_us = max(monotonic_us() - began_us, 1)
        self.round_trip_us = took_us if not self.round_trip_us else (7 * self.round_trip_us + took_us) // 8
        if CLUSTER_IS_DOWN in frame:
            self.on_doubt(self)
        told = [frame.partition(name)[2].partition(b"\r")[0] for name in TOLD]
        if self.told and told != self.told:
            self.on_change(self)
        self.told = told

    def lose(self, reason: bytes) -> None:
        """The connection is over; may be called twice."""
        if self.is_lost:
            return
        self.is_lost = True
        self.is_open = False
        self.reason = reason
        if self.sock is not None:
            if self.sent:
                forget_unsent(self.sock)
            self.sock.close()
        self.on_lost(self)
        owed = [(ask, True) for ask in self.sent] + [(ask, False) for ask in self.waiting]
        self.sent.clear()
        self.waiting.clear()
        for ask, was_sent in owed:
            if ask is self.sign:
                continue
            try:
                self.on_unanswered(ask, was_sent, reason)
            except Exception as error:  # the others wait as well
                self.on_defect(error)

    def close(self) -> None:
        """Nobody needs it any more."""
        self.on_unanswered = lambda ask, was_sent, text: None
        self.lose(b"closed")
        if self.greenlet is not None and self.greenlet is not gevent.getcurrent():
            self.greenlet.kill(block=False)

    def abandon(self, let_go: Callable[[Any], None]) -> None:
        """In a forked process: the connection is the other's."""
        self.is_lost = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                let_go(self.sock)


def forget_unsent(sock: Any) -> None:
    """Let the system send nothing more of what it could not send yet when the socket is closed.

    Who has asked is told that nobody knows what became of it, and may ask anew: what arrived when the network is well
    again would undo that.
    """
    with contextlib.suppress(OSError):
        sock.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_LINGER, AT_ONCE)


def ignore(link: Link) -> None:
    """Nothing is to be done."""


def ignore_push(link: Link, frame: bytes) -> None:
    """Nothing is to be done."""


def mode_in(frame: bytes) -> bytes:
    """The mode of a server, out of its reply to HELLO."""
    _, found, rest = frame.partition(b"\r\nmode\r\n")
    return rest.split(b"\r\n")[1] if found else b"standalone"
