"""Effects: requests that repeat what happened, exactly, wherever and whenever they are run.

The rules:

- A command that changed something is noted with its own request, or with what its declaration's `effect` makes of it.
  Of a composite one (EXEC, EVAL, FCALL) the commands that it calls are noted.
- What expires or is evicted is a DEL (HDEL of fields) at once, in order: before the effect of the command that met it.
  So whoever repeats effects never decides by a clock of its own.
- A unit is what one top-level call did. It goes to the sinks as a whole, when it is complete.
"""

from typing import Any

from geventcache.base.errors import CommandError
from geventcache.command.effects import DEL, HDEL

SELECT = b"SELECT"
MULTI = b"MULTI"
EXEC = b"EXEC"


class Sink:
    """Takes effects: a journal, the backlog of replication.

    Attributes:
        takes_messages: PUBLISH and SPUBLISH are for it, too.
    """

    takes_messages = False

    def note(self, index: int, requests: list[list[bytes]]) -> None:
        """Take a unit: `requests` to be run one after the other, with nothing in between.

        It begins and ends in the database of the number `index`: whoever writes units one after the other writes a
        SELECT when that is another one than before; a unit that concerns several databases has SELECTs of its own.

        The requests are to be read only: they are the lists that clients sent, their names in any case. The call must
        not yield, run commands, or raise.
        """
        raise NotImplementedError


def in_transaction(requests: list[list[bytes]]) -> list[list[bytes]]:
    """The requests of a unit, between MULTI and EXEC if there are several."""
    return requests if len(requests) == 1 else [[MULTI], *requests, [EXEC]]


class Effects:
    """The effects of one server.

    Attributes:
        sinks: who takes them.
        unit: what is complete as soon as the running call is: (number of the database, request, is it a message).
        depth: how many calls are running within each other.
    """

    def __init__(self, clock) -> None:
        self.clock = clock
        self.sinks: list[Any] = []
        self.unit: list[tuple[int, list[bytes], bool]] = []
        self.depth = 0

    def begin(self):
        """A call begins."""
        self.depth += 1

    def end(self):
        """A call has ended: a unit is complete if it was a top-level one."""
        self.depth -= 1
        if self.depth == 0 and self.unit:
            self.hand_over()

    def abandon(self):
        """An exception that nobody catches has ended all calls: what they had done so far is a unit."""
        self.depth = 1
        self.end()

    def note(self, index, command, args, value, told):
        """A command has run in the database `index` and changed something, or has to be repeated even so.

        Args:
            value: what it returned; told: what it said beside that, None if nothing.
        """
        if command.is_composite or type(value) is CommandError:
            return
        if command.effect is None:
            self.unit.append((index, args, command.is_message))
            return
        facts = value if told is None else told.facts
        for request in command.effect(args, facts, self.clock.now_ms):
            self.unit.append((index, request, False))

    def lost(self, keyspace, key, names):
        """A key, or these elements of its hash, are gone without a command that asked for it."""
        self.unit.append((keyspace.index, [DEL, key] if names is None else [HDEL, key, *names], False))
        if self.depth == 0:
            self.hand_over()

    def hand_over(self):
        """Give a complete unit to the sinks."""
        unit, self.unit = self.unit, []
        for sink in self.sinks:
            taken = unit if sink.takes_messages else [one for one in unit if not one[2]]
            if taken:
                sink.note(taken[0][0], requests_of(taken))


def requests_of(unit):
    """The requests of a unit, with a SELECT wherever the database changes; it ends in the one in which it began."""
    if len(unit) == 1:
        return [unit[0][1]]
    first = selected = unit[0][0]
    requests: list = []
    for index, request, _ in unit:
        if index != selected:
            requests.append([SELECT, b"%d" % index])
            selected = index
        requests.append(request)
    if selected != first:
        requests.append([SELECT, b"%d" % first])
    return requests
