#!lua flags=allow-oom
--[[
continue_order: the next steps of what is unfinished on a symbol, whoever's it is: the rest of an auction or of an order
with very many fills, then the orders that were triggered.
KEYS   Keys.of_market (see place_order)
ARGV   1 symbol
Reply  {"ok", 1 or 0: steps are left}
Event  auction_matched, order_continued, order_triggered
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/auction"

-- Read.
local market, verdict = read_market(ARGV[1], "0")
if verdict and verdict[1] == "keys" then return verdict end
if not market or not market.pending then return { "ok", 1 } end
market.waiting = redis.call("LLEN", TRIGGERED)

-- Write.
if market.pending == AUCTION then
  commit_auction(market, read_auction())
else
  commit_cascade(market, MAX_FILLS)
end
return { "ok", market.pending and 0 or 1 }
