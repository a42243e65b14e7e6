#!lua flags=no-writes
--[[
read_audit: everything of a venue that can be recounted, as raw text: sums are made where numbers have no limit.
KEYS   1 meta 2 open; then of each symbol: symbol, bids, asks, bid levels, ask levels, stops, trailing, triggered,
       lists; then of each asset: balances
ARGV   1... symbols
Reply  {"ok", next order id, open members, {symbol, ...}, {balances, ...}}; a symbol is {pending, bids, asks,
       bid levels, ask levels, bid depth, ask depth, orders, {id that the order's client id leads to or "", ...},
       stops, trailing, triggered, up_ticks, down_ticks, how many trail, lists}
Cost   O(N), N orders, levels and balances
]]
--- @include "lib/number"
--- @include "lib/order"
--- @include "lib/fields"
local KEYS_OF_SYMBOL = 9

-- The fields of a symbol's hash by kind, each a flat list as HGETALL has it.
local function sorted_fields(flat)
  local found = { order = {}, bid = {}, ask = {}, ["client id"] = {} }
  for i = 1, #flat, 2 do
    local kind, name = kind_of_field(flat[i])
    local list = kind and found[kind]
    if list then list[#list + 1], list[#list + 2] = name, flat[i + 1] end
  end
  return found
end

-- The order id that each open order's client id leads to, in the order of `orders`; both are flat.
local function ids_of_names(symbol, orders, client_ids)
  local known, ids = {}, {}
  for i = 1, #client_ids, 2 do known[client_ids[i]] = client_ids[i + 1] end
  for i = 2, #orders, 2 do
    local order = read_record(orders[i])
    ids[#ids + 1] = known[order.account .. "|" .. symbol .. "|" .. (client_id_of(order) or "")] or ""
  end
  return ids
end

-- Read.
local symbols, balances = {}, {}
for i = 1, #ARGV do
  local k = 2 + (i - 1) * KEYS_OF_SYMBOL
  local found = sorted_fields(redis.call("HGETALL", KEYS[k + 1]))
  local fields = redis.call("HMGET", KEYS[k + 1], "pending", "up_ticks", "down_ticks", "trailing")
  symbols[i] = {
    fields[1] or "",
    redis.call("ZRANGE", KEYS[k + 2], 0, -1, "WITHSCORES"), redis.call("ZRANGE", KEYS[k + 3], 0, -1, "WITHSCORES"),
    redis.call("ZRANGE", KEYS[k + 4], 0, -1, "WITHSCORES"), redis.call("ZRANGE", KEYS[k + 5], 0, -1, "WITHSCORES"),
    found.bid, found.ask, found.order, ids_of_names(ARGV[i], found.order, found["client id"]),
    redis.call("ZRANGE", KEYS[k + 6], 0, -1, "WITHSCORES"), redis.call("HGETALL", KEYS[k + 7]),
    redis.call("LRANGE", KEYS[k + 8], 0, -1), fields[2] or "", fields[3] or "", fields[4] or "0",
    redis.call("HGETALL", KEYS[k + 9]),
  }
end
for i = 3 + #ARGV * KEYS_OF_SYMBOL, #KEYS do balances[#balances + 1] = redis.call("HGETALL", KEYS[i]) end
return { "ok", redis.call("HGET", KEYS[1], "next_order_id") or "1", redis.call("ZRANGE", KEYS[2], 0, -1), symbols,
  balances }
