-- Whole numbers of any size, as limbs of seven digits, the lowest first, none for zero: a conversion multiplies far
-- beyond 2^53.
local LIMB = 10000000
local WIDE_LIMIT = 9000000000000000 -- quotients stay below: far enough from 2^53 for a guess

local function wide(number)
  local limbs = {}
  while number > 0 do
    local rest = math.floor(number / LIMB)
    limbs[#limbs + 1] = number - rest * LIMB
    number = rest
  end
  return limbs
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

-- a / b rounded to the nearest whole number, a half up; nil when that is not below WIDE_LIMIT. The guess is off by a
-- few at most.
local function nearest_quotient(a, b)
  local numerator, denominator = wide_sum(wide_product(a, wide(2)), b), wide_product(b, wide(2))
  local quotient = math.floor(wide_estimate(numerator) / wide_estimate(denominator))
  if quotient >= WIDE_LIMIT + LIMB then return nil end
  while wide_less(numerator, wide_product(denominator, wide(quotient))) do quotient = quotient - 1 end
  while not wide_less(numerator, wide_product(denominator, wide(quotient + 1))) do quotient = quotient + 1 end
  return quotient < WIDE_LIMIT and quotient or nil
end
