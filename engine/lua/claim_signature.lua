#!lua
--[[
claim_signature: what was signed may be executed, once. It is remembered until its time is over on the venue's clock.
KEYS   1 meta 2 signatures
ARGV   1 digest of what was signed 2 until when (ms) it may be executed
Reply  {"ok", "new"}, {"ok", "used"}, or {"ok", "late"}: its time is over, or what was signed for that time is forgotten
Event  none
Cost   O(log N), N signatures of a minute
]]
--- @include "lib/clock"

-- Read.
local fields = redis.call("HMGET", KEYS[1], "clock", "last_ms")
local now = read_clock(fields[1], fields[2])
local forgotten = redis.call("ZSCORE", KEYS[2], "#forgotten") or "0"

-- Check. A clock that was set back brings back the time, but not what is forgotten.
if is_more(now, ARGV[2]) or not is_more(ARGV[2], forgotten) then return { "ok", "late" } end
if redis.call("ZSCORE", KEYS[2], ARGV[1]) then return { "ok", "used" } end

-- Write.
local gone = redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", "(" .. now)
if gone > (forgotten == "0" and 0 or 1) then forgotten = now end
if gone > 0 then redis.call("ZADD", KEYS[2], forgotten, "#forgotten") end
redis.call("ZADD", KEYS[2], ARGV[2], ARGV[1])
return { "ok", "new" }
