--- @include "lib/market"
--- @include "lib/reference"

-- How far from the average price an order's price may be. Not only for new orders: a pegged one may find its price
-- late.

local limit_of, band_broken

do -- A script may have 200 locals: what only this piece uses stays in here.

local WHOLE = 10000 -- multipliers of prices are in 1e-4

-- The number of a limit, nil when there is none of that name.
function limit_of(limits, name)
  return tonumber(limits and string.match(limits, " " .. name .. "=(%d+)") or "")
end

-- How a price compares with a multiple of the average: whether it is below, and whether it is above.
local function compare(price, average, multiplier)
  local ticks = average.ticks
  if ticks and price * WHOLE < EXACT and ticks * multiplier < EXACT then
    return price * WHOLE < ticks * multiplier, price * WHOLE > ticks * multiplier
  end
  local bound = wide.product(average.units or wide.of(ticks), wide.of(multiplier))
  local given = wide.product(wide.product(wide.of(price), average.per_tick or { 1 }), wide.of(WHOLE))
  return wide.less(given, bound), wide.less(bound, given)
end

-- The multiplier that a price is beyond, if any.
local function passed(price, average, up, down)
  if up and select(2, compare(price, average, up)) then return up end
  if down and (compare(price, average, down)) then return down end
end

-- PERCENT_PRICE or PERCENT_PRICE_BY_SIDE, the multiplier and the average price, when a price in ticks is beyond it: not
-- where there is no average yet. Zero and less are no prices.
function band_broken(market, side, price)
  local limits = market.limits
  if not limits or price <= 0 or not string.find(limits, "up=%d") and not string.find(limits, "down=%d") then
    return nil
  end
  local average = average_price(market)
  if not average then return nil end
  local bound = passed(price, average, limit_of(limits, "up"), limit_of(limits, "down"))
  if bound then return "FILTER_PERCENT_PRICE", bound, average end
  local start = side == "BUY" and "bid_" or "ask_"
  bound = passed(price, average, limit_of(limits, start .. "up"), limit_of(limits, start .. "down"))
  if bound then return "FILTER_PERCENT_PRICE_BY_SIDE", bound, average end
end

end
