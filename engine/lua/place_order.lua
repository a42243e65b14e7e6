#!lua
--[[
place_order: a new order meets the other side of the book; what is left rests or expires.
KEYS   Keys.of_market: 1 meta 2 symbol 3 events 4 api keys 5 bids 6 asks 7 bid levels 8 ask levels 9 bid depth
       10 ask depth 11 orders 12 ended 13 open 14 client ids 15 trades 16 base balances 17 quote balances
       18 stops 19 trailing 20 triggered 21 trade groups 22 lists 23 counts of requests and orders; then, of a symbol
       that allows a discount, Keys.of_discount: 24 its asset's balances 25 the symbol that says what base is worth
       26 that of quote
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

-- Read.
local account, side, is_buy = ARGV[1], ARGV[5], ARGV[5] == "BUY"
local s, m = read_fields(ARGV[2], account)
local verdict = early_verdict(s, ARGV[4])
if verdict then return verdict end
local now_ms = read_clock(m[1], m[2])
local client_field = account .. "|" .. ARGV[2] .. "|" .. ARGV[11]

-- Check.
local charge = m[9] and ARGV[13] ~= "" and read_charge(KEYS[23], m[9], ARGV[13], account, now_ms)
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", now_ms)
  or charge and (charge.refusal or charge.order_refusal)
  or s[3] ~= "TRADING" and refusal_by_status(s[3], ARGV[6], ARGV[7], ARGV[12])
if refusal then return refusal end
local holder = holder_of_client_id(client_field, m[6], now_ms)
if holder then return { "rejected", "DUPLICATE_ORDER", holder } end

-- Most orders only rest. They take a short way, on numbers in hand.
local price = whole(ARGV[8])
if ARGV[7] == "GTC" and price > 0 and ARGV[12] == "" and not s[4] and not m[7]
  and (s[3] == "AUCTION_MATCH" or not meets_other_side(is_buy, price)) then
  return with_counts(KEYS[23], charge, rest_order(s, m, now_ms, client_field, price))
end

local market = new_market(ARGV[2], s, m, now_ms)
if lacks_keys(market) then return { "keys" } end
market.charge = charge

-- Write.
return with_counts(KEYS[23], charge, commit_new_order(market, {
  account = account, side = side, type = ARGV[6], time_in_force = ARGV[7], price = ARGV[8], lots = ARGV[9],
  quote_order = ARGV[10], client_id = ARGV[11], terms = ARGV[12], client_field = client_field,
}))
