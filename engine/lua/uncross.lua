#!lua flags=allow-oom
--[[
uncross: end a call auction. What crosses trades at one price, then the symbol's status is TRADING.
KEYS   Keys.of_market (see place_order)
ARGV   1 symbol
Reply  {"ok", seq of its first event, price_ticks (0: nothing traded), lots, 1 or 0: steps are left}, {"pending"} or
       {"rejected", why}
Event  auction_matched, one for each step; then what its price has triggered
Cost   O(N + F log N) for F fills among N orders that cross
]]
--- @include "lib/auction"

-- Read.
local market, verdict = read_market(ARGV[1], "0")
if verdict then return verdict end
if market.status ~= "AUCTION_MATCH" then return { "rejected", "NO_AUCTION", "", "detail", market.status } end
local auction = find_auction(market.last_price)
if not auction then return { "rejected", "AMOUNT_TOO_LARGE" } end
local seq, lots = market.seq, auction.lots

-- Write.
commit_auction(market, auction)
return { "ok", seq, auction.price, lots, market.pending and 0 or 1 }
