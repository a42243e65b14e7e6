#!lua flags=allow-oom
--[[
set_signatures: whether what was signed is executed once, from here on. What was remembered is forgotten.
KEYS   1 meta 2 events 3 signatures
ARGV   1 "1": once; "0": as often as it is sent, as at Binance 2 the same as the event has it: true or false
Reply  {"ok"}
Event  signatures_set
Cost   O(N), N signatures of a minute
]]
--- @include "lib/venue"

-- Read.
local venue = read_venue(KEYS[1])

-- Write.
redis.call("DEL", KEYS[3])
redis.call("HSET", KEYS[1], "signatures_once", ARGV[1])
commit_venue(KEYS[1], KEYS[2], venue, "signatures_set", ARGV[2])
return { "ok" }
