-- One entry of the event stream. `body` is the JSON after the three fields that every event begins with.
-- The caller writes seq and last_ms to meta in the same script.
local function commit_event(events_key, kind, meta, body)
  local seq = int(meta.seq)
  local data = '["' .. kind .. '",' .. int(meta.epoch) .. "," .. seq .. "," .. int(meta.now_ms) .. "," .. body .. "]"
  redis.call("XADD", events_key, "0-" .. seq, "d", data)
end
