#!lua flags=no-writes
--[[
read_unfilled_orders: how many orders of an account count in the intervals that run.
KEYS   1 meta 2 counts
ARGV   1 account
Reply  {"ok", "0 0 <short> <long>"}, zeros where the venue has no limits
Cost   O(1)
]]
--- @include "lib/clock"
--- @include "lib/counts"
-- Read.
local fields = redis.call("HMGET", KEYS[1], "clock", "last_ms", "rate_limits")
if not fields[3] then return { "ok", "0 0 0 0" } end
local now_ms, text = tonumber(read_clock(fields[1], fields[2])), redis.call("HGET", KEYS[2], "account:" .. ARGV[1])
local owner = new_owner(read_limits(fields[3]), ARGV[1], text, now_ms)
return { "ok", counts_of({ weight = 0, requests = 0 }, owner) }
