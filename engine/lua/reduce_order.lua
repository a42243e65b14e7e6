#!lua flags=allow-oom
--[[
reduce_order: a resting order becomes smaller and keeps its place in the queue.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 key digest or "" 4 order id (16 digits) 5 its new quantity in lots, filled part included
Reply  {"ok", seq, record}, {"pending"} or {"rejected", why}
Event  order_reduced
Cost   O(log N)
]]
--- @include "lib/market"
--- @include "lib/leaving"
-- What the order still has to lock. A market buy that trails without a stop price keeps what it has.
local function lock_of_rest(market, order)
  if order.side == "SELL" then return order.left * market.base_atoms_per_lot end
  local price = order.price > 0 and order.price or tonumber(order.terms[STOP])
  return price > 0 and math.min(order.locked, notional_ceil(market, price, order.left)) or order.locked
end

-- How often one order of the symbol may be amended, nil: as often as its owner likes.
local function most_amends(market)
  return market.limits and tonumber(string.match(market.limits, " amends=(%d+)") or "") or nil
end

-- Read.
local market, verdict = read_market(ARGV[2], "0")
if verdict then return verdict end
local order = find_open_order(ARGV[4], ARGV[1])
local lots = tonumber(ARGV[5])

-- Check.
if not key_is_good(ARGV[3], ARGV[1]) then return { "rejected", "KEY_INVALID" } end
if market.status == "BREAK" then return { "rejected", "MARKET_CLOSED" } end
if not order then return { "rejected", "UNKNOWN_ORDER" } end
local used = order.lots - order.left
if lots <= used or lots >= order.lots then return { "rejected", "FILTER_LOT_SIZE" } end
local most, amends = most_amends(market), tonumber(order.terms and order.terms[AMENDS] or "0")
if most and amends >= most then return { "rejected", "FILTER_MAX_NUM_ORDER_AMENDS" } end

-- Plan.
local leaving, shown = new_leaving(), is_working(order) and shown_of(order) or 0
order.lots, order.left = lots, lots - used
if is_iceberg(order) and is_working(order) then order.terms[VISIBLE] = int(math.min(shown, order.left)) end
local removed = is_working(order) and shown - shown_of(order) or 0
plan_shrink(market, leaving, order, removed, order.locked - lock_of_rest(market, order))
if most then
  add_terms(order)
  order.terms[AMENDS] = int(amends + 1)
end
local record = write_record(order, open_status(order), int(market.now_ms))
finish_leaving(market, leaving)

-- Write.
commit_leaving(market, leaving)
redis.call("HSET", ORDERS, order.member, record)
commit_market(market, "order_reduced", record)
return { "ok", market.seq, record }
