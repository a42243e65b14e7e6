#!lua flags=allow-oom
--[[
set_fault: what a tester wants requests to fail with from here on.
KEYS   1 meta 2 events 3 fault
ARGV   1 Fault as JSON, "" for none 2 the same as the event has it: "null" for none 3 how many requests
Reply  {"ok"}
Event  fault_set, only when something changed
Cost   O(1)
]]
--- @include "lib/venue"

-- Read.
local venue, known = read_venue(KEYS[1]), redis.call("HGET", KEYS[3], "fault") or ""

-- Write.
if ARGV[1] == "" then
  redis.call("DEL", KEYS[3])
else
  redis.call("HSET", KEYS[3], "fault", ARGV[1], "left", ARGV[3])
end
if known == ARGV[1] then return { "ok" } end
commit_venue(KEYS[1], KEYS[2], venue, "fault_set", ARGV[2])
return { "ok" }
