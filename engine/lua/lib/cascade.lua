--- @include "lib/execution"
--- @include "lib/lists"
--- @include "lib/pegs"
--- @include "lib/resting"

-- The steps that follow from a step: rests of orders with very many fills, orders that its prices triggered, and what
-- happens to the others of an order list. Each is planned whole and written with its event before the next; what does
-- not fit into one call waits behind the gate (`pending`), which nothing can overtake.

local MAX_STEPS = 500 -- of one call

local commit_cascade

do -- A script may have 200 locals: what only this piece uses stays in here.

-- A pegged order that has not found its price in the book yet.
local function seeks_price(order)
  return is_pegged(order) and order.terms[OWN_PRICE] == "-1"
end

local function commit_step(market, order, plan, kind)
  read_money(market)
  check_money(market)
  -- Write.
  if kind ~= "order_continued" then
    redis.call("LPOP", TRIGGERED)
    market.waiting = market.waiting - 1
  end
  commit_execution(market, order, plan, true)
  commit_step_event(market, kind, plan)
end

-- One more step of an order that has met as many as fit into one.
local function commit_rest(market, order, room)
  order.prevented_quote = order.quote_order > 0 and market.pending_prevented or nil
  local taker = taker_of(market, order, true)
  if market.matching then
    order.allocation = string.match(redis.call("HGET", SYMBOL, "allocation") or "", "^.+$")
    taker.allocation = order.allocation
  end
  order.is_late = order.terms and (order.type ~= "LIMIT" or list_of(order))
  if order.side == "SELL" and order.quote_order > 0 then taker.left = order.locked / market.base_atoms_per_lot end
  if order.side == "BUY" and order.price == 0 and order.quote_order == 0 then taker.budget = order.locked end
  local plan = plan_match(market, taker, room)
  if plan.stop == "too large" then plan.stop = "capped" end -- the step ends here, the next one goes on
  if plan.stop == "capped" and #market.fills + #market.prevented == 0 then
    broken("commit_rest: order " .. order.id .. " cannot go on")
  end
  plan_execution(market, order, plan, order.locked)
  commit_step(market, order, plan, "order_continued")
end

-- The order beside the one that takes locks another amount from here on.
local function plan_relock(market, order, atoms)
  move(order.side == "BUY" and market.quote or market.base, order.account, order.locked - atoms, atoms - order.locked)
  order.locked = atoms
  local record = write_record(order, order.status, int(market.now_ms))
  market.makers[#market.makers + 1] = record
  market.beside[#market.beside + 1], market.beside[#market.beside + 2] = order.member, record
end

-- Whether a pegged order finds a price at which it may work and, beyond what it has locked, the money for it. What both
-- of a pair need is locked by the one in the book: now that its price is known, the other locks what it needs beyond.
local function can_work_pegged(market, order)
  if not finds_good_price(market, order) then return false end
  if order.side == "SELL" then return true end
  local needed, freed, main, extra = notional_ceil(market, order.price, order.left), 0, nil, nil
  if order.type == "LIMIT_MAKER" then main, extra = pair_of(order) end
  if main then
    local needed_beside = need_of(market, extra)
    if not needed_beside then return false end
    freed = extra.locked - math.max(0, needed_beside - needed)
  end
  local free = redis.call("HGET", QUOTE, order.account .. ":free")
  if not enough(free, needed - order.locked - freed) then return false end
  if freed ~= 0 then plan_relock(market, extra, extra.locked - freed) end
  return true
end

-- A triggered order, or one that its list lets work, takes. One without a limit spends what it has locked and, a buy,
-- what else is free: what a market order costs is known only now.
local function commit_taking(market, order, room, kind)
  order.terms[WORKING_MS], order.is_late = int(market.now_ms), true
  local is_refused = seeks_price(order) and not can_work_pegged(market, order)
    or order.type == "LIMIT_MAKER" and meets_other_side(order.side == "BUY", order.price)
  if is_refused then set_expiry(order, "REJECTED") end
  local taker, reserve = taker_of(market, order), order.locked
  if order.side == "BUY" and order.price == 0 then
    local free = tonumber(redis.call("HGET", QUOTE, order.account .. ":free") or "0")
    reserve = math.min(order.locked + free, math.floor((EXACT - 1) / market.divisor)) -- what it buys is exact then
    taker.budget = reserve
  end
  local is_killed = is_refused or order.time_in_force == "FOK" and sweep(market, taker, order.left) < order.left
  local plan = plan_match(market, taker, is_killed and 0 or room)
  if is_killed then plan.stop = taker.is_stopped_by_range and "range" or "killed" end
  if plan.stop == "too large" then plan.stop = "capped" end
  plan_execution(market, order, plan, reserve)
  commit_step(market, order, plan, kind)
end

-- An order whose trigger was reached takes, once the other order of its pair is out of the way.
local function commit_triggered(market, order, room)
  local list = list_of(order)
  if list and commit_list(market, list, order.member, false) then return end
  commit_taking(market, order, room, "order_triggered")
end

-- An order of a list begins: it takes or rests, or begins to wait for its trigger; it expires where it cannot.
local function commit_activated(market, order, room)
  if not is_contingent(order.type) then return commit_taking(market, order, room, "order_activated") end
  local status, leaving = "NEW", new_leaving()
  if would_trigger(market, order) then
    status = "EXPIRED"
    set_expiry(order, "REJECTED")
  end
  plan_waiting(market, order)
  local record = write_record(order, status, int(market.now_ms))
  if status == "EXPIRED" then
    record = plan_end(market, leaving, order, status)
    finish_leaving(market, leaving)
  end

  -- Write.
  redis.call("LPOP", TRIGGERED)
  market.waiting = market.waiting - 1
  if status == "NEW" then
    redis.call("HSET", SYMBOL, order.member, record)
    commit_waiting(market, order)
    commit_gate(market)
  else
    commit_leaving(market, leaving)
  end
  commit_market(market, "order_activated", record .. ",true")
end

-- The next of what waits in TRIGGERED.
local function commit_next(market, room)
  local word = redis.call("LINDEX", TRIGGERED, "0")
  local mark = string.sub(word, 1, 1)
  if mark == "L" then
    commit_list(market, string.sub(word, 2), nil, true)
  elseif mark == "+" then
    commit_activated(market, read_order(string.sub(word, 2)), room)
  else
    commit_triggered(market, read_order(word), room)
  end
end

-- Runs the steps that wait, for about `room` matches in all.
function commit_cascade(market, room)
  for _ = 1, MAX_STEPS do
    local unfinished = market.pending and market.pending ~= "*" and market.pending
    if not unfinished and market.waiting == 0 or room <= 0 then return end
    if market.is_told then next_step(market) end
    if unfinished then
      commit_rest(market, read_order(unfinished), room)
    else
      commit_next(market, room)
    end
    room = room - 1 - #market.fills - #market.prevented
  end
end

end
