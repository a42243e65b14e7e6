#!lua flags=no-writes
--[[
read_depth: the best price levels of both sides with the change number they belong to.
KEYS   1 meta 2 symbol 3 bid levels 4 ask levels
ARGV   1 symbol 2 how many levels of a side
Reply  {"ok", update id, {price_ticks, lots, ...}, {price_ticks, lots, ...}, last price_ticks, next trade id}
Cost   O(log N + M), M levels found
]]
--- @include "lib/number"
local CHUNK = 1000

local function read_levels(symbol, levels, mark, limit)
  local prices, fields, flat = redis.call("ZRANGE", levels, 0, limit - 1), {}, {}
  for i, price in ipairs(prices) do fields[i] = mark .. price end
  for first = 1, #prices, CHUNK do
    local lots = redis.call("HMGET", symbol, unpack(fields, first, math.min(first + CHUNK - 1, #fields)))
    for i = 1, #lots do
      flat[#flat + 1], flat[#flat + 2] = prices[first + i - 1], lots[i]
    end
  end
  return flat
end

-- Read.
local update_id = redis.call("HGET", KEYS[1], "update_id:" .. ARGV[1])
local symbol = redis.call("HMGET", KEYS[2], "last_price_ticks", "next_trade_id")
local limit = whole(ARGV[2])
return { "ok", tonumber(update_id or "0"), read_levels(KEYS[2], KEYS[3], "b", limit),
  read_levels(KEYS[2], KEYS[4], "a", limit), symbol[1] or "0", symbol[2] or "1" }
