#!lua flags=allow-oom
--[[
forget_orders: drop orders that ended before a time, and their client order ids, once they are in SQL.
KEYS   1 ended 2 symbol
ARGV   1 symbol 2 time in ms 3... order ids (16 digits), at most 1,000
Reply  {"ok", how many were dropped}
Event  none: SQL answers for them from here on
Cost   O(orders)
]]
--- @include "lib/number"
--- @include "lib/order"
-- Read.
local before_ms = whole(ARGV[2])
local records = redis.call("HMGET", KEYS[1], unpack(ARGV, 3))
local members, client_fields = {}, {}
for i, text in ipairs(records) do
  local order = text and read_record(text)
  if order and order.updated_ms < before_ms then
    members[#members + 1] = ARGV[i + 2]
    client_fields[#members] = order.account .. "|" .. ARGV[1] .. "|" .. (client_id_of(order) or "")
  end
end

-- Check.
if #members == 0 then return { "ok", 0 } end

-- Plan. A client id that a newer order bears stays.
local leads_to, unused = redis.call("HMGET", KEYS[2], unpack(client_fields)), {}
for i, member in ipairs(members) do
  if leads_to[i] == member then unused[#unused + 1] = client_fields[i] end
end

-- Write.
redis.call("HDEL", KEYS[1], unpack(members))
if #unused > 0 then redis.call("HDEL", KEYS[2], unpack(unused)) end
return { "ok", #members }
