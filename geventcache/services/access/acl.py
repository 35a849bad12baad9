"""The users of a server: who may log in, and what each may do.

- A client's `access` is its `User`, or None while that user may do everything: then access control costs nothing.
- A change of a user concerns its clients at once: the user object stays and gets new rules. It is made on a copy and
  takes effect as a whole or not at all.
- Passwords are kept as SHA-256 only. The setting `requirepass` replaces the default user's passwords.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.persistence.files import replace_file
from geventcache.services.access.acl_log import AclLog
from geventcache.services.access.acl_rules import ALL, READ, REASONS, Refused, RuleError, Selector

DEFAULT_USER = b"default"
HASH_LENGTH = 64
HEX_DIGITS = b"0123456789abcdef"


class User:
    """A user.

    Attributes:
        is_on: clients may log in. is_nopass: any password will do. passwords: their hashes.
        root: the rights of its own; selectors: further sets of rights, of which one suffices.
    """

    def __init__(self, acl: Acl, name: bytes) -> None:
        self.acl = acl
        self.name = name
        self.reset()

    def reset(self) -> None:
        """A user who may do nothing."""
        self.is_on = False
        self.is_nopass = False
        self.passwords: list[bytes] = []
        self.root = self.acl.new_selector()
        self.selectors: list[Selector] = []

    def copy(self) -> User:
        """One with the same rules."""
        other = User(self.acl, self.name)
        other.become(self)
        other.root = self.root.copy()
        other.passwords = list(self.passwords)
        other.selectors = [selector.copy() for selector in self.selectors]
        return other

    def become(self, other: User) -> None:
        """Take the rules of another one, who is given up."""
        self.is_on, self.is_nopass, self.passwords = other.is_on, other.is_nopass, other.passwords
        self.root, self.selectors = other.root, other.selectors

    @property
    def is_open(self) -> bool:
        """Nobody has to log in to be this user."""
        return self.is_on and self.is_nopass

    @property
    def rights(self) -> list[Selector]:
        """All sets of rights."""
        return [self.root, *self.selectors]

    # ------------------------------------------------------------------ rules

    def apply(self, rule: bytes) -> None:
        """Add a rule.

        Raises:
            RuleError: it is none.
        """
        word = rule.lower()
        if word in (b"on", b"off"):
            self.is_on = word == b"on"
        elif word == b"nopass":
            self.is_nopass, self.passwords = True, []
        elif word == b"resetpass":
            self.is_nopass, self.passwords = False, []
        elif word == b"reset":
            self.reset()
        elif word == b"clearselectors":
            self.selectors = []
        elif rule[:1] in (b">", b"#", b"<", b"!"):
            self.change_password(rule[:1], rule[1:])
        elif rule[:1] == b"(" and rule[-1:] == b")":
            self.add_selector(rule[1:-1])
        elif word not in (b"", b"sanitize-payload", b"skip-sanitize-payload"):
            self.root.apply(rule)

    def add_selector(self, rules: bytes) -> None:
        """Add a set of rights, from rules with spaces between them."""
        selector = self.acl.new_selector()
        for rule in rules.split():
            selector.apply(rule)
        self.selectors.append(selector)

    def change_password(self, sign: bytes, text: bytes) -> None:
        """Add or remove a password, given itself or as its hash."""
        hashed = hash_of(text) if sign in (b">", b"<") else check_hash(text)
        if sign in (b">", b"#"):
            self.is_nopass = False
            if hashed not in self.passwords:
                self.passwords.append(hashed)
        elif hashed in self.passwords:
            self.passwords.remove(hashed)
        else:
            raise RuleError(errors.RULE_NO_SUCH_PASSWORD)

    # ------------------------------------------------------------------ judgement

    def accepts(self, password: bytes) -> bool:
        """May a client with this password log in?"""
        hashed = hash_of(password)
        return self.is_on and (self.is_nopass or any(compare_digest(hashed, one) for one in self.passwords))

    def judge(self, index: int, command: Any, args: list[bytes]) -> Refused | None:
        """Why a request is refused to a client in the database of that number; None if it is not."""
        worst: Refused | None = None
        for selector in self.rights:
            refused = selector.refusal(index, command, args)
            if refused is None:
                return None
            if worst is None or REASONS.index(refused[0]) > REASONS.index(worst[0]):
                worst = refused
        return worst

    def refusal(self, client: Any, command: Any, args: list[bytes]) -> bytes | None:
        """The error text that refuses a client's request, which is logged; None if it may run."""
        refused = self.judge(client.db.index, command, args)
        if refused is None:
            return None
        self.acl.log.note(client, *refused, self.name)
        if client.is_in_exec and not client.is_script:
            return errors.acl_changed(refused[0])
        return errors.not_permitted(refused[0], self.name, command.name)

    def may_read_everywhere(self) -> bool:
        """May all keys be read? Patterns of SORT can name any."""
        return any(one.has_all_keys or one.keys.get(ALL, 0) & READ for one in self.rights)

    def may_listen(self, client: Any) -> bool:
        """May a client keep all that it has subscribed to?"""
        return all(
            any(one.allows_channel(name, is_pattern) for one in self.rights)
            for names, is_pattern in ((client.channels, False), (client.patterns, True), (client.shard_channels, False))
            for name in names or ()
        )

    # ------------------------------------------------------------------ as text

    def flags(self) -> list[bytes]:
        """The words of ACL GETUSER."""
        return [b"on" if self.is_on else b"off", *([b"nopass"] if self.is_nopass else [])]

    def text(self) -> bytes:
        """The line of ACL LIST and of the file."""
        hashes = [b"#" + one for one in self.passwords]
        selectors = [b"(" + selector.text() + b")" for selector in self.selectors]
        return b" ".join([b"user", self.name, *self.flags(), *hashes, self.root.text(), *selectors])


class Acl:
    """The users of one server.

    Attributes:
        users: by name. default: the user of those who have not logged in.
        log: what was refused.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.config = state.config
        self.log = AclLog(state.config)
        self.default = self.open_user()
        self.users: dict[bytes, User] = {DEFAULT_USER: self.default}
        self.require_password(self.config["requirepass"])
        self.config.on_change("requirepass", self.require_password)

    def new_selector(self) -> Selector:
        """A set of no rights."""
        has_all_channels = self.config["acl-pubsub-default"] == b"allchannels"
        return Selector(self.state.table, self.config["databases"], has_all_channels)

    def open_user(self) -> User:
        """The default user as it is in the beginning."""
        user = User(self, DEFAULT_USER)
        for rule in (b"on", b"nopass", b"~*", b"&*", b"+@all"):
            user.apply(rule)
        return user

    def require_password(self, password: bytes) -> None:
        """Let the default user have this password only, or need none if it is empty."""
        self.default.apply(b"resetpass")
        self.default.apply(b">" + password if password else b"nopass")
        self.follow()

    def access_of(self, user: bytes) -> User | None:
        """The user if its rights are limited; None if it may do everything."""
        found = self.users[user]
        return None if found.root.is_unrestricted else found

    def follow(self) -> None:
        """Rules were changed: look at all clients anew."""
        for client in self.state.clients:
            client.access = self.access_of(client.user) if client.user in self.users else client.access
            admit(client, not client.needs_auth or self.default.is_open)

    # ------------------------------------------------------------------ changes

    def learn(self, name: bytes) -> None:
        """There is a new command: who may call all may call it, too."""
        for user in self.users.values():
            for selector in user.rights:
                if selector.has_all_commands:
                    selector.commands.add(name)

    def set_user(self, name: bytes, rules: Iterable[bytes]) -> list[Any]:
        """Make or change a user; return the clients that may not stay connected.

        Raises:
            CommandError: a rule is wrong; nothing was changed then.
        """
        known = self.users.get(name)
        changed = User(self, name) if known is None else known.copy()
        for rule in join_selectors(rules):
            try:
                changed.apply(rule)
            except RuleError as error:
                raise CommandError(errors.wrong_rule(rule, error.args[0])) from None
        if known is None:
            self.users[name] = known = changed
        else:
            known.become(changed)
        self.follow()
        return [client for client in self.clients_of(name) if not known.may_listen(client)]

    def delete_users(self, names: Iterable[bytes]) -> tuple[int, list[Any]]:
        """Delete users; return how many there were, and their clients, which may not stay connected.

        Raises:
            CommandError: one of them is the default user; none was deleted then.
        """
        wanted = list(names)
        if DEFAULT_USER in wanted:
            raise CommandError(errors.DEFAULT_USER_STAYS)
        deleted = [name for name in dict.fromkeys(wanted) if self.users.pop(name, None) is not None]
        return len(deleted), [client for name in deleted for client in self.clients_of(name)]

    def clients_of(self, name: bytes) -> list[Any]:
        """The clients that are logged in as a user."""
        return [client for client in self.state.clients if client.user == name]

    # ------------------------------------------------------------------ the file

    def lines(self) -> list[bytes]:
        """All users by name, each as a line."""
        return [self.users[name].text() for name in sorted(self.users)]

    def path(self) -> bytes:
        """Where the users are kept.

        Raises:
            CommandError: nowhere.
        """
        path: bytes = self.config["aclfile"]
        if not path:
            raise CommandError(errors.NO_ACL_FILE)
        return path

    def save(self) -> None:
        """Write all users to the file, which is replaced at once.

        Raises:
            CommandError: there is no file, or it cannot be written.
        """
        path = os.fsdecode(self.path())
        try:
            replace_file(path, b"".join(line + b"\n" for line in self.lines()))
        except OSError as error:
            self.state.log.error("acl_not_saved", path=path, error=str(error))
            raise CommandError(errors.ACL_NOT_SAVED) from None

    def load(self) -> list[Any]:
        """Replace all users by those of the file; return the clients that may not stay connected.

        Raises:
            CommandError: there is no file, or something in it is wrong; nothing was changed then.
        """
        users = self.read(os.fsdecode(self.path()))
        default = users.pop(DEFAULT_USER, None)
        self.default.become(default or self.open_user())
        self.users = {DEFAULT_USER: self.default, **users}
        self.follow()
        return [
            client
            for client in self.state.clients
            if client.user not in self.users or not self.users[client.user].may_listen(client)
        ]

    def read(self, path: str) -> dict[bytes, User]:
        """The users of a file.

        Raises:
            CommandError: with all that is wrong.
        """
        try:
            with open(path, "rb") as f:
                lines = f.read().split(b"\n")
        except OSError as error:
            raise CommandError(errors.acl_unreadable(path, error.strerror or str(error))) from None
        users: dict[bytes, User] = {}
        wrong = []
        for number, line in enumerate(lines, 1):
            try:
                self.read_line(line.strip(), users)
            except RuleError as error:
                wrong.append(b"%b:%d: %b" % (os.fsencode(path), number, error.args[0]))
        if wrong:
            raise CommandError(errors.acl_wrong(wrong))
        return users

    def read_line(self, line: bytes, users: dict[bytes, User]) -> None:
        """Add the user of a line of the file, if there is one in it.

        Raises:
            RuleError: with what is wrong.
        """
        if not line or line.startswith(b"#"):
            return
        words = line.split()
        if words[0] != b"user" or len(words) < 2:
            raise RuleError(errors.ACL_LINE)
        if words[1] in users:
            raise RuleError(errors.acl_duplicate(words[1]))
        user = users[words[1]] = User(self, words[1])
        try:
            for rule in join_selectors(words[2:]):
                user.apply(rule)
        except CommandError as error:
            raise RuleError(error.text) from None


def join_selectors(rules: Iterable[bytes]) -> list[bytes]:
    """Rules with those of a selector as one, though it was given as several words.

    Raises:
        CommandError: a selector does not end.
    """
    joined: list[bytes] = []
    begin: bytes | None = None
    for rule in rules:
        if begin is not None:
            joined[-1] += b" " + rule
        else:
            joined.append(rule)
            begin = rule if rule[:1] == b"(" else None
        if rule[-1:] == b")":
            begin = None
    if begin is not None:
        raise CommandError(errors.unclosed_selector(begin))
    return joined


def admit(client: Any, is_in: bool) -> None:
    """Let a client in, or out; the limits of its requests follow."""
    client.needs_auth = not is_in
    if client.reader is not None:
        client.reader.is_trusted = is_in
    client.review()


def hash_of(password: bytes) -> bytes:
    """What is kept of a password."""
    return sha256(password).hexdigest().encode()


def check_hash(text: bytes) -> bytes:
    """The hash of a password itself.

    Raises:
        RuleError: it is none.
    """
    if len(text) != HASH_LENGTH or text.strip(HEX_DIGITS):
        raise RuleError(errors.RULE_HASH)
    return text
