"""What a client waits for from the upstream, and the order of its replies.

The rules:

- Of a turn's requests each is passed on as it comes; none waits for the reply to one before it. What is answered here
  meanwhile stands in its place between them.
- The client goes on, and gets all replies of the turn at once, when the last one is there. Nobody else waits.
- A request that must not overtake those before it, or needs something first, is put off (`bar`): it is run again when
  all that is there.
- A client may leave before: what it had said by then goes to the upstream all the same, for as long as that is tried
  for anybody. By a connection of its own the server there is told that it has left, and knows whether it still waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gevent import get_hub

from geventcache.base.clock import monotonic_us
from geventcache.resp.frames import error_text, is_error, pack
from geventcache.services.clients import REPLY_ON, Client
from geventcache.upstream.asks import Ask
from geventcache.upstream.merge import UNFIT

UNWATCH = pack((b"UNWATCH",))


class Reply:
    """A place among the replies of a client.

    Attributes:
        frame: the reply, None as long as it is not there; empty if the client wants none.
        translate: what is done to it before.
    """

    __slots__ = ("began_us", "command", "frame", "is_silent", "relay", "translate")

    def __init__(self, relay: Relay, command: Any, is_silent: bool) -> None:
        self.relay = relay
        self.command = command
        self.is_silent = is_silent
        self.frame: bytes | None = None
        self.translate = relay.translate
        self.began_us = monotonic_us()

    def take(self, frame: bytes) -> None:
        """The reply is there."""
        if self.frame is not None or self.relay.is_closed:
            return
        if self.translate is not None:
            try:
                frame = self.translate(frame)
            except (ValueError, IndexError):
                frame = UNFIT
        self.frame = b"" if self.is_silent else frame
        self.command.note(monotonic_us() - self.began_us)
        if is_error(frame):
            self.command.failed += 1
            self.relay.state.stats.count_error(error_text(frame))
        self.relay.less()

    def take_last(self, frames: list[bytes]) -> None:
        """The replies to an Ask are there; the last one is meant."""
        self.take(frames[-1])


class Relay:
    """One client's.

    Attributes:
        pieces: the replies of this turn so far: bytes, and Reply objects.
        waiting: how many of them, and other things that the client waits for, are not there.
        reading: keys that are being read by another connection than the client's other requests go by.
        pinned: the Link that the client has for itself since WATCH.
        is_executing: a transaction goes by it; nothing else may, and nothing may overtake it.
        alone: a Waiting, which has a connection of its own.
        has_left: the client says nothing more.
        translate: what is done to the reply of the request that is sent on now, None if nothing.
        refused: what is answered to the request that was put off.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.state = client.server
        self.engine = self.state.engine
        self.pieces: list[Any] = []
        self.waiting = 0
        self.is_turn_over = False
        self.is_closed = False
        self.reading: dict[bytes, int] = {}
        self.pinned: Any = None
        self.give_back: Callable[[Any], None] = lambda link: None
        self.is_executing = False
        self.alone: Any = None
        self.has_left = False
        self.timer: Any = None
        self.refused: bytes | None = None
        self.translate: Callable[[bytes], bytes] | None = None

    # ------------------------------------------------------------------ replies

    def begin(self, command: Any) -> Reply:
        """A request is passed on: its reply will stand here."""
        client = self.client
        reply = Reply(self, command, client.reply_mode != REPLY_ON)
        if reply.is_silent:
            self.engine.pass_over(client)
        self.pieces.append(self.engine.out.take())
        self.pieces.append(reply)
        self.waiting += 1
        client.commands += 1
        return reply

    def less(self) -> None:
        """One of the things that the client waits for is there."""
        self.waiting -= 1
        if not self.waiting and self.is_turn_over:
            self.finish()

    def begin_read(self, key: bytes) -> None:
        """A key is being read by another connection."""
        self.reading[key] = self.reading.get(key, 0) + 1

    def end_read(self, key: bytes) -> None:
        """It was read."""
        left = self.reading[key] - 1
        if left:
            self.reading[key] = left
        else:
            del self.reading[key]

    def is_reading(self, keys: Iterable[bytes]) -> bool:
        """Would a request for these keys overtake a read?"""
        return bool(self.reading) and any(key in self.reading for key in keys)

    # ------------------------------------------------------------------ putting off

    def bar(self, begin: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Put the running request off, until all that the client waits for is there, and what `begin` begins.

        `begin` is called with what is to be called then.
        """
        self.client.is_barred = True
        self.client.is_held = True
        if begin is not None:
            self.waiting += 1
            begin(self.less_unless_closed)

    def less_unless_closed(self) -> None:
        """What a request was put off for is there."""
        if not self.is_closed:
            self.less()

    # ------------------------------------------------------------------ turns

    def end_turn(self) -> bool:
        """The client's turn is over; return whether its replies may be sent, which are all in the engine's buffer then.

        Else they will be, when they are there.
        """
        out = self.engine.out
        if self.waiting:
            self.pieces.append(out.take())
            self.is_turn_over = True
            self.client.hold()
            return False
        if self.pieces:
            rest = out.take()
            out.raw(self.joined())
            out.raw(rest)
        if self.client.is_barred:
            self.lift()
        return True

    def finish(self) -> None:
        """All is there: send it, and let the client go on."""
        client = self.client
        data = self.joined()
        self.is_turn_over = False
        if data:
            client.bytes_out += len(data)
            client.push(data)
        client.is_barred = False
        client.hold()
        if client.transport is not None:
            client.transport.go_on()

    def lift(self) -> None:
        """What the request was put off for was there at once."""
        self.client.is_barred = False
        self.client.hold()
        if self.client.transport is not None:
            self.client.transport.wake()

    def joined(self) -> bytes:
        """All replies; nothing is left."""
        pieces, self.pieces = self.pieces, []
        return b"".join([piece if type(piece) is bytes else piece.frame for piece in pieces])

    # ------------------------------------------------------------------ the end

    def is_busy(self) -> bool:
        """Does the client wait for the upstream?"""
        return self.is_turn_over or self.alone is not None

    def end_input(self) -> None:
        """The client has said all: from now on it may wait only for so long."""
        self.has_left = True
        if self.alone is not None:
            self.alone.finish()
        self.timer = get_hub().loop.timer(self.state.config["upstream-retry-time"] / 1000)
        self.timer.start(self.client.transport.break_off)

    def pin(self, link: Any, give_back: Callable[[Any], None]) -> None:
        """The client has a connection for itself, until `unpin`."""
        self.pinned = link
        self.give_back = give_back

    def unpin(self, is_clean: bool = False) -> None:
        """The client has no connection for itself any more: it is given back when it watches nothing."""
        link, self.pinned = self.pinned, None
        if link is None or link.is_lost:
            return
        give_back = self.give_back
        if is_clean:
            give_back(link)
        else:
            link.send(Ask([UNWATCH], lambda frames: give_back(link)))

    def close(self) -> None:
        """The client has gone: nothing of what it waits for concerns anybody."""
        self.is_closed = True
        self.pieces.clear()
        if self.timer is not None:
            self.timer.stop()
            self.timer.close()
            self.timer = None
        self.unpin()
