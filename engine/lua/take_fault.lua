#!lua
--[[
take_fault: whether one more request has to fail.
KEYS   1 fault
ARGV   1 Fault as JSON, as the caller knows it
Reply  {"ok", 1 if it does, how many are left}; {"ok", 0, 0} also when another fault is wanted by now
Event  none
Cost   O(1)
]]
-- Read.
local known = redis.call("HMGET", KEYS[1], "fault", "left")

-- Check.
local left = tonumber(known[2] or "0")
if known[1] ~= ARGV[1] or left <= 0 then return { "ok", 0, 0 } end

-- Write.
redis.call("HINCRBY", KEYS[1], "left", "-1")
return { "ok", 1, left - 1 }
