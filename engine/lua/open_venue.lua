#!lua flags=allow-oom
--[[
open_venue: begin a new epoch when the server is not the one of last time, or came back.
KEYS   1 meta 2 events
ARGV   1 identity of the server: its run id and role 2 how the caller lays data out (engine/keys.py, LAYOUT)
Reply  {"ok", epoch, how the venue's data are laid out}; nothing has changed where that is not as the caller does
Event  venue_opened, only when the identity is new
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue = read_venue(KEYS[1])
local known = redis.call("HMGET", KEYS[1], "run_id", "layout")

-- Check.
local layout = known[1] and (known[2] or "1") or ARGV[2]
if layout ~= ARGV[2] or known[1] == ARGV[1] then return { "ok", venue.epoch, layout } end

-- Plan. Later than every epoch before, also when Redis has lost its memory of them.
local real_ms = venue.mode == "virtual" and tonumber(read_clock("real", "0")) or venue.now_ms
venue.epoch = math.max(venue.epoch + 1, real_ms)

-- Write.
redis.call("HSET", KEYS[1], "run_id", ARGV[1], "layout", layout, "epoch", int(venue.epoch), "clock", venue.mode)
commit_venue(KEYS[1], KEYS[2], venue, "venue_opened", '"' .. ARGV[1] .. '"')
return { "ok", venue.epoch, layout }
