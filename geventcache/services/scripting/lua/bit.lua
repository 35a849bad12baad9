-- The bit library of scripts where Lua has none: operations on signed 32-bit integers, by tables of half bytes.

local base = ...
local floor, format, select = math.floor, string.format, select
local bits, number = base.bits, base.number

local AND = {}
for a = 0, 15 do
  for b = 0, 15 do
    local result, place, x, y = 0, 1, a, b
    for _ = 1, 4 do
      if x % 2 == 1 and y % 2 == 1 then
        result = result + place
      end
      x, y, place = floor(x / 2), floor(y / 2), place * 2
    end
    AND[a * 16 + b] = result
  end
end

local function both(a, b)
  local result, place = 0, 1
  for _ = 1, 8 do
    local x, y = a % 16, b % 16
    result = result + AND[x * 16 + y] * place
    a, b, place = (a - x) / 16, (b - y) / 16, place * 16
  end
  return result
end

local function signed(value)
  value = value % 4294967296
  return value >= 2147483648 and value - 4294967296 or value
end

local function operand(position, name, ...)
  return bits(number((select(position, ...)), position, name, select("#", ...) < position))
end

local function fold(name, operation)
  return function(...)
    local result = operand(1, name, ...)
    for i = 2, select("#", ...) do
      result = operation(result, operand(i, name, ...))
    end
    return signed(result)
  end
end

local function unary(name, operation)
  return function(...)
    return signed(operation(operand(1, name, ...)))
  end
end

local function shift(name, operation)
  return function(...)
    local value, by = operand(1, name, ...), operand(2, name, ...) % 32
    return signed(operation(value, by))
  end
end

local function left(value, by)
  return value % 2 ^ (32 - by) * 2 ^ by
end

local function right(value, by)
  return floor(value / 2 ^ by)
end

local function rotated(value, by)
  return left(value, by) + right(value, 32 - by)
end

return {
  tobit = unary("tobit", function(a)
    return a
  end),
  bnot = unary("bnot", function(a)
    return 4294967295 - a
  end),
  bswap = unary("bswap", function(a)
    return a % 256 * 16777216 + floor(a / 256) % 256 * 65536 + floor(a / 65536) % 256 * 256 + floor(a / 16777216)
  end),
  band = fold("band", both),
  bor = fold("bor", function(a, b)
    return a + b - both(a, b)
  end),
  bxor = fold("bxor", function(a, b)
    return a + b - 2 * both(a, b)
  end),
  lshift = shift("lshift", left),
  rshift = shift("rshift", right),
  arshift = shift("arshift", function(a, by)
    return floor(signed(a) / 2 ^ by)
  end),
  rol = shift("rol", rotated),
  ror = shift("ror", function(a, by)
    return rotated(a, -by % 32)
  end),
  tohex = function(...)
    local value = operand(1, "tohex", ...)
    local count = select("#", ...) > 1 and signed(operand(2, "tohex", ...)) or 8
    local width = count < 0 and -count or count
    width = width > 8 and 8 or width
    local digits = width == 0 and "" or format("%08x", value):sub(-width)
    return count < 0 and digits:upper() or digits
  end,
}
