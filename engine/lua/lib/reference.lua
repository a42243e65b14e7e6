--- @include "lib/market"
--- @include "lib/wide"

-- The reference price of a symbol and the range around it in which takers may trade (faqs/price_range_execution_rules).
-- It is set from outside (EXTERNAL), or the mean of the trades' prices in buckets of time (ARITHMETIC_MEAN). Where
-- there is one, filters look at it instead of at the last price (filters.md, PERCENT_PRICE to NOTIONAL).

local price_range, plan_reference, average_price, notional_at

do -- A script may have 200 locals: what only this piece uses stays in here.

local FIXED = 10000 -- the fixed point of counts and sums, and of the multipliers of rules

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

-- The mean of the prices in 1e-8; nil without a trade in the window. Of the oldest bucket only that part counts which
-- is in the window. Every division is truncated.
local function mean_of(market, text, tick_units)
  local width, count = mean_rule(market)
  local buckets, cutoff = read_buckets(text, width, count, market.now_ms)
  local trades, total, fixed, tick_fixed = {}, {}, wide.of(FIXED), wide.product(tick_units, wide.of(FIXED))
  local whole_trades, whole_sum = 0, {} -- of buckets that are in the window as they are: all but one at most
  for _, bucket in ipairs(buckets) do
    if bucket.open >= cutoff then
      whole_trades, whole_sum = whole_trades + bucket.trades, wide.sum(whole_sum, wide.of(bucket.sum))
    else
      local expired_ms, length_ms = wide.of(cutoff - bucket.open), wide.of(width)
      local fixed_trades = wide.product(wide.of(bucket.trades), fixed)
      local fixed_sum = wide.product(wide.of(bucket.sum), tick_fixed)
      local gone_trades = wide.quotient(wide.product(fixed_trades, expired_ms), length_ms)
      local gone_sum = wide.quotient(wide.product(fixed_sum, expired_ms), length_ms)
      trades = wide.sum(trades, wide.difference(fixed_trades, gone_trades))
      total = wide.sum(total, wide.difference(fixed_sum, gone_sum))
    end
  end
  trades = wide.sum(trades, wide.product(wide.of(whole_trades), fixed))
  total = wide.sum(total, wide.product(whole_sum, tick_fixed))
  if wide.number(trades) == 0 then return nil end
  return (wide.quotient(total, trades))
end

-- The reference price in 1e-8, nil when there is none just now, and the symbol's tick size in 1e-8; both wide.
local function read_reference(market)
  local is_external = string.find(market.execution_rules, " external=", 1, true)
  if not is_external and not mean_rule(market) then return nil end
  local fields = redis.call("HMGET", SYMBOL, "fixed", "buckets", "reference")
  local tick_units = wide.of_text(string.match(fields[1], "^[^|]*|[^|]*|%d+|%d+|(%d+)|"))
  if mean_rule(market) then return mean_of(market, fields[2], tick_units), tick_units end
  local units = string.match(fields[3] or "", "^(%d+):")
  return units and wide.of_text(units), tick_units
end

-- What filters know as the average of trade prices: the reference price as { units, per_tick }, wide numbers in some
-- unit and how many of those a tick is, else the last price as { ticks }; nil before the first trade. A refusal tells
-- `name` and `text`.
function average_price(market)
  if market.execution_rules then
    local reference, tick_units = read_reference(market)
    if reference then
      return { units = reference, per_tick = tick_units, name = "reference_units", text = wide.text(reference) }
    end
  end
  if market.last_price == 0 then return nil end
  return { ticks = market.last_price, name = "last_ticks", text = int(market.last_price) }
end

-- Quote atoms of lots at an average, rounded up; nil when they cannot be computed exactly.
function notional_at(market, average, lots)
  if average.ticks then return notional_ceil(market, average.ticks, lots) end
  local product = wide.product(average.units, wide.product(wide.of(lots), wide.of(market.multiplier)))
  local atoms, rest = wide.quotient(product, wide.product(average.per_tick, wide.of(market.divisor)))
  local rounded_up = wide.number(atoms) + (wide.number(rest) > 0 and 1 or 0)
  return wide.number(atoms) < EXACT - 1 and rounded_up or nil
end

-- The bound that a multiplier makes of the reference price, in ticks: a highest one downwards, a lowest one upwards.
local function bound_of(reference, multiplier_e4, tick_units, is_highest)
  local product = wide.product(reference, wide.of(multiplier_e4))
  local ticks, rest = wide.quotient(product, wide.product(tick_units, wide.of(FIXED)))
  return wide.number(ticks) + ((is_highest or wide.number(rest) == 0) and 0 or 1)
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
  local reference, tick_units = read_reference(market)
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
