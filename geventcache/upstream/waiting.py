"""Requests that wait at the upstream: each by a connection of its own, so that nobody else waits.

When the client says nothing more, neither does this connection: the server carries out what it was sent, or finds that
nobody waits any more, and ends it without an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent

from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.command.introspection import keys_read
from geventcache.command.table import Command
from geventcache.resp.frames import error, error_text, is_error, pack
from geventcache.resp.values import Encoded
from geventcache.services.clients import Client
from geventcache.services.listeners.waiters import Wait
from geventcache.upstream.asks import Ask
from geventcache.upstream.dispatch import PAUSE_SECONDS, UNREACHABLE
from geventcache.upstream.plan import Plan

if TYPE_CHECKING:
    from geventcache.upstream.gateway import Gateway


class Waiting:
    """A request that waits at the upstream, by a connection of its own."""

    def __init__(
        self, gateway: Gateway, client: Client, command: Command, args: list[bytes], plan: Plan, slot: int, link: Any
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.command = command
        self.args = args
        self.plan = plan
        self.slot = slot
        self.link = link
        self.keys = keys_read(command.declaration, args) if plan.writes else []
        self.translate = client.relay.translate
        self.wait = Wait((), 0)
        self.wait.on_end = self.leave
        self.is_over = False
        self.until_us = monotonic_us() + gateway.dispatcher.patience_us

    def begin(self) -> None:
        """The client waits from now on."""
        client = self.client
        client.commands += 1
        client.relay.alone = self
        self.wait.args = self.args
        self.wait.command = self.command
        self.gateway.state.waiters.park(client, self.wait)
        self.gateway.near.begin_write(self.keys)
        self.send(self.link)

    def send(self, link: Any) -> None:
        """Ask by this connection."""
        self.link = link
        self.gateway.passed += 1
        link.send(Ask([pack(tuple(self.args))], self.take, self.slot, may_repeat=False))
        if self.client.relay.has_left:
            self.finish()

    def take(self, frames: list[bytes]) -> None:
        """The reply is there, unless the slot has moved meanwhile."""
        if self.is_over:
            return
        frame = frames[-1]
        link = self.link
        nodes = self.gateway.nodes
        moved = nodes.redirection(error_text(frame), link.node) if is_error(frame) else None
        if moved is not None and frame.startswith(b"-MOVED "):
            slot, node = moved
            nodes.assign(slot, node)
            nodes.give_back(link)
            other = nodes.own_link(node, self.gateway.db_of(self.client), self.client.resp3)
            if other is not None:
                self.send(other)
                return
        if error_text(frame).startswith(UNREACHABLE) and monotonic_us() < self.until_us:
            nodes.refresh()
            gevent.spawn_later(PAUSE_SECONDS, self.try_again)
            return
        self.end()
        nodes.give_back(link)
        if self.translate is not None:
            frame = self.translate(frame)
        value = CommandError(error_text(frame)) if is_error(frame) else Encoded(frame)
        self.gateway.engine.unblock(self.client, value)

    def finish(self) -> None:
        """The client says nothing more."""
        self.link.on_unanswered = self.unanswered
        self.link.finish()

    def unanswered(self, ask: Ask, was_sent: bool, reason: bytes) -> None:
        """The connection ended before the reply: nothing could be had at once, and nobody waits any more."""
        if was_sent:
            self.client.close()
        else:
            self.gateway.dispatcher.unanswered(ask, was_sent, reason)

    def try_again(self) -> None:
        """Nobody has got the request: ask who is the right one now."""
        if self.is_over:
            return
        try:
            self.send(self.gateway.own_link(self.client, self.slot))
        except CommandError:
            self.take([error(UNREACHABLE + self.gateway.nodes.error)])
            self.gateway.dispatcher.after()

    def end(self) -> None:
        """Nothing more is waited for."""
        if not self.is_over:
            self.is_over = True
            self.client.relay.alone = None
            self.gateway.near.end_write(self.keys)

    def leave(self) -> None:
        """The client waits no more, and has not got its reply: what the connection still brings is lost with it."""
        if not self.is_over:
            self.end()
            self.link.close()


def may_wait(command: Command, args: list[bytes]) -> bool:
    """May a request wait? One that could be told to (XREAD) does so only then."""
    if "readonly" in command.declaration.flags or command.declaration.name == "XREADGROUP":
        return any(word.upper() == b"BLOCK" for word in args[1:-2])
    return True
