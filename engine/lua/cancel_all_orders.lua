#!lua flags=allow-oom
--[[
cancel_all_orders: every open order of an account on a symbol leaves the book, oldest first, 500 in one command and
only as many as free less than 2^53 atoms.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 credential or ""
Reply  {"ok", seq, {record, ...}, 1 or 0: more are open}, {"pending"} or {"rejected", why}
Event  orders_canceled
Cost   O(M log N), M orders cancelled of N
]]
--- @include "lib/cascade"
local MAX_ORDERS = 500

-- Read.
local account, symbol = ARGV[1], ARGV[2]
local market, verdict = read_market(symbol, "0")
if verdict then return verdict end
local start = account .. "|" .. symbol .. "|"
local found = redis.call("ZRANGEBYLEX", OPEN, "[" .. start, "(" .. start .. "\255", "LIMIT", 0, MAX_ORDERS + 1)

-- Check.
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", int(market.now_ms))
if refusal then return refusal end
if #found == 0 then return { "rejected", "UNKNOWN_ORDER" } end

-- Plan.
local leaving, records, freed = new_leaving(), {}, { BUY = 0, SELL = 0 }
for i = 1, math.min(#found, MAX_ORDERS) do
  local order = find_open_order(string.sub(found[i], #start + 1, #start + 16), account)
  freed[order.side] = freed[order.side] + order.locked
  if freed[order.side] >= EXACT then break end
  records[i] = plan_end(market, leaving, order, "CANCELED")
end
finish_leaving(market, leaving)

-- Write.
commit_leaving(market, leaving)
commit_market(market, "orders_canceled", "[" .. table.concat(records, ",") .. "]")
local seq = market.seq
commit_cascade(market, MAX_STEPS)
return { "ok", seq, records, #records == #found and 1 or 0 }
