-- Sorting without a function of the script's, where the engine would take long over it: in the worst order, its way is quadratic.

local base = ...
local charge, min, type = base.charge, math.min, type

local FEW_COMPARED = 1e7

local function less(a, b)
  return a < b
end

-- Does it take the engine long to sort what is in a table, in the worst order? Then whether these are all numbers, or all texts (equal
-- ones are the same then, and any way of sorting will do), and the work of a comparison.
local function sorting_of(t, count)
  local kind, longest = type(t[1]), 0
  local is_pure = kind == "number" or kind == "string"
  for i = 1, count do
    local item = t[i]
    if type(item) == "string" then
      longest = #item > longest and #item or longest
    end
    is_pure = is_pure and type(item) == kind and item == item
  end
  if count * count * (1 + longest / 16) <= FEW_COMPARED then
    return nil
  end
  return is_pure, 2 + longest / 16
end

local function merge(from, to, first, middle, last, work)
  local left, right = first, middle
  for i = first, last - 1 do
    if left < middle and (right >= last or not (from[right] < from[left])) then
      to[i], left = from[left], left + 1
    else
      to[i], right = from[right], right + 1
    end
    charge(work)
  end
end

-- Sort `count` items, by rows that are merged; `work` is what a comparison takes at most.
local function sort_by_merging(t, count, work)
  local from, to, width = t, {}, 1
  while width < count do
    for first = 1, count, 2 * width do
      merge(from, to, first, min(first + width, count + 1), min(first + 2 * width, count + 1), work)
    end
    from, to, width = to, from, width * 2
  end
  for i = 1, from == t and 0 or count do
    t[i] = from[i]
  end
end

return { judge = sorting_of, less = less, sort = sort_by_merging }
