#!lua flags=allow-oom
--[[
open_venue: begin a new epoch when the server is not the one of last time, or came back.
KEYS   1 meta 2 events
ARGV   1 identity of the server: its run id and role
Reply  {"ok", epoch}
Event  venue_opened, only when the identity is new
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue = read_venue(KEYS[1])
local known = redis.call("HGET", KEYS[1], "run_id")

-- Check.
if known == ARGV[1] then return { "ok", venue.epoch } end

-- Plan. Later than every epoch before, also when Redis has lost its memory of them.
local real_ms = venue.mode == "virtual" and read_clock("real", "0") or venue.now_ms
venue.epoch = math.max(venue.epoch + 1, real_ms)

-- Write.
redis.call("HSET", KEYS[1], "run_id", ARGV[1], "epoch", int(venue.epoch), "clock", venue.mode)
commit_venue(KEYS[1], KEYS[2], venue, "venue_opened", '"' .. ARGV[1] .. '"')
return { "ok", venue.epoch }
