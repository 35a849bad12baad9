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
local places = base.places

-- ---------------------------------------------------------------- what is written

local begin, finish, has_room
local mark_only, mark_integer, mark_float, whole -- marks alone, and with what follows them; a text

local parts, size -- what was written
if places then
  local room, put, room_text, copy = places.bytes, places.put, places.text, places.copy
  local single = places.single
  local LIMIT = places.room - 16 -- a mark and a number always find room
  local at

  local function flush()
    size = size + 1
    parts[size] = room_text(at)
    charge(at / 8)
    at = 0
  end

  function begin()
    parts, size, at = {}, 0, 0
  end

  function finish()
    if size == 0 then
      return room_text(at)
    end
    flush()
    return (concat(parts))
  end

  function has_room()
    if at > LIMIT then
      flush()
    end
  end

  function mark_only(mark)
    room[at] = mark
    at = at + 1
  end

  function mark_integer(mark, bytes, n)
    room[at] = mark
    if bytes == 1 then
      room[at + 1] = n % 256
    elseif bytes == 2 then
      put.n2_big(at + 1, n)
    elseif bytes == 4 then
      put.n4_big(at + 1, n)
    else
      put.n8_big(at + 1, n)
    end
    at = at + 1 + bytes
  end

  function mark_float(n)
    if single(n) == n then
      room[at] = 202
      put.f_big(at + 1, n)
      at = at + 5
    else
      room[at] = 203
      put.d_big(at + 1, n)
      at = at + 9
    end
  end

  function whole(text)
    local length = #text
    if length > LIMIT then
      flush()
      size = size + 1
      parts[size] = text
      return
    elseif at + length > LIMIT then
      flush()
    end
    copy(at, text, length)
    at = at + length
  end
else
  local function add(text)
    size = size + 1
    parts[size] = text
  end

  local function big_endian(number, bytes)
    if bytes == 1 then
      return char(number % 256)
    elseif bytes == 2 then
      return char(floor(number / 256) % 256, number % 256)
    end
    return char(floor(number / 16777216) % 256, floor(number / 65536) % 256, floor(number / 256) % 256, number % 256)
  end

  function begin()
    parts, size = {}, 0
  end

  function finish()
    return concat(parts)
  end

  function has_room() end

  function mark_only(mark)
    add(char(mark))
  end

  function mark_integer(mark, bytes, n)
    if bytes < 8 then
      return add(char(mark) .. big_endian(n, bytes))
    end
    local low = n % 4294967296 -- two halves: 2^64 + n is not exact
    add(char(mark) .. big_endian((n - low) / 4294967296, 4) .. big_endian(low, 4))
  end

  function mark_float(n)
    local short = float_bytes(n, 4, true)
    if bytes_float(short, true) == n then
      add("\202" .. short)
    else
      add("\203" .. float_bytes(n, 8, true))
    end
  end

  whole = add
end

-- ---------------------------------------------------------------- packing

local function put_unsigned(n)
  if n < 128 then
    mark_only(n)
  elseif n < 256 then
    mark_integer(204, 1, n)
  elseif n < 65536 then
    mark_integer(205, 2, n)
  elseif n < 4294967296 then
    mark_integer(206, 4, n)
  else
    mark_integer(207, 8, n)
  end
end

local function put_negative(n)
  if n >= -32 then
    mark_only(256 + n)
  elseif n >= -128 then
    mark_integer(208, 1, n)
  elseif n >= -32768 then
    mark_integer(209, 2, n)
  elseif n >= -2147483648 then
    mark_integer(210, 4, n)
  else
    mark_integer(211, 8, n)
  end
end

local function put_number(n)
  if n ~= floor(n) or n < -9223372036854775808 or n >= 9223372036854775808 then
    mark_float(n)
  elseif n >= 0 then
    put_unsigned(n)
  else
    put_negative(n)
  end
end

-- A size: with its mark in one byte if it is small, else behind one of three marks, of which the first may be none.
local function put_size(length, short, short_limit, mark, is_byte_used)
  if length < short_limit then
    mark_only(short + length)
  elseif is_byte_used and length < 256 then
    mark_integer(mark, 1, length)
  elseif length < 65536 then
    mark_integer(mark + 1, 2, length)
  else
    mark_integer(mark + 2, 4, length)
  end
end

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
  charge(count)
  return is_array and largest == count and count or nil, count
end

local put

local function put_table(t, depth)
  local length, count = measure(t)
  if length then
    put_size(length, 144, 16, 219, false)
    for i = 1, length do
      put(rawget(t, i), depth)
    end
    return
  end
  put_size(count, 128, 16, 221, false)
  for key, value in next, t do
    put(key, depth)
    put(value, depth)
  end
end

function put(value, depth)
  local kind = type(value)
  has_room()
  if kind == "string" then
    put_size(#value, 160, 32, 217, true)
    whole(value)
  elseif kind == "number" then
    put_number(value)
  elseif kind == "boolean" then
    mark_only(value and 195 or 194)
  elseif kind == "table" and depth < NESTING_LIMIT then
    put_table(value, depth + 1)
  else
    mark_only(192)
  end
end

local function pack(...)
  local count = select("#", ...)
  if count == 0 then
    bad_argument(0, "pack", "MessagePack pack needs input.")
  end
  begin()
  for i = 1, count do
    put((select(i, ...)), 0)
  end
  local packed = finish()
  parts = nil
  charge(count + #packed / 8)
  return packed
end

-- ---------------------------------------------------------------- unpacking

local MISSING = "Missing bytes in input."
local BAD_FORMAT = "Bad data format in input."
local MOST_RESULTS = 7990
local input, limit, pointer

local function number_at(position, bytes)
  local number = 0
  for i = position, position + bytes - 1 do
    number = number * 256 + byte(input, i)
  end
  return number
end

local function signed_at(position, bytes)
  local half, whole = 256 ^ bytes / 2, 256 ^ bytes
  if bytes < 8 then
    local number = number_at(position, bytes)
    return number >= half and number - whole or number
  end
  local high, low = number_at(position, 4), number_at(position + 4, 4)
  return (high >= 2147483648 and high - 4294967296 or high) * 4294967296 + low
end

local function float_at(position, bytes)
  return bytes_float(sub(input, position, position + bytes - 1), true)
end

-- A function that reads a number of so many bytes, by a view of memory if there is one; `kind` is that of its `get`.
local function reader(bytes, kind, otherwise)
  local get = places and places.get[bytes > 1 and kind .. "_big" or kind]
  return function(position)
    if position + bytes - 1 > limit then
      fault(MISSING)
    elseif get then
      return get(pointer, position - 1), position + bytes
    end
    return otherwise(position, bytes), position + bytes
  end
end

local function unsigned(bytes)
  return reader(bytes, "u" .. bytes, number_at)
end

local function signed(bytes)
  return reader(bytes, "i" .. bytes, signed_at)
end

local function floating(bytes)
  return reader(bytes, bytes == 4 and "f" or "d", float_at)
end

local function text(position, size)
  if position + size - 1 > limit then
    fault(MISSING)
  end
  return sub(input, position, position + size - 1), position + size
end

local take

local function array(position, count)
  local result = {}
  for i = 1, count do
    charge(1)
    result[i], position = take(position)
  end
  return result, position
end

local function map(position, count)
  local result = {}
  for _ = 1, count do
    charge(2)
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

local function sized(bytes, body)
  local read = unsigned(bytes)
  return function(position)
    local size, after = read(position)
    return body(after, size)
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
    charge(1)
    results[found], position = take(position)
  end
  return results, found, position
end

-- Unpack up to `count` values (0 for all) from `offset` on: those, how many, and the next offset or -1.
local function run(data, count, offset)
  input, limit, pointer = data, #data, places and places.pointer(data)
  local results, found, position = take_many(count, offset + 1)
  input, pointer = nil, nil
  charge(position - offset)
  if found > MOST_RESULTS then
    fault("too many results to unpack")
  end
  return results, found, position > limit and -1 or position - 1
end

-- A number as a C long.
local function long(number)
  if number ~= number or number >= 9223372036854775808 or number < -9223372036854775808 then
    return -9223372036854775808
  end
  return number < 0 and -floor(-number) or floor(number)
end

local function check_range(count, offset, length)
  if count < 0 or offset < 0 then
    fault(("Invalid request to unpack with offset of %d and limit of %d."):format(base.int(offset), length))
  elseif offset > length then
    fault(("Start offset %d greater than input length %d."):format(base.int(offset), length))
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
  unpack_limit = function(...)
    local given = select("#", ...)
    local data, count, offset = ...
    count = long(base.number(count, 2, "unpack_limit", given < 2))
    offset = offset == nil and 0 or long(base.number(offset, 3, "unpack_limit"))
    if count == 0 and offset == 0 then
      return unpack_all(data)
    end
    return unpack_limited(data, count, offset, "unpack_limit")
  end,
  unpack_one = function(data, offset)
    return unpack_limited(data, 1, offset == nil and 0 or long(base.number(offset, 2, "unpack_one")), "unpack_one")
  end,
}
