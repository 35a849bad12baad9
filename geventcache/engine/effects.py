# cython: boundscheck=False, wraparound=False, cdivision=True
"""Effects: requests that repeat what happened, exactly, wherever and whenever they are run.

The rules:

- A command that changed something is noted with its own request, or with what its declaration's `effect` makes of it.
  Of a composite one (EXEC, EVAL, FCALL) the commands that it calls are noted.
- What expires or is evicted is a DEL (HDEL of fields) at once, in order: before the effect of the command that met it.
  So whoever repeats effects never decides by a clock of its own.
- A unit is what one top-level call did. It goes to the sinks as a whole, when it is complete.
- Where a change cannot be told, because a command that had begun ended by a defect or there was no memory to note it,
  the sinks are told so: only all data together say again what there is.
"""

from typing import Any

import cython

from geventcache.base.errors import CommandError
from geventcache.command.effects import DEL, HDEL
from geventcache.resp.requests import RequestBuffer

SELECT = b"SELECT"
MULTI = b"MULTI"
EXEC = b"EXEC"
UNKNOWN_DATABASE = -1


class Sink:
    """Takes effects: a journal, the backlog of replication.

    Attributes:
        takes_messages: PUBLISH and SPUBLISH are for it, too.
        holds_replies: what clients are sent in a turn with effects is held back (see `Connection.must_wait`).
    """

    def __init__(self, takes_messages: bool = False, holds_replies: bool = False) -> None:
        self.takes_messages = takes_messages
        self.holds_replies = holds_replies

    def note(self, index, requests):
        """Take a unit: `requests` to be run one after the other, with nothing in between.

        It begins and ends in the database of the number `index`: whoever writes units one after the other writes a
        SELECT when that is another one than before; a unit that concerns several databases has SELECTs of its own.

        The requests are to be read only: they are the lists that clients sent, their names in any case. The call must
        not yield, run commands, or raise.
        """
        raise NotImplementedError

    def note_one(self, index, request):
        """Take a unit of one request, as most are: `note` without a list around it."""
        self.note(index, [request])

    def lose(self):
        """A change is missing: what was noted, and is from now on, repeats no more what happened.

        The call must not yield, run commands, or raise.
        """

    def begin_anew(self) -> None:
        """All data have been exchanged at once, for those of a primary: what comes is about these.

        The call must not yield, run commands, or raise.
        """


class EffectStream(Sink):
    """Effects as bytes, such as a connection would send them: requests, SELECT where the database changes.

    Attributes:
        noted: how many bytes were noted since the beginning.
        selected: the number of the database that the bytes have selected; UNKNOWN_DATABASE where they begin anew.
    """

    def __init__(self, takes_messages: bool = False, holds_replies: bool = False) -> None:
        Sink.__init__(self, takes_messages, holds_replies)
        self.requests = RequestBuffer()
        self.noted = 0
        self.selected = UNKNOWN_DATABASE

    @property
    def size(self) -> int:
        """How many bytes were noted and not yet taken."""
        return self.requests.size

    def note(self, index, requests):
        """Append a unit, as a transaction if it is more than one request."""
        self.write(index, None, requests)

    def note_one(self, index, request):
        """Append a unit of one request."""
        self.write(index, request, None)

    def write(self, index, request, requests):
        """Append a request, or a unit: all of it or, where memory is short, nothing."""
        buffer: RequestBuffer = self.requests
        start: cython.Py_ssize_t = buffer.size
        try:
            if start == 0:
                self.begin()
            if index != self.selected:
                buffer.append([SELECT, b"%d" % index])
                self.selected = index
            if requests is None:
                buffer.append(request)
            else:
                for request in in_transaction(requests):
                    buffer.append(request)
        except MemoryError:
            self.selected = UNKNOWN_DATABASE
            buffer.cut(start)
            self.lose()
        self.noted += buffer.size - start

    def remark(self, text):
        """Append bytes that are no request."""
        self.requests.append_text(text)

    def begin(self):
        """The first unit since bytes were taken is about to be appended."""

    def take(self):
        """What was noted since the last time, in pieces: a large text is one, and so it is not copied."""
        return self.requests.take()


def in_transaction(requests: list[list[bytes]]) -> list[list[bytes]]:
    """The requests of a unit, between MULTI and EXEC if there are several."""
    return requests if len(requests) == 1 else [[MULTI], *requests, [EXEC]]


class Effects:
    """The effects of one server.

    Attributes:
        sinks: who takes them.
        unit: what is complete as soon as the running call is: (number of the database, request, is it a message).
        depth: how many calls are running within each other.
        told: the count of changes as it was when all were told.
        is_losing: not all sinks have heard yet that a change is missing.
        is_held: there were effects in this turn, and a sink holds back what its clients are sent.
        is_behind: so much waits that nobody may add to it.
    """

    def __init__(self, clock, changes) -> None:
        self.clock = clock
        self.changes = changes
        self.sinks: list[Any] = []
        self.unit: list[tuple[int, list[bytes], bool]] = []
        self.depth = 0
        self.told = 0
        self.is_losing = self.is_held = self.is_behind = False

    def begin(self):
        """A call begins; return how deep it is within others."""
        self.depth += 1
        self.told = self.changes.dirty
        return self.depth

    def end(self, depth):
        """A call that began at this depth has ended: a unit is complete if it was a top-level one."""
        if self.depth != depth or self.is_losing:
            self.lose()  # an exception has ended a call within it
        self.depth = depth - 1
        self.told = self.changes.dirty
        if self.depth == 0 and self.unit:
            self.complete()

    def abandon(self):
        """An exception that nobody catches has ended all calls: what they had done so far is a unit."""
        if self.depth:
            self.doubt()
            self.end(1)
        elif self.is_losing:
            self.lose()

    def doubt(self):
        """A call has failed by a defect: what it may have changed until then, no request repeats."""
        if self.changes.dirty != self.told:
            self.lose()

    def lose(self):
        """A change is missing in what the sinks got, or will get. Without memory even to say so, it is said later."""
        sink: Sink
        self.is_losing = True
        for sink in self.sinks:
            sink.lose()
            if sink.holds_replies:
                self.is_held = True
        self.is_losing = False

    def note(self, index, command, args, value, told):
        """A command has run in the database `index` and changed something, or has to be repeated even so.

        Args:
            value: what it returned; told: what it said beside that, None if nothing.
        """
        if command.is_composite or type(value) is CommandError:
            return
        try:
            self.take_in(index, command, args, value, told)
        except MemoryError:
            self.lose()

    def take_in(self, index, command, args, value, told):
        """Make a unit of a command's effect, or a part of one."""
        is_whole: cython.bint = self.depth == 1 and not self.unit and not command.is_message
        if command.effect is None or len(args) <= command.plain_high:
            if is_whole:
                self.hand_over_one(index, args)  # nothing follows but the end of the call
            else:
                self.unit.append((index, args, command.is_message))
            return
        facts = value if told is None else told.facts
        requests: list = command.effect(args, facts, self.clock.now_ms)
        if is_whole and len(requests) == 1:
            self.hand_over_one(index, requests[0])
            return
        for request in requests:
            self.unit.append((index, request, False))

    def lost(self, keyspace, key, names):
        """A key, or these elements of its hash, are gone without a command that asked for it."""
        try:
            request: list = [DEL, key] if names is None else [HDEL, key, *names]
        except MemoryError:
            self.lose()
            return
        self.repeat(keyspace.index, request)

    def repeat(self, index, request):
        """A request that changes nothing here, but has to be repeated even so, at this place among the others."""
        try:
            self.unit.append((index, request, False))
        except MemoryError:
            self.lose()
        if self.depth == 0:
            self.complete()

    def complete(self):
        """Give a complete unit to the sinks."""
        try:
            unit, self.unit = self.unit, []
            self.share(unit)
        except MemoryError:
            self.lose()

    def share(self, unit):
        """Give a unit to the sinks, without its messages to those who do not take them."""
        changes = [one for one in unit if not one[2]]
        if len(changes) == len(unit):
            self.hand_over(unit[0][0], requests_of(unit))
            return
        sink: Sink
        for sink in self.sinks:
            taken = unit if sink.takes_messages else changes
            if taken:
                self.give(sink, taken[0][0], requests_of(taken))

    def hand_over(self, index, requests):
        """Give requests to all sinks."""
        sink: Sink
        for sink in self.sinks:
            self.give(sink, index, requests)

    def hand_over_one(self, index, request):
        """Give a request to all sinks."""
        sink: Sink
        for sink in self.sinks:
            sink.note_one(index, request)
            if sink.holds_replies:
                self.is_held = True

    def give(self, sink, index, requests):
        """Give requests to one sink."""
        sink.note(index, requests)
        if sink.holds_replies:
            self.is_held = True


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
