-- What a script returns, as a flat list of values: the host reads one of these much sooner than a table item by item.
--
-- `true` announces a kind and its facts.

local next, rawget, select, type, unpack = next, rawget, select, type, unpack

local SLICE = 4000 -- values that are given at once
local NESTING_LIMIT = 150
local ARRAY, STATUS, ERROR, DOUBLE, MAP, SET, BIG_NUMBER, VERBATIM, BOOLEAN = 1, 2, 3, 4, 5, 6, 7, 8, 9

local out, size, is_resp3

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

return {
  SLICE = SLICE,
  -- Take a value; return how many there are in the list.
  write = function(value, wants_resp3)
    out, size, is_resp3 = {}, 0, wants_resp3
    put_value(value, 0)
    return size
  end,
  slice = function(first, last)
    return unpack(out, first, last)
  end,
  forget = function()
    out = nil
  end,
}
