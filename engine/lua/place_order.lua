#!lua
--[[
place_order: a new order meets the other side of the book; what is left rests or expires.
KEYS   Keys.of_market: 1 meta 2 symbol 3 events 4 api keys 5 bids 6 asks 7 bid levels 8 ask levels 9 ended 10 open
       11 trades 12 base balances 13 quote balances 14 stops 15 trailing 16 triggered 17 trade groups 18 lists
       19 counts of requests and orders; then, of a symbol that allows a discount, Keys.of_discount: 20 its asset's
       balances 21 the symbol that says what base is worth 22 that of quote
ARGV   1 account 2 symbol 3 credential or "" 4 rules version 5 side 6 type 7 time in force 8 price_ticks (0: no limit)
       9 lots 10 quote_order_atoms (one of the two is 0) 11 client order id 12 PlaceOrder.terms: what few orders have
       13 Charge.word: what to count it as, "" to count nothing
Reply  {"ok", seq, record, fills, prevented matches, 1 or 0: more steps of this order follow, 1 or 0: steps of others
       do, counts if it was counted}, {"pending"}, {"stale"} or {"rejected", why, existing id?}
Event  order_placed, then order_triggered and order_continued for what follows from it
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/entry"
--- @include "lib/resting"
--- @include "lib/placing"

-- The whole number behind `text`, as a text.
local function successor(text)
  local last = string.byte(text, -1)
  if last < 57 then return string.sub(text, 1, -2) .. string.char(last + 1) end
  return int(tonumber(text) + 1)
end

-- A new LIMIT or LIMIT_MAKER order that meets nobody: the short way. The long way (lib/placing.lua) gives the same
-- record, reply and event for it; a test compares the two.
local function rest_order(s, m, now, client_field, level_field, price_ticks)
  local account, symbol, side, price, lots_text, rules = ARGV[1], ARGV[2], ARGV[5], ARGV[8], ARGV[9], s[1]
  local own, funds, asset, signed_price = BID, QUOTE, rules.quote_asset, nil
  local lots, divisor = tonumber(lots_text), rules.divisor
  local base_atoms = lots * rules.base_atoms_per_lot
  local product = price_ticks * lots * rules.multiplier + divisor - 1
  local atoms
  if side == "SELL" then
    own, funds, asset, signed_price, atoms = ASK, BASE, rules.base_asset, price, base_atoms
  else
    signed_price, atoms = "-" .. price, math.floor(product / divisor)
  end
  local before = s[6]
  local level = before and tonumber(before) + lots or lots
  if product >= EXACT or base_atoms >= EXACT or level >= EXACT then
    return { "rejected", "AMOUNT_TOO_LARGE", "", "price_ticks", price, "lots", lots_text }
  end
  local free_field, locked_field = account .. ":free", account .. ":locked"
  local balances = redis.call("HMGET", funds, free_field, locked_field)
  local free_text, locked_text = balances[1] or "0", balances[2] or "0"
  local free_atoms = tonumber(free_text)
  if free_atoms < atoms then
    local unit = side == "SELL" and "base_atoms" or "quote_atoms"
    return { "rejected", "INSUFFICIENT_BALANCE", "", "needed_" .. unit, int(atoms), "free_" .. unit, free_text }
  end

  -- Plan.
  local id, seq, update_id, change = m[5] or "1", successor(m[3]), successor(m[8] or "0"), int(atoms)
  local member, level_text = string.sub("000000000000000" .. id, -16), before and int(level) or lots_text
  local record = "[" .. lots_text .. "," .. lots_text .. ",0," .. change .. "," .. now .. ',"NEW",' .. id .. ","
    .. account .. ',"' .. side .. '",' .. price .. ',"' .. ARGV[6] .. '","GTC",' .. now .. ',"' .. ARGV[11] .. '",0]'
  local event = '["order_placed",' .. m[4] .. "," .. seq .. "," .. now .. ',"' .. symbol .. '",' .. update_id
    .. ',[],[],[["' .. side .. '",' .. price .. "," .. level_text .. ']],[["' .. asset .. '",' .. account .. ","
    .. free_text .. ",-" .. change .. "," .. locked_text .. "," .. change .. "]]," .. record .. ",true]"
  local locked_atoms = tonumber(locked_text) + atoms

  -- Write.
  if free_atoms < EXACT and locked_atoms < EXACT then
    redis.call("HSET", funds, free_field, int(free_atoms - atoms), locked_field, int(locked_atoms))
  else
    redis.call("HINCRBY", funds, free_field, "-" .. change)
    redis.call("HINCRBY", funds, locked_field, change)
  end
  redis.call("HSET", SYMBOL, member, record, client_field, member, level_field, level_text)
  if not before then redis.call("ZADD", own.levels, signed_price, price) end
  redis.call("ZADD", own.book, signed_price, member)
  redis.call("ZADD", OPEN, "0", account .. "|" .. symbol .. "|" .. member)
  redis.call("HSET", META, "last_ms", now, "seq", seq, "next_order_id", successor(id),
    "update_id:" .. symbol, update_id, "changed_ms:" .. symbol, now)
  redis.call("XADD", EVENTS, "0-" .. seq, "d", event)
  return { "ok", tonumber(seq), record, "[]", "[]", 1, 1 }
end

-- Read.
local account, symbol, side = ARGV[1], ARGV[2], ARGV[5]
local client_field, level_field = account .. "|" .. symbol .. "|" .. ARGV[11], (side == "BUY" and "b" or "a") .. ARGV[8]
local s, m = read_fields(symbol, account, client_field, level_field)
local verdict = early_verdict(s, ARGV[4])
if verdict then return verdict end
local now = read_clock(m[1], m[2])

-- Check.
local charge = m[9] and ARGV[13] ~= "" and read_charge(KEYS[19], m[9], ARGV[13], account, tonumber(now))
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", now)
  or charge and (charge.refusal or charge.order_refusal)
  or s[3] ~= "TRADING" and refusal_by_status(s[3], ARGV[6], ARGV[7], ARGV[12])
if refusal then return refusal end
local holder = holder_of_client_id(s[5], m[6], now)
if holder then return { "rejected", "DUPLICATE_ORDER", holder } end

-- Most orders only rest. They take a short way, on numbers in hand.
local price = whole(ARGV[8])
if ARGV[7] == "GTC" and price > 0 and ARGV[12] == "" and not s[4] and not m[7]
  and (s[3] == "AUCTION_MATCH" or not meets_other_side(side == "BUY", price)) then
  return with_counts(KEYS[19], charge, rest_order(s, m, now, client_field, level_field, price))
end

local market = new_market(symbol, s, m, tonumber(now))
if lacks_keys(market) then return { "keys" } end
market.charge = charge

-- Write.
return with_counts(KEYS[19], charge, commit_new_order(market, {
  account = account, side = side, type = ARGV[6], time_in_force = ARGV[7], price = ARGV[8], lots = ARGV[9],
  quote_order = ARGV[10], client_id = ARGV[11], terms = ARGV[12], client_field = client_field,
}))
