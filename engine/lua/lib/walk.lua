--- @include "lib/market"
--- @include "lib/book"

-- The orders that a taker meets, one after the other: best price first, oldest first among equals, and the refilled
-- icebergs of a level again when the rest of its queue has been met. Symbols with another matching rule than price-time
-- meet whole levels (lib/rounds.lua).

local new_walk, next_resting, next_maker, affordable_lots

do -- A script may have 200 locals: what only this piece uses stays in here.

local LARGEST_PAGE = 200 -- orders of one redis.call

local function is_beyond(taker_is_buy, price, limit)
  return limit and (taker_is_buy and price > limit or not taker_is_buy and price < limit)
end

-- Walks the orders that stand on the other side within the taker's limit, best price first, oldest first among equals.
function new_walk(taker)
  return {
    side = other_side(taker.side), is_buy = taker.side == "BUY", limit = taker.limit, offset = 0, size = 1,
    places = {}, prices = {}, records = {}, at = 0, again = {},
  }
end

-- The next page; `stop` says why there will be none after it: "limit" or "empty".
local function read_page(walk)
  local page = redis.call("ZRANGE", walk.side.book, walk.offset, walk.offset + walk.size - 1, "WITHSCORES")
  local members = {}
  walk.places, walk.prices, walk.records, walk.at = {}, {}, {}, 0
  for i = 1, #page, 2 do
    local price = tonumber(page[i + 1]) * walk.side.sign
    if is_beyond(walk.is_buy, price, walk.limit) then
      walk.stop = "limit"
      break
    end
    walk.places[#walk.places + 1], walk.prices[#walk.prices + 1] = page[i], price
    members[#members + 1] = member_at(page[i])
  end
  if #page < 2 * walk.size then walk.stop = walk.stop or "empty" end
  if #members > 0 then walk.records = redis.call("HMGET", SYMBOL, unpack(members)) end
  walk.members, walk.offset, walk.size = members, walk.offset + walk.size, math.min(walk.size * 8, LARGEST_PAGE)
end

-- The next order in the book as it was before the step, nil when there is none.
function next_resting(walk)
  if walk.at == #walk.places then
    if walk.stop then return nil end
    read_page(walk)
    if #walk.places == 0 then return nil end
  end
  walk.at = walk.at + 1
  local order = read_record(walk.records[walk.at])
  order.member, order.place, order.price = walk.members[walk.at], walk.places[walk.at], walk.prices[walk.at]
  return order
end

-- Lots that `budget` still buys at a price: exact, since both sides of the division are whole and below 2^53.
function affordable_lots(market, budget, price)
  return math.floor(budget * market.divisor / (price * market.multiplier))
end

-- The next order to meet.
function next_maker(walk)
  local upcoming = walk.upcoming or next_resting(walk)
  local again = walk.again[1]
  if again and (not upcoming or upcoming.price ~= again.price) then
    walk.upcoming, walk.current = upcoming, table.remove(walk.again, 1)
    again.is_waiting = false
  else
    walk.upcoming, walk.current = nil, upcoming
  end
  return walk.current
end

end
