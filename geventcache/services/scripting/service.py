"""Scripts and functions at run time: which one runs, what it may do, and what it asks of the server.

- A script's commands are called by a client of their own (`is_script`), one a server, in the caller's database and with
  the caller's rights. Its failures are values: nothing is raised into Lua. Replies go to it as clients read them.
- One script runs at a time. After busy-reply-threshold it is busy: between two slices of its instructions other clients
  are let in, and the gate answers them BUSY, but for what ends the script. It goes on with the time at which it began.
- A script that has written is not killed: half of its changes would stay.
"""

from math import copysign
from typing import Any, cast

from geventcache.base import errors
from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.base.numbers import format_float
from geventcache.command.table import Command
from geventcache.resp.values import OK
from geventcache.resp.writer import ReplyWriter
from geventcache.services.observing.info import REDIS_VERSION, VALKEY_VERSION
from geventcache.services.runner import Runner
from geventcache.services.scripting.door import (
    ALLOWED,
    CALL,
    ENDED,
    FAILED,
    FALSE,
    MORE,
    NIL,
    NUMBER,
    OKAY,
    RESP,
    SHA1,
    TEXT,
    TICK,
    Host,
)
from geventcache.services.scripting.headers import Rules, read_script
from geventcache.services.scripting.libraries import Function, Libraries, Library, load_library
from geventcache.services.scripting.runtime import Runtime
from geventcache.services.scripting.scripts import Script, ScriptCache, sha_of
from geventcache.services.shards.slots import NO_SLOT, slot_of_keys

LOAD_LIMIT_MS = 500
LOG_LEVELS = (b"debug", b"verbose", b"notice", b"warning", b"nothing")
NO_ARGUMENTS = b"ERR Please specify at least one argument for this call"
UNKNOWN_COMMAND = b"ERR Unknown command called from script"
WRONG_COUNT = b"ERR Wrong number of args calling command from script"
NOT_ALLOWED = b"ERR This Valkey command is not allowed from script"
NOT_BUSY = b"NOTBUSY No scripts in execution right now."
UNKILLABLE = (
    b"UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script "
    b"termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
STOPPED = b"ERR the server is shutting down"
LOAD_TIMEOUT = b"ERR FUNCTION LOAD timeout"
PIECE_ITEMS = 10_000  # of a long array
PIECE_BYTES = 1 << 20
BREAK_US = 2000  # how long a busy script runs before others are let in again
NEVER_US = 1 << 62
LOADING_RULES = Rules(allows_oom=True)
TWO_TO_63 = 1 << 63
SCRIPT = b"SCRIPT"
FUNCTION = b"FUNCTION"


class Run:
    """A script or a function that runs.

    Attributes:
        kind: SCRIPT or FUNCTION: which KILL ends it.
        rules: what it says that it may do.
        is_write, is_denied_oom, runs_queue: as of a Command, for the gate: of one that declares its rules.
        questions: what the gate asks about each of its commands.
        name, request: of a function, for FUNCTION STATS.
        started_us: when it began.
        due_us: after how long others are let in; or, while a library is loaded, it is at an end.
        is_out_of_memory: there was no memory when it began.
        is_loading: it is a library that registers its functions.
        has_written: it called a command that writes.
        is_busy: others are answered BUSY.
        slot: the hash slot of its keys; keeps_slot: it may use no others.
        verdict: the error text with which it has to end.
        escape: what is to be raised when it has ended: nothing is raised through Lua.
        counted: the last error of a command that it called, which the statistics have.
    """

    def __init__(self, kind: bytes, limit_ms: int, rules: Rules | None = None, only_reads: bool = False) -> None:
        self.kind = kind
        self.rules: Any = rules or LOADING_RULES
        self.is_read_only = only_reads or self.rules.is_read_only
        self.is_write = self.rules.is_declared and not self.rules.is_read_only
        self.is_denied_oom = self.is_write and not self.rules.allows_oom
        self.runs_queue = False
        self.questions: tuple[Any, ...] = ()
        self.name = b""
        self.request: list[bytes] = []
        self.started_us = monotonic_us()
        self.due_us = limit_ms * 1000 or NEVER_US
        self.is_out_of_memory = False
        self.is_loading = False
        self.has_written = False
        self.is_busy = False
        self.slot = NO_SLOT
        self.keeps_slot = False
        self.verdict: bytes | None = None
        self.escape: BaseException | None = None
        self.counted: bytes | None = None

    def elapsed_us(self) -> int:
        """Since it began."""
        return int(monotonic_us()) - self.started_us

    def lacks_memory(self) -> bool:
        """Are commands that need memory refused to it until it has begun to write?"""
        return self.is_out_of_memory and not self.rules.allows_oom

    def has_counted(self, text: bytes) -> bool:
        """Is the error with which it ends that of a command that it called?"""
        return self.counted is not None and text.startswith(self.counted)


class Scripting(Host):
    """The scripts of a server.

    Attributes:
        cache: of EVAL and SCRIPT LOAD; libraries: of FUNCTION LOAD.
        running: the Run that is under way.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.cache = ScriptCache()
        self.libraries = Libraries()
        self.running: Any = None
        self.made: Runtime | None = None
        self.client: Any = None
        self.known: dict[bytes, Any] = {}
        self.allows_tests = False
        self.door: Any = None
        self.engine = cast(Runner, None)  # until there is a runtime
        self.writer = ReplyWriter()
        self.pending: list[Any] = []
        self.position = 0
        self.slots: Any = None if state.cluster is None else state.cluster.slots

    @property
    def runtime(self) -> Runtime:
        """The runtime, made when it is needed first."""
        if self.made is None:
            client = self.state.new_client()
            client.is_script = True
            made = Runtime(self, versions(), self.state.config["script-max-memory"])
            made.on_much_freed = self.state.databases.graveyard.note_much
            self.client, self.door, self.made = client, made.door, made
            self.engine = self.state.engine
            self.state.config.on_change("script-max-memory", self.made.limit_memory)
            self.state.config.on_change("loglevel", self.log_from)
            self.log_from(self.state.config["loglevel"])
        return self.made

    def log_from(self, level: bytes) -> None:
        """Scripts need not call for lines of the log that are less important than a level."""
        self.door.log_from(LOG_LEVELS.index(level))

    def used_memory(self) -> int:
        """Bytes that Lua uses; none before the first script."""
        return self.made.used() if self.made is not None else 0

    # ------------------------------------------------------------------ scripts and functions

    def script_of_text(self, text: bytes) -> Script:
        """The script of a text, compiled if it is new.

        Raises:
            CommandError: it is no script.
        """
        return self.cache.of_text(text) or self.compile(text, False)

    def rules_of_sha(self, sha: bytes) -> Rules | None:
        """What a script that is kept declares; None if there is none."""
        script = self.cache.of_sha(sha)
        return None if script is None else script.rules

    def rules_of_function(self, name: bytes) -> Rules | None:
        """What a function declares; None if there is none."""
        function = self.libraries.functions.get(name.lower())
        return None if function is None else function.rules

    def load_script(self, text: bytes) -> bytes:
        """Keep a script until SCRIPT FLUSH; return its SHA1.

        Raises:
            CommandError: it is no script.
        """
        script = self.cache.of_text(text)
        if script is None:
            script = self.compile(text, True)
        else:
            self.cache.keep(script)
        return script.sha

    def compile(self, text: bytes, is_loaded: bool) -> Script:
        """Make a script and keep it."""
        body, rules = read_script(text)
        script = Script(sha_of(text), text, self.runtime.compile(body), rules, is_loaded)
        self.cache.add(script)
        return script

    def run_script(
        self, caller: Any, script: Script, keys: tuple[bytes, ...], args: tuple[bytes, ...], is_read_only: bool
    ) -> Any:
        """Run a script for a client; return its value.

        Raises:
            CommandError: it may not run, or failed.
        """
        run = self.begin(caller, SCRIPT, script.rules, is_read_only)
        run.slot = slot_of_keys(list(keys)) if run.keeps_slot else NO_SLOT
        try:
            self.hand_over([*keys, *args])
            return self.runtime.run(script.function, len(keys))
        except CommandError as error:
            error.is_counted = run.has_counted(error.text)
            raise
        finally:
            self.end(run)

    def call_function(
        self, caller: Any, function: Function, request: list[bytes], count: int, is_read_only: bool
    ) -> Any:
        """Call a function of a library for a client; return its value.

        Args:
            request: the whole request, the first argument of the function at index 3.
            count: how many of the arguments are keys.

        Raises:
            CommandError: it may not run, or failed.
        """
        run = self.begin(caller, FUNCTION, function.rules, is_read_only)
        run.name, run.request = function.name, request
        keys = request[3 : 3 + count]
        run.slot = slot_of_keys(keys) if run.keeps_slot else NO_SLOT
        try:
            self.hand_over(request[3:])
            return self.runtime.call(function.callback, count)
        except CommandError as error:
            error.is_counted = run.has_counted(error.text)
            raise
        finally:
            self.end(run)

    def hand_over(self, items: list[bytes]) -> None:
        """Keys and arguments of a script that is about to run.

        Raises:
            CommandError: there is no memory for them.
        """
        self.runtime.make_room(64 * len(items) + sum(map(len, items)))
        if items:
            self.writer.resp3 = False
            self.give_list(items)
        else:
            self.door.give(NIL)

    def library_of(self, code: bytes, limit_ms: int = 0) -> Library:
        """Make a library of its code; it is not yet in place.

        Args:
            limit_ms: for how long the code may run; 0 for as long as it takes, where it was loaded before.

        Raises:
            CommandError: it cannot be loaded.
        """
        return load_library(code, lambda body: self.load(body, limit_ms))

    def load(self, body: bytes, limit_ms: int) -> Any:
        """Run the code of a library; return what it registers."""
        run = self.running = Run(FUNCTION, limit_ms)
        run.is_loading = True
        try:
            return self.runtime.load(body)
        finally:
            self.end(run)

    def begin(self, caller: Any, kind: bytes, rules: Rules, is_read_only: bool) -> Run:
        """A script is about to run.

        Raises:
            CommandError: it may not.
        """
        run = Run(kind, self.state.config["busy-reply-threshold"], rules, is_read_only)
        run.keeps_slot = rules.keeps_slot and self.slots is not None
        # Asked before the script begins, and not again: nothing is evicted that it has just read.
        run.is_out_of_memory = self.state.is_out_of_memory(caller.db)
        gate = self.state.engine.gate
        text = gate.script_refusal(caller, run)
        if text is not None:
            raise CommandError(text)
        _ = self.runtime
        client = self.client
        client.db = caller.db
        client.user = caller.user
        client.access = caller.access
        client.tracking = caller.tracking
        client.no_touch = caller.no_touch
        self.running = run
        run.questions = gate.of_script()
        return run

    def end(self, run: Run) -> None:
        """A script has ended."""
        self.running = None
        self.pending = []
        self.writer.clear()
        if run.is_busy:
            self.state.review()
        if run.escape is not None:
            raise run.escape

    # ------------------------------------------------------------------ long scripts

    @property
    def is_busy(self) -> bool:
        """Does a script run for so long that others are told?"""
        return self.running is not None and self.running.is_busy

    def busy_error(self) -> bytes:
        """What others are told."""
        assert self.running is not None
        kind = self.running.kind
        return b"BUSY Valkey is busy running a script. You can only call %b KILL or SHUTDOWN NOSAVE." % kind

    def kill(self, kind: bytes) -> None:
        """End the script that is busy.

        Raises:
            CommandError: there is none, or it cannot be ended.
        """
        run = self.running
        if run is None or not run.is_busy:
            raise CommandError(NOT_BUSY)
        if run.has_written:
            raise CommandError(UNKILLABLE)
        if run.kind != kind:
            raise CommandError(self.busy_error())
        run.verdict = b"ERR Script killed by user with %b KILL." % kind

    def tick(self) -> bool:
        """The count hook: let others in if the script has run for long; tell whether it has to end."""
        run: Run | None = self.running
        if run is None:
            return False
        if run.verdict is None and run.elapsed_us() >= run.due_us:
            self.interrupt(run)
        if run.verdict is None:
            return False
        self.runtime.end(run.verdict)
        self.door.give_verdict(run.verdict)
        return True

    def interrupt(self, run: Run) -> None:
        """A script has run for too long."""
        if run.is_loading:
            run.verdict = LOAD_TIMEOUT
            return
        if not run.is_busy:
            run.is_busy = True
            self.state.log.warning("slow_script", kind=run.kind.decode().lower(), ms=run.elapsed_us() // 1000)
            self.state.review()
        try:
            if not self.state.let_clients_in() and run.verdict is None:
                run.verdict = STOPPED
        except BaseException as error:  # the client's greenlet is killed: not by way of Lua
            run.escape = error
            run.verdict = STOPPED
        run.due_us = run.elapsed_us() + BREAK_US

    # ------------------------------------------------------------------ the door

    def answer(self, operation: Any, args: list[Any]) -> None:
        """A script asks for something."""
        try:
            if operation == CALL:
                self.call(args)
            elif operation == TICK:
                self.tick()
            elif operation == MORE:
                self.more()
            elif operation == SHA1:
                self.door.give_text(TEXT, sha_of(args[0]))
            elif operation == ALLOWED:
                self.judge(args)
            else:
                self.log(int(args[0]), args[1])
        except Exception as error:  # a defect of ours, or no memory, must not become an object in the script's hands
            self.writer.clear()
            self.door.give_text(FAILED, self.state.on_defect(error, b"script"))

    def call(self, args: list[Any]) -> None:
        """Run a command for the script: give its value, or what became of it."""
        run = self.running
        if run.elapsed_us() >= run.due_us and self.tick():
            self.door.give(ENDED)
            return
        try:
            self.give(self.value_of(args))
        except CommandError as error:
            if error.is_counted:
                run.counted = error.text
            self.door.give_text(FAILED, error.text)

    def value_of(self, args: list[Any]) -> Any:
        """Run a command; return its value.

        Raises:
            CommandError: the command's, or why it may not run.
        """
        for i, arg in enumerate(args):
            if type(arg) is not bytes:
                args[i] = text_of(arg)
        if not args:
            raise CommandError(NO_ARGUMENTS)
        command: Command | None = self.known.get(args[0])
        if command is None:
            command = self.find(args)
        try:
            if len(args) < command.low or (len(args) > command.high and command.declaration.arity > 0):
                raise CommandError(WRONG_COUNT)
            for ask in self.running.questions:
                text = ask(self.state, self.client, command, args)
                if text is not None:
                    raise CommandError(text)
        except CommandError:
            command.rejected += 1
            raise
        if command.is_write:
            self.running.has_written = True
        self.client.resp3 = self.door.wants_resp3()
        return self.engine.call(self.client, command, args)

    def give(self, value: Any) -> None:
        """A command's value for the script: as it is, or as a reply."""
        kind = type(value)
        if kind is bytes:
            self.door.give_text(TEXT, value)
        elif kind is int:
            self.door.give(NUMBER, value)
        elif value is OK:
            self.door.give(OKAY)
        elif value is None:
            self.door.give(NIL if self.client.resp3 else FALSE)
        else:
            self.writer.resp3 = self.client.resp3
            if kind is list:
                self.give_list(value)
            else:
                self.writer.value(value)
                self.door.give_text(RESP, self.writer.take())

    def give_list(self, values: list[Any]) -> None:
        """An array, of which the first piece at once."""
        self.writer.array_header(len(values))
        self.pending, self.position = values, 0
        self.more()

    def more(self) -> None:
        """The next items of an array."""
        pending = self.pending
        start = end = self.position
        size = 0
        last = min(len(pending), start + PIECE_ITEMS)
        while end < last and size < PIECE_BYTES:
            item = pending[end]
            if type(item) is bytes:
                size += len(item)
            end += 1
        self.writer.items(pending if end - start == len(pending) else pending[start:end])
        self.position = end
        if end == len(pending):
            self.pending = []
        self.door.give_text(RESP, self.writer.take())

    def is_let(self, command: Any) -> bool:
        """May scripts of tests call a command that is not for scripts?"""
        return self.allows_tests and "for_tests" in command.declaration.traits

    def deny_tests(self, are_denied: bool) -> None:
        """Are commands that are meant for tests denied to scripts? They are, until tests say otherwise."""
        self.allows_tests = not are_denied
        self.known.clear()

    def find(self, args: list[bytes]) -> Any:
        """The command of a request of the script.

        Raises:
            CommandError: there is none, or it is not for scripts.
        """
        command = self.state.table.find(args)
        if command is None:
            raise CommandError(UNKNOWN_COMMAND)
        if command.handler is None:
            raise CommandError(errors.unknown_subcommand(args[1], command.name) if len(args) > 1 else WRONG_COUNT)
        if "noscript" in command.declaration.flags and not self.is_let(command):
            command.rejected += 1
            raise CommandError(NOT_ALLOWED if len(args) >= command.low else WRONG_COUNT)
        if args[0] in self.state.table.by_spelling and command.subcommands is None and command.start == 0:
            self.known[args[0]] = command
        return command

    # ------------------------------------------------------------------ what else scripts ask for

    def judge(self, args: list[Any]) -> None:
        """May the caller run a command? Nil if there is no such command."""
        args = [text_of(arg) if type(arg) is not bytes else arg for arg in args]
        command = self.state.table.find(args)
        if command is None or command.handler is None:
            self.door.give(NIL)
            return
        access = self.client.access
        is_allowed = access is None or access.judge(self.client.db.index, command, args) is None
        self.door.give(NUMBER, 1 if is_allowed else 0)

    def log(self, level: int, message: bytes) -> None:
        """A line of a script in the log."""
        log = self.state.log
        write = (log.debug, log.info, log.info, log.warning)[level]
        write("script_log", message=message.decode("utf-8", "backslashreplace"))


def rules_of_text(text: bytes) -> Rules:
    """The rules of a script; those of one without a header if its header is wrong."""
    try:
        return read_script(text)[1]
    except CommandError:
        return Rules()


def versions() -> dict[bytes, Any]:
    """The server's name and versions, as scripts compare them."""
    facts: dict[bytes, Any] = {b"SERVER_NAME": b"valkey"}
    for name, version in ((b"REDIS", REDIS_VERSION), (b"VALKEY", VALKEY_VERSION)):
        major, minor, patch = map(int, version.split("."))
        facts[name + b"_VERSION"] = version.encode()
        facts[name + b"_VERSION_NUM"] = major << 16 | minor << 8 | patch
    return facts


def text_of(number: float) -> bytes:
    """A number of Lua as the argument of a command."""
    if -TWO_TO_63 < number < TWO_TO_63:
        integer = int(number)
        return b"%d" % integer if integer == number else format_float(number)
    if number != number:
        return b"-nan" if copysign(1, number) < 0 else b"nan"
    return format_float(number)
