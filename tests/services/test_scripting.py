"""Scripts without sockets: what ends them, what is kept of them, and the parts of the machinery one by one."""

from __future__ import annotations

import pytest

from geventcache.base.errors import CommandError
from geventcache.persistence.checksum import crc64
from geventcache.persistence.payload import sealed
from geventcache.services.scripting import payload
from geventcache.services.scripting.scripts import EVAL_LIMIT
from geventcache.services.scripting.service import SCRIPT

from ..support.inprocess import InProcessServer, Session
from .test_scripting_sandbox import QuietLog

KILLED = b"Script killed by user with SCRIPT KILL."


@pytest.fixture
def session() -> Session:
    """A client of a new server whose scripts are busy at once."""
    server = InProcessServer()
    server.state.log = QuietLog()
    session = server.session()
    session.do("CONFIG", "SET", "busy-reply-threshold", "1")
    return session


# Of these the memory may come to an end first.
UNBOUNDED = [
    "local t = {} for i = 1, 40 do t = {t, t} end cjson.encode(t)",
    "local t = {} for i = 1, 40 do t = {a = t, b = t} end cjson.encode(t)",
]
TRAPS = [
    "while true do end",
    "return {pcall(function() while true do end end)}",
    "while true do pcall(function() while true do end end) end",
    "return xpcall(function() while true do end end, function() while true do end end)",
    "while true do xpcall(function() while true do end end, function() return 1 end) end",
    "coroutine.wrap(function() while true do end end)()",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "coroutine.wrap(function() coroutine.wrap(function() pcall(function() while true do end end) end)() end)()",
    "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "local t = setmetatable({}, {__tostring = function() while true do end end}) return tostring(t)",
    "while true do redis.pcall('nope') end",
    "while true do pcall(redis.call, 'nope') end",
    "load(function() while true do end end)",
    "loadstring('while true do end')()",
    "while true do cjson.decode('[1,2,3]') end",
    "return cjson.encode(setmetatable({}, {})), (function() while true do end end)()",
    "for i = 1, 1e300 do end",
    "repeat until false",
    "local function f() return f() end return f()",
    "local t = {} for i = 1, 8 do t[i] = t end cmsgpack.pack(t)",
    *UNBOUNDED,
    "local s = ('\\192'):rep(5000000) return pcall(cmsgpack.unpack, s)",
    "local s = ('x'):rep(5000000) return #string.format('%q', s)",
    "local s = 'return {' .. ('1,'):rep(1000000) .. '}' return type(loadstring(s))",
    "local s = ('\"a\":1,'):rep(1000000) return cjson.decode('{' .. s .. '\"b\":2}').b",
    "while true do cjson.encode(('\"'):rep(100000)) end",
    "while true do cjson.decode('\"' .. ('\\\\n'):rep(100000) .. '\"') end",
    "while true do struct.unpack('Bc0', struct.pack('Bc0', 1, 'x')) end",
    "while true do string.format('%d', 1) end",
    "while true do redis.log(redis.LOG_DEBUG, 'x') end",
]


@pytest.mark.parametrize("script", TRAPS)
def test_a_killed_script_ends(session: Session, script: str) -> None:
    """Nothing in a script catches its end: not pcall, a handler, a coroutine or a metamethod."""
    state = session.server.state

    def kill() -> bool:
        if state.scripting.running.verdict is None:
            state.scripting.kill(SCRIPT)
        return True

    state.let_clients_in = kill
    reply = session.do("EVAL", script, "0")
    assert KILLED in reply or (script in UNBOUNDED and b"script-max-memory" in reply)
    assert session.do("EVAL", "return 1", "0") == b":1\r\n"
    assert not state.engine.is_special


def test_a_stopping_server_ends_a_script_that_wrote(session: Session) -> None:
    """When the server stops, a script ends even if it has written; KILL would have been refused."""
    state = session.server.state
    refusals = []

    def stop() -> bool:
        with pytest.raises(CommandError) as error:
            state.scripting.kill(SCRIPT)
        refusals.append(error.value.text)
        return False

    state.let_clients_in = stop
    assert session.do("EVAL", "redis.call('set', 'a', '1') while true do end", "0").startswith(b"-ERR the server")
    assert refusals[0].startswith(b"UNKILLABLE")


def test_others_run_in_the_middle_of_a_script(session: Session) -> None:
    """What another client's commands write and change meanwhile does not mix with the script's own reply and time."""
    server = session.server
    state, engine = server.state, server.engine
    other = server.session()
    replies = []

    def serve_other() -> bool:
        kept = engine.set_aside()
        server.clock.advance(1000)
        replies.append((other.do("PING"), other.do("CLIENT", "ID"), other.do("SCRIPT", "KILL")))
        engine.put_back(kept)
        return True

    state.let_clients_in = serve_other
    started_ms = server.clock.now_ms
    engine.begin_turn()
    engine.execute(session.client, [b"ECHO", b"before"])
    engine.execute(session.client, [b"EVAL", b"while true do end", b"0"])
    assert server.clock.now_ms == started_ms
    reply = engine.out.take()
    assert reply.startswith(b"$6\r\nbefore\r\n-ERR Script killed")
    ping, client_id, killed = replies[0]
    assert ping.startswith(b"-BUSY")
    assert client_id == b":%d\r\n" % other.client.id
    assert killed == b"+OK\r\n"


def test_scripts_of_eval_make_room(session: Session) -> None:
    """Scripts of EVAL are kept up to a number, the least recently used go first; those of SCRIPT LOAD stay."""
    cache = session.server.state.scripting.cache
    loaded = session.do("SCRIPT", "LOAD", "return 'loaded'").split()[1]
    session.do("EVAL", "return 'first'", "0")
    session.do("EVAL", "return 'second'", "0")
    for i in range(EVAL_LIMIT - 1):
        session.do("EVAL", "return 'first'", "0")
        session.do("EVAL", f"return {i}", "0")
    assert len(cache) == EVAL_LIMIT + 1
    assert cache.evicted == 1
    assert cache.of_text(b"return 'second'") is None
    assert cache.of_text(b"return 'first'") is not None
    assert session.do("EVALSHA", loaded, "0") == b"$6\r\nloaded\r\n"


def test_memory_is_flat_over_many_scripts(session: Session) -> None:
    """Thousands of calls leave no more in Lua than the first ones did."""
    runtime = session.server.state.scripting.runtime
    used = []
    for _ in range(3):
        for i in range(3000):
            session.do(
                "EVAL", "return {redis.call('set', KEYS[1], ARGV[1]), redis.pcall('nope'), {1, 2}}", "1", f"k{i}", "v"
            )
        runtime.lua.gccollect()
        used.append(runtime.used())
    assert max(used) - min(used) < 4096


def test_errors_tell_their_line(session: Session) -> None:
    """An error is located in the script's own code, through tail calls, coroutines and the sandbox's own functions."""
    for script, line in (
        ("\n\nreturn redis.call('nope')", 3),
        ("local call = redis.call\nreturn call('nope')", 2),
        ("\nreturn pairs(nil)", 2),
        ("\n\n\nreturn cjson.decode('x')", 4),
        ("coroutine.wrap(function() redis.call('nope') end)()", 1),
    ):
        assert b"script: on @user_script:%d." % line in session.do("EVAL", script, "0")


def test_tail_calls_of_inner_functions_stay(session: Session) -> None:
    """A recursion that relies on tail calls goes as deep as it likes."""
    script = "local function down(n) if n == 0 then return 'deep' end return down(n - 1) end return down(200000)"
    session.server.state.let_clients_in = lambda: True
    assert session.do("EVAL", script, "0") == b"$4\r\ndeep\r\n"


def test_payload_round_trip() -> None:
    """What dump writes restore reads, for codes of every kind of length."""
    codes = [b"", b"x" * 63, b"y" * 64, b"z" * 16383, b"w" * 16384]
    assert payload.restore(payload.dump(codes)) == codes


def test_payload_checksum() -> None:
    """The checksum is the CRC64 of Jones, and any changed byte is noticed."""
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA
    data = payload.dump([b"code"])
    for i in range(len(data)):
        with pytest.raises(CommandError):
            payload.restore(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])


@pytest.mark.parametrize(
    "body",
    [
        b"\xf5",
        b"\xf5\x05code",
        b"\xf5\x81" + b"\xff" * 8,
        b"\xf5\xc3\x03\x81\xff\xff\xff\xff\xff\xff\xff\xff\xe0\xff\x00",
        b"\xf5\xc3\x02\x09\x20\x00",
        b"\xf5\x04code\xf5",
    ],
)
def test_broken_payloads(body: bytes) -> None:
    """What ends early, or claims to be larger than it can be, is refused."""
    with pytest.raises(CommandError, match="failed loading library data"):
        payload.restore(sealed(body, 10))


def test_payloads_of_values() -> None:
    """Those of DUMP are others."""
    with pytest.raises(CommandError, match="given type is not a function"):
        payload.restore(sealed(b"\x00\x01a", 10))


class ListeningLog(QuietLog):
    """A log that keeps the lines of scripts."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    def debug(self, event: str, **fields: object) -> None:
        """Take a line."""
        self.lines.append(fields["message"])

    info = warning = debug


def test_the_log_is_not_called_for_less_than_its_level(session: Session) -> None:
    """What a script logs below loglevel goes nowhere; a change of the level holds at once."""
    log = session.server.state.log = ListeningLog()
    script = "for level = 0, 3 do redis.log(level, level) redis.log(level + 0.5, 'x', level) end"
    for level, lines in (("notice", 2), ("debug", 4), ("warning", 1), ("nothing", 0), ("verbose", 3)):
        session.do("CONFIG", "SET", "loglevel", level)
        log.lines.clear()
        session.do("EVAL", script, "0")
        assert log.lines == [text for i in range(4 - lines, 4) for text in (str(i), f"x {i}")]
