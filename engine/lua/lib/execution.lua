--- @include "lib/matching"

-- One step of an order: from what the match planned to the order's record, money and place in the book.
-- `order` has id, account, member, side, type, time_in_force, price (0 for MARKET), lots, left, filled_quote, locked
-- (0 when it is new), quote_order and tail.

-- What the order locks after this step, given how it ended; `reserve` is all that its pending rest may spend.
local function locked_after(market, order, plan, reserve)
  if plan.rests or plan.is_pending and order.price > 0 then
    if order.side == "BUY" then return notional_ceil(market, order.price, order.left) end
    return order.left * market.base_atoms_per_lot
  end
  return plan.is_pending and reserve - plan.spent or 0
end

-- Sets what the step makes of the order: quantities, status, and whether it rests or has more steps to come.
local function plan_status(order, plan)
  order.filled_quote = order.filled_quote + plan.quote
  if order.quote_order > 0 then
    order.lots = order.lots + plan.lots
  else
    order.left = order.left - plan.lots
  end
  local is_filled = order.quote_order == 0 and order.left == 0
    or order.quote_order > 0 and plan.stop == "budget" and order.lots > 0
  if plan.stop == "capped" then
    plan.is_pending, plan.status = true, "PARTIALLY_FILLED"
  elseif is_filled then
    plan.status = "FILLED"
  elseif order.type == "LIMIT" and order.time_in_force == "GTC" then
    plan.rests = true
    plan.status = order.left < order.lots and "PARTIALLY_FILLED" or "NEW"
  else
    plan.status = "EXPIRED"
  end
end

-- Completes the plan: money of the taker, levels, record. The ledgers are complete afterwards but not yet read.
local function plan_execution(market, order, plan, reserve)
  local pays, receives = market.quote, market.base
  plan.spent = plan.quote
  if order.side == "SELL" then
    pays, receives = market.base, market.quote
    plan.spent = plan.lots * market.base_atoms_per_lot
  end
  plan_status(order, plan)
  local locked = locked_after(market, order, plan, reserve)
  move(pays, order.account, order.locked - locked - plan.spent, locked - order.locked)
  if plan.received > 0 then move(receives, order.account, plan.received, 0) end
  order.locked = locked
  plan.record = write_record(order, plan.status, int(market.now_ms))
  plan.other_levels = plan_levels(market, plan.side, plan.prices, plan.taken)
  if plan.rests then
    local price = int(order.price)
    plan.own_levels = plan_levels(market, own_side(order.side), { price }, { [price] = order.left })
  end
  if #market.levels > 0 then market.update_id = market.update_id + 1 end
end

local function commit_execution(market, order, plan)
  commit_ledger(market.base)
  commit_ledger(market.quote)
  commit_match(plan)
  commit_levels(plan.other_levels)
  if plan.rests then
    local own = own_side(order.side)
    commit_levels(plan.own_levels)
    redis.call("ZADD", own.book, int(own.sign * order.price), order.member)
  end
  if plan.rests or plan.is_pending then
    redis.call("HSET", ORDERS, order.member, plan.record)
    redis.call("ZADD", OPEN, "0", open_member(order.account, market.symbol, order.member))
  else
    redis.call("HSET", ENDED, order.member, plan.record)
  end
  if plan.is_pending then redis.call("HSET", SYMBOL, "pending", order.member) end
end

local function execution_reply(market, plan)
  local fills = "[" .. table.concat(market.fills, ",") .. "]"
  return { "ok", market.seq, plan.record, fills, plan.is_pending and 0 or 1 }
end
