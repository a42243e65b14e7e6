--- @include "lib/auction_price"
--- @include "lib/cascade"

-- The end of a call auction: bids and asks that cross trade with each other at one price, each side best price first
-- and oldest first among equals, whatever the symbol's matching rule; then the symbol is open. It takes as many steps
-- as it needs, with the gate at AUCTION and SYMBOL's `auction` = "<price>:<lots to go>" between them. Of the two orders
-- of a trade the one that was placed first is the maker. Self-trade prevention and the circuit breaker do not apply.

local AUCTION = "auction" -- where the gate has an order's id otherwise

local read_auction, commit_auction

do -- A script may have 200 locals: what only this piece uses stays in here.

local new_walk, next_maker, new_plan, plan_fill, plan_shown, plan_unlock, plan_requeueing, note_maker =
  parts_of_a_match()

-- What is left of an auction that has begun.
function read_auction()
  local price, lots = string.match(redis.call("HGET", SYMBOL, "auction"), "^(%d+):(%d+)$")
  return { price = tonumber(price), lots = tonumber(lots) }
end

local function new_half(name, price)
  local walk = new_walk({ side = name == "BUY" and "SELL" or "BUY", limit = price })
  return { name = name, walk = walk, plan = new_plan(walk) }
end

-- The order of a side whose turn it is; `turn` are the lots it may still trade before the next one.
local function order_in_turn(half)
  local order = half.order
  if order and order.turn > 0 then return order end
  order = next_maker(half.walk)
  if not order then broken("order_in_turn: fewer " .. half.name .. " lots than the auction has counted") end
  order.side, order.shown = half.name, order.shown or shown_of(order)
  order.turn, half.order = order.shown, order
  return order
end

-- Plans a trade of two resting orders; what the bid had set aside beyond the price is free again. False, with nothing
-- counted, when what the step moves could not be exact any more.
local function plan_pair(market, sums, price, bid, ask, lots)
  local needed = bid.left > lots and notional_ceil(market, bid.price, bid.left - lots) or 0
  local freed = bid.locked - needed -- paid or given back
  if sums.lots > 0 and sums.quote + sums.moved + freed >= EXACT then return false end
  local maker, taker = bid, ask
  if tonumber(ask.id) < tonumber(bid.id) then maker, taker = ask, bid end
  local is_first = market.first_fills and filled_of(taker) == 0
  local own_price, quote_before = maker.price, sums.quote
  maker.price, sums.received, taker.pays_list = price, 0, pays_list(taker)
  local is_planned = plan_fill(market, taker, sums, maker, lots)
  maker.price = own_price
  if not is_planned then return false end
  if is_first then -- both have rested
    market.first_fills[#market.first_fills + 1] = { account = taker.account, is_maker = true }
  end
  local quote, pays, receives = sums.quote - quote_before, market.base, market.quote
  local spent = lots * market.base_atoms_per_lot
  if taker == bid then pays, receives, spent = market.quote, market.base, quote end
  taker.left, taker.filled_quote, taker.locked = taker.left - lots, taker.filled_quote + quote, taker.locked - spent
  move(pays, taker.account, 0, -spent)
  if sums.received > 0 then move(receives, taker.account, sums.received, 0) end
  plan_unlock(market, bid, true)
  sums.moved = sums.moved + freed - quote
  return true
end

-- Plans as many trades as there is room for; counts down auction.lots.
local function plan_trades(market, auction, bids, asks, room)
  local sums = { lots = 0, quote = 0, received = 0, moved = 0 }
  while auction.lots > 0 and #market.fills < room do
    local bid, ask = order_in_turn(bids), order_in_turn(asks)
    local lots = math.min(bid.turn, ask.turn, auction.lots)
    if not plan_pair(market, sums, auction.price, bid, ask, lots) then break end
    auction.lots = auction.lots - lots
    for _, half in ipairs({ bids, asks }) do
      local order = half.order
      order.turn = order.turn - lots
      plan_shown(half.walk, half.plan, order, lots)
      note_maker(market, half.plan, order, order.left == 0 and "FILLED" or nil)
    end
  end
  if auction.lots > 0 and #market.fills == 0 then broken("plan_trades: the auction cannot go on") end
  plan_requeueing(market, bids.plan, bids.walk)
  plan_requeueing(market, asks.plan, asks.walk)
end

local function commit_auction_step(market, auction, room)
  local bids, asks = new_half("BUY", auction.price), new_half("SELL", auction.price)
  plan_trades(market, auction, bids, asks, room)
  if #market.open_fees > 0 then settle_fees(market) end
  local bid_levels = plan_levels(market, BID, bids.plan.prices, bids.plan.taken)
  local ask_levels = plan_levels(market, ASK, asks.plan.prices, asks.plan.taken)
  plan_consequences(market, true)
  read_money(market)
  check_money(market)
  local is_last = auction.lots == 0

  -- Write.
  commit_money(market)
  commit_match(market, bids.plan)
  commit_match(market, asks.plan)
  if #market.beside > 0 then redis.call("HSET", SYMBOL, unpack(market.beside)) end
  commit_levels(bid_levels)
  commit_levels(ask_levels)
  commit_triggers(market)
  commit_touched_lists(market)
  commit_gate(market, not is_last and AUCTION)
  if is_last then
    market.status = "TRADING"
    redis.call("HSET", SYMBOL, "status", "TRADING", "auction", "")
  else
    redis.call("HSET", SYMBOL, "auction", int(auction.price) .. ":" .. int(auction.lots))
  end
  commit_market(market, "auction_matched", int(auction.price) .. "," .. (is_last and "true" or "false"))
end

-- Trades at the price of `auction` {price, lots} until all is done or the call has done its share; what the trades have
-- triggered comes after the last of them.
function commit_auction(market, auction)
  local room = MAX_FILLS
  for _ = 1, MAX_FILLS do
    if market.is_told then next_step(market) end
    commit_auction_step(market, auction, room)
    room = room - 1 - #market.fills
    if auction.lots == 0 or room <= 0 then break end
  end
  if room > 0 then commit_cascade(market, room) end
end

end
