--- @include "lib/market"

-- How far from the last price an order's price may be. Not only for new orders: a pegged one may find its price late.

local limit_of, band_broken

do -- A script may have 200 locals: what only this piece uses stays in here.

local WHOLE = 10000 -- multipliers of prices are in 1e-4

-- The number of a limit, nil when there is none of that name.
function limit_of(limits, name)
  return tonumber(limits and string.match(limits, " " .. name .. "=(%d+)") or "")
end

-- The multiplier that a price is beyond, if any.
local function passed(price, last, up, down)
  if up and price * WHOLE > last * up then return up end
  if down and price * WHOLE < last * down then return down end
end

-- PERCENT_PRICE or PERCENT_PRICE_BY_SIDE, and the multiplier, when a price in ticks is beyond it at the last price: not
-- before the first trade. Zero and less are no prices.
function band_broken(market, side, price)
  local limits, last = market.limits, market.last_price
  if not limits or last == 0 or price <= 0 then return nil end
  local bound = passed(price, last, limit_of(limits, "up"), limit_of(limits, "down"))
  if bound then return "FILTER_PERCENT_PRICE", bound end
  local start = side == "BUY" and "bid_" or "ask_"
  bound = passed(price, last, limit_of(limits, start .. "up"), limit_of(limits, start .. "down"))
  if bound then return "FILTER_PERCENT_PRICE_BY_SIDE", bound end
end

end
