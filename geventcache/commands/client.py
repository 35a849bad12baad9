"""CLIENT: what a connection says about itself, and what it may learn of the others and do to them."""

from geventcache.base import errors
from geventcache.base.errors import SYNTAX, CommandError
from geventcache.command.containers import container
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.timeouts import parse_timeout_ms
from geventcache.commands.connection import check_name
from geventcache.resp.values import OK, Verbatim
from geventcache.services.clients import REPLY_OFF, REPLY_ON, REPLY_SKIP_NEXT, Client
from geventcache.services.observing.client_report import ClientFilter, line_of

container(
    "CLIENT",
    "connection",
    summary="A container for client connection commands.",
    acl="",
    since="2.4.0",
    help_since="5.0.0",
)


@command(
    "CLIENT|ID",
    "connection",
    arity=2,
    flags="noscript loading stale allow_busy",
    since="5.0.0",
    complexity="O(1)",
)
def client_id(ctx: Client):
    """Returns the unique client ID of the connection."""
    return ctx.id


@command(
    "CLIENT|INFO",
    "connection",
    arity=2,
    flags="noscript loading stale",
    since="6.2.0",
    complexity="O(1)",
    tips="nondeterministic_output",
)
def client_info(ctx: Client):
    """Returns information about the connection."""
    return Verbatim(line_of(ctx) + b"\n")


@command(
    "CLIENT|LIST",
    "connection",
    arity=-2,
    flags="admin noscript loading stale",
    since="2.4.0",
    complexity="O(N) where N is the number of client connections",
    tips="nondeterministic_output",
    args=(
        "TYPE=client-type(NORMAL | MASTER | REPLICA | PUBSUB)@5.0.0? ID=client-id:integer@6.2.0?* USER=username@8.1.0? "
        "ADDR=addr'ip:port'@8.1.0? LADDR=laddr'ip:port'@8.1.0? SKIPME=skipme(YES | NO)@8.1.0? "
        "MAXAGE=maxage:integer@8.1.0? NAME=name@9.0.0? IDLE=idle:integer@9.0.0? FLAGS=flags@9.0.0? "
        "LIB-NAME=lib-name@9.0.0? LIB-VER=lib-ver@9.0.0? DB=db:integer@9.0.0? CAPA=capa@9.0.0? IP=ip@9.0.0? "
        "NOT-TYPE=not-client-type(NORMAL | MASTER | REPLICA | PUBSUB)@9.0.0? NOT-ID=not-client-id:integer@9.0.0?* "
        "NOT-USER=not-username@9.0.0? NOT-ADDR=not-addr'ip:port'@9.0.0? NOT-LADDR=not-laddr'ip:port'@9.0.0? "
        "NOT-NAME=not-name@9.0.0? NOT-FLAGS=not-flags@9.0.0? NOT-LIB-NAME=not-lib-name@9.0.0? "
        "NOT-LIB-VER=not-lib-ver@9.0.0? NOT-DB=not-db:integer@9.0.0? NOT-CAPA=not-capa@9.0.0? NOT-IP=not-ip@9.0.0?"
    ),
    history=[
        ("2.8.12", "Added unique client `id` field."),
        ("5.0.0", "Added optional `TYPE` filter."),
        ("6.0.0", "Added `user` field."),
        ("6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."),
        ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
        ("7.0.3", "Added `ssub` field."),
        ("8.0.0", "Replaced `master` `TYPE` with `primary`. `master` still supported for backward compatibility."),
        ("8.1.0", "Added filters USER, ADDR, LADDR, SKIPME, and MAXAGE."),
        (
            "9.0.0",
            "Added filters NAME, IDLE, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, and IP. And negative filters NOT-ID, "
            "NOT-TYPE, NOT-ADDR, NOT-LADDR, NOT-USER, NOT-FLAGS, NOT-NAME, NOT-LIB-NAME, NOT-LIB-VER, NOT-DB, "
            "NOT-CAPA, NOT-IP.",
        ),
    ],
)
def client_list(ctx: Client, *filters: bytes):
    """Lists open connections."""
    if len(filters) == 1:
        raise CommandError(SYNTAX)
    chosen = ClientFilter(ctx.server, filters, False).choose(ctx)
    return Verbatim(b"".join([line_of(client) + b"\n" for client in chosen]))


@command(
    "CLIENT|KILL",
    "connection",
    arity=-3,
    flags="admin noscript loading stale",
    since="2.4.0",
    complexity="O(N) where N is the number of client connections",
    args=(
        "filter(old-format'ip:port'!2.8.12 | new-format(ID=client-id:integer@2.8.12?* | TYPE=client-type(NORMAL | "
        "MASTER@3.2.0 | PRIMARY@8.0.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)@2.8.12? | USER=username? | ADDR=addr'ip:port'? "
        "| LADDR=laddr'ip:port'@6.2.0? | SKIPME=skipme(YES | NO)? | MAXAGE=maxage:integer@8.0.0? | NAME=name@9.0.0? | "
        "IDLE=idle:integer@9.0.0? | FLAGS=flags@9.0.0? | LIB-NAME=lib-name@9.0.0? | LIB-VER=lib-ver@9.0.0? | "
        "DB=db:integer@9.0.0? | CAPA=capa@9.0.0? | IP=ip@9.0.0? | NOT-TYPE=not-client-type(NORMAL | MASTER | PRIMARY | "
        "SLAVE | REPLICA | PUBSUB)@9.0.0? | NOT-ID=not-client-id:integer@9.0.0?* | NOT-USER=not-username@9.0.0? | "
        "NOT-ADDR=not-addr'ip:port'@9.0.0? | NOT-LADDR=not-laddr'ip:port'@9.0.0? | NOT-NAME=not-name@9.0.0? | "
        "NOT-FLAGS=not-flags@9.0.0? | NOT-LIB-NAME=not-lib-name@9.0.0? | NOT-LIB-VER=not-lib-ver@9.0.0? | "
        "NOT-DB=not-db:integer@9.0.0? | NOT-CAPA=not-capa@9.0.0? | NOT-IP=not-ip@9.0.0?)*)"
    ),
    history=[
        ("2.8.12", "Added new filter format."),
        ("2.8.12", "`ID` option."),
        ("3.2.0", "Added `master` type in for `TYPE` option."),
        ("5.0.0", "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."),
        ("6.2.0", "`LADDR` option."),
        ("8.0.0", "`MAXAGE` option."),
        ("8.0.0", "Replaced `master` `TYPE` with `primary`. `master` still supported for backward compatibility."),
        ("8.1.0", "`ID` option accepts multiple IDs."),
        (
            "9.0.0",
            "Added filters NAME, IDLE, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, and IP. And negative filters NOT-ID, "
            "NOT-TYPE, NOT-ADDR, NOT-LADDR, NOT-USER, NOT-FLAGS, NOT-NAME, NOT-LIB-NAME, NOT-LIB-VER, NOT-DB, "
            "NOT-CAPA, NOT-IP.",
        ),
    ],
)
def client_kill(ctx: Client, first: bytes, *rest: bytes):
    """Terminates open connections."""
    if not rest:
        return kill_at(ctx, first)
    return kill(ctx, ClientFilter(ctx.server, (first, *rest), True).choose(ctx))


def kill_at(ctx, address):
    """The old form of CLIENT KILL: end the connection from an address.

    Raises:
        CommandError: there is none.
    """
    chosen = ClientFilter(ctx.server, (b"addr", address), False).choose(ctx)
    if not chosen:
        raise CommandError(errors.NO_SUCH_CLIENT)
    kill(ctx, chosen[:1])
    return OK


def kill(ctx, chosen):
    """End connections at once, the calling one after its reply; return how many."""
    for client in chosen:
        if client is ctx or client.transport is None:
            client.close()
        else:
            client.transport.break_off()
    return len(chosen)


@command(
    "CLIENT|GETNAME",
    "connection",
    arity=2,
    flags="noscript loading stale allow_busy",
    since="2.6.9",
    complexity="O(1)",
)
def client_getname(ctx: Client):
    """Returns the name of the connection."""
    return ctx.name or None


@command(
    "CLIENT|SETNAME",
    "connection",
    arity=3,
    flags="noscript loading stale allow_busy",
    since="2.6.9",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="connection-name",
)
def client_setname(ctx: Client, name: bytes):
    """Sets the connection name."""
    ctx.name = check_name(name, errors.CLIENT_NAME_INVALID)
    return OK


@command(
    "CLIENT|SETINFO",
    "connection",
    arity=4,
    flags="noscript loading stale allow_busy",
    since="7.2.0",
    complexity="O(1)",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="attr(LIB-NAME=libname | LIB-VER=libver)",
)
def client_setinfo(ctx: Client, attribute: bytes, value: bytes):
    """Sets information specific to the client or connection."""
    name = attribute.lower()
    if name not in (b"lib-name", b"lib-ver"):
        raise CommandError(errors.attribute_unknown(attribute))
    check_name(value, errors.attribute_invalid(attribute))
    if name == b"lib-name":
        ctx.lib_name = value
    else:
        ctx.lib_version = value
    return OK


@command(
    "CLIENT|CAPA",
    "connection",
    arity=-3,
    flags="noscript loading stale allow_busy",
    since="8.0.0",
    complexity="O(1)",
    args="capability*",
)
def client_capa(ctx: Client, first: bytes, *rest: bytes):
    """A client claims its capability."""
    if any(word.lower() == b"redirect" for word in (first, *rest)):
        ctx.capabilities = b"r"
    return OK


@command(
    "CLIENT|NO-EVICT",
    "connection",
    arity=3,
    flags="admin noscript loading stale allow_busy",
    since="7.0.0",
    complexity="O(1)",
    args="enabled(ON | OFF)",
)
def client_no_evict(ctx: Client, enabled: bytes):
    """Sets the client eviction mode of the connection."""
    ctx.no_evict = read_switch(enabled)
    return OK


def read_switch(text):
    """ON or OFF.

    Raises:
        CommandError: it is neither.
    """
    if text.lower() not in (b"on", b"off"):
        raise CommandError(SYNTAX)
    return text.lower() == b"on"


@command(
    "CLIENT|NO-TOUCH",
    "connection",
    arity=3,
    flags="noscript loading stale allow_busy",
    since="7.2.0",
    complexity="O(1)",
    args="enabled(ON | OFF)",
)
def client_no_touch(ctx: Client, enabled: bytes):
    """Controls whether commands sent by the client affect the LRU/LFU of accessed keys."""
    ctx.no_touch = read_switch(enabled)
    ctx.server.databases.pause_uses(False)  # it is not special any more, so that nobody looks at it after this command
    ctx.review()
    return OK


@command(
    "CLIENT|IMPORT-SOURCE",
    "connection",
    arity=3,
    flags="noscript loading stale",
    since="8.1.0",
    complexity="O(1)",
    args="enabled(ON | OFF)",
)
def client_import_source(ctx: Client, enabled: bytes):
    """Marks this client as an import source when the server is in import mode."""
    if enabled.lower() != b"off":  # it never is in import mode
        raise CommandError(errors.NOT_IN_IMPORT_MODE)
    return OK


@command(
    "CLIENT|REPLY",
    "connection",
    arity=3,
    flags="noscript loading stale no_multi allow_busy",
    since="3.2.0",
    complexity="O(1)",
    args="action(ON | OFF | SKIP)",
)
def client_reply(ctx: Client, action: bytes):
    """Instructs the server whether to reply to commands."""
    word = action.lower()
    if word not in (b"on", b"off", b"skip"):
        raise CommandError(SYNTAX)
    if word == b"on":
        ctx.reply_mode = REPLY_ON
    elif word == b"off":
        ctx.reply_mode = REPLY_OFF
    elif ctx.reply_mode != REPLY_OFF:
        ctx.reply_mode = REPLY_SKIP_NEXT
    ctx.review()
    return OK


@command(
    "CLIENT|PAUSE",
    "connection",
    arity=-3,
    flags="admin noscript loading stale",
    since="3.0.0",
    complexity="O(1)",
    args="timeout:integer mode(WRITE | ALL)@6.2.0?",
    history=[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")],
)
def client_pause(ctx: Client, timeout: bytes, *mode: bytes):
    """Suspends commands processing."""
    pauses_all = True
    if mode:
        if mode[0].lower() not in (b"write", b"all"):
            raise CommandError(errors.PAUSE_MODE)
        pauses_all = mode[0].lower() == b"all"
    now_ms = ctx.db.clock.now_ms
    ctx.server.pause(now_ms + parse_timeout_ms(timeout, now_ms), pauses_all)
    return OK


@command(
    "CLIENT|UNPAUSE",
    "connection",
    arity=2,
    flags="admin noscript loading stale",
    since="6.2.0",
    complexity="O(N) Where N is the number of paused clients",
)
def client_unpause(ctx: Client):
    """Resumes processing commands from paused clients."""
    ctx.server.resume()
    return OK


@command(
    "CLIENT|UNBLOCK",
    "connection",
    arity=-3,
    flags="admin noscript loading stale",
    since="5.0.0",
    complexity="O(log N) where N is the number of client connections",
    args="client-id:integer unblock-type(TIMEOUT | ERROR)?",
)
def client_unblock(ctx: Client, client_id: bytes, *reason: bytes):
    """Unblocks a client blocked by a blocking command from a different connection."""
    is_error = False
    if len(reason) == 1:
        if reason[0].lower() not in (b"timeout", b"error"):
            raise CommandError(errors.UNBLOCK_REASON)
        is_error = reason[0].lower() == b"error"
    client = ctx.server.clients.by_id.get(integer(client_id))
    if client is None or client.blocked is None or not client.blocked.can_be_unblocked:
        return 0
    if is_error:
        ctx.server.engine.unblock(client, CommandError(errors.UNBLOCKED))
    else:
        ctx.server.engine.time_out(client)
    return 1
