"""Publish and subscribe: messages to channels, and who is listening."""

from geventcache.base.errors import CommandError
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import Channels, command
from geventcache.command.keyspecs import at
from geventcache.resp.values import NO_REPLY, Many, Push
from geventcache.services.clients import REPLY_ON, Client
from geventcache.services.pubsub import Names

SSUBSCRIBE_DENIED = b"ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"


def enter(ctx: Client, names: Names, wanted: tuple[bytes, ...]):
    """Subscribe to names; return the confirmations."""
    confirmations = Many()
    for name in wanted:
        names.subscribe(ctx, name)
        confirmations.append(Push([names.prefix + b"subscribe", name, names.count(ctx)]))
    return confirm(ctx, confirmations)


def leave(ctx: Client, names: Names, given: tuple[bytes, ...]):
    """Unsubscribe from the given names, or from all; return the confirmations: one without a name if there was none."""
    confirmations = Many()
    for name in given or names.of(ctx) or (None,):
        if name is not None:
            names.unsubscribe(ctx, name)
        confirmations.append(Push([names.prefix + b"unsubscribe", name, names.count(ctx)]))
    return confirm(ctx, confirmations)


def confirm(ctx: Client, confirmations: Many):
    """The reply of confirmations, which are messages: they are sent to a client that does not want replies, too."""
    ctx.review()
    if ctx.reply_mode == REPLY_ON:
        return confirmations
    ctx.server.engine.send(ctx, confirmations)
    return NO_REPLY


def names_matching(ctx: Client, names: Names, pattern: bytes | None, surplus: tuple[bytes, ...]):
    """The names in use that match a glob.

    Raises:
        CommandError: there are more arguments.
    """
    if surplus:
        raise bad_use(ctx, b"PUBSUB")
    return names.matching(pattern)


def subscribers(names: Names, asked: tuple[bytes, ...]):
    """Each of the asked names, and how many clients listen to it."""
    return [item for name in asked for item in (name, names.subscribers(name))]


@command(
    "SUBSCRIBE",
    "pubsub",
    arity=-2,
    flags="pubsub noscript loading stale",
    since="2.0.0",
    complexity="O(N) where N is the number of channels to subscribe to.",
    args="channel*",
    channels=Channels(slice(1, None)),
    traits="subscriber",
)
def subscribe(ctx: Client, channel: bytes, *channels: bytes):
    """Listens for messages published to channels."""
    return enter(ctx, ctx.server.pubsub.channels, (channel, *channels))


@command(
    "UNSUBSCRIBE",
    "pubsub",
    arity=-1,
    flags="pubsub noscript loading stale",
    since="2.0.0",
    complexity="O(N) where N is the number of channels to unsubscribe.",
    args="channel?*",
    traits="subscriber",
)
def unsubscribe(ctx: Client, *channels: bytes):
    """Stops listening to messages posted to channels."""
    return leave(ctx, ctx.server.pubsub.channels, channels)


@command(
    "PSUBSCRIBE",
    "pubsub",
    arity=-2,
    flags="pubsub noscript loading stale",
    since="2.0.0",
    complexity="O(N) where N is the number of patterns to subscribe to.",
    args="pattern:pattern*",
    channels=Channels(slice(1, None), True),
    traits="subscriber",
)
def psubscribe(ctx: Client, pattern: bytes, *patterns: bytes):
    """Listens for messages published to channels that match one or more patterns."""
    return enter(ctx, ctx.server.pubsub.patterns, (pattern, *patterns))


@command(
    "PUNSUBSCRIBE",
    "pubsub",
    arity=-1,
    flags="pubsub noscript loading stale",
    since="2.0.0",
    complexity="O(N) where N is the number of patterns to unsubscribe.",
    args="pattern:pattern?*",
    traits="subscriber",
)
def punsubscribe(ctx: Client, *patterns: bytes):
    """Stops listening to messages published to channels that match one or more patterns."""
    return leave(ctx, ctx.server.pubsub.patterns, patterns)


@command(
    "SSUBSCRIBE",
    "pubsub",
    arity=-2,
    flags="pubsub noscript loading stale",
    keys=[at(1, "not_key", last=-1)],
    since="7.0.0",
    complexity="O(N) where N is the number of shard channels to subscribe to.",
    args="shardchannel*",
    channels=Channels(slice(1, None)),
    traits="subscriber",
)
def ssubscribe(ctx: Client, channel: bytes, *channels: bytes):
    """Listens for messages published to shard channels."""
    if ctx.is_in_exec:
        raise CommandError(SSUBSCRIBE_DENIED)
    return enter(ctx, ctx.server.pubsub.shard_channels, (channel, *channels))


@command(
    "SUNSUBSCRIBE",
    "pubsub",
    arity=-1,
    flags="pubsub noscript loading stale",
    keys=[at(1, "not_key", last=-1)],
    since="7.0.0",
    complexity="O(N) where N is the number of shard channels to unsubscribe.",
    args="shardchannel?*",
    traits="subscriber",
)
def sunsubscribe(ctx: Client, *channels: bytes):
    """Stops listening to messages posted to shard channels."""
    return leave(ctx, ctx.server.pubsub.shard_channels, channels)


@command(
    "PUBLISH",
    "pubsub",
    arity=3,
    flags="pubsub loading stale fast",
    since="2.0.0",
    complexity="O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number "
    "of subscribed patterns (by any client).",
    args="channel message",
    channels=Channels(slice(1, 2)),
    traits="may_replicate message",
)
def publish(ctx: Client, channel: bytes, message: bytes):
    """Posts a message to a channel."""
    state = ctx.server
    if state.cluster is not None:
        state.cluster.publish(channel, message)
    return state.pubsub.publish(channel, message)


@command(
    "SPUBLISH",
    "pubsub",
    arity=3,
    flags="pubsub loading stale fast",
    keys=[at(1, "not_key")],
    since="7.0.0",
    complexity="O(N) where N is the number of clients subscribed to the receiving shard channel.",
    args="shardchannel message",
    channels=Channels(slice(1, 2)),
    traits="may_replicate message",
)
def spublish(ctx: Client, channel: bytes, message: bytes):
    """Posts a message to a shard channel."""
    return ctx.server.pubsub.publish_to_shard(channel, message)


container(
    "PUBSUB",
    "pubsub",
    summary="A container for Pub/Sub commands.",
    acl="",
    since="2.8.0",
    help_since="6.2.0",
    help_acl="",
)


@command(
    "PUBSUB|CHANNELS",
    "pubsub",
    arity=-2,
    flags="pubsub loading stale",
    since="2.8.0",
    complexity="O(N) where N is the number of active channels, and assuming constant time pattern matching "
    "(relatively short channels and patterns)",
    args="pattern:pattern?",
)
def pubsub_channels(ctx: Client, pattern: bytes | None = None, *surplus: bytes):
    """Returns the active channels."""
    return names_matching(ctx, ctx.server.pubsub.channels, pattern, surplus)


@command(
    "PUBSUB|NUMPAT",
    "pubsub",
    arity=2,
    flags="pubsub loading stale",
    since="2.8.0",
    complexity="O(1)",
)
def pubsub_numpat(ctx: Client):
    """Returns a count of unique pattern subscriptions."""
    return len(ctx.server.pubsub.patterns)


@command(
    "PUBSUB|NUMSUB",
    "pubsub",
    arity=-2,
    flags="pubsub loading stale",
    since="2.8.0",
    complexity="O(N) for the NUMSUB subcommand, where N is the number of requested channels",
    args="channel?*",
)
def pubsub_numsub(ctx: Client, *channels: bytes):
    """Returns a count of subscribers to channels."""
    return subscribers(ctx.server.pubsub.channels, channels)


@command(
    "PUBSUB|SHARDCHANNELS",
    "pubsub",
    arity=-2,
    flags="pubsub loading stale",
    since="7.0.0",
    complexity="O(N) where N is the number of active shard channels, and assuming constant time pattern matching "
    "(relatively short shard channels).",
    args="pattern:pattern?",
)
def pubsub_shardchannels(ctx: Client, pattern: bytes | None = None, *surplus: bytes):
    """Returns the active shard channels."""
    return names_matching(ctx, ctx.server.pubsub.shard_channels, pattern, surplus)


@command(
    "PUBSUB|SHARDNUMSUB",
    "pubsub",
    arity=-2,
    flags="pubsub loading stale",
    since="7.0.0",
    complexity="O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
    args="shardchannel?*",
)
def pubsub_shardnumsub(ctx: Client, *channels: bytes):
    """Returns the count of subscribers of shard channels."""
    return subscribers(ctx.server.pubsub.shard_channels, channels)
