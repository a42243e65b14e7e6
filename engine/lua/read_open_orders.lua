#!lua flags=no-writes
--[[
read_open_orders: an account's open orders on some symbols, oldest first within each.
KEYS   1 open 2... symbol, of each in the order of ARGV
ARGV   1 account 2... symbols
Reply  {"ok", {record, ...}}
Cost   O(log N + M), M orders found
]]
local CHUNK = 1000

-- Read.
local records = {}
for i = 2, #ARGV do
  local start = ARGV[1] .. "|" .. ARGV[i] .. "|"
  local found = redis.call("ZRANGEBYLEX", KEYS[1], "[" .. start, "(" .. start .. "\255")
  for first = 1, #found, CHUNK do
    local members = {}
    for j = first, math.min(first + CHUNK - 1, #found) do
      members[#members + 1] = string.sub(found[j], #start + 1, #start + 16) -- without the marks behind the id
    end
    for _, record in ipairs(redis.call("HMGET", KEYS[i], unpack(members))) do records[#records + 1] = record end
  end
end
return { "ok", records }
