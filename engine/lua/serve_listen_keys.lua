#!lua
--[[
serve_listen_keys: a tester says whether there are listenKeys, whatever the exchange was started with.
KEYS   1 listen keys
ARGV   1 "1": they are gone, as Binance's are; "0": they are served
Reply  {"ok"}
Event  none
Cost   O(1)
]]
-- Read.
-- Write.
redis.call("HSET", KEYS[1], "#gone", ARGV[1])
return { "ok" }
