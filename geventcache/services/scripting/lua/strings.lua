-- What of the string library LuaJIT does otherwise than Lua 5.1: format, tostring, tonumber, and what takes long.

local base = ...
local concat, find, format, gmatch, gsub, match, sub, byte, rep =
  table.concat, string.find, string.format, string.gmatch, string.gsub, string.match, string.sub, string.byte, string.rep
local floor, getmetatable, select, tostring, tonumber, type = math.floor, getmetatable, select, tostring, tonumber, type
local bad_argument, charge, fault, has_jit = base.bad_argument, base.charge, base.fault, base.has_jit
local patterns = base.patterns

local LONG = 256
local MOST_PARTS = 4000
local PIECE = 16384 -- characters that one call of the engine's looks at
local FEW_STEPS = 1e7 -- of the engine's matcher: as long as they take, nothing is looked at
local MOST_COMPARED = 1e9
local MOST_REPLACED = 2 ^ 22 -- characters, by the engine's own function
local PREFIX = 32
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
      local shown_text = format(...)
      if #shown_text > PIECE then
        charge(#shown_text / 16)
      end
      return shown_text
    end
  end
  text = base.text(text, 1, "format", select("#", ...) == 0)
  if has_jit then
    return formatted(text, select(2, ...))
  end
  return format(...)
end

-- ---------------------------------------------------------------- what takes long

-- How long a text may be for a pattern to need no look at either: what they can take together is little.
local reaches, reach_count = {}, 0

local function reach_of(pattern)
  local size, signs = #pattern, 0
  if size > LONG then
    return -1
  elseif find(pattern, "[-*+?%%%z]") then
    if find(pattern, "%%[gG]") or find(pattern, "\0", 1, true) then -- LuaJIT reads these otherwise
      return -1
    end
    signs = select(2, gsub(pattern, "[-*+?]", "")) + (find(pattern, "%%[b%d]") and 1 or 0)
  end
  local reach = (FEW_STEPS / (size + 8)) ^ (1 / (signs + 1)) - 1
  if reach_count == KEPT then
    reaches, reach_count = {}, 0
  end
  reaches[pattern], reach_count = reach < LONG and reach or LONG, reach_count + 1
  return reaches[pattern]
end

-- A finder of a long text (see `patterns`): where it begins is sought first, since the engine compares all of it at each place.
local function plain_finder(text, wanted)
  local beginning, size = sub(wanted, 1, PREFIX), #wanted
  return function(at)
    while true do
      local first = find(text, beginning, at, true)
      charge(((first or #text) - at + size) / 8)
      if not first then
        return nil
      elseif sub(text, first, first + size - 1) == wanted then
        return first, first + size - 1
      end
      at = first + 1
    end
  end
end

-- Does `string.find` look for the text of a pattern as it is? Lua 5.1 looks for signs before a zero alone.
local function is_plain_text(pattern)
  return not find(match(pattern, "^%Z*"), "[%^%$%*%+%?%.%(%[%%%-]")
end

-- Should the engine's own function not be called? Then a finder (see `patterns`), and the text.
local function finder_of(name, count, text, pattern, is_plain, is_lenient)
  text, pattern = base.text(text, 1, name, count < 1), base.text(pattern, 2, name, count < 2)
  if #text <= (reaches[pattern] or reach_of(pattern)) then
    return nil
  elseif #text > LONG then
    charge(#text / 8)
  end
  local has_zero = find(pattern, "\0", 1, true)
  if is_plain or (name == "find" and (has_zero or #pattern > LONG) and is_plain_text(pattern)) then
    return (has_zero or #text * #pattern > MOST_COMPARED) and plain_finder(text, pattern) or nil, text
  elseif (name == "gmatch" or name == "gfind") and byte(pattern) == 94 then
    pattern = "%" .. pattern -- it knows no anchor
  end
  if patterns.is_bounded(text, pattern) or (name == "find" and is_plain_text(pattern)) then
    return nil
  end
  return patterns.finder(text, pattern, is_lenient), text
end

-- The text of a replacement in which captures stand.
local function expanded(replacement, matched, ...)
  local count, values, parts, at = select("#", ...), { ... }, {}, 1
  while true do
    local percent = find(replacement, "%", at, true)
    parts[#parts + 1] = sub(replacement, at, (percent or #replacement + 1) - 1)
    if not percent then
      return concat(parts)
    end
    local sign = sub(replacement, percent + 1, percent + 1)
    local index = find(sign, "%d") and tonumber(sign)
    if not index then
      parts[#parts + 1] = sign == "" and "\0" or sign
    elseif index == 0 or (index == 1 and count == 0) then
      parts[#parts + 1] = matched
    elseif not values[index] then
      fault(index <= count and "unfinished capture" or "invalid capture index")
    else
      parts[#parts + 1] = values[index]
    end
    at = percent + 2
  end
end

-- What stands for a match: where it is, and the text.
local function replacement_of(text, replacement, first, last, capture, ...)
  if not first then
    return nil
  end
  local matched = capture == nil and sub(text, first, last) or nil
  local value
  if type(replacement) == "string" then
    if not find(replacement, "%", 1, true) then
      return first, last, replacement
    end
    matched = sub(text, first, last)
    if capture == nil then
      return first, last, expanded(replacement, matched)
    end
    return first, last, expanded(replacement, matched, capture, ...)
  elseif type(replacement) == "table" then
    if capture == false then
      fault("unfinished capture")
    end
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
local function replaced(text, pattern, replacement, limit, finder)
  local pieces, parts, size, at, done = {}, {}, 0, 1, 0
  local is_anchored = byte(pattern, 1) == 94
  while done < limit do
    local first, last, value
    if finder then
      first, last, value = replacement_of(text, replacement, finder(at))
    else
      first, last, value = replacement_of(text, replacement, find(text, pattern, at))
    end
    if not first then
      break
    end
    done = done + 1
    charge(8 + (first - at) / 8)
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

-- Where a search begins that `init` is said of.
local function start_of(text, init, name)
  local at = init == nil and 1 or base.number(init, 3, name)
  at = at < 0 and -floor(-at) + #text + 1 or floor(at)
  return at < 1 and 1 or at > #text and #text + 1 or at
end

local function part_of(text, first, last, capture, ...)
  if capture == nil then
    return first and sub(text, first, last)
  end
  return capture, ...
end

function result.find(...)
  local text, pattern, init, is_plain = ...
  if type(text) == "string" and #text <= (reaches[pattern] or -1) then
    return find(...)
  end
  local finder, subject = finder_of("find", select("#", ...), text, pattern, is_plain)
  if finder then
    return finder(start_of(subject, init, "find"))
  end
  return find(...)
end

function result.match(...)
  local text, pattern, init = ...
  if type(text) == "string" and #text <= (reaches[pattern] or -1) then
    return match(...)
  end
  local finder, subject = finder_of("match", select("#", ...), text, pattern)
  if finder then
    return part_of(subject, finder(start_of(subject, init, "match")))
  end
  return match(...)
end

-- The matches of a finder, one a call.
local function matches(text, finder)
  local at = 1
  local function take(first, last, ...)
    if first then
      at = (last < first and first or last) + 1
      return part_of(text, first, last, ...)
    end
    at = #text + 2
  end
  return function()
    if at <= #text + 1 then
      return take(finder(at))
    end
  end
end

for _, name in ipairs({ "gfind", "gmatch" }) do
  result[name] = function(...)
    local text, pattern = ...
    if type(text) == "string" and #text <= (reaches[pattern] or -1) then
      return gmatch(...)
    end
    local finder, subject = finder_of(name, select("#", ...), text, pattern)
    if finder then
      return matches(subject, finder)
    end
    return gmatch(...)
  end
end

local REPLACEMENTS = { ["string"] = true, ["number"] = true, ["table"] = true, ["function"] = true }

function result.gsub(...)
  local text, pattern, replacement, limit = ...
  local kind = type(replacement)
  local finder, subject
  if not (type(text) == "string" and #text <= (reaches[pattern] or -1)) then
    finder, subject = finder_of("gsub", select("#", ...), text, pattern, false, kind ~= "function")
  end
  -- LuaJIT calls what is a script's in frames of C: those are large, and it does not count them.
  local is_script = has_jit
    and (kind == "function" or (kind == "table" and (getmetatable(replacement) ~= nil or #tostring(text) > PIECE)))
  if not REPLACEMENTS[kind] or not (finder or is_script or #tostring(text) > MOST_REPLACED) then
    return gsub(...)
  end
  subject, pattern = base.text(text, 1, "gsub"), base.text(pattern, 2, "gsub")
  if not finder and find(pattern, ")", 1, true) and is_plain_text(pattern) then
    finder = patterns.finder(subject, pattern) -- `find` would take it for a text
  end
  if kind == "number" then
    replacement = base.text(replacement)
  end
  limit = limit == nil and 1 / 0 or base.int(base.number(limit, 4, "gsub"))
  return replaced(subject, pattern, replacement, limit, finder)
end

result.char, result.sub = base.safely("char"), base.safely("sub")
for _, name in ipairs({ "lower", "reverse", "upper" }) do
  local safe = base.safely(name)
  result[name] = function(...)
    local text = ...
    if type(text) == "string" and #text > LONG then
      charge(#text / 16)
    end
    return safe(...)
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
