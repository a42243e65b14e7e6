#!lua
--[[
apply_tape_frame: a recorded depth change: levels become what the recording shows, less what users took.
KEYS   Keys.of_market (see place_order), 23 tape bids 24 tape asks 25 touched
ARGV   1 symbol 2 rules version 3 now_ms 4 the mark it follows or "" 5 its mark 6 account that rests 7 that takes;
       then, for every level: side, price_ticks, lots (0: gone)
Reply  {"ok", seq of its last event}, {"pending"}, {"stale"} or {"rejected", why}
Event  tape_frame_applied, one for each step: 500 levels, or an order that met users' orders
Cost   O(M log N) for M levels and fills among N orders
]]
--- @include "lib/tape"

-- Levels of the frame and levels to put back, by side: {prices = {text, ...}, recorded = {price -> lots or false}}.
local function read_frame(touched)
  local frame = { BUY = { prices = {}, recorded = {} }, SELL = { prices = {}, recorded = {} } }
  local function note(name, price, lots)
    local side = frame[name]
    if side.recorded[price] == nil then side.prices[#side.prices + 1] = price end
    side.recorded[price] = lots
  end
  local first_level = 8 -- of the arguments
  for i = first_level, #ARGV, 3 do note(ARGV[i], ARGV[i + 1], whole(ARGV[i + 2])) end
  for _, field in ipairs(touched) do
    local name, price = string.match(field, "^(%u+):(%d+)$")
    if frame[name].recorded[price] == nil then note(name, price, false) end
  end
  return frame
end

-- The levels of one side with their targets; they also go into `known` by price.
local function read_side(side, wanted, known)
  local levels = read_tape_levels(side, wanted.prices)
  for _, level in ipairs(levels) do
    local recorded = wanted.recorded[level.price]
    if recorded then level.recorded = recorded end
    if recorded == 0 then level.taken = 0 end
    level.target = math.max(0, level.recorded - level.taken)
    known[level.price] = level
  end
  return levels
end

-- The best price among a side's additions, nil without one.
local function best_addition(side, levels)
  local best
  for _, level in ipairs(levels) do
    local price = tonumber(level.price)
    if level.target > level.actual and (not best or side.sign * price < side.sign * best) then best = price end
  end
  return best
end

-- A recording may show a crossed book for a moment. Of two new quotes that cross the bid waits for the next frame.
local function hold_back_bids(market, bids, lowest_ask)
  for _, level in ipairs(bids) do
    if level.target > level.actual and tonumber(level.price) >= lowest_ask then
      level.target = level.actual
      touch(market, level)
    end
  end
end

-- What stands on `side` in the way of additions at `price`: the tape's own orders are withdrawn (put into `levels`
-- with target 0), the best price of users' orders is returned.
local function clear_way(market, side, levels, known, price)
  local prices, depth = read_reached(side, price, "")
  local unknown = {}
  for _, text in ipairs(prices) do
    if not known[text] then unknown[#unknown + 1] = text end
  end
  for _, level in ipairs(read_tape_levels(side, unknown)) do
    known[level.price] = level
    if level.actual > 0 then levels[#levels + 1] = level end
  end
  local wall
  for i, text in ipairs(prices) do
    local level = known[text]
    if tonumber(depth[i]) > level.actual then wall = wall or tonumber(text) end
    if math.min(level.actual, level.target) > 0 then
      level.target = 0
      touch(market, level)
    end
  end
  return wall
end

-- Read and check.
local market, verdict = read_tape_market()
if verdict then return verdict end
local touched = redis.call("SMEMBERS", TOUCHED)
table.sort(touched)
local frame = read_frame(touched)
local known = { BUY = {}, SELL = {} }
local bids, asks = read_side(BID, frame.BUY, known.BUY), read_side(ASK, frame.SELL, known.SELL)

-- Plan.
local highest_bid, lowest_ask, blocked = best_addition(BID, bids), best_addition(ASK, asks), {}
if highest_bid and lowest_ask and highest_bid >= lowest_ask then
  hold_back_bids(market, bids, lowest_ask)
  highest_bid = best_addition(BID, bids)
end
if highest_bid then blocked.BUY = clear_way(market, ASK, asks, known.SELL, highest_bid) end
if lowest_ask then blocked.SELL = clear_way(market, BID, bids, known.BUY, lowest_ask) end
local removals, additions, quiet = {}, {}, {}
for _, side_levels in ipairs({ bids, asks }) do
  local growing = {}
  for _, level in ipairs(side_levels) do
    local list = quiet
    if level.target < level.actual then list = removals end
    if level.target > level.actual then list = growing end
    list[#list + 1] = level
  end
  if #growing > 0 then read_growing(growing[1].side, growing) end
  for _, level in ipairs(growing) do additions[#additions + 1] = level end
end
if next(blocked) then
  -- The most eager quote meets users first.
  table.sort(additions, function(a, b)
    if a.side ~= b.side then return a.side == BID end
    return a.side.sign * tonumber(a.price) < b.side.sign * tonumber(b.price)
  end)
end

-- Write.
local refusal = commit_changes(market, removals, additions, quiet, blocked)
if refusal then return refusal end
commit_tape(market, #touched)
commit_cascade(market, MAX_FILLS)
return { "ok", market.is_told and market.seq or market.seq - 1 }
