--- @include "lib/entry"
--- @include "lib/charging"
--- @include "lib/event"
--- @include "lib/ledger"
--- @include "lib/order"

local function own_side(side)
  return side == "BUY" and BID or ASK
end

local function other_side(side)
  return side == "BUY" and ASK or BID
end

local new_market, lacks_keys, read_market, next_step

do -- A script may have 200 locals: what only this piece uses stays in here.

-- What a step fills: `path` are the prices it trades at, as they change, `triggered` the orders that these trigger.
local function clear_step(market)
  market.base, market.quote = new_ledger(market.base_asset, BASE), new_ledger(market.quote_asset, QUOTE)
  market.fills, market.makers, market.levels, market.prevented, market.path = {}, {}, {}, {}, {}
  market.touched_lists, market.open_fees, market.discount = {}, {}, nil
  market.is_told, market.triggers, market.price_before = false, nil, market.last_price
  market.halt, market.price_window = nil, nil -- of the circuit breaker
  market.first_fills = market.rate_limits and {} -- of orders that count as unfilled until then (lib/charging.lua)
  market.tick_sum, market.buckets = 0, nil -- of the reference price
  market.beside, market.payees, market.free_base = {}, nil, nil -- other orders of a list whose locks change
  market.aggregate_taker, market.aggregate_price = nil, nil -- whose trades at which price count as one just now
end

-- Where fees may be more than a share for maker and for taker, market.rates has those of the symbol, and
-- lib/commissions.lua works fees out.
local function prepare_rates(market, text, account_rates)
  market.has_account_rates = account_rates and account_rates ~= "0"
  if not text and not market.has_account_rates then return end
  market.rates = { maker_fee_e8 = market.maker_fee_e8, taker_fee_e8 = market.taker_fee_e8, text = text }
  market.discount_asset = string.match(text or "", " discount_asset=(%w+)")
  market.known_rates, market.conversions = {}, {}
end

-- Everything a market command plans with: the fields it has read, and those that an order which only rests can do
-- without.
function new_market(symbol, s, m, now_ms)
  local t = redis.call("HMGET", SYMBOL, "next_trade_id", "maker_fee_e8", "taker_fee_e8", "last_price_ticks",
    "min_notional_atoms", "up_ticks", "down_ticks", "trailing", "next_prevented_id",
    "pending_prevented", "rates", "account_rates", "last_aggregate_id")
  local rules = s[1]
  local market = {
    symbol = symbol, pending = s[2] ~= "" and s[2], status = s[3], update_id = tonumber(m[8] or "0"),
    base_asset = rules.base_asset, quote_asset = rules.quote_asset, base_atoms_per_lot = rules.base_atoms_per_lot,
    multiplier = rules.multiplier, divisor = rules.divisor, next_trade_id = tonumber(t[1]),
    maker_fee_e8 = tonumber(t[2]), taker_fee_e8 = tonumber(t[3]), last_price = tonumber(t[4]),
    min_notional = tonumber(t[5]), up_ticks = tonumber(t[6] or ""), down_ticks = tonumber(t[7] or ""),
    trailing = tonumber(t[8] or "0"), next_prevented_id = tonumber(t[9] or "0"),
    last_aggregate_id = tonumber(t[13] or t[1] - 1),
    pending_prevented = tonumber(t[10] or "0"), -- what prevention has taken from the unfinished order's quote amount
    mode = m[1], client_order_ids = m[6], now_ms = now_ms, seq = tonumber(m[3]) + 1, epoch = tonumber(m[4]),
    next_order_id = tonumber(m[5] or "1"), waiting = 0, limits = s[4], account_limits = m[7], rate_limits = m[9],
    matching = s[4] and string.match(s[4], " rule=(%S+) "), -- nil: price-time
    execution_rules = s[4], -- the same text; a tape is exempt from limits, but its trades make the reference price
  }
  prepare_rates(market, t[11], t[12])
  clear_step(market)
  return market
end

-- Whether the caller has not declared the balances of the asset that fees may be paid in.
function lacks_keys(market)
  local name = market.discount_asset and ":balance:" .. market.discount_asset
  return name and string.sub(KEYS[20] or "", -#name) ~= name
end

-- The market, or a verdict that ends the command; both while an order is pending. `account` is whose limits count, nil
-- for commands that place nothing.
function read_market(symbol, rules_version, account)
  local s, m = read_fields(symbol, account or "")
  local verdict = early_verdict(s, rules_version)
  if verdict and verdict[1] ~= "pending" then return nil, verdict end
  local market = new_market(symbol, s, m, tonumber(read_clock(m[1], m[2])))
  if lacks_keys(market) then return nil, { "keys" } end
  return market, verdict
end

-- The step after one that has been written, and after the event of a halt if it has halted the symbol.
function next_step(market)
  market.seq = market.seq + (market.halt and 2 or 1)
  clear_step(market)
end

end

local function read_money(market)
  read_ledger(market.base)
  read_ledger(market.quote)
  if market.discount then read_ledger(market.discount) end
end

local function check_money(market)
  check_ledger(market.base)
  check_ledger(market.quote)
  if market.discount then check_ledger(market.discount) end
end

local function commit_money(market)
  commit_ledger(market.base)
  commit_ledger(market.quote)
  if market.discount then commit_ledger(market.discount) end
end

-- Quote atoms of a fill, rounded down; nil when the product cannot be computed exactly.
local function notional_floor(market, price, lots)
  local product = price * lots * market.multiplier
  if product >= EXACT then return nil end
  return math.floor(product / market.divisor)
end

-- Quote atoms to set aside, rounded up; nil as above.
local function notional_ceil(market, price, lots)
  local product = price * lots * market.multiplier + market.divisor - 1
  if product >= EXACT then return nil end
  return math.floor(product / market.divisor)
end

-- Notes that something happened to an order, if it is one of a list: the list will be looked at in a step of its own.
local function touch_list(market, order)
  local list = list_of(order)
  for _, known in ipairs(market.touched_lists) do
    if known == list then return end
  end
  if list then market.touched_lists[#market.touched_lists + 1] = list end
end

-- Lists that the step touched come before all else that waits.
local function commit_touched_lists(market)
  for i = #market.touched_lists, 1, -1 do
    redis.call("LPUSH", TRIGGERED, "L" .. market.touched_lists[i])
    market.waiting = market.waiting + 1
  end
end

-- The symbol's gate: the order that has fills to do, "*" while triggered orders wait for their turn, "" when open.
local function commit_gate(market, unfinished)
  local pending = unfinished or market.waiting > 0 and "*" or false
  if pending ~= market.pending then redis.call("HSET", SYMBOL, "pending", pending or "") end
  market.pending = pending
end

local commit_market

do -- A script may have 200 locals: what only this piece uses stays in here.

-- What the circuit breaker has to note of a step, and the halt with an event of its own.
local function commit_halt(market)
  local halt = market.halt
  market.status = "HALT"
  redis.call("HSET", SYMBOL, "status", "HALT", "halted_ms", int(market.now_ms))
  commit_event(EVENTS, "symbol_halted", { seq = market.seq + 1, epoch = market.epoch, now_ms = market.now_ms },
    '"' .. market.symbol .. '",' .. int(halt.price) .. "," .. int(halt.reference))
end

-- Writes the counters of a market command and its one event. `body` is the JSON after the parts that all market
-- events share; update_id has been set by the caller's plan.
function commit_market(market, kind, body)
  if #market.fills > 0 then
    local last_trade = int(market.next_trade_id - 1)
    local fills = table.concat(market.fills, ",")
    redis.call("XADD", TRADES, "0-" .. last_trade, "d", "[[" .. fills .. "]," .. int(market.now_ms) .. "]")
    local symbol_fields = { "next_trade_id", int(market.next_trade_id), "last_price_ticks", int(market.last_price),
      "last_aggregate_id", int(market.last_aggregate_id) }
    if market.price_window then
      symbol_fields[7], symbol_fields[8] = "price_window", market.price_window
    end
    if market.buckets then
      symbol_fields[#symbol_fields + 1], symbol_fields[#symbol_fields + 2] = "buckets", market.buckets
    end
    redis.call("HSET", SYMBOL, unpack(symbol_fields))
  end
  local now = int(market.now_ms)
  redis.call("HSET", META, "last_ms", now, "seq", int(market.halt and market.seq + 1 or market.seq),
    "next_order_id", int(market.next_order_id), "update_id:" .. market.symbol, int(market.update_id),
    "changed_ms:" .. market.symbol, now)
  local balances = {}
  tell_ledger(market.base, balances)
  tell_ledger(market.quote, balances)
  if market.discount then tell_ledger(market.discount, balances) end
  commit_event(EVENTS, kind, market, '"' .. market.symbol .. '",' .. int(market.update_id)
    .. ",[" .. table.concat(market.fills, ",") .. "],[" .. table.concat(market.makers, ",")
    .. "],[" .. table.concat(market.levels, ",") .. "],[" .. table.concat(balances, ",") .. "]," .. body)
  if market.halt then commit_halt(market) end
  if market.first_fills and #market.first_fills > 0 then commit_first_fills(KEYS[19], market) end
  market.is_told = true
end

end
