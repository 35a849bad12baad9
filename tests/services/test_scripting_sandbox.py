"""What a hostile script can do: nothing to the process, to other scripts or to the server's memory."""

from __future__ import annotations

import pytest

from ..support.inprocess import InProcessServer, Session

READONLY = b"Attempt to modify a readonly table"


class QuietLog:
    """A log that keeps nothing, for scripts that are reported."""

    def debug(self, event: str, **fields: object) -> None:
        """Nothing."""

    info = warning = debug

    def error(self, event: str, **fields: object) -> None:
        """A command raised what it must not."""
        raise AssertionError(f"{event}: {fields}")


@pytest.fixture
def session() -> Session:
    """A client of a new server."""
    server = InProcessServer()
    server.state.log = QuietLog()
    return server.session()


def run(session: Session, script: str, *args: str) -> bytes:
    """What EVAL answers."""
    return session.do("EVAL", script, "0", *args)


WALK = """
    local seen, found = {}, {}
    local function visit(value, path, depth)
        local kind = type(value)
        if kind == 'userdata' and value ~= cjson.null then found[#found + 1] = path end
        if kind == 'table' and not seen[value] and depth < 8 then
            seen[value] = true
            for k, v in pairs(value) do visit(v, path .. '.' .. tostring(k), depth + 1) end
            local meta = getmetatable(value)
            if type(meta) == 'table' then visit(meta, path .. '<meta>', depth + 1) end
        end
    end
    visit(_G, '_G', 0)
    visit(getmetatable(''), 'string<meta>', 0)
    return found
"""


def test_no_python_object_is_reachable(session: Session) -> None:
    """A walk over everything that a script can name finds no wrapped object."""
    assert run(session, WALK) == b"*0\r\n"


@pytest.mark.parametrize(
    "name", ["python", "debug", "io", "package", "require", "module", "dofile", "loadfile", "newproxy"]
)
def test_dangerous_globals_do_not_exist(session: Session, name: str) -> None:
    """What leads out of the sandbox is no global, neither by name nor raw."""
    assert b"nonexistent global variable" in run(session, f"return {name}")
    assert run(session, f"return rawget(_G, '{name}') == nil") == b":1\r\n"


@pytest.mark.parametrize("name", ["getfenv", "setfenv", "print"])
def test_environments_cannot_be_taken(session: Session, name: str) -> None:
    """No function gives another function's environment away."""
    assert b"nonexistent global variable" in run(session, f"return {name}(1)")


ESCAPES = [
    "return redis.call.__globals__",
    "return redis.call.__class__",
    "return getmetatable(redis.call)",
    "return (redis.call)['__self__']",
    "for k in pairs(redis.call) do return k end",
    "return #redis.call",
    "return redis.sha1hex.__code__",
    "return cjson.encode(redis.call)",
    "return struct.pack.__globals__",
    "local ok, e = pcall(redis.call, redis.call) return e.__class__",
    "local ok, e = pcall(bit.band, {}) return e.__traceback__",
    "return string.dump(redis.call)",
    "return redis.call(redis.call)",
    "return redis.call('echo', cjson.null)",
    "return redis.call('echo', coroutine.create(function() end))",
]


@pytest.mark.parametrize("script", ESCAPES)
def test_host_functions_are_opaque(session: Session, script: str) -> None:
    """A function of the server object can be called and nothing else: the attempt fails, or finds nothing."""
    reply = run(session, script)
    assert reply.startswith(b"-ERR") or reply == b"$-1\r\n"
    assert b"internal error" not in reply
    assert run(session, "return 1") == b":1\r\n"


BYTECODE = [
    "return loadstring(string.dump(function() return 1 end)) == nil",
    "return load(function() return string.dump(function() end) end) == nil",
    "local parts = {'', '\\27Lua'} return load(function() return table.remove(parts) end) == nil",
    "local n = 0 return load(function() n = n + 1 return ({'\\27', 'Lua'})[n] end) == nil",
]


@pytest.mark.parametrize("script", BYTECODE)
def test_bytecode_is_refused(session: Session, script: str) -> None:
    """Compiled code is not loaded, in one piece or in several."""
    assert run(session, script) == b":1\r\n"


def test_loaded_code_stays_in_the_sandbox(session: Session) -> None:
    """A chunk of loadstring or load sees what the script sees."""
    assert run(session, "return loadstring('return redis == server and debug')()").startswith(b"-ERR")
    assert b"readonly" in run(session, "loadstring('x = 1')()")
    assert run(session, "return loadstring('return ... == _G')(_G)") == b":1\r\n"
    chunk = "local done = false load(function() if done then return end done = true return 'x=1' end)()"
    assert b"readonly" in run(session, chunk)


@pytest.mark.parametrize("position", ["-2^31", "2^31", "-2^20"])
def test_insertion_is_bounded(session: Session, position: str) -> None:
    """Nothing is moved from a position far below a table; the reference is busy with that for seconds."""
    assert b"position out of bounds" in run(session, f"table.insert({{}}, {position}, 1)")


CHANGES = [
    "x = 1",
    "_G.x = 1",
    "rawset(_G, 'x', 1)",
    "redis.call = nil",
    "rawset(redis, 'call', nil)",
    "string.format = nil",
    "rawset(string, 'x', 1)",
    "table.insert(_G, 1)",
    "table.insert(redis, 1)",
    "setmetatable(_G, nil)",
    "setmetatable(redis, {})",
    "getmetatable('').__index = nil",
    "rawset(getmetatable(''), '__index', nil)",
    "getmetatable(_G).__index = nil",
    "cjson.decode = nil",
    "KEYS = {}",
    "ARGV = nil",
    "pairs = nil",
]


@pytest.mark.parametrize("script", CHANGES)
def test_shared_tables_do_not_change(session: Session, script: str) -> None:
    """No script changes what the next one sees."""
    assert READONLY in run(session, script)
    assert run(session, "return {#ARGV, ('a'):upper(), type(redis.call), type(pairs)}", "x") == (
        b"*4\r\n:1\r\n$1\r\nA\r\n$8\r\nfunction\r\n$8\r\nfunction\r\n"
    )


def test_string_methods_hold_back_the_raw_library(session: Session) -> None:
    """The methods of strings are the sandbox's, and setmetatable does not reach their metatable."""
    assert run(session, "return ('').dump == string.dump and ('').rep == string.rep") == b":1\r\n"
    assert run(session, "setmetatable('', {})").startswith(b"-ERR")


MEMORY_HOGS = [
    "local s = 'x' while true do s = s .. s end",
    "return string.rep('x', 1e10)",
    "local t = {} while true do t[#t + 1] = {} end",
    "local t = {} for i = 1, 1e9 do t[i] = 'value' .. i end",
    "local s = string.rep('x', 1e7) local t = {} while true do t[#t + 1] = s .. #t end",
    "return table.concat({string.rep('x', 2e7), string.rep('y', 2e7)})",
    "local s = string.rep('x', 2e7) return redis.call('echo', s .. 'y')",
    "return cjson.encode({string.rep('\\1', 1e7)})",
    "local t = {} for i = 1, 1e6 do t[i] = i end return {cmsgpack.pack(t), cmsgpack.pack(t), t, string.rep('x', 2e7)}",
    "return (string.gsub(string.rep('x', 1e6), 'x', string.rep('y', 1000)))",
    "while true do redis.call('append', 'k', string.rep('x', 1e6)) redis.call('get', 'k') end",
    "local t = {} while true do t[#t + 1] = redis.call('get', 'big') .. #t end",
    "local t = {} while true do t[#t + 1] = redis.call('lrange', 'list', 0, -1) end",
    "local t = {} while true do pcall(function() while true do t[#t + 1] = redis.call('get', 'big') .. #t end end) end",
    "local s, t = ('x'):rep(1e6), {} for i = 1, 1e6 do t[i] = struct.unpack('c' .. i * 50, s) end",
    "local t = {} while true do t[#t + 1] = cjson.decode('\"a\\\\n' .. ('b'):rep(1000) .. #t .. '\"') end",
    "local t = {} while true do t[#t + 1] = cjson.encode({('a\\n'):rep(1000) .. #t}) end",
]


def test_scripts_go_on_after_many_that_met_the_limit(session: Session) -> None:
    """What many texts and then one large table leave is given back, though Lua needs memory to do so."""
    session.do("CONFIG", "SET", "script-max-memory", "20000000")
    for script in ("local t = {} for i = 1, 1e9 do t[i] = 'x' .. i end", "local t = {} for i = 1, 1e9 do t[i] = i end"):
        for _ in range(3):
            assert b"script-max-memory" in run(session, script)
            assert run(session, "return 1") == b":1\r\n"


@pytest.mark.parametrize("script", MEMORY_HOGS)
def test_memory_of_a_script_is_bounded(session: Session, script: str) -> None:
    """A script that wants more memory than allowed ends with an error or within the limit; the next has all of it."""
    session.do("CONFIG", "SET", "script-max-memory", "33554432")
    session.do("SET", "big", "x" * 3_000_000)
    session.do("RPUSH", "list", *["element"] * 3000)
    session.server.state.let_clients_in = lambda: False
    session.do("CONFIG", "SET", "busy-reply-threshold", "4000")
    reply = run(session, script)
    assert reply.startswith(b"-ERR"), reply[:100]
    runtime = session.server.state.scripting.runtime
    runtime.lua.gccollect()
    assert runtime.used() < 6 << 20  # a buffer of the engine shrinks by half each time
    assert run(session, "return 'still here'") == b"$10\r\nstill here\r\n"
    assert run(session, script).startswith(b"-ERR")  # the limit holds again


@pytest.mark.parametrize("size", [1 << 20, 24 << 20, 30 << 20, 31 << 20, 32 << 20, 40 << 20])
@pytest.mark.parametrize("count", [1, 8, 64])
def test_arguments_near_the_limit(session: Session, size: int, count: int) -> None:
    """Arguments that leave no room are an error, as is what a script makes of them; the next script has all of it."""
    session.do("CONFIG", "SET", "script-max-memory", "33554432")
    args = ["x" * (size // count)] * count
    for script in ("return #ARGV", "local t = {unpack(ARGV)} return #t", "return #table.concat(ARGV)"):
        reply = run(session, script, *args)
        assert reply.startswith((b":", b"-ERR the script needs more memory"))
        assert reply.startswith(b":") or size > 1 << 20
        assert reply.startswith(b"-") or size < 32 << 20
    assert run(session, "return 'still here'") == b"$10\r\nstill here\r\n"


CRASHERS = [
    "return pcall(string.find, string.rep('a', 300000), '^' .. string.rep('a?', 300000))",
    "return pcall(string.match, string.rep('a', 300000), '^' .. string.rep('a?', 300000))",
    "return pcall(string.gsub, string.rep('a', 300000), '^' .. string.rep('a?', 300000), '')",
    "for w in string.gmatch(string.rep('a', 300000), string.rep('a?', 300000)) do return w end",
    "return unpack({}, -2^31, 2^31 - 1)",
    "return unpack({}, -2^31)",
    "return unpack({}, 0/0, 2^31)",
    "return unpack({}, 1, 1e8)",
    "return string.rep('', 2^53)",
    "local function f() return 1 + f() end return f()",
    "local function f() return pcall(f) end return f()",
    "local function f(s) return (s:gsub('.', f)) end return f('x')",
    "local function f() return coroutine.wrap(f)() end return f()",
    "local t = {} t[1] = t return t",
    "local t = {} for i = 1, 10000 do t = {t} end return t",
    "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
    "return loadstring('return ' .. string.rep('(', 100000))",
    "local f = function(" + ",".join(f"p{i}" for i in range(50)) + ", ...) end for i = 1, 10000 do f() end",
    "return xpcall(function() error('a') end, function(e) error(e) end)",
    "collectgarbage('stop') collectgarbage('setpause', 1e9) return 1",
    "local t = {} for i = 1, 20000 do t[i] = i end return redis.call('del', unpack(t))",
    "return struct.pack('c2147483647', 'x')",
    "return struct.unpack('c2147483647', 'x')",
    "return struct.pack(string.rep('x', 1000))",
    "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
    "return cjson.decode(string.rep('[', 100000))",
    "return bit.lshift(1/0, 0/0)",
    "return redis.sha1hex(setmetatable({}, {__tostring = error}))",
]


@pytest.mark.parametrize("script", CRASHERS)
def test_nothing_crashes_the_process(session: Session, script: str) -> None:
    """What overflows a stack or a size in Lua's own library ends in an error or harmlessly."""
    reply = run(session, script)
    assert b"internal error" not in reply
    assert run(session, "return 1") == b":1\r\n"


def test_the_collector_cannot_be_stopped(session: Session) -> None:
    """A script that stops the collector leaves no garbage to the scripts after it."""
    run(session, "collectgarbage('stop') return 1")
    for _ in range(200):
        run(session, "local t = {} for i = 1, 1000 do t[i] = {} end return 1")
    assert session.server.state.scripting.runtime.used() < 8 << 20


# The same numbers by the function made of a format, and item by item, which a text at the end forces.
STRUCT_BOTH_WAYS = r"""
local LETTERS = {'b', 'B', 'h', 'H', 'i', 'I', 'l', 'L', 'i1', 'I2', 'i8', 'f', 'd', 'x', '<', '>', '!', '!2', '!4'}
local NUMBERS = {0, 1, -1, 1.7, -1.7, 127, 255, -128, 2^31, 2^32 - 1, -2^31, 2^52 + 1, -2^53, 2^63, -2^63, 2^64, 1e300,
  0/0, -(0/0), 1/0, -1/0, '12', '0x10'}
local count = 0
math.randomseed(7)
for round = 1, 300 do
  local letters, values = {}, {}
  for i = 1, math.random(1, 12) do
    local letter, times = LETTERS[math.random(1, #LETTERS)], math.random(1, 8)
    letters[i] = letter:find('[<>!]') and letter or letter:rep(times)
    if letter:find('%a') and letter ~= 'x' then
      for _ = 1, times do values[#values + 1] = NUMBERS[math.random(1, #NUMBERS)] end
    end
  end
  local format, n = table.concat(letters), #values
  values[n + 1] = ''
  local whole, slow = struct.pack(format, unpack(values, 1, n)), struct.pack(format .. 's', unpack(values))
  if whole .. '\0' ~= slow then error(format) end
  if whole ~= '' and pcall(struct.unpack, format, whole:sub(1, -2)) then error(format .. ' short') end
  for skipped = 0, 2 do
    local data = ('\255'):rep(skipped) .. whole
    for repeated = 1, 3 do
      local fast, safe
      fast = {pcall(struct.unpack, format, data, skipped + 1)}
      safe = {pcall(struct.unpack, format .. 's', data .. '\0', skipped + 1)}
      if fast[1] then
        for i = 2, n + 1 do
          if tostring(fast[i]) ~= tostring(safe[i]) then error(format .. ' ' .. i) end
        end
        if fast[n + 2] ~= safe[n + 3] - 1 - #safe[n + 2] then error(format .. ' end') end
        count = count + 1
      end
    end
  end
end
return count
"""


def test_struct_is_the_same_by_made_functions_and_item_by_item(session: Session) -> None:
    """Formats of numbers alone run by functions made for them: the bytes and numbers are those of the general way."""
    reply = run(session, STRUCT_BOTH_WAYS)
    assert reply.startswith(b":"), reply
    assert int(reply[1:]) > 1000
