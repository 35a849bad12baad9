-- What scripts see, and how they are run.
--
-- This chunk is trusted. It gets the door to the host and the sandbox's modules as arguments and returns the functions that the host
-- calls, with numbers alone. The rules:
--
-- * Scripts run in an environment of their own: the real globals are emptied at the end. What a script sees are frozen proxies:
--   an empty table whose __index is the content, so that an assignment always meets __newindex.
-- * There is one door (`door.lua`), through which commands are run, the log is written and the clock is looked at. What comes through it are
--   booleans, numbers and strings, never an object of the host; and the host raises nothing.
-- * What the host has to hold on to, it knows by a number (`keep`). What it gives to a function here waits at the door (`door.given`).
-- * A script that must end (killed, out of memory) has `dying` set: whatever would catch an error raises it again.
-- * The host's count hook is set on every coroutine; it lets others in and says when to end. LuaJIT compiles functions of the sandbox,
--   which count their work, and never a script's: compiled code has no hooks.

local door, modules, base = ...

local assert, error, getmetatable, ipairs, next, pairs, pcall, rawequal, rawget, rawset, select, setmetatable, tonumber,
  type, unpack, xpcall, loadstring, setfenv, collectgarbage, gcinfo =
  assert, error, getmetatable, ipairs, next, pairs, pcall, rawequal, rawget, rawset, select, setmetatable, tonumber,
  type, unpack, xpcall, loadstring, setfenv, collectgarbage, gcinfo
local coroutine, math, string, table = coroutine, math, string, table
local getinfo, sethook = debug.getinfo, debug.sethook
local dump, byte, sub, format, concat = string.dump, string.byte, string.sub, string.format, table.concat
local co_create, co_resume, co_running, co_status, co_yield =
  coroutine.create, coroutine.resume, coroutine.running, coroutine.status, coroutine.yield
local clock, floor = os.clock, math.floor
local globals = _G
local has_jit = base.has_jit -- hooks of LuaJIT are those of all coroutines
local jit_off = has_jit and jit.off or function() end
local strings, dialect = modules.strings, modules.dialect
local bad_argument, charge, fault, tostring = base.bad_argument, base.charge, base.fault, strings.tostring
local ask, ask_few, read_reply, results = door.ask, door.ask_few, modules.resp.read, modules.results

local HOOK_COUNT = 1000
local MOST_RESULTS = 7990
local FEW = 8 -- arguments for which the door has places of its own
local MOST_C_CALLS = 190
local READONLY = "Attempt to modify a readonly table"
local NOT_STRINGS = "ERR Command arguments must be strings or integers"
local OUT_OF_MEMORY = "not enough memory"

local dying
local is_over = true -- nothing is raised outside of the script's own protection
local exhausted = { err = "ERR the script needs more memory than script-max-memory allows" }
local is_resp3 = false

-- ---------------------------------------------------------------- frozen tables

local contents = setmetatable({}, { __mode = "k" })
local views = setmetatable({}, { __mode = "k" })

local function refuse_change()
  error(READONLY, 2)
end

local function freeze(content, missing)
  if missing then
    setmetatable(content, { __index = missing })
  end
  local proxy = setmetatable({}, { __index = content, __newindex = refuse_change })
  contents[proxy] = content
  return proxy
end

local function missing_global(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

-- An argument must be of a type; what follows are all of them.
local function expect(expected, position, name, ...)
  local got = type((select(position, ...)))
  if got ~= expected then
    bad_argument(position, name, expected .. " expected, got " .. (select("#", ...) < position and "no value" or got))
  end
end

-- ---------------------------------------------------------------- errors and the end of a script

-- An error as scripts may see it. One of memory ends the script, whoever catches it.
local function seen(e)
  if e == OUT_OF_MEMORY or (type(e) == "userdata" and e ~= base.null) then -- lupa has userdata for errors of its own
    dying = dying or exhausted
  end
  if dying then
    error(dying, 0)
  end
  return type(e) == "string" and base.without_place(e) or e
end

-- Calls that nest on the C stack: coroutines that resume others (`outer`), and sorting in the running one (`inner`), which cannot yield.
local outer, inner = 0, 0

local function is_too_deep()
  return outer + inner >= MOST_C_CALLS
end

local function settle(depth, ok, ...)
  if ok then
    return ok, ...
  end
  inner = depth
  return ok, seen((...))
end

local function settle_text(depth, ok, ...)
  if ok then
    return ok, ...
  end
  inner = depth
  local e = seen((...))
  if type(e) == "table" and rawget(e, "err") ~= nil then
    e = rawget(e, "err")
  end
  return ok, e
end

-- The name of a chunk as errors show it.
local function shown_name(name)
  local first = sub(name, 1, 1)
  if first == "@" or first == "=" then
    return sub(name, 2)
  end
  local line = name:match("^[^\n]*")
  local is_cut = #line < #name or #line > 44
  return '[string "' .. (is_cut and sub(line, 1, 41) .. "..." or line) .. '"]'
end

-- The innermost place in a script's own code: not of a function of the engine, nor of this chunk.
local function where()
  local level = 3
  local info = getinfo(level, "S")
  while info and (info.linedefined < 0 or info.source == base.ours) do
    level = level + 1
    info = getinfo(level, "S")
  end
  if info then
    return info.source, getinfo(level, "l").currentline
  end
end

-- The script has to end; the place is noted now, since a handler that is run late may be ended itself. It is found first:
-- the hook may come amid the search, and does all of it then.
local function end_script(reason)
  if not dying then
    local source, line = where()
    dying = { err = reason, source = source, line = line }
  end
  error(dying, 0)
end

-- Instructions may take long where texts are: as many as a look at the clock is for become fewer then, and more again later.
local hook, restart, set_hook
do
  local SLOW_S, QUICK_S = 0.02, 0.005 -- between two looks
  local FEW_AT_ONCE = 10
  local max, min = math.max, math.min
  local window, looked_at = HOOK_COUNT, 0

  local function set_window(count)
    window = count
    sethook(hook, "", count)
  end

  function hook()
    if is_over then
      return
    end
    local now = clock()
    local took = now - looked_at
    looked_at = now
    if took > SLOW_S then
      set_window(max(1, floor(window * QUICK_S / took)))
    elseif took < QUICK_S and window < HOOK_COUNT then
      set_window(min(HOOK_COUNT, window * 4))
    end
    local reason = door.tick()
    if reason then
      end_script(reason)
    elseif dying then
      error(dying, 0)
    end
  end

  -- What was counted is much; where it was much at once, more of that may follow.
  function base.look(was_at_once)
    if was_at_once and window > FEW_AT_ONCE then
      set_window(FEW_AT_ONCE)
    end
    hook()
  end

  function set_hook(co)
    sethook(co, hook, "", window)
  end

  function restart()
    looked_at = clock()
  end

  for _, f in ipairs({ hook, base.look, set_window }) do
    jit_off(f)
  end
end

-- The outermost handler: from here on the hook ends nothing, since what follows is outside of the script's own protection. It notes
-- the place alone, in one frame: where the stack has overflowed there is little room.
local found_source, found_line

local function note(e)
  is_over = true
  local level = 2
  local info = getinfo(2, "Sl")
  while info and (info.linedefined < 0 or info.source == base.ours) do
    level = level + 1
    info = getinfo(level, "Sl")
  end
  if info then
    found_source, found_line = info.source, info.currentline
  end
  return e
end

-- An error as the host is told of it, after its place was noted.
local function located(e)
  if dying then
    return dying
  end
  local source, line = found_source, found_line
  local text
  if type(e) == "table" then
    text = rawget(e, "err")
    if type(text) == "number" then
      text = tostring(text)
    elseif type(text) ~= "string" then
      text = "ERR unknown error"
    end
  else
    text = tostring(e)
    local bare, had_place = base.without_place(text)
    if source and (had_place or bare == "stack overflow") then
      bare = format("%s:%d: %s", shown_name(source), line, bare)
    end
    text = "ERR " .. bare
  end
  return { err = text, source = source, line = line }
end

local function locate(e)
  return located(note(e))
end

-- ---------------------------------------------------------------- the standard library, guarded

local function guarded_pairs(...)
  local t = ...
  local content = contents[t]
  if content then
    return function(_, key)
      return next(content, key)
    end, t, nil
  elseif type(t) ~= "table" then
    expect("table", 1, "pairs", ...)
  end
  return next, t, nil
end

local function guarded_next(...)
  local t, key = ...
  if type(t) ~= "table" then
    expect("table", 1, "next", ...)
  end
  return next(contents[t] or t, key)
end

local function guarded_rawget(...)
  local t = ...
  if contents[t] then
    return rawget(contents[t], select(2, ...))
  end
  expect("table", 1, "rawget", ...)
  return rawget(...)
end

local function guarded_ipairs(...)
  if type((...)) ~= "table" then
    expect("table", 1, "ipairs", ...)
  end
  return ipairs((...))
end

local function guarded_assert(...)
  local value, message = ...
  if not value and message ~= nil then
    base.text(message, 2, "assert")
  end
  return assert(...)
end

local function guarded_rawset(...)
  local t = ...
  if contents[t] then
    error(READONLY, 0)
  end
  return rawset(...)
end

local function guarded_setmetatable(...)
  local t = ...
  if contents[t] then
    error(READONLY, 0)
  end
  return setmetatable(...)
end

local function guarded_getmetatable(...)
  local value = ...
  if contents[value] then
    return views[value]
  end
  return getmetatable(...)
end

-- A function of the table library, which takes longer with a larger table.
local function counted(name)
  local original = table[name]
  return function(...)
    local t = ...
    if type(t) ~= "table" then
      expect("table", 1, name, ...)
    elseif #t > 100 then
      charge(#t / 8)
    end
    return original(...)
  end
end

-- One that calls a function for what is in a table.
local function visiting(name)
  local original = table[name]
  return function(...)
    expect("table", 1, name, ...)
    expect("function", 2, name, ...)
    return original(...)
  end
end

-- A function of one number. LuaJIT's own reads what an earlier script has left where no number was given.
local function numeric(name)
  local original = math[name]
  return function(...)
    local number = ...
    if type(number) ~= "number" then
      number = base.number(number, 1, name, select("#", ...) == 0)
    end
    return (original(number))
  end
end

-- Insertion moves all that lies between the end and the position, also where nothing does.
local function guarded_insert(...)
  local t, position = ...
  if contents[t] then
    error(READONLY, 0)
  end
  position = select("#", ...) == 3 and type(t) == "table" and tonumber(position)
  if not position then
    return table.insert(...)
  end
  position = base.int(position)
  if position < -MOST_RESULTS then
    bad_argument(2, "insert", "position out of bounds")
  end
  local moved = #t + 1 - position
  if moved > 100 then
    charge(moved / 8)
  end
  return table.insert(t, position, (select(3, ...)))
end

local function guarded_unpack(...)
  local t, i, j = ...
  if type(t) ~= "table" then
    expect("table", 1, "unpack", ...)
  end
  local first = i == nil and 1 or tonumber(i)
  local last = j == nil and #t or tonumber(j)
  if first and last and not (last - first < MOST_RESULTS) then
    fault("too many results to unpack")
  end
  return unpack(...)
end

local COLLECTOR_OPTIONS = { collect = true, count = true, step = true }
local HARMLESS_OPTIONS = { stop = true, restart = true, setpause = true, setstepmul = true }

local function guarded_collectgarbage(option, argument)
  if option == nil or COLLECTOR_OPTIONS[option] then
    charge(option == "count" and 1 or gcinfo() * 4)
    return collectgarbage(option, argument)
  elseif HARMLESS_OPTIONS[option] then
    return 0
  end
  bad_argument(1, "collectgarbage", format("invalid option '%s'", tostring(option)))
end

local function guarded_dump(...)
  expect("function", 1, "dump", ...)
  local f = ...
  if getinfo(f, "S").source == base.ours then
    fault("unable to dump given function")
  end
  return dump(f)
end

-- The generator of lrand48, in two halves of 24 bits: the same numbers after the same seed as with the reference.
local random, randomseed
do
  local random_high, random_low = 0x1234AB, 0xCD330E

  -- Factors instead of divisions and remainders, which take most of the time.
  local function random_number()
    local product = 15525485 * random_low + 11
    local carry = floor(product * 2 ^ -24)
    local sum = 1502 * random_low + 15525485 * random_high + carry
    random_low = product - carry * 16777216
    random_high = sum - floor(sum * 2 ^ -24) * 16777216
    local bits = random_high * 128 + floor(random_low * 2 ^ -17)
    return bits < 2147483647 and bits / 2147483647 or 0
  end

  local function int_of(value, position)
    if type(value) == "number" and value >= -2147483648 and value <= 2147483647 then
      return value < 0 and -floor(-value) or floor(value)
    end
    return base.int(base.number(value, position, "random"))
  end

  local function random_between(low, high, count)
    local r = random_number()
    if count == 1 then
      low, high = 1, int_of(low, 1)
    else
      low, high = int_of(low, 1), int_of(high, 2)
    end
    if low > high then
      bad_argument(count, "random", "interval is empty")
    end
    return floor(r * int_of(high - low + 1)) + low
  end

  -- LuaJIT compiles no function of any number of arguments: this one only chooses.
  function random(...)
    local count = select("#", ...)
    if count == 0 then
      return random_number()
    elseif count > 2 then
      random_number()
      fault("wrong number of arguments")
    end
    local low, high = ...
    return random_between(low, high, count)
  end

  function randomseed(...)
    local bits = base.int(base.number((...), 1, "randomseed", select("#", ...) == 0)) % 4294967296
    random_high, random_low = floor(bits / 256), bits % 256 * 65536 + 0x330E
  end
end

local function create(f, name)
  if type(f) ~= "function" or getinfo(f, "S").what == "C" then
    bad_argument(1, name or "create", "Lua function expected")
  end
  local co = co_create(f)
  if not has_jit then
    set_hook(co)
  end
  return co
end

local function after_resume(co, depth, inner_depth, ...)
  outer, inner = depth, inner_depth
  if not has_jit and co_status(co) == "dead" then
    sethook(co)
  end
  return settle(inner_depth, ...)
end

local function resume(co, ...)
  if type(co) ~= "thread" then
    bad_argument(1, "resume", "coroutine expected")
  elseif is_too_deep() then
    return false, "C stack overflow"
  end
  local depth, inner_depth = outer, inner
  outer, inner = depth + inner_depth + 1, 0
  return after_resume(co, depth, inner_depth, co_resume(co, ...))
end

local function unwrap(ok, e, ...)
  if not ok then
    if type(e) == "string" then
      fault(e)
    end
    error(e, 0)
  end
  return e, ...
end

local function wrap(f)
  local co = create(f, "wrap")
  return function(...)
    return unwrap(resume(co, ...))
  end
end

local function copy(source, names)
  local result = {}
  for name in names:gmatch("%S+") do
    result[name] = source[name]
  end
  return result
end

local string_functions = copy(string, "byte len")
for name, f in pairs(strings) do
  string_functions[name] = f
end
string_functions.dump, string_functions.tostring, string_functions.tonumber = guarded_dump, nil, nil

local tables = {}
for _, name in ipairs({ "getn", "maxn", "remove", "sort" }) do
  tables[name] = counted(name)
end
for _, name in ipairs({ "foreach", "foreachi" }) do
  tables[name] = visiting(name)
end
tables.insert = guarded_insert
tables.concat = function(...)
  local ok, text = pcall(concat, ...)
  if not ok then
    return concat(...) -- fails again, in the name of the script
  end
  charge(#(...) / 8 + #text / 16)
  return text
end
local sort = tables.sort
tables.sort = function(...)
  local t, comparison = ...
  expect("table", 1, "sort", ...)
  if is_too_deep() then
    fault("C stack overflow")
  elseif comparison ~= nil then
    expect("function", 2, "sort", ...)
  end
  local count, is_pure, work = #t, nil, nil
  if comparison == nil and not contents[t] then
    is_pure, work = modules.sorting.judge(t, count)
  end
  if is_pure and getmetatable(t) == nil then
    return modules.sorting.sort(t, count, work)
  elseif is_pure ~= nil then
    comparison = modules.sorting.less
  end
  inner = inner + 1
  sort(t, comparison)
  inner = inner - 1
end
tables.setn = function(...)
  expect("table", 1, "setn", ...)
  fault("'setn' is obsolete")
end

local maths = copy(
  math,
  "abs acos asin atan atan2 cos cosh exp fmod frexp huge log10 max min modf pi pow sin sinh sqrt tan tanh"
)
maths.mod = math.fmod
for _, name in ipairs({ "ceil", "deg", "floor", "rad" }) do
  maths[name] = numeric(name)
end
maths.ldexp = function(...)
  local count = select("#", ...)
  local number, exponent = ...
  exponent = base.int(base.number(exponent, 2, "ldexp", count < 2))
  return (math.ldexp(base.number(number, 1, "ldexp", count < 1), exponent))
end
maths.log = function(...)
  return math.log(base.number((...), 1, "log", select("#", ...) == 0))
end
maths.random, maths.randomseed = random, randomseed

local coroutines = copy(coroutine, "running status")
coroutines.yield = function(...)
  if not co_running() or inner > 0 then
    error("attempt to yield across metamethod/C-call boundary", 0)
  end
  return co_yield(...)
end
coroutines.resume, coroutines.wrap = resume, wrap
coroutines.create = function(f)
  return create(f)
end

local bits = copy(base.bit, "arshift band bnot bor bswap bxor lshift rol ror rshift tobit")
bits.tohex = function(...)
  local value, count = ...
  if type(count) == "number" and not (count >= -8 and count <= 8) then
    count = base.bit.tobit(count)
    return base.bit.tohex(value, count < 0 and -8 or count > 8 and 8 or count)
  end
  return base.bit.tohex(...)
end

local libraries = {
  bit = freeze(bits),
  cjson = freeze(modules.cjson),
  cmsgpack = freeze(modules.cmsgpack),
  coroutine = freeze(coroutines),
  math = freeze(maths),
  os = freeze({ clock = clock }),
  string = freeze(string_functions),
  struct = freeze(modules.struct),
  table = freeze(tables),
}

local functions = {
  assert = guarded_assert,
  collectgarbage = guarded_collectgarbage,
  error = error,
  gcinfo = gcinfo,
  getmetatable = guarded_getmetatable,
  ipairs = guarded_ipairs,
  next = guarded_next,
  pairs = guarded_pairs,
  pcall = function(...)
    if select("#", ...) == 0 then
      return settle_text(inner, pcall(true))
    end
    return settle_text(inner, pcall(...))
  end,
  rawequal = rawequal,
  rawget = guarded_rawget,
  rawset = guarded_rawset,
  select = select,
  setmetatable = guarded_setmetatable,
  tonumber = strings.tonumber,
  tostring = tostring,
  type = type,
  unpack = guarded_unpack,
  xpcall = function(...)
    local f, handler = ...
    if select("#", ...) < 2 then
      bad_argument(2, "xpcall", "value expected")
    end
    return settle(inner, xpcall(f, function(e)
      if dying or e == OUT_OF_MEMORY then
        return dying or e
      end
      return handler(e)
    end))
  end,
  _VERSION = _VERSION,
}

local string_meta = getmetatable("")
string_meta.__index = string_functions
string_meta.__metatable = freeze({ __index = libraries.string })

-- ---------------------------------------------------------------- commands

local CALL, ALLOWED, SHA1, LOG, MORE = 0, 1, 2, 3, 4 -- what the host is asked for
-- What it answers: the last ones come with a text.
local REFUSED, NUMBER, OKAY, FALSE, NIL, ENDED, TEXT, RESP, FAILED = -1, 1, 2, 3, 4, 5, 8, 9, 10

-- The host could not answer, for want of memory, or told the script to end.
local function end_without_answer(kind)
  if kind == ENDED then
    end_script(door.verdict())
  end
  dying = dying or exhausted
  error(dying, 0)
end

local function more()
  local kind, piece = ask(MORE)
  if kind ~= RESP then
    end_without_answer(kind)
  end
  return piece
end

local function failure(text)
  return { err = text, ignore_error_stats_update = true }
end

-- What the host answered, as a value and whether the call failed.
local function deliver(kind, value)
  if kind == TEXT or kind == NUMBER then
    return value
  elseif kind == OKAY then
    return { ok = "OK" }
  elseif kind == RESP then
    return read_reply(value, more)
  elseif kind == FALSE then
    return false
  elseif kind == NIL then
    return nil
  elseif kind == FAILED then
    return failure(value), true
  elseif kind == REFUSED then
    return failure(NOT_STRINGS), true
  end
  end_without_answer(kind)
end

local function raise_failed(value, is_failed)
  if is_failed then
    error(value, 0)
  end
  return value
end

local function call(...)
  local count, kind, value = select("#", ...)
  if count <= FEW then
    kind, value = ask_few(CALL, count, ...)
  else
    kind, value = ask(CALL, ...)
  end
  if kind == TEXT or kind == NUMBER then
    return value
  end
  return raise_failed(deliver(kind, value))
end

local function try(...)
  local count = select("#", ...)
  if count <= FEW then
    return (deliver(ask_few(CALL, count, ...)))
  end
  return (deliver(ask(CALL, ...)))
end

-- ---------------------------------------------------------------- the server object

local function raise(text)
  error({ err = "ERR " .. text }, 0)
end

local function single_field(name)
  return function(...)
    local text = ...
    if select("#", ...) ~= 1 or type(text) ~= "string" then
      return { err = "ERR wrong number or type of arguments" }
    end
    if name == "ok" then
      return { ok = text }
    end
    if byte(text, 1) == 45 then
      text = text:sub(2)
    end
    return { err = text:find(" ", 1, true) and text or "ERR " .. text }
  end
end

local function text_of(value)
  local kind = type(value)
  if kind == "string" then
    return value
  end
  return kind == "number" and tostring(value) or ""
end

local function sha1_of(text)
  charge(#text / 32)
  local kind, digest = ask_few(SHA1, 1, text)
  if kind ~= TEXT then
    end_without_answer(kind)
  end
  return digest
end

local function sha1hex(...)
  local text = ...
  if select("#", ...) ~= 1 then
    raise("wrong number of arguments")
  end
  return sha1_of(type(text) == "string" and text or text_of(text))
end

local function log(...)
  local count = select("#", ...)
  if count < 2 then
    raise("server.log() requires two arguments or more.")
  end
  local level = tonumber((...))
  if not level then
    raise("First argument must be a number (log level).")
  end
  if not (level > -1 and level < 4) then
    raise("Invalid log level.")
  end
  level = level < 0 and 0 or floor(level)
  if not door.is_logged(level) then
    return
  end
  local words = {}
  for i = 2, count do
    words[#words + 1] = text_of((select(i, ...)))
  end
  ask_few(LOG, 2, level, concat(words, " "))
end

local function setresp(...)
  if select("#", ...) ~= 1 then
    raise("server.setresp() requires one argument.")
  end
  local version = floor(tonumber((...)) or 0)
  if version ~= 2 and version ~= 3 then
    raise("RESP version must be 2 or 3.")
  end
  is_resp3 = version == 3
  door.set_resp3(is_resp3)
end

local function set_repl(...)
  if select("#", ...) ~= 1 then
    raise("server.set_repl() requires one argument.")
  end
  local flags = base.int(tonumber((...)) or 0)
  if flags < 0 or flags > 3 then
    raise("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
  end
end

local function acl_check_cmd(...)
  if select("#", ...) == 0 then
    raise("Please specify at least one argument for this call")
  end
  local kind, is_allowed = ask(ALLOWED, ...)
  if kind == REFUSED then
    error({ err = NOT_STRINGS }, 0)
  elseif kind ~= NUMBER then
    raise("Invalid command passed to server.acl_check_cmd()")
  end
  return is_allowed == 1
end

local function nothing() end

local common = {
  LOG_DEBUG = 0,
  LOG_VERBOSE = 1,
  LOG_NOTICE = 2,
  LOG_WARNING = 3,
  log = log,
}
for name, value in pairs(base.versions) do
  common[name] = value
end

local function extended(base, extra)
  local result = {}
  for _, source in ipairs({ base, extra }) do
    for name, value in pairs(source) do
      result[name] = value
    end
  end
  return result
end

local server_functions = extended(common, {
  REPL_NONE = 0,
  REPL_AOF = 1,
  REPL_SLAVE = 2,
  REPL_REPLICA = 2,
  REPL_ALL = 3,
  acl_check_cmd = acl_check_cmd,
  call = call,
  error_reply = single_field("err"),
  pcall = try,
  set_repl = set_repl,
  setresp = setresp,
  sha1hex = sha1hex,
  status_reply = single_field("ok"),
})
local server_scripts = extended(server_functions, {
  breakpoint = function()
    return false
  end,
  debug = nothing,
  replicate_commands = function()
    return true
  end,
})

-- ---------------------------------------------------------------- environments

-- A chunk of source code as a function, or nil and an error. Bytecode can break out of the virtual machine: only text is taken.
local function compile_text(text, name, env, is_outermost_single)
  if byte(text, 1) == 27 then
    return nil, shown_name(name) .. ":1: unexpected symbol near 'char(27)'"
  end
  local read, problem, line = dialect(text, is_outermost_single)
  if not read then
    return nil, format("%s:%d: %s", shown_name(name), line, problem)
  end
  local f, e = loadstring(read, name)
  if not f then
    return nil, e
  end
  jit_off(f, true)
  return setfenv(f, env)
end

local function environment(server, extra)
  local content = extended(extended(functions, libraries), extra or {})
  local env = freeze(content, missing_global)
  views[env] = freeze({ __index = missing_global })
  local object = freeze(server)
  content._G, content.redis, content.server = env, object, object
  content.loadstring = function(...)
    local text, name = ...
    text = base.text(text, 1, "loadstring", select("#", ...) == 0)
    return compile_text(text, name ~= nil and base.text(name, 2, "loadstring") or text, env)
  end
  content.load = function(...)
    local reader, name = ...
    name = name ~= nil and base.text(name, 2, "load") or "=(load)"
    expect("function", 1, "load", ...)
    local parts = {}
    local ok, part
    repeat
      ok, part = settle(inner, pcall(reader))
      if not ok then
        return nil, part
      elseif part ~= nil and type(part) ~= "string" then
        return nil, "reader function must return a string"
      end
      parts[#parts + 1] = part
    until part == nil or part == "" or byte(parts[1], 1) == 27
    return compile_text(concat(parts), name, env)
  end
  return env, content
end

local script_env, script_globals = environment(server_scripts, {
  KEYS = {},
  ARGV = {},
  __redis__err__handler = locate,
  __server__err__handler = locate,
})
local run_env = environment(server_functions)

-- While a library is loaded it sees nothing but the server object, with register_function in it.
local pending
local function register(...)
  local count = select("#", ...)
  if count < 1 or count > 2 then
    raise("wrong number of arguments to server.register_function")
  end
  local name, callback, description, flags
  if count == 1 then
    local fields = ...
    if type(fields) ~= "table" then
      raise("calling server.register_function with a single argument is only applicable to Lua table (representing named arguments).")
    end
    for key, value in next, fields do
      if type(key) ~= "string" and type(key) ~= "number" then
        raise("named argument key given to server.register_function is not a string")
      end
      if key == "function_name" then
        if type(value) ~= "string" and type(value) ~= "number" then
          raise("function_name argument given to server.register_function must be a string")
        end
        name = value
      elseif key == "description" then
        if type(value) ~= "string" and type(value) ~= "number" then
          raise("description argument given to server.register_function must be a string")
        end
        description = tostring(value)
      elseif key == "callback" then
        if type(value) ~= "function" then
          raise("callback argument given to server.register_function must be a function")
        end
        callback = value
      elseif key == "flags" then
        if type(value) ~= "table" then
          raise("flags argument to server.register_function must be a table representing function flags")
        end
        flags = value
      else
        raise("unknown argument given to server.register_function")
      end
    end
    if not name then
      raise("server.register_function must get a function name argument")
    end
    if not callback then
      raise("server.register_function must get a callback argument")
    end
  else
    name, callback = ...
    if type(name) ~= "string" and type(name) ~= "number" then
      raise("first argument to server.register_function must be a string")
    end
    if type(callback) ~= "function" then
      raise("second argument to server.register_function must be a function")
    end
  end
  local words = {}
  for _, flag in ipairs(flags or {}) do
    if not base.flags[text_of(flag)] then
      raise("unknown flag given")
    end
    words[#words + 1] = flag
  end
  pending[#pending + 1] = { tostring(name), callback, description or false, concat(words, ",") }
end

local loading_server = freeze(extended(common, { register_function = register }), missing_global)
local loading_content = setmetatable({ redis = loading_server, server = loading_server }, { __index = missing_global })

-- A library's environment: a door of its own that leads to `loading_content` first and to `run_env` afterwards.
local function library_environment()
  local meta = { __index = loading_content, __newindex = refuse_change }
  local env = setmetatable({}, meta)
  contents[env] = {}
  return env, meta
end

-- ---------------------------------------------------------------- what the host calls

local SCALAR, VALUES, SLICES, FAILURE, OVERFLOW = 0, 1, 2, 3, 4 -- how an outcome is given to the host

-- The outcome of what ran, as numbers and strings.
local function report(ok, value)
  is_over = true
  script_globals.KEYS, script_globals.ARGV = false, false
  if not ok then
    value = dying or value
    if value == exhausted or value == OUT_OF_MEMORY or type(value) == "userdata" then
      return OVERFLOW
    elseif type(value) == "table" then
      return FAILURE, value.err, value.source, value.line
    end
    return FAILURE, "ERR " .. tostring(value)
  end
  local kind = type(value)
  if kind == "string" or kind == "number" then
    return SCALAR, value
  end
end

local function outcome(value)
  if type(value) == "string" or type(value) == "number" then
    return report(true, value)
  end
  local ok, size = pcall(results.write, value, is_resp3)
  if not ok then
    return report(false, size)
  end
  report(true, 0)
  if size <= results.SLICE then
    return VALUES, results.slice(1, size)
  end
  return SLICES, size
end

-- The outcome of a script or a function.
local function ended(ok, value)
  if ok then
    return outcome(value)
  elseif dying or value == OUT_OF_MEMORY or (type(value) == "userdata" and value ~= base.null) then
    return report(ok, value)
  end
  return report(ok, located(value))
end

local function begin()
  restart()
  dying, found_source, found_line = nil, nil, nil
  outer, inner = 0, 0
  is_resp3 = false
  door.set_resp3(false)
  modules.reset_json()
end

-- The keys and the arguments that wait at the door, as two tables.
local function keys_and_arguments(count)
  local kind, items = door.given()
  if kind == NIL then
    return {}, {}
  elseif kind ~= RESP then
    error(OUT_OF_MEMORY, 0)
  end
  items = read_reply(items, more)
  if count == 0 then
    return {}, items
  end
  local keys, argv = {}, {}
  for i = 1, count do
    keys[i] = items[i]
  end
  for i = count + 1, #items do
    argv[i - count] = items[i]
  end
  return keys, argv
end

-- Functions that the host knows by their numbers.
local kept, free = {}, {}

local function keep(f)
  local number = #kept + 1
  if #free > 0 then
    number = free[#free]
    free[#free] = nil
  end
  kept[number] = f
  return number
end

local function run(number, count)
  begin()
  script_globals.KEYS, script_globals.ARGV = keys_and_arguments(count)
  is_over = false
  return ended(xpcall(kept[number], note))
end

local function call_function(number, count)
  begin()
  local keys, argv = keys_and_arguments(count)
  is_over = false
  return ended(xpcall(function()
    return (kept[number](keys, argv))
  end, note))
end

local function given_text()
  local kind, text = door.given()
  return kind == TEXT and text or error(OUT_OF_MEMORY, 0)
end

local function compile_script()
  local f, e = compile_text(given_text(), "@user_script", script_env, true)
  if not f then
    return nil, e
  end
  return keep(f)
end

-- How many functions a library registers (`registered` tells them), or why it registers none.
local registered
local function load_library()
  local env, meta = library_environment()
  local f, e = compile_text(given_text(), "@user_function", env, true)
  if not f then
    return false, e
  end
  pending = {}
  local ok, problem = xpcall(f, note)
  meta.__index = run_env
  contents[env], views[env] = contents[run_env], views[run_env]
  registered, pending = pending, nil
  if not ok then
    if problem == OUT_OF_MEMORY or dying == exhausted then
      error(OUT_OF_MEMORY, 0)
    end
    return nil, located(problem).err
  end
  return #registered
end

local function finish(ok, ...)
  is_over = true
  if ok then
    return SCALAR, ...
  end
  return report(ok, ...)
end

local function attempt(f)
  begin()
  is_over = false
  return finish(pcall(f))
end

sethook(hook, "", HOOK_COUNT)
local exports = {
  compile = function()
    return attempt(compile_script)
  end,
  run = run,
  call = call_function,
  load = function()
    return attempt(load_library)
  end,
  -- One of the functions that were registered: name, number, description, flags.
  registered = function(i)
    local name, callback, description, flags = unpack(registered[i], 1, 4)
    return name, keep(callback), description, flags
  end,
  slice = results.slice,
  -- Why the script was told to end, and where it was, if it was: for an end that `report` could not tell of.
  verdict = function()
    is_over = true
    if dying then
      return dying.err, dying.source, dying.line
    end
  end,
  release = function(number)
    kept[number], free[#free + 1] = false, number
  end,
  forget = function()
    registered, pending = nil, nil
    results.forget()
    base.patterns.forget()
    modules.resp.forget()
    modules.reset_json()
  end,
  collect = function()
    collectgarbage()
  end,
}
for _, f in ipairs({ more, begin, outcome, report, ended, finish, attempt, run, call_function }) do
  jit_off(f)
end

-- Nothing of the standard library stays reachable but what was given above.
for name in pairs(globals) do
  globals[name] = nil
end
return exports
