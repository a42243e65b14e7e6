#!lua flags=no-writes
--[[
read_clock: the venue's time and how far its history is.
KEYS   1 meta
Reply  {"ok", now_ms, mode, epoch, seq}
Cost   O(1)
]]
--- @include "lib/venue"
-- Read.
local venue = read_venue(KEYS[1])
return { "ok", venue.now_ms, venue.mode, venue.epoch, venue.seq - 1 }
