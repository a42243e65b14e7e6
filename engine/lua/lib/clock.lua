-- The venue's clock. A script calls it once, with the two fields of meta that it has read. Time never runs backwards
-- within a mode: a virtual clock stands at last_ms, the real one is not earlier than it.
local function read_clock(mode, last_ms)
  last_ms = tonumber(last_ms or "0")
  if mode == "virtual" then return last_ms end
  local time = redis.call("TIME")
  return math.max(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), last_ms)
end
