-- Who hears under a listenKey: {account, digest of the API key it was made with}; nil when there is no such name, its
-- time is over, or that API key is no more or may not read.
local function live_holder(listen_keys_key, api_keys_key, name, now_ms)
  local text = redis.call("HGET", listen_keys_key, name) or ""
  local account, digest, ends_ms = string.match(text, "^(%d+)|(%x+)|(%d+)$")
  if not account or tonumber(ends_ms) <= now_ms then return nil end
  local owner, permissions = string.match(redis.call("HGET", api_keys_key, digest) or "", '^%[(%d+),"(%u*)"')
  if owner ~= account or not string.find(permissions, "R", 1, true) then return nil end
  return { account = account, digest = digest }
end
