#!lua
--[[
set_trade_group: put an account into a trade group, whose members self-trade prevention keeps from trading together.
KEYS   1 meta 2 events 3 trade groups
ARGV   1 account 2 trade group, -1 for none
Reply  {"ok"}
Event  trade_group_set, only when something changed
Cost   O(M), M accounts in either group
]]
--- @include "lib/venue"

-- The accounts of a group as text without one of them.
local function members_without(group, account)
  local members = redis.call("HGET", KEYS[3], "#" .. group) or "|"
  return (string.gsub(members, "|" .. account .. "|", "|"))
end

-- Read.
local account, group = ARGV[1], ARGV[2]
local venue = read_venue(KEYS[1])
local before = redis.call("HGET", KEYS[3], account) or "-1"
if before == group then return { "ok" } end
local left, joined = members_without(before, account), members_without(group, account) .. account .. "|"

-- Write.
if left == "|" then
  redis.call("HDEL", KEYS[3], "#" .. before)
elseif before ~= "-1" then
  redis.call("HSET", KEYS[3], "#" .. before, left)
end
if group == "-1" then
  redis.call("HDEL", KEYS[3], account)
else
  redis.call("HSET", KEYS[3], account, group, "#" .. group, joined)
end
commit_venue(KEYS[1], KEYS[2], venue, "trade_group_set", account .. "," .. group)
return { "ok" }
