#!lua flags=allow-oom
--[[
admit_request: count a request and its weight by the caller's address, or refuse it; who goes on asking is banned.
KEYS   1 meta 2 counts
ARGV   1 address 2 weight 3 1: a placement was refused for the caller's limits and is to be noted, not judged; else ""
Reply  {"ok", verdict, now_ms, until when it is refused or 0, "<weight> <requests> 0 0" used}; the verdict is
       "admitted", "weight", "requests", "banned", or "off" where the venue has no limits
Event  none: what is counted is no part of the exchange's state
Cost   O(1)
]]
--- @include "lib/clock"
--- @include "lib/sweep"

-- One more refusal: after too many of them in one interval the caller is banned, each time twice as long.
local function note_refusal(limits, caller, now_ms)
  caller.refused = caller.refused + 1
  if limits.most_refusals == 0 or caller.refused <= limits.most_refusals then return nil end
  local length_ms = limits.first_ban_ms
  for _ = 1, math.min(caller.bans, 40) do length_ms = math.min(length_ms * 2, limits.longest_ban_ms) end
  caller.refused, caller.bans, caller.banned_until_ms = 0, caller.bans + 1, now_ms + length_ms
  return "banned", caller.banned_until_ms
end

-- Read.
local fields = redis.call("HMGET", KEYS[1], "clock", "last_ms", "rate_limits")
local now_ms = tonumber(read_clock(fields[1], fields[2]))
if not fields[3] then return { "ok", "off", now_ms, 0, "0 0 0 0" } end
local limits, weight = read_limits(fields[3]), whole(ARGV[2])
local caller = new_caller(limits, ARGV[1], redis.call("HGET", KEYS[2], "ip:" .. ARGV[1]), now_ms)

-- Check.
local verdict, until_ms = refusal_of_address(limits, caller, weight, now_ms)
if not verdict and ARGV[3] ~= "" then verdict, until_ms = "weight", now_ms end -- the interval has ended since

-- Plan.
local is_banned = verdict == "banned"
if not verdict then
  verdict, until_ms = "admitted", 0
  caller.weight, caller.requests = caller.weight + weight, caller.requests + 1
elseif not is_banned then
  local ban, ban_until_ms = note_refusal(limits, caller, now_ms)
  verdict, until_ms = ban or verdict, ban_until_ms or until_ms
end

-- Write.
if not is_banned then commit_counts(KEYS[2], limits, caller, now_ms) end
return { "ok", verdict, now_ms, until_ms, counts_of(caller, { short = 0, long = 0 }) }
