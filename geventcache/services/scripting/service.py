"""Scripts and functions at run time: which one runs, what it may do, and what it asks of the server.

- A script's commands are called by a client of their own (`is_script`), one a server, in the caller's database and with
  the caller's rights. Its failures are values: nothing is raised into Lua.
- One script runs at a time. After busy-reply-threshold it is busy: between two slices of its instructions other clients
  are let in, and the gate answers them BUSY, but for what ends the script. It goes on with the time at which it began.
- A script that has written is not killed: half of its changes would stay.
"""

import contextlib
from math import copysign
from typing import Any

from geventcache.base import errors
from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.base.numbers import format_float
from geventcache.resp.values import OK
from geventcache.services.observing.info import REDIS_VERSION
from geventcache.services.scripting.headers import Rules, read_script
from geventcache.services.scripting.libraries import Function, Libraries, load_library
from geventcache.services.scripting.replies import INT64_MAX, INT64_MIN, tokens_of
from geventcache.services.scripting.runtime import SMALL, Runtime
from geventcache.services.scripting.scripts import Script, ScriptCache, sha_of
from geventcache.services.shards.slots import NO_SLOT, slot_of_keys

VALKEY_VERSION = "9.1.2"
LOAD_LIMIT_MS = 500
NOT_STRINGS = b"ERR Command arguments must be strings or integers"
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
# What the `true` of a reply to the sandbox announces. What is so small needs no memory of Lua's.
OKAY = (True, 1)
FAILED = 2
EXHAUSTED = (True, 3)
AMBIGUOUS = (True, 4)
ENDED = 5
PIECE_TOKENS = 200
PIECE_BYTES = 1 << 20
BREAK_US = 2000  # how long a busy script runs before others are let in again
NEVER_US = 1 << 62
LOADING_RULES = Rules(allows_oom=True)
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


class Scripting:
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
        self.pending: list[Any] = []
        self.position = 0
        self.slots: Any = None if state.cluster is None else state.cluster.slots

    @property
    def runtime(self) -> Runtime:
        """The runtime, made when it is needed first."""
        if self.made is None:
            self.client = self.state.new_client()
            self.client.is_script = True
            self.made = Runtime(self.host(), versions(), self.state.config["script-max-memory"])
            self.state.config.on_change("script-max-memory", self.made.limit_memory)
        return self.made

    def used_memory(self) -> int:
        """Bytes that Lua uses; none before the first script."""
        return self.made.used() if self.made is not None else 0

    def host(self) -> dict[bytes, Any]:
        """What the sandbox may call."""
        return {
            b"call": self.call,
            b"call_joined": self.call_joined,
            b"call_sized": self.call_sized,
            b"is_allowed": self.is_allowed,
            b"log": self.log,
            b"more": self.more,
            b"setresp": self.set_protocol,
            b"sha1": self.sha1,
            b"tick": self.tick,
        }

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
            return self.runtime.run(script.function, keys, args)
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
            return self.runtime.call(function.callback, tuple(keys), tuple(request[3 + count :]))
        except CommandError as error:
            error.is_counted = run.has_counted(error.text)
            raise
        finally:
            self.end(run)

    def load_libraries(self, codes: list[bytes]) -> list[Any]:
        """Make libraries of their codes; they are not yet in place.

        Raises:
            CommandError: one of them cannot be loaded.
        """
        return [load_library(code, self.load) for code in codes]

    def load(self, body: bytes) -> Any:
        """Run the code of a library; return what it registers."""
        run = self.running = Run(FUNCTION, LOAD_LIMIT_MS)
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
        client.resp3 = False
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

    def tick(self) -> bytes | None:
        """The count hook: let others in if the script has run for long; return the error with which it has to end."""
        run: Run | None = self.running
        if run is None:
            return None
        if run.verdict is None and run.elapsed_us() >= run.due_us:
            self.interrupt(run)
        if run.verdict is not None:
            self.runtime.end(run.verdict)
        return run.verdict

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

    # ------------------------------------------------------------------ commands of scripts

    def call(self, *args: Any) -> Any:
        """Run a command for the script: its value as Lua takes it, or what became of it."""
        run = self.running
        if run.elapsed_us() >= run.due_us and self.tick() is not None:
            return True, ENDED, run.verdict
        try:
            return self.reply(list(args))
        except CommandError as error:
            if error.is_counted:
                run.counted = error.text
            return self.failed(error.text)
        except Exception as error:  # a defect of ours must not become an object in the script's hands
            return self.failed(self.state.on_defect(error, b"script"))

    def failed(self, text: bytes) -> Any:
        """A call that failed."""
        self.runtime.lift()
        return True, FAILED, text

    def call_joined(self, count: int, body: bytes) -> Any:
        """Run a command whose arguments come with zero bytes between them; AMBIGUOUS if they have some themselves."""
        args = body.split(b"\0")
        return self.call(*args) if len(args) == count else AMBIGUOUS

    def call_sized(self, sizes: bytes, body: bytes) -> Any:
        """Run a command whose arguments come as one string; a negative size is that of a number."""
        return self.call(*unpacked(sizes, body))

    def reply(self, args: list[Any]) -> Any:
        """Run a command; return its value as Lua takes it.

        Raises:
            CommandError: the command's, or why it may not run.
        """
        for i, arg in enumerate(args):
            if type(arg) is not bytes:
                args[i] = text_of(arg)
        if not args:
            raise CommandError(NO_ARGUMENTS)
        command = self.known.get(args[0])
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
        return self.given(self.state.engine.call(self.client, command, args))

    def given(self, value: Any) -> Any:
        """A command's value as Lua takes it: itself, or what announces it."""
        kind = type(value)
        if kind is bytes:
            return self.given_text(value)
        if kind is int and INT64_MIN <= value <= INT64_MAX:
            return value
        if value is OK:
            return OKAY
        tokens = tokens_of(value, self.client.resp3)
        first = tokens[0]
        if first is not True:
            return self.given_text(first) if type(first) is bytes else first
        self.pending, self.position = tokens, 0
        return self.more()

    def given_text(self, value: bytes) -> Any:
        """A string, if the script has the memory for it."""
        runtime: Any = self.made
        if len(value) > SMALL and not runtime.admit(len(value)):
            return EXHAUSTED
        runtime.lift()
        return value

    def more(self) -> Any:
        """The next tokens of a large value, behind two places; or that the script has not the memory for them."""
        tokens = self.pending[self.position : self.position + PIECE_TOKENS]
        size = 0
        for i, token in enumerate(tokens):
            if type(token) is bytes:
                size += len(token)
                if size > PIECE_BYTES and i:
                    size -= len(token)
                    tokens = tokens[:i]
                    break
        runtime: Any = self.made
        if size > SMALL and not runtime.admit(size):
            return EXHAUSTED
        self.position += len(tokens)
        if self.position >= len(self.pending):
            self.pending = []
        runtime.lift()
        return (True, 0, *tokens)

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

    def set_protocol(self, is_resp3: bool) -> None:
        """The protocol in which the script's commands reply."""
        self.client.resp3 = is_resp3

    def sha1(self, text: bytes) -> bytes:
        """The SHA1 of a text in hexadecimal: computed here, at the speed of C."""
        digest = sha_of(text)
        runtime: Any = self.made
        runtime.lift()
        return digest

    def is_allowed(self, sizes: bytes, body: bytes) -> bool | None:
        """May the caller run a command? None if there is no such command."""
        try:
            args = [text_of(arg) if type(arg) is not bytes else arg for arg in unpacked(sizes, body)]
            command = self.state.table.find(args)
            if command is None or command.handler is None:
                return None
            access = self.client.access
            return access is None or access.judge(self.client.db.index, command, args) is None
        except Exception as error:
            self.state.on_defect(error, b"script")
            return None

    def log(self, level: int, message: bytes) -> None:
        """A line of a script in the log."""
        with contextlib.suppress(Exception):  # nothing is raised into Lua
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


def text_of(value: Any) -> bytes:
    """A number as the argument of a command.

    Raises:
        CommandError: it is no number.
    """
    if type(value) is int:
        if INT64_MIN < value <= INT64_MAX:
            return b"%d" % value
        value = float(value)
    if type(value) is not float:
        raise CommandError(NOT_STRINGS)
    if value != value:
        return b"-nan" if copysign(1, value) < 0 else b"nan"
    return format_float(value)


def unpacked(sizes: bytes, body: bytes) -> list[Any]:
    """Arguments that came as one string: text, and numbers where the size is negative."""
    args: list[Any] = []
    start = 0
    for size in map(int, sizes.split(b",")):
        end = start + abs(size)
        part = body[start:end]
        args.append(part if size >= 0 else number_of(part))
        start = end
    return args


def number_of(text: bytes) -> float:
    """A number of Lua, an int where it is integral."""
    number = float(text)
    return int(number) if number == number and abs(number) < 2**63 and number == int(number) else number
