"""The rules of access control: what a user may run, and on which keys, channels and databases.

A `Selector` is one set of rights; a user has one of its own and may have further ones, of which one has to suffice.
Rules are read once, when they are given, and kept as sets of commands and as compiled patterns: a request is judged by
looking names up, never by reading rules again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from geventcache.base import errors
from geventcache.base.glob import compile_glob
from geventcache.base.numbers import parse_integer
from geventcache.command.declaration import CATEGORIES, Declaration
from geventcache.command.introspection import keys_and_flags

READ, WRITE = 1, 2
BOTH = READ | WRITE
PREFIXES = {READ: b"%R~", WRITE: b"%W~", BOTH: b"~"}
ALL = b"*"
WRITING = frozenset(("insert", "delete", "update"))
MAX_DB = (1 << 31) - 1

# Why a request is refused. When no selector suffices, the reason that stands last here is told.
COMMAND, KEY, CHANNEL, DATABASE = b"command", b"key", b"channel", b"database"
REASONS = (COMMAND, KEY, CHANNEL, DATABASE)


class RuleError(Exception):
    """A rule cannot be read; the message says why."""


class Refused(tuple[bytes, bytes]):
    """Why a request is refused: the reason, and what it is about."""

    __slots__ = ()


class Selector:
    """One set of rights.

    Attributes:
        rules: on commands, as text, in the order in which they were given, after ``+@all`` or ``-@all``.
        commands: names of the commands allowed; first_args: of commands allowed with some first arguments only.
        keys: patterns with what may be done to the keys; channels: patterns. `has_all_x` stands for every pattern.
        databases: their numbers, None for all.
    """

    def __init__(self, table: Any, database_count: int, has_all_channels: bool = False) -> None:
        self.table = table
        self.database_count = database_count
        self.has_all_channels = has_all_channels
        self.channels: list[bytes] = []
        self.databases: frozenset[int] | None = None
        self.reset_keys()
        self.set_commands(False)

    def copy(self) -> Selector:
        """One with the same rights that shares nothing with this one."""
        other = Selector(self.table, self.database_count, self.has_all_channels)
        other.has_all_keys, other.has_all_commands, other.begins_with_all = (
            self.has_all_keys,
            self.has_all_commands,
            self.begins_with_all,
        )
        other.rules, other.commands, other.keys = list(self.rules), set(self.commands), dict(self.keys)
        other.first_args = {name: set(args) for name, args in self.first_args.items()}
        other.channels, other.databases = list(self.channels), self.databases
        return other

    @property
    def is_unrestricted(self) -> bool:
        """Everything is allowed."""
        return self.has_all_commands and self.has_all_keys and self.has_all_channels and self.databases is None

    # ------------------------------------------------------------------ rules

    def apply(self, rule: bytes) -> None:
        """Add a rule.

        Raises:
            RuleError: it is none.
        """
        word = rule.lower()
        if word in WORDS:
            WORDS[word](self)
        elif rule[:1] in (b"~", b"%"):
            self.add_keys(rule)
        elif rule[:1] == b"&":
            self.add_channels(rule[1:])
        elif rule[:2] in (b"+@", b"-@"):
            self.set_category(rule[:1] == b"+", word[2:])
        elif rule[:1] in (b"+", b"-"):
            self.set_command(rule[:1] == b"+", word[1:])
        elif word.startswith(b"db="):
            self.databases = read_databases(rule[3:])
        else:
            raise RuleError(errors.RULE_SYNTAX)

    def reset_keys(self) -> None:
        """Forget the key patterns."""
        self.has_all_keys = False
        self.keys: dict[bytes, int] = {}

    def allow_all_keys(self) -> None:
        """Every key, for reading and writing."""
        self.reset_keys()
        self.has_all_keys = True

    def add_keys(self, rule: bytes) -> None:
        """Allow a pattern of keys."""
        if self.has_all_keys:
            raise RuleError(errors.PATTERN_AFTER_ALL_KEYS)
        rights, pattern = BOTH, rule[1:]
        if rule[:1] == b"%":
            letters, _, pattern = pattern.partition(b"~")
            rights = read_rights(letters.upper())
        check_pattern(pattern)
        self.keys[pattern] = self.keys.get(pattern, 0) | rights

    def reset_channels(self) -> None:
        """Forget the channel patterns."""
        self.has_all_channels = False
        self.channels = []

    def allow_all_channels(self) -> None:
        """Every channel."""
        self.reset_channels()
        self.has_all_channels = True

    def add_channels(self, pattern: bytes) -> None:
        """Allow a pattern of channels."""
        if self.has_all_channels:
            raise RuleError(errors.PATTERN_AFTER_ALL_CHANNELS)
        check_pattern(pattern)
        if pattern not in self.channels:
            self.channels.append(pattern)

    def set_databases(self, databases: frozenset[int] | None) -> None:
        """Allow these databases only, or all."""
        self.databases = databases

    def set_commands(self, is_allowed: bool) -> None:
        """Allow all commands, or none."""
        self.has_all_commands = self.begins_with_all = is_allowed
        self.rules: list[bytes] = []
        self.first_args: dict[bytes, set[bytes]] = {}
        self.commands: set[bytes] = {command.name for command in self.table.all()} if is_allowed else set()

    def set_category(self, is_allowed: bool, name: bytes) -> None:
        """Allow or forbid the commands of a category."""
        if name.decode("latin-1") not in CATEGORIES:
            raise RuleError(errors.RULE_UNKNOWN)
        for command in commands_in(self.table, name.decode()):
            self.switch(command, is_allowed)
        self.note(is_allowed, b"@" + name)

    def set_command(self, is_allowed: bool, name: bytes) -> None:
        """Allow or forbid a command with its subcommands, or one subcommand, or allow one first argument."""
        command = find_command(self.table, name)
        if command is not None:
            self.switch(command, is_allowed)
            self.note(is_allowed, name)
            return
        parent_name, bar, argument = name.rpartition(b"|")
        parent = find_command(self.table, parent_name)
        if not is_allowed or not bar or parent is None:
            raise RuleError(errors.RULE_UNKNOWN)
        if not argument:
            raise RuleError(errors.RULE_SYNTAX)
        if parent.start:
            raise RuleError(errors.RULE_ARGUMENT_OF_SUBCOMMAND)
        if parent.subcommands is not None:
            raise RuleError(errors.RULE_UNKNOWN)
        self.first_args.setdefault(parent_name, set()).add(argument)
        self.note(True, name)

    def switch(self, command: Any, is_allowed: bool) -> None:
        """Allow or forbid a command and its subcommands."""
        if not is_allowed:
            self.has_all_commands = False
        for one in (command, *(command.subcommands or {}).values()):
            self.first_args.pop(one.name, None)
            if is_allowed:
                self.commands.add(one.name)
            else:
                self.commands.discard(one.name)

    def note(self, is_allowed: bool, name: bytes) -> None:
        """Keep a rule on commands as text; earlier ones that it makes void go."""
        self.rules = [rule for rule in self.rules if rule[1:] != name and not rule[1:].startswith(name + b"|")]
        self.rules.append((b"+" if is_allowed else b"-") + name)

    # ------------------------------------------------------------------ as text

    def commands_text(self) -> bytes:
        """The rules on commands."""
        return b" ".join([b"+@all" if self.begins_with_all else b"-@all", *self.rules])

    def keys_text(self) -> bytes:
        """The rules on keys."""
        if self.has_all_keys:
            return b"~*"
        return b" ".join(PREFIXES[rights] + pattern for pattern, rights in self.keys.items())

    def channels_text(self) -> bytes:
        """The rules on channels."""
        return b"&*" if self.has_all_channels else b" ".join(b"&" + pattern for pattern in self.channels)

    def databases_text(self) -> bytes:
        """The rule on databases."""
        if self.databases is None:
            return b"alldbs"
        return b"db=" + b",".join(b"%d" % index for index in sorted(self.databases)) if self.databases else b""

    def text(self) -> bytes:
        """All rules, as ACL LIST shows them."""
        parts = [self.keys_text(), b"" if self.has_all_channels else b"resetchannels", self.channels_text()]
        if self.databases is not None:
            parts.append(self.databases_text() or b"resetdbs")
        return b" ".join(part for part in (*parts, self.commands_text()) if part)

    # ------------------------------------------------------------------ judgement

    def refusal(self, index: int, command: Any, args: list[bytes]) -> Refused | None:
        """Why a request is refused to a client in the database of that number; None if it is not."""
        place = self.forbidden_database(index, command, args)
        if place is not None:
            return Refused((DATABASE, place))
        if not self.allows_command(command, args):
            return Refused((COMMAND, command.name))
        if not self.has_all_keys:
            for key, flags in keys_of(command.declaration, args):
                if not self.allows_key(key, rights_for(flags)):
                    return Refused((KEY, key))
        channels = command.declaration.channels
        if not self.has_all_channels and channels is not None:
            for channel in args[channels.where]:
                if not self.allows_channel(channel, channels.are_patterns):
                    return Refused((CHANNEL, channel))
        return None

    def allows_command(self, command: Any, args: list[bytes]) -> bool:
        """May the command be run, with this first argument? Those that let a client in, or out, always may."""
        if self.has_all_commands or command.name in self.commands or "no_auth" in command.declaration.flags:
            return True
        return len(args) > 1 and args[1].lower() in self.first_args.get(command.name, ())

    def forbidden_database(self, index: int, command: Any, args: list[bytes]) -> bytes | None:
        """What a request names or uses a forbidden database by; None if it does not."""
        if self.databases is None:
            return None
        name: bytes = command.name
        declaration: Declaration = command.declaration
        if "all_databases" in declaration.traits:
            return name
        for i in declaration.databases(args) if declaration.databases is not None else ():
            number = parse_integer(args[i])
            if number is not None and 0 <= number < self.database_count and number not in self.databases:
                return args[i]
        is_own_used = "other_databases" not in declaration.traits and uses_data(declaration)
        return name if is_own_used and index not in self.databases else None

    def allows_key(self, key: bytes, rights: int) -> bool:
        """May this be done to the key?"""
        return self.has_all_keys or any(
            granted & rights == rights and matches(pattern, key) for pattern, granted in self.keys.items()
        )

    def allows_channel(self, channel: bytes, is_pattern: bool) -> bool:
        """May the channel be used? A pattern has to be allowed literally."""
        if self.has_all_channels:
            return True
        return channel in self.channels if is_pattern else any(matches(one, channel) for one in self.channels)


WORDS: dict[bytes, Callable[[Selector], None]] = {
    b"allkeys": Selector.allow_all_keys,
    b"~*": Selector.allow_all_keys,
    b"resetkeys": Selector.reset_keys,
    b"allchannels": Selector.allow_all_channels,
    b"&*": Selector.allow_all_channels,
    b"resetchannels": Selector.reset_channels,
    b"allcommands": lambda selector: selector.set_commands(True),
    b"+@all": lambda selector: selector.set_commands(True),
    b"nocommands": lambda selector: selector.set_commands(False),
    b"-@all": lambda selector: selector.set_commands(False),
    b"alldbs": lambda selector: selector.set_databases(None),
    b"resetdbs": lambda selector: selector.set_databases(frozenset()),
}


def commands_in(table: Any, category: str) -> Iterator[Any]:
    """The commands and subcommands of a category."""
    return (command for command in table.all() if category in command.declaration.categories)


def find_command(table: Any, name: bytes) -> Any:
    """The command, container or subcommand (``client|id``) of a name in lower case; None if there is none."""
    found = table.find(name.split(b"|", 1)) if name else None
    return found if found is not None and found.name == name else None


def matches(pattern: bytes, text: bytes) -> bool:
    """Does a glob match? Here ``*`` matches the empty text, too."""
    return pattern == ALL or bool(compile_glob(pattern)(text))


def check_pattern(pattern: bytes) -> None:
    """Refuse a pattern that a line of rules could not hold."""
    if any(byte in b" \t\n\v\f\r\0" for byte in pattern):
        raise RuleError(errors.RULE_SYNTAX)


def read_rights(letters: bytes) -> int:
    """The rights of ``%RW~``."""
    if letters not in (b"R", b"W", b"RW", b"WR"):
        raise RuleError(errors.RULE_SYNTAX)
    return READ * (b"R" in letters) | WRITE * (b"W" in letters)


def read_databases(text: bytes) -> frozenset[int]:
    """The numbers of a list with commas."""
    numbers = [parse_integer(word.strip()) for word in text.split(b",")]
    if any(number is None for number in numbers):
        raise RuleError(errors.RULE_SYNTAX)
    found = frozenset(number for number in numbers if number is not None)
    if not all(0 <= number <= MAX_DB for number in found):
        raise RuleError(errors.RULE_DATABASE)
    return found


def keys_of(declaration: Declaration, args: list[bytes]) -> list[tuple[bytes, tuple[str, ...]]]:
    """The keys of a request; none when its arguments do not fit, which the command will find out itself."""
    if not declaration.keys:
        return []
    try:
        return keys_and_flags(declaration, args)
    except ValueError:
        return []


def rights_for(flags: tuple[str, ...]) -> int:
    """What a command that does this to a key must be allowed."""
    return READ * ("access" in flags) | WRITE * (not WRITING.isdisjoint(flags))


def uses_data(declaration: Declaration) -> bool:
    """Does a command look at the keys of its client's database?"""
    if "write" in declaration.flags or "readonly" in declaration.flags or "keyspace" in declaration.categories:
        return True
    return any("not_key" not in spec.flags for spec in declaration.keys)
