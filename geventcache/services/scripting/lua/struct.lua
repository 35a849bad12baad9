-- The struct library of scripts: values to and from bytes by a format.
--
-- A format becomes a list of items once, with alignment and byte order applied; what is wrong in it is an item as well, which
-- fails when it is come to. Where a view of memory can be had (`base.places`), a format that is used often becomes two functions
-- as well, made as text of nothing but sizes and places: LuaJIT compiles each, while a loop over items of many kinds stays slow.
-- That is so for numbers of any count, and for few values with texts among them, where nothing is aligned.

local base = ...
local concat, floor, loadstring, min, select, tonumber, type, unpack =
  table.concat, math.floor, loadstring, math.min, select, tonumber, type, unpack
local byte, char, find, rep, reverse, sub = string.byte, string.char, string.find, string.rep, string.reverse, string.sub
local bad_argument, charge, fault, halves, number_of, text_of =
  base.bad_argument, base.charge, base.fault, base.halves, base.number, base.text
local float_bytes, bytes_float = base.float_bytes, base.bytes_float

local MAX_SIZE = 32
local MAX_ALIGNMENT = 8
local MOST_RESULTS = 7990
local places = base.places
local MOST_DIRECT = 40 -- values that are arguments of a function
local MOST_RETURNED = 100 -- values in one expression
local MOST_KEPT = 4000 -- items of formats that are kept, in all
local OFTEN = 4 -- uses of a format that is worth a function: to make one takes longer than some uses without
local SIZES = { b = 1, B = 1, h = 2, H = 2, l = 8, L = 8, T = 8, f = 4, d = 8, x = 1, s = 0 }
local SIGNED = { b = true, h = true, i = true, l = true }
local PAST_END = "data string too short"
local UNFINISHED = "unfinished string in data"

-- ---------------------------------------------------------------- formats

-- The decimal that begins at `at`, the default if there is none, and what follows; nil if it is too large.
local function count(text, at, default)
  local _, stop = find(text, "^%d+", at)
  if not stop then
    return default, at
  end
  local number = tonumber(sub(text, at, stop))
  return number <= 2147483647 and number or nil, stop + 1
end

local function is_power(n)
  while n > 1 and n % 2 == 0 do
    n = n / 2
  end
  return n == 1
end

-- Append the item or control at `at` to the items; what follows it, nil after a mistake.
local function read(items, text, at, state, name)
  local letter = sub(text, at, at)
  local size, problem = SIZES[letter], nil
  at = at + 1
  if letter == "i" or letter == "I" then
    size, at = count(text, at, 4)
    if not size then
      problem = "integral size overflow"
    elseif size > MAX_SIZE then
      problem = ("integral size %d is larger than limit of %d"):format(size, MAX_SIZE)
    end
  elseif letter == "c" then
    size, at = count(text, at, 1)
    problem = not size and "integral size overflow" or nil
  elseif letter == "<" or letter == ">" then
    state.is_big = letter == ">"
  elseif letter == "!" then
    local alignment
    alignment, at = count(text, at, MAX_ALIGNMENT)
    if not alignment then
      problem = "integral size overflow"
    elseif not is_power(alignment) then
      problem = ("alignment %d is not a power of 2"):format(alignment)
    end
    state.alignment = alignment
  elseif not size and letter ~= " " and (name ~= "size" or find(letter, "%W")) then
    problem = letter
  end
  if problem then
    items[#items + 1] = { problem = problem, is_option = problem == letter }
    return #text + 1
  elseif size then
    local alignment = letter == "c" and 0 or min(size, state.alignment)
    items[#items + 1] = {
      letter = letter,
      size = size,
      alignment = alignment,
      is_odd = alignment > 0 and not is_power(alignment),
      is_big = state.is_big,
      is_signed = SIGNED[letter] or false,
    }
  end
  return at
end

local add_function
local kept, kept_count = { pack = {}, size = {}, unpack = {} }, 0
local packers, unpackers = {}, {} -- functions of the formats that are kept, of those with few values

local function items_of(text, name)
  local items = kept[name][text]
  if items then
    if items.uses then
      items.uses = items.uses + 1
      if items.uses == OFTEN then
        items.uses = nil
        add_function(items, text, name)
      end
    end
    return items
  end
  items = {}
  local at, state = 1, { is_big = false, alignment = 1 }
  while at <= #text and byte(text, at) > 0 do -- C ends it at a zero
    at = read(items, text, at, state, name)
    charge(4)
  end
  if #text < MOST_KEPT then
    kept_count = kept_count + #text + 1
    if kept_count > MOST_KEPT then
      kept, kept_count = { pack = {}, size = {}, unpack = {} }, #text + 1
      packers, unpackers = {}, {}
    end
    items.uses = places and name ~= "size" and 1 or nil
    kept[name][text] = items
  end
  return items
end

local function complain(item, name)
  if item.is_option then
    bad_argument(1, name, ("invalid format option '%s'"):format(item.problem))
  end
  fault(item.problem)
end

-- How many bytes before an item at `position` (from 0) align it.
local function padding(item, position)
  local alignment = item.alignment
  if alignment <= 1 then
    return 0
  elseif not item.is_odd then
    return -position % alignment
  end
  return base.bit.band(alignment - base.bit.band(position, alignment - 1), alignment - 1)
end

-- ---------------------------------------------------------------- functions made of formats

-- The name of an item in `base.places`.
local function kind_of(item)
  local letter, size = item.letter, item.size
  if letter == "x" then
    return letter
  end
  local kind = (letter == "f" or letter == "d") and letter or (item.is_signed and "i" or "u") .. size
  return item.is_big and size > 1 and kind .. "_big" or kind
end

-- The items as runs of numbers of one kind without gaps; the bytes and the values in all. Nil if there is something else.
local function runs_of(items)
  local runs, at, values, last = {}, 0, 0, nil
  for i = 1, #items do
    local item = items[i]
    local letter, size = item.letter, item.size
    if item.problem or letter == "c" or letter == "s" or not (size == 1 or size == 2 or size == 4 or size == 8) then
      return nil
    end
    local gap = padding(item, at)
    local kind = kind_of(item)
    if gap > 0 or not last or last.kind ~= kind then
      last = { kind = kind, at = at + gap, gap = gap, size = size, count = 0, first = values + 1 }
      runs[#runs + 1] = last
    end
    last.count = last.count + 1
    at = at + gap + size
    values = letter == "x" and values or values + 1
  end
  return runs, at, values
end

-- The size of a text as the value before it tells, made an integer as C does.
local function told_size(value, at, length)
  local size = tonumber(value)
  if not size then
    fault("format 'c0' needs a previous size")
  elseif size >= 18446744073709551616 then
    return 0
  elseif size ~= size or size <= -1 or at + size > length then
    bad_argument(2, "unpack", PAST_END)
  end
  return size < 0 and 0 or floor(size)
end

local PACKING, PACKING_TEXTS = { "zero", "text", "charge" }, { "zero", "text", "copy", "type", "charge" }
local UNPACKING = { "pointer", "unpack", "charge", "past_end" }
local UNPACKING_TEXTS = { "pointer", "charge", "past_end", "find", "sub", "told_size", "unfinished" }
local toolbox = places
  and {
    zero = places.zero,
    text = places.text,
    copy = places.copy,
    pointer = places.pointer,
    charge = charge,
    find = find,
    sub = sub,
    type = type,
    unpack = unpack,
    told_size = told_size,
    past_end = function()
      bad_argument(2, "unpack", PAST_END)
    end,
    unfinished = function()
      fault(UNFINISHED)
    end,
  }

-- A function of lines that use `functions` ("put" or "get") and what has `names` in the toolbox; nil if there is no memory for it.
local function made(lines, functions, names)
  lines[1] = ("local %s, %s = ... return function%s"):format(functions, concat(names, ", "), lines[1])
  local make = loadstring(concat(lines, "\n"), "<python>")
  if not make then
    return nil
  end
  local values = {}
  for i = 1, #names do
    values[i] = toolbox[names[i]]
  end
  return make(places[functions], unpack(values, 1, #names))
end

local function put_kind(kind)
  return (kind:gsub("^[iu]", "n"))
end

-- Of a few values each is an argument of its own, behind the format; else they are a table.
local function packing(runs, bytes, count)
  local is_brief, names = count <= MOST_DIRECT, {}
  for i = 1, is_brief and count or 0 do
    names[i] = ", v" .. i + 1
  end
  local lines = { "(values" .. concat(names) .. ")", ("charge(%g)"):format(count + bytes / 64) }
  for i = 1, #runs do
    local run = runs[i]
    if run.gap > 0 then
      lines[#lines + 1] = ("zero(%d, %d)"):format(run.at - run.gap, run.gap)
    end
    local kind = put_kind(run.kind)
    if kind == "x" then
      lines[#lines + 1] = ("zero(%d, %d)"):format(run.at, run.count)
    elseif run.count < 5 or is_brief then
      for k = 0, run.count - 1 do
        local place = run.first + k + 1
        local value = (is_brief and "v%d" or "values[%d]"):format(place)
        lines[#lines + 1] = ("put.%s(%d, %s, %d)"):format(kind, run.at + k * run.size, value, place)
      end
    else
      lines[#lines + 1] = ("for k = 0, %d do put.%s(%d + k * %d, values[k + %d], k + %d) end"):format(
        run.count - 1, kind, run.at, run.size, run.first + 1, run.first + 1
      )
    end
  end
  lines[#lines + 1] = ("return text(%d) end"):format(bytes)
  return made(lines, "put", PACKING)
end

-- The same with texts: nothing is returned where an argument is no text, or one too short or too long, which the slow way sees to.
local function packing_texts(items, bytes, count)
  local names, lines, sizes, number = {}, { "" }, { bytes }, 1
  local at, before = 0, "" -- a place is a number that is known, and sizes of texts that are not
  local later = { ("charge(%d + size / 64)"):format(count) }
  for i = 1, #items do
    local item = items[i]
    local letter, size = item.letter, item.size
    local place = at .. before
    if letter == "x" then
      later[#later + 1] = ("zero(%s, 1)"):format(place)
      at = at + 1
    else
      number = number + 1
      names[#names + 1] = ", v" .. number
      local value = "v" .. number
      if letter ~= "c" and letter ~= "s" then
        later[#later + 1] = ("put.%s(%s, %s, %d)"):format(put_kind(item.kind), place, value, number)
        at = at + size
      elseif letter == "c" and size > 0 then
        lines[#lines + 1] = ('if type(%s) ~= "string" or #%s < %d then return end'):format(value, value, size)
        later[#later + 1] = ("copy(%s, %s, %d)"):format(place, value, size)
        at = at + size
      else
        local length = "n" .. number
        lines[#lines + 1] = ('if type(%s) ~= "string" then return end local %s = #%s'):format(value, length, value)
        later[#later + 1] = ("copy(%s, %s, %s)"):format(place, value, length)
        before = before .. " + " .. length
        sizes[#sizes + 1] = length
        if letter == "s" then
          later[#later + 1] = ("zero(%d%s, 1)"):format(at, before)
          at = at + 1
        end
      end
    end
  end
  lines[1] = "(_" .. concat(names) .. ")"
  lines[#lines + 1] = ("local size = %s if size > %d then return end"):format(concat(sizes, " + "), places.room)
  lines[#lines + 1] = concat(later, "\n")
  lines[#lines + 1] = "return text(size) end"
  return made(lines, "put", PACKING_TEXTS)
end

local function unpacking(runs, bytes, count)
  local lines = { "(data, at)", ("if #data < at + %d then past_end() end"):format(bytes) }
  lines[3] = ("charge(%d) local p = pointer(data)"):format(count)
  local values = {}
  if count > MOST_RETURNED then
    lines[#lines + 1] = "local found = {}"
  end
  for i = 1, #runs do
    local run = runs[i]
    if run.kind ~= "x" and count > MOST_RETURNED then
      lines[#lines + 1] = ("for k = 0, %d do found[k + %d] = get.%s(p, at + %d + k * %d) end"):format(
        run.count - 1, run.first, run.kind, run.at, run.size
      )
    elseif run.kind ~= "x" then
      for k = 0, run.count - 1 do
        values[#values + 1] = ("get.%s(p, at + %d)"):format(run.kind, run.at + k * run.size)
      end
    end
  end
  values[#values + 1] = ("at + %d"):format(bytes + 1)
  if count > MOST_RETURNED then
    lines[#lines + 1] = ("found[%d] = at + %d return unpack(found, 1, %d) end"):format(count + 1, bytes + 1, count + 1)
  else
    lines[#lines + 1] = "return " .. concat(values, ", ") .. " end"
  end
  return made(lines, "get", UNPACKING)
end

-- The same with texts, whose sizes the data tells.
local function unpacking_texts(items, count)
  local lines = { "(data, at)", ("charge(%d) local p, size = pointer(data), #data"):format(count) }
  local values, n = {}, 0
  for i = 1, #items do
    local item = items[i]
    local letter, size = item.letter, item.size
    if size > 0 or i == 1 then
      lines[#lines + 1] = ("if at + %d > size then past_end() end"):format(size)
    end
    if letter == "x" then
      lines[#lines + 1] = "at = at + 1"
    elseif letter == "s" then
      n = n + 1
      lines[#lines + 1] = 'local stop = find(data, "\\0", at + 1, true) if not stop then unfinished() end'
      lines[#lines + 1] = ("local v%d = sub(data, at + 1, stop - 1) at = stop"):format(n)
    elseif letter == "c" and size > 0 then
      n = n + 1
      lines[#lines + 1] = ("local v%d = sub(data, at + 1, at + %d) at = at + %d"):format(n, size, size)
    elseif letter == "c" then
      lines[#lines + 1] = ("local told = told_size(%s, at, size)"):format(n > 0 and "v" .. n or "false")
      n = n > 0 and n or 1
      lines[#lines + 1] = ("local v%d = sub(data, at + 1, at + told) at = at + told"):format(n)
    else
      n = n + 1
      lines[#lines + 1] = ("local v%d = get.%s(p, at) at = at + %d"):format(n, item.kind, size)
    end
  end
  for i = 1, n do
    values[i] = "v" .. i
  end
  values[n + 1] = "at + 1"
  lines[#lines + 1] = "return " .. concat(values, ", ") .. " end"
  return made(lines, "get", UNPACKING_TEXTS)
end

-- Can items with texts be made a function? Few, of sizes that a view of memory has, and not aligned; the bytes of those whose size
-- is known, and the values.
local function measured(items)
  local bytes, values = 0, 0
  for i = 1, #items do
    local item = items[i]
    local letter, size = item.letter, item.size
    if item.problem or item.alignment > 1 then
      return nil
    elseif letter ~= "c" and letter ~= "s" then
      if not (size == 1 or size == 2 or size == 4 or size == 8) then
        return nil
      end
      item.kind = kind_of(item)
    end
    bytes = bytes + (letter == "s" and 1 or size)
    values = letter == "x" and values or values + 1
  end
  return #items <= MOST_DIRECT and bytes <= places.room and bytes, values
end

-- Add to the items of a format what it can be made of them.
function add_function(items, text, name)
  local is_pack = name == "pack"
  local runs, bytes, count = runs_of(items)
  if runs then
    if #runs > 200 or bytes > places.room or count > MOST_RESULTS then
      return
    end
    items.run = is_pack and packing(runs, bytes, count) or unpacking(runs, bytes, count)
    for i = 1, #items do
      items.is_aligned = items.is_aligned or items[i].alignment > 1
    end
  else
    bytes, count = measured(items)
    if not bytes then
      return
    end
    items.run = is_pack and packing_texts(items, bytes, count) or unpacking_texts(items, count)
  end
  if count <= MOST_DIRECT then
    local brief = is_pack and packers or unpackers
    brief[text] = items.run
  end
end

-- ---------------------------------------------------------------- packing

local function integer_bytes(number, size, is_big)
  local high, low = halves(number)
  local bytes
  if size == 1 then
    return char(low % 256)
  end
  bytes = char(low % 256, floor(low / 256) % 256, floor(low / 65536) % 256, floor(low / 16777216))
  if size > 4 then
    bytes = bytes .. char(high % 256, floor(high / 256) % 256, floor(high / 65536) % 256, floor(high / 16777216))
  end
  if size > 8 then
    bytes = bytes .. rep("\0", size - 8)
  elseif size < #bytes then
    bytes = sub(bytes, 1, size)
  end
  return is_big and reverse(bytes) or bytes
end

local function item_bytes(item, value, position)
  local letter, size = item.letter, item.size
  if letter == "f" or letter == "d" then
    return float_bytes(number_of(value, position, "pack"), size, item.is_big)
  elseif letter == "s" then
    return text_of(value, position, "pack") .. "\0"
  elseif letter == "c" then
    local text = text_of(value, position, "pack")
    if size == 0 then
      return text
    elseif #text < size then
      bad_argument(position + 1, "pack", "string too short")
    end
    return sub(text, 1, size)
  end
  return integer_bytes(number_of(value, position, "pack"), size, item.is_big)
end

local function pack(...)
  local brief = packers[...]
  if brief then
    local packed = brief(...)
    if packed then
      return packed
    end
  end
  local given, taken = { ... }, 1
  local items = items_of(text_of(given[1], 1, "pack", select("#", ...) == 0), "pack")
  if items.run and not brief and not packers[given[1]] then
    return items.run(given)
  end
  local out, length = {}, 0
  for i = 1, #items do
    local item = items[i]
    if item.problem then
      complain(item, "pack")
    end
    local gap, bytes = padding(item, length), nil
    if item.letter == "x" then
      bytes = "\0"
    else
      taken = taken + 1
      bytes = item_bytes(item, given[taken], taken)
    end
    if gap > 0 then
      bytes = rep("\0", gap) .. bytes
    end
    out[i] = bytes
    length = length + #bytes
  end
  charge(#items * 4 + length / 64)
  return concat(out)
end

-- ---------------------------------------------------------------- unpacking

-- `count` bytes as a number, from the most significant one on.
local function word(data, first, step, count)
  local number = 0
  for i = first, first + step * (count - 1), step do
    number = number * 256 + byte(data, i)
  end
  return number
end

local function signed(number, bits)
  return number >= 2 ^ (bits - 1) and number - 2 ^ bits or number
end

-- An integer; of one that is longer, the eight low bytes. Two halves, so that it is rounded once.
local function integer_at(data, position, item)
  local size = min(item.size, 8)
  local first, step = position + size, -1
  if item.is_big then
    first, step = position + 1 + item.size - size, 1
  end
  if size <= 4 then
    local number = word(data, first, step, size)
    return item.is_signed and size > 0 and signed(number, 8 * size) or number
  end
  local high = word(data, first, step, size - 4)
  if item.is_signed then
    high = signed(high, 8 * (size - 4))
  end
  return high * 4294967296 + word(data, first + step * (size - 4), step, 4)
end

local function unpack_values(...)
  local text, data, start = ...
  local brief = unpackers[text]
  if brief and start == nil and type(data) == "string" then
    return brief(data, 0)
  end
  local given = select("#", ...)
  local items = items_of(text_of(text, 1, "unpack", given < 1), "unpack")
  data = text_of(data, 2, "unpack", given < 2)
  start = given > 2 and start ~= nil and number_of(start, 3, "unpack") or 1
  if start ~= start or start < 0 or start >= 9223372036854775808 then
    bad_argument(2, "unpack", PAST_END)
  elseif start < 1 then
    bad_argument(3, "unpack", "offset must be 1 or greater")
  end
  local position, length = floor(start) - 1, #data
  if items.run and (position == 0 or not items.is_aligned) then
    return items.run(data, position)
  end
  if #items == 0 and text ~= "" and position > length then
    bad_argument(2, "unpack", PAST_END)
  end
  local found, n = {}, 0
  for i = 1, #items do
    local item = items[i]
    if item.problem then
      complain(item, "unpack")
    end
    local letter, size = item.letter, item.size
    position = position + padding(item, position)
    if position + size > length then
      bad_argument(2, "unpack", PAST_END)
    end
    if letter == "s" then
      local stop = find(data, "\0", position + 1, true)
      if not stop then
        fault(UNFINISHED)
      end
      n = n + 1
      found[n] = sub(data, position + 1, stop - 1)
      size = stop - position
    elseif letter == "c" then
      if size == 0 then
        size = told_size(n > 0 and found[n], position, length)
        n = n - 1
      end
      n = n + 1
      found[n] = sub(data, position + 1, position + size)
    elseif letter == "f" or letter == "d" then
      n = n + 1
      found[n] = bytes_float(sub(data, position + 1, position + size), item.is_big)
    elseif letter ~= "x" then
      n = n + 1
      found[n] = integer_at(data, position, item)
    end
    position = position + size
  end
  charge(#items * 4)
  if n > MOST_RESULTS then
    fault("too many results to unpack")
  end
  found[n + 1] = position + 1
  return unpack(found, 1, n + 1)
end

local function size_of(...)
  local items = items_of(text_of((...), 1, "size", select("#", ...) == 0), "size")
  local size = 0
  for i = 1, #items do
    local item = items[i]
    if item.problem then
      complain(item, "size")
    elseif item.letter == "s" then
      bad_argument(1, "size", "option 's' has no fixed size")
    elseif item.letter == "c" and item.size == 0 then
      bad_argument(1, "size", "option 'c0' has no fixed size")
    end
    size = size + padding(item, size) + item.size
    charge(2)
  end
  return size
end

return { pack = pack, size = size_of, unpack = unpack_values }
