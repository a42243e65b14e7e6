#!lua flags=allow-oom
--[[
reduce_order: an open order becomes smaller and keeps its place in the queue; with it the other order of its pair.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 key digest or "" 4 order id (16 digits) 5 its new quantity in lots, filled part included
       6 its new client order id, or "": as it is
Reply  {"ok", seq, record, its client order id until now, its list or ""}, {"pending"} or
       {"rejected", why, existing id?}
Event  order_reduced
Cost   O(log N)
]]
--- @include "lib/market"
--- @include "lib/leaving"
--- @include "lib/lists"
--- @include "lib/resting"

-- What the order still has to lock. A market buy that trails without a stop price keeps what it has.
local function lock_of_rest(market, order)
  if order.side == "SELL" then return order.left * market.base_atoms_per_lot end
  local price = order.price > 0 and order.price or tonumber(order.terms[STOP])
  return price > 0 and math.min(order.locked, notional_ceil(market, price, order.left)) or order.locked
end

-- How often one order of the symbol may be amended, nil: as often as its owner likes.
local function most_amends(market)
  return market.limits and tonumber(string.match(market.limits, " amends=(%d+)") or "") or nil
end

-- What each of the orders still has to lock. A pair of which one order has no price of its own keeps what it has.
local function locks_of_rest(market, orders)
  local one, other = orders[1], orders[2]
  if not other then return { lock_of_rest(market, one) } end
  for _, order in ipairs(orders) do
    local has_price = order.side == "SELL" or order.price > 0 or order.terms[STOP] ~= "0"
    if not has_price then return { one.locked, other.locked } end
  end
  return { share_lock(one, other, need_of(market, one), need_of(market, other)) }
end

-- Makes the order smaller; order.removed is what its price level shows less.
local function reduce(order, lots)
  local shown = is_working(order) and shown_of(order) or 0
  order.left, order.lots = lots - order.lots + order.left, lots
  if is_iceberg(order) and is_working(order) then order.terms[VISIBLE] = int(math.min(shown, order.left)) end
  order.removed = is_working(order) and shown - shown_of(order) or 0
end

-- Read.
local account, symbol, client_id = ARGV[1], ARGV[2], ARGV[6]
local market, verdict = read_market(symbol, "0")
if verdict then return verdict end
local order = find_open_order(ARGV[4], account)
local lots = tonumber(ARGV[5])

-- Check.
if not key_is_good(ARGV[3], account) then return { "rejected", "KEY_INVALID" } end
if market.status == "BREAK" then return { "rejected", "MARKET_CLOSED" } end
if not order then return { "rejected", "UNKNOWN_ORDER" } end
local list = list_of(order) and find_list(account, list_of(order), "")
local orders = list and open_pair(list, order.member) or { order }
for _, one in ipairs(orders) do
  if lots <= one.lots - one.left or lots >= one.lots then return { "rejected", "FILTER_LOT_SIZE" } end
end
local most, amends = most_amends(market), tonumber(order.terms and order.terms[AMENDS] or "0")
if most and amends >= most then return { "rejected", "FILTER_MAX_NUM_ORDER_AMENDS" } end
local old_client_id, old_lots = client_id_of(order), order.lots
local is_renamed = client_id ~= "" and client_id ~= old_client_id
local client_start = account .. "|" .. symbol .. "|"
if is_renamed then
  local holder = holder_of_client_id(client_start .. client_id, market.client_order_ids, market.now_ms)
  if holder then return { "rejected", "DUPLICATE_ORDER", holder } end
end

-- Plan.
local leaving, records, others, record = new_leaving(), {}, {}, nil
for _, one in ipairs(orders) do reduce(one, lots) end
local locks = locks_of_rest(market, orders)
for i, one in ipairs(orders) do
  plan_shrink(market, leaving, one, one.removed, one.locked - locks[i])
  if one.member == order.member and is_renamed then rename(one, client_id) end
  if most then
    add_terms(one)
    one.terms[AMENDS] = int(amends + 1)
  end
  local status = string.match(one.text, '"([A-Z_]+)"')
  records[2 * i - 1], records[2 * i] = one.member, write_record(one, status, int(market.now_ms))
  if one.member == order.member then record = records[2 * i] else others[#others + 1] = records[2 * i] end
end
local list_record = list and (is_renamed and rename_in_list(market, list, order.id, client_id) or list.text)
finish_leaving(market, leaving)

-- Write.
commit_leaving(market, leaving)
redis.call("HSET", ORDERS, unpack(records))
if is_renamed then
  redis.call("HDEL", CLIENT_IDS, client_start .. old_client_id)
  redis.call("HSET", CLIENT_IDS, client_start .. client_id, order.member)
  if list then redis.call("HSET", LISTS, list.id, list_record) end
end
commit_market(market, "order_reduced", record .. ',"' .. old_client_id .. '",' .. int(old_lots) .. ",["
  .. table.concat(others, ",") .. "]," .. (list_record or "null"))
return { "ok", market.seq, record, old_client_id, list_record or "" }
