-- The one way from scripts to the host, and what comes back.
--
-- The host never touches Lua's stack, where an allocation that fails would jump over its frames and leave the interpreter's lock held.
-- It is entered through ffi, with the places of texts and numbers; it leaves the kind, the size and the place of its answer in memory of its
-- own; strings are made of them here, where Lua's protection and the limit of memory hold. What it gives stays until it is entered again.
--
-- Where there is no ffi (Lua 5.1), the host is a function of Python's. It returns numbers alone, for which nothing is allocated;
-- texts it puts into `mail` by way of the compiler, which is protected as well.

local given, base = ...
local select, type, concat, gcinfo, collectgarbage = select, type, table.concat, gcinfo, collectgarbage

local LOST, REFUSED, FIRST_TEXT, TICK, PROTOCOL = 0, -1, 8, 5, 6
local SMALL = 4096
local door = {}

if type(given.enter) == "number" then
  local ffi = require("ffi")
  local cast, string_of = ffi.cast, ffi.string

  local function at_address(kind, number)
    return cast(kind, cast("uintptr_t", number))
  end

  local KIND, VALUE, VERDICT, IS_RESP3, LIMIT, LOG_LEVEL = 0, 1, 2, 3, 4, 5 -- the host's `facts`
  local ANSWER, REASON = 0, 1 -- its `places`
  local FEW, MOST_KEPT = 8, 8192
  local enter = at_address("void (*)(void *, int, int, const char **, double *)", given.enter)
  local host, facts, places =
    at_address("void *", given.host), at_address("double *", given.facts), at_address("const char **", given.places)
  local few_texts, few_numbers = at_address("const char **", given.texts), at_address("double *", given.numbers)
  local texts, numbers, room = nil, nil, 0 -- for more than a few

  -- Put an argument in its place: a text with its size, or a number without a text. True if it is neither.
  local function is_refused(at, value)
    local kind = type(value)
    if kind == "string" then
      few_texts[at], few_numbers[at] = value, #value
    elseif kind == "number" then
      few_texts[at], few_numbers[at] = nil, value
    else
      return true
    end
  end

  -- The answer: its kind, and its text or number.
  local function taken()
    local kind, value = facts[KIND], facts[VALUE]
    if kind < FIRST_TEXT then
      return kind, value
    end
    if value > SMALL and gcinfo() * 1024 + value > facts[LIMIT] then
      collectgarbage()
    end
    return kind, string_of(places[ANSWER], value)
  end

  local function ask_many(op, count, items)
    base.charge(count * 8)
    local many_texts, many_numbers = texts, numbers
    if count > room then
      many_texts, many_numbers = ffi.new("const char *[?]", count), ffi.new("double[?]", count)
      if count <= MOST_KEPT then
        texts, numbers, room = many_texts, many_numbers, count
      end
    end
    for i = 1, count do
      local item = items[i]
      local kind = type(item)
      if kind == "string" then
        many_texts[i - 1], many_numbers[i - 1] = item, #item
      elseif kind == "number" then
        many_texts[i - 1], many_numbers[i - 1] = nil, item
      else
        return REFUSED
      end
    end
    facts[KIND] = LOST
    enter(host, op, count, many_texts, many_numbers)
    return taken()
  end

  -- Ask with up to eight arguments; this is compiled when it is used much.
  local function ask_few(op, count, a, b, c, d, e, f, g, h)
    if
      (count > 0 and is_refused(0, a))
      or (count > 1 and is_refused(1, b))
      or (count > 2 and is_refused(2, c))
      or (count > 3 and is_refused(3, d))
      or (count > 4 and is_refused(4, e))
      or (count > 5 and is_refused(5, f))
      or (count > 6 and is_refused(6, g))
      or (count > 7 and is_refused(7, h))
    then
      return REFUSED
    end
    facts[KIND] = LOST
    enter(host, op, count, few_texts, few_numbers)
    return taken()
  end

  door.ask_few = ask_few

  function door.ask(op, ...)
    local count = select("#", ...)
    if count > FEW then
      return ask_many(op, count, { ... })
    end
    return ask_few(op, count, ...)
  end

  -- What the host has put there before it called a function of the sandbox.
  door.given = taken

  -- Would the log take a line of this level?
  function door.is_logged(level)
    return level >= facts[LOG_LEVEL]
  end

  -- Let the host look at the clock: why the script has to end, if it has to.
  function door.tick()
    facts[VERDICT] = -1
    enter(host, TICK, 0, few_texts, few_numbers)
    return door.verdict()
  end

  function door.verdict()
    if facts[VERDICT] >= 0 then
      return string_of(places[REASON], facts[VERDICT])
    end
  end

  function door.set_resp3(is_resp3)
    facts[IS_RESP3] = is_resp3 and 1 or 0
  end

  jit.off(ask_many)
  jit.off(door.tick)
else
  local enter, mail, words = given.enter, given.mail, given.words
  local FEW = 16

  mail.collect = collectgarbage

  -- All that was put into a table, which is empty then.
  local function emptied(t)
    local text = #t == 1 and t[1] or concat(t)
    for i = #t, 1, -1 do
      t[i] = nil
    end
    return text
  end

  local function taken(kind, value)
    if type(kind) ~= "number" then -- what lupa made of an exception
      return LOST
    elseif kind < FIRST_TEXT then
      return kind, value
    end
    return kind, emptied(mail)
  end

  function door.ask(op, ...)
    local count = select("#", ...)
    local items = { ... }
    for i = 1, count do
      local kind = type(items[i])
      if kind ~= "string" and kind ~= "number" then
        return REFUSED
      end
    end
    if count <= FEW then
      return taken(enter(op, false, ...))
    end
    -- Many arguments go as one string: a Python tuple that grows by one item at a time is quadratic.
    base.charge(count * 8)
    local sizes = {}
    for i = 1, count do
      local item = items[i]
      if type(item) == "number" then
        item = ("%.17g"):format(item)
        items[i], sizes[i] = item, -#item
      else
        sizes[i] = #item
      end
    end
    return taken(enter(op, true, concat(sizes, ","), concat(items)))
  end

  function door.ask_few(op, _, ...)
    return door.ask(op, ...)
  end

  function door.given()
    return taken(given.peek())
  end

  function door.is_logged()
    return true -- the host knows
  end

  function door.tick()
    enter(TICK, false)
    return door.verdict()
  end

  function door.verdict()
    if words[1] then
      return emptied(words)
    end
  end

  function door.set_resp3(is_resp3)
    enter(PROTOCOL, false, is_resp3 and 1 or 0)
  end
end

return door
