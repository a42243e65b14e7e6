#!lua flags=allow-oom
--[[
set_conversion: what the discount asset is worth in another one for fees, whatever markets say.
KEYS   1 meta 2 events
ARGV   1 discount asset 2 asset 3 four numbers "a,b,c,d": c * d atoms of the asset are worth a * b; "": ask the markets
       4 the price in 1e-8
Reply  {"ok"}
Event  conversion_set, only when something changed
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue, field = read_venue(KEYS[1]), "conversion:" .. ARGV[1] .. "|" .. ARGV[2]
local known = redis.call("HGET", KEYS[1], field) or ""

-- Check.
if known == ARGV[3] then return { "ok" } end

-- Write.
if ARGV[3] == "" then redis.call("HDEL", KEYS[1], field) else redis.call("HSET", KEYS[1], field, ARGV[3]) end
commit_venue(KEYS[1], KEYS[2], venue, "conversion_set", '"' .. ARGV[1] .. '","' .. ARGV[2] .. '",' .. ARGV[4])
return { "ok" }
