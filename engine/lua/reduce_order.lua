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
-- Read.
local market, verdict = read_market(ARGV[2], "0")
if verdict then return verdict end
local order = find_open_order(ARGV[4], ARGV[1])
local lots = tonumber(ARGV[5])

-- Check.
if not key_is_good(ARGV[3], ARGV[1]) then return { "rejected", "KEY_INVALID" } end
if not order then return { "rejected", "UNKNOWN_ORDER" } end
local filled = order.lots - order.left
if lots <= filled or lots >= order.lots then return { "rejected", "FILTER_LOT_SIZE" } end

-- Plan.
local leaving, removed = new_leaving(), order.lots - lots
order.lots, order.left = lots, lots - filled
local locked = order.side == "BUY" and notional_ceil(market, order.price, order.left)
  or order.left * market.base_atoms_per_lot
plan_shrink(market, leaving, order, removed, order.locked - locked)
local record = write_record(order, filled > 0 and "PARTIALLY_FILLED" or "NEW", int(market.now_ms))
finish_leaving(market, leaving)

-- Write.
commit_leaving(market, leaving)
redis.call("HSET", ORDERS, order.member, record)
commit_market(market, "order_reduced", record)
return { "ok", market.seq, record }
