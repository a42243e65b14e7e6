#!lua flags=allow-oom
--[[
continue_order: the next steps of what is unfinished on a symbol, whoever's it is: the rest of an order with very many
fills, then the orders that were triggered.
KEYS   Keys.of_market (see place_order)
ARGV   1 symbol
Reply  {"ok", 1 or 0: steps are left}
Event  order_continued, order_triggered
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/cascade"

-- Read.
local market, verdict = read_market(ARGV[1], "0")
if verdict and verdict[1] == "keys" then return verdict end
if not market or not market.pending then return { "ok", 1 } end
market.waiting = redis.call("LLEN", TRIGGERED)

-- Write.
commit_cascade(market, MAX_FILLS)
return { "ok", market.pending and 0 or 1 }
