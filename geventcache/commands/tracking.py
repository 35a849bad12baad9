"""Watching others: CLIENT TRACKING for caches on the client's side, and MONITOR."""

from geventcache.base import errors
from geventcache.base.errors import SYNTAX, CommandError
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.commands.client import read_switch
from geventcache.resp.values import NO_REPLY, OK, Distinct
from geventcache.services.clients import Client
from geventcache.services.listeners.tracking import ANY_MODE, OPT_IN, OPT_OUT
from geventcache.services.observing.client_report import read_yes_no

FLAGS = (b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP")


class TrackingOptions:
    """What CLIENT TRACKING asks for.

    Attributes:
        flags: the words given of FLAGS.
        redirect: the id of another client, 0 for none.
        prefixes: those given.
    """

    def __init__(self, ctx: Client, words) -> None:
        """Read the words.

        Raises:
            CommandError: one is unknown, or its argument is wrong.
        """
        self.flags = set()
        self.redirect = 0
        self.prefixes = []
        remaining = list(reversed(words))
        while remaining:
            name = remaining.pop().upper()
            if name in FLAGS:
                self.flags.add(name)
            elif name == b"REDIRECT" and remaining:
                self.read_redirect(ctx, remaining.pop())
            elif name == b"PREFIX" and remaining:
                self.prefixes.append(remaining.pop())
            else:
                raise CommandError(SYNTAX)

    def read_redirect(self, ctx: Client, text) -> None:
        """Note who gets the messages."""
        if self.redirect:
            raise CommandError(errors.REDIRECT_TWICE)
        number = integer(text)
        if number not in ctx.server.clients.by_id:
            raise CommandError(errors.REDIRECT_MISSING)
        self.redirect = number

    @property
    def is_bcast(self):
        """The broadcasting mode."""
        return b"BCAST" in self.flags

    @property
    def choice(self):
        """Which reads are remembered."""
        if b"OPTIN" in self.flags:
            return OPT_IN
        return OPT_OUT if b"OPTOUT" in self.flags else ANY_MODE

    def check(self, tracked) -> None:
        """Refuse what does not go together, or not with what was asked for before.

        Raises:
            CommandError: as it says.
        """
        if self.prefixes and not self.is_bcast:
            raise CommandError(errors.PREFIX_WITHOUT_BCAST)
        if tracked is not None and self.is_bcast != (tracked.prefixes is not None):
            raise CommandError(errors.BCAST_SWITCH)
        if self.is_bcast and self.choice != ANY_MODE:
            raise CommandError(errors.BCAST_WITH_CHOICE)
        if b"OPTIN" in self.flags and b"OPTOUT" in self.flags:
            raise CommandError(errors.OPTIN_WITH_OPTOUT)
        if tracked is not None and {self.choice, tracked.choice} == {OPT_IN, OPT_OUT}:
            raise CommandError(errors.CHOICE_SWITCH)
        known = sorted(tracked.prefixes or ()) if tracked is not None else []
        for i, prefix in enumerate(self.prefixes):
            check_prefix(prefix, known, b"an existing")
            check_prefix(prefix, self.prefixes[i + 1 :], b"another provided")


def check_prefix(prefix, others, kind):
    """Refuse a prefix that begins another one, or begins with one."""
    for other in others:
        if other.startswith(prefix) or prefix.startswith(other):
            raise CommandError(errors.prefixes_overlap(prefix, kind, other))


@command(
    "CLIENT|TRACKING",
    "connection",
    arity=-3,
    flags="noscript loading stale",
    since="6.0.0",
    complexity="O(1). Some options may introduce additional complexity.",
    args="status(ON | OFF) REDIRECT=client-id:integer? PREFIX=prefix?*+ BCAST? OPTIN? OPTOUT? NOLOOP?",
)
def client_tracking(ctx: Client, status: bytes, *words: bytes):
    """Controls server-assisted client-side caching for the connection."""
    options = TrackingOptions(ctx, words)
    tracking = ctx.server.tracking
    if not read_switch(status):
        tracking.stop(ctx)
        return OK
    options.check(ctx.tracking)
    prefixes = (options.prefixes or [b""]) if options.is_bcast else None
    tracking.start(ctx, options.choice, b"NOLOOP" in options.flags, options.redirect, prefixes)
    return OK


@command(
    "CLIENT|CACHING",
    "connection",
    arity=3,
    flags="noscript loading stale allow_busy",
    since="6.0.0",
    complexity="O(1)",
    args="mode(YES | NO)",
)
def client_caching(ctx: Client, mode: bytes):
    """Instructs the server whether to track the keys in the next request."""
    if ctx.tracking is None:
        raise CommandError(errors.CACHING_WITHOUT_TRACKING)
    is_wanted = read_yes_no(mode)
    if ctx.tracking.choice != (OPT_IN if is_wanted else OPT_OUT):
        raise CommandError(errors.CACHING_YES if is_wanted else errors.CACHING_NO)
    ctx.tracking.is_caching = True
    return OK


@command(
    "CLIENT|TRACKINGINFO",
    "connection",
    arity=2,
    flags="noscript loading stale",
    since="6.2.0",
    complexity="O(1)",
)
def client_trackinginfo(ctx: Client):
    """Returns information about server-assisted client-side caching for the connection."""
    tracked = ctx.tracking
    if tracked is None:
        return {b"flags": Distinct([b"off"]), b"redirect": -1, b"prefixes": []}
    return {
        b"flags": Distinct(tracked.flags()),
        b"redirect": tracked.redirect,
        b"prefixes": sorted(tracked.prefixes or ()),
    }


@command(
    "CLIENT|GETREDIR",
    "connection",
    arity=2,
    flags="noscript loading stale allow_busy",
    since="6.0.0",
    complexity="O(1)",
)
def client_getredir(ctx: Client):
    """Returns the client ID to which the connection's tracking notifications are redirected."""
    return -1 if ctx.tracking is None else ctx.tracking.redirect


@command(
    "MONITOR",
    "server",
    arity=1,
    flags="admin noscript loading stale",
    since="1.0.0",
    traits="no_cache",
)
def monitor(ctx: Client):
    """Listens for all requests received by the server in real-time."""
    if ctx.is_in_exec:
        raise CommandError(errors.MONITOR_DENIED)
    if ctx.is_monitor:
        return NO_REPLY
    ctx.server.monitors.add(ctx)
    return OK
