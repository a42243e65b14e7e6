#!lua
--[[
play_tape_trade: a recorded trade: an immediate-or-cancel order of the tape at the recorded price.
KEYS   Keys.of_market (see place_order), 23 tape bids 24 tape asks 25 touched
ARGV   1 symbol 2 rules version 3 now_ms 4 the mark it follows or "" 5 its mark 6 account that rests 7 that takes
       8 taker's side 9 price_ticks 10 lots
Reply  {"ok", seq of its last event}, {"pending"}, {"stale"} or {"rejected", why}
Event  tape_frame_applied when the tape's resting orders had to change first, then tape_trade_played
Cost   O(F log N) for F fills and withdrawn orders among N orders
]]
--- @include "lib/tape"

-- Read and check.
local market, verdict = read_tape_market()
if verdict then return verdict end
local price, lots = whole(ARGV[9]), whole(ARGV[10])
local maker_side, taker_side = other_side(ARGV[8]), own_side(ARGV[8])
local better = read_reached(maker_side, price, "(")
local crossed, crossed_depth = read_reached(taker_side, price, "")
better[#better + 1] = ARGV[9]
local makers, takers = read_tape_levels(maker_side, better), read_tape_levels(taker_side, crossed)

-- Plan. The tape's orders that the recording must have cancelled by now leave; at the price itself enough must stand.
local removals, additions, blocked = {}, {}, {}
local level = table.remove(makers)
for _, levels in ipairs({ makers, takers }) do
  for _, withdrawn in ipairs(levels) do
    if withdrawn.actual > 0 then
      withdrawn.target = 0
      removals[#removals + 1] = withdrawn
      touch(market, withdrawn)
    end
  end
end
if level.actual < lots then
  for i, withdrawn in ipairs(takers) do
    if not blocked[maker_side.name] and tonumber(crossed_depth[i]) > withdrawn.actual then
      blocked[maker_side.name] = tonumber(withdrawn.price)
    end
  end
  level.target = lots
  read_growing(maker_side, { level })
  additions[1] = level
end
touch(market, level)

-- What a played order left of the tape's orders at the price.
local function note_makers(plan)
  local gone, kept, standing = {}, {}, {}
  for _, member in ipairs(plan.gone) do gone[member] = true end
  for _, maker in ipairs(plan.kept) do kept[maker.member] = maker.left end
  level.target = 0
  for _, order in ipairs(level.orders) do
    order.left = kept[order.member] or order.left
    if not gone[order.member] then
      standing[#standing + 1] = order
      level.target = level.target + order.left
    end
  end
  level.orders = standing
end

-- Write. What users met of the trade's own quantity is gone from the recording with the trade: it is not taken from
-- what the next frame shows.
local taken = level.taken
if #removals + #additions > 0 then
  local refusal = commit_changes(market, removals, additions, {}, blocked)
  if refusal then return refusal end
end
level.taken = taken
commit_orders(market, "tape_trade_played", ARGV[7], ARGV[8], price, lots, note_makers)
commit_level(level)
commit_tape(market, 0)
commit_cascade(market, MAX_FILLS)
return { "ok", market.is_told and market.seq or market.seq - 1 }
