--- @include "lib/book"

local MAX_FILLS = 500 -- fills one step plans; what is left is another step (engine/types.py has the same number)
local LARGEST_PAGE = 200

local function is_beyond(taker_is_buy, price, limit)
  return limit and (taker_is_buy and price > limit or not taker_is_buy and price < limit)
end

-- What the other side offers within `limit` for at most `lots`, level by level: lots and their cost, each level's
-- rounded up; the cost is nil when it cannot be computed exactly. Reads only as many levels as it needs.
local function sweep(market, taker, lots)
  local side, is_buy = other_side(taker.side), taker.side == "BUY"
  local found, cost, offset = 0, 0, 0
  while found < lots do
    local prices = redis.call("ZRANGE", side.levels, offset, offset + LARGEST_PAGE - 1)
    if #prices == 0 then break end
    local depth = redis.call("HMGET", side.depth, unpack(prices))
    for i, price in ipairs(prices) do
      if is_beyond(is_buy, tonumber(price), taker.limit) then return found, cost end
      local take = math.min(tonumber(depth[i]), lots - found)
      local level_cost = notional_ceil(market, tonumber(price), take)
      cost = cost and level_cost and cost + level_cost
      if cost and cost >= EXACT then cost = nil end
      found = found + take
      if found == lots then break end
    end
    offset = offset + #prices
  end
  return found, cost
end

-- Lots that `budget` still buys at a price: exact, since both sides of the division are whole and below 2^53.
local function affordable_lots(market, budget, price)
  return math.floor(budget * market.divisor / (price * market.multiplier))
end

-- Plans one match and counts it towards maker, taker and fees. False, with nothing counted, when what the step moves
-- could not be exact any more.
local function plan_fill(market, taker, plan, maker, price, lots)
  local quote, base = notional_floor(market, price, lots), lots * market.base_atoms_per_lot
  if not quote or plan.quote + quote >= EXACT then return false end
  if plan.lots * market.base_atoms_per_lot + base >= EXACT then return false end
  local taker_fee, maker_fee
  maker.left, maker.filled_quote = maker.left - lots, maker.filled_quote + quote
  if taker.side == "BUY" then
    taker_fee, maker_fee = share_of(base, market.taker_fee_e8), share_of(quote, market.maker_fee_e8)
    maker.locked = maker.locked - base
    move(market.base, maker.account, 0, -base)
    move(market.quote, maker.account, quote - maker_fee, 0)
    market.base.fees, market.quote.fees = market.base.fees + taker_fee, market.quote.fees + maker_fee
    plan.received = plan.received + base - taker_fee
  else
    taker_fee, maker_fee = share_of(quote, market.taker_fee_e8), share_of(base, market.maker_fee_e8)
    maker.locked = maker.locked - quote
    local rest = maker.left == 0 and maker.locked or 0 -- what rounding left over goes back to its owner
    maker.locked = maker.locked - rest
    move(market.quote, maker.account, rest, -quote - rest)
    move(market.base, maker.account, base - maker_fee, 0)
    market.quote.fees, market.base.fees = market.quote.fees + taker_fee, market.base.fees + maker_fee
    plan.received = plan.received + quote - taker_fee
  end
  if maker.locked < 0 then broken("plan_fill: order " .. maker.id .. " had locked too little") end
  plan.lots, plan.quote = plan.lots + lots, plan.quote + quote
  market.fills[#market.fills + 1] = "[" .. int(market.next_trade_id) .. "," .. int(price) .. "," .. int(lots) .. ","
    .. int(quote) .. ',"' .. taker.side .. '",' .. taker.account .. "," .. taker.id .. "," .. int(taker_fee) .. ","
    .. maker.account .. "," .. maker.id .. "," .. int(maker_fee) .. "]"
  market.next_trade_id = market.next_trade_id + 1
  market.last_price = price
  return true
end

-- Notes what becomes of a maker after its fill, and of its price level.
local function plan_maker(market, plan, maker, member, price, lots)
  local level = int(price)
  if plan.taken[level] then
    plan.taken[level] = plan.taken[level] - lots
  else
    plan.prices[#plan.prices + 1] = level
    plan.taken[level] = -lots
  end
  local record = write_record(maker, maker.left == 0 and "FILLED" or "PARTIALLY_FILLED", int(market.now_ms))
  market.makers[#market.makers + 1] = record
  if maker.left == 0 then
    plan.gone[#plan.gone + 1] = member
    plan.closed[#plan.closed + 1] = open_member(maker.account, market.symbol, member)
    plan.ended[#plan.ended + 1], plan.ended[#plan.ended + 2] = member, record
  else
    plan.kept[1], plan.kept[2] = member, record
  end
end

-- Lets `taker` {account, id, side, limit or nil, left or nil, budget or nil} meet the other side, best price first,
-- oldest first among equals, for at most `room` fills. The plan's `stop` says why it ended: "filled", "budget" (it no
-- longer buys a lot), "limit", "empty", "capped" (more may follow in the next step) or "too large".
local function plan_match(market, taker, room)
  local side, is_buy = other_side(taker.side), taker.side == "BUY"
  local plan = {
    side = side, lots = 0, quote = 0, received = 0,
    prices = {}, taken = {}, gone = {}, closed = {}, ended = {}, kept = {},
  }
  local left, budget, offset, size = taker.left, taker.budget, 0, 1
  local first_fill = #market.fills
  if left == 0 then plan.stop = "filled" end
  while not plan.stop do
    local page = redis.call("ZRANGE", side.book, offset, offset + size - 1, "WITHSCORES")
    local members, prices = {}, {}
    for i = 1, #page, 2 do
      local price = tonumber(page[i + 1]) * side.sign
      if is_beyond(is_buy, price, taker.limit) then break end
      members[#members + 1], prices[#prices + 1] = page[i], price
    end
    local records = #members > 0 and redis.call("HMGET", ORDERS, unpack(members)) or {}
    for i, text in ipairs(records) do
      if #market.fills - first_fill >= room then plan.stop = "capped" break end
      local maker, price = read_record(text), prices[i]
      local lots = math.min(maker.left, left or maker.left)
      if budget then
        lots = math.min(lots, affordable_lots(market, budget, price))
        if lots == 0 then plan.stop = "budget" break end
      end
      local spent = plan.quote
      if not plan_fill(market, taker, plan, maker, price, lots) then plan.stop = "too large" break end
      plan_maker(market, plan, maker, members[i], price, lots)
      if left then
        left = left - lots
        if left == 0 then plan.stop = "filled" break end
      end
      if budget then
        budget = budget - (plan.quote - spent)
        if maker.left > 0 or budget == 0 then plan.stop = "budget" break end
      end
    end
    if not plan.stop and #members < size then plan.stop = #page == 2 * #members and "empty" or "limit" end
    offset, size = offset + size, math.min(size * 8, LARGEST_PAGE)
  end
  plan.left, plan.budget = left, budget
  return plan
end

-- Writes what plan_match planned for the makers; the ledgers and levels are the caller's.
local function commit_match(plan)
  if #plan.kept > 0 then redis.call("HSET", ORDERS, plan.kept[1], plan.kept[2]) end
  if #plan.gone == 0 then return end
  redis.call("ZREM", plan.side.book, unpack(plan.gone))
  redis.call("HDEL", ORDERS, unpack(plan.gone))
  redis.call("ZREM", OPEN, unpack(plan.closed))
  redis.call("HSET", ENDED, unpack(plan.ended))
end
