--- @include "lib/resting"
--- @include "lib/cascade"
--- @include "lib/contingent"
--- @include "lib/limits"

-- A new order on the long way: it may meet others, wait for a trigger, or be of an unusual kind.

local would_match, new_order, is_too_large, commit_new_order

do -- A script may have 200 locals: what only this piece uses stays in here.

-- Atoms the order must find free, and for an order that needs more steps the reserve they spend from.
-- nil: too large to be computed exactly, now or in a later step.
local function funds_needed(market, order, taker, plan)
  local cost = 0
  if plan.stop == "capped" and order.quote_order == 0 then
    cost = select(2, sweep(market, taker, order.lots))
    if not cost then return nil end
  end
  if order.price > 0 then
    if order.side == "BUY" then return notional_ceil(market, order.price, order.lots) end
    return order.lots * market.base_atoms_per_lot
  end
  if order.side == "BUY" and order.quote_order > 0 then return order.quote_order end
  if order.side == "SELL" then
    if order.quote_order == 0 then return order.lots * market.base_atoms_per_lot end
    return plan.lots * market.base_atoms_per_lot + plan.paid
  end
  if plan.stop == "capped" then return cost end
  for _, price in ipairs(plan.prices) do
    local level_cost = notional_ceil(market, tonumber(price), plan.bought[tonumber(price)] or 0)
    if not level_cost then return nil end
    cost = cost + level_cost
  end
  return cost + plan.paid
end

-- NOTIONAL of an order without any price of its own (a market order by quantity, or one that has nothing but a trailing
-- delta), at the average price; nil before the first trade, when there is nothing to judge it by. The other orders were
-- judged before they came here (engine/filters.py).
local function refusal_at_average(market, order)
  if order.price > 0 or order.quote_order > 0 then return nil end
  if order.terms and order.terms[STOP] ~= "0" then return nil end
  local average = average_price(market)
  if not average then return nil end
  local notional = notional_at(market, average, order.lots)
  if not notional then return too_large(order) end
  if notional < market.min_notional then
    return { "rejected", "FILTER_NOTIONAL", "", "notional_quote_atoms", int(notional), "min_quote_atoms",
      int(market.min_notional), average.name, average.text }
  end
end

local LEVELS_AT_ONCE = 20

-- Lots that the other side of the book shows, or as many as are `enough`.
local function shown_lots(side, enough)
  local found, first = 0, 0
  while found < enough do
    local prices = redis.call("ZRANGE", side.levels, first, first + LEVELS_AT_ONCE - 1)
    if #prices == 0 then break end
    local levels = redis.call("HMGET", SYMBOL, unpack(level_fields(side, prices)))
    for _, lots in ipairs(levels) do found = found + tonumber(lots) end
    first = first + LEVELS_AT_ONCE
  end
  return found
end

-- A market order by quote amount is not accepted where nobody could give it the least quantity of an order.
local function refusal_of_thin_book(market, order)
  if order.quote_order == 0 then return nil end
  local least = redis.call("HMGET", SYMBOL, "min_lots", "min_market_lots")
  local lot_size, market_lot_size = tonumber(least[1] or "1"), tonumber(least[2] or "0")
  local found = shown_lots(other_side(order.side), math.max(lot_size, market_lot_size))
  local reason, bound = nil, lot_size
  if found == 0 then
    reason = "BOOK_EMPTY"
  elseif found < lot_size then
    reason = "BOOK_BELOW_LOT_SIZE"
  elseif found < market_lot_size then
    reason, bound = "BOOK_BELOW_MARKET_LOT_SIZE", market_lot_size
  end
  return reason and { "rejected", reason, "", "lots", int(found), "min_lots", int(bound) }
end

-- A LIMIT_MAKER would take.
function would_match(order)
  return { "rejected", "WOULD_MATCH", "", "price_ticks", int(order.price), "best_ticks",
    int(math.abs(tonumber(best_opposite(order.side == "BUY")))) }
end

-- A table to plan with from the words of the request.
function new_order(market, request)
  local order = {
    id = int(market.next_order_id), member = member_of(market.next_order_id), account = request.account,
    side = request.side, type = request.type, time_in_force = request.time_in_force, price = tonumber(request.price),
    lots = tonumber(request.lots), left = tonumber(request.lots), quote_order = tonumber(request.quote_order),
    filled_quote = 0, locked = 0,
  }
  order.tail = '"' .. order.side .. '",' .. request.price .. ',"' .. order.type .. '","' .. order.time_in_force .. '",'
    .. int(market.now_ms) .. ',"' .. request.client_id .. '",' .. request.quote_order
    .. (request.terms == "" and "]" or ",")
  if request.terms ~= "" then order.terms = read_terms(request.terms .. NEW_TERMS) end
  market.next_order_id = market.next_order_id + 1
  return order
end

function is_too_large(market, order)
  return order.lots * market.base_atoms_per_lot >= EXACT or order.quote_order * market.divisor >= EXACT
    or order.price > 0 and not notional_ceil(market, order.price, order.lots)
end

-- What the rest of a capped order may spend. How much base a sale by quote amount will take is not known yet: it may
-- spend all that is free now.
local function reserve_for(market, order, plan, needed)
  if plan.stop ~= "capped" or order.side == "BUY" or order.quote_order == 0 then return needed end
  local free = math.min(tonumber(redis.call("HGET", BASE, order.account .. ":free") or "0"), EXACT - 1)
  return math.max(free - free % market.base_atoms_per_lot, needed)
end

-- Plans and writes an order with all that follows from it; place_order's reply, a refusal among them. `request` has its
-- ARGV by name as texts, and `client_field`. Key, status of the symbol and client order id were checked.
function commit_new_order(market, request)
  local order = new_order(market, request)
  local refusal = refusal_of_peg(market, order) or refusal_by_limits(market, { order })
  if refusal then return refusal end
  if order.type == "LIMIT_MAKER" and meets_other_side(order.side == "BUY", order.price) then
    return would_match(order)
  end
  if is_contingent(order.type) then
    local reply = refusal_at_average(market, order) or place_contingent(market, order, request.client_field)
    if reply[1] == "ok" then commit_limits(market) end
    return reply
  end
  if order.terms then order.terms[WORKING_MS] = int(market.now_ms) end
  if is_too_large(market, order) then return too_large(order) end
  refusal = refusal_at_average(market, order) or refusal_of_thin_book(market, order)
  if refusal then return refusal end

  -- Plan.
  local taker = taker_of(market, order)
  local is_killed = order.time_in_force == "FOK" and sweep(market, taker, order.lots) < order.lots
  taker.collects = market.status == "AUCTION_MATCH"
  local plan = plan_match(market, taker, is_killed and 0 or MAX_FILLS)
  if is_killed then plan.stop = taker.is_stopped_by_range and "range" or "killed" end
  if plan.problem then return { "rejected", "RULE_FAILED", "", "detail", plan.problem } end
  local needed = plan.stop ~= "too large" and funds_needed(market, order, taker, plan)
  if not needed or needed >= EXACT then return too_large(order) end
  plan_execution(market, order, plan, reserve_for(market, order, plan, needed))
  read_money(market)
  local pays = order.side == "BUY" and market.quote or market.base
  if not enough(free_before(pays, order.account), needed) then
    return too_poor(market, pays, order.account, needed)
  end
  check_money(market)

  -- Write.
  redis.call("HSET", SYMBOL, request.client_field, order.member)
  if market.charge then commit_charge(KEYS[19], market.charge, market.charge.orders) end -- before its own fills
  commit_limits(market)
  commit_execution(market, order, plan, false)
  commit_step_event(market, "order_placed", plan)
  local reply = execution_reply(market, plan)
  commit_cascade(market, MAX_FILLS - #market.fills - #market.prevented)
  reply[#reply + 1] = market.pending and 0 or 1
  return reply
end

end
