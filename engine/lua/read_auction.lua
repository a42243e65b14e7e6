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
local s = read_fields("", "")
if not s[1] then return { "rejected", "UNKNOWN_SYMBOL" } end
local auction = find_auction(tonumber(redis.call("HGET", SYMBOL, "last_price_ticks")))
if not auction then return { "rejected", "AMOUNT_TOO_LARGE" } end
return { "ok", s[3], auction.price, auction.lots, auction.bid_lots, auction.ask_lots }
