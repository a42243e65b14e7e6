#!lua flags=no-writes
--[[
read_order: an order, open or ended, by its id or by its client order id (then the newest of that id), or by both.
KEYS   1 symbol 2 ended
ARGV   1 account 2 symbol 3 order id (16 digits) or "" 4 client order id or ""
Reply  {"ok", record}, the record "" when there is no such order of this account
Cost   O(1)
]]
--- @include "lib/number"
--- @include "lib/order"
-- Read.
local member, client_id = ARGV[3], ARGV[4]
if member == "" then
  member = redis.call("HGET", KEYS[1], ARGV[1] .. "|" .. ARGV[2] .. "|" .. client_id) or ""
  client_id = ""
end
local record = redis.call("HGET", KEYS[1], member) or redis.call("HGET", KEYS[2], member)
if not record then return { "ok", "" } end
local order = read_record(record)
if order.account ~= ARGV[1] or client_id ~= "" and client_id_of(order) ~= client_id then return { "ok", "" } end
return { "ok", record }
