--- @include "lib/number"

-- Whole numbers of any size, as limbs of seven digits, the lowest first, none for zero: sums of prices, conversions and
-- bounds of prices go far beyond 2^53.

local wide

do -- A script may have 200 locals: what only this piece uses stays in here.

local DIGITS = 7
local LIMB = 10000000
local WIDE_LIMIT = 9000000000000000 -- quotients that are numbers stay below: far enough from 2^53 for a guess

local function wide_of(number)
  local limbs = {}
  while number > 0 do
    local rest = math.floor(number / LIMB)
    limbs[#limbs + 1] = number - rest * LIMB
    number = rest
  end
  return limbs
end

-- Of decimal digits.
local function wide_of_text(text)
  local limbs = {}
  for last = #text, 1, -DIGITS do
    limbs[#limbs + 1] = tonumber(string.sub(text, math.max(1, last - DIGITS + 1), last))
  end
  return limbs
end

local function text_of_wide(a)
  local words = {}
  for i = #a, 1, -1 do words[#words + 1] = string.sub(int(LIMB + a[i]), 2) end
  local digits = string.gsub(table.concat(words), "^0+", "")
  return digits == "" and "0" or digits
end

local function wide_product(a, b)
  local limbs = {}
  for i = 1, #a + #b do limbs[i] = 0 end
  for i, x in ipairs(a) do
    local carry = 0
    for j, y in ipairs(b) do
      local sum = limbs[i + j - 1] + x * y + carry
      carry = math.floor(sum / LIMB)
      limbs[i + j - 1] = sum - carry * LIMB
    end
    limbs[i + #b] = carry
  end
  return limbs
end

local function wide_sum(a, b)
  local limbs, carry = {}, 0
  for i = 1, math.max(#a, #b) + 1 do
    local sum = (a[i] or 0) + (b[i] or 0) + carry
    carry = sum >= LIMB and 1 or 0
    limbs[i] = sum - carry * LIMB
  end
  return limbs
end

-- a - b, which is not larger.
local function wide_difference(a, b)
  local limbs, borrowed = {}, 0
  for i = 1, #a do
    local rest = a[i] - (b[i] or 0) - borrowed
    borrowed = rest < 0 and 1 or 0
    limbs[i] = rest + borrowed * LIMB
  end
  return limbs
end

local function wide_less(a, b)
  for i = math.max(#a, #b), 1, -1 do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then return x < y end
  end
  return false
end

-- About as much; off by a few parts in 2^53.
local function wide_estimate(a)
  local number = 0
  for i = #a, 1, -1 do number = number * LIMB + a[i] end
  return number
end

-- a / b rounded down, as a number; nil when that is not below WIDE_LIMIT. The guess is off by a few at most.
local function quotient_of(a, b)
  local quotient = math.floor(wide_estimate(a) / wide_estimate(b))
  if quotient >= WIDE_LIMIT + LIMB then return nil end
  while wide_less(a, wide_product(b, wide_of(quotient))) do quotient = quotient - 1 end
  while not wide_less(a, wide_product(b, wide_of(quotient + 1))) do quotient = quotient + 1 end
  return quotient < WIDE_LIMIT and quotient or nil
end

-- The same rounded to the nearest whole number, a half up.
local function nearest_quotient(a, b)
  return quotient_of(wide_sum(wide_product(a, { 2 }), b), wide_product(b, { 2 }))
end

-- a / b rounded down, however large that is, and what is left over.
local function wide_quotient(a, b)
  local limbs, rest = {}, {}
  for i = #a, 1, -1 do
    table.insert(rest, 1, a[i])
    limbs[i] = quotient_of(rest, b)
    rest = wide_difference(rest, wide_product(b, { limbs[i] }))
  end
  return limbs, rest
end

-- As a number: the largest exact one when it is larger.
local function number_of_wide(a)
  return math.min(wide_estimate(a), EXACT - 1)
end

wide = {
  of = wide_of, of_text = wide_of_text, text = text_of_wide, number = number_of_wide, product = wide_product,
  sum = wide_sum, difference = wide_difference, less = wide_less, quotient = wide_quotient,
  nearest_quotient = nearest_quotient,
}

end
