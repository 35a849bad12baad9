-- Source text as Lua 5.1 reads it: what LuaJIT adds to the language is refused, what it reads otherwise is rewritten.
--
-- * Number suffixes (1LL), binary numbers, goto and labels are mistakes. A backslash before any other character is dropped.
-- * `return f(...)` becomes `return (f(...))` where one value is returned anyway: a tail call leaves no trace of its line, and errors
--   could not say where. That is so for the outermost code of a script, and for the functions below, which return one value.

local base = ...
local byte, find, gsub, sub, concat, sort =
  string.byte, string.find, string.gsub, string.sub, table.concat, table.sort

local SINGLE = {}
for name in
  ([[redis.call redis.pcall redis.error_reply redis.status_reply redis.sha1hex server.call server.pcall server.error_reply
  server.status_reply server.sha1hex cjson.encode cjson.decode cmsgpack.pack struct.pack struct.size bit.tobit bit.bnot bit.band
  bit.bor bit.bxor bit.lshift bit.rshift bit.arshift bit.rol bit.ror bit.bswap bit.tohex string.rep string.format string.sub
  table.concat error tonumber tostring type setmetatable]]):gmatch("%S+")
do
  SINGLE[name] = true
end
local OPENERS = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSERS = { ["end"] = true, ["until"] = true }
local ENDERS = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true, [";"] = true, [""] = true }
local KEYWORDS = {}
for word in
  ("and break do else elseif end false for function if in local nil not or repeat return then true until while"):gmatch("%a+")
do
  KEYWORDS[word] = true
end
local PAIRS = { ["("] = ")", ["["] = "]", ["{"] = "}" }
local KNOWN_ESCAPES = {}
for c in ("abfnrtv\\\"'0123456789\n\r"):gmatch(".") do
  KNOWN_ESCAPES[byte(c)] = true
end

-- Where a long bracket that begins at `at` ends; nil if there is none, 0 if it does not end.
local function long_bracket(text, at)
  local _, stop, level = find(text, "^%[(=*)%[", at)
  if not stop then
    return nil
  end
  local _, last = find(text, "]" .. level .. "]", stop + 1, true)
  return last or 0
end

-- Where a string that begins at `at` ends, nil if it does not; escapes that Lua 5.1 does not know are noted as edits.
local function quoted_string(text, at, edits)
  local quote = byte(text, at)
  local i = at + 1
  while true do
    local c = byte(text, i)
    if c == quote then
      return i
    elseif not c or c == 10 or c == 13 then
      return nil
    elseif c == 92 then
      local following = byte(text, i + 1)
      if not following then
        return nil
      elseif not KNOWN_ESCAPES[following] then
        edits[#edits + 1] = { i, "", i + 1 }
      elseif (following == 10 or following == 13) and (byte(text, i + 2) or 0) + following == 23 then
        i = i + 1
      end
      i = i + 2
    else
      i = i + 1
    end
  end
end

local function is_extension(number)
  return find(number, "[lL][lL]$") or find(number, "^0[bB]") or find(number, "[iI]$")
end

-- The tokens of a text: their texts (names and signs as they are, "str" and "num"), where they begin and end. nil if the compiler will
-- complain anyway; nil and an error for an extension.
local function tokens_of(text, edits)
  local words, from, to, n = {}, {}, {}, 0
  local at, length = 1, #text
  while true do
    local start = find(text, "[^ \t\n\r\f\v]", at)
    if not start then
      return { words = words, from = from, to = to, count = n }
    end
    local c = byte(text, start)
    local word, stop
    if c == 45 and byte(text, start + 1) == 45 then
      local last = long_bracket(text, start + 2)
      if last == 0 then
        return nil
      end
      at = (last or (find(text, "[\n\r]", start) or length + 1) - 1) + 1
    else
      if c == 34 or c == 39 then
        word, stop = '"', quoted_string(text, start, edits)
      elseif c == 91 and long_bracket(text, start) then
        word, stop = '"', long_bracket(text, start)
      elseif find(text, "^%.?%d", start) then
        local _, exponent = find(text, "^[%d.]+[eE][-+]", start)
        _, stop = find(text, "^[%w_.]*", exponent and exponent + 1 or start)
        word = sub(text, start, stop)
        if is_extension(word) then
          return nil, "malformed number near '" .. word .. "'", start
        end
        word = "0"
      elseif find(text, "^[%a_]", start) then
        _, stop = find(text, "^[%w_]*", start)
        word = sub(text, start, stop)
      elseif find(text, "^%.%.", start) then
        _, stop = find(text, "^%.+", start)
        word = ".."
      else
        word, stop = sub(text, start, start), start
        if word == ":" and n > 0 and words[n] == ":" and to[n] == start - 1 then
          return nil, "unexpected symbol near ':'", start
        end
      end
      if not stop or stop == 0 then
        return nil
      end
      if n > 0 and words[n] == "goto" and find(word, "^[%a_]") and not KEYWORDS[word] and words[n - 1] ~= "." then
        return nil, "'=' expected near '" .. word .. "'", start
      end
      n = n + 1
      words[n], from[n], to[n] = word, start, stop
      base.charge(16)
      at = stop + 1
    end
  end
end

-- The places of closing brackets by those of their opening ones; nil if they do not match.
local function matches_of(tokens)
  local matches, open, depth = {}, {}, 0
  for i = 1, tokens.count do
    local word = tokens.words[i]
    if PAIRS[word] then
      depth = depth + 1
      open[depth] = i
    elseif word == ")" or word == "]" or word == "}" then
      if depth == 0 or PAIRS[tokens.words[open[depth]]] ~= word then
        return nil
      end
      matches[open[depth]] = i
      depth = depth - 1
    end
  end
  return depth == 0 and matches or nil
end

local function is_name(word)
  return word and find(word, "^[%a_]") and not KEYWORDS[word]
end

-- Is what follows a `return` at i - 1 one call? Its last token, and the name that is called if it is a plain one.
local function call_after(tokens, matches, i)
  local words = tokens.words
  local path = nil
  if is_name(words[i]) then
    path = words[i]
  elseif words[i] == "(" then
    i = matches[i]
  else
    return nil
  end
  local is_call, is_plain = false, path ~= nil
  while true do
    local following = words[i + 1]
    if following == "." and is_name(words[i + 2]) then
      path = is_plain and not is_call and path .. "." .. words[i + 2] or nil
      is_plain = path ~= nil
      i, is_call = i + 2, false
    elseif following == "[" then
      path, is_plain = nil, false
      i, is_call = matches[i + 1], false
    elseif following == ":" and is_name(words[i + 2]) then
      path, is_plain = nil, false
      i, is_call = i + 2, false
    elseif following == "(" or following == "{" then
      if is_call then
        path = nil
      end
      i, is_call = matches[i + 1], true
    elseif following == '"' then
      if is_call then
        path = nil
      end
      i, is_call = i + 1, true
    else
      return is_call and ENDERS[following or ""] and i or nil, path
    end
  end
end

-- Note the brackets around calls that are returned.
local function note_calls(tokens, edits, is_outermost_single)
  local matches = matches_of(tokens)
  if not matches then
    return
  end
  local words, blocks, depth, functions = tokens.words, {}, 0, 0
  for i = 1, tokens.count do
    base.charge(4)
    local word = words[i]
    if words[i - 1] == "." or words[i - 1] == ":" then
      word = "" -- a field
    end
    if OPENERS[word] then
      depth = depth + 1
      blocks[depth] = word == "function"
      functions = functions + (blocks[depth] and 1 or 0)
    elseif CLOSERS[word] then
      if depth == 0 then
        return
      end
      functions = functions - (blocks[depth] and 1 or 0)
      depth = depth - 1
    elseif word == "return" then
      local last, path = call_after(tokens, matches, i + 1)
      if last and (SINGLE[path] or (functions == 0 and is_outermost_single)) then
        local first = tokens.from[i + 1]
        edits[#edits + 1] = { first, "(", first }
        edits[#edits + 1] = { tokens.to[last] + 1, ")", tokens.to[last] + 1 }
      end
    end
  end
end

local function edited(text, edits)
  sort(edits, function(a, b)
    return a[1] < b[1]
  end)
  local parts, at = {}, 1
  for i = 1, #edits do
    local edit = edits[i]
    parts[#parts + 1] = sub(text, at, edit[1] - 1)
    parts[#parts + 1] = edit[2]
    at = edit[3]
  end
  parts[#parts + 1] = sub(text, at)
  return concat(parts)
end

-- The text for the compiler; or nil, what is wrong, and where.
return function(text, is_outermost_single)
  local edits = {}
  local first = byte(text, 1)
  base.charge(#text)
  local tokens, problem, at = tokens_of(text, edits)
  if problem then
    if not base.has_jit then
      return text
    end
    local _, lines = gsub(sub(text, 1, at), "\n", "")
    return nil, problem, lines + 1
  end
  if tokens then
    note_calls(tokens, edits, is_outermost_single)
  end
  text = #edits > 0 and edited(text, edits) or text
  return (first == 35 or first == 239) and " " .. text or text -- LuaJIT would skip such a line, or mark
end
