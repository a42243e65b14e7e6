#!lua flags=allow-oom
--[[
clear_market: cancel every open order of a symbol and forget its trades, candles and ended orders.
KEYS   Keys.of_market (see place_order), 27 tape bids 28 tape asks 29 tape touched 30 candles
ARGV   1 symbol
Reply  {"ok", seq} or {"pending"}
Event  market_cleared
Cost   O(N), N orders open and ended
]]
--- @include "lib/market"
local TAIL = '^"(%u+)",%d+,"[A-Z_]+","%u+",%d+,"([^"]*)"'
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
local open, ended = redis.call("HGETALL", ORDERS), redis.call("HGETALL", ENDED)

-- Plan.
local closed, client_fields = {}, {}
local ledgers = { BUY = { market.quote }, SELL = { market.base } }
for i = 1, #open, 2 do
  local order = read_record(open[i + 1])
  local side = string.match(order.tail, TAIL)
  plan_return(ledgers[side], order)
  order.member = open[i]
  closed[#closed + 1] = open_member(market.symbol, order)
end
for _, list in ipairs({ open, ended }) do
  for i = 1, #list, 2 do
    local order = read_record(list[i + 1])
    local _, client_id = string.match(order.tail, TAIL)
    client_fields[#client_fields + 1] = order.account .. "|" .. market.symbol .. "|" .. client_id
  end
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
commit_removals("HDEL", CLIENT_IDS, client_fields)
redis.call("DEL", KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], ORDERS, ENDED, TRADES,
  KEYS[27], KEYS[28], KEYS[29], KEYS[30], STOPS, TRAILING_ORDERS,
  LISTS)
redis.call("HSET", SYMBOL, "last_price_ticks", "0", "up_ticks", "", "down_ticks", "", "trailing", "0",
  "price_window", "", "buckets", "")
redis.call("HSET", META, "last_ms", int(market.now_ms), "seq", int(market.seq),
  "update_id:" .. market.symbol, int(market.update_id + 1), "changed_ms:" .. market.symbol, "0")
commit_event(EVENTS, "market_cleared", market, '["' .. market.symbol .. '"]')
return { "ok", market.seq }
