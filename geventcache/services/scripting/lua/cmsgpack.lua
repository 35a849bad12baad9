-- The cmsgpack library of scripts: MessagePack to and from Lua values.
--
-- An integral number becomes the shortest integer, another one a float, of 4 bytes where that loses nothing. A table with keys 1 to
-- n is an array (an empty one too), any other a map; what MessagePack has no form for becomes nil.

local base = ...
local error, floor, next, rawget, select, tonumber, type, unpack =
  error, math.floor, next, rawget, select, tonumber, type, unpack
local byte, char, concat, sub = string.byte, string.char, table.concat, string.sub

local bad_argument, charge, fault, float_bytes, bytes_float =
  base.bad_argument, base.charge, base.fault, base.float_bytes, base.bytes_float

local NESTING_LIMIT = 16
local NIL = "\192"

-- ---------------------------------------------------------------- packing

local big_endian
function big_endian(number, size)
  if size == 2 then
    return char(floor(number / 256), number % 256)
  elseif size == 4 then
    return char(floor(number / 16777216), floor(number / 65536) % 256, floor(number / 256) % 256, number % 256)
  end
  local low = number % 4294967296
  return big_endian((number - low) / 4294967296, 4) .. big_endian(low, 4)
end

local function pack_unsigned(n)
  if n < 128 then
    return char(n)
  elseif n < 256 then
    return "\204" .. char(n)
  elseif n < 65536 then
    return "\205" .. big_endian(n, 2)
  elseif n < 4294967296 then
    return "\206" .. big_endian(n, 4)
  end
  return "\207" .. big_endian(n, 8)
end

local function pack_negative(n)
  if n >= -32 then
    return char(256 + n)
  elseif n >= -128 then
    return "\208" .. char(256 + n)
  elseif n >= -32768 then
    return "\209" .. big_endian(65536 + n, 2)
  elseif n >= -2147483648 then
    return "\210" .. big_endian(4294967296 + n, 4)
  end
  -- Two halves: 2^64 + n is not exact.
  local low = n % 4294967296
  return "\211" .. big_endian((n - low) / 4294967296 + 4294967296, 4) .. big_endian(low, 4)
end

local function pack_number(n)
  if n == floor(n) and n >= -9223372036854775808 and n < 9223372036854775808 then
    return n >= 0 and pack_unsigned(n) or pack_negative(n)
  end
  local short = float_bytes(n, 4, true)
  if bytes_float(short, true) == n then
    return "\202" .. short
  end
  return "\203" .. float_bytes(n, 8, true)
end

local function pack_size(size, short, short_limit, marks)
  if size < short_limit then
    return char(short + size)
  elseif marks[1] and size < 256 then
    return marks[1] .. char(size)
  elseif size < 65536 then
    return marks[2] .. big_endian(size, 2)
  end
  return marks[3] .. big_endian(size, 4)
end

local STRING_MARKS = { "\217", "\218", "\219" }
local ARRAY_MARKS = { false, "\220", "\221" }
local MAP_MARKS = { false, "\222", "\223" }

-- The length of an array, nil if the table is none, and how many items it has.
local function measure(t)
  local count, largest, is_array = 0, 0, true
  for key in next, t do
    count = count + 1
    if type(key) ~= "number" or key <= 0 or floor(key) ~= key then
      is_array = false
    elseif key > largest then
      largest = key
    end
  end
  return is_array and largest == count and count or nil, count
end

local put

local function put_table(out, t, depth)
  local length, count = measure(t)
  if length then
    out[#out + 1] = pack_size(length, 144, 16, ARRAY_MARKS)
    for i = 1, length do
      put(out, rawget(t, i), depth)
    end
    return
  end
  out[#out + 1] = pack_size(count, 128, 16, MAP_MARKS)
  for key, value in next, t do
    put(out, key, depth)
    put(out, value, depth)
  end
end

function put(out, value, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = pack_size(#value, 160, 32, STRING_MARKS) .. value
  elseif kind == "number" then
    out[#out + 1] = pack_number(value)
  elseif kind == "boolean" then
    out[#out + 1] = value and "\195" or "\194"
  elseif kind == "table" and depth < NESTING_LIMIT then
    put_table(out, value, depth + 1)
  else
    out[#out + 1] = NIL
  end
end

local function pack(...)
  local count = select("#", ...)
  if count == 0 then
    bad_argument(0, "pack", "MessagePack pack needs input.")
  end
  local out = {}
  for i = 1, count do
    put(out, (select(i, ...)), 0)
  end
  charge(#out * 2)
  return concat(out)
end

-- ---------------------------------------------------------------- unpacking

local MISSING = "Missing bytes in input."
local BAD_FORMAT = "Bad data format in input."
local MOST_RESULTS = 7990
local input, limit

local function number_at(position, size)
  if position + size - 1 > limit then
    fault(MISSING)
  end
  local number = 0
  for i = position, position + size - 1 do
    number = number * 256 + byte(input, i)
  end
  return number
end

local function unsigned(size)
  return function(position)
    return number_at(position, size), position + size
  end
end

local function signed(size)
  local half, whole = 256 ^ size / 2, 256 ^ size
  return function(position)
    if size < 8 then
      local number = number_at(position, size)
      return number >= half and number - whole or number, position + size
    end
    local high, low = number_at(position, 4), number_at(position + 4, 4)
    if high >= 2147483648 then
      high = high - 4294967296
    end
    return high * 4294967296 + low, position + 8
  end
end

local function text(position, size)
  if position + size - 1 > limit then
    fault(MISSING)
  end
  return sub(input, position, position + size - 1), position + size
end

local function floating(size)
  return function(position)
    local bytes, after = text(position, size)
    return bytes_float(bytes, true), after
  end
end

local take

local function array(position, count)
  local result = {}
  for i = 1, count do
    result[i], position = take(position)
  end
  return result, position
end

local function map(position, count)
  local result = {}
  for _ = 1, count do
    local key, value
    key, position = take(position)
    value, position = take(position)
    if key == nil or key ~= key then
      error(key == nil and "table index is nil" or "table index is NaN", 0)
    end
    result[key] = value
  end
  return result, position
end

local function sized(size, body)
  return function(position)
    return body(position + size, number_at(position, size))
  end
end

local FORMS = {
  [192] = function(position)
    return nil, position
  end,
  [194] = function(position)
    return false, position
  end,
  [195] = function(position)
    return true, position
  end,
  [202] = floating(4),
  [203] = floating(8),
  [204] = unsigned(1),
  [205] = unsigned(2),
  [206] = unsigned(4),
  [207] = signed(8),
  [208] = signed(1),
  [209] = signed(2),
  [210] = signed(4),
  [211] = signed(8),
  [217] = sized(1, text),
  [218] = sized(2, text),
  [219] = sized(4, text),
  [220] = sized(2, array),
  [221] = sized(4, array),
  [222] = sized(2, map),
  [223] = sized(4, map),
}

function take(position)
  if position > limit then
    fault(MISSING)
  end
  local mark = byte(input, position)
  position = position + 1
  if mark < 128 then
    return mark, position
  elseif mark < 144 then
    return map(position, mark - 128)
  elseif mark < 160 then
    return array(position, mark - 144)
  elseif mark < 192 then
    return text(position, mark - 160)
  elseif mark >= 224 then
    return mark - 256, position
  end
  local form = FORMS[mark]
  if not form then
    fault(BAD_FORMAT)
  end
  return form(position)
end

local function take_many(count, position)
  local results, found = {}, 0
  while position <= limit and (count == 0 or found < count) do
    found = found + 1
    results[found], position = take(position)
  end
  return results, found, position
end

-- Unpack up to `count` values (0 for all) from `offset` on: those, how many, and the next offset or -1.
local function run(data, count, offset)
  input, limit = data, #data
  local results, found, position = take_many(count, offset + 1)
  input = nil
  charge(position - offset)
  if found > MOST_RESULTS then
    fault("too many results to unpack")
  end
  return results, found, position > limit and -1 or position - 1
end

local function check_range(count, offset, length)
  if count < 0 or offset < 0 then
    fault(("Invalid request to unpack with offset of %d and limit of %d."):format(offset, length))
  elseif offset > length then
    fault(("Start offset %d greater than input length %d."):format(offset, length))
  end
end

local function unpack_limited(data, count, offset, name)
  data = base.text(data, 1, name, data == nil)
  check_range(count, offset, #data)
  local results, found, after = run(data, count, offset)
  return after, unpack(results, 1, found)
end

local function unpack_all(data)
  local results, found = run(base.text(data, 1, "unpack", data == nil), 0, 0)
  return unpack(results, 1, found)
end

return {
  _COPYRIGHT = "",
  _DESCRIPTION = "MessagePack for scripts",
  _NAME = "cmsgpack",
  _VERSION = "lua-cmsgpack 0.4.0",
  pack = pack,
  unpack = unpack_all,
  unpack_limit = function(data, count, offset)
    if not tonumber(count) then
      bad_argument(2, "unpack_limit", "number expected, got " .. (count == nil and "no value" or type(count)))
    end
    if tonumber(count) == 0 and (tonumber(offset) or 0) == 0 then
      return unpack_all(data)
    end
    return unpack_limited(data, tonumber(count), tonumber(offset) or 0, "unpack_limit")
  end,
  unpack_one = function(data, offset)
    return unpack_limited(data, 1, tonumber(offset) or 0, "unpack_one")
  end,
}
