#!lua flags=allow-oom
--[[
reduce_order: an open order becomes smaller and keeps its place in the queue. Of a pair both do: only one can trade.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 credential or "" 4 order id (16 digits) 5 its new quantity in lots, filled part included
       6 its new client order id, or "": as it is
Reply  {"ok", seq, record, its client order id until now, its list or ""}, {"pending"} or
       {"rejected", why, existing id?}
Event  order_reduced
Cost   O(log N)
]]
--- @include "lib/lists"
--- @include "lib/resting"

-- What the order needs for its rest; nil for a market buy that trails without a stop price: it keeps what it has.
local function lock_of_rest(market, order)
  if order.side == "SELL" then return order.left * market.base_atoms_per_lot end
  local price = order.price > 0 and order.price or tonumber(order.terms[STOP])
  return price > 0 and notional_ceil(market, price, order.left) or nil
end

-- Makes an order smaller, but for what it locks.
local function plan_smaller(market, leaving, order, lots)
  local shown, used = is_working(order) and shown_of(order) or 0, order.lots - order.left
  order.lots, order.left = lots, lots - used
  if is_iceberg(order) and is_working(order) then order.terms[VISIBLE] = int(math.min(shown, order.left)) end
  plan_shrink(market, leaving, order, is_working(order) and shown - shown_of(order) or 0, 0)
end

-- Frees what the order locks beyond `atoms`; nil: nothing.
local function plan_lock(market, leaving, order, atoms)
  if atoms then plan_shrink(market, leaving, order, 0, order.locked - atoms) end
end

-- How often one order of the symbol may be amended, nil: as often as its owner likes.
local function most_amends(market)
  return market.limits and tonumber(string.match(market.limits, " amends=(%d+)") or "") or nil
end

local function rename(order, client_id)
  local head, rest = string.match(order.tail, '^("%u+",%d+,"[A-Z_]+","%u+",%d+,")[^"]*(".*)$')
  order.tail = head .. client_id .. rest
end

-- Read.
local account, symbol, client_id = ARGV[1], ARGV[2], ARGV[6]
local market, verdict = read_market(symbol, "0")
if verdict then return verdict end
local order = find_open_order(ARGV[4], account)
local lots = whole(ARGV[5])

-- Check.
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", int(market.now_ms))
if refusal then return refusal end
if market.status == "BREAK" then return refusal_by_status(market.status) end
if not order then return { "rejected", "UNKNOWN_ORDER" } end
if order.lots == 0 then return { "rejected", "AMEND_PENDING_OPO" } end
local used = order.lots - order.left
if lots <= used or lots >= order.lots then
  return { "rejected", "FILTER_LOT_SIZE", "", "lots", int(lots), "used_lots", int(used), "order_lots", int(order.lots) }
end
local most, amends = most_amends(market), tonumber(order.terms and order.terms[AMENDS] or "0")
if most and amends >= most then
  return { "rejected", "FILTER_MAX_NUM_ORDER_AMENDS", "", "amends", int(amends), "max", int(most) }
end
local old_client_id, old_lots = client_id_of(order), order.lots
local is_renamed = client_id ~= "" and client_id ~= old_client_id
local client_start = account .. "|" .. symbol .. "|"
if is_renamed then
  local bearer = redis.call("HGET", SYMBOL, client_start .. client_id)
  local holder = holder_of_client_id(bearer, market.client_order_ids, market.now_ms)
  if holder then return { "rejected", "DUPLICATE_ORDER", holder } end
end

-- Plan.
local leaving, orders = new_leaving(), { order }
local main, extra, list = pair_of(order)
if main then
  orders = { main, extra }
  plan_smaller(market, leaving, main, lots)
  plan_smaller(market, leaving, extra, lots)
  plan_lock(market, leaving, main, lock_of_rest(market, main))
  local needed = lock_of_rest(market, extra)
  plan_lock(market, leaving, extra, needed and math.max(0, needed - main.locked))
else
  list = list_of(order) and find_list(account, list_of(order), "")
  plan_smaller(market, leaving, order, lots)
  plan_lock(market, leaving, order, math.min(order.locked, lock_of_rest(market, order) or order.locked))
end
local records, others, record = {}, {}, nil
for i, one in ipairs(orders) do
  local is_meant = one.member == ARGV[4]
  if is_meant and is_renamed then rename(one, client_id) end
  if most then
    add_terms(one)
    one.terms[AMENDS] = int(amends + 1)
  end
  local text = write_record(one, one.status, int(market.now_ms))
  records[2 * i - 1], records[2 * i] = one.member, text
  if is_meant then record = text else others[#others + 1] = text end
end
local list_record = list and (is_renamed and rename_in_list(market, list, order.id, client_id) or list.text)
finish_leaving(market, leaving)

-- Write.
commit_leaving(market, leaving)
redis.call("HSET", SYMBOL, unpack(records))
if is_renamed then
  redis.call("HDEL", SYMBOL, client_start .. old_client_id)
  redis.call("HSET", SYMBOL, client_start .. client_id, order.member)
  if list then redis.call("HSET", LISTS, list.id, list_record) end
end
commit_market(market, "order_reduced", record .. ',"' .. old_client_id .. '",' .. int(old_lots) .. ",["
  .. table.concat(others, ",") .. "]," .. (list_record or "null"))
return { "ok", market.seq, record, old_client_id, list_record or "" }
