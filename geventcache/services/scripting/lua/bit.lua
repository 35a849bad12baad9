-- The bit library of scripts: operations on signed 32-bit integers. The host computes: stock Lua 5.1 has no such operators.

local host = ...
local error, select = error, select

local function checked(ok, ...)
  if not ok then
    error((...), 3)
  end
  return ...
end

local bit = {}
for _, name in ipairs({
  "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit", "tohex",
}) do
  bit[name] = function(...)
    return checked(host.bit(name, ...))
  end
end
return bit
