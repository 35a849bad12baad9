"""The commands of one server: look-up by name, and the counters that INFO commandstats shows."""

import cython

from geventcache.base.histogram import Histogram
from geventcache.command.arguments import parse_arguments
from geventcache.command.declaration import DECLARATIONS
from geventcache.command.effects import PLAIN
from geventcache.command.introspection import key_range

BRIEF = 8
ELEMENTS = ("field", "member")


class Command:
    """A command at run time: the facts of its declaration as C values, and its counters.

    Attributes:
        name: in lower case, a subcommand as ``client|kill``.
        low, high: least and largest number of request items.
        start: index of the request item that the context takes the place of: 0, or 1 in a subcommand.
        subcommands: by name in lower case, None if there are none.
        first_key, last_key, key_step: where the keys stand (a negative last one counts from the end); the step is 0
            for a command without keys, -1 if only its arguments tell.
        element: where the first name of an element of a container stands, 0 if there is none (options left out).
        draws: it draws a random element.
        is_counted: the argument before the first key is the number of keys.
        may_wait: it is not known that it never lets others in while it runs.
        brief_high: most request items of a call that is brief (see `is_brief`), 0 if none is.
        effect, is_composite, is_noted, is_message: what repeats a call of it, see `Declaration`; plain_high: most items
            of a request that repeats itself even so.
        calls, usec, rejected, failed: counters.
        latency: a Histogram of microseconds, None until the first call that is measured (`is_measured`).
    """

    def __init__(self, declaration) -> None:
        flags = declaration.flags
        self.declaration = declaration
        self.name = declaration.wire_name
        self.handler = declaration.handler
        self.low = declaration.minimum
        self.high = declaration.maximum
        self.start = 1 if "|" in declaration.name else 0
        self.first_key, self.last_key, self.key_step = key_range(declaration)
        self.element = element_position(declaration)
        self.draws = "draws" in declaration.traits
        self.is_counted = self.last_key == 0 and self.key_step > 0
        self.is_write = "write" in flags
        self.may_write = self.is_write or "may_replicate" in declaration.traits
        self.is_denied_oom = "denyoom" in flags
        self.is_admin = "admin" in flags
        self.is_immediate = "immediate" in declaration.traits
        self.runs_queue = "runs_queue" in declaration.traits
        self.is_composite = self.runs_queue or "composite" in declaration.traits
        self.is_message = "message" in declaration.traits
        self.may_wait = self.is_composite or not waits_never(flags)
        self.is_noted = self.is_message or "noted" in declaration.traits
        self.effect = declaration.effect
        self.plain_high = PLAIN.get(declaration.effect, 0)
        self.is_logged = "skip_commandlog" not in flags
        self.is_loud = "skip_monitor" not in flags
        self.subcommands: dict[bytes, Command] | None = None
        self.is_measured = True
        self.brief_high = min(self.high, BRIEF) if is_brief(declaration) else 0
        self.reset()

    def reset(self):
        """Counters to zero."""
        self.calls = 0
        self.usec = 0
        self.rejected = 0
        self.failed = 0
        self.latency: Histogram | None = None

    def note_many(self, count, usec):
        """Count so many calls that took so many microseconds together."""
        self.calls += count
        self.usec += usec
        if self.is_measured:
            if self.latency is None:
                self.latency = Histogram()
            self.latency.record_many(usec // count, count)

    def note(self, usec):
        """Count a call that took so many microseconds."""
        self.calls += 1
        self.usec += usec
        if self.is_measured:
            if self.latency is None:
                self.latency = Histogram()
            self.latency.record_many(usec, 1)


def element_position(declaration):
    """Where in a request the first field or member stands that is no option's; 0 if nowhere."""
    if "field" not in declaration.args and "member" not in declaration.args:
        return 0
    position = 1
    for argument in parse_arguments(declaration.args):
        if "optional" in argument.get("flags", ()):
            continue
        for part in argument.get("arguments", (argument,)):
            if part["name"] in ELEMENTS:
                return position
            position += 1
    return 0


def waits_never(flags):
    """Is a command of these flags one of those that only read or write data, or do next to nothing?"""
    return not flags.isdisjoint(("readonly", "write", "fast")) and flags.isdisjoint(("blocking", "admin", "noscript"))


def is_brief(declaration):
    """Does the command take next to no time whatever its keys hold, and can it neither wait nor change its client?"""
    flags = declaration.flags
    is_fast = "fast" in flags or declaration.complexity == "O(1)"
    return is_fast and "blocking" not in flags and ("readonly" in flags or "write" in flags or flags == {"fast"})


class CommandTable:
    """Commands by name, in any case."""

    def __init__(self, declarations=None) -> None:
        self.commands: dict[bytes, Command] = {}
        self.by_spelling: dict[bytes, Command] = {}
        self.last_spelling: bytes | None = None
        self.last: Command | None = None
        for name, declaration in (DECLARATIONS if declarations is None else declarations).items():
            self.add(name, declaration)

    def add(self, name, declaration):
        """Make the command of a declaration, with its subcommands."""
        command = Command(declaration)
        if declaration.subcommands:
            command.subcommands = {name.lower().encode(): Command(one) for name, one in declaration.subcommands.items()}
        self.last_spelling = None
        self.commands[name.lower().encode()] = command
        # The two spellings that clients use are found at once; others by folding the case.
        self.by_spelling[name.lower().encode()] = self.by_spelling[name.upper().encode()] = command

    def spelled(self, name):
        """The command of a name as clients spell it, or None: `find` knows of other spellings, and of subcommands.

        A pipeline mostly repeats its command, and its reader then gives the same object: that is not looked up again.
        """
        if name is self.last_spelling:
            return self.last
        command: Command | None = self.by_spelling.get(name)
        if command is not None:
            self.last_spelling = name
            self.last = command
        return command

    def find(self, args):
        """The command of a request, a subcommand where there is one; None if there is no such command.

        A container whose subcommand does not exist is returned itself (it has no handler).
        """
        command: Command | None = self.by_spelling.get(args[0])
        if command is None:
            command = self.commands.get(cython.cast(bytes, args[0]).lower())
            if command is None:
                return None
        if command.subcommands is not None and len(args) > 1:
            sub = command.subcommands.get(cython.cast(bytes, args[1]).lower())
            if sub is not None:
                return sub
        return command

    def all(self):
        """All commands, containers before their subcommands."""
        found = []
        for command in self.commands.values():
            found.append(command)
            if command.subcommands is not None:
                found.extend(command.subcommands.values())
        return found

    def measure(self, is_measured):
        """Begin or stop to keep how long calls take."""
        for command in self.all():
            command.is_measured = is_measured

    def reset(self):
        """All counters to zero."""
        for command in self.all():
            command.reset()
