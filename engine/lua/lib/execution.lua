--- @include "lib/matching"
--- @include "lib/reference"
--- @include "lib/triggers"

-- One step of an order: from what the match planned to the order's record, money and place in the book.
-- `order` has id, account, member, side, type, time_in_force, price (0 without a limit), lots, left, filled_quote,
-- locked (0 when it is new), quote_order, tail and, if it is not of the usual kind, terms.

local read_order, taker_of, plan_consequences, plan_execution

do -- A script may have 200 locals: what only this piece uses stays in here.

--- @include "lib/breaker"

local PARTS = '^"(%u+)",(%d+),"([A-Z_]+)","(%u+)",%d+,"[^"]*",(%d+)'

-- An open order as a step needs it, from its record.
function read_order(member)
  local order = read_record(redis.call("HGET", SYMBOL, member))
  local side, price, kind, time_in_force, quote_order = string.match(order.tail, PARTS)
  order.member, order.side, order.price, order.type = member, side, tonumber(price), kind
  order.time_in_force, order.quote_order = time_in_force, tonumber(quote_order)
  return order
end

-- Those whom self-trade prevention keeps the order from trading with: `own` accounts, `group` "-1" without one.
local function read_own(taker, account, stp)
  taker.stp = stp
  if stp == "NONE" then return end
  taker.own, taker.group = { [account] = true }, redis.call("HGET", TRADE_GROUPS, account) or "-1"
  if taker.group == "-1" then return end
  for member in string.gmatch(redis.call("HGET", TRADE_GROUPS, "#" .. taker.group), "%d+") do
    taker.own[member] = true
  end
end

-- The order as it meets the book.
function taker_of(market, order, is_unfinished)
  local taker = {
    account = order.account, id = order.id, side = order.side, limit = order.price > 0 and order.price or nil,
    left = order.quote_order == 0 and order.left or nil, is_by_quote = order.quote_order > 0,
    pays_list = pays_list(order), range = price_range(market, order.side, is_unfinished),
  }
  if taker.is_by_quote then taker.budget = order.quote_order - order.filled_quote - (order.prevented_quote or 0) end
  read_own(taker, order.account, order.terms and string.match(order.terms[STP], "%u[%u_]*") or "NONE")
  return taker
end

-- What the order locks after this step, given how it ended; `reserve` is all that its pending rest may spend.
local function locked_after(market, order, plan, reserve)
  if plan.rests or plan.is_pending and order.price > 0 then
    if order.side == "BUY" then return notional_ceil(market, order.price, order.left) end
    return order.left * market.base_atoms_per_lot
  end
  return plan.is_pending and reserve - plan.spent or 0
end

-- Sets what the step makes of the order: quantities, status, and whether it rests or has more steps to come.
local function plan_status(market, order, plan)
  if market.first_fills and plan.lots > 0 and filled_of(order) == 0 then
    market.first_fills[#market.first_fills + 1] = { account = order.account }
  end
  order.filled_quote = order.filled_quote + plan.quote
  if order.quote_order > 0 then
    order.lots = order.lots + plan.lots + plan.prevented
  else
    order.left = order.left - plan.lots - plan.prevented
  end
  if plan.prevented_match then
    add_terms(order)
    order.terms[PREVENTED] = int(tonumber(order.terms[PREVENTED]) + plan.prevented)
    order.terms[PREVENTED_MATCH] = plan.prevented_match
  end
  local is_filled = order.quote_order == 0 and order.left == 0
    or order.quote_order > 0 and plan.stop == "budget" and filled_of(order) > 0
  if plan.stop == "capped" then
    plan.is_pending, plan.status = true, open_status(order)
    market.pending_prevented = (order.prevented_quote or 0) + plan.prevented_quote
  elseif plan.stop == "prevented" then
    plan.status = "EXPIRED_IN_MATCH"
  elseif is_filled then
    plan.status = "FILLED"
  elseif plan.stop == "range" then
    plan.status = "EXPIRED"
    set_expiry(order, "EXECUTION_RULE_PRICE_RANGE_EXCEEDED")
  elseif order.price > 0 and order.time_in_force == "GTC" and plan.stop ~= "killed" and not plan.problem then
    plan.rests, plan.status = true, open_status(order)
  else
    plan.status = "EXPIRED"
  end
  if not plan.rests and not plan.is_pending or filled_of(order) > 0 then touch_list(market, order) end
end

-- An order with terms enters the book: its tip, if it is an iceberg, and its place behind those who were there first.
local function plan_entry(market, order)
  if not order.terms then return end
  if is_iceberg(order) then order.terms[VISIBLE] = int(math.min(tonumber(order.terms[ICEBERG]), order.left)) end
  if order.is_late then
    order.terms[QUEUE_ID] = int(market.next_order_id)
    market.next_order_id = market.next_order_id + 1
  end
end

-- What follows from the step's trades and levels, once both are planned.
function plan_consequences(market, may_trigger)
  if #market.levels > 0 then market.update_id = market.update_id + 1 end
  if market.payees then plan_payees(market) end
  if market.limits then plan_breaker(market) end
  if market.execution_rules then plan_reference(market) end
  if may_trigger and not market.halt then plan_triggers(market) end
end

-- Completes the plan: money of the taker, levels, record, triggers. The ledgers are complete afterwards, not yet read.
function plan_execution(market, order, plan, reserve)
  local pays, receives = market.quote, market.base
  plan.spent = plan.quote + plan.paid
  if order.side == "SELL" then
    pays, receives = market.base, market.quote
    plan.spent = plan.lots * market.base_atoms_per_lot + plan.paid
  end
  plan_status(market, order, plan)
  if plan.rests then plan_entry(market, order) end
  local locked = locked_after(market, order, plan, reserve)
  move(pays, order.account, order.locked - locked - plan.spent, locked - order.locked)
  if plan.received > 0 then move(receives, order.account, plan.received, 0) end
  order.locked = locked
  if #market.open_fees > 0 then settle_fees(market) end
  plan.record = write_record(order, plan.status, int(market.now_ms))
  plan.other_levels = plan_levels(market, plan.side, plan.prices, plan.taken)
  if plan.rests then
    local price = int(order.price)
    plan.own_levels = plan_levels(market, own_side(order.side), { price }, { [price] = shown_of(order) })
  end
  plan_consequences(market, market.status == "TRADING")
end

end

-- What the records, ledgers and books of the step become; `was_open` when the order has stood in SYMBOL before.
local function commit_execution(market, order, plan, was_open)
  commit_money(market)
  commit_match(market, plan)
  if #market.beside > 0 then redis.call("HSET", SYMBOL, unpack(market.beside)) end
  commit_levels(plan.other_levels)
  if plan.rests then
    local own = own_side(order.side)
    commit_levels(plan.own_levels)
    redis.call("ZADD", own.book, int(own.sign * order.price), place_of(order, order.member))
  end
  if plan.rests or plan.is_pending then
    redis.call("HSET", SYMBOL, order.member, plan.record)
    if not was_open then redis.call("ZADD", OPEN, "0", open_member(market.symbol, order)) end
  else
    redis.call("HSET", ENDED, order.member, plan.record)
    if was_open then
      redis.call("HDEL", SYMBOL, order.member)
      redis.call("ZREM", OPEN, open_member(market.symbol, order))
    end
  end
  if #market.prevented > 0 then
    redis.call("HSET", SYMBOL, "next_prevented_id", int(market.next_prevented_id))
  end
  if plan.is_pending then
    redis.call("HSET", SYMBOL, "pending_prevented", int(market.pending_prevented))
    if market.execution_rules then
      local range = plan.range and int(plan.range.low) .. ":" .. int(plan.range.high) or ""
      redis.call("HSET", SYMBOL, "pending_range", range)
    end
  end
  local rest_of_round = plan.is_pending and plan.allocation -- the next step goes on with it (lib/rounds.lua)
  if rest_of_round or order.allocation then redis.call("HSET", SYMBOL, "allocation", rest_of_round or "") end
  commit_triggers(market)
  commit_touched_lists(market)
  commit_gate(market, plan.is_pending and order.member)
end

-- Tells the step. Its prevented matches come last, since most have none.
local function commit_step_event(market, kind, plan)
  local prevented = #market.prevented > 0 and ",[" .. table.concat(market.prevented, ",") .. "]" or ""
  commit_market(market, kind, plan.record .. (plan.is_pending and ",false" or ",true") .. prevented)
end

-- The reply to a command's own order, made before the steps that follow from it.
local function execution_reply(market, plan)
  return {
    "ok", market.seq, plan.record, "[" .. table.concat(market.fills, ",") .. "]",
    "[" .. table.concat(market.prevented, ",") .. "]", plan.is_pending and 0 or 1,
  }
end
