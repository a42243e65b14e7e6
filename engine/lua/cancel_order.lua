#!lua flags=allow-oom
--[[
cancel_order: an order leaves the book, or the place where it waits for its trigger, and what it had locked is freed.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 credential or "" 4 order id (16 digits) or "" 5 its client order id or ""
       6 the cancel's own client order id 7 the status that the order must have, or ""
Reply  {"ok", seq, record}, {"pending"} or {"rejected", why}
Event  order_canceled
Cost   O(log N), N orders on that side
]]
--- @include "lib/cascade"

-- Read.
local market, verdict = read_market(ARGV[2], "0")
if verdict then return verdict end
local order = find_by_either_id(ARGV[2], ARGV[1], ARGV[4], ARGV[5])

-- Check. Somebody else's order is as unknown as a missing one: answers must not leak ids.
local refusal = refusal_of_caller(API_KEYS, ARGV[3], ARGV[1], "T", int(market.now_ms))
if refusal then return refusal end

-- Write.
local reply = commit_cancel(market, order, ARGV[6], ARGV[7])
commit_cascade(market, MAX_STEPS)
return reply
