#!lua
--[[
replace_order: cancel an order and place a new one, with nothing in between. Either half may be refused by itself.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 credential or "" 4 rules version, 5 to 13 the new order as place_order has it,
       14 order id to cancel (16 digits) or "" 15 its client order id or "" 16 the cancel's own client order id
       17 cancel restriction: the status that the order must have, or "" 18 1: place the new one in any case
       19 1: cancel also when the account may place no more orders just now
Reply  {"ok", reply of the cancel, reply of the new order or {} when it was not attempted, {} or the limit of orders
       that it would have met then, counts if it was counted}, {"pending"}, {"stale"} or {"rejected", why} when neither
       was tried. The replies are those of cancel_order and place_order.
Event  order_canceled and what follows from it, then those of place_order; order_rejected where only the cancel was done
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/leaving"
--- @include "lib/placing"

-- place_order's reply for the new order.
local function commit_replacement(market, account, symbol)
  if market.charge and market.charge.order_refusal then return market.charge.order_refusal end
  local client_field = account .. "|" .. symbol .. "|" .. ARGV[11]
  local bearer = redis.call("HGET", SYMBOL, client_field)
  local holder = holder_of_client_id(bearer, market.client_order_ids, market.now_ms)
  if holder then return { "rejected", "DUPLICATE_ORDER", holder } end
  return commit_new_order(market, {
    account = account, side = ARGV[5], type = ARGV[6], time_in_force = ARGV[7], price = ARGV[8], lots = ARGV[9],
    quote_order = ARGV[10], client_id = ARGV[11], terms = ARGV[12], client_field = client_field,
  })
end

-- Tells that the order was refused which should have come for one that is gone by now.
local function commit_rejection(market, account, symbol, reason)
  local terms = ARGV[12] == "" and "null" or "[" .. ARGV[12] .. "]"
  commit_event(EVENTS, "order_rejected", market, '"' .. symbol .. '",' .. account .. ',"' .. reason .. '","' .. ARGV[5]
    .. '","' .. ARGV[6] .. '","' .. ARGV[7] .. '",' .. ARGV[8] .. "," .. ARGV[9] .. "," .. ARGV[10] .. ',"' .. ARGV[11]
    .. '",' .. terms)
  redis.call("HSET", META, "last_ms", int(market.now_ms), "seq", int(market.seq))
end

-- Read.
local account, symbol = ARGV[1], ARGV[2]
local market, verdict = read_market(symbol, ARGV[4], account)
if verdict then return verdict end
local order = find_by_either_id(symbol, account, ARGV[14], ARGV[15])

-- Check.
local charge = market.rate_limits and ARGV[13] ~= ""
  and read_charge(KEYS[19], market.rate_limits, ARGV[13], account, market.now_ms)
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", int(market.now_ms))
  or charge and (charge.refusal or ARGV[19] ~= "1" and charge.order_refusal)
  or refusal_by_status(market.status, ARGV[6], ARGV[7], ARGV[12])
if refusal then return refusal end

-- Write. If the order was one of a list, the others end with it before the new one looks for money.
market.charge = charge
local canceled, placed = commit_cancel(market, order, ARGV[16], ARGV[17]), {}
commit_cascade(market, MAX_STEPS) -- the new order must not meet, nor do without, what its list ends with the old one
if canceled[1] == "ok" or ARGV[18] == "1" then
  if market.is_told then next_step(market) end
  placed = commit_replacement(market, account, symbol)
  if canceled[1] == "ok" and placed[1] ~= "ok" then commit_rejection(market, account, symbol, placed[2]) end
end
if charge and placed[1] ~= "ok" then
  local was_tried = #placed > 0
  if was_tried and canceled[1] ~= "ok" then return { "ok", canceled, placed, {} } end -- nothing has happened
  -- One that was not tried counts, as on Binance, but never above the limit.
  commit_charge(KEYS[19], charge, (was_tried or charge.order_refusal) and 0 or charge.orders)
end
local unmet = #placed == 0 and charge and charge.order_refusal or {}
return with_counts(KEYS[19], charge, { "ok", canceled, placed, unmet })
