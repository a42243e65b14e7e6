--- @include "lib/market"

-- The circuit breaker of a symbol: a last price more than so far from another of the last seconds halts it, in the step
-- of the trade. That step does not trigger anything; what an accepted order has begun goes on to its end. The window
-- counts whole seconds of the venue's clock: `price_window` has "<second>:<lowest>:<highest>" of each that had trades.

local plan_breaker

do -- A script may have 200 locals: what only this piece uses stays in here.

local BIPS = 10000

-- The price among the window's that `price` is too far from, nil if none.
local function reference_of(price, low, high, bips)
  if not low then return nil end
  if (price - low) * BIPS > low * bips then return low end
  if (high - price) * BIPS > high * bips then return high end
end

local function widen(range, low, high)
  range.low, range.high = math.min(range.low or low, low), math.max(range.high or high, high)
end

-- Sets what the step makes of the window, and market.halt {price, reference} when its trades went too far.
function plan_breaker(market)
  local bips, seconds = string.match(market.limits, " halt=(%d+)/(%d+) ")
  if not bips or #market.path == 0 or market.status ~= "TRADING" then return end
  local now_s, window, second, kept = math.floor(market.now_ms / 1000), {}, {}, {}
  bips, seconds = tonumber(bips), tonumber(seconds)
  if market.price_before > 0 then
    widen(window, market.price_before, market.price_before)
    widen(second, market.price_before, market.price_before)
  end
  local text = redis.call("HGET", SYMBOL, "price_window") or ""
  for word, at, low, high in string.gmatch(text, "((%d+):(%d+):(%d+))") do
    local age = now_s - tonumber(at)
    if age >= 0 and age <= seconds then
      widen(window, tonumber(low), tonumber(high))
      if age == 0 then widen(second, tonumber(low), tonumber(high)) else kept[#kept + 1] = word end
    end
  end
  for _, price in ipairs(market.path) do
    local reference = reference_of(price, window.low, window.high, bips)
    if reference and not market.halt then market.halt = { price = price, reference = reference } end
    widen(window, price, price)
    widen(second, price, price)
  end
  kept[#kept + 1] = int(now_s) .. ":" .. int(second.low) .. ":" .. int(second.high)
  market.price_window = table.concat(kept, " ")
end

end
