--- @include "lib/number"

-- How much is asked: by address its requests and their weight, by account its unfilled orders, in intervals of fixed
-- length on the venue's clock. META's rate_limits has the limits, the hash of counts
--   "ip:<address>"      -> "<window> <weight> <window> <requests> <refused in the first one> <banned until> <bans>"
--   "account:<account>" -> "<window> <orders> <window> <orders>"
-- A count whose window is over is 0. Windows never go back: set_clock forgets all counts when time does.

local NEW_CALLER, NEW_OWNER = "0 0 0 0 0 0 0", "0 0 0 0"

local function numbers_in(text)
  local found = {}
  for number in string.gmatch(text, "%d+") do found[#found + 1] = tonumber(number) end
  return found
end

-- The window of now and what it has counted so far.
local function window_of(now_ms, interval_ms, window, count)
  local now = math.floor(now_ms / interval_ms)
  if now > window then return now, 0 end
  return window, count
end

-- The limits by name, in the order of RateLimits.text.
local function read_limits(text)
  local n = numbers_in(text)
  return {
    weight_ms = n[1], most_weight = n[2], requests_ms = n[3], most_requests = n[4], short_ms = n[5], most_short = n[6],
    long_ms = n[7], most_long = n[8], fill_as_taker = n[9], fill_as_maker = n[10], most_refusals = n[11],
    first_ban_ms = n[12], longest_ban_ms = n[13],
  }
end

local function new_caller(limits, address, text, now_ms)
  local n = numbers_in(text or NEW_CALLER)
  local caller = { field = "ip:" .. address, is_new = not text, refused = n[5], banned_until_ms = n[6], bans = n[7] }
  caller.weight_window, caller.weight = window_of(now_ms, limits.weight_ms, n[1], n[2])
  caller.requests_window, caller.requests = window_of(now_ms, limits.requests_ms, n[3], n[4])
  if caller.weight_window > n[1] then caller.refused = 0 end
  if now_ms >= caller.banned_until_ms + limits.longest_ban_ms then caller.bans = 0 end
  return caller
end

local function new_owner(limits, account, text, now_ms)
  local n = numbers_in(text or NEW_OWNER)
  local owner = { field = "account:" .. account }
  owner.short_window, owner.short = window_of(now_ms, limits.short_ms, n[1], n[2])
  owner.long_window, owner.long = window_of(now_ms, limits.long_ms, n[3], n[4])
  return owner
end

local function text_of_caller(caller)
  return int(caller.weight_window) .. " " .. int(caller.weight) .. " " .. int(caller.requests_window) .. " "
    .. int(caller.requests) .. " " .. int(caller.refused) .. " " .. int(caller.banned_until_ms) .. " "
    .. int(caller.bans)
end

local function text_of_owner(owner)
  return int(owner.short_window) .. " " .. int(owner.short) .. " " .. int(owner.long_window) .. " " .. int(owner.long)
end

-- Which limit keeps the caller from asking for so much, and until when; nil when none does.
local function refusal_of_address(limits, caller, weight, now_ms)
  if now_ms < caller.banned_until_ms then return "banned", caller.banned_until_ms end
  if caller.weight + weight > limits.most_weight then
    return "weight", (caller.weight_window + 1) * limits.weight_ms
  end
  if caller.requests + 1 > limits.most_requests then
    return "requests", (caller.requests_window + 1) * limits.requests_ms
  end
end

-- "<weight> <requests> <short> <long>", as Counts reads it.
local function counts_of(caller, owner)
  return int(caller.weight) .. " " .. int(caller.requests) .. " " .. int(owner.short) .. " " .. int(owner.long)
end
