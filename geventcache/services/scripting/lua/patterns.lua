-- Patterns as Lua 5.1 knows them, matched so that the clock is looked at, and in a time that grows with the text alone.
--
-- A pattern is a row of items without alternatives, so that each item that may take more or fewer characters has one choice open at
-- most: where it has got to, and where it began. Going back is a step to the last such item, without a stack. Whether what follows
-- an item can match at a place depends on that place alone, unless a capture is matched again later: so a place that has failed for
-- an item is marked once many have, and never tried again.
--
-- The engine's own matcher is quicker and knows no end: `is_bounded` says whether what it may take for a pattern and a text is little.

local base = ...
local byte, char, find, sub, floor, max, min, pairs, unpack =
  string.byte, string.char, string.find, string.sub, math.floor, math.max, math.min, pairs, unpack
local charge, fault, has_jit = base.charge, base.fault, base.has_jit

local ONE, GREEDY, LAZY, MAYBE, OPEN, CLOSE, PLACE, BALANCED, FRONTIER, AGAIN, LAST, WRONG, DONE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
local EXPANSIONS = { ["*"] = GREEDY, ["-"] = LAZY, ["?"] = MAYBE }
local MOST_CAPTURES = 32
local MOST_NESTED = 180 -- items within each other that the engine's matcher takes
local MOST_STEPS = 1e8 -- of the engine's matcher, in one call
local MOST_MARKS = has_jit and 2 ^ 25 or 2 ^ 22
local LONG_RUN, SHORT_RUN = 500, 8
local KEPT, KEPT_LENGTH = 200, 1000
local PIECE = 4096
local STRETCH = 2 ^ 20 -- characters that are gone over without a look at the clock

-- ---------------------------------------------------------------- sets of characters

local CLASSES = "^[acdlpsuwxzACDLPSUWXZ]"

-- The characters that a class of one letter, or an escaped character, stands for.
local function add_class(set, letter)
  if not find(letter, CLASSES) then
    set[byte(letter)] = true
    return
  end
  for c = 0, 255 do
    set[c] = set[c] or find(char(c), "%" .. letter) ~= nil
  end
end

local function bracketed(text)
  local set = {}
  local is_inverted = byte(text, 2) == 94
  local at, last = is_inverted and 3 or 2, #text - 1
  while at <= last do
    local c = byte(text, at)
    if c == 37 then
      add_class(set, sub(text, at + 1, at + 1))
      at = at + 2
    elseif byte(text, at + 1) == 45 and at + 2 <= last then
      for between = c, byte(text, at + 2) do
        set[between] = true
      end
      at = at + 3
    else
      set[c] = true
      at = at + 1
    end
  end
  local result = {}
  for c = 0, 255 do
    result[c] = (set[c] or false) ~= is_inverted
  end
  return result
end

local sets, set_count = {}, 0

-- The set of a class as it is written, by codes.
local function set_of(text)
  local set = sets[text]
  if set then
    return set
  end
  charge(#text + 256)
  if byte(text, 1) == 91 then
    set = bracketed(text)
  else
    set = {}
    for c = 0, 255 do
      set[c] = text == "."
    end
    if #text == 2 then
      add_class(set, sub(text, 2))
    elseif text ~= "." then
      set[byte(text)] = true
    end
  end
  if set_count == KEPT then
    sets, set_count = {}, 0
  end
  sets[text], set_count = set, set_count + 1
  return set
end

-- ---------------------------------------------------------------- reading a pattern

-- Where a class that begins at a place ends; nil and what is wrong.
local function class_end(pattern, at)
  local c = byte(pattern, at)
  if c == 37 then
    if at == #pattern then
      return nil, "malformed pattern (ends with '%')"
    end
    return at + 1
  elseif c ~= 91 then
    return at
  end
  at = at + (byte(pattern, at + 1) == 94 and 2 or 1)
  repeat
    c = byte(pattern, at)
    if not c then
      return nil, "malformed pattern (missing ']')"
    end
    at = at + (c == 37 and at < #pattern and 2 or 1)
  until byte(pattern, at) == 93
  return at
end

-- The items of a pattern, as rows: kinds, sets and what else an item has (`operands`), and the last item before each that has a
-- choice (`earlier`). What is wrong with a pattern is an item as well: it matters when it is come to.
local function read(pattern)
  local kinds, item_sets, operands, earlier, classes, n = {}, {}, {}, {}, {}, 0
  local choice, last_again, level, nested, weight = 0, 0, 0, 0, 1
  local open, is_closed = {}, {}

  local function add(kind, set, operand)
    n = n + 1
    weight = weight + 1 / 8
    kinds[n], item_sets[n], operands[n], earlier[n] = kind, set or false, operand or false, choice
    if kind == GREEDY or kind == LAZY or kind == MAYBE then
      choice = n
      nested = nested + 1
    elseif kind == OPEN or kind == CLOSE or kind == PLACE then
      nested = nested + 1
    elseif kind == AGAIN then
      last_again = n
    end
  end

  local is_anchored = byte(pattern, 1) == 94
  local at = is_anchored and 2 or 1
  local length = (find(pattern, "%z") or #pattern + 1) - 1
  local is_other = has_jit and (length < #pattern or find(pattern, "%%[gG]") ~= nil) -- LuaJIT reads it otherwise
  pattern = sub(pattern, 1, length)
  while at <= length do
    charge(8)
    local c, following = byte(pattern, at, at + 1)
    local problem
    if c == 40 then
      if level == MOST_CAPTURES then
        problem = "too many captures"
      else
        level = level + 1
        if following == 41 then
          add(PLACE, nil, level)
          is_closed[level] = true
          at = at + 2
        else
          add(OPEN, nil, level)
          open[#open + 1] = level
          at = at + 1
        end
      end
    elseif c == 41 then
      local innermost = open[#open]
      if innermost then
        add(CLOSE, nil, innermost)
        open[#open] = nil
        is_closed[innermost] = true
        at = at + 1
      else
        problem = "invalid pattern capture"
      end
    elseif c == 36 and at == length then
      add(LAST)
      at = at + 1
    elseif c == 37 and following == 98 then
      if at + 3 > length then
        problem = "unbalanced pattern"
      else
        add(BALANCED, { [byte(pattern, at + 2)] = true }, byte(pattern, at + 3))
        at = at + 4
      end
    elseif c == 37 and following == 102 then
      local stop
      if byte(pattern, at + 2) ~= 91 then
        problem = "missing '[' after '%f' in pattern"
      else
        stop, problem = class_end(pattern, at + 2)
      end
      if stop then
        add(FRONTIER, set_of(sub(pattern, at + 2, stop)))
        at = stop + 1
      end
    elseif c == 37 and following and following >= 48 and following <= 57 then
      local index = following - 48
      if is_closed[index] then
        add(AGAIN, nil, index)
        at = at + 2
      else
        problem = "invalid capture index"
      end
    else
      local stop
      stop, problem = class_end(pattern, at)
      if stop then
        local class = sub(pattern, at, stop)
        local set, sign = set_of(class), sub(pattern, stop + 1, stop + 1)
        weight = weight + (stop - at) / 4
        if sign == "+" then
          add(ONE, set)
          classes[n] = class
          add(GREEDY, set)
        else
          add(EXPANSIONS[sign] or ONE, set)
        end
        classes[n] = class
        at = stop + ((sign == "+" or EXPANSIONS[sign]) and 2 or 1)
      end
    end
    if problem then
      add(WRONG, nil, problem)
      break
    end
  end
  add(DONE)

  -- What must come behind an item with a choice, if that is a character.
  local ahead, behind = {}, false
  for i = n, 1, -1 do
    local kind = kinds[i]
    ahead[i] = behind
    if kind ~= OPEN and kind ~= CLOSE and kind ~= PLACE then
      behind = kind == ONE and item_sets[i]
    end
  end
  return {
    kinds = kinds,
    ahead = ahead,
    sets = item_sets,
    operands = operands,
    earlier = earlier,
    classes = classes,
    count = n,
    level = level,
    is_closed = is_closed,
    last_again = last_again,
    nested = nested,
    weight = weight,
    is_anchored = is_anchored,
    is_other = is_other,
  }
end

-- ---------------------------------------------------------------- what the engine's matcher may take

local function is_full(set)
  for c = 0, 255 do
    if not set[c] then
      return false
    end
  end
  return true
end

local function meets(set, other)
  for c = 0, 255 do
    if set[c] and other[c] then
      return true
    end
  end
  return false
end

local function union(set, other)
  local result = {}
  for c = 0, 255 do
    result[c] = set[c] or other[c] or false
  end
  return result
end

-- The steps that the engine's matcher may take for a pattern: `weight` times a power (`wide`) of the length of the text, times a power
-- (`narrow`) of how many characters in a row are of one class, of those that are to be `sampled` in the text.
--
-- An item gives characters back, or takes more, only when what follows fails. That costs a try of all the rest where the next character
-- may be both one of the item's and the first one of the rest: their steps multiply; else a look at one character: they add up.
-- Nothing is tried again where the rest matches whatever comes; and a lazy item takes no more than what is not its end then, as that of
-- `"(.-)"`.
local function judge(plan)
  local kinds, item_sets, classes = plan.kinds, plan.sets, plan.classes
  local always, may_end, first, ending = true, true, {}, nil -- of the rest: it matches anything, or the end of a text; how it begins
  local wide, narrow, doubled, sampled = 0, 0, 0, {}
  for i = plan.count - 1, 1, -1 do
    charge(2000)
    local kind, set = kinds[i], item_sets[i]
    if kind == GREEDY or kind == LAZY or kind == MAYBE then
      local full = is_full(set)
      local class = not full and classes[i] or kind == LAZY and ending and "[^" .. ending .. "]"
      if always then
        class = nil
      elseif kind == MAYBE then
        doubled = doubled + 1
      elseif not meets(set, first) or (full and class) then
        wide, narrow = class and wide or max(wide, 1), class and wide == 0 and max(narrow, 1) or narrow
      else
        wide, narrow = wide + (full and 1 or 0), narrow + (full and 0 or 1)
      end
      if class and kind ~= MAYBE then
        sampled[class] = true
      end
      always = always or (full and kind ~= MAYBE and may_end)
      first, ending = union(set, first), nil
    elseif kind == LAST then
      always, may_end, first, ending = false, true, {}, nil
    elseif kind == WRONG then
      always, may_end = true, true
    elseif kind ~= OPEN and kind ~= CLOSE and kind ~= PLACE then
      local class = kind == ONE and always and classes[i]
      ending = class and class ~= "." and byte(class) ~= 91 and class or nil
      always, may_end = false, false
      first = kind == AGAIN and set_of(".") or set
      if kind == AGAIN or kind == BALANCED then
        wide = max(wide, 1)
      end
    end
  end
  if not plan.is_anchored and not always then
    wide = wide + 1 -- one try for each place
  end
  plan.wide, plan.narrow, plan.sampled = wide, narrow, sampled
  plan.weight = plan.weight * 2 ^ doubled
end

local plans, plan_count = {}, 0

-- What there is to know of a pattern.
local function plan_of(pattern)
  local plan = plans[pattern]
  if not plan then
    plan = read(pattern)
    judge(plan)
    if #pattern <= KEPT_LENGTH then
      if plan_count == KEPT then
        plans, plan_count = {}, 0
      end
      plans[pattern], plan_count = plan, plan_count + 1
    end
  end
  return plan
end

local sampled_text, verdicts = nil, {}

-- Has a text nowhere so many characters of a class in a row that there are `size` from a multiple of that on?
local function has_short_runs(text, class, size)
  local set = set_of(class)
  for first = size, #text, size do
    local at = first
    while at < first + size and set[byte(text, at)] do
      at = at + 1
    end
    charge(1 + (at - first) / 8)
    if at == first + size then
      return false
    end
  end
  return true
end

local function is_sampled_short(plan, text, size)
  if text ~= sampled_text then
    sampled_text, verdicts = text, {}
  end
  local verdict = verdicts[plan]
  if verdict == nil then
    verdict = true
    for class in pairs(plan.sampled) do
      verdict = verdict and has_short_runs(text, class, size)
    end
    verdicts[plan] = verdict
  end
  return verdict
end

-- Does the engine's matcher come to an end soon, whatever the text?
local function is_bounded(plan, text)
  if plan.nested > MOST_NESTED or plan.is_other then
    return false
  end
  local length = #text + 1
  local steps = plan.weight * length ^ plan.wide
  if steps * length ^ plan.narrow <= MOST_STEPS then
    return true
  elseif plan.narrow == 0 then
    return false
  end
  local size = floor((MOST_STEPS / steps) ^ (1 / plan.narrow) / 2)
  return size >= SHORT_RUN and is_sampled_short(plan, text, size < LONG_RUN and size or LONG_RUN)
end

-- ---------------------------------------------------------------- matching

-- Where the characters of a set end that begin at a place, or what is marked.
local function run_end(text, set, at, marks)
  while set[byte(text, at)] and not (marks and marks[at + 1] == 1) do
    at = at + 1
    if at % STRETCH == 0 then
      charge(STRETCH / 8)
    end
  end
  return at
end

-- The first place from `at` on whose character is in a set; behind the text if there is none.
local function place_of(text, set, at)
  for first = at, #text, STRETCH do
    local last = min(first + STRETCH - 1, #text)
    for place = first, last do
      if set[byte(text, place)] then
        charge((place - first) / 8)
        return place
      end
    end
    charge((last - first) / 8)
  end
  return #text + 1
end

-- Where the sign ends that closes the one at a place.
local function balanced_end(text, at, opening, closing)
  local depth = 1
  for first = at + 1, #text, STRETCH do
    for place = first, min(first + STRETCH - 1, #text) do
      local c = byte(text, place)
      if c == closing then
        depth = depth - 1
        if depth == 0 then
          return place
        end
      elseif c == opening then
        depth = depth + 1
      end
    end
    charge(STRETCH / 8)
  end
end

-- A match in the making: the text, where captures are, and where items have got to from where.
local function new_state(plan, text)
  local first = 1
  while plan.kinds[first] == OPEN or plan.kinds[first] == PLACE or plan.kinds[first] == CLOSE do
    first = first + 1
  end
  return {
    plan = plan,
    text = text,
    first = (plan.kinds[first] == ONE or plan.kinds[first] == BALANCED) and plan.sets[first], -- the set that a match begins with
    starts = {},
    stops = {},
    reached = {},
    least = {},
    marks = {},
    steps = 0, -- in all
    may_mark = (#text + 2) * plan.nested <= MOST_MARKS,
  }
end

-- From now on, mark where items have failed: those whose rest looks at no capture.
local function begin_marks(state)
  local plan = state.plan
  for i = plan.last_again + 1, plan.count do
    local kind = plan.kinds[i]
    if kind == GREEDY or kind == LAZY or kind == MAYBE then
      state.marks[i] = base.marks(#state.text + 3)
    end
  end
  state.may_mark = false
end

local function account(state, steps)
  charge(steps * 4)
  state.steps = state.steps + steps
  if state.may_mark and state.steps > #state.text then
    begin_marks(state)
  end
end

-- Take one character more for a lazy item, and on to where what comes behind it may begin: that place, if there is one.
local function lengthened(text, set, at, ahead, marks)
  repeat
    if not set[byte(text, at)] or (marks and marks[at + 1] == 1) then
      return nil, at
    end
    at = at + 1
    if at % STRETCH == 0 then
      charge(STRETCH / 8)
    end
  until not ahead or ahead[byte(text, at)]
  return at, at
end

-- Give a character of a greedy item back, and on to where what comes behind it may begin: that place, if there is one.
local function shortened(text, least, at, ahead, marks)
  repeat
    if marks then
      marks[at] = 1
    end
    if at == least then
      return nil, at
    end
    at = at - 1
    if at % STRETCH == 0 then
      charge(STRETCH / 8)
    end
  until not ahead or ahead[byte(text, at)]
  return at, at
end

-- Go back to the last item before `i` that has a choice left: the item behind it, and where in the text; 0 if there is none. And the
-- steps that this has taken.
local function step_back(state, i)
  local plan, text, reached, least = state.plan, state.text, state.reached, state.least
  local kinds, earlier = plan.kinds, plan.earlier
  local j, steps = earlier[i], 0
  while j > 0 do
    local kind, at, marks = kinds[j], reached[j], state.marks[j]
    local place, last = nil, at
    if kind == LAZY then
      place, last = lengthened(text, plan.sets[j], at, plan.ahead[j], marks)
      if marks and not place then
        for passed = least[j], last do
          marks[passed] = 1
        end
      end
    elseif kind == GREEDY then
      place, last = shortened(text, least[j], at, plan.ahead[j], marks)
    elseif at > least[j] then
      place = at - 1
    elseif marks then
      marks[at] = 1
    end
    steps = steps + 1 + (last > at and last - at or at - last) / 8
    if place then
      reached[j] = place
      return j + 1, place, steps
    end
    j = earlier[j]
  end
  return 0, 0, steps
end

-- Where a match ends that begins at a place; nil if there is none.
local function end_of(state, at)
  local plan, text, starts, stops, reached, least =
    state.plan, state.text, state.starts, state.stops, state.reached, state.least
  local kinds, item_sets, operands = plan.kinds, plan.sets, plan.operands
  local i, steps = 1, 0
  while true do
    local kind, set, does_match = kinds[i], item_sets[i], true
    if kind == ONE then
      does_match = set[byte(text, at)]
      at = at + 1
    elseif kind == GREEDY or kind == LAZY or kind == MAYBE then
      local marks = state.marks[i]
      if marks and marks[at] == 1 then
        does_match = false
      else
        least[i] = at
        if kind == GREEDY then
          at = run_end(text, set, at, marks)
          steps = steps + (at - least[i]) / 8
        elseif kind == MAYBE and set[byte(text, at)] then
          at = at + 1
        end
        reached[i] = at
      end
    elseif kind == OPEN or kind == PLACE then
      starts[operands[i]], stops[operands[i]] = at, nil
    elseif kind == CLOSE then
      stops[operands[i]] = at
    elseif kind == DONE then
      account(state, steps)
      return at
    elseif kind == LAST then
      does_match = at > #text
    elseif kind == FRONTIER then
      does_match = not set[at > 1 and byte(text, at - 1) or 0] and set[byte(text, at) or 0]
    elseif kind == BALANCED then
      if set[byte(text, at)] then
        local last = balanced_end(text, at, byte(text, at), operands[i])
        steps = steps + ((last or #text) - at) / 8
        does_match, at = last, (last or 0) + 1
      else
        does_match = false
      end
    elseif kind == AGAIN then
      local start, stop = starts[operands[i]], stops[operands[i]]
      local size = stop and stop - start
      steps = steps + (size or 0) / 8
      does_match = stop and sub(text, at, at + size - 1) == sub(text, start, stop - 1)
      at = at + (size or 0)
    else
      fault(operands[i])
    end
    steps = steps + 1
    if steps > PIECE then
      account(state, steps)
      steps = 0
    end
    i = i + 1
    if not does_match then
      local taken
      i, at, taken = step_back(state, i - 1)
      steps = steps + taken
      if i == 0 then
        account(state, steps)
        return nil
      end
    end
  end
end

-- The first match from a place on: where it begins and ends.
local function search(state, at)
  local text, first, is_anchored = state.text, state.first, state.plan.is_anchored
  repeat
    if first and not is_anchored then
      at = place_of(text, first, at)
    end
    local stop = end_of(state, at)
    if stop then
      return at, stop - 1
    end
    at = at + 1
  until at > #text + 1 or is_anchored
end

-- The captures of a match. One that the pattern does not end is a mistake, or false if that is left to the caller (`is_lenient`).
local function captures(state, is_lenient)
  local plan, values = state.plan, {}
  for i = 1, plan.level do
    local start, stop = state.starts[i], state.stops[i]
    if plan.is_closed[i] then
      values[i] = stop and sub(state.text, start, stop - 1) or start
    elseif is_lenient then
      values[i] = false
    else
      fault("unfinished capture")
    end
  end
  return unpack(values, 1, plan.level)
end

local function found(state, is_lenient, first, last)
  if first then
    return first, last, captures(state, is_lenient)
  end
end

-- A function as string.find is, for one text and a pattern: from a place on, where there is a match and what was captured.
local function finder(text, pattern, is_lenient)
  local state = new_state(plan_of(pattern), text)
  return function(at)
    return found(state, is_lenient, search(state, at))
  end
end

return {
  finder = finder,
  -- May the engine's own matcher be let run? It would come to an end soon.
  is_bounded = function(text, pattern)
    return is_bounded(plan_of(pattern), text)
  end,
  forget = function()
    sampled_text, verdicts = nil, {}
  end,
}
