#!lua
--[[
change_account: publish an account, and one of its API keys or that the key is no more.
KEYS   1 meta 2 events 3 accounts 4 api keys
ARGV   1 account 2 name 3 the name as JSON 4 key digest or "" 5 key record, "" to revoke
Reply  {"ok"}
Event  account_changed, only when something changed
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue = read_venue(KEYS[1])
local known_name = redis.call("HGET", KEYS[3], ARGV[1])
local known_record = ARGV[4] ~= "" and redis.call("HGET", KEYS[4], ARGV[4]) or ""

-- Check.
if known_name == ARGV[2] and known_record == ARGV[5] then return { "ok" } end

-- Write.
redis.call("HSET", KEYS[3], ARGV[1], ARGV[2], "name:" .. ARGV[2], ARGV[1])
if ARGV[4] ~= "" and ARGV[5] ~= "" then
  redis.call("HSET", KEYS[4], ARGV[4], ARGV[5])
elseif ARGV[4] ~= "" then
  redis.call("HDEL", KEYS[4], ARGV[4])
end
commit_venue(KEYS[1], KEYS[2], venue, "account_changed", ARGV[1] .. "," .. ARGV[3])
return { "ok" }
