-- Replies, as the server writes them for its clients, as values of scripts.
--
-- A long array comes in pieces that end where one of its items does: `more` brings the next one.

local byte, find, sub, tonumber, huge = string.byte, string.find, string.sub, tonumber, math.huge
local CR = 13

local text, at, more = "", 1, nil

-- What stands in the line from `at` on; `at` moves to the next one.
local function line()
  local stop = find(text, "\r", at, true)
  local found = sub(text, at, stop - 1)
  at = stop + 2
  return found
end

-- The number of a line, behind its mark.
local function number()
  local a, b, c, d = byte(text, at + 1, at + 4)
  if b == CR then
    at = at + 4
    return a - 48
  elseif c == CR and a >= 48 then
    at = at + 5
    return a * 10 + b - 528
  elseif d == CR and a >= 48 then
    at = at + 6
    return a * 100 + b * 10 + c - 5328
  end
  at = at + 1
  return (tonumber(line()))
end

local function bulk(size)
  local from = at
  at = from + size + 2
  return (sub(text, from, from + size - 1))
end

local read

local function array(count)
  local t = {}
  for i = 1, count do
    t[i] = read()
  end
  return t
end

local function map(count)
  local t = {}
  for _ = 1, count do
    local key = read()
    t[key] = read()
  end
  return { map = t }
end

local function set(count)
  local t = {}
  for _ = 1, count do
    t[read()] = true
  end
  return { set = t }
end

local function double()
  at = at + 1
  local word = line()
  if word == "inf" then
    return { double = huge }
  elseif word == "-inf" then
    return { double = -huge }
  end
  return { double = word == "nan" and 0 / 0 or tonumber(word) }
end

-- What comes with RESP3 alone, or seldom.
local function read_rare(mark)
  if mark == 43 then -- +
    at = at + 1
    return { ok = line() }
  elseif mark == 45 then -- -
    at = at + 1
    return { err = line() }
  elseif mark == 44 then -- ,
    return double()
  elseif mark == 37 then -- %
    return map(number())
  elseif mark == 126 then -- ~
    return set(number())
  elseif mark == 62 then -- >
    return array(number())
  elseif mark == 40 then -- (
    at = at + 1
    return { big_number = line() }
  elseif mark == 61 then -- =
    local whole = bulk(number())
    return { verbatim_string = { format = sub(whole, 1, 3), string = sub(whole, 5) } }
  elseif mark == 124 then -- |, attributes of what follows
    map(number())
    return read()
  end
  at = at + 1
  local word = line()
  if mark == 35 then -- #
    return word == "t"
  end
  return nil -- _
end

function read()
  if at > #text then
    text, at = more(), 1
  end
  local mark = byte(text, at)
  if mark == 36 then -- $
    local size = number()
    return size >= 0 and bulk(size)
  elseif mark == 58 then -- :
    return number()
  elseif mark == 42 then -- *
    local count = number()
    return count >= 0 and array(count)
  end
  return read_rare(mark)
end

return {
  -- The value of a reply that begins with `first`.
  read = function(first, more_of_it)
    text, at, more = first, 1, more_of_it
    local value = read()
    text = ""
    return value
  end,
  forget = function()
    text = ""
  end,
}
