#!lua flags=allow-oom
--[[
set_account_limits: what an account may do beyond what symbols allow; also the kill switch.
KEYS   1 meta 2 events
ARGV   1 account 2 AccountLimits.limits, "" for none 3 the same as the event's JSON
Reply  {"ok"}
Event  account_limits_set, only when something changed
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue, field = read_venue(KEYS[1]), "limits:" .. ARGV[1]
local known = redis.call("HGET", KEYS[1], field) or ""

-- Check.
if known == ARGV[2] then return { "ok" } end

-- Write.
if ARGV[2] == "" then
  redis.call("HDEL", KEYS[1], field)
else
  redis.call("HSET", KEYS[1], field, ARGV[2])
end
commit_venue(KEYS[1], KEYS[2], venue, "account_limits_set", ARGV[1] .. "," .. ARGV[3])
return { "ok" }
