"""The connection: who a client is and how it wants to be talked to."""

from geventcache.command.declaration import command
from geventcache.resp.values import PONG
from geventcache.services.clients import Client


@command(
    "PING",
    "connection",
    arity=-1,
    flags="fast",
    since="1.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="message?",
    traits="subscriber",
)
def ping(ctx: Client, message: bytes = None):
    """Returns the server's liveliness response."""
    return PONG if message is None else message
