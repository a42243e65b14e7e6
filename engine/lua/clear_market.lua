#!lua flags=allow-oom
--[[
clear_market: cancel every open order of a symbol and forget its trades, candles and ended orders.
KEYS   Keys.of_market (see place_order), 23 tape bids 24 tape asks 25 tape touched 26 candles
ARGV   1 symbol
Reply  {"ok", seq} or {"pending"}
Event  market_cleared
Cost   O(N), N orders open and ended
]]
--- @include "lib/market"
--- @include "lib/fields"
local CHUNK = 1000

local function commit_removals(command, key, members)
  for first = 1, #members, CHUNK do
    redis.call(command, key, unpack(members, first, math.min(first + CHUNK - 1, #members)))
  end
end

-- Counts what an order gets back. A ledger's sums stay exact: before one could pass 2^53 another goes on.
local function plan_return(ledgers, order)
  local ledger = ledgers[#ledgers]
  if (ledger.moved or 0) + order.locked >= EXACT then
    ledger = new_ledger(ledger.asset, ledger.key)
    ledger.adds = true
    ledgers[#ledgers + 1] = ledger
  end
  ledger.moved = (ledger.moved or 0) + order.locked
  move(ledger, order.account, order.locked, -order.locked)
end

-- Read.
local market, verdict = read_market(ARGV[1], "0")
if verdict then return verdict end
local fields = redis.call("HGETALL", SYMBOL)

-- Plan.
local closed, gone = {}, {} -- of OPEN, of SYMBOL
local ledgers = { BUY = { market.quote }, SELL = { market.base } }
for i = 1, #fields, 2 do
  local kind = kind_of_field(fields[i])
  if kind == "order" then
    local order = read_record(fields[i + 1])
    plan_return(ledgers[side_and_price(order)], order)
    order.member = fields[i]
    closed[#closed + 1] = open_member(market.symbol, order)
  end
  if kind then gone[#gone + 1] = fields[i] end
end
for _, side in ipairs({ "BUY", "SELL" }) do
  for _, ledger in ipairs(ledgers[side]) do
    read_ledger(ledger)
    check_ledger(ledger)
  end
end

-- Write.
for _, side in ipairs({ "BUY", "SELL" }) do
  for _, ledger in ipairs(ledgers[side]) do commit_ledger(ledger) end
end
commit_removals("ZREM", OPEN, closed)
commit_removals("HDEL", SYMBOL, gone)
redis.call("DEL", KEYS[5], KEYS[6], KEYS[7], KEYS[8], ENDED, TRADES, KEYS[23], KEYS[24], KEYS[25], KEYS[26], STOPS,
  TRAILING_ORDERS, LISTS)
redis.call("HSET", SYMBOL, "last_price_ticks", "0", "up_ticks", "", "down_ticks", "", "trailing", "0",
  "price_window", "", "buckets", "")
redis.call("HSET", META, "last_ms", int(market.now_ms), "seq", int(market.seq),
  "update_id:" .. market.symbol, int(market.update_id + 1), "changed_ms:" .. market.symbol, "0")
commit_event(EVENTS, "market_cleared", market, '["' .. market.symbol .. '"]')
return { "ok", market.seq }
