#!lua flags=no-writes
--[[
read_depth: the best price levels of both sides with the change number they belong to.
KEYS   1 symbol 2 bid levels 3 ask levels 4 bid depth 5 ask depth
ARGV   1 how many levels of a side
Reply  {"ok", update id, {price_ticks, lots, ...}, {price_ticks, lots, ...}, last price_ticks, next trade id}
Cost   O(log N + M), M levels found
]]
--- @include "lib/number"
local CHUNK = 1000

local function read_levels(levels, depth, limit)
  local prices, flat = redis.call("ZRANGE", levels, 0, limit - 1), {}
  for first = 1, #prices, CHUNK do
    local lots = redis.call("HMGET", depth, unpack(prices, first, math.min(first + CHUNK - 1, #prices)))
    for i = 1, #lots do
      flat[#flat + 1], flat[#flat + 2] = prices[first + i - 1], lots[i]
    end
  end
  return flat
end

-- Read.
local symbol = redis.call("HMGET", KEYS[1], "update_id", "last_price_ticks", "next_trade_id")
local limit = whole(ARGV[1])
return { "ok", tonumber(symbol[1] or "0"), read_levels(KEYS[2], KEYS[4], limit), read_levels(KEYS[3], KEYS[5], limit),
  symbol[2] or "0", symbol[3] or "1" }
