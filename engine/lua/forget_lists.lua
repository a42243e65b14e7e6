#!lua flags=allow-oom
--[[
forget_lists: drop order lists that were done before a time, and their client order ids, once they are in SQL.
KEYS   1 lists
ARGV   1 time in ms 2... list ids, at most 1,000
Reply  {"ok", how many were dropped}
Event  none: SQL answers for them from here on
Cost   O(lists)
]]
--- @include "lib/number"
-- Read.
local before_ms = whole(ARGV[1])
local records = redis.call("HMGET", KEYS[1], unpack(ARGV, 2))
local ids, client_fields = {}, {}
for i, text in ipairs(records) do
  local updated_ms, account, client_id = string.match(text or "", '^%[%d+,(%d+),true,"%u+",(%d+),%d+,"([^"]*)"')
  if updated_ms and tonumber(updated_ms) < before_ms then
    ids[#ids + 1] = ARGV[i + 1]
    client_fields[#ids] = account .. "|" .. client_id
  end
end

-- Check.
if #ids == 0 then return { "ok", 0 } end

-- Plan. A client id that a newer list bears stays.
local leads_to, unused = redis.call("HMGET", KEYS[1], unpack(client_fields)), {}
for i, id in ipairs(ids) do
  if leads_to[i] == id then unused[#unused + 1] = client_fields[i] end
end

-- Write.
redis.call("HDEL", KEYS[1], unpack(ids))
if #unused > 0 then redis.call("HDEL", KEYS[1], unpack(unused)) end
return { "ok", #ids }
