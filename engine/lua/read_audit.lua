#!lua flags=no-writes
--[[
read_audit: everything of a venue that can be recounted, as raw text: sums are made where numbers have no limit.
KEYS   1 meta 2 open 3 client ids; then of each symbol: symbol, bids, asks, bid levels, ask levels, bid depth,
       ask depth, orders, stops, trailing, triggered, lists; then of each asset: balances
ARGV   1... symbols
Reply  {"ok", next order id, open members, {symbol, ...}, {balances, ...}}; a symbol is {pending, bids, asks,
       bid levels, ask levels, bid depth, ask depth, orders, {id that the order's client id leads to or "", ...},
       stops, trailing, triggered, up_ticks, down_ticks, how many trail, lists}
Cost   O(N), N orders, levels and balances
]]
--- @include "lib/number"
--- @include "lib/order"
local CHUNK = 1000
local KEYS_OF_SYMBOL = 12

-- The order id that each open order's client id leads to, in the order of `orders` (a flat HGETALL).
local function read_client_ids(symbol, orders)
  local fields, ids = {}, {}
  for i = 2, #orders, 2 do
    local order = read_record(orders[i])
    fields[#fields + 1] = order.account .. "|" .. symbol .. "|" .. (client_id_of(order) or "")
  end
  for first = 1, #fields, CHUNK do
    local found = redis.call("HMGET", KEYS[3], unpack(fields, first, math.min(first + CHUNK - 1, #fields)))
    for i = 1, #found do ids[#ids + 1] = found[i] or "" end
  end
  return ids
end

-- Read.
local symbols, balances = {}, {}
for i = 1, #ARGV do
  local k = 3 + (i - 1) * KEYS_OF_SYMBOL
  local orders = redis.call("HGETALL", KEYS[k + 8])
  local fields = redis.call("HMGET", KEYS[k + 1], "pending", "up_ticks", "down_ticks", "trailing")
  symbols[i] = {
    fields[1] or "",
    redis.call("ZRANGE", KEYS[k + 2], 0, -1, "WITHSCORES"), redis.call("ZRANGE", KEYS[k + 3], 0, -1, "WITHSCORES"),
    redis.call("ZRANGE", KEYS[k + 4], 0, -1, "WITHSCORES"), redis.call("ZRANGE", KEYS[k + 5], 0, -1, "WITHSCORES"),
    redis.call("HGETALL", KEYS[k + 6]), redis.call("HGETALL", KEYS[k + 7]), orders, read_client_ids(ARGV[i], orders),
    redis.call("ZRANGE", KEYS[k + 9], 0, -1, "WITHSCORES"), redis.call("HGETALL", KEYS[k + 10]),
    redis.call("LRANGE", KEYS[k + 11], 0, -1), fields[2] or "", fields[3] or "", fields[4] or "0",
    redis.call("HGETALL", KEYS[k + 12]),
  }
end
for i = 4 + #ARGV * KEYS_OF_SYMBOL, #KEYS do balances[#balances + 1] = redis.call("HGETALL", KEYS[i]) end
return { "ok", redis.call("HGET", KEYS[1], "next_order_id") or "1", redis.call("ZRANGE", KEYS[2], 0, -1), symbols,
  balances }
