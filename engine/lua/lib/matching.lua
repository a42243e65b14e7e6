--- @include "lib/market"
--- @include "lib/book"
--- @include "lib/paying"
--- @include "lib/pages"
--- @include "lib/commissions"

local MAX_FILLS = 500 -- fills one step plans; what is left is another step (engine/types.py has the same number)

local sweep, plan_match, commit_match, parts_of_a_match

do -- A script may have 200 locals: what only this piece uses stays in here, and so do the pieces that only it includes.

--- @include "lib/walk"
--- @include "lib/rounds"

local function is_outside(range, price)
  return range and (price < range.low or price > range.high)
end

-- The mode that counts: TRANSFER needs the maker's consent.
local function effective_stp(taker, maker)
  if taker.stp ~= "TRANSFER" or maker.terms and maker.terms[STP] == '"TRANSFER"' then return taker.stp end
  return "DECREMENT"
end

local function moves_money(taker, maker)
  return maker.account ~= taker.account and effective_stp(taker, maker) == "TRANSFER"
end

-- What the taker could fill of `lots`, as if it were done: lots and their cost, each level's rounded up; the cost is
-- nil when it cannot be computed exactly. What self-trade prevention would take away is not filled.
function sweep(market, taker, lots)
  local walk, found, cost, moved, level, at_level = new_walk(taker), 0, 0, 0, nil, 0
  local next_one = market.matching and rounds_of(market, taker) or next_maker
  local function close_level()
    local level_cost = level and notional_ceil(market, level, at_level) or not level and 0
    cost = cost and level_cost and cost + level_cost
    if cost and cost >= EXACT then cost = nil end
    at_level = 0
  end
  while found < lots do
    local maker = next_one(walk)
    if not maker then break end
    if is_outside(taker.range, maker.price) then
      taker.is_stopped_by_range = true
      break
    end
    if maker.price ~= level then
      close_level()
      level = maker.price
    end
    if not (taker.own and taker.own[maker.account]) then
      -- An iceberg's tip in its turn; the rest when it is met again, for then nobody else is left at this price.
      local shown = maker.is_met and maker.left or shown_of(maker)
      local take = math.min(shown, lots - found)
      found, at_level, maker.left, maker.is_met = found + take, at_level + take, maker.left - take, true
      if maker.left > 0 then walk.again[#walk.again + 1] = maker end
    elseif taker.stp == "EXPIRE_TAKER" or taker.stp == "EXPIRE_BOTH" then
      break
    elseif taker.stp ~= "EXPIRE_MAKER" then
      local take = math.min(maker.left, lots - found)
      lots = lots - take
      if moves_money(taker, maker) then moved = moved + (notional_floor(market, maker.price, take) or EXACT) end
    end
  end
  close_level()
  if cost and cost + moved >= EXACT then return found, nil end
  return found, cost and cost + moved
end

-- Plans one match and counts it towards maker, taker and fees. False, with nothing counted, when what the step moves
-- could not be exact any more.
local function plan_fill(market, taker, plan, maker, lots)
  local price = maker.price
  local quote, base = notional_floor(market, price, lots), lots * market.base_atoms_per_lot
  if not quote or plan.quote + quote + plan.moved >= EXACT then return false end
  if plan.lots * market.base_atoms_per_lot + base + plan.moved >= EXACT then return false end
  local taker_fee, maker_fee, is_special = nil, nil, market.rates
  if is_special then taker_fee, maker_fee = plan_fees(market, taker, maker, base, quote) end
  if market.first_fills and filled_of(maker) == 0 then
    market.first_fills[#market.first_fills + 1] = { account = maker.account, is_maker = true }
  end
  maker.left, maker.filled_quote = maker.left - lots, maker.filled_quote + quote
  if taker.side == "BUY" then
    if not is_special then
      taker_fee, maker_fee = share_of(base, market.taker_fee_e8), share_of(quote, market.maker_fee_e8)
    end
    maker.locked = maker.locked - base
    move(market.base, maker.account, 0, -base)
    move(market.quote, maker.account, quote - maker_fee, 0)
    market.base.fees, market.quote.fees = market.base.fees + taker_fee, market.quote.fees + maker_fee
    if taker.pays_list then
      set_aside(market, taker.id, taker.account, base, taker_fee, maker.account)
    else
      plan.received = plan.received + base - taker_fee
    end
  else
    if not is_special then
      taker_fee, maker_fee = share_of(quote, market.taker_fee_e8), share_of(base, market.maker_fee_e8)
    end
    maker.locked = maker.locked - quote
    local rest = maker.left == 0 and maker.locked or 0 -- what rounding left over goes back to its owner
    maker.locked = maker.locked - rest
    move(market.quote, maker.account, rest, -quote - rest)
    if pays_list(maker) then
      set_aside(market, maker.id, maker.account, base, maker_fee, taker.account)
    else
      move(market.base, maker.account, base - maker_fee, 0)
    end
    market.quote.fees, market.base.fees = market.quote.fees + taker_fee, market.base.fees + maker_fee
    plan.received = plan.received + quote - taker_fee
  end
  if maker.locked < 0 then broken("plan_fill: order " .. maker.id .. " had locked too little") end
  plan.lots, plan.quote = plan.lots + lots, plan.quote + quote
  if taker.id ~= market.aggregate_taker or price ~= market.aggregate_price then
    market.aggregate_taker, market.aggregate_price = taker.id, price
    market.last_aggregate_id = market.last_aggregate_id + 1
  end
  market.fills[#market.fills + 1] = "[" .. int(market.next_trade_id) .. "," .. int(price) .. "," .. int(lots) .. ","
    .. int(quote) .. ',"' .. taker.side .. '",' .. taker.account .. "," .. taker.id .. "," .. int(taker_fee) .. ","
    .. maker.account .. "," .. maker.id .. "," .. int(maker_fee) .. ',"","",' .. int(market.last_aggregate_id) .. "]"
  market.next_trade_id = market.next_trade_id + 1
  if price ~= market.last_price then market.path[#market.path + 1] = price end
  market.tick_sum = market.tick_sum + price
  market.last_price = price
  return true
end

-- Changes what a level will show, in lots.
local function change_level(plan, price, lots)
  local level = int(price)
  if not plan.taken[level] then
    plan.prices[#plan.prices + 1] = level
    plan.taken[level] = 0
  end
  plan.taken[level] = plan.taken[level] + lots
end

-- Takes `lots` off what a maker shows. The tip of an iceberg is refilled when it is used up, and queues again.
local function plan_shown(walk, plan, maker, lots)
  local shown = maker.left
  if is_iceberg(maker) then
    shown = math.max(tonumber(maker.terms[VISIBLE]) - lots, 0)
    if shown == 0 and maker.left > 0 then
      shown = math.min(tonumber(maker.terms[ICEBERG]), maker.left)
      maker.queues_again, maker.is_waiting = true, true
      walk.again[#walk.again + 1] = maker
    end
    shown = math.min(shown, maker.left)
    maker.terms[VISIBLE] = int(shown)
  end
  change_level(plan, maker.price, shown - maker.shown)
  maker.shown = shown
end

-- Notes what becomes of a maker: its record, told once for a step; `end_status` when it leaves the book.
local function note_maker(market, plan, maker, end_status)
  local record = write_record(maker, end_status or open_status(maker), int(market.now_ms))
  maker.told = maker.told or #market.makers + 1
  market.makers[maker.told] = record
  touch_list(market, maker)
  if end_status then
    maker.is_gone = true
    plan.gone[#plan.gone + 1], plan.gone_places[#plan.gone_places + 1] = maker.member, maker.place
    plan.closed[#plan.closed + 1] = open_member(market.symbol, maker)
    plan.ended[#plan.ended + 1], plan.ended[#plan.ended + 2] = maker.member, record
  elseif not maker.is_kept then
    maker.is_kept = true
    plan.kept[#plan.kept + 1] = maker
  end
end

-- Gives back what a maker locks beyond what its rest needs.
local function plan_unlock(market, maker, is_buy)
  local locked = maker.left * market.base_atoms_per_lot
  if is_buy then locked = notional_ceil(market, maker.price, maker.left) end
  if maker.left == 0 then locked = 0 end
  move(is_buy and market.quote or market.base, maker.account, maker.locked - locked, locked - maker.locked)
  maker.locked = locked
end

-- Two accounts of a trade group that both chose TRANSFER: the money moves as in a trade, without one and without fees.
local function plan_transfer(market, taker, plan, maker, lots)
  local base, quote = lots * market.base_atoms_per_lot, notional_floor(market, maker.price, lots)
  plan.moved = plan.moved + math.max(base, quote)
  if taker.side == "BUY" then
    move(market.base, maker.account, 0, -base)
    move(market.quote, maker.account, quote, 0)
    maker.locked, plan.paid, plan.received = maker.locked - base, plan.paid + quote, plan.received + base
  else
    move(market.quote, maker.account, 0, -quote)
    move(market.base, maker.account, base, 0)
    maker.locked, plan.paid, plan.received = maker.locked - quote, plan.paid + base, plan.received + quote
  end
end

-- The taker meets an order of its own or its trade group: no trade. It has `left` (nil: not known) and can afford
-- `affordable` lots (nil: any number). The lots it loses, the mode and the quote atoms that are gone from its money;
-- nil, with nothing counted, when sums could not be exact any more.
local function plan_prevention(market, walk, taker, plan, maker, left, affordable)
  local moved = math.max(plan.quote, plan.lots * market.base_atoms_per_lot) + plan.moved
  if moved > 0 and moved + 2 * maker.locked >= EXACT then return nil end -- alone in its step it is always exact
  plan.moved = plan.moved + maker.locked
  local mode, from_taker, from_maker = effective_stp(taker, maker), 0, 0
  local moves, in_both = moves_money(taker, maker), math.min(maker.left, left or EXACT)
  if affordable and (taker.is_by_quote or moves) then in_both = math.min(in_both, affordable) end
  if mode == "EXPIRE_TAKER" or mode == "EXPIRE_BOTH" then from_taker = taker.is_by_quote and in_both or left end
  if mode == "EXPIRE_MAKER" or mode == "EXPIRE_BOTH" then from_maker = maker.left end
  if mode == "DECREMENT" or mode == "TRANSFER" then
    from_taker, from_maker = in_both, in_both
    if moves then plan_transfer(market, taker, plan, maker, in_both) end
  end
  local id = int(market.next_prevented_id)
  market.next_prevented_id = market.next_prevented_id + 1
  market.prevented[#market.prevented + 1] = "[" .. id .. "," .. int(maker.price) .. ',"' .. mode .. '",'
    .. taker.account .. "," .. taker.id .. "," .. int(from_taker) .. "," .. maker.account .. "," .. maker.id .. ","
    .. int(from_maker) .. "," .. taker.group .. "]"
  plan.prevented, plan.prevented_match = plan.prevented + from_taker, id
  if from_maker > 0 then
    add_terms(maker)
    maker.left = maker.left - from_maker
    maker.terms[PREVENTED] = int(tonumber(maker.terms[PREVENTED]) + from_maker)
    maker.terms[PREVENTED_MATCH] = id
    plan_unlock(market, maker, taker.side == "SELL")
    plan_shown(walk, plan, maker, math.min(from_maker, maker.shown))
    note_maker(market, plan, maker, maker.left == 0 and "EXPIRED_IN_MATCH" or nil)
  end
  local spent = (taker.is_by_quote or moves) and notional_floor(market, maker.price, from_taker) or 0
  if taker.is_by_quote then plan.prevented_quote = plan.prevented_quote + spent end
  return from_taker, mode, spent
end

-- Icebergs that were refilled queue behind everybody: they are given a number of now. Those that have been met again
-- since, or were to be, keep their order.
local function plan_requeueing(market, plan, walk)
  local queue = {}
  for _, maker in ipairs(walk.makers or { walk.current }) do
    if maker.queues_again and not maker.is_waiting then queue[#queue + 1] = maker end
  end
  for _, maker in ipairs(walk.again) do queue[#queue + 1] = maker end
  for _, maker in ipairs(queue) do
    if not maker.is_gone and maker.queues_again then
      plan.gone_places[#plan.gone_places + 1] = maker.place
      maker.terms[QUEUE_ID], maker.queues_again = int(market.next_order_id), false
      market.next_order_id = market.next_order_id + 1
      local places = plan.new_places
      places[#places + 1] = int(walk.side.sign * maker.price)
      places[#places + 1] = place_of(maker, maker.member)
      note_maker(market, plan, maker)
    end
  end
end

-- Instead of a trade with itself: what the taker has left and its budget afterwards, and sets plan.stop.
local function meet_own(market, walk, taker, plan, maker, left, budget, affordable)
  local from_taker, mode, spent = plan_prevention(market, walk, taker, plan, maker, left, affordable)
  if not from_taker then
    plan.stop = "too large"
    return left, budget
  end
  if left then left = left - from_taker end
  if budget then budget = budget - spent end
  if mode == "EXPIRE_TAKER" or mode == "EXPIRE_BOTH" or left == 0 then
    plan.stop = "prevented"
  elseif maker.left > 0 or budget == 0 then
    plan.stop = taker.is_by_quote and "prevented" or "budget"
  end
  return left, budget
end

-- A trade with another's order; the same.
local function meet_other(market, walk, taker, plan, maker, left, budget, affordable)
  local lots = math.min(maker.share or maker.shown, left or EXACT, affordable or EXACT)
  local is_short, spent = lots < maker.shown, plan.quote
  if maker.share then is_short = maker.ends_round end
  if not plan_fill(market, taker, plan, maker, lots) then
    plan.stop = "too large"
    return left, budget
  end
  plan.bought[maker.price] = (plan.bought[maker.price] or 0) + lots
  plan_shown(walk, plan, maker, lots)
  note_maker(market, plan, maker, maker.left == 0 and "FILLED" or nil)
  if left then left = left - lots end
  if budget then budget = budget - (plan.quote - spent) end
  if left == 0 then
    plan.stop = "filled"
  elseif budget and (is_short or budget == 0) then
    plan.stop = "budget"
  end
  return left, budget
end

local function new_plan(walk)
  return {
    side = walk.side, lots = 0, quote = 0, received = 0, paid = 0, prevented = 0, prices = {}, taken = {}, gone = {},
    gone_places = {}, closed = {}, ended = {}, kept = {}, new_places = {},
    moved = 0, -- bounds the sums of what prevention unlocks
    prevented_quote = 0, -- what it takes from the order's quote amount
    bought = {}, -- lots traded by price
  }
end

-- Lets `taker` {account, id, side, limit or nil, left or nil, budget or nil, is_by_quote, stp, own or nil, group} meet
-- the other side (nobody, if it `collects` for an auction) for at most `room` matches. The plan's `stop` says why it
-- ended: "filled", "budget" (it no longer buys a lot), "limit", "empty", "range" (its next price is outside of
-- taker.range), "prevented" (from trading with itself), "capped" (more may follow in the next step), "too large" or
-- "rule failed" (plan.problem says how).
function plan_match(market, taker, room)
  local walk, next_one, rest_of_round = new_walk(taker), next_maker, nil
  if market.matching then next_one, rest_of_round = rounds_of(market, taker, room) end
  local plan, left, budget, met = new_plan(walk), taker.left, taker.budget, 0
  plan.range = taker.range
  if left == 0 then plan.stop = "filled" end
  if taker.collects then plan.stop = "limit" end
  while not plan.stop do
    local maker = next_one(walk, left, budget)
    if not maker then
      plan.stop, plan.problem = walk.problem and "rule failed" or walk.stop, walk.problem
      break
    end
    if is_outside(taker.range, maker.price) then
      plan.stop = "range"
      break
    end
    if met == room then
      plan.stop = "capped"
      break
    end
    maker.shown = maker.shown or shown_of(maker)
    local affordable = budget and affordable_lots(market, budget, maker.price)
    met = met + 1
    if affordable == 0 then
      plan.stop = "budget"
    elseif taker.own and taker.own[maker.account] then
      left, budget = meet_own(market, walk, taker, plan, maker, left, budget, affordable)
    else
      left, budget = meet_other(market, walk, taker, plan, maker, left, budget, affordable)
    end
  end
  plan_requeueing(market, plan, walk)
  plan.left, plan.budget = left, budget
  if rest_of_round and (plan.stop == "capped" or plan.stop == "too large") then
    plan.allocation = rest_of_round(walk)
  end
  return plan
end

-- For those who let resting orders meet each other (lib/auction.lua).
function parts_of_a_match()
  return new_walk, next_maker, new_plan, plan_fill, plan_shown, plan_unlock, plan_requeueing, note_maker
end

-- Writes what plan_match planned for the makers; the ledgers and levels are the caller's.
function commit_match(market, plan)
  local kept = {}
  for _, maker in ipairs(plan.kept) do
    if not maker.is_gone then kept[#kept + 1], kept[#kept + 2] = maker.member, market.makers[maker.told] end
  end
  if #kept > 0 then redis.call("HSET", SYMBOL, unpack(kept)) end
  if #plan.gone_places > 0 then redis.call("ZREM", plan.side.book, unpack(plan.gone_places)) end
  if #plan.new_places > 0 then redis.call("ZADD", plan.side.book, unpack(plan.new_places)) end
  if #plan.gone == 0 then return end
  redis.call("HDEL", SYMBOL, unpack(plan.gone))
  redis.call("ZREM", OPEN, unpack(plan.closed))
  redis.call("HSET", ENDED, unpack(plan.ended))
end

end
