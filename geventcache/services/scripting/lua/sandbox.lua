-- What scripts see, and how they are run.
--
-- This chunk is trusted. It gets the host's functions as arguments and returns the functions that the host calls. The rules:
--
-- * Scripts run in an environment of their own: the real globals are emptied at the end. What a script sees are frozen proxies:
--   an empty table whose __index is the content, so that an assignment always meets __newindex.
-- * No value of the host reaches a script: the host's functions are upvalues of functions written here, they return nil, booleans,
--   numbers, strings and tables only, and they never raise. A failed call returns `failed`; the host keeps the error text.
-- * A script that must end (killed, out of memory) has `dying` set: whatever would catch an error raises it again.
-- * The host's count hook is set on every coroutine; it lets others in and says when to end.
-- * What C functions do without end or with a wrong size is refused here: patterns that are too complex, ranges too large.

local host, modules = ...

local assert, error, getmetatable, ipairs, next, pairs, pcall, rawequal, rawget, rawset, select, setmetatable, tonumber,
  tostring, type, unpack, xpcall, loadstring, setfenv, collectgarbage, gcinfo =
  assert, error, getmetatable, ipairs, next, pairs, pcall, rawequal, rawget, rawset, select, setmetatable, tonumber,
  tostring, type, unpack, xpcall, loadstring, setfenv, collectgarbage, gcinfo
local coroutine, math, string, table = coroutine, math, string, table
local getinfo, sethook = debug.getinfo, debug.sethook
local dump, byte, gsub, format, concat = string.dump, string.byte, string.gsub, string.format, table.concat
local co_create, co_resume, co_status = coroutine.create, coroutine.resume, coroutine.status
local clock = os.clock
local globals = _G

local HOOK_COUNT = 100000
local DIRECT_ARGUMENTS = 16
local UNPACK_LIMIT = 7990
local SLICE = 4000
local NESTING_LIMIT = 150
local PATTERN_LENGTH = 1000
local PATTERN_ITEMS = 2000
local READONLY = "Attempt to modify a readonly table"
local NOT_STRINGS = "ERR Command arguments must be strings or integers"

local failed, okay = {}, {}
local dying
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

-- Complain of an argument as Lua does, at the place of the call; `level` is the function's that was called.
local function complain(level, position, name, reason)
  if getinfo(level, "n").namewhat == "method" then
    position = position - 1
  end
  error(format("bad argument #%d to '%s' (%s)", position, name, reason), level + 1)
end

local function expect(value, expected, position, name, level)
  local got = type(value)
  if got ~= expected then
    got = value == nil and "no value" or got
    complain((level or 2) + 1, position, name, expected .. " expected, got " .. got)
  end
end

-- ---------------------------------------------------------------- errors and the end of a script

local function settle(ok, e, ...)
  if ok then
    return ok, e, ...
  end
  if dying then
    error(dying, 0)
  end
  return ok, e
end

local function settle_text(ok, e, ...)
  if ok then
    return ok, e, ...
  end
  if dying then
    error(dying, 0)
  end
  if type(e) == "table" and rawget(e, "err") ~= nil then
    e = rawget(e, "err")
  end
  return ok, e
end

local function hook()
  local reason = host.tick()
  if reason then
    dying = { err = reason }
    error(dying, 0)
  end
end

-- The innermost place in a script's own code: not of a C function, nor of this chunk.
local function where()
  local level = 3
  local info = getinfo(level, "S")
  while info and (info.what == "C" or info.what == "tail" or info.source == "<python>") do
    level = level + 1
    info = getinfo(level, "S")
  end
  if info then
    return info.source, getinfo(level, "l").currentline
  end
end

local function locate(e)
  local source, line = where()
  local text
  if type(e) == "table" then
    text = rawget(e, "err")
    if type(text) ~= "string" then
      text = "ERR unknown error"
    end
  else
    text = "ERR " .. tostring(e)
  end
  return { err = text, source = source, line = line }
end

-- ---------------------------------------------------------------- the standard library, guarded

local function guarded_pairs(t)
  local content = contents[t]
  if content then
    return function(_, key)
      return next(content, key)
    end, t
  end
  expect(t, "table", 1, "pairs")
  return next, t
end

local function guarded_next(t, key)
  expect(t, "table", 1, "next")
  return next(contents[t] or t, key)
end

local function guarded_rawget(t, key)
  expect(t, "table", 1, "rawget")
  return rawget(contents[t] or t, key)
end

local function guarded_rawset(t, key, value)
  if contents[t] then
    error(READONLY, 0)
  end
  expect(t, "table", 1, "rawset")
  return rawset(t, key, value)
end

local function guarded_setmetatable(t, meta)
  if contents[t] then
    error(READONLY, 0)
  end
  return setmetatable(t, meta)
end

local function guarded_getmetatable(value)
  if contents[value] then
    return views[value]
  end
  return getmetatable(value)
end

local function guarded_insert(t, ...)
  if contents[t] then
    error(READONLY, 0)
  end
  return table.insert(t, ...)
end

local function guarded_unpack(t, i, j)
  expect(t, "table", 1, "unpack")
  local first = i == nil and 1 or tonumber(i)
  local last = j == nil and #t or tonumber(j)
  if first and last and not (last - first < UNPACK_LIMIT) then
    error("too many results to unpack", 2)
  end
  return unpack(t, i, j)
end

local COLLECTOR_OPTIONS = { collect = true, count = true, step = true }
local HARMLESS_OPTIONS = { stop = true, restart = true, setpause = true, setstepmul = true }

local function guarded_collectgarbage(option, argument)
  if option == nil or COLLECTOR_OPTIONS[option] then
    return collectgarbage(option, argument)
  elseif HARMLESS_OPTIONS[option] then
    return 0
  end
  error(format("bad argument #1 to 'collectgarbage' (invalid option '%s')", tostring(option)), 2)
end

local function check_text(value, position, name)
  if type(value) ~= "string" and type(value) ~= "number" then
    expect(value, "string", position, name, 3)
  end
end

local function check_pattern(pattern)
  if type(pattern) == "string" and #pattern > PATTERN_LENGTH then
    local _, items = gsub(pattern, "[-*+?]", "")
    if items > PATTERN_ITEMS then
      error("pattern too complex", 3)
    end
  end
end

local function pattern_function(name)
  local original = string[name]
  return function(text, pattern, a, b)
    if type(text) ~= "string" then
      check_text(text, 1, name)
    end
    if type(pattern) ~= "string" then
      check_text(pattern, 2, name)
    end
    if #pattern > PATTERN_LENGTH and not (name == "find" and b) then
      check_pattern(pattern)
    end
    return original(text, pattern, a, b)
  end
end

local function guarded_gsub(text, pattern, replacement, limit)
  check_text(text, 1, "gsub")
  check_text(pattern, 2, "gsub")
  check_pattern(pattern)
  return gsub(text, pattern, replacement, limit)
end

local function guarded_gmatch(text, pattern)
  check_text(text, 1, "gmatch")
  check_text(pattern, 2, "gmatch")
  check_pattern(pattern)
  return string.gmatch(text, pattern)
end

local function guarded_rep(text, count)
  if text == "" and type(count) == "number" then
    return ""
  end
  check_text(text, 1, "rep")
  if not tonumber(count) then
    expect(count, "number", 2, "rep")
  end
  return string.rep(text, count)
end

local function guarded_dump(f)
  expect(f, "function", 1, "dump")
  if getinfo(f, "S").source == "<python>" then
    error("unable to dump given function", 2)
  end
  return dump(f)
end

local function random(low, high)
  local r = host.random()
  if low == nil then
    return r
  end
  if high == nil then
    low, high = 1, low
    if not (tonumber(high) and high + 0 >= 1) then
      error("bad argument #1 to 'random' (interval is empty)", 2)
    end
  elseif not (tonumber(low) and tonumber(high) and low + 0 <= high + 0) then
    error("bad argument #2 to 'random' (interval is empty)", 2)
  end
  return math.floor(r * (high - low + 1)) + low
end

local function randomseed(seed)
  if not tonumber(seed) then
    expect(seed, "number", 1, "randomseed")
  end
  host.seed(tonumber(seed))
end

local function create(f)
  if type(f) ~= "function" or getinfo(f, "S").what == "C" then
    complain(2, 1, "create", "Lua function expected")
  end
  local co = co_create(f)
  sethook(co, hook, "", HOOK_COUNT)
  return co
end

local function after_resume(co, ...)
  if co_status(co) == "dead" then
    sethook(co)
  end
  return settle(...)
end

local function resume(co, ...)
  if type(co) ~= "thread" then
    error("bad argument #1 to 'resume' (coroutine expected)", 2)
  end
  return after_resume(co, co_resume(co, ...))
end

local function unwrap(ok, e, ...)
  if not ok then
    error(e, 3)
  end
  return e, ...
end

local function wrap(f)
  local co = create(f)
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

local strings = copy(string, "byte char format len lower reverse sub upper")
for _, name in ipairs({ "find", "match" }) do
  strings[name] = pattern_function(name)
end
strings.dump, strings.gsub, strings.gmatch, strings.gfind = guarded_dump, guarded_gsub, guarded_gmatch, guarded_gmatch
strings.rep = guarded_rep

local tables = copy(table, "concat foreach foreachi getn maxn remove setn sort")
tables.insert = guarded_insert

local maths = copy(
  math,
  "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min mod modf pi pow rad sin sinh "
    .. "sqrt tan tanh"
)
maths.random, maths.randomseed = random, randomseed

local coroutines = copy(coroutine, "running status yield")
coroutines.create, coroutines.resume, coroutines.wrap = create, resume, wrap

local libraries = {
  bit = freeze(modules.bit),
  cjson = freeze(modules.cjson),
  cmsgpack = freeze(modules.cmsgpack),
  coroutine = freeze(coroutines),
  math = freeze(maths),
  os = freeze({ clock = clock }),
  string = freeze(strings),
  struct = freeze(modules.struct),
  table = freeze(tables),
}

local functions = {
  assert = assert,
  collectgarbage = guarded_collectgarbage,
  error = error,
  gcinfo = gcinfo,
  getmetatable = guarded_getmetatable,
  ipairs = ipairs,
  next = guarded_next,
  pairs = guarded_pairs,
  pcall = function(...)
    return settle_text(pcall(...))
  end,
  rawequal = rawequal,
  rawget = guarded_rawget,
  rawset = guarded_rawset,
  select = select,
  setmetatable = guarded_setmetatable,
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  unpack = guarded_unpack,
  xpcall = function(f, handler)
    return settle(xpcall(f, function(e)
      if dying then
        return dying
      end
      return handler(e)
    end))
  end,
  _VERSION = _VERSION,
}

local string_meta = getmetatable("")
string_meta.__index = strings
string_meta.__metatable = freeze({ __index = libraries.string })

-- ---------------------------------------------------------------- commands

local function failure()
  local text, is_fatal = host.failure()
  local e = { err = text, ignore_error_stats_update = true }
  if is_fatal then
    dying = e
  end
  return e
end

-- Many arguments go to the host as two strings: a Python tuple that grows by one item at a time is quadratic.
local function pack(...)
  local items, sizes = { ... }, {}
  local count = select("#", ...)
  for i = 1, count do
    local item = items[i]
    local kind = type(item)
    if kind == "string" then
      sizes[i] = #item
    elseif kind == "number" then
      item = format("%.17g", item)
      items[i] = item
      sizes[i] = -#item
    else
      return nil
    end
  end
  return concat(sizes, ","), concat(items)
end

local function request(...)
  if select("#", ...) <= DIRECT_ARGUMENTS then
    return host.call(...)
  end
  local sizes, body = pack(...)
  if sizes == nil then
    host.fail(NOT_STRINGS)
    return failed
  end
  return host.call_packed(sizes, body)
end

local function call(...)
  local reply = request(...)
  if reply == okay then
    return { ok = "OK" }
  elseif reply == failed then
    error(failure(), 0)
  end
  return reply
end

local function try(...)
  local reply = request(...)
  if reply == okay then
    return { ok = "OK" }
  elseif reply == failed then
    local e = failure()
    if dying then
      error(dying, 0)
    end
    return e
  end
  return reply
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

local function sha1hex(...)
  if select("#", ...) ~= 1 then
    raise("wrong number of arguments")
  end
  return host.sha1(text_of(...))
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
  if not (level >= 0 and level <= 3) then
    raise("Invalid log level.")
  end
  local words = {}
  for i = 2, count do
    words[#words + 1] = text_of((select(i, ...)))
  end
  host.log(math.floor(level), concat(words, " "))
end

local function setresp(...)
  if select("#", ...) ~= 1 then
    raise("server.setresp() requires one argument.")
  end
  local version = math.floor(tonumber((...)) or 0)
  if version ~= 2 and version ~= 3 then
    raise("RESP version must be 2 or 3.")
  end
  is_resp3 = version == 3
  host.setresp(is_resp3)
end

local function set_repl(...)
  if select("#", ...) ~= 1 then
    raise("server.set_repl() requires one argument.")
  end
  local flags = tonumber((...)) or 0
  if flags < 0 or flags > 3 then
    raise("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
  end
end

local function acl_check_cmd(...)
  local count = select("#", ...)
  if count == 0 then
    raise("Please specify at least one argument for this call")
  end
  local sizes, body = pack(...)
  if sizes == nil then
    error({ err = NOT_STRINGS }, 0)
  end
  local is_allowed = host.is_allowed(sizes, body)
  if is_allowed == nil then
    raise("Invalid command passed to server.acl_check_cmd()")
  end
  return is_allowed
end

local function nothing() end

local common = {
  LOG_DEBUG = 0,
  LOG_VERBOSE = 1,
  LOG_NOTICE = 2,
  LOG_WARNING = 3,
  log = log,
}
for name, value in pairs(host.versions) do
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
local function compile_text(text, name, env)
  if byte(text, 1) == 27 then
    return nil, (byte(name, 1) == 64 and name:sub(2) or name) .. ":1: unexpected symbol near 'char(27)'"
  end
  local f, e = loadstring(text, name)
  return f and setfenv(f, env), e
end

local function environment(server, extra)
  local content = extended(extended(functions, libraries), extra or {})
  local env = freeze(content, missing_global)
  views[env] = freeze({ __index = missing_global })
  local object = freeze(server)
  content._G, content.redis, content.server = env, object, object
  content.loadstring = function(text, name)
    check_text(text, 1, "loadstring")
    return compile_text(tostring(text), name or text, env)
  end
  content.load = function(reader, name)
    expect(reader, "function", 1, "load")
    local parts = {}
    local part = reader()
    while part ~= nil and part ~= "" do
      if type(part) ~= "string" then
        return nil, "reader function must return a string"
      end
      parts[#parts + 1] = part
      part = byte(parts[1], 1) ~= 27 and reader() or nil
    end
    return compile_text(concat(parts), name or "=(load)", env)
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
    if not host.is_flag(text_of(flag)) then
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

-- A tail call leaves no trace of its line; the host gives back the chunk's code without those of its outermost functions.
local function compile(text, name, env, depth)
  local f, e = compile_text(text, name, env)
  if not f then
    return nil, e
  end
  local code = host.keep_calls(dump(f), depth)
  return code and setfenv(loadstring(code, name), env) or f
end

local out, size
local ARRAY, STATUS, ERROR, DOUBLE, MAP, SET, BIG_NUMBER, VERBATIM, BOOLEAN = 1, 2, 3, 4, 5, 6, 7, 8, 9

local function put(...)
  for i = 1, select("#", ...) do
    size = size + 1
    out[size] = (select(i, ...))
  end
end

local function mark(kind, value)
  out[size + 1], out[size + 2], out[size + 3] = true, kind, value
  size = size + 3
end

local put_value

local function put_map(kind, map, depth)
  local count = 0
  mark(kind, 0)
  local place = size
  for key, value in next, map do
    count = count + 1
    put_value(key, depth)
    if kind == MAP then
      put_value(value, depth)
    end
  end
  out[place] = count
end

local function put_array(t, depth)
  mark(ARRAY, 0)
  local place, count = size, 0
  while true do
    local value = rawget(t, count + 1)
    if value == nil then
      break
    end
    count = count + 1
    if type(value) == "string" then
      size = size + 1
      out[size] = value
    else
      put_value(value, depth)
    end
  end
  out[place] = count
end

local function put_table(t, depth)
  if depth > NESTING_LIMIT then
    return mark(ERROR, "ERR reached lua stack limit")
  end
  local value = rawget(t, "err")
  if type(value) == "string" then
    return mark(ERROR, value)
  end
  value = rawget(t, "ok")
  if type(value) == "string" then
    return mark(STATUS, value)
  end
  value = rawget(t, "double")
  if type(value) == "number" then
    return mark(DOUBLE, value)
  end
  value = rawget(t, "map")
  if type(value) == "table" then
    return put_map(MAP, value, depth + 1)
  end
  value = rawget(t, "set")
  if type(value) == "table" then
    return put_map(SET, value, depth + 1)
  end
  value = rawget(t, "big_number")
  if type(value) == "string" then
    return mark(BIG_NUMBER, value)
  end
  value = rawget(t, "verbatim_string")
  if type(value) == "table" then
    local text, kind = rawget(value, "string"), rawget(value, "format")
    if type(text) == "string" and type(kind) == "string" then
      mark(VERBATIM, kind)
      return put(text)
    end
  end
  put_array(t, depth + 1)
end

function put_value(value, depth)
  local kind = type(value)
  if kind == "string" or kind == "number" then
    put(value)
  elseif kind == "table" then
    put_table(value, depth)
  elseif kind ~= "boolean" then
    put(false)
  elseif is_resp3 then
    mark(BOOLEAN, value)
  elseif value then
    put(1)
  else
    put(false)
  end
end

local SCALAR, TOKENS, SLICES, FAILURE = 0, 1, 2, 3

local function report(ok, value)
  script_globals.KEYS, script_globals.ARGV = false, false
  if not ok then
    if type(value) == "table" then
      return FAILURE, value.err, value.source, value.line
    end
    return FAILURE, "ERR " .. tostring(value)
  end
  local kind = type(value)
  if kind == "string" or kind == "number" then
    return SCALAR, value
  end
  out, size = {}, 0
  put_value(value, 0)
  if size <= SLICE then
    return TOKENS, unpack(out, 1, size)
  end
  return SLICES, size
end

local function begin()
  dying = nil
  is_resp3 = false
end

local function run(f, keys, argv)
  begin()
  script_globals.KEYS, script_globals.ARGV = keys, argv
  return report(xpcall(f, locate))
end

local function call_with(f, keys, argv)
  begin()
  return report(xpcall(function()
    return f(keys, argv)
  end, locate))
end

-- A few arguments come as they are, the keys first: that is faster than tables which the host makes.
local function split(count, ...)
  local argv = { ... }
  if count == 0 then
    return {}, argv
  end
  local keys, rest = {}, {}
  for i = 1, count do
    keys[i] = argv[i]
  end
  for i = count + 1, #argv do
    rest[i - count] = argv[i]
  end
  return keys, rest
end

sethook(hook, "", HOOK_COUNT)
local exports = {
  failed = failed,
  okay = okay,
  compile = function(text)
    return compile(text, "@user_script", script_env, 0)
  end,
  run = run,
  run_few = function(f, ...)
    return run(f, split(...))
  end,
  call = call_with,
  call_few = function(f, ...)
    return call_with(f, split(...))
  end,
  load = function(text)
    begin()
    local env, meta = library_environment()
    local f, e = compile(text, "@user_function", env, 1)
    if not f then
      return false, e
    end
    pending = {}
    local ok, problem = xpcall(f, locate)
    meta.__index = run_env
    contents[env], views[env] = contents[run_env], views[run_env]
    local registered = pending
    pending = nil
    if not ok then
      return nil, type(problem) == "table" and problem.err or "ERR " .. tostring(problem)
    end
    return #registered, function(i)
      return unpack(registered[i], 1, 4)
    end
  end,
  slice = function(first, last)
    return unpack(out, first, last)
  end,
  forget = function()
    out = nil
  end,
}

-- Nothing of the standard library stays reachable but what was given above.
for name in pairs(globals) do
  globals[name] = nil
end
return exports
