--- @include "lib/number"

-- The venue's clock. A script calls it once, with the two fields of meta that it has read. Time never runs backwards
-- within a mode: a virtual clock stands at last_ms, the real one is not earlier than it. The milliseconds are a text:
-- many commands pass them on as they are.
local function read_clock(mode, last_ms)
  if mode == "virtual" then return last_ms or "0" end
  local time = redis.call("TIME")
  local now = time[1] .. string.sub("00000" .. time[2], -6, -4)
  return last_ms and is_more(last_ms, now) and last_ms or now
end
