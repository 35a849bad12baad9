-- SHA1 in hexadecimal, by the operations of the bit library.

local base = ...
local byte, char, concat, floor, format, rep =
  string.byte, string.char, table.concat, math.floor, string.format, string.rep
local charge = base.charge
local band, bor, bxor, rol, tobit =
  base.bit.band, base.bit.bor, base.bit.bxor, base.bit.rol, base.bit.tobit

local BLOCK_WORK = 300

-- A padded end: a bit, zeros, and the number of bits in eight bytes.
local function ending(size)
  local bits = size * 8
  local bytes = {}
  for i = 8, 1, -1 do
    bytes[i] = char(bits % 256)
    bits = floor(bits / 256)
  end
  return "\128" .. rep("\0", (55 - size) % 64) .. concat(bytes)
end

local words = {}
for i = 0, 79 do
  words[i] = 0
end

-- One block of 64 bytes that begins at `at`.
local function digest_block(text, at, h0, h1, h2, h3, h4)
  local w = words
  for i = 0, 15 do
    local p, q, r, s = byte(text, at + i * 4, at + i * 4 + 3)
    w[i] = tobit(p * 16777216 + q * 65536 + r * 256 + s)
  end
  for i = 16, 79 do
    w[i] = rol(bxor(w[i - 3], w[i - 8], w[i - 14], w[i - 16]), 1)
  end
  local a, b, c, d, e = h0, h1, h2, h3, h4
  for i = 0, 19 do
    a, b, c, d, e = tobit(rol(a, 5) + bxor(d, band(b, bxor(c, d))) + e + 0x5A827999 + w[i]), a, rol(b, 30), c, d
  end
  for i = 20, 39 do
    a, b, c, d, e = tobit(rol(a, 5) + bxor(b, c, d) + e + 0x6ED9EBA1 + w[i]), a, rol(b, 30), c, d
  end
  for i = 40, 59 do
    a, b, c, d, e = tobit(rol(a, 5) + bor(band(b, c), band(d, bor(b, c))) + e + 0x8F1BBCDC + w[i]), a, rol(b, 30), c, d
  end
  for i = 60, 79 do
    a, b, c, d, e = tobit(rol(a, 5) + bxor(b, c, d) + e + 0xCA62C1D6 + w[i]), a, rol(b, 30), c, d
  end
  return tobit(h0 + a), tobit(h1 + b), tobit(h2 + c), tobit(h3 + d), tobit(h4 + e)
end

return function(text)
  local a, b, c, d, e = tobit(0x67452301), tobit(0xEFCDAB89), tobit(0x98BADCFE), tobit(0x10325476), tobit(0xC3D2E1F0)
  local whole = #text - #text % 64
  for at = 1, whole, 64 do
    a, b, c, d, e = digest_block(text, at, a, b, c, d, e)
    charge(BLOCK_WORK)
  end
  local rest = text:sub(whole + 1) .. ending(#text)
  for at = 1, #rest, 64 do
    a, b, c, d, e = digest_block(rest, at, a, b, c, d, e)
  end
  charge(BLOCK_WORK)
  local m = 4294967296
  return format("%08x%08x%08x%08x%08x", a % m, b % m, c % m, d % m, e % m)
end
