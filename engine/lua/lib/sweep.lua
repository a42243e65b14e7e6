--- @include "lib/counts"

-- Whether a field says nothing any more that a missing one does not.
local function is_over(limits, field, text, now_ms)
  local n = numbers_in(text)
  if string.sub(field, 1, 3) ~= "ip:" then
    return n[1] * limits.short_ms + limits.short_ms <= now_ms and n[3] * limits.long_ms + limits.long_ms <= now_ms
  end
  return (n[1] + 1) * limits.weight_ms <= now_ms and (n[3] + 1) * limits.requests_ms <= now_ms
    and n[6] + (n[7] > 0 and limits.longest_ban_ms or 0) <= now_ms
end

-- Whoever is new looks at some others, in turn, and removes those that are over: so the hash never grows for long.
local function commit_sweep(counts_key, limits, now_ms)
  local cursor = redis.call("HGET", counts_key, "#sweep") or "0"
  local found, gone = redis.call("HSCAN", counts_key, cursor, "COUNT", "20"), {}
  for i = 1, #found[2], 2 do
    local field = found[2][i]
    if field ~= "#sweep" and is_over(limits, field, found[2][i + 1], now_ms) then gone[#gone + 1] = field end
  end
  if #gone > 0 then redis.call("HDEL", counts_key, unpack(gone)) end
  redis.call("HSET", counts_key, "#sweep", found[1])
end

-- What a request that was judged leaves behind.
local function commit_counts(counts_key, limits, caller, now_ms)
  if caller.is_new then commit_sweep(counts_key, limits, now_ms) end
  redis.call("HSET", counts_key, caller.field, text_of_caller(caller))
end
