--- @include "lib/market"

-- The reference price of a symbol and the range around it in which takers may trade (faqs/price_range_execution_rules).
-- It is set from outside (EXTERNAL), or the mean of the trades' prices in buckets of time (ARITHMETIC_MEAN). Sums of
-- prices pass 2^53: they are computed in limbs, least first.

local price_range, plan_reference

do -- A script may have 200 locals: what only this piece uses stays in here.

local BASE_OF_LIMBS = 10000 -- also the fixed point of counts and sums, and of the rule's multipliers
local LARGEST_LIMB = BASE_OF_LIMBS - 1

local function limbs_of(number)
  local limbs = {}
  for i = 1, 5 do
    if number == 0 then return limbs end
    limbs[i] = number % BASE_OF_LIMBS
    number = (number - limbs[i]) / BASE_OF_LIMBS
  end
  return limbs
end

-- Of decimal digits as text.
local function limbs_of_text(text)
  local limbs = {}
  for last = #text, 1, -4 do limbs[#limbs + 1] = tonumber(string.sub(text, math.max(1, last - 3), last)) end
  return limbs
end

local function add(one, other)
  local sum, carry = {}, 0
  for i = 1, math.max(#one, #other) + 1 do
    local limb = (one[i] or 0) + (other[i] or 0) + carry
    carry = limb > LARGEST_LIMB and 1 or 0
    sum[i] = limb - carry * BASE_OF_LIMBS
  end
  return sum
end

-- one - other, which is not larger.
local function subtract(one, other)
  local rest, borrowed = {}, 0
  for i = 1, #one do
    local limb = one[i] - (other[i] or 0) - borrowed
    borrowed = limb < 0 and 1 or 0
    rest[i] = limb + borrowed * BASE_OF_LIMBS
  end
  return rest
end

-- Times a number below 9e11.
local function times(limbs, factor)
  local product, carry = {}, 0
  for i = 1, #limbs + 4 do
    local limb = (limbs[i] or 0) * factor + carry
    product[i] = limb % BASE_OF_LIMBS
    carry = (limb - product[i]) / BASE_OF_LIMBS
  end
  return product
end

-- Divided by a number below 9e11: the whole part and the remainder.
local function divide(limbs, divisor)
  local quotient, rest = {}, 0
  for i = #limbs, 1, -1 do
    local upper = rest * BASE_OF_LIMBS + limbs[i]
    quotient[i] = math.floor(upper / divisor)
    rest = upper - quotient[i] * divisor
  end
  return quotient, rest
end

-- As a number; the largest exact one when it is larger.
local function number_of(limbs)
  local number = 0
  for i = #limbs, 1, -1 do
    number = number * BASE_OF_LIMBS + limbs[i]
    if number >= EXACT then return EXACT - 1 end
  end
  return number
end

-- Buckets of a symbol as "<width>/<count> <open>:<trades>:<sum of prices in ticks> ...": those still in the window.
local function read_buckets(text, width, count, now_ms)
  local buckets, cutoff = {}, now_ms - width * count
  if not text or string.match(text, "^%d+/%d+") ~= int(width) .. "/" .. int(count) then return buckets, cutoff end
  for open, trades, sum in string.gmatch(text, "(%d+):(%d+):(%d+)") do
    open = tonumber(open)
    if open + width > cutoff and open <= now_ms then
      buckets[#buckets + 1] = { open = open, trades = tonumber(trades), sum = tonumber(sum) }
    end
  end
  return buckets, cutoff
end

local function mean_rule(market)
  local width, count = string.match(market.execution_rules, " mean=(%d+)/(%d+) ")
  return tonumber(width or ""), tonumber(count or "")
end

-- The mean of the prices in 1e-8, as limbs; nil without a trade in the window. Of the oldest bucket only that part
-- counts which is in the window. Every division is truncated.
local function mean_of(market, text, tick_units)
  local width, count = mean_rule(market)
  local buckets, cutoff = read_buckets(text, width, count, market.now_ms)
  local trades, total = {}, {}
  for _, bucket in ipairs(buckets) do
    local fixed_trades = times(limbs_of(bucket.trades), BASE_OF_LIMBS)
    local fixed_sum = times(times(limbs_of(bucket.sum), tick_units), BASE_OF_LIMBS)
    local expired_ms = math.max(0, cutoff - bucket.open)
    trades = add(trades, subtract(fixed_trades, (divide(times(fixed_trades, expired_ms), width))))
    total = add(total, subtract(fixed_sum, (divide(times(fixed_sum, expired_ms), width))))
  end
  trades = number_of(trades)
  if trades == 0 then return nil end
  return (divide(total, trades))
end

-- The bound that a multiplier makes of the reference price, in ticks: a highest one downwards, a lowest one upwards.
local function bound_of(reference, multiplier_e4, tick_units, is_highest)
  local product, first, second = times(reference, multiplier_e4), nil, nil
  product, first = divide(product, BASE_OF_LIMBS)
  product, second = divide(product, tick_units)
  return number_of(product) + ((is_highest or first == 0 and second == 0) and 0 or 1)
end

-- The range that an unfinished taker has had since it began.
local function read_range()
  local low, high = string.match(redis.call("HGET", SYMBOL, "pending_range") or "", "^(%d+):(%d+)$")
  return low and { low = tonumber(low), high = tonumber(high) }
end

-- The range for a taker: {low, high} in ticks; nil without a rule or a reference price. It is that of now, but for one
-- that is unfinished.
function price_range(market, side, is_unfinished)
  local rule = market.execution_rules and string.match(market.execution_rules, " range=(%S+) ")
  if not rule then return nil end
  if is_unfinished then return read_range() end
  local bid_up, bid_down, ask_up, ask_down = string.match(rule, "(%d+)/(%d+)/(%d+)/(%d+)")
  local up, down = tonumber(bid_up), tonumber(bid_down)
  if side == "SELL" then up, down = tonumber(ask_up), tonumber(ask_down) end
  local fields = redis.call("HMGET", SYMBOL, "fixed", "buckets", "reference")
  local tick_units = tonumber(string.match(fields[1], "^[^|]*|[^|]*|%d+|%d+|(%d+)|"))
  local reference
  if mean_rule(market) then
    reference = mean_of(market, fields[2], tick_units)
  elseif string.find(market.execution_rules, " external=", 1, true) then
    local units = string.match(fields[3] or "", "^(%d+):")
    reference = units and limbs_of_text(units)
  end
  if not reference then return nil end
  return {
    low = down > 0 and bound_of(reference, down, tick_units, false) or 0,
    high = up > 0 and bound_of(reference, up, tick_units, true) or EXACT,
  }
end

-- Adds the prices of the step's trades to the current bucket.
function plan_reference(market)
  local width, count = mean_rule(market)
  if not width or #market.fills == 0 then return end
  local buckets = read_buckets(redis.call("HGET", SYMBOL, "buckets"), width, count, market.now_ms)
  local open, words = market.now_ms - market.now_ms % width, { int(width) .. "/" .. int(count) }
  local current = buckets[#buckets]
  if not current or current.open ~= open then
    current = { open = open, trades = 0, sum = 0 }
    buckets[#buckets + 1] = current
  end
  current.trades, current.sum = current.trades + #market.fills, math.min(current.sum + market.tick_sum, EXACT - 1)
  for _, bucket in ipairs(buckets) do
    words[#words + 1] = int(bucket.open) .. ":" .. int(bucket.trades) .. ":" .. int(bucket.sum)
  end
  market.buckets = table.concat(words, " ")
end

end
