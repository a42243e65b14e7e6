#!lua
--[[
place_order: a new order meets the other side of the book; what is left rests or expires.
KEYS   Keys.of_market: 1 meta 2 symbol 3 events 4 api keys 5 bids 6 asks 7 bid levels 8 ask levels 9 bid depth
       10 ask depth 11 orders 12 ended 13 open 14 client ids 15 trades 16 base balances 17 quote balances
       18 stops 19 trailing 20 triggered 21 trade groups
ARGV   1 account 2 symbol 3 key digest or "" 4 rules version 5 side 6 type 7 time in force 8 price_ticks (0: no limit)
       9 lots 10 quote_order_atoms (one of the two is 0) 11 client order id 12 PlaceOrder.terms: what few orders have
Reply  {"ok", seq, record, fills, prevented matches, 1 or 0: more steps of this order follow, 1 or 0: steps of others
       do}, {"pending"}, {"stale"} or {"rejected", why, existing id?}
Event  order_placed, then order_triggered and order_continued for what follows from it
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/entry"
--- @include "lib/resting"

-- Read.
local account, side, is_buy = ARGV[1], ARGV[5], ARGV[5] == "BUY"
local s, m = read_fields()
local verdict = early_verdict(s, ARGV[4])
if verdict then return verdict end
local now_ms = read_clock(m[1], m[2])
local client_field = account .. "|" .. ARGV[2] .. "|" .. ARGV[11]

-- Check.
if not key_is_good(ARGV[3], account) then return { "rejected", "KEY_INVALID" } end
if s[3] ~= "TRADING" then return { "rejected", "MARKET_CLOSED" } end
local holder = holder_of_client_id(client_field, m[6], now_ms)
if holder then return { "rejected", "DUPLICATE_ORDER", holder } end

-- Most orders only rest. They take a short way, on numbers in hand: the pieces below are not even built for them.
local is_contingent = ARGV[6] ~= "LIMIT" and ARGV[6] ~= "MARKET" and ARGV[6] ~= "LIMIT_MAKER"
if ARGV[7] == "GTC" and ARGV[8] ~= "0" and not is_contingent then
  if meets_other_side(is_buy, tonumber(ARGV[8])) then
    if ARGV[6] == "LIMIT_MAKER" then return { "rejected", "WOULD_MATCH" } end
  elseif ARGV[12] == "" then
    return rest_order(s, m, now_ms, client_field)
  end
end
--- @include "lib/cascade"
--- @include "lib/contingent"

-- Atoms the order must find free, and for an order that needs more steps the reserve they spend from.
-- nil: too large to be computed exactly, now or in a later step.
local function funds_needed(market, order, taker, plan)
  local cost = 0
  if plan.stop == "capped" and order.quote_order == 0 then
    cost = select(2, sweep(market, taker, order.lots))
    if not cost then return nil end
  end
  if order.price > 0 then
    if order.side == "BUY" then return notional_ceil(market, order.price, order.lots) end
    return order.lots * market.base_atoms_per_lot
  end
  if order.side == "BUY" and order.quote_order > 0 then return order.quote_order end
  if order.side == "SELL" then
    if order.quote_order == 0 then return order.lots * market.base_atoms_per_lot end
    return plan.lots * market.base_atoms_per_lot + plan.paid
  end
  if plan.stop == "capped" then return cost end
  for _, price in ipairs(plan.prices) do
    local level_cost = notional_ceil(market, tonumber(price), plan.bought[tonumber(price)] or 0)
    if not level_cost then return nil end
    cost = cost + level_cost
  end
  return cost + plan.paid
end

-- NOTIONAL of a market order by quantity, at the last price; nil before the first trade, when there is nothing to judge
-- it by. The other orders were judged before they came here (engine/filters.py).
local function refusal_at_last_price(market, order)
  if order.price > 0 or order.quote_order > 0 or market.last_price == 0 then return nil end
  local notional = notional_ceil(market, market.last_price, order.lots)
  if not notional then return { "rejected", "AMOUNT_TOO_LARGE" } end
  if notional < market.min_notional then return { "rejected", "FILTER_NOTIONAL" } end
end

-- Plan.
local market = new_market(ARGV[2], s, m, now_ms)
local order = {
  id = int(market.next_order_id), member = member_of(market.next_order_id), account = account, side = ARGV[5],
  type = ARGV[6], time_in_force = ARGV[7], price = tonumber(ARGV[8]), lots = tonumber(ARGV[9]),
  left = tonumber(ARGV[9]), quote_order = tonumber(ARGV[10]), filled_quote = 0, locked = 0,
}
order.tail = '"' .. order.side .. '",' .. ARGV[8] .. ',"' .. order.type .. '","' .. order.time_in_force .. '",'
  .. int(market.now_ms) .. ',"' .. ARGV[11] .. '",' .. ARGV[10] .. (ARGV[12] == "" and "]" or ",")
if ARGV[12] ~= "" then order.terms = read_terms(ARGV[12] .. NEW_TERMS) end
market.next_order_id = market.next_order_id + 1
if is_contingent then return place_contingent(market, order, client_field) end
if order.terms then order.terms[WORKING_MS] = int(market.now_ms) end
local taker = taker_of(order)
if order.lots * market.base_atoms_per_lot >= EXACT or order.quote_order * market.divisor >= EXACT
  or order.price > 0 and not notional_ceil(market, order.price, order.lots) then
  return { "rejected", "AMOUNT_TOO_LARGE" }
end
local refusal = refusal_at_last_price(market, order)
if refusal then return refusal end
local is_killed = order.time_in_force == "FOK" and sweep(market, taker, order.lots) < order.lots
local plan = plan_match(market, taker, is_killed and 0 or MAX_FILLS)
if is_killed then plan.stop = "killed" end
local needed = plan.stop ~= "too large" and funds_needed(market, order, taker, plan)
if not needed or needed >= EXACT then return { "rejected", "AMOUNT_TOO_LARGE" } end
local reserve = needed
if plan.stop == "capped" and order.side == "SELL" and order.quote_order > 0 then
  -- How much base the rest will take is not known yet: it may spend all that is free now.
  local free = math.min(tonumber(redis.call("HGET", BASE, account .. ":free") or "0"), EXACT - 1)
  reserve = math.max(free - free % market.base_atoms_per_lot, needed)
end
plan_execution(market, order, plan, reserve)
read_ledger(market.base)
read_ledger(market.quote)
local pays = order.side == "BUY" and market.quote or market.base
if not enough(free_before(pays, account), needed) then return { "rejected", "INSUFFICIENT_BALANCE" } end
check_ledger(market.base)
check_ledger(market.quote)

-- Write.
redis.call("HSET", CLIENT_IDS, client_field, order.member)
commit_execution(market, order, plan, false)
commit_step_event(market, "order_placed", plan)
local reply = execution_reply(market, plan)
commit_cascade(market, MAX_FILLS - #market.fills)
reply[#reply + 1] = market.pending and 0 or 1
return reply
