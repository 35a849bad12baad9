-- What the sandbox's own modules share: errors at the script's line, arguments, bits of numbers, and work that is counted.
--
-- `ffi` of LuaJIT stays here, in upvalues; without it (Lua 5.1) the same results are computed more slowly.
--
-- What LuaJIT is to compile returns what a function of its own gives in brackets, `return (f(x))`: where a function that is called
-- by others that are not compiled ended with that call, it would try in vain, and then never again for whatever calls it.

local given = ...
local has_jit = jit ~= nil

-- ---------------------------------------------------------------- errors of memory

-- Functions of LuaJIT's that are assembler make a text without saying where their frame ends. If there is no memory for it, the error is put
-- where a function in C has said that last, which may be amid the frame that is in use: then the process ends. So a function in C is called
-- first, in the same place; compiled, it is nothing. It stands before the sandbox's own calls here, and before those of scripts in
-- `safely`, of which their errors show nothing.
local assembler = {}
for _, name in ipairs({ "char", "lower", "reverse", "sub", "upper" }) do
  assembler[name] = string[name]
end

if has_jit then
  local rawequal = rawequal
  local bare_char, bare_reverse, bare_sub, bare_text = string.char, string.reverse, string.sub, tostring

  function string.char(...)
    rawequal(0, 0)
    return (bare_char(...))
  end

  function string.reverse(text)
    rawequal(0, 0)
    return (bare_reverse(text))
  end

  function string.sub(text, first, last)
    rawequal(0, 0)
    return (bare_sub(text, first, last or -1))
  end

  function _G.tostring(value)
    rawequal(0, 0)
    return (bare_text(value))
  end
end

local error, floor, format, getinfo, rawequal, tonumber, type =
  error, math.floor, string.format, debug.getinfo, rawequal, tonumber, type
local byte, char, find, reverse, sub = string.byte, string.char, string.find, string.reverse, string.sub
local concat, frexp, ldexp, huge = table.concat, math.frexp, math.ldexp, math.huge
local ffi = has_jit and require("ffi") or nil

local OURS = "<python>"
local WORK = 20000

-- The values of cjson.null: a null pointer as with the reference, where that can be made.
local base = {
  has_jit = has_jit,
  ours = OURS,
  bit = has_jit and bit or nil,
  null = has_jit and require("string.buffer").decode("\3") or newproxy(),
  versions = given.versions,
  flags = given.flags,
}

-- A function of the string library that scripts may call.
function base.safely(name)
  local f = assembler[name]
  return function(...)
    rawequal(0, 0)
    return f(...)
  end
end

-- ---------------------------------------------------------------- errors

-- The level of what called the library's function, as its caller's caller counts.
local function calling_level()
  local level = 3
  local info = getinfo(level, "S")
  while info and info.source == OURS do
    level = level + 1
    info = getinfo(level, "S")
  end
  return level - 1, info
end

-- Raise `text` with the place in the script that called the library's function, if it was called by Lua code.
local function fault(text)
  local level, info = calling_level()
  if info and info.what ~= "C" and info.what ~= "tail" then
    text = format("%s:%d: %s", info.short_src, getinfo(level, "l").currentline, text)
  end
  error(text, 0)
end

-- Complain of an argument as Lua does: the object of a method does not count, and what is called by no name has none.
local function bad_argument(position, name, reason)
  local level = calling_level()
  local called = getinfo(level - 1, "n")
  name = (called.name or not has_jit) and name or "?" -- Lua 5.1 loses names where we call ourselves last
  if called.namewhat == "method" then
    position = position - 1
    if position == 0 then
      fault(format("calling '%s' on bad self (%s)", name, reason))
    end
  end
  fault(format("bad argument #%d to '%s' (%s)", position, name, reason))
end

base.fault, base.bad_argument = fault, bad_argument

-- An error's text without a place in the sandbox itself, and whether it had one.
function base.without_place(text)
  local _, last = find(text, '^%[string "<python>"%]:%d+: ')
  return last and sub(text, last + 1) or text, last ~= nil
end

-- A number, or text that is one; `is_absent`: there is no such argument.
function base.number(value, position, name, is_absent)
  local number = tonumber(value)
  if not number then
    bad_argument(position, name, "number expected, got " .. (is_absent and "no value" or type(value)))
  end
  return number
end

-- Text, or a number as text.
function base.text(value, position, name, is_absent)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif value ~= value then
    return base.is_negative_nan(value) and "-nan" or "nan"
  elseif kind == "number" then
    return (format("%.14g", value))
  end
  bad_argument(position, name, "string expected, got " .. (is_absent and "no value" or kind))
end

-- ---------------------------------------------------------------- work

local spent = 0

-- Places for marks, which are 1 where they are set.
function base.marks(size)
  return ffi and ffi.new("uint8_t[?]", size) or {}
end

-- Count work that the hook does not see, in about the time of an instruction: after much of it the clock is looked at.
function base.charge(work)
  spent = spent + work
  if spent >= WORK then
    spent = 0
    base.look(work >= WORK)
  end
end

-- ---------------------------------------------------------------- integers

-- A number without its fraction as two halves of 32 bits, as a conversion of C gives them.
function base.halves(number)
  if number ~= number or number < -9223372036854775808 then
    return 2147483648, 0
  elseif number >= 18446744073709551616 then
    return 0, 0
  end
  number = number < 0 and -floor(-number) or floor(number)
  local low = number % 4294967296
  return (number - low) / 4294967296 % 4294967296, low
end

-- A number as a C int.
function base.int(number)
  if number ~= number or number >= 9223372036854775808 or number < -9223372036854775808 then
    return 0
  end
  local low = (number < 0 and -floor(-number) or floor(number)) % 4294967296
  return low >= 2147483648 and low - 4294967296 or low
end

-- ---------------------------------------------------------------- floating-point numbers

-- The bytes of a number as a float of 8 or 4 bytes, the first one the most significant.
local function plain_bytes(number, size)
  local mantissa_bits, bias = size == 8 and 52 or 23, size == 8 and 1023 or 127
  local sign = (number < 0 or 1 / number < 0) and 1 or 0
  local exponent, fraction
  if number ~= number then
    sign, exponent, fraction = 0, 2 * bias + 1, 2 ^ (mantissa_bits - 1)
  elseif number == huge or number == -huge then
    exponent, fraction = 2 * bias + 1, 0
  elseif number == 0 then
    exponent, fraction = 0, 0
  else
    local m, e = frexp(number < 0 and -number or number)
    exponent = e - 1 + bias
    local scaled = exponent > 0 and (m * 2 - 1) * 2 ^ mantissa_bits or ldexp(m, mantissa_bits + exponent)
    exponent = exponent > 0 and exponent or 0
    fraction = floor(scaled)
    local rest = scaled - fraction
    if rest > 0.5 or (rest == 0.5 and fraction % 2 == 1) then
      fraction = fraction + 1
    end
    exponent, fraction = exponent + floor(fraction / 2 ^ mantissa_bits), fraction % 2 ^ mantissa_bits
    if exponent > 2 * bias then
      exponent, fraction = 2 * bias + 1, 0
    end
  end
  local bytes = {}
  for i = size, 3, -1 do
    bytes[i] = char(fraction % 256)
    fraction = floor(fraction / 256)
  end
  local per_exponent = size == 8 and 16 or 128
  local head = (sign * (2 * bias + 2) + exponent) * per_exponent + fraction
  bytes[1], bytes[2] = char(floor(head / 256)), char(head % 256)
  return concat(bytes)
end

local function plain_float(text)
  local size = #text
  local mantissa_bits, bias = size == 8 and 52 or 23, size == 8 and 1023 or 127
  local per_exponent = size == 8 and 16 or 128
  local first, second = byte(text, 1, 2)
  local head = first * 256 + second
  local fraction = head % per_exponent
  for i = 3, size do
    fraction = fraction * 256 + byte(text, i)
  end
  local exponent = floor(head / per_exponent)
  local sign = 1
  if exponent >= 2 * bias + 2 then
    sign, exponent = -1, exponent - 2 * bias - 2
  end
  if exponent == 2 * bias + 1 then
    return fraction == 0 and sign * huge or 0 / 0
  elseif exponent == 0 then
    return sign * ldexp(fraction, 1 - bias - mantissa_bits)
  end
  return sign * ldexp(fraction + 2 ^ mantissa_bits, exponent - bias - mantissa_bits)
end

if ffi then
  local is_little = ffi.abi("le")
  local double, float =
    ffi.new("union { double value; uint8_t bytes[8]; }"), ffi.new("union { float value; uint8_t bytes[4]; }")
  local copy, string_of = ffi.copy, ffi.string

  function base.float_bytes(number, size, is_big)
    local cell = size == 8 and double or float
    cell.value = number
    local bytes = string_of(cell.bytes, size)
    return is_big == is_little and reverse(bytes) or bytes
  end

  local function value_of(text, is_big)
    local cell = #text == 8 and double or float
    copy(cell.bytes, is_big == is_little and reverse(text) or text, #text)
    return cell.value
  end

  local nan, negative_nan = value_of("\127\248\0\0\0\0\0\0", true), value_of("\255\248\0\0\0\0\0\0", true)

  -- LuaJIT keeps all its values in the bits of doubles that are no numbers: what bytes say after the sign of one never becomes a
  -- value, which could be a pointer of the sender's choice. Nor may it stay in a NaN that arithmetic or a minus makes a value.
  function base.bytes_float(text, is_big)
    local size = #text
    local first, second = byte(text, is_big and 1 or size), byte(text, is_big and 2 or size - 1)
    if first % 128 == 127 and second >= (size == 8 and 240 or 128) then
      local number = plain_float(is_big and text or reverse(text))
      return number == number and number or first >= 128 and negative_nan or nan
    end
    return value_of(text, is_big)
  end

  -- Numbers at places of a room of bytes (`put`) and of a text (`get`), by the kind and size of an item of struct. Who calls these
  -- has looked that the place is inside.
  local ROOM = 16384
  local room = ffi.new("uint8_t[?]", ROOM)
  local cast, pointer = ffi.cast, ffi.typeof("const uint8_t *")
  local words, shorts, chars = ffi.typeof("int32_t *"), ffi.typeof("uint16_t *"), ffi.typeof("int8_t *")
  local bswap, rshift, arshift, tobit = bit.bswap, bit.rshift, bit.arshift, bit.tobit
  local number, halves = base.number, base.halves
  local put, get = {}, {}

  -- A number's low 32 bits.
  local function word_of(value, position)
    local n = type(value) == "number" and value or number(value, position, "pack")
    if n > -2251799813685248 and n < 2251799813685248 then
      return (tobit(n < 0 and -floor(-n) or floor(n)))
    end
    local _, low = halves(n)
    return (tobit(low))
  end

  local function word(p, at)
    return cast(words, p + at)[0]
  end

  local function unsigned(n)
    return n < 0 and n + 4294967296 or n
  end

  function put.n1(at, value, position)
    room[at] = word_of(value, position)
  end

  function put.n2(at, value, position)
    cast(shorts, room + at)[0] = word_of(value, position)
  end

  function put.n2_big(at, value, position)
    cast(shorts, room + at)[0] = rshift(bswap(word_of(value, position)), 16)
  end

  function put.n4(at, value, position)
    cast(words, room + at)[0] = word_of(value, position)
  end

  function put.n4_big(at, value, position)
    cast(words, room + at)[0] = bswap(word_of(value, position))
  end

  function put.n8(at, value, position)
    local high, low = halves(number(value, position, "pack"))
    cast(words, room + at)[0] = tobit(low)
    cast(words, room + at)[1] = tobit(high)
  end

  function put.n8_big(at, value, position)
    local high, low = halves(number(value, position, "pack"))
    cast(words, room + at)[0] = bswap(tobit(high))
    cast(words, room + at)[1] = bswap(tobit(low))
  end

  function get.i1(p, at)
    return cast(chars, p + at)[0]
  end

  function get.u1(p, at)
    return p[at]
  end

  function get.u2(p, at)
    return p[at] + p[at + 1] * 256
  end

  function get.u2_big(p, at)
    return p[at] * 256 + p[at + 1]
  end

  function get.i2(p, at)
    return (arshift(p[at] * 65536 + p[at + 1] * 16777216, 16))
  end

  function get.i2_big(p, at)
    return (arshift(p[at] * 16777216 + p[at + 1] * 65536, 16))
  end

  get.i4 = word

  function get.u4(p, at)
    return unsigned(word(p, at))
  end

  function get.i4_big(p, at)
    return (bswap(word(p, at)))
  end

  function get.u4_big(p, at)
    return unsigned(bswap(word(p, at)))
  end

  function get.i8(p, at)
    return word(p, at + 4) * 4294967296 + unsigned(word(p, at))
  end

  function get.u8(p, at)
    return unsigned(word(p, at + 4)) * 4294967296 + unsigned(word(p, at))
  end

  function get.i8_big(p, at)
    return bswap(word(p, at)) * 4294967296 + unsigned(bswap(word(p, at + 4)))
  end

  function get.u8_big(p, at)
    return unsigned(bswap(word(p, at))) * 4294967296 + unsigned(bswap(word(p, at + 4)))
  end

  local float_value = ffi.new("union { double long_one; float short_one; int32_t words[2]; }")

  function put.d(at, value, position)
    float_value.long_one = number(value, position, "pack")
    cast(words, room + at)[0], cast(words, room + at)[1] = float_value.words[0], float_value.words[1]
  end

  function put.d_big(at, value, position)
    float_value.long_one = number(value, position, "pack")
    cast(words, room + at)[0], cast(words, room + at)[1] = bswap(float_value.words[1]), bswap(float_value.words[0])
  end

  function put.f(at, value, position)
    float_value.short_one = number(value, position, "pack")
    cast(words, room + at)[0] = float_value.words[0]
  end

  function put.f_big(at, value, position)
    float_value.short_one = number(value, position, "pack")
    cast(words, room + at)[0] = bswap(float_value.words[0])
  end

  -- Words as a number: of a NaN the sign alone (see `bytes_float`).
  local function double_of(high, low)
    if arshift(high, 20) % 2048 == 2047 and (high % 1048576 ~= 0 or low ~= 0) then
      return high < 0 and negative_nan or nan
    end
    float_value.words[0], float_value.words[1] = low, high
    return float_value.long_one
  end

  local function float_of(bits)
    if arshift(bits, 23) % 256 == 255 and bits % 8388608 ~= 0 then
      return bits < 0 and negative_nan or nan
    end
    float_value.words[0] = bits
    return float_value.short_one
  end

  function get.d(p, at)
    return double_of(word(p, at + 4), word(p, at))
  end

  function get.d_big(p, at)
    return double_of(bswap(word(p, at)), bswap(word(p, at + 4)))
  end

  function get.f(p, at)
    return float_of(word(p, at))
  end

  function get.f_big(p, at)
    return float_of(bswap(word(p, at)))
  end

  -- The nearest float of 4 bytes.
  local function single(number)
    float_value.short_one = number
    return float_value.short_one
  end

  local function address(number)
    return (cast("uintptr_t", number))
  end

  ffi.cdef("double strtod(const char *, char **); size_t strspn(const char *, const char *);")
  local strtod, strspn, chars_of = ffi.C.strtod, ffi.C.strspn, ffi.typeof("const char *")
  local stop = ffi.new("char *[1]")

  -- The number that begins at a place of a text, which must be a digit or a minus before one: what C takes for no number may say more
  -- (see `bytes_float`). And the place behind it.
  local function number_at(text, at)
    local start = cast(chars_of, text)
    local number = strtod(start + (at - 1), stop)
    return number, tonumber(stop[0] - start) + 1
  end

  local escape = type(given.escape) == "number" and cast("size_t (*)(const char *, size_t, uint8_t *)", address(given.escape))
  local unescape = escape
    and cast("int (*)(const char *, size_t, uint8_t *, size_t, double *)", address(given.unescape))
  local reached = ffi.new("double[2]")

  if is_little then
    base.places = {
      -- Put a text into the room, from a place on, as a string of JSON without its quotes: what follows it.
      escape = escape and function(text, size, at)
        return at + tonumber(escape(text, size, room + at))
      end,
      -- Put a string of JSON into the room, from a place of a text on: what ended it, how many bytes there are, and where it ended.
      unescape = unescape and function(text, start)
        local what = unescape(text, start - 1, room, ROOM, reached)
        return what, reached[0], reached[1] + 1
      end,
      number_at = number_at,
      -- The place behind the blanks of JSON that are at a place of a text.
      after_blanks = function(text, at)
        return at + tonumber(strspn(cast(chars_of, text) + (at - 1), " \n\r\t"))
      end,
      room = ROOM,
      bytes = room,
      single = single,
      put = put,
      get = get,
      pointer = function(text)
        return (cast(pointer, text))
      end,
      text = function(size)
        return (string_of(room, size))
      end,
      copy = function(at, text, size, from)
        copy(room + at, cast(pointer, text) + (from or 0), size)
      end,
      zero = function(at, count)
        ffi.fill(room + at, count)
      end,
    }
  end
else
  function base.float_bytes(number, size, is_big)
    local bytes = plain_bytes(number, size)
    return is_big and bytes or reverse(bytes)
  end

  function base.bytes_float(text, is_big)
    return plain_float(is_big and text or reverse(text))
  end
end

-- Is a number that is none printed with a minus sign? Without a view of its bits: as what 0/0 gives on most machines.
function base.is_negative_nan(number)
  return not ffi or byte(base.float_bytes(number, 8, true)) >= 128
end

-- The low 32 bits of the nearest integer, as adding 2^52 + 2^51 leaves them in the sum.
function base.bits(number)
  local bytes = base.float_bytes(number + 6755399441055744, 8, false)
  local a, b, c, d = byte(bytes, 1, 4)
  return a + b * 256 + c * 65536 + d * 16777216
end

base.plain_bytes, base.plain_float = plain_bytes, plain_float
return base
