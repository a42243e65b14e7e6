--- @include "lib/market"
--- @include "lib/book"
--- @include "lib/triggers"

-- Orders that leave the book before they are filled: what they had locked goes back, their level shrinks.

-- The order at `member` as a table with side, price and member; nil unless it is open and `account`'s own.
local function find_open_order(member, account)
  local text = member and redis.call("HGET", SYMBOL, member)
  if not text then return nil end
  local order = read_record(text)
  if order.account ~= account then return nil end
  order.member, order.text, order.status = member, text, string.match(text, '"([A-Z_]+)"')
  order.side, order.price = side_and_price(order)
  return order
end

-- By id, by client order id, or by both, which then must agree.
local function find_by_either_id(symbol, account, member, client_id)
  if member == "" then
    member = redis.call("HGET", SYMBOL, account .. "|" .. symbol .. "|" .. client_id)
    client_id = ""
  end
  local order = find_open_order(member, account)
  if order and client_id ~= "" and client_id_of(order) ~= client_id then return nil end
  return order
end

local function new_leaving()
  return { BUY = { prices = {}, deltas = {}, places = {} }, SELL = { prices = {}, deltas = {}, places = {} },
    members = {}, waiting = {}, closed = {}, ended = {} }
end

-- Takes `lots` off what the order's level shows and `locked_atoms` off what it locks.
local function plan_shrink(market, leaving, order, lots, locked_atoms)
  local side, price = leaving[order.side], int(order.price)
  if lots > 0 then
    if not side.deltas[price] then
      side.prices[#side.prices + 1] = price
      side.deltas[price] = 0
    end
    side.deltas[price] = side.deltas[price] - lots
  end
  move(order.side == "BUY" and market.quote or market.base, order.account, locked_atoms, -locked_atoms)
  order.locked = order.locked - locked_atoms
end

-- Counts one order as ended with `status`; returns its record.
local function plan_end(market, leaving, order, status)
  plan_shrink(market, leaving, order, is_working(order) and shown_of(order) or 0, order.locked)
  local record = write_record(order, status, int(market.now_ms))
  touch_list(market, order)
  local places, waiting = leaving[order.side].places, leaving.waiting
  if is_working(order) then
    places[#places + 1] = place_of(order, order.member)
  else
    waiting[#waiting + 1] = order.member
  end
  leaving.members[#leaving.members + 1] = order.member
  leaving.closed[#leaving.closed + 1] = open_member(market.symbol, order)
  leaving.ended[#leaving.ended + 1], leaving.ended[#leaving.ended + 2] = order.member, record
  return record
end

local function finish_leaving(market, leaving)
  leaving.bid_levels = plan_levels(market, BID, leaving.BUY.prices, leaving.BUY.deltas)
  leaving.ask_levels = plan_levels(market, ASK, leaving.SELL.prices, leaving.SELL.deltas)
  if #market.levels > 0 then market.update_id = market.update_id + 1 end
  read_ledger(market.base)
  read_ledger(market.quote)
  check_ledger(market.base)
  check_ledger(market.quote)
end

local function commit_leaving(market, leaving)
  commit_ledger(market.base)
  commit_ledger(market.quote)
  commit_levels(leaving.bid_levels)
  commit_levels(leaving.ask_levels)
  if #leaving.BUY.places > 0 then redis.call("ZREM", BID.book, unpack(leaving.BUY.places)) end
  if #leaving.SELL.places > 0 then redis.call("ZREM", ASK.book, unpack(leaving.SELL.places)) end
  commit_not_waiting(market, leaving.waiting)
  if #leaving.members == 0 then return end
  redis.call("HDEL", SYMBOL, unpack(leaving.members))
  redis.call("ZREM", OPEN, unpack(leaving.closed))
  redis.call("HSET", ENDED, unpack(leaving.ended))
  commit_touched_lists(market)
  commit_gate(market)
end

-- Takes one order off the book as a step of its own; cancel_order's reply. `restriction` is the status it must have.
local function commit_cancel(market, order, own_id, restriction)
  if not order then return { "rejected", "UNKNOWN_ORDER" } end
  if restriction ~= "" and order.status ~= restriction then
    return { "rejected", "CANCEL_RESTRICTED", "", "detail", order.status }
  end
  local leaving = new_leaving()
  local record = plan_end(market, leaving, order, "CANCELED")
  finish_leaving(market, leaving)
  commit_leaving(market, leaving)
  commit_market(market, "order_canceled", record .. ',"' .. own_id .. '"')
  return { "ok", market.seq, record }
end
