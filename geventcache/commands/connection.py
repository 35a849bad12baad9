"""The connection: who a client is and how it wants to be talked to."""

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import command
from geventcache.command.integers import small_integer
from geventcache.command.secrets import after_options, all_from
from geventcache.resp.values import OK, PONG, Simple
from geventcache.services.access.acl import DEFAULT_USER
from geventcache.services.access.auth import log_in
from geventcache.services.clients import Client
from geventcache.services.observing.info import REDIS_VERSION, mode

RESET = Simple(b"RESET")


@command(
    "PING",
    "connection",
    arity=-1,
    flags="fast",
    since="1.0.0",
    complexity="O(1)",
    tips="request_policy:all_shards response_policy:all_succeeded",
    args="message?",
    traits="subscriber health",
)
def ping(ctx: Client, message: bytes | None = None):
    """Returns the server's liveliness response."""
    if not ctx.resp3 and (ctx.channels or ctx.patterns or ctx.shard_channels):
        return [b"pong", message or b""]
    return PONG if message is None else message


@command(
    "ECHO",
    "connection",
    arity=2,
    flags="loading stale fast",
    since="1.0.0",
    complexity="O(1)",
    args="message",
)
def echo(ctx: Client, message: bytes):
    """Returns the given string."""
    return message


@command(
    "SELECT",
    "connection",
    arity=2,
    flags="loading stale fast allow_busy",
    since="1.0.0",
    complexity="O(1)",
    args="index:integer",
    databases=lambda args: (1,),
)
def select(ctx: Client, index: bytes):
    """Changes the selected database."""
    number = small_integer(index)
    if not 0 <= number < ctx.server.databases.count:
        raise CommandError(errors.DB_OUT_OF_RANGE)
    ctx.db = ctx.server.databases.get(number)
    return OK


@command(
    "AUTH",
    "connection",
    arity=-2,
    flags="noscript loading stale fast no_auth allow_busy",
    since="1.0.0",
    complexity="O(N) where N is the number of passwords defined for the user",
    args="username@6.0.0? password",
    history=[("6.0.0", "Added ACL style (username and password).")],
    secrets=all_from(1),
)
def auth(ctx: Client, first: bytes, *rest: bytes):
    """Authenticates the connection."""
    if len(rest) > 1:
        raise CommandError(errors.SYNTAX)
    if not rest and ctx.server.acl.default.is_nopass:
        raise CommandError(errors.NO_PASSWORD_SET)
    user, password = (first, rest[0]) if rest else (DEFAULT_USER, first)
    authenticate(ctx, user, password, b"AUTH")
    return OK


def authenticate(ctx, user, password, command):
    """Log the client in, for a command of that name.

    Raises:
        CommandError: the user does not exist or has another password.
    """
    if not log_in(ctx, user, password, command):
        raise CommandError(errors.WRONG_PASSWORD)


@command(
    "HELLO",
    "connection",
    arity=-1,
    flags="noscript loading stale fast no_auth allow_busy",
    since="6.0.0",
    complexity="O(1)",
    args="arguments{protover:integer AUTH=auth{username password}? SETNAME=clientname?}?",
    history=[
        (
            "8.1.0",
            "A new `availability_zone` field is added to the response if the `availability-zone` config is set.",
        ),
        (
            "6.2.0",
            "`protover` made optional; when called without arguments the command reports the current connection's "
            "context.",
        ),
    ],
    secrets=after_options({b"auth": 2}, 1, {b"setname": 1}),
)
def hello(ctx: Client, *args: bytes):
    """Handshakes with the server."""
    is_resp3 = ctx.resp3
    if args:
        is_resp3 = read_protocol(args[0]) == 3
    credentials, name = read_greeting(list(args[1:]))
    if credentials is not None:
        user, password = credentials
        authenticate(ctx, user, password, b"HELLO")
    if ctx.needs_auth:
        raise CommandError(errors.HELLO_UNAUTHENTICATED)
    if name is not None:
        ctx.name = name
    speak(ctx, is_resp3)
    return greeting(ctx)


def read_protocol(text):
    """The protocol's version.

    Raises:
        CommandError: it is no number, or a version that does not exist.
    """
    version = parse_integer(text)
    if version is None:
        raise CommandError(errors.PROTOCOL_NOT_INTEGER)
    if not 2 <= version <= 3:
        raise CommandError(errors.NO_PROTOCOL)
    return version


def read_greeting(words):
    """User and password, and the client's name, each None if HELLO does not give it."""
    credentials = name = None
    while words:
        option = words.pop(0)
        if option.lower() == b"auth" and len(words) >= 2:
            credentials = (words.pop(0), words.pop(0))
        elif option.lower() == b"setname" and words:
            name = check_name(words.pop(0), errors.CLIENT_NAME_INVALID)
        else:
            raise CommandError(errors.hello_option(option))
    return credentials, name


def check_name(name, error_text):
    """A name without spaces and unprintable characters.

    Raises:
        CommandError: with `error_text`: there are some.
    """
    for byte in name:
        if not 33 <= byte <= 126:
            raise CommandError(error_text)
    return name


def speak(ctx, is_resp3):
    """Change the protocol, beginning with the running command's reply."""
    ctx.resp3 = is_resp3
    ctx.server.engine.out.resp3 = is_resp3
    ctx.review()


def greeting(ctx):
    """What HELLO tells. Clients choose what they use by server and version, so they are told what they know."""
    zone = ctx.server.config["availability-zone"]
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": 3 if ctx.resp3 else 2,
        b"id": ctx.id,
        b"mode": mode(ctx.server).encode(),
        b"role": b"master",
        b"modules": [],
        **({b"availability_zone": zone} if zone else {}),
    }


@command(
    "QUIT",
    "connection",
    arity=-1,
    flags="noscript loading stale fast no_auth allow_busy",
    since="1.0.0",
    complexity="O(1)",
    traits="immediate subscriber",
)
def quit(ctx: Client, *args: bytes):
    """Closes the connection."""
    ctx.close()
    return OK


@command(
    "RESET",
    "connection",
    arity=1,
    flags="noscript loading stale fast no_auth allow_busy",
    since="6.2.0",
    complexity="O(1)",
    traits="immediate subscriber",
)
def reset(ctx: Client):
    """Resets the connection."""
    ctx.server.reset(ctx)
    speak(ctx, False)
    return RESET
