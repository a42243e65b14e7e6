#!lua flags=no-writes
--[[
read_balances: an account's money in some assets.
KEYS   balances, of each asset
ARGV   1 account
Reply  {"ok", {free or "", locked or "", ...}}
Cost   O(assets)
]]
-- Read.
local flat = {}
for i = 1, #KEYS do
  local pair = redis.call("HMGET", KEYS[i], ARGV[1] .. ":free", ARGV[1] .. ":locked")
  flat[2 * i - 1], flat[2 * i] = pair[1] or "", pair[2] or ""
end
return { "ok", flat }
