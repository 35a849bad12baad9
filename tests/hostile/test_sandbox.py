"""What a script can reach: every value that it can hold is visited; none is the host's or can be changed for others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.inprocess import InProcessServer, Session


@pytest.fixture
def session() -> Session:
    """A client of a new server."""
    return InProcessServer().session()


# Visits all that is reachable from the globals: metatables, and the results and errors of odd calls. It must find
# nothing but plain data, functions, threads of its own and cjson.null.
WALK = r"""
local seen, found, calls = {}, {}, 0
local visit
local function note(path, what) found[#found + 1] = path .. ': ' .. what end
local function results(path, depth, ok, ...)
  for i = 1, select('#', ...) do visit((select(i, ...)), path .. (ok and '()' or '!'), depth) end
end
local SKIPPED = {[coroutine.yield] = true, [error] = true, [collectgarbage] = true}
local text = string.rep('f', 400)
local ODD = {
  {}, {0}, {'x'}, {1, 2}, {'x', 'x'}, {{}}, {function() end}, {function() error({}) end, function(e) return e end},
  {'0x' .. text},
  {'i' .. string.rep('9', 5000)}, {'d', '0x' .. text}, {'i' .. string.rep('9', 5000), 'x'},
  {coroutine.create(function() end)},
  {cjson.null}, {0/0}, {1/0, -1/0}, {2^63, 2^63}, {'get'}, {'get', 'k'}, {'nope', 1},
  {'echo', ('y'):rep(40)}, {true, false}, {'[1]'},
  {'\193'}, {'c0', 'x'}, {'%', '%'},
  {setmetatable({}, {__index = function() error('x') end, __tostring = function() return {} end})},
  {function() return coroutine.yield() end}, {'return ...', {}}, {'return 1LL'}, {pcall, error}, {3, 'log'},
  {2^53, 'x', {}, cjson.null},
}
function visit(value, path, depth)
  local kind = type(value)
  if kind == 'cdata' or (kind == 'userdata' and value ~= cjson.null) then return note(path, kind) end
  if kind == 'nil' or kind == 'number' or kind == 'boolean' then return end
  local ok, meta = pcall(getmetatable, value)
  if ok and type(meta) == 'table' and not seen[meta] then visit(meta, path .. '<meta>', depth + 1) end
  if kind == 'string' and value:find('python', 1, true) then return note(path, value) end
  if kind == 'string' or seen[value] or depth > 7 then return end
  seen[value] = true
  if kind == 'table' then
    for key, item in pairs(value) do
      visit(key, path .. '<key>', depth + 1)
      visit(item, path .. '.' .. tostring(key), depth + 1)
    end
  elseif kind == 'function' and not SKIPPED[value] and depth < 5 then
    for i, arguments in ipairs(ODD) do
      calls = calls + 1
      results(path .. i, depth + 1, pcall(value, unpack(arguments)))
      local co = coroutine.create(function(...) return value(...) end)
      results(path .. i .. '<co>', depth + 1, coroutine.resume(co, unpack(arguments)))
    end
  end
end
visit(_G, '_G', 0)
for _, value in ipairs({'', 0, true, function() end, coroutine.create(function() end), cjson.null, KEYS, ARGV}) do
  visit(value, type(value), 0)
end
found[#found + 1] = calls > 3000 and 'walked' or 'short walk'
return found
"""


def test_no_value_of_the_host_is_reachable(session: Session) -> None:
    """Globals, metatables, results of all functions called with odd arguments, errors: no object, no file of ours."""
    session.server.state.let_clients_in = lambda: True
    assert session.do("EVAL", WALK, "1", "k", "v") == b"*1\r\n$6\r\nwalked\r\n"


# Every table that a script did not make: an assignment, rawset, insert and setmetatable must fail on it.
SHARED = r"""
local seen, changed = {}, {}
local function attempt(path, f, ...)
  if pcall(f, ...) then changed[#changed + 1] = path end
end
local function visit(t, path)
  if type(t) ~= 'table' or seen[t] or t == KEYS or t == ARGV then return end
  seen[t] = true
  attempt(path .. ' set', function() t.anything = 1 end)
  attempt(path .. ' rawset', rawset, t, 'anything', 1)
  attempt(path .. ' insert', table.insert, t, 1)
  attempt(path .. ' setmetatable', setmetatable, t, {})
  for key, item in pairs(t) do
    attempt(path .. ' replace ' .. tostring(key), function() t[key] = 1 end)
    attempt(path .. ' remove ' .. tostring(key), rawset, t, key, nil)
    visit(item, path .. '.' .. tostring(key))
  end
  visit(getmetatable(t), path .. '<meta>')
end
visit(_G, '_G')
visit(getmetatable(''), 'string<meta>')
return changed
"""


def test_shared_tables_cannot_be_changed(session: Session) -> None:
    """No table that scripts share takes an assignment, by whatever function."""
    assert session.do("EVAL", SHARED, "0") == b"*0\r\n"


ATTACKS = [
    "pcall(bit.tobit, '0x'..string.rep('f',400))",
    "pcall(bit.band, '0x'..string.rep('f',400), 1)",
    "pcall(bit.tohex, '0x'..string.rep('f',400))",
    "pcall(struct.pack, 'd', '0x'..string.rep('f',400))",
    "pcall(struct.pack, 'i'..string.rep('9',5000), 1)",
    "pcall(struct.size, 'i'..string.rep('9',5000))",
    "pcall(struct.unpack, 'i'..string.rep('9',5000), 'x')",
    "pcall(redis.call, 'set', 'x', string.rep('f',400), {})",
    "pcall(redis.log, 3, setmetatable({}, {__tostring = error}))",
    "pcall(redis.acl_check_cmd, 'get', {})",
    "pcall(redis.setresp, 2^63)",
    "pcall(math.random, 1e308)",
    "pcall(cjson.decode, '1e999999')",
    "pcall(cmsgpack.unpack, string.rep('\\145', 1000))",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_error_gives_nothing_of_the_host_away(session: Session, attack: str) -> None:
    """What comes out of a failed call is a string, a number or a table without a metatable."""
    script = f"local ok, e = {attack} return {{type(e), type(e) == 'string' or getmetatable(e) == nil}}"
    reply = session.do("EVAL", script, "0")
    assert reply.split(b"\r\n")[2] in (b"string", b"number", b"nil", b"table")
    assert reply.endswith(b":1\r\n")


# Known numbers are left on the stack of Lua, as by an earlier script: no function may take one for an argument.
STALE = r"""
local found, calls = {}, 0
local function fill(count, ...)
  if count > 0 then return fill(count - 1, 424242.5, ...) end
  return select('#', ...)
end
local function note(name, ...)
  for i = 1, select('#', ...) do
    local value = select(i, ...)
    if type(value) == 'number' and math.abs(value - 424242) < 3 or tostring(value):find('42424') then
      found[#found + 1] = name
    end
  end
end
local SKIPPED = {error = true, collectgarbage = true, xpcall = true}
local function attempt(name, f, ...)
  for _ = 1, 3 do
    fill(100)
    note(name, pcall(f, ...))
    fill(100)
    note(name, select(2, coroutine.resume(coroutine.create(function(...) fill(100) return f(...) end), ...)))
    calls = calls + 1
  end
end
for _, library in ipairs({_G, string, table, math, bit, cjson, cmsgpack, struct, coroutine, redis, os}) do
  for name, f in pairs(library) do
    if type(f) == 'function' and not SKIPPED[name] and not name:find('max_depth') then
      attempt(name, f)
      attempt(name, f, 2)
      attempt(name, f, 'x')
      attempt(name, f, {})
      attempt(name, f, 'x', 'y')
    end
  end
end
found[#found + 1] = calls > 1000 and 'tried' or 'not tried'
return found
"""


def test_no_function_reads_what_it_was_not_given(session: Session) -> None:
    """A missing argument is an error or nil, never what stands on the stack since another script."""
    session.server.state.let_clients_in = lambda: True
    assert session.do("EVAL", STALE, "0") == b"*1\r\n$5\r\ntried\r\n"


CHANGES = [
    ("cjson.encode_number_precision(3)", "return cjson.encode(1/3)"),
    ("cjson.encode_max_depth(1)", "return cjson.encode({{{1}}})"),
    ("cjson.encode_sparse_array(true)", "return {pcall(cjson.encode, {[1000]=1})}"),
    ("cjson.decode_max_depth(1)", "return #cjson.decode('[[[1]]]')"),
    ("cjson.decode_invalid_numbers(false)", "return {pcall(cjson.decode, '[nan]')}"),
    ("cjson.encode_invalid_numbers(true)", "return {pcall(cjson.encode, 1/0)}"),
    ("local n = cjson.new() n.encode = nil", "return type(cjson.new().encode)"),
    ("redis.setresp(3)", "return redis.call('hgetall', 'none')"),
    ("collectgarbage('stop') collectgarbage('setpause', 1e9)", "return collectgarbage('count') > 0"),
    ("for i = 1, 1000 do struct.size(('b'):rep(i)) end", "return struct.size('ib')"),
    ("error(setmetatable({}, {__index = function() return 'x' end}))", "return 1"),
    ("KEYS[1] = 'x' ARGV[1] = 'y'", "return #KEYS + #ARGV"),
    ("local t = {} t[t] = t cjson.encode(t)", "return cjson.encode({1, 'a'})"),
]


@pytest.mark.parametrize(("change", "look"), CHANGES)
def test_scripts_do_not_see_each_other(session: Session, change: str, look: str) -> None:
    """What one script sets or breaks, the next one of anybody finds as it was, in scripts and in functions."""
    function = f"#!lua name=l\nredis.register_function('look', function(KEYS, ARGV) {look} end)"
    session.do("FUNCTION", "LOAD", function)
    before = session.do("EVAL", look, "0"), session.do("FCALL", "look", "0")
    session.do("EVAL", change, "0")
    assert (session.do("EVAL", look, "0"), session.do("FCALL", "look", "0")) == before
    session.do(
        "FUNCTION", "LOAD", "REPLACE", f"#!lua name=m\nredis.register_function('change', function() {change} end)"
    )
    session.do("FCALL", "change", "0")
    assert (session.do("EVAL", look, "0"), session.do("FCALL", "look", "0")) == before


def test_an_exception_of_the_host_is_an_error_text(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect below a script's command reaches the script as text."""
    state = session.server.state

    class Broken:
        def find(self, args: list[bytes]) -> None:
            raise ZeroDivisionError

    monkeypatch.setattr(state, "on_defect", lambda error, where: b"ERR internal error")
    monkeypatch.setattr(state, "table", Broken())
    script = "local e = redis.pcall('get', 'x') return {type(e), type(e.err), getmetatable(e) == nil}"
    assert state.scripting.run_script(
        session.client, state.scripting.script_of_text(script.encode()), (), (), False
    ) == [b"table", b"string", 1]


def scripts_of_depth() -> Iterator[str]:
    """Recursions through everything that calls back."""
    yield "local function f(s) return (s:gsub('.', f)) end return f('x')"
    yield (
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return (k:gsub('.', t)) end return t.x"
    )
    yield "local function f(a, b) table.sort({1, 2, 3}, f) return a < b end table.sort({3, 2, 1}, f)"
    yield "local function f() return coroutine.wrap(f)() end return f()"
    yield "local function f() local co = coroutine.create(f) return coroutine.resume(co) end return f()"
    yield "local function f() table.sort({1, 2}, function() coroutine.wrap(f)() return true end) end f()"
    yield "local function f() return xpcall(function() error('x') end, f) end return f()"
    yield "local function f() load(function() f() end) end f()"
    yield (
        "local m = {} m.__lt = function(a, b) table.sort({a, b, a}) return true end local a, b = {}, {} "
        "setmetatable(a, m) setmetatable(b, m) table.sort({a, b, a})"
    )
    yield "local m = {} m.__tostring = function(x) return tostring(x) end return tostring(setmetatable({}, m))"
    yield "local m = {} m.__concat = function(a, b) return a .. b end return setmetatable({}, m) .. 'x'"
    yield "local function f() table.foreach({1}, f) end f()"
    yield "return loadstring('return ' .. ('('):rep(100000) .. '1' .. (')'):rep(100000))"
    yield "return loadstring('return ' .. ('{'):rep(100000))"
    yield "return loadstring(('return f(function() '):rep(20000))"


@pytest.mark.parametrize("script", list(scripts_of_depth()))
def test_depth_is_bounded(session: Session, script: str) -> None:
    """Recursion through what is written in C ends in an error before the stack does."""
    session.server.state.let_clients_in = lambda: False
    session.do("EVAL", script, "0")
    assert session.do("EVAL", "return 1", "0") == b":1\r\n"


# Patterns that go back for hours where nothing remembers what has failed, each on a text in which it finds nothing.
GOING_BACK = [
    "return string.find(('a'):rep(30000), ('a-'):rep(20) .. 'b')",
    "return string.find(('a'):rep(30000), ('.-'):rep(4) .. 'x')",
    "return string.match(('a'):rep(30000), ('.*a'):rep(8) .. 'b')",
    "return string.match(('a'):rep(200), ('a?'):rep(40) .. 'b')",
    "return string.gmatch(('ab'):rep(30000), ('[ab]-[^c]*'):rep(5) .. 'c')()",
    "return string.find(('a '):rep(30000), ('%w*%s*'):rep(9) .. '=')",
    "local _, n = string.gsub(('a'):rep(30000), '(a+)(a+)(a+)b', '') return n > 0",
    "local _, n = string.gsub(('a'):rep(30000), '(a-)(a-)(a-)b', function() end) return n > 0",
]


@pytest.mark.parametrize("script", GOING_BACK)
def test_a_pattern_takes_a_time_that_grows_with_the_text(session: Session, script: str) -> None:
    """What has failed at a place is not tried again: it ends."""
    session.server.state.let_clients_in = lambda: True
    assert session.do("EVAL", script, "0") == b"$-1\r\n"


# What has no end that anybody would see: captures have to match again, texts are long, or it is done for ever.
ENDLESS = [
    "return string.find(('a'):rep(900), '(a-)(a-)(a-)(a-)(a-)%1%2%3%4%5b')",
    "return string.gsub(('a'):rep(900), '(a*)(a*)(a*)(a*)(a*)%1%2%3%4%5b', '')",
    "return string.find(('a'):rep(8000000), ('a'):rep(4000000) .. 'b', 1, true)",
    "return string.find(('a'):rep(8000000), ('a'):rep(4000000) .. 'b')",
    "local a = ('x'):rep(4e7) local t = {} for i = 1, 1e5 do t[i] = a .. i % 2 end table.sort(t)",
    "local t = {} for i = 1, 1e5 do t[i] = {} end while true do collectgarbage() end",
    "local a = ('x'):rep(4e7) local b = a .. 1 while true do local is_less = a < b end",
    "local s = ('x'):rep(3e7) while true do s:gsub('x', 'y') end",
    "local s = ('a'):rep(1e8) return s:find('%d%d')",
    "local s = ('('):rep(1e8) return s:find('^%b()')",
    "return struct.size(('i'):rep(1e8))",
]


@pytest.mark.parametrize("script", ENDLESS)
def test_what_has_no_end_is_ended(session: Session, script: str) -> None:
    """The clock is looked at amid a search, while texts are sorted, and between instructions that take long."""
    session.do("CONFIG", "SET", "busy-reply-threshold", "20")
    session.server.state.let_clients_in = lambda: False
    assert session.do("EVAL", script, "0").startswith(b"-ERR the server is shutting down")


# NaNs of both signs, with what would be tags and pointers of the engine behind them; as they come, and after a minus
# and a sum, which would make values of them.
NO_NUMBERS = r"""
local function check(v, what)
  for _, x in ipairs({v, v + 1, v * -1, -v}) do
    if type(x) ~= 'number' or x == x then error(what) end
  end
  local copies = {[1] = v}
  if type(copies[1]) ~= 'number' or (tostring(v) ~= 'nan' and tostring(v) ~= '-nan') then error(what) end
end
local count = 0
for first = 127, 255, 128 do
  for second = 240, 255 do
    for third = 0, 255, 15 do
      for _, rest in ipairs({'\1\0\0\0\1', '\128\18\52\86\120', '\255\255\255\255\255'}) do
        local double = string.char(first, second, third) .. rest
        check(struct.unpack('>d', double), 'struct >d')
        check(struct.unpack('<d', double:reverse()), 'struct <d')
        check(cmsgpack.unpack('\203' .. double), 'cmsgpack double')
        count = count + 1
      end
    end
  end
  for second = 128, 255 do
    local float = string.char(first, second, 18, 52)
    check(struct.unpack('>f', float), 'struct >f')
    check(struct.unpack('<f', float:reverse()), 'struct <f')
    check(cmsgpack.unpack('\202' .. float), 'cmsgpack float')
    count = count + 1
  end
end
return count
"""


def test_bytes_never_become_a_value_of_the_engine(session: Session) -> None:
    """LuaJIT keeps pointers in the bits of numbers that are none: those of a NaN that a client sends are dropped."""
    assert session.do("EVAL", NO_NUMBERS, "0") == b":%d\r\n" % (2 * (16 * 18 * 3 + 128))
