-- Who hears under a listenKey: {account, digest of the API key it was made with}; nil when there is no such name, its
-- time is over, or that API key is no more.
local function live_holder(listen_keys_key, api_keys_key, name, now_ms)
  local text = redis.call("HGET", listen_keys_key, name) or ""
  local account, digest, ends_ms = string.match(text, "^(%d+)|(%x+)|(%d+)$")
  if not account or tonumber(ends_ms) <= now_ms then return nil end
  local record = redis.call("HGET", api_keys_key, digest)
  local start = "[" .. account .. ","
  if not record or string.sub(record, 1, #start) ~= start then return nil end
  return { account = account, digest = digest }
end
