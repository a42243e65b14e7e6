--- @include "lib/market"

-- Pegged orders: their price is that of a level of the book when they enter it, counted from the best one of their own
-- side (PRIMARY_PEG) or of the other (MARKET_PEG). It does not follow the book afterwards.

-- Gives the order its price; false, with nothing changed, when the book has no such level.
local function take_pegged_price(order)
  local side = order.terms[PEG] == '"PRIMARY_PEG"' and own_side(order.side) or other_side(order.side)
  local price = redis.call("ZRANGE", side.levels, order.terms[PEG_OFFSET], order.terms[PEG_OFFSET])[1]
  if not price then return false end
  order.terms[OWN_PRICE], order.price = int(order.price), tonumber(price)
  order.tail = string.gsub(order.tail, '^("%u+"),%d+,', "%1," .. price .. ",")
  return true
end

-- Whether a pegged order is worth too little, or more than can be computed, at the price it has found.
local function is_worth_wrong(market, order)
  local notional = notional_ceil(market, order.price, order.left)
  return not notional or notional < market.min_notional
end
