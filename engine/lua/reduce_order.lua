#!lua flags=allow-oom
--[[
reduce_order: a resting order becomes smaller and keeps its place in the queue. Of a pair both do: only one can trade.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 key digest or "" 4 order id (16 digits) 5 its new quantity in lots, filled part included
Reply  {"ok", seq, record}, {"pending"} or {"rejected", why}
Event  order_reduced, and for the other order of a pair list_changed
Cost   O(log N)
]]
--- @include "lib/lists"

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

local function record_of(market, order)
  return write_record(order, order.status == "PENDING_NEW" and order.status or open_status(order), int(market.now_ms))
end

-- How often one order of the symbol may be amended, nil: as often as its owner likes.
local function most_amends(market)
  return market.limits and tonumber(string.match(market.limits, " amends=(%d+)") or "") or nil
end

-- Read.
local market, verdict = read_market(ARGV[2], "0")
if verdict then return verdict end
local order = find_open_order(ARGV[4], ARGV[1])
local lots = tonumber(ARGV[5])

-- Check.
if not key_is_good(ARGV[3], ARGV[1]) then return { "rejected", "KEY_INVALID" } end
if market.status == "BREAK" then return { "rejected", "MARKET_CLOSED" } end
if not order then return { "rejected", "UNKNOWN_ORDER" } end
if lots <= order.lots - order.left or lots >= order.lots then return { "rejected", "FILTER_LOT_SIZE" } end
local most, amends = most_amends(market), tonumber(order.terms and order.terms[AMENDS] or "0")
if most and amends >= most then return { "rejected", "FILTER_MAX_NUM_ORDER_AMENDS" } end

-- Plan.
local leaving, other, list_record = new_leaving(), nil, nil
local main, extra, list = pair_of(order)
if main then
  order, other = main, extra
  if extra.member == ARGV[4] then order, other = extra, main end
  list_record = write_list(market, list, false)
  plan_smaller(market, leaving, main, lots)
  plan_smaller(market, leaving, extra, lots)
  plan_lock(market, leaving, main, lock_of_rest(market, main))
  local needed = lock_of_rest(market, extra)
  plan_lock(market, leaving, extra, needed and math.max(0, needed - main.locked))
else
  plan_smaller(market, leaving, order, lots)
  plan_lock(market, leaving, order, math.min(order.locked, lock_of_rest(market, order) or order.locked))
end
if most then
  add_terms(order)
  order.terms[AMENDS] = int(amends + 1)
end
local record, other_record = record_of(market, order), other and record_of(market, other)
finish_leaving(market, leaving)

-- Write.
commit_leaving(market, leaving)
redis.call("HSET", ORDERS, order.member, record)
if other then redis.call("HSET", ORDERS, other.member, other_record) end
commit_market(market, "order_reduced", record)
local seq = market.seq
if other then
  redis.call("HSET", LISTS, list.id, list_record)
  next_step(market)
  commit_market(market, "list_changed", list_record .. ",[" .. other_record .. "]")
end
return { "ok", seq, record }
