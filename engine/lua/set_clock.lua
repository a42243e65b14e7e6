#!lua flags=allow-oom
--[[
set_clock: follow the machine's clock ("real") or stand at a given time ("virtual").
KEYS   1 meta 2 events 3 counts of requests and orders
ARGV   1 mode 2 now_ms (virtual) 3... every symbol of the venue
Reply  {"ok", now_ms} or {"rejected", "CLOCK_BACKWARDS"}
Event  clock_set
Cost   O(symbols)
]]
--- @include "lib/venue"
-- Read.
local venue = read_venue(KEYS[1])
local changed_ms, before_ms = 0, venue.now_ms
for i = 3, #ARGV do
  changed_ms = math.max(changed_ms, tonumber(redis.call("HGET", KEYS[1], "changed_ms:" .. ARGV[i]) or "0"))
end

-- Check. Nothing of the market may be later than the new time.
if ARGV[1] == "virtual" then
  venue.now_ms = whole(ARGV[2])
elseif venue.mode == "virtual" then
  venue.now_ms = tonumber(read_clock("real", "0"))
end
if changed_ms > venue.now_ms then return { "rejected", "CLOCK_BACKWARDS" } end

-- Write.
if venue.now_ms < before_ms then redis.call("DEL", KEYS[3]) end -- what was counted in windows that are to come
redis.call("HSET", KEYS[1], "clock", ARGV[1])
commit_venue(KEYS[1], KEYS[2], venue, "clock_set", '"' .. ARGV[1] .. '"')
return { "ok", venue.now_ms }
