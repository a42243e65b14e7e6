#!lua flags=allow-oom
--[[
change_external_lock: free money is locked for somebody outside of the exchange, or what was locked so is free again.
KEYS   1 meta 2 events 3 assets 4 balances of the asset
ARGV   1 account 2 asset 3 atoms 4 "lock" or "unlock"
Reply  {"ok", seq, free, locked} or {"rejected", why}
Event  external_lock_changed
Cost   O(1)
]]
--- @include "lib/venue"
--- @include "lib/covers"
-- Read.
local venue = read_venue(KEYS[1])
local balances = redis.call("HMGET", KEYS[4], ARGV[1] .. ":free", ARGV[1] .. ":locked", ARGV[1] .. ":external")
local free, locked, external = balances[1] or "0", balances[2] or "0", balances[3] or "0"
local is_lock = ARGV[4] == "lock"
local source = is_lock and free or external

-- Check.
if redis.call("HEXISTS", KEYS[3], ARGV[2]) == 0 then return { "rejected", "UNKNOWN_ASSET" } end
if not covers(source, ARGV[3]) then
  return { "rejected", "INSUFFICIENT_BALANCE", "", "needed_atoms", ARGV[3], is_lock and "free_atoms" or "locked_atoms",
    source }
end

-- Plan. Text with a sign, so that amounts above 2^53 stay exact.
local less = "-" .. ARGV[3]
local free_delta, locked_delta = is_lock and less or ARGV[3], is_lock and ARGV[3] or less

-- Write.
redis.call("HINCRBY", KEYS[4], ARGV[1] .. ":free", free_delta)
redis.call("HINCRBY", KEYS[4], ARGV[1] .. ":locked", locked_delta)
redis.call("HINCRBY", KEYS[4], ARGV[1] .. ":external", locked_delta)
commit_venue(KEYS[1], KEYS[2], venue, "external_lock_changed", '["' .. ARGV[2] .. '",' .. ARGV[1] .. "," .. free .. ","
  .. free_delta .. "," .. locked .. "," .. locked_delta .. "]")
return { "ok", venue.seq, redis.call("HGET", KEYS[4], ARGV[1] .. ":free"),
  redis.call("HGET", KEYS[4], ARGV[1] .. ":locked") }
