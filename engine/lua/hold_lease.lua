#!lua flags=allow-oom
--[[
hold_lease: the holder of a lease prolongs it or gives it up, and tells how far it has come, in one write.
KEYS   1 lease 2 readers
ARGV   1 the holder's token 2 how long the lease goes on in ms, 0 to give it up 3 reader 4 its position "" or JSON
Reply  {"ok", 1}, or {"ok", 0} when somebody else holds the lease or nobody does: nothing was written
Event  none
Cost   O(1)
]]
-- Read.
local holder = redis.call("GET", KEYS[1])

-- Check.
if holder ~= ARGV[1] then return { "ok", 0 } end

-- Write.
if ARGV[4] ~= "" then redis.call("HSET", KEYS[2], ARGV[3], ARGV[4]) end
if ARGV[2] == "0" then
  redis.call("DEL", KEYS[1])
else
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
end
return { "ok", 1 }
