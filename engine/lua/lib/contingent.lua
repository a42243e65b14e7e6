--- @include "lib/triggers"

-- A new order that waits for its trigger. It locks what it will need at its limit, else at its stop price, else at the
-- last price; what a market order costs beyond that it takes from what is free when it is triggered.

-- The amounts of an order are beyond what is computed exactly.
local function too_large(order)
  return { "rejected", "AMOUNT_TOO_LARGE", "", "price_ticks", int(order.price), "lots", int(order.lots) }
end

-- Whether its stop price is reached already.
local function would_trigger(market, order)
  local stop, last = tonumber(order.terms[STOP]), market.last_price
  order.above = (string.sub(order.type, 1, 4) == "STOP") == (order.side == "BUY")
  return stop > 0 and last > 0 and (order.above and last >= stop or not order.above and last <= stop)
end

-- Sets how the order waits: at a fixed price, or behind the best one from now on or from its stop price on.
local function plan_waiting(market, order)
  order.stop, order.bips, order.best = tonumber(order.terms[STOP]), tonumber(order.terms[TRAILING]), 0
  if order.bips > 0 and order.stop == 0 and market.last_price > 0 then
    order.best, order.terms[TRAILING_MS] = market.last_price, int(market.now_ms)
  end
end

local place_contingent

do -- A script may have 200 locals: what only this piece uses stays in here.

local function lock_for_later(market, order)
  if order.side == "SELL" then return order.lots * market.base_atoms_per_lot end
  local price, stop = order.price, tonumber(order.terms[STOP])
  if price == 0 then price = stop > 0 and stop or market.last_price end
  return notional_ceil(market, price, order.lots)
end

-- place_order's second half for a contingent order; its reply.
function place_contingent(market, order, client_field)
  -- Check.
  if would_trigger(market, order) then
    return { "rejected", "STOP_WOULD_TRIGGER", "", "stop_ticks", order.terms[STOP], "last_ticks",
      int(market.last_price) }
  end
  local atoms = lock_for_later(market, order)
  if order.price > 0 and not notional_ceil(market, order.price, order.lots) then atoms = nil end -- it may rest
  if not atoms or atoms >= EXACT or order.lots * market.base_atoms_per_lot >= EXACT then
    return too_large(order)
  end
  local pays = order.side == "BUY" and market.quote or market.base
  move(pays, order.account, -atoms, atoms)
  read_ledger(pays)
  if not enough(free_before(pays, order.account), atoms) then
    return too_poor(market, pays, order.account, atoms)
  end

  -- Plan.
  order.locked = atoms
  plan_waiting(market, order)
  local record = write_record(order, "NEW", int(market.now_ms))

  -- Write.
  commit_ledger(pays)
  redis.call("HSET", SYMBOL, order.member, record)
  redis.call("ZADD", OPEN, "0", open_member(market.symbol, order))
  redis.call("HSET", SYMBOL, client_field, order.member)
  commit_waiting(market, order)
  commit_market(market, "order_placed", record .. ",true")
  return { "ok", market.seq, record, "[]", "[]", 1, 1 }
end

end
