--- @include "lib/number"
--- @include "lib/clock"
--- @include "lib/event"

-- The venue's counters with the clock read, for commands that belong to no symbol. `seq` is the command's own.
local function read_venue(meta_key)
  local fields = redis.call("HMGET", meta_key, "clock", "last_ms", "seq", "epoch")
  return {
    mode = fields[1] or "real",
    now_ms = tonumber(read_clock(fields[1], fields[2])),
    seq = tonumber(fields[3] or "0") + 1,
    epoch = tonumber(fields[4] or "0"),
  }
end

local function commit_venue(meta_key, events_key, venue, kind, body)
  redis.call("HSET", meta_key, "last_ms", int(venue.now_ms), "seq", int(venue.seq))
  commit_event(events_key, kind, venue, body)
end
