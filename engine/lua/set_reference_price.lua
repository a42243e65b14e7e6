#!lua
--[[
set_reference_price: the reference price of a symbol that has it set from outside (EXTERNAL), or that it has none.
KEYS   1 meta 2 events 3 symbol
ARGV   1 symbol 2 price in 1e-8, "null" for none
Reply  {"ok", now_ms} or {"rejected", "REFERENCE_NOT_EXTERNAL"}
Event  reference_price_set
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue = read_venue(KEYS[1])
local limits = redis.call("HGET", KEYS[3], "limits") or ""

-- Check.
if not string.find(limits, " external=", 1, true) then return { "rejected", "REFERENCE_NOT_EXTERNAL" } end

-- Write.
redis.call("HSET", KEYS[3], "reference", ARGV[2] .. ":" .. int(venue.now_ms))
commit_venue(KEYS[1], KEYS[2], venue, "reference_price_set", '"' .. ARGV[1] .. '",' .. ARGV[2])
return { "ok", venue.now_ms }
