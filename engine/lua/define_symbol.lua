#!lua
--[[
define_symbol: a new symbol, or new rules or another status of one.
KEYS   1 meta 2 events 3 symbols 4 assets 5 symbol
ARGV   1 symbol 2 base 3 quote 4 base decimals 5 quote decimals 6 tick_units 7 lot_units 8 status
       9 base_atoms_per_lot 10 multiplier 11 divisor 12 maker_fee_e8 13 taker_fee_e8 14 min_notional_atoms
       15 the spec's JSON without its version 16 SymbolSpec.limits, "" for none
       17 1: open it again although the circuit breaker has halted it
       18 SymbolSpec.rates, "" for none 19 the asset in which fees may be paid, "" for none 20 min_lots
       21 min_market_lots
Reply  {"ok", rules version}, {"rejected", "RULES_FIXED"} or, for another status of a symbol that collects orders for
       an auction, {"rejected", "AUCTION_UNMATCHED"}: only uncross ends that, for the book may be crossed
Event  symbol_defined, only when something changed
Cost   O(1)
]]
--- @include "lib/venue"
local COLLECTING = "AUCTION_MATCH" -- as in lib/entry.lua

-- Read.
local venue = read_venue(KEYS[1])
local known = redis.call("HMGET", KEYS[5], "rules", "definition", "fixed", "halted_ms", "limits", "status")
local decimals = redis.call("HMGET", KEYS[4], ARGV[2], ARGV[3], ARGV[19])
local account_rates, update_id, changed_ms =
  unpack(redis.call("HMGET", KEYS[1], "account_rates", "update_id:" .. ARGV[1], "changed_ms:" .. ARGV[1]))

-- Check. What whole numbers mean cannot change once there are some; an order that waits changes nothing of the book.
local has_history = (update_id or "0") ~= "0" or (changed_ms or "0") ~= "0"
local fixed = table.concat({ ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7] }, "|")
local version_before = tonumber(string.match(known[1] or "0", "^%d+"))
local is_halted = (known[4] or "") ~= ""
local reopens = ARGV[17] == "1" or ARGV[8] ~= "TRADING" or not string.find(ARGV[16], " halt=", 1, true)
local begins_auction = ARGV[8] == COLLECTING and known[6] ~= COLLECTING
if known[6] == COLLECTING and ARGV[8] ~= COLLECTING then return { "rejected", "AUCTION_UNMATCHED" } end
if known[2] == ARGV[15] and not (is_halted and reopens) and not begins_auction then
  return { "ok", version_before }
end
if known[3] and known[3] ~= fixed and has_history then return { "rejected", "RULES_FIXED" } end
if decimals[1] and decimals[1] ~= ARGV[4] or decimals[2] and decimals[2] ~= ARGV[5] then
  return { "rejected", "RULES_FIXED" }
end
-- What fees may be paid in counts in eight decimals, so that a fill needs to name the asset alone.
local own_decimals = ARGV[19] == ARGV[2] and ARGV[4] or ARGV[19] == ARGV[3] and ARGV[5]
if ARGV[19] ~= "" and (own_decimals or decimals[3] or "8") ~= "8" then return { "rejected", "RULES_FIXED" } end

-- Plan.
local old_limits = known[5]
local old_rule, new_rule = string.match(old_limits or "", " rule=%S+ "), string.match(ARGV[16], " rule=%S+ ")
local version = int(version_before + 1)
local rules = table.concat({ version, ARGV[2], ARGV[3], ARGV[9], ARGV[10], ARGV[11] }, " ")
local spec = string.sub(ARGV[15], 1, -2) .. ',"rules_version":' .. version .. "}"
local status = is_halted and not reopens and "HALT" or ARGV[8]

-- Write.
redis.call("HSET", KEYS[5], "rules", rules, "definition", ARGV[15], "fixed", fixed, "status", status,
  "maker_fee_e8", ARGV[12], "taker_fee_e8", ARGV[13], "min_notional_atoms", ARGV[14],
  "min_lots", ARGV[20], "min_market_lots", ARGV[21])
if ARGV[16] ~= "" then redis.call("HSET", KEYS[5], "limits", ARGV[16]) else redis.call("HDEL", KEYS[5], "limits") end
if old_rule and old_rule ~= new_rule then redis.call("HDEL", KEYS[5], "allocation") end -- an unfinished order goes on
if not old_limits then redis.call("HDEL", KEYS[5], "pending_range") end -- an unfinished order began without a range
if ARGV[18] ~= "" then redis.call("HSET", KEYS[5], "rates", ARGV[18]) else redis.call("HDEL", KEYS[5], "rates") end
if is_halted and reopens then redis.call("HSET", KEYS[5], "halted_ms", "", "price_window", "") end
if not known[1] then
  redis.call("HSET", KEYS[5], "next_trade_id", "1", "last_price_ticks", "0", "pending", "",
    "account_rates", account_rates or "0")
  redis.call("HSET", KEYS[1], "update_id:" .. ARGV[1], "0", "changed_ms:" .. ARGV[1], "0")
end
redis.call("HSET", KEYS[3], ARGV[1], spec)
redis.call("HSET", KEYS[4], ARGV[2], ARGV[4], ARGV[3], ARGV[5])
if ARGV[19] ~= "" then redis.call("HSET", KEYS[4], ARGV[19], "8") end
commit_venue(KEYS[1], KEYS[2], venue, "symbol_defined", spec)
return { "ok", tonumber(version) }
