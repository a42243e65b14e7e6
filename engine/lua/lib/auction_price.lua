--- @include "lib/entry"
--- @include "lib/order"
--- @include "lib/pages"

-- The price of a call auction: the one at which most lots trade; of several the one that leaves least unmatched on one
-- side; of those the one nearest to the last price; of two as near, or where nothing was ever traded, the lower one.
-- Parts of icebergs that the book does not show count. Reads all orders that may cross.

local find_auction

do -- A script may have 200 locals: what only this piece uses stays in here.

local function best_price(side)
  local signed = redis.call("ZRANGE", side.book, "0", "0", "WITHSCORES")[2]
  return signed and side.sign * tonumber(signed)
end

-- Levels {price, lots} of a side as far as `limit`, best first, and the lots of all of them.
local function read_crossing(side, limit)
  local found = redis.call("ZRANGE", side.book, "-inf", int(side.sign * limit), "BYSCORE", "WITHSCORES")
  local members, levels, total = {}, {}, 0
  for i = 1, #found, 2 do members[#members + 1] = member_at(found[i]) end
  for i, text in ipairs(read_many(SYMBOL, members)) do
    local price, lots, level = side.sign * tonumber(found[2 * i]), read_record(text).left, levels[#levels]
    if not level or level.price ~= price then
      level = { price = price, lots = 0 }
      levels[#levels + 1] = level
    end
    level.lots, total = level.lots + lots, total + lots
  end
  return levels, total
end

-- Every price at which somebody stands, lowest first.
local function prices_of(bids, asks)
  local prices, is_known = {}, {}
  for _, levels in ipairs({ bids, asks }) do
    for _, level in ipairs(levels) do
      if not is_known[level.price] then prices[#prices + 1] = level.price end
      is_known[level.price] = true
    end
  end
  table.sort(prices)
  return prices
end

local function is_better(one, other)
  if one.lots ~= other.lots then return one.lots > other.lots end
  if one.surplus ~= other.surplus then return one.surplus < other.surplus end
  if one.distance ~= other.distance then return one.distance < other.distance end
  return one.price < other.price
end

-- {price, lots, bid_lots, ask_lots}: what would trade at which price, and what each side would bring. 0 for all when
-- the book is not crossed; nil when the lots of a side cannot be counted exactly.
function find_auction(last_price)
  local best = { price = 0, lots = 0, bid_lots = 0, ask_lots = 0, surplus = 0, distance = 0 }
  local best_bid, best_ask = best_price(BID), best_price(ASK)
  if not best_bid or not best_ask or best_bid < best_ask then return best end
  local bids, wanted = read_crossing(BID, best_ask)
  local asks, total = read_crossing(ASK, best_bid)
  if wanted >= EXACT or total >= EXACT then return nil end
  local offered, bid_at, ask_at, before = 0, #bids, 1, nil
  local function consider(price)
    local one = { price = price, lots = math.min(wanted, offered), bid_lots = wanted, ask_lots = offered }
    one.surplus, one.distance = math.abs(wanted - offered), math.abs(price - last_price)
    if is_better(one, best) then best = one end
  end
  for _, price in ipairs(prices_of(bids, asks)) do
    while bids[bid_at] and bids[bid_at].price < price do
      wanted, bid_at = wanted - bids[bid_at].lots, bid_at - 1
    end
    -- Between two prices nothing changes: of those in there only the nearest to the last price counts.
    if before and price - before > 1 then consider(math.min(math.max(last_price, before + 1), price - 1)) end
    while asks[ask_at] and asks[ask_at].price <= price do
      offered, ask_at = offered + asks[ask_at].lots, ask_at + 1
    end
    consider(price)
    before = price
  end
  return best
end

end
