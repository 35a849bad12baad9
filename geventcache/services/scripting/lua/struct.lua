-- The struct library of scripts: values to and from bytes by a format. The host computes.

local host = ...
local error = error

local function checked(ok, ...)
  if not ok then
    error((...), 3)
  end
  return ...
end

local struct = {}
for _, name in ipairs({ "pack", "size", "unpack" }) do
  struct[name] = function(...)
    return checked(host.struct(name, ...))
  end
end
return struct
