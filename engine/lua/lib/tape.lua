--- @include "lib/cascade"

-- Recorded history in the book. KEYS after those of the market: 27 tape bids 28 tape asks 29 touched.
-- ARGV that both commands begin with: 1 symbol 2 rules version 3 now_ms 4 the mark that must be the venue's newest
-- or "" 5 this command's own mark 6 the account that rests 7 the account that takes.
-- A level's text is "<recorded>,<taken>,<left>,<order id> <order id> ...": what the recording shows, what users have
-- taken from it since the recording last emptied it, what the tape's orders there had left after the last command.

local TOUCHED

local read_tape_market, touch, read_tape_levels, read_reached, read_growing, commit_level, commit_orders,
  commit_changes, commit_tape

do -- A script may have 200 locals: what only this piece uses stays in here.

local LEVEL = "^(%d+),(%d+),(%d+),(.*)$"
local MAX_CHANGES = 500 -- levels that one step changes
local MAX_ORDERS = 100 -- orders of MAX_FILLS fills each that one recorded trade or quote may become
local GROWN = 1125899906842624 -- 2^50: an order that has traded so many quote atoms grows no more

-- The market with its clock at the event's time, or the verdict that ends the command.
function read_tape_market()
  local market, verdict = read_market(ARGV[1], ARGV[2])
  BID.tape, ASK.tape, TOUCHED = KEYS[23], KEYS[24], KEYS[25]
  if verdict then return nil, verdict end
  if ARGV[4] ~= "" and redis.call("HGET", META, "tape") ~= ARGV[4] then return nil, { "stale" } end
  if market.mode ~= "virtual" then return nil, { "rejected", "CLOCK_NOT_VIRTUAL" } end
  if market.status ~= "TRADING" then return nil, { "rejected", "MARKET_CLOSED" } end
  market.now_ms = math.max(market.now_ms, whole(ARGV[3]))
  market.steps, market.touched, market.limits = 0, {}, false -- what was recorded is exempt
  return market
end

function touch(market, level)
  market.touched[#market.touched + 1] = level.side.name .. ":" .. level.price
end

-- The tape's levels at some prices (texts) of a side, in that order, with the orders that still stand there, oldest
-- first. `actual` is what they have left, `target` what the caller wants it to be.
function read_tape_levels(side, prices)
  local levels, members, owners = {}, {}, {}
  local texts = read_many(side.tape, prices)
  for i, price in ipairs(prices) do
    local recorded, taken, left, ids = string.match(texts[i] or "0,0,0,", LEVEL)
    local level = {
      side = side, price = price, recorded = tonumber(recorded), taken = tonumber(taken), left = tonumber(left),
      orders = {}, actual = 0,
    }
    levels[i] = level
    for member in string.gmatch(ids, "%d+") do
      members[#members + 1], owners[#owners + 1] = member, level
    end
  end
  local records = read_many(SYMBOL, members)
  for i, level in ipairs(owners) do
    if records[i] then
      local order = read_record(records[i])
      order.member, order.side, order.price = members[i], side.name, tonumber(level.price)
      level.orders[#level.orders + 1] = order
      level.actual = level.actual + order.left
    end
  end
  for _, level in ipairs(levels) do
    level.taken = level.taken + level.left - level.actual
    level.target = level.actual
  end
  return levels
end

-- Prices of a side, best first, that are at least as good as `price` (better, with "("), and the lots at each.
function read_reached(side, price, bound)
  local prices = redis.call("ZRANGE", side.levels, "-inf", bound .. int(side.sign * price), "BYSCORE")
  return prices, read_many(SYMBOL, level_fields(side, prices))
end

-- Notes which levels' last order of the tape is also the last of the queue: it may grow, nobody stands behind it.
function read_growing(side, levels)
  local prices = {}
  for i, level in ipairs(levels) do prices[i] = level.price end
  local depth = read_many(SYMBOL, level_fields(side, prices))
  for i, level in ipairs(levels) do
    local order = level.orders[#level.orders]
    if order and tonumber(depth[i]) ~= level.actual then
      local score = int(side.sign * order.price)
      local last = redis.call("ZRANGE", side.book, score, score, "BYSCORE", "REV", "LIMIT", "0", "1")
      level.has_followers = last[1] ~= order.member
    end
  end
end

local function new_step()
  return {
    count = 0, weight = { BUY = 0, SELL = 0 }, prices = { BUY = {}, SELL = {} }, deltas = { BUY = {}, SELL = {} },
    gone = { BUY = {}, SELL = {} }, closed = {}, dead = {}, placed = { BUY = {}, SELL = {} }, opened = {}, kept = {},
    texts = { BUY = {}, SELL = {} }, empty = { BUY = {}, SELL = {} },
  }
end

-- What a resting order locks, in atoms of what it pays with.
local function lock_of(market, side_name, price, lots)
  local atoms = lots * market.base_atoms_per_lot
  if side_name == "BUY" then atoms = notional_ceil(market, price, lots) end
  if not atoms or atoms >= EXACT then broken("lock_of: " .. side_name .. " level " .. int(price) .. " is too large") end
  return atoms
end

local plan_change, plan_text

do -- Its parts.

local function plan_lock(market, order)
  local locked = order.left > 0 and lock_of(market, order.side, order.price, order.left) or 0
  move(order.side == "BUY" and market.quote or market.base, order.account, order.locked - locked, locked - order.locked)
  order.locked = locked
end

-- Notes the level's own text: after this step, its target is what is left there.
function plan_text(step, level)
  local name, members = level.side.name, {}
  for i, order in ipairs(level.orders) do members[i] = order.member end
  if level.recorded == 0 and level.taken == 0 and #members == 0 then
    step.empty[name][#step.empty[name] + 1] = level.price
  else
    local texts = step.texts[name]
    texts[#texts + 1] = level.price
    texts[#texts + 1] = int(level.recorded) .. "," .. int(level.taken) .. "," .. int(level.target) .. ","
      .. table.concat(members, " ")
  end
end

local function plan_kept(market, step, order)
  local record = write_record(order, open_status(order), int(market.now_ms))
  step.kept[#step.kept + 1], step.kept[#step.kept + 2] = order.member, record
end

-- Takes `lots` off the tape's orders at a level, from behind.
local function plan_removal(market, step, level, lots)
  local name = level.side.name
  for i = #level.orders, 1, -1 do
    if lots == 0 then break end
    local order = level.orders[i]
    local cut = math.min(order.left, lots)
    lots, order.left, order.lots = lots - cut, order.left - cut, order.lots - cut
    plan_lock(market, order)
    if order.left > 0 then
      plan_kept(market, step, order)
    else
      level.orders[i] = nil
      step.gone[name][#step.gone[name] + 1] = order.member
      step.dead[#step.dead + 1] = order.member
      step.closed[#step.closed + 1] = open_member(market.symbol, order)
    end
  end
end

local function plan_new_order(market, step, level)
  local name, price = level.side.name, tonumber(level.price)
  local order = {
    id = int(market.next_order_id), member = member_of(market.next_order_id), account = ARGV[6], side = name,
    price = price, lots = 0, left = 0, filled_quote = 0, locked = 0,
  }
  order.tail = '"' .. name .. '",' .. level.price .. ',"LIMIT","GTC",' .. int(market.now_ms) .. ',"",0]'
  market.next_order_id = market.next_order_id + 1
  level.orders[#level.orders + 1] = order
  local placed, opened = step.placed[name], step.opened
  placed[#placed + 1], placed[#placed + 2] = int(level.side.sign * price), order.member
  opened[#opened + 1], opened[#opened + 2] = "0", open_member(market.symbol, order)
  return order
end

-- Adds `lots` at the end of a level's queue.
local function plan_addition(market, step, level, lots)
  local order = level.orders[#level.orders]
  if not order or level.has_followers or order.filled_quote >= GROWN then
    order = plan_new_order(market, step, level)
  end
  order.left, order.lots = order.left + lots, order.lots + lots
  plan_lock(market, order)
  plan_kept(market, step, order)
end

function plan_change(market, step, level)
  local name, delta = level.side.name, level.target - level.actual
  if delta < 0 then plan_removal(market, step, level, -delta) end
  if delta > 0 then plan_addition(market, step, level, delta) end
  step.count = step.count + 1
  if delta ~= 0 then
    step.prices[name][#step.prices[name] + 1] = level.price
    step.deltas[name][level.price] = delta
  end
  level.actual = level.target
  plan_text(step, level)
end

end

local function plan_step(market, step)
  step.bids = plan_levels(market, BID, step.prices.BUY, step.deltas.BUY)
  step.asks = plan_levels(market, ASK, step.prices.SELL, step.deltas.SELL)
  if #market.levels > 0 then market.update_id = market.update_id + 1 end
  read_ledger(market.base)
  read_ledger(market.quote)
end

-- Whether the resting account cannot pay for the step.
local function is_out_of_money(ledger)
  return #ledger.accounts > 0 and not enough(free_before(ledger, ARGV[6]), -ledger.free[ARGV[6]])
end

local function next_tape_step(market)
  market.steps = market.steps + 1
  next_step(market)
end

local function commit_texts(step)
  commit_pages("HSET", BID.tape, step.texts.BUY)
  commit_pages("HSET", ASK.tape, step.texts.SELL)
  commit_pages("HDEL", BID.tape, step.empty.BUY)
  commit_pages("HDEL", ASK.tape, step.empty.SELL)
end

-- Writes one level's own text.
function commit_level(level)
  local step = new_step()
  plan_text(step, level)
  commit_texts(step)
end

-- Plans a step to its end and writes it with its event. A verdict instead, nothing written, when the tape cannot pay
-- for its command's first step.
local function commit_step(market, step)
  plan_step(market, step)
  if market.steps == 0 and (is_out_of_money(market.base) or is_out_of_money(market.quote)) then
    return { "rejected", "INSUFFICIENT_BALANCE" }
  end
  check_ledger(market.base)
  check_ledger(market.quote)
  commit_ledger(market.base)
  commit_ledger(market.quote)
  commit_levels(step.bids)
  commit_levels(step.asks)
  commit_pages("ZREM", BID.book, step.gone.BUY)
  commit_pages("ZREM", ASK.book, step.gone.SELL)
  commit_pages("HDEL", SYMBOL, step.dead)
  commit_pages("ZREM", OPEN, step.closed)
  commit_pages("ZADD", BID.book, step.placed.BUY)
  commit_pages("ZADD", ASK.book, step.placed.SELL)
  commit_pages("HSET", SYMBOL, step.kept)
  commit_pages("ZADD", OPEN, step.opened)
  commit_texts(step)
  commit_market(market, "tape_frame_applied", "[]")
  next_tape_step(market)
end

-- One immediate-or-cancel order of the tape, of which at most MAX_FILLS fills are done, with its event. Its plan says
-- what it met; `stop` is "capped" when it might have met more.
local function commit_order(market, kind, account, side_name, price, lots, allocation)
  local order = {
    id = int(market.next_order_id), member = member_of(market.next_order_id), account = account, side = side_name,
    type = "LIMIT", time_in_force = "IOC", price = price, lots = lots, left = lots, quote_order = 0, filled_quote = 0,
    locked = 0,
  }
  order.tail = '"' .. side_name .. '",' .. int(price) .. ',"LIMIT","IOC",' .. int(market.now_ms) .. ',"",0]'
  market.next_order_id = market.next_order_id + 1
  local taker = { account = account, id = order.id, side = side_name, limit = price, left = lots, stp = "NONE" }
  taker.allocation = allocation -- it goes on where the order before it has stopped
  local plan = plan_match(market, taker, MAX_FILLS)
  local stop = plan.stop
  if stop == "too large" then broken("commit_order: a fill of the tape cannot be exact") end
  if plan.problem then broken("commit_order: " .. plan.problem) end
  if stop == "capped" then plan.stop = "limit" end -- what is left is another order, this one ends here
  plan_execution(market, order, plan, 0)
  read_money(market)
  check_money(market)
  commit_execution(market, order, plan, false)
  commit_market(market, kind, "[" .. plan.record .. "]")
  next_tape_step(market)
  plan.stop = stop
  return plan
end

-- Such orders until `lots` are filled or nothing more is within `price`. `note(plan)` hears of each. Lots filled.
function commit_orders(market, kind, account, side_name, price, lots, note)
  local filled, allocation = 0, nil
  for _ = 1, MAX_ORDERS do
    local plan = commit_order(market, kind, account, side_name, price, lots - filled, allocation)
    filled, allocation = filled + plan.lots, plan.allocation
    if note then note(plan) end
    if plan.stop ~= "capped" or filled == lots then break end
  end
  return filled
end

local function commit_and_renew(market, step)
  local refusal = commit_step(market, step)
  return new_step(), refusal
end

-- Adds the level's change to the step, or to a new one when this one is full or would move too much to be exact.
local function commit_change(market, step, level)
  local name, refusal = level.side.name, nil
  local weight = lock_of(market, name, tonumber(level.price), math.abs(level.target - level.actual))
  if step.count == MAX_CHANGES or step.weight[name] + weight >= EXACT then
    step, refusal = commit_and_renew(market, step)
  end
  if refusal then return step, refusal end
  step.weight[name] = step.weight[name] + weight
  plan_change(market, step, level)
  return step
end

-- A quote that reaches users' orders trades with them first; what they took counts as taken from its level.
local function commit_crossing(market, level)
  local lots = level.target - level.actual
  local filled = commit_orders(market, "tape_frame_applied", ARGV[6], level.side.name, tonumber(level.price), lots)
  level.taken, level.target = level.taken + filled, level.target - filled
end

-- Brings levels to their targets: removals before additions. `quiet` levels only have a new text. `blocked`: side of
-- an addition -> price of the best users' order that it might reach on the other side. A verdict when refused.
function commit_changes(market, removals, additions, quiet, blocked)
  local step, refusal = new_step(), nil
  for _, level in ipairs(quiet) do plan_text(step, level) end
  for _, level in ipairs(removals) do
    step, refusal = commit_change(market, step, level)
    if refusal then return refusal end
  end
  if next(blocked) then
    if step.count > 0 then
      step, refusal = commit_and_renew(market, step)
      if refusal then return refusal end
    end
    for _, level in ipairs(additions) do
      local wall, sign = blocked[level.side.name], level.side.sign
      if wall and sign * tonumber(level.price) <= sign * wall then commit_crossing(market, level) end
    end
  end
  for _, level in ipairs(additions) do
    step, refusal = commit_change(market, step, level)
    if refusal then return refusal end
  end
  if step.count > 0 or market.steps == 0 then
    step, refusal = commit_and_renew(market, step)
  end
  return refusal
end

-- The end of a command: levels to be put back with the next frame, and how far the tape is. What follows is done by
-- users' orders, and what was recorded is not what they are.
function commit_tape(market, touched_before)
  market.limits = market.execution_rules
  if touched_before > 0 then redis.call("DEL", TOUCHED) end
  commit_pages("SADD", TOUCHED, market.touched)
  redis.call("HSET", META, "tape", ARGV[5])
end

end
