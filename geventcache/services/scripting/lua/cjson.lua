-- The cjson library of scripts: JSON text to and from Lua values.
--
-- An empty table is an object; a table with keys 1 to n is an array, with holes as null while it is not sparse; null is the value
-- `cjson.null`. Slashes and control characters are escaped, other bytes stay as they are. Settings last until the
-- script ends (`reset`).

local base = ...
local floor, format, next, rawget, select, tonumber, tostring, type =
  math.floor, string.format, next, rawget, select, tonumber, tostring, type
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

-- The second character of short escapes by what they stand for, and the other way round; codes.
local SECONDS, FIRSTS = {}, {}
for letter, plain in pairs(UNESCAPES) do
  SECONDS[byte(plain)], FIRSTS[byte(letter)] = byte(letter), byte(plain)
end
-- Powers of ten that are exact: a number of up to 15 digits times or through one of them is rounded once, as it has to be.
local POWERS = {}
for exponent = 0, 22 do
  POWERS[exponent] = tonumber("1e" .. exponent)
end
local MOST_DIGITS = 15

-- A room of bytes, where LuaJIT compiles a loop over characters; nil where there is none.
local places = base.places
local room, room_text = places and places.bytes, places and places.text
local ROOM = places and places.room - 8

-- A text with its escapes.
local function escaped(text)
  if not room then
    return (gsub(text, '[%c"\\/\127]', ESCAPES))
  end
  local parts, n = "", 0
  for i = 1, #text do
    local c = byte(text, i)
    local second = SECONDS[c]
    if second then
      room[n], room[n + 1] = 92, second
      n = n + 2
    elseif c < 32 or c == 127 then
      local low = c % 16
      room[n], room[n + 1], room[n + 2], room[n + 3] = 92, 117, 48, 48
      room[n + 4], room[n + 5] = 48 + floor(c / 16), low < 10 and 48 + low or 87 + low
      n = n + 6
    else
      room[n] = c
      n = n + 1
    end
    if n > ROOM then
      parts, n = parts .. room_text(n), 0
    end
  end
  return parts .. room_text(n)
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

  local out, size

  local function fail(kind, reason)
    fault("Cannot serialise " .. kind .. ": " .. reason)
  end

  local function add(text)
    size = size + 1
    out[size] = text
  end

  local function quote(text)
    for i = 1, #text do
      local c = byte(text, i)
      if c < 48 and (c == 47 or c == 34 or c < 32) or c == 92 or c == 127 then
        return '"' .. escaped(text) .. '"'
      end
    end
    return '"' .. text .. '"'
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
    return format(settings.number_format, number)
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
    add("[")
    for i = 1, length do
      if i > 1 then
        add(",")
      end
      put(rawget(t, i), depth)
    end
    add("]")
  end

  local function put_object(t, depth)
    add("{")
    local is_first = true
    for key, value in next, t do
      if not is_first then
        add(",")
      end
      is_first = false
      local kind = type(key)
      if kind == "string" then
        add(quote(key) .. ":")
      elseif kind == "number" then
        add('"' .. number_text(key) .. '":')
      else
        fail(kind, "table key must be a number or string")
      end
      put(value, depth)
    end
    add("}")
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
      add(quote(value))
    elseif kind == "number" then
      add(number_text(value))
    elseif kind == "boolean" then
      add(tostring(value))
    elseif kind == "table" then
      put_table(value, depth + 1)
    elseif value == nil or value == null then
      add("null")
    else
      fail(kind, "type not supported")
    end
  end

  local function encode(...)
    if select("#", ...) ~= 1 then
      bad_argument(1, "encode", "expected 1 argument")
    end
    out, size = {}, 0
    put((...), 0)
    local parts = out
    out = nil
    local result = concat(parts)
    charge(size * 2 + #result / 16)
    return result
  end

  -- ------------------------------------------------------------ decoding

  local text, position

  local TOKENS = {
    [123] = "T_OBJ_BEGIN", [125] = "T_OBJ_END", [91] = "T_ARR_BEGIN", [93] = "T_ARR_END", [44] = "T_COMMA", [58] = "T_COLON",
  }
  local WORDS = { { "true", true, "T_BOOLEAN" }, { "false", false, "T_BOOLEAN" }, { "null", null, "T_NULL" } }

  local function unexpected(expected, found, at)
    fault(format("Expected %s but found %s at character %d", expected, found, at))
  end

  local function utf8(code)
    if code < 0x80 then
      return char(code)
    elseif code < 0x800 then
      return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40)
    elseif code < 0x10000 then
      return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
    end
    return char(
      0xF0 + floor(code / 0x40000),
      0x80 + floor(code / 0x1000) % 0x40,
      0x80 + floor(code / 0x40) % 0x40,
      0x80 + code % 0x40
    )
  end

  -- The character of a \u escape at `at`, and where it ends; nil if it is none.
  local function unicode(at)
    local digits = text:match("^%x%x%x%x", at + 2)
    local code = digits and tonumber(digits, 16)
    if not code then
      return nil
    end
    if code >= 0xD800 and code <= 0xDFFF then
      local low = code < 0xDC00 and text:match("^\\u(%x%x%x%x)", at + 6)
      low = low and tonumber(low, 16)
      if not low or low < 0xDC00 or low > 0xDFFF then
        return nil
      end
      return utf8(0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00)), at + 12
    end
    return utf8(code), at + 6
  end

  -- A string with escapes in it.
  local function take_escaped(start)
    local parts, n, at = "", 0, start + 1
    while true do
      local c = byte(text, at)
      if c == 34 then
        position = at + 1
        return "T_STRING", parts .. room_text(n)
      elseif not c or c == 0 then
        return "unexpected end of string", nil, at
      elseif c ~= 92 then
        room[n] = c
        n, at = n + 1, at + 1
      else
        local letter = byte(text, at + 1)
        local plain = FIRSTS[letter or 0]
        if plain then
          room[n] = plain
          n, at = n + 1, at + 2
        elseif letter ~= 117 then
          return "invalid escape code", nil, at
        else
          local character, after = unicode(at)
          if not character then
            return "invalid unicode escape code", nil, at
          end
          for i = 1, #character do
            room[n] = byte(character, i)
            n = n + 1
          end
          at = after
        end
      end
      if n > ROOM then
        parts, n = parts .. room_text(n), 0
      end
    end
  end

  local function take_string(start)
    local stop = start + 1
    local c = byte(text, stop)
    while c and c ~= 34 and c ~= 92 and c ~= 0 do
      stop = stop + 1
      c = byte(text, stop)
    end
    if c == 34 then
      position = stop + 1
      return "T_STRING", sub(text, start + 1, stop - 1)
    elseif c ~= 92 then
      return "unexpected end of string", nil, stop
    elseif room then
      return take_escaped(start)
    end
    local parts, at = {}, start + 1
    while true do
      local stop = find(text, '["\\%z]', at)
      if not stop or byte(text, stop) == 0 then
        return "unexpected end of string", nil, stop or #text + 1
      else
        parts[#parts + 1] = sub(text, at, stop - 1)
        if byte(text, stop) == 34 then
          position = stop + 1
          return "T_STRING", concat(parts)
        end
        local letter = sub(text, stop + 1, stop + 1)
        if letter == "u" then
          local character, after = unicode(stop)
          if not character then
            return "invalid unicode escape code", nil, stop
          end
          parts[#parts + 1] = character
          at = after
        else
          local plain = UNESCAPES[letter]
          if not plain then
            return "invalid escape code", nil, stop
          end
          parts[#parts + 1] = plain
          at = stop + 2
        end
      end
    end
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

  -- A number that can be told without strtod, and what follows it; nil for any other.
  local function simple_number(start, first)
    local at = first == 45 and start + 1 or start
    local c = byte(text, at)
    local begin, number, scale = at, 0, 0
    while c and c >= 48 and c <= 57 do
      number = number * 10 + c - 48
      at = at + 1
      c = byte(text, at)
    end
    if at == begin or (at > begin + 1 and byte(text, begin) == 48) then
      return nil
    end
    if c == 46 then
      local point = at
      repeat
        at = at + 1
        c = byte(text, at)
        if not c or c < 48 or c > 57 then
          break
        end
        number = number * 10 + c - 48
      until false
      scale = at - point - 1
      begin = scale > 0 and begin + 1 or begin - MOST_DIGITS
    end
    if at - begin > MOST_DIGITS then
      return nil
    end
    if c == 101 or c == 69 then
      local sign, exponent = byte(text, at + 1), 0
      at = (sign == 43 or sign == 45) and at + 2 or at + 1
      c = byte(text, at)
      if not c or c < 48 or c > 57 then
        return nil
      end
      while c and c >= 48 and c <= 57 and exponent < 1000 do
        exponent = exponent * 10 + c - 48
        at = at + 1
        c = byte(text, at)
      end
      scale = sign == 45 and scale + exponent or scale - exponent
    end
    if c and c ~= 44 and c ~= 125 and c ~= 93 and c ~= 32 and c ~= 10 and c ~= 13 and c ~= 9 or scale > 22 or scale < -22 then
      return nil
    end
    if scale > 0 then
      number = number / POWERS[scale]
    elseif scale < 0 then
      number = number * POWERS[-scale]
    end
    return first == 45 and -number or number, at
  end

  -- The next token: its kind, its value and where it begins. An error's kind is its own text.
  local function take()
    local start = position
    local first = byte(text, start)
    while first == 32 or first == 10 or first == 13 or first == 9 do
      start = start + 1
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
    text, position = base.text((...), 1, "decode"), 1
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

  local function integer_setting(name, label, high)
    return function(value)
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

  local function switch(name, label, words)
    return function(value)
      if value ~= nil then
        if type(value) ~= "boolean" and not words[value] then
          bad_argument(1, label, format("invalid option '%s'", tostring(value)))
        end
        settings[name] = value == "on" or (value ~= "off" and value)
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
    encode_sparse_array = function(convert, ratio, safe)
      if convert ~= nil then
        settings.sparse_convert = convert == true or convert == "on"
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
      out, text = nil, nil
    end
end

return new()
