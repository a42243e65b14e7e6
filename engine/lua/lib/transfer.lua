--- @include "lib/venue"
--- @include "lib/caller"

-- Money in and out. KEYS 1 meta 2 events 3 api keys 4 assets 5 balances; ARGV 1 account 2 asset 3 credential 4 atoms.

local function read_transfer(total_field)
  local balances = redis.call("HMGET", KEYS[5], ARGV[1] .. ":free", ARGV[1] .. ":locked", total_field)
  return { free = balances[1] or "0", locked = balances[2] or "0", total = balances[3] or "0" }
end

-- The reason to refuse that both directions share, if any.
local function refusal_of_transfer(now_ms)
  local refusal = refusal_of_caller(KEYS[3], ARGV[3], ARGV[1], "W", int(now_ms))
  if refusal then return refusal end
  if redis.call("HEXISTS", KEYS[4], ARGV[2]) == 0 then return { "rejected", "UNKNOWN_ASSET" } end
end

-- `change` is ARGV[4] with its sign: text, so that amounts above 2^53 stay exact.
local function commit_transfer(venue, kind, transfer, change, total_field)
  redis.call("HINCRBY", KEYS[5], total_field, ARGV[4])
  redis.call("HINCRBY", KEYS[5], ARGV[1] .. ":free", change)
  commit_venue(KEYS[1], KEYS[2], venue, kind, '["' .. ARGV[2] .. '",' .. ARGV[1] .. "," .. transfer.free .. ","
    .. change .. "," .. transfer.locked .. ",0]," .. ARGV[4])
  return { "ok", venue.seq, redis.call("HGET", KEYS[5], ARGV[1] .. ":free"), transfer.locked }
end
