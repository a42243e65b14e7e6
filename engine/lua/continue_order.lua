#!lua flags=allow-oom
--[[
continue_order: the next step of the symbol's unfinished order, whoever's it is.
KEYS   Keys.of_market (see place_order)
ARGV   1 symbol
Reply  {"ok", seq, record, fills, 1 or 0: more steps follow}; {"ok", 0} when nothing is unfinished
Event  order_continued
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/market"
--- @include "lib/execution"
local TAIL = '^"(%u+)",(%d+),"([A-Z_]+)","(%u+)",%d+,"[^"]*",(%d+)'

-- Read.
local market = read_market(ARGV[1], "0")
if not market or not market.pending then return { "ok", 0 } end
local order = read_record(redis.call("HGET", ORDERS, market.pending))

-- Plan.
order.member = market.pending
local side, price, kind, time_in_force, quote_order = string.match(order.tail, TAIL)
order.side, order.price, order.type, order.time_in_force = side, tonumber(price), kind, time_in_force
order.quote_order = tonumber(quote_order)
local taker = {
  account = order.account, id = order.id, side = side, limit = order.price > 0 and order.price or nil,
  left = order.quote_order == 0 and order.left or nil,
}
if order.quote_order > 0 then
  taker.budget = order.quote_order - order.filled_quote
  if side == "SELL" then taker.left = order.locked / market.base_atoms_per_lot end
end
local plan = plan_match(market, taker, MAX_FILLS)
if plan.stop == "too large" then plan.stop = "capped" end -- the step ends here, the next one goes on
if plan.stop == "capped" and plan.lots == 0 then broken("continue_order: order " .. order.id .. " cannot go on") end
plan_execution(market, order, plan, order.locked)
read_ledger(market.base)
read_ledger(market.quote)
check_ledger(market.base)
check_ledger(market.quote)

-- Write.
if not plan.is_pending then redis.call("HSET", SYMBOL, "pending", "") end
if not plan.is_pending and not plan.rests then
  redis.call("HDEL", ORDERS, order.member)
  redis.call("ZREM", OPEN, open_member(order.account, market.symbol, order.member))
end
commit_execution(market, order, plan)
commit_market(market, "order_continued", plan.record .. (plan.is_pending and ",false" or ",true"))
return execution_reply(market, plan)
