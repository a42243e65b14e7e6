#!lua flags=allow-oom
--[[
set_rate_limits: how much may be asked of the venue from here on.
KEYS   1 meta 2 events 3 counts
ARGV   1 RateLimits.text, "" for no limits 2 the same as the event's JSON 3 1: forget what has been counted; else ""
Reply  {"ok"}
Event  rate_limits_set, only when something changed
Cost   O(N), N addresses and accounts that have been counted
]]
--- @include "lib/venue"

-- Whether counts made under the one text can be read under the other: the lengths of the intervals are the same.
local function has_same_intervals(one, other)
  local INTERVALS = "^(%d+) %d+ (%d+) %d+ (%d+) %d+ (%d+) "
  local a, b, c, d = string.match(one, INTERVALS)
  local e, f, g, h = string.match(other, INTERVALS)
  return a == e and b == f and c == g and d == h
end

-- Read.
local venue, known = read_venue(KEYS[1]), redis.call("HGET", KEYS[1], "rate_limits") or ""

-- Write.
if ARGV[3] ~= "" or not has_same_intervals(known, ARGV[1]) then redis.call("DEL", KEYS[3]) end
if known == ARGV[1] then return { "ok" } end
if ARGV[1] == "" then
  redis.call("HDEL", KEYS[1], "rate_limits")
else
  redis.call("HSET", KEYS[1], "rate_limits", ARGV[1])
end
commit_venue(KEYS[1], KEYS[2], venue, "rate_limits_set", ARGV[2])
return { "ok" }
