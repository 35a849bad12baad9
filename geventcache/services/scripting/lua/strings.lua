-- What of the string library LuaJIT does otherwise than Lua 5.1: format, tostring, tonumber, and what takes long.

local base = ...
local concat, find, format, gsub, sub, byte, rep =
  table.concat, string.find, string.format, string.gsub, string.sub, string.byte, string.rep
local getmetatable, select, tostring, tonumber, type = getmetatable, select, tostring, tonumber, type
local bad_argument, charge, fault, has_jit = base.bad_argument, base.charge, base.fault, base.has_jit

local LONG = 256
local MOST_PARTS = 4000
local PIECE = 16384 -- characters that one call of the engine's looks at
local PATTERN_LENGTH = 1000
local PATTERN_ITEMS = 2000
local KEPT = 200
local FEW = 4
local MOST_SIGNED, MOST_UNSIGNED = 2 ^ 63, 2 ^ 64

local result = {}

-- ---------------------------------------------------------------- numbers and values as text

local function shown(value)
  local kind = type(value)
  if kind == "number" then
    if value ~= value then
      return base.is_negative_nan(value) and "-nan" or "nan"
    end
  elseif kind == "userdata" then
    return "userdata: (nil)"
  elseif kind == "function" then
    return (gsub(tostring(value), "builtin#(%d+)", "0x55d5c0de%1"))
  end
  return (tostring(value))
end

function result.tostring(...)
  if select("#", ...) == 0 then
    bad_argument(1, "tostring", "value expected")
  end
  return shown((...))
end

function result.tonumber(...)
  local value, radix = ...
  if type(value) == "string" and radix == nil and find(value, "^%s*[-+]?0[bB]") then
    return nil
  end
  return tonumber(...)
end

-- ---------------------------------------------------------------- format

local QUOTED = { ["\n"] = "\\\n", ["\r"] = "\\r", ["\0"] = "\\000", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quoted(text)
  local parts, size = {}, 0
  for first = 1, #text, PIECE do
    local piece = gsub(sub(text, first, first + PIECE - 1), '[%z\n\r"\\]', QUOTED)
    charge(#piece)
    size = size + 1
    parts[size] = piece
  end
  return '"' .. concat(parts) .. '"'
end

-- A format as a list of literal texts and items, or a problem. Items: specification, letter.
local function parsed(text)
  local parts, at = {}, 1
  while true do
    local percent = find(text, "%", at, true)
    parts[#parts + 1] = sub(text, at, (percent or #text + 1) - 1)
    if not percent then
      return parts
    end
    if byte(text, percent + 1) == 37 then
      parts[#parts] = parts[#parts] .. "%"
      at = percent + 2
      parts[#parts + 1] = false
    else
      local _, flags_end = find(text, "^[-+ #0]*", percent + 1)
      local _, width_end = find(text, "^%d?%d?", flags_end + 1)
      local _, stop = find(text, "^%.%d?%d?", width_end + 1)
      stop = stop or width_end
      if flags_end - percent > 5 then
        parts[#parts + 1] = { problem = "invalid format (repeated flags)" }
        return parts
      end
      local letter = sub(text, stop + 1, stop + 1)
      if find(letter, "%d") then
        parts[#parts + 1] = { problem = "invalid format (width or precision too long)" }
      elseif not find(letter, "^[cdiouxXeEfgGqs]") then
        parts[#parts + 1] = { problem = "invalid option '%" .. letter .. "' to 'format'" }
      else
        parts[#parts + 1] = { specification = sub(text, percent, stop + 1), letter = letter }
      end
      at = stop + 2
    end
  end
end

local kept, kept_count = {}, 0
local plain = {} -- of the formats that are kept: the letters of their items, where the engine's own function may do

-- The letters of a format's items: nil if there are many, or one that the engine shows otherwise.
local function letters_of(parts)
  local letters = {}
  for i = 1, #parts do
    local part = parts[i]
    if type(part) == "table" then
      if part.problem or part.letter == "q" or part.letter == "c" then
        return nil
      end
      letters[#letters + 1] = part.letter
    end
  end
  return #letters <= FEW and letters or nil
end

local function parts_of(text)
  local parts = kept[text]
  if not parts then
    parts = parsed(text)
    if #text <= LONG then
      if kept_count == KEPT then
        kept, plain, kept_count = {}, {}, 0
      end
      kept[text], plain[text], kept_count = parts, letters_of(parts), kept_count + 1
    end
  end
  return parts
end

-- Is a value shown alike by both engines? A text that ends before it is over is not, nor what is no number; others are converted.
local function is_plain(letter, value)
  if type(value) == "number" then
    return value == value and (value < MOST_SIGNED or letter == "s")
  end
  return letter == "s" and type(value) == "string" and not find(value, "\0", 1, true)
end

local function item_text(item, value, position, is_absent)
  if item.problem then
    if is_absent then
      bad_argument(position, "format", "no value")
    end
    fault(item.problem)
  elseif is_absent then
    bad_argument(position, "format", "no value")
  end
  local letter = item.letter
  if letter == "s" then
    local text = value
    if type(text) ~= "string" then
      text = type(text) == "number" and shown(text) or base.text(value, position, "format")
    end
    if item.specification == "%s" and (#text >= 100 or not find(text, "\0", 1, true)) then
      return text
    elseif #text >= 100 and not find(item.specification, ".", 1, true) then
      return text
    end
    local stop = find(text, "\0", 1, true)
    return format(item.specification, stop and sub(text, 1, stop - 1) or text)
  elseif letter == "q" then
    return quoted(base.text(value, position, "format"))
  end
  local number = base.number(value, position, "format")
  if letter == "c" then
    local code = number > -2147483649 and number < 2147483648 and base.int(number) % 256 or 0
    local text = format(item.specification, code > 0 and code or 1)
    return code > 0 and text or sub(text, 1, find(text, "\1", 1, true) - 1) -- C ends the text at a zero
  elseif number ~= number and find(letter, "[eEfgG]") then
    local text = base.is_negative_nan(number) and "-nan" or "nan"
    local flags, width = item.specification:match("^%%([-+ #0]*)(%d*)")
    local side = find(flags, "-", 1, true) and "-" or ""
    return format("%" .. side .. width .. "s", letter < "a" and text:upper() or text)
  end
  return format(item.specification, number >= MOST_UNSIGNED and find(letter, "[ouxX]") and 0 or number)
end

local function formatted(text, ...)
  local given, count = { ... }, select("#", ...)
  local parts, out, taken = parts_of(text), {}, 0
  for i = 1, #parts do
    local part = parts[i]
    if type(part) == "string" then
      out[i] = part
    elseif part then
      taken = taken + 1
      out[i] = item_text(part, given[taken], taken + 1, taken > count)
    else
      out[i] = ""
    end
  end
  return concat(out)
end

function result.format(...)
  local text, a, b, c, d = ...
  local letters = plain[text]
  if letters then
    local first, second, third, fourth = letters[1], letters[2], letters[3], letters[4]
    if
      (not first or is_plain(first, a))
      and (not second or is_plain(second, b))
      and (not third or is_plain(third, c))
      and (not fourth or is_plain(fourth, d))
    then
      return (format(...))
    end
  end
  text = base.text(text, 1, "format", select("#", ...) == 0)
  if has_jit then
    return formatted(text, select(2, ...))
  end
  return format(...)
end

-- ---------------------------------------------------------------- what takes long

-- Patterns run to their end before anything else does: the length of the text is what they count for.
local function check_pattern(text, pattern, name, count)
  local kind = type(text)
  if kind ~= "string" then
    text = base.text(text, 1, name, count < 1)
  end
  if type(pattern) ~= "string" then
    pattern = base.text(pattern, 2, name, count < 2)
  end
  if #pattern > PATTERN_LENGTH then
    local _, items = gsub(pattern, "[-*+?]", "")
    if items > PATTERN_ITEMS then
      fault("pattern too complex")
    end
  end
  if #text > LONG then
    charge(#text / 8)
  end
end

-- What stands for a match: where it is, and the text.
local function replacement_of(text, replacement, first, last, capture, ...)
  if not first then
    return nil
  end
  local matched = capture == nil and sub(text, first, last) or nil
  local value
  if type(replacement) == "table" then
    value = replacement[capture == nil and matched or capture]
  elseif capture == nil then
    value = replacement(matched)
  else
    value = replacement(capture, ...)
  end
  if not value then
    value = matched or sub(text, first, last)
  elseif type(value) ~= "string" and type(value) ~= "number" then
    fault("invalid replacement value (a " .. type(value) .. ")")
  end
  return first, last, value
end

-- Replacements that call a script, without a frame of C for each: those are large, and LuaJIT does not count them.
local function replaced(text, pattern, replacement, limit)
  local pieces, parts, size, at, done = {}, {}, 0, 1, 0
  local is_anchored = byte(pattern, 1) == 94
  while done < limit do
    local first, last, value = replacement_of(text, replacement, find(text, pattern, at))
    if not first then
      break
    end
    done = done + 1
    if first > at then
      size = size + 1
      parts[size] = sub(text, at, first - 1)
    end
    size = size + 1
    parts[size] = value
    at = last + 1
    if last < first then
      size = size + 1
      parts[size] = sub(text, first, first)
      at = first + 1
    end
    if at > #text + 1 or is_anchored then
      break
    elseif size > MOST_PARTS then -- each takes the room of a value
      pieces[#pieces + 1] = concat(parts, "", 1, size)
      size = 0
    end
  end
  if done == 0 then
    return text, 0
  end
  parts[size + 1] = sub(text, at)
  pieces[#pieces + 1] = concat(parts, "", 1, size + 1)
  return concat(pieces), done
end

for _, name in ipairs({ "find", "gfind", "gmatch", "gsub", "match" }) do
  local original = string[name == "gfind" and "gmatch" or name]
  result[name] = function(...)
    local text, pattern = ...
    if type(text) ~= "string" or type(pattern) ~= "string" or #text > LONG or #pattern > LONG then
      check_pattern(text, pattern, name, select("#", ...))
    end
    return original(...)
  end
end

if has_jit then
  local by_text = result.gsub
  result.gsub = function(...)
    local text, pattern, replacement, limit = ...
    local kind = type(replacement)
    local is_plain_table = kind == "table" and getmetatable(replacement) == nil -- nothing of a script's is called
    if kind ~= "function" and (kind ~= "table" or is_plain_table and (type(text) ~= "string" or #text <= PIECE)) then
      return by_text(...)
    end
    check_pattern(text, pattern, "gsub", select("#", ...))
    limit = limit == nil and 1 / 0 or base.int(base.number(limit, 4, "gsub"))
    return replaced(base.text(text, 1, "gsub"), base.text(pattern, 2, "gsub"), replacement, limit)
  end
end

for _, name in ipairs({ "lower", "reverse", "upper" }) do
  local original = string[name]
  result[name] = function(...)
    local text = ...
    if type(text) == "string" and #text > LONG then
      charge(#text / 16)
    end
    return original(...)
  end
end

function result.rep(...)
  local count = select("#", ...)
  local text, times = ...
  text = base.text(text, 1, "rep", count < 1)
  times = base.int(base.number(times, 2, "rep", count < 2))
  if text == "" or not (times >= 1) then
    return ""
  elseif #text * times > LONG then
    charge(#text * times / 64)
  end
  return rep(text, times)
end

return result
