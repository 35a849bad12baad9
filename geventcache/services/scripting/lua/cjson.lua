-- The cjson library of scripts: JSON text to and from Lua values.
--
-- An empty table is an object; a table with keys 1 to n is an array, with holes as null while it is not sparse; null is the value
-- `cjson.null`. Slashes and control characters are escaped, other bytes stay as they are. Settings last until the
-- script ends (`reset`).

local base = ...
local floor, format, min, next, pairs, rawget, select, tonumber, tostring, type =
  math.floor, string.format, math.min, next, pairs, rawget, select, tonumber, tostring, type
local byte, char, concat, find, gsub, sub = string.byte, string.char, table.concat, string.find, string.gsub, string.sub

local bad_argument, charge, fault = base.bad_argument, base.charge, base.fault

local null = base.null
local huge = math.huge

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\t"] = "\\t", ["\n"] = "\\n", ["\f"] = "\\f", ["\r"] = "\\r" }
for code = 0, 31 do
  ESCAPES[char(code)] = ESCAPES[char(code)] or format("\\u%04x", code)
end
ESCAPES["\127"] = "\\u007f"
local UNESCAPES = { b = "\b", t = "\t", n = "\n", f = "\f", r = "\r", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

-- What the second character of a short escape stands for, and the values of hexadecimal digits; all by their codes.
local FIRSTS, DIGITS = {}, {}
for letter, plain in pairs(UNESCAPES) do
  FIRSTS[byte(letter)] = byte(plain)
end
for digit in ("0123456789abcdefABCDEF"):gmatch(".") do
  DIGITS[byte(digit)] = tonumber(digit, 16)
end
local places = base.places
local number_at = places and places.number_at
local after_blanks = places and places.after_blanks
  or function(text, at)
    return find(text, "[^ \n\r\t]", at) or #text + 1
  end

-- ---------------------------------------------------------------- what is written

-- Where the host brings functions of C for escapes (`places.escape`), text goes into a room of bytes; else it is a list of parts. Loops
-- over characters are none of ours, and what is done again seldom is no loop: what LuaJIT meets a loop in it compiles no more.
local parts, size -- what was written before
local put_text, put_byte, put_quoted, begin, finish -- text as it is; a character of it; with quotes and escapes

-- A string with escapes that begins at a place, of which the first is at another; and what follows it. Nil, what is wrong with it, and
-- where, if it is none.
local unescaped

-- The number of four hexadecimal digits at `at`; nil if they are none.
local function code_at(text, at)
  local a, b, c, d = byte(text, at, at + 3)
  a, b, c, d = DIGITS[a or 0], DIGITS[b or 0], DIGITS[c or 0], DIGITS[d or 0]
  return a and b and c and d and a * 4096 + b * 256 + c * 16 + d
end

-- The code of an escape at `at`, and where it ends; nil and what is wrong if it is none.
local function escape_at(text, at)
  local letter = byte(text, at + 1)
  local code = FIRSTS[letter or 0]
  if code then
    return code, at + 2
  elseif letter ~= 117 then
    return nil, "invalid escape code"
  end
  code = code_at(text, at + 2)
  if code and (code < 0xD800 or code > 0xDFFF) then
    return code, at + 6
  end
  local low = code and code < 0xDC00 and byte(text, at + 6) == 92 and byte(text, at + 7) == 117 and code_at(text, at + 8)
  if not low or low < 0xDC00 or low > 0xDFFF then
    return nil, "invalid unicode escape code"
  end
  return 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00), at + 12
end

local function utf8(code)
  if code < 0x80 then
    return code
  elseif code < 0x800 then
    return 0xC0 + floor(code / 0x40), 0x80 + code % 0x40
  elseif code < 0x10000 then
    return 0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40
  end
  return 0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40, 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40
end

if places and places.escape then
  local room, room_text, copy = places.bytes, places.text, places.copy
  local escape, unescape = places.escape, places.unescape
  local ROOM = places.room
  local PIECE = floor(ROOM / 6) - 2 -- characters that find room even if each becomes six
  local PROBLEMS = { [0] = "unexpected end of string", "invalid escape code", "invalid unicode escape code" }
  local CLOSED = 3 -- what comes back beside them: the string ended there, or the room is full
  local at

  local function flush()
    if at > 0 then
      parts = parts or {}
      size = size + 1
      parts[size] = room_text(at)
      charge(at / 4)
      at = 0
    end
  end

  function begin()
    parts, size, at = nil, 0, 0
  end

  function finish()
    if size == 0 then
      return room_text(at)
    end
    flush()
    return (concat(parts))
  end

  function put_byte(c)
    if at == ROOM then
      flush()
    end
    room[at] = c
    at = at + 1
  end

  function put_text(text)
    local length = #text
    if at + length > ROOM then
      flush()
      if length > ROOM then
        parts = parts or {}
        size = size + 1
        parts[size] = text
        return
      end
    end
    copy(at, text, length)
    at = at + length
  end

  local function put_long(text, first)
    local piece = sub(text, first, first + PIECE - 1)
    flush()
    at = escape(piece, #piece, 0)
    if first + PIECE <= #text then
      return put_long(text, first + PIECE)
    end
  end

  function put_quoted(text)
    local length = #text
    put_byte(34)
    if length > PIECE then
      put_long(text, 1)
    else
      if at + 6 * length > ROOM then
        flush()
      end
      at = escape(text, length, at)
    end
    put_byte(34)
  end

  local function take_up(text, start)
    local what, stop
    what, at, stop = unescape(text, start)
    if what == CLOSED then
      return finish(), stop + 1
    elseif what < CLOSED then
      return nil, PROBLEMS[what], stop
    end
    flush()
    return take_up(text, stop)
  end

  function unescaped(text, start)
    begin()
    return take_up(text, start)
  end
else
  function begin()
    parts, size = {}, 0
  end

  function finish()
    return (concat(parts))
  end

  function put_text(text)
    size = size + 1
    parts[size] = text
  end

  function put_byte(c)
    put_text(char(c))
  end

  function put_quoted(text)
    put_text('"' .. gsub(text, '[%c"\\/\127]', ESCAPES) .. '"')
  end

  function unescaped(text, start, stop)
    begin()
    repeat
      put_text(sub(text, start, stop - 1))
      local code, after = escape_at(text, stop)
      if not code then
        return nil, after, stop
      end
      put_text(char(utf8(code)))
      start = after
      stop = find(text, '["\\%z]', start)
      if not stop or byte(text, stop) == 0 then
        return nil, "unexpected end of string", stop or #text + 1
      end
    until byte(text, stop) == 34
    put_text(sub(text, start, stop - 1))
    return finish(), stop + 1
  end
end

local function use_defaults(settings)
  settings.sparse_convert = false
  settings.sparse_ratio = 2
  settings.sparse_safe = 10
  settings.encode_depth = 1000
  settings.decode_depth = 1000
  settings.number_format = "%.14g"
  settings.precision = 14
  settings.keep_buffer = true
  settings.encode_invalid = false
  settings.decode_invalid = true
end

local function new()
  local settings = {}
  use_defaults(settings)

  -- ------------------------------------------------------------ encoding

  local function fail(kind, reason)
    fault("Cannot serialise " .. kind .. ": " .. reason)
  end

  local function number_text(number)
    if number ~= number or number == huge or number == -huge then
      if settings.encode_invalid == "null" then
        return "null"
      elseif not settings.encode_invalid then
        fail("number", "must not be NaN or Inf")
      end
    end
    if settings.precision == 14 and number == floor(number) and number < 1e14 and number > -1e14 then
      return number .. ""
    end
    return (format(settings.number_format, number))
  end

  local function put_number(number)
    if number >= 1 and number < 10 and number == floor(number) then
      put_byte(48 + number)
    else
      put_text(number_text(number))
    end
  end

  -- The largest index of an array, nil if the table is none.
  local function array_length(t)
    local largest, count = 0, 0
    for key in next, t do
      if type(key) ~= "number" or key <= 0 or floor(key) ~= key then
        return nil
      end
      if key > largest then
        largest = key
      end
      count = count + 1
    end
    charge(count)
    if count == 0 then
      return nil
    end
    if settings.sparse_ratio > 0 and largest > count * settings.sparse_ratio and largest > settings.sparse_safe then
      if not settings.sparse_convert then
        fail("table", "excessively sparse array")
      end
      return nil
    end
    return largest
  end

  local put

  local function put_array(t, length, depth)
    put_byte(91)
    for i = 1, length do
      if i > 1 then
        put_byte(44)
      end
      put(rawget(t, i), depth)
    end
    put_byte(93)
  end

  local function put_object(t, depth)
    put_byte(123)
    local is_first = true
    for key, value in next, t do
      if not is_first then
        put_byte(44)
      end
      is_first = false
      local kind = type(key)
      if kind == "string" then
        put_quoted(key)
      elseif kind == "number" then
        put_byte(34)
        put_number(key)
        put_byte(34)
      else
        fail(kind, "table key must be a number or string")
      end
      put_byte(58)
      put(value, depth)
    end
    put_byte(125)
  end

  local function put_table(t, depth)
    if depth > settings.encode_depth then
      fault(format("Cannot serialise, excessive nesting (%d)", depth))
    end
    local length = array_length(t)
    if length then
      put_array(t, length, depth)
    else
      put_object(t, depth)
    end
  end

  function put(value, depth)
    local kind = type(value)
    if kind == "string" then
      put_quoted(value)
    elseif kind == "number" then
      put_number(value)
    elseif kind == "boolean" then
      put_text(value and "true" or "false")
    elseif kind == "table" then
      put_table(value, depth + 1)
    elseif value == nil or value == null then
      put_text("null")
    else
      fail(kind, "type not supported")
    end
  end

  local function encode(...)
    if select("#", ...) ~= 1 then
      bad_argument(1, "encode", "expected 1 argument")
    end
    begin()
    put((...), 0)
    local result = finish()
    parts = nil
    charge(#result / 4)
    return result
  end

  -- ------------------------------------------------------------ decoding

  local text, position
  local backslash, zero -- the first ones in what is left of the text, or its end

  -- The first of them that is not before `at`.
  local function special_from(at)
    if backslash < at then
      backslash = find(text, "\\", at, true) or #text + 1
    end
    return backslash < zero and backslash or zero
  end

  local TOKENS = {
    [123] = "T_OBJ_BEGIN", [125] = "T_OBJ_END", [91] = "T_ARR_BEGIN", [93] = "T_ARR_END", [44] = "T_COMMA", [58] = "T_COLON",
  }
  local WORDS = { { "true", true, "T_BOOLEAN" }, { "false", false, "T_BOOLEAN" }, { "null", null, "T_NULL" } }

  local function unexpected(expected, found, at)
    fault(format("Expected %s but found %s at character %d", expected, found, at))
  end

  local function take_string(start)
    local stop = find(text, '"', start + 1, true)
    local first = special_from(start + 1)
    if stop and stop < first then
      position = stop + 1
      return "T_STRING", sub(text, start + 1, stop - 1)
    elseif byte(text, first) ~= 92 then
      return "unexpected end of string", nil, first
    end
    local found, after, at = unescaped(text, start + 1, first)
    if not found then
      return after, nil, at
    end
    position = after
    return "T_STRING", found
  end

  local function take_number(start)
    local stop = select(2, find(text, "^[-+]?0[xX]%x+[%.%x]*[pP]?[-+]?%x*", start))
    if not stop then
      stop = select(2, find(text, "^[-+]?%d*%.?%d*[eE][-+]?%d+", start)) or select(2, find(text, "^[-+]?%d*%.?%d*", start))
    end
    local number = stop and stop >= start and tonumber(sub(text, start, stop))
    if stop and not number then -- an exponent that LuaJIT finds too long
      number = tonumber((gsub(sub(text, start, stop), "([eE][-+]?)%d%d%d%d%d+$", "%19999")))
    end
    if not number then
      local word = text:match("^[-+]?(%a+)", start)
      local lower = word and word:lower()
      local length
      if lower and lower:sub(1, 8) == "infinity" then
        number, length = huge, 8
      elseif lower and lower:sub(1, 3) == "inf" then
        number, length = huge, 3
      elseif lower and lower:sub(1, 3) == "nan" then
        number, length = -(0 / 0), 3
        local open = find(text, "[nN]", start) + 3
        local _, close = find(text, "^%([%w_]*%)", open) -- C reads what a NaN may say
        length = close and length + close + 1 - open or length
      else
        return "invalid number", nil, start
      end
      stop = start + length - 1
      local first = byte(text, start)
      if first == 45 then
        number = -number
      end
      if first == 45 or first == 43 then
        stop = stop + 1
      end
    end
    position = stop + 1
    return "T_NUMBER", number
  end

  local function is_invalid_number(start)
    if find(text, "^[-+]?[iI][nN][fF]", start) or find(text, "^[-+]?[nN][aA][nN]", start) then
      return true
    end
    return find(text, "^%+", start) or find(text, "^-?0[xX%d]", start)
  end

  -- A number as most are written, and what follows it; nil for any other.
  local function simple_number(start, first)
    local at = first == 45 and start + 1 or start
    local c, following = byte(text, at), byte(text, at + 1)
    if not number_at or not c or c < 48 or c > 57 then
      return nil
    elseif first ~= 45 and (not following or following == 44 or following == 125 or following == 93) then
      return c - 48, at + 1
    elseif c == 48 and following ~= 46 and following ~= 101 and following ~= 69 then
      return nil
    end
    return number_at(text, start)
  end

  -- The next token: its kind, its value and where it begins. An error's kind is its own text.
  local function take()
    local start = position
    local first = byte(text, start)
    if first == 32 or first == 10 or first == 13 or first == 9 then
      start = after_blanks(text, start)
      first = byte(text, start)
    end
    if not first then
      return "T_END", nil, #text + 1
    elseif first == 34 then
      local token, value, at = take_string(start)
      return token, value, at or start
    elseif first == 0 then
      return "T_END", nil, start
    end
    local kind = TOKENS[first]
    if kind then
      position = start + 1
      return kind, nil, start
    end
    if first == 45 or first >= 48 and first <= 57 then
      local number, stop = simple_number(start, first)
      if number then
        position = stop
        return "T_NUMBER", number, start
      end
    end
    if first == 45 or first >= 48 and first <= 57 or (settings.decode_invalid and is_invalid_number(start)) then
      if not settings.decode_invalid and is_invalid_number(start) then
        return "invalid number", nil, start
      end
      local token, value = take_number(start)
      return token, value, start
    end
    for i = 1, 3 do
      local word = WORDS[i]
      if sub(text, start, start + #word[1] - 1) == word[1] then
        position = start + #word[1]
        return word[3], word[2], start
      end
    end
    return "invalid token", nil, start
  end

  local value_of

  local function descend(depth, at)
    if depth > settings.decode_depth then
      fault(format("Found too many nested data structures (%d) at character %d", depth, at))
    end
  end

  local function take_object(depth, start)
    descend(depth, start)
    local object = {}
    local kind, key, at = take()
    if kind == "T_OBJ_END" then
      return object
    end
    while true do
      if kind ~= "T_STRING" then
        unexpected("object key string", kind, at)
      end
      kind, _, at = take()
      if kind ~= "T_COLON" then
        unexpected("colon", kind, at)
      end
      object[key] = value_of(depth, take())
      charge(4)
      kind, _, at = take()
      if kind == "T_OBJ_END" then
        return object
      elseif kind ~= "T_COMMA" then
        unexpected("comma or object end", kind, at)
      end
      kind, key, at = take()
    end
  end

  local function take_array(depth, start)
    descend(depth, start)
    local array, count = {}, 0
    local kind, value, at = take()
    if kind == "T_ARR_END" then
      return array
    end
    while true do
      count = count + 1
      array[count] = value_of(depth, kind, value, at)
      charge(2)
      kind, value, at = take()
      if kind == "T_ARR_END" then
        return array
      elseif kind ~= "T_COMMA" then
        unexpected("comma or array end", kind, at)
      end
      kind, value, at = take()
    end
  end

  function value_of(depth, kind, value, at)
    if kind == "T_STRING" or kind == "T_NUMBER" or kind == "T_BOOLEAN" or kind == "T_NULL" then
      return value
    elseif kind == "T_OBJ_BEGIN" then
      return take_object(depth + 1, at)
    elseif kind == "T_ARR_BEGIN" then
      return take_array(depth + 1, at)
    end
    unexpected("value", kind, at)
  end

  local function parse()
    local value = value_of(0, take())
    local kind, _, at = take()
    if kind ~= "T_END" then
      unexpected("the end", kind, at)
    end
    return value
  end

  local function decode(...)
    if select("#", ...) ~= 1 then
      bad_argument(1, "decode", "expected 1 argument")
    end
    text, position, backslash = base.text((...), 1, "decode"), 1, 0
    zero = find(text, "\0", 1, true) or #text + 1
    local first, second = byte(text, 1, 2)
    if second and (first == 0 or second == 0) then
      fault("JSON parser does not support UTF-16 or UTF-32")
    end
    charge(#text / 8)
    local result = parse()
    text = nil
    return result
  end

  -- ------------------------------------------------------------ settings

  local function no_more_than(count, label, ...)
    if select("#", ...) > count then
      bad_argument(count + 1, label, "found too many arguments")
    end
  end

  local function integer_setting(name, label, high)
    return function(...)
      local value = ...
      no_more_than(1, label, ...)
      if value ~= nil then
        local number = tonumber(value)
        if not number then
          bad_argument(1, label, "number expected, got " .. type(value))
        elseif not (number >= 1 and number <= high) then
          bad_argument(1, label, format("expected integer between 1 and %d", high))
        end
        settings[name] = floor(number)
        settings.number_format = "%." .. settings.precision .. "g"
      end
      return settings[name]
    end
  end

  local function switched(value, label, words)
    if type(value) ~= "boolean" and not words[value] then
      bad_argument(1, label, format("invalid option '%s'", base.text(value, 1, label)))
    end
    return value == "on" or (value ~= "off" and value)
  end

  local function switch(name, label, words)
    return function(...)
      local value = ...
      no_more_than(1, label, ...)
      if value ~= nil then
        settings[name] = switched(value, label, words)
      end
      return settings[name]
    end
  end

  return {
    _NAME = "cjson",
    _VERSION = "2.1.0",
    decode = decode,
    decode_invalid_numbers = switch("decode_invalid", "decode_invalid_numbers", { on = true, off = true }),
    decode_max_depth = integer_setting("decode_depth", "decode_max_depth", 2147483647),
    encode = encode,
    encode_invalid_numbers = switch("encode_invalid", "encode_invalid_numbers", { on = true, off = true, null = true }),
    encode_keep_buffer = switch("keep_buffer", "encode_keep_buffer", { on = true, off = true }),
    encode_max_depth = integer_setting("encode_depth", "encode_max_depth", 2147483647),
    encode_number_precision = integer_setting("precision", "encode_number_precision", 14),
    encode_sparse_array = function(...)
      local convert, ratio, safe = ...
      no_more_than(3, "encode_sparse_array", ...)
      if convert ~= nil then
        settings.sparse_convert = switched(convert, "encode_sparse_array", { on = true, off = true })
      end
      if ratio ~= nil then
        settings.sparse_ratio = base.number(ratio, 2, "encode_sparse_array")
      end
      if safe ~= nil then
        settings.sparse_safe = base.number(safe, 3, "encode_sparse_array")
      end
      return settings.sparse_convert, settings.sparse_ratio, settings.sparse_safe
    end,
    new = function()
      return (new())
    end,
    null = null,
  },
    function()
      use_defaults(settings)
      parts, text = nil, nil
    end
end

return new()
