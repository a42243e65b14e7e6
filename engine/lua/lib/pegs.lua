--- @include "lib/bands"

-- Pegged orders: their price is that of a level of the book when they enter it, counted from the best one of their own
-- side (PRIMARY_PEG) or of the other (MARKET_PEG). It does not follow the book afterwards.

local refusal_of_peg, finds_good_price

do -- A script may have 200 locals: what only this piece uses stays in here.

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

-- Why a new order that enters the book at once cannot have the price it is pegged to, a verdict; limits come after.
function refusal_of_peg(market, order)
  if not is_pegged(order) or is_contingent(order.type) then return nil end
  if not take_pegged_price(order) then
    return { "rejected", "NO_PEG_PRICE", "", "offset_levels", order.terms[PEG_OFFSET] }
  end
  if is_worth_wrong(market, order) then
    return { "rejected", "FILTER_NOTIONAL", "", "price_ticks", int(order.price), "lots", int(order.lots),
      "min_quote_atoms", int(market.min_notional) }
  end
end

-- Whether an order that has waited finds a price which the symbol's filters allow: they judge it a second time.
function finds_good_price(market, order)
  return take_pegged_price(order) and not is_worth_wrong(market, order)
    and not band_broken(market, order.side, order.price)
end

end
