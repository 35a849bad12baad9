"""ACL: users, their rules, and what was refused to them."""

import secrets

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.command.containers import bad_use, container
from geventcache.command.declaration import CATEGORIES, command
from geventcache.command.integers import integer
from geventcache.command.secrets import all_from, of_request_at
from geventcache.commands.client import kill
from geventcache.resp.values import OK, Distinct
from geventcache.services.access.acl_rules import DATABASE, commands_in
from geventcache.services.clients import Client

PASSWORD_BITS = 256
MAX_PASSWORD_BITS = 4096
LOG_SHOWN = 10


container(
    "ACL",
    "server",
    summary="A container for Access List Control commands.",
    since="6.0.0",
    help_since="6.0.0",
)


@command(
    "ACL|CAT",
    "server",
    arity=-2,
    flags="noscript loading stale",
    since="6.0.0",
    complexity="O(1) since the categories and commands are a fixed set.",
    args="category?",
)
def acl_cat(ctx: Client, *category: bytes):
    """Lists the ACL categories, or the commands inside a category."""
    check_count(ctx, category)
    if not category:
        return [name.encode() for name in CATEGORIES]
    name = category[0].lower().decode("latin-1")
    if name not in CATEGORIES:
        raise CommandError(errors.unknown_category(category[0]))
    return [one.name for one in commands_in(ctx.server.table, name)]


def check_count(ctx, words):
    """Refuse more than one argument."""
    if len(words) > 1:
        raise bad_use(ctx, b"ACL")


@command(
    "ACL|DRYRUN",
    "server",
    arity=-4,
    flags="admin noscript loading stale",
    since="7.0.0",
    complexity="O(1).",
    args="username command arg?*",
    secrets=of_request_at(3),
)
def acl_dryrun(ctx: Client, username: bytes, first: bytes, *rest: bytes):
    """Simulates the execution of a command by a user, without executing the command."""
    user = ctx.server.acl.users.get(username)
    if user is None:
        raise CommandError(errors.user_not_found(username))
    args = [first, *rest]
    tried = ctx.server.table.find(args)
    if tried is None or (tried.handler is None and rest):
        raise CommandError(errors.command_not_found(first))
    if not tried.low <= len(args) <= tried.high:
        raise CommandError(errors.wrong_arity(tried.name))
    refused = user.judge(ctx.db.index, tried, args)
    if refused is None:
        return OK
    reason, subject = refused
    if reason == DATABASE and subject == tried.name:
        subject = first
    return errors.not_permitted_in_detail(reason, user.name, subject)


@command(
    "ACL|GENPASS",
    "server",
    arity=-2,
    flags="noscript loading stale",
    since="6.0.0",
    complexity="O(1)",
    args="bits:integer?",
)
def acl_genpass(ctx: Client, *bits: bytes):
    """Generates a pseudorandom, secure password that can be used to identify ACL users."""
    check_count(ctx, bits)
    count = integer(bits[0]) if bits else PASSWORD_BITS
    if not 1 <= count <= MAX_PASSWORD_BITS:
        raise CommandError(errors.PASSWORD_BITS)
    digits = (count + 3) // 4
    return secrets.token_hex((digits + 1) // 2)[:digits].encode()


@command(
    "ACL|GETUSER",
    "server",
    arity=3,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N). Where N is the number of password, command and pattern rules that the user has.",
    args="username",
    history=[
        ("6.2.0", "Added Pub/Sub channel patterns."),
        (
            "7.0.0",
            "Added selectors and changed the format of key and channel patterns from a list to their rule "
            "representation.",
        ),
        ("9.1.0", "Added database permission rules."),
    ],
    secrets=all_from(2),
)
def acl_getuser(ctx: Client, username: bytes):
    """Lists the ACL rules of a user."""
    user = ctx.server.acl.users.get(username)
    if user is None:
        return None
    return {
        b"flags": Distinct(user.flags()),
        b"passwords": list(user.passwords),
        **rights_of(user.root),
        b"selectors": [rights_of(selector) for selector in user.selectors],
    }


def rights_of(selector):
    """One set of rights, as ACL GETUSER shows it."""
    return {
        b"commands": selector.commands_text(),
        b"keys": selector.keys_text(),
        b"channels": selector.channels_text(),
        b"databases": selector.databases_text(),
    }


@command(
    "ACL|LIST",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N). Where N is the number of configured users.",
)
def acl_list(ctx: Client):
    """Dumps the effective rules in ACL file format."""
    return ctx.server.acl.lines()


@command(
    "ACL|LOAD",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N). Where N is the number of configured users.",
)
def acl_load(ctx: Client):
    """Reloads the rules from the configured ACL file."""
    kill(ctx, ctx.server.acl.load())
    return OK


@command(
    "ACL|LOG",
    "server",
    arity=-2,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N) with N being the number of entries shown.",
    args="operation(count:integer | RESET)?",
    history=[("7.2.0", "Added entry ID, timestamp created, and timestamp last updated.")],
)
def acl_log(ctx: Client, *operation: bytes):
    """Lists recent security events generated due to ACL rules."""
    check_count(ctx, operation)
    log = ctx.server.acl.log
    if operation and operation[0].lower() == b"reset":
        log.clear()
        return OK
    count = integer(operation[0]) if operation else LOG_SHOWN
    now_ms = ctx.db.clock.now_ms
    return [entry.shown(now_ms) for entry in list(log.entries)[: max(count, 0)]]


@command(
    "ACL|SAVE",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N). Where N is the number of configured users.",
    tips="request_policy:all_nodes response_policy:all_succeeded",
)
def acl_save(ctx: Client):
    """Saves the effective ACL rules in the configured ACL file."""
    ctx.server.acl.save()
    return OK


@command(
    "ACL|SETUSER",
    "server",
    arity=-3,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N). Where N is the number of rules provided.",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="username rule?*",
    history=[
        ("6.2.0", "Added Pub/Sub channel patterns."),
        ("7.0.0", "Added selectors and key based permissions."),
        ("9.1.0", "Added database permission rules."),
    ],
    secrets=all_from(2),
)
def acl_setuser(ctx: Client, username: bytes, *rules: bytes):
    """Creates and modifies an ACL user and its rules."""
    if any(byte in b" \t\n\v\f\r\0" for byte in username):
        raise CommandError(errors.USER_NAME_INVALID)
    kill(ctx, ctx.server.acl.set_user(username, rules))
    return OK


@command(
    "ACL|USERS",
    "server",
    arity=2,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(N). Where N is the number of configured users.",
)
def acl_users(ctx: Client):
    """Lists all ACL users."""
    return sorted(ctx.server.acl.users)


@command(
    "ACL|DELUSER",
    "server",
    arity=-3,
    flags="admin noscript loading stale",
    since="6.0.0",
    complexity="O(1) amortized time considering the typical user.",
    tips="request_policy:all_nodes response_policy:all_succeeded",
    args="username*",
    secrets=all_from(2),
)
def acl_deluser(ctx: Client, username: bytes, *usernames: bytes):
    """Deletes ACL users, and terminates their connections."""
    count, clients = ctx.server.acl.delete_users((username, *usernames))
    kill(ctx, clients)
    return count


@command(
    "ACL|WHOAMI",
    "server",
    arity=2,
    flags="noscript loading stale",
    since="6.0.0",
    complexity="O(1)",
)
def acl_whoami(ctx: Client):
    """Returns the authenticated username of the current connection."""
    return ctx.user
