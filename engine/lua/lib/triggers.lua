--- @include "lib/market"
--- @include "lib/pages"

-- Contingent orders: they wait outside the book until the last price triggers them. Those with a fixed stop price
-- stand in STOPS, by price with the sign of their direction; those that trail stand in TRAILING_ORDERS as text, each
-- looked at when the price changes: "<side>,<bips>,<stop price or 0>,<best price or 0>,<1: waits above, 0: below>".
-- A trailing order follows the best price, the highest of a sell, the lowest of a buy, since it began.

local plan_triggers, commit_triggers, commit_waiting, commit_not_waiting

do -- A script may have 200 locals: what only this piece uses stays in here.

local BIPS = 10000

-- Places in the step's path: of its first price, its turning points and its last. What any price between two of them
-- triggers, the second triggers.
local function turning_points(path)
  local points = {}
  for i, price in ipairs(path) do
    local before, after = path[i - 1], path[i + 1]
    if not before or not after or (price > before) ~= (after > price) then points[#points + 1] = i end
  end
  return points
end

-- [{member, trigger}], nearest first, of stops in a range of scores.
local function read_stops(first, last)
  local found, stops = redis.call("ZRANGE", STOPS, first, last, "BYSCORE", "WITHSCORES"), {}
  for i = 1, #found, 2 do
    stops[#stops + 1] = { member = found[i], trigger = math.abs(tonumber(found[i + 1])) }
  end
  return stops
end

local function read_trailing()
  local found, orders = redis.call("HGETALL", TRAILING_ORDERS), {}
  for i = 1, #found, 2 do
    local side, bips, stop, best, above = string.match(found[i + 1], "^(%u+),(%d+),(%d+),(%d+),(%d)$")
    orders[#orders + 1] = {
      member = found[i], side = side, bips = tonumber(bips), stop = tonumber(stop), best = tonumber(best),
      above = above == "1",
    }
  end
  table.sort(orders, function(a, b) return a.member < b.member end)
  return orders
end

local function trailing_text(order)
  return order.side .. "," .. int(order.bips) .. "," .. int(order.stop) .. "," .. int(order.best) .. ","
    .. (order.above and "1" or "0")
end

-- A trailing order begins at the first price of path[from .. to] that reaches its stop price.
local function begin_to_trail(order, path, from, to)
  for i = from, to do
    local price = path[i]
    if order.stop == 0 or order.above and price >= order.stop or not order.above and price <= order.stop then
      order.best, order.is_changed, order.has_begun = price, true, true
      return
    end
  end
end

-- Shows a trailing order the straight way path[from .. to]: the price that triggers it when the last does, else nil.
local function follow(order, path, from, to)
  local price = path[to]
  if order.best == 0 then
    begin_to_trail(order, path, from, to)
    if order.best == 0 or order.best == price then return nil end
  end
  local is_sell = order.side == "SELL"
  if is_sell and price > order.best or not is_sell and price < order.best then
    order.best, order.is_changed = price, true
    return nil
  end
  local trigger = math.floor(order.best * (BIPS - order.bips) / BIPS)
  if is_sell then return price <= trigger and trigger or nil end
  trigger = math.ceil(order.best * (BIPS + order.bips) / BIPS)
  return price >= trigger and trigger or nil
end

-- What a price triggers of stops that are still waiting (`next` is the first of them).
local function take_reached(stops, price, is_up, reached)
  while stops[stops.next] and (is_up and stops[stops.next].trigger <= price
    or not is_up and stops[stops.next].trigger >= price) do
    local stop = stops[stops.next]
    reached[#reached + 1] = { member = stop.member, rank = is_up and stop.trigger or -stop.trigger, is_up = is_up }
    stops.next = stops.next + 1
  end
end

local function is_before(a, b)
  if a.is_up ~= b.is_up then return a.is_up end
  if a.rank ~= b.rank then return a.rank < b.rank end
  return a.member < b.member
end

-- Finds what the step's prices trigger: market.triggers = {members = in the order in which they will take, ...}.
-- At each price the nearest trigger comes first, the oldest among equals.
function plan_triggers(market)
  local path = market.path
  local turns = turning_points(path)
  if #turns == 0 then return end
  local low, high = path[1], path[1]
  for _, at in ipairs(turns) do low, high = math.min(low, path[at]), math.max(high, path[at]) end
  local is_up = market.up_ticks and high >= market.up_ticks
  local is_down = market.down_ticks and low <= market.down_ticks
  if not is_up and not is_down and market.trailing == 0 then return end
  local ups = is_up and read_stops("1", int(high)) or {}
  local downs = is_down and read_stops("-inf", int(-low)) or {}
  local trailing = market.trailing > 0 and read_trailing() or {}
  local plan = { members = {}, stops = {}, gone = {}, texts = {}, begun = {} }
  ups.next, downs.next = 1, 1
  local from = 1
  for _, to in ipairs(turns) do
    local reached = {}
    take_reached(ups, path[to], true, reached)
    take_reached(downs, path[to], false, reached)
    for _, order in ipairs(trailing) do
      local trigger = not order.is_gone and follow(order, path, from, to)
      if trigger then
        order.is_gone = true
        local rises = order.side == "BUY"
        reached[#reached + 1] = {
          member = order.member, rank = rises and trigger or -trigger, is_up = rises, is_trailing = true,
        }
      end
    end
    from = to + 1
    table.sort(reached, is_before)
    for _, order in ipairs(reached) do
      plan.members[#plan.members + 1] = order.member
      local list = order.is_trailing and plan.gone or plan.stops
      list[#list + 1] = order.member
    end
  end
  for _, order in ipairs(trailing) do
    if order.has_begun then plan.begun[#plan.begun + 1] = order.member end
    if order.is_changed and not order.is_gone then
      plan.texts[#plan.texts + 1], plan.texts[#plan.texts + 2] = order.member, trailing_text(order)
    end
  end
  plan.records = {}
  if #plan.begun > 0 then
    for i, text in ipairs(read_many(SYMBOL, plan.begun)) do
      local order = read_record(text)
      order.terms[TRAILING_MS] = int(market.now_ms)
      plan.records[2 * i - 1], plan.records[2 * i] = plan.begun[i], write_record(order, "NEW", int(order.updated_ms))
    end
  end
  market.triggers = plan
end

-- Writes which stops are nearest, so that a trade need not look.
local function commit_nearest(market)
  local up = redis.call("ZRANGE", STOPS, "1", "+inf", "BYSCORE", "LIMIT", "0", "1", "WITHSCORES")[2]
  local down = redis.call("ZRANGE", STOPS, "-inf", "-1", "BYSCORE", "LIMIT", "0", "1", "WITHSCORES")[2]
  market.up_ticks, market.down_ticks = tonumber(up or ""), tonumber(down or "")
  if market.down_ticks then market.down_ticks = -market.down_ticks end
  redis.call("HSET", SYMBOL, "up_ticks", market.up_ticks and int(market.up_ticks) or "",
    "down_ticks", market.down_ticks and int(market.down_ticks) or "", "trailing", int(market.trailing))
end

-- What was triggered waits in TRIGGERED for its turn to take.
function commit_triggers(market)
  local plan = market.triggers
  if not plan then return end
  commit_pages("HSET", SYMBOL, plan.records)
  commit_pages("HSET", TRAILING_ORDERS, plan.texts)
  if #plan.members == 0 then return end
  commit_pages("ZREM", STOPS, plan.stops)
  commit_pages("HDEL", TRAILING_ORDERS, plan.gone)
  commit_pages("RPUSH", TRIGGERED, plan.members)
  market.trailing = market.trailing - #plan.gone
  market.waiting = market.waiting + #plan.members
  commit_nearest(market)
end

-- Puts an order where it waits for its trigger. `order` has side, stop, bips, above and, while it trails, best.
function commit_waiting(market, order)
  if order.bips > 0 then
    redis.call("HSET", TRAILING_ORDERS, order.member, trailing_text(order))
    market.trailing = market.trailing + 1
  else
    redis.call("ZADD", STOPS, int(order.above and order.stop or -order.stop), order.member)
  end
  commit_nearest(market)
end

-- Takes orders (members) that will not be triggered away from where they wait.
function commit_not_waiting(market, members)
  if #members == 0 then return end
  redis.call("ZREM", STOPS, unpack(members))
  market.trailing = market.trailing - redis.call("HDEL", TRAILING_ORDERS, unpack(members))
  commit_nearest(market)
end

end
