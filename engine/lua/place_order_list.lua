#!lua
--[[
place_order_list: two or three orders that depend on each other, accepted together or not at all.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 credential or "" 4 rules version 5 OCO, OTO, OTOCO, OPO or OPOCO 6 the list's client order
       id 7 Charge.word (see place_order); then for each order (but of OCO the working one first) the 8 words that
       place_order has from its side on; pending orders of OPO and OPOCO have 0 lots
Reply  {"ok", seq, list, {record, ...}, 1 or 0: steps follow, counts if it was counted}, {"pending"},
       {"stale"} or {"rejected", why, existing id?}
Event  list_placed, then order_activated and what follows from it
Cost   O(F log N) for F fills among N orders
]]
--- @include "lib/placing"
--- @include "lib/limits"

-- The id of an open list of the account with this client order id, if any.
local function holder_of_list_id(field)
  local id = redis.call("HGET", LISTS, field)
  local record = id and redis.call("HGET", LISTS, id)
  if record and string.match(record, "^%[%d+,%d+,(%a+)") == "false" then return id end
end

-- The requests of the list in order.
local function read_requests(account, symbol)
  local requests, FIRST, WORDS = {}, 8, 8
  for i = FIRST, #ARGV, WORDS do
    requests[#requests + 1] = {
      account = account, side = ARGV[i], type = ARGV[i + 1], time_in_force = ARGV[i + 2], price = ARGV[i + 3],
      lots = ARGV[i + 4], quote_order = ARGV[i + 5], client_id = ARGV[i + 6], terms = ARGV[i + 7],
      client_field = account .. "|" .. symbol .. "|" .. ARGV[i + 6],
    }
  end
  return requests
end

-- Why an order of a pair has a limit on the wrong side of the last price, a verdict. A pegged one may have none yet.
local function refusal_astray(market, order)
  local is_judged = order.type == "LIMIT_MAKER" or order.type == "TAKE_PROFIT_LIMIT"
  if not is_judged or order.price == 0 or market.last_price == 0 then return nil end
  local above = order.price - market.last_price
  if above > 0 and order.side == "SELL" or above < 0 and order.side == "BUY" then return nil end
  return { "rejected", "LIST_PRICES", "", "price_ticks", int(order.price), "last_ticks", int(market.last_price) }
end

-- Why one of the orders cannot be, a verdict. Prices are judged of those that begin at once, of a pegged one both: the
-- price its owner gave and the one that it finds in the book.
local function refusal_of(market, order, is_pair, begins)
  if is_too_large(market, order) then return too_large(order) end
  if not begins then return nil end
  local why = is_pair and refusal_astray(market, order) or refusal_of_peg(market, order)
    or is_pair and refusal_astray(market, order)
  if why then return why end
  if order.type == "LIMIT_MAKER" and meets_other_side(order.side == "BUY", order.price) then
    return would_match(order)
  end
  if is_pair and order.type ~= "LIMIT_MAKER" and would_trigger(market, order) then
    return { "rejected", "LIST_PRICES", "", "stop_ticks", order.terms[STOP], "last_ticks", int(market.last_price) }
  end
end

-- Read.
local account, symbol, kind = ARGV[1], ARGV[2], ARGV[5]
local market, verdict = read_market(symbol, ARGV[4], account)
if verdict then return verdict end
local list_field = account .. "|" .. ARGV[6]
local requests = read_requests(account, symbol)

-- Check.
local charge = market.rate_limits and ARGV[7] ~= ""
  and read_charge(KEYS[19], market.rate_limits, ARGV[7], account, market.now_ms)
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", int(market.now_ms))
  or charge and (charge.refusal or charge.order_refusal)
if refusal then return refusal end
if market.status ~= "TRADING" then return refusal_by_status(market.status, kind, "list", "") end
local holder = holder_of_list_id(list_field)
if holder then return { "rejected", "DUPLICATE_ORDER", holder, "detail", "list" } end
for i, request in ipairs(requests) do
  local bearer = redis.call("HGET", SYMBOL, request.client_field)
  holder = holder_of_client_id(bearer, market.client_order_ids, market.now_ms)
  if holder then return { "rejected", "DUPLICATE_ORDER", holder } end
  for j = 1, i - 1 do
    if requests[j].client_id == request.client_id then
      return { "rejected", "DUPLICATE_ORDER", "", "detail", "within" }
    end
  end
end

-- Plan.
local list_id = redis.call("HGET", META, "next_list_id") or "1"
local orders, names = {}, {}
for i, request in ipairs(requests) do
  local order = new_order(market, request)
  local begins = kind == "OCO" or i == 1
  local why = refusal_of(market, order, kind == "OCO", begins)
  if why then
    why[#why + 1], why[#why + 2] = "leg", int(i)
    return why
  end
  order.terms[LIST], order.request, order.begins = list_id, request, begins
  if begins and string.sub(kind, 1, 3) == "OPO" then order.terms[EXPIRY], order.terms[PAYS] = '""', "1" end
  order.locked = need_of(market, order)
  if not order.locked or order.locked >= EXACT then return too_large(order) end
  orders[i], names[i] = order, "[" .. order.id .. ',"' .. request.client_id .. '"]'
end
refusal = refusal_by_limits(market, orders)
if refusal then return refusal end
if kind == "OCO" or #orders == 3 then
  local main, extra = main_of_pair(orders[#orders - 1], orders[#orders])
  extra.locked = math.max(0, extra.locked - main.locked)
end
for _, order in ipairs(orders) do
  move(order.side == "BUY" and market.quote or market.base, account, -order.locked, order.locked)
end
read_ledger(market.base)
read_ledger(market.quote)
for _, ledger in ipairs({ market.base, market.quote }) do
  local needed = -(ledger.free[account] or 0)
  if needed >= EXACT then return { "rejected", "AMOUNT_TOO_LARGE" } end
  if needed > 0 and not enough(free_before(ledger, account), needed) then
    return too_poor(market, ledger, account, needed)
  end
end
local list = { id = list_id, kind = kind, account = account }
list.tail = int(market.now_ms) .. ',"' .. ARGV[6] .. '",[' .. table.concat(names, ",") .. "]]"
local list_record, records = write_list(market, list, false), {}
for i, order in ipairs(orders) do
  records[i] = write_record(order, order.begins and "NEW" or "PENDING_NEW", int(market.now_ms))
end

-- Write.
market.charge = charge
if charge then commit_charge(KEYS[19], charge, charge.orders) end
commit_limits(market)
commit_ledger(market.base)
commit_ledger(market.quote)
redis.call("HSET", META, "next_list_id", int(tonumber(list_id) + 1))
redis.call("HSET", LISTS, list_id, list_record, list_field, list_id)
for i, order in ipairs(orders) do
  redis.call("HSET", SYMBOL, order.member, records[i])
  redis.call("ZADD", OPEN, "0", open_member(symbol, order))
  redis.call("HSET", SYMBOL, order.request.client_field, order.member)
  if order.begins then
    redis.call("RPUSH", TRIGGERED, "+" .. order.member)
    market.waiting = market.waiting + 1
  end
end
commit_gate(market)
commit_market(market, "list_placed", list_record .. ",[" .. table.concat(records, ",") .. "]")
local seq = market.seq
commit_cascade(market, MAX_FILLS)
return with_counts(KEYS[19], charge, { "ok", seq, list_record, records, market.pending and 0 or 1 })
