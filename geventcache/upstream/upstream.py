"""The upstream of one server: its parts, started and stopped with the server."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gevent import get_hub, ssl

from geventcache.base.clock import monotonic_us
from geventcache.services.settings.kinds import InvalidSettingError
from geventcache.services.settings.upstream_url import parse_upstream
from geventcache.upstream.dispatch import Dispatcher
from geventcache.upstream.gateway import Gateway
from geventcache.upstream.link import Link, Way
from geventcache.upstream.near import Near
from geventcache.upstream.nodes import Node, Nodes
from geventcache.upstream.plan import SAVES
from geventcache.upstream.subscriptions import Subscriptions

# How often links are looked at, in parts of upstream-timeout; and at least every second.
LOOKS = 4
EVENTS_ARE_UPSTREAMS = "events of keys are published by the upstream, as its own setting says"


class Upstream:
    """What makes a server the near side of another one.

    Args:
        server: it has `state`, `engine`, `log` and `end_turn`.
        let_go: closes this process' copy of a socket that belongs to another process.

    Attributes:
        descriptors: how many sockets there may be.
        is_up: what the log tells of it, None if nothing yet.
    """

    def __init__(self, server: Any, let_go: Callable[[Any], None]) -> None:
        self.server = server
        self.state = server.state
        self.let_go = let_go
        config = self.state.config
        self.target = parse_upstream(config["upstream"])
        self.descriptors = config["upstream-max-connections"] + 64
        way = Way(self.target.credentials, self.tls_context(), config["upstream-timeout"] * 1000)
        self.nodes = Nodes(self.target, way, config["near-cache"], config["upstream-max-connections"])
        self.dispatcher = Dispatcher(
            self.nodes, config["upstream-read-from"], config["upstream-retry-time"] * 1000, self.after
        )
        self.near = Near(self.state, self.nodes)
        self.subscriptions = Subscriptions(self.state, self.nodes)
        self.gateway = Gateway(self.state, self.nodes, self.dispatcher, self.near, self.subscriptions)
        self.door = self.gateway.door()
        self.near.hits_at_door = lambda: self.door.hits
        self.nodes.prepare = self.prepare
        self.nodes.on_map = self.follow_map
        self.nodes.on_left = self.near.retire
        self.timer: Any = None
        self.is_up: bool | None = None
        config.load("maxmemory", b"%d" % config["near-maxmemory"])
        config.load("maxmemory-policy", config["near-maxmemory-policy"])
        config.load("save", b"")
        config.on_change("near-cache", self.switch)
        config.on_change("notify-keyspace-events", refusing(EVENTS_ARE_UPSTREAMS))
        for name in ("save", "appendonly"):
            config.on_change(name, refusing(SAVES))

    def tls_context(self) -> Any:
        """What the upstream's certificate is checked by, None without TLS."""
        if not self.target.is_tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the addresses in a cluster's map are seldom names
        file = os.fsdecode(self.state.config["upstream-tls-ca-cert-file"])
        if file:
            context.load_verify_locations(file)
        else:
            context.load_default_certs()
        return context

    def switch(self, is_on: bool) -> None:
        """The setting near-cache has changed."""
        if is_on:
            self.nodes.track()
        self.near.is_on = is_on
        self.near.flush()

    def follow_map(self, changed: dict[int, Node | None], regained: list[Node]) -> None:
        """The map has changed."""
        self.near.follow_map(changed, regained)
        self.door.is_single = not self.nodes.is_cluster

    def prepare(self, link: Link) -> None:
        """A new link."""
        self.dispatcher.prepare(link)
        link.on_push = self.near.pushed
        link.on_lost = self.lost
        link.on_doubt = self.doubt
        link.on_change = lambda link: self.nodes.refresh()
        link.on_open = opened
        link.after = self.after
        link.on_defect = lambda error: self.state.on_defect(error, b"upstream")

    def lost(self, link: Link) -> None:
        """A link is over: what was kept because of it goes first."""
        self.near.lost(link)
        self.nodes.forget(link)

    def doubt(self, link: Link) -> None:
        """A server has lost its cluster: another one may be the primary of its slots, and know what has changed."""
        self.near.lost(link)
        self.nodes.refresh()

    def after(self) -> None:
        """Replies were given: send them to the clients."""
        self.server.end_turn()

    # ------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Begin to take requests to the upstream; whoever comes before it has answered waits."""
        self.state.upstream = self
        self.state.engine.upstream = self.door
        self.near.is_on = self.state.config["near-cache"]
        seconds = min(1.0, self.nodes.way.timeout_us / 1e6 / LOOKS)
        self.timer = get_hub().loop.timer(seconds, seconds)
        self.timer.start(self.look)
        self.nodes.refresh()

    def look(self) -> None:
        """From time to time."""
        self.state.clock.update()
        self.nodes.look(monotonic_us())
        self.subscriptions.tick()
        self.log_change()
        self.server.end_turn()

    def log_change(self) -> None:
        """Tell who reads the log whether the upstream can be reached."""
        nodes = self.nodes
        if nodes.is_told is self.is_up:
            return
        self.is_up = nodes.is_told
        if self.is_up:
            self.state.log.info("upstream_up", primaries=len(nodes.primaries()))
        else:
            self.state.log.warning("upstream_down", reason=nodes.error.decode("utf-8", "replace"))

    def stop(self) -> None:
        """End all connections."""
        self.close_timers()
        self.nodes.close()
        self.state.engine.upstream = None

    def close_timers(self) -> None:
        """Nothing more happens by time."""
        if self.timer is not None:
            self.timer.stop()
            self.timer.close()
            self.timer = None
        self.dispatcher.close()

    def abandon(self, is_own_hub: bool) -> None:
        """In a forked process: the connections are the other's."""
        if is_own_hub:
            self.close_timers()
        for link in self.nodes.all_links():
            link.abandon(self.let_go)

    # ------------------------------------------------------------------ what it tells

    def report(self) -> dict[str, Any]:
        """The figures, for INFO."""
        nodes, dispatcher = self.nodes, self.dispatcher
        links = nodes.all_links()
        mode = {None: "unknown", True: "cluster", False: "primary"}[nodes.is_cluster]
        return {
            "upstream_mode": mode,
            "upstream_primaries": len(nodes.primaries()),
            "upstream_slots_ok": sum(node is not None for node in nodes.owners),
            "upstream_connections": sum(link.is_open for link in links),
            "upstream_own_connections": nodes.count_own(),
            "upstream_requests": self.gateway.passed,
            "upstream_waiting": sum(len(link.sent) + len(link.waiting) for link in links) + len(dispatcher.parked),
            "upstream_redirected": dispatcher.redirected,
            "upstream_repeated": dispatcher.repeated,
            "upstream_uncertain": dispatcher.uncertain,
            "upstream_map_refreshes": nodes.refreshes,
            "upstream_messages": self.subscriptions.messages,
            **self.near.report(),
        }


def opened(link: Link) -> None:
    """A node can be connected to."""
    link.node.failed_us = 0


def refusing(reason: str) -> Callable[[Any], None]:
    """What refuses a setting that asks the wrong server for something."""

    def refuse(value: Any) -> None:
        if value:
            raise InvalidSettingError(reason)

    return refuse
