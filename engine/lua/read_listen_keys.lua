#!lua flags=no-writes
--[[
read_listen_keys: who hears under these names now.
KEYS   1 meta 2 listen keys 3 api keys
ARGV   1 1: Binance has none any more, unless a tester says otherwise 2... listenKeys
Reply  {"ok", now_ms, {account or "", digest or "", ...} two for each listenKey: both empty when nobody does}
Cost   O(listenKeys)
]]
--- @include "lib/venue"
--- @include "lib/listen_keys"
-- Read.
local venue = read_venue(KEYS[1])
local is_gone = (redis.call("HGET", KEYS[2], "#gone") or ARGV[1]) == "1"
local holders = {}
for number = 2, #ARGV do
  local holder = not is_gone and live_holder(KEYS[2], KEYS[3], ARGV[number], venue.now_ms)
  holders[#holders + 1] = holder and holder.account or ""
  holders[#holders + 1] = holder and holder.digest or ""
end
return { "ok", venue.now_ms, holders }
