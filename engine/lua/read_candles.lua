#!lua flags=no-writes
--[[
read_candles: some candles of a symbol and the trades that they do not contain yet.
KEYS   1 candles 2 trades
ARGV   1... fields, at most 2000
Reply  {"ok", time of the first trade or false, newest trade contained or false, {candle or false of each field},
       {entry of {v}:trades, ...} at most 5000, oldest first}
Cost   O(fields + trades)
]]
local MOST_ENTRIES = 5000

-- Read.
local known = redis.call("HMGET", KEYS[1], "#first", "#last")
local start = "-"
if known[2] then start = "0-" .. string.format("%d", tonumber(string.match(known[2], "^%[(%d+),")) + 1) end
local candles = #ARGV > 0 and redis.call("HMGET", KEYS[1], unpack(ARGV)) or {}
return { "ok", known[1], known[2], candles, redis.call("XRANGE", KEYS[2], start, "+", "COUNT", MOST_ENTRIES) }
