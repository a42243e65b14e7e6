#!lua flags=no-writes
--[[
read_auction: what a call auction would trade now.
KEYS   Keys.of_market (see place_order)
ARGV   1 symbol
Reply  {"ok", status, price_ticks (0: nothing crosses), lots that would trade, lots of bids, of asks at that price} or
       {"rejected", why}
Cost   O(N) for N orders that cross
]]
--- @include "lib/auction_price"

-- Read.
local symbol = redis.call("HMGET", SYMBOL, "status", "last_price_ticks")
if not symbol[1] then return { "rejected", "UNKNOWN_SYMBOL" } end
local auction = find_auction(tonumber(symbol[2]))
if not auction then return { "rejected", "AMOUNT_TOO_LARGE" } end
return { "ok", symbol[1], auction.price, auction.lots, auction.bid_lots, auction.ask_lots }
