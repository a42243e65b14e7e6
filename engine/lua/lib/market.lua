--- @include "lib/number"
--- @include "lib/clock"
--- @include "lib/event"
--- @include "lib/ledger"
--- @include "lib/order"

-- The keys of a market command, in the order of Keys.of_market.
local META, SYMBOL, EVENTS, API_KEYS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ORDERS, ENDED, OPEN, CLIENT_IDS, TRADES = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local BASE, QUOTE = KEYS[16], KEYS[17]
local BID = { book = KEYS[5], levels = KEYS[7], depth = KEYS[9], sign = -1, name = "BUY" }
local ASK = { book = KEYS[6], levels = KEYS[8], depth = KEYS[10], sign = 1, name = "SELL" }

local function own_side(side)
  return side == "BUY" and BID or ASK
end

local function other_side(side)
  return side == "BUY" and ASK or BID
end

-- Everything a market command must know of its venue and symbol, or the verdict that ends it: "pending" while an
-- earlier order has fills left to do, "stale" when the command was made under other rules (0: it depends on none).
local function read_market(symbol, rules_version)
  local s = redis.call("HMGET", SYMBOL, "rules_version", "pending", "status", "update_id", "next_trade_id", "base",
    "quote", "base_atoms_per_lot", "multiplier", "divisor", "maker_fee_e8", "taker_fee_e8", "last_price_ticks")
  if not s[1] then return nil, { "rejected", "UNKNOWN_SYMBOL" } end
  if rules_version ~= "0" and s[1] ~= rules_version then return nil, { "stale" } end
  local m = redis.call("HMGET", META, "clock", "last_ms", "seq", "epoch", "next_order_id", "client_order_ids")
  local market = {
    symbol = symbol, pending = s[2] ~= "" and s[2], status = s[3],
    update_id = tonumber(s[4]), next_trade_id = tonumber(s[5]), base_atoms_per_lot = tonumber(s[8]),
    multiplier = tonumber(s[9]), divisor = tonumber(s[10]), maker_fee_e8 = tonumber(s[11]),
    taker_fee_e8 = tonumber(s[12]), last_price = tonumber(s[13]),
    mode = m[1], now_ms = read_clock(m[1], m[2]), seq = tonumber(m[3]) + 1, epoch = tonumber(m[4]),
    next_order_id = tonumber(m[5] or "1"), client_order_ids = m[6],
    base = new_ledger(s[6], BASE), quote = new_ledger(s[7], QUOTE),
    fills = {}, makers = {}, levels = {},
  }
  if market.pending then return market, { "pending" } end
  return market
end

-- False when a key was given that is not (or no longer) one of the account's.
local function key_is_good(digest, account)
  if digest == "" then return true end
  local record = redis.call("HGET", API_KEYS, digest)
  local start = "[" .. account .. ","
  return record and string.sub(record, 1, #start) == start
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

-- Writes the counters of a market command and its one event. `body` is the JSON after the parts that all market
-- events share; update_id has been set by the caller's plan.
local function commit_market(market, kind, body)
  local symbol_fields = { "update_id", int(market.update_id), "changed_ms", int(market.now_ms) }
  if #market.fills > 0 then
    local last_trade = int(market.next_trade_id - 1)
    local fills = table.concat(market.fills, ",")
    redis.call("XADD", TRADES, "0-" .. last_trade, "d", "[[" .. fills .. "]," .. int(market.now_ms) .. "]")
    symbol_fields[5], symbol_fields[6] = "next_trade_id", int(market.next_trade_id)
    symbol_fields[7], symbol_fields[8] = "last_price_ticks", int(market.last_price)
  end
  redis.call("HSET", SYMBOL, unpack(symbol_fields))
  redis.call("HSET", META, "last_ms", int(market.now_ms), "seq", int(market.seq),
    "next_order_id", int(market.next_order_id))
  local balances = {}
  tell_ledger(market.base, balances)
  tell_ledger(market.quote, balances)
  commit_event(EVENTS, kind, market, '"' .. market.symbol .. '",' .. int(market.update_id)
    .. ",[" .. table.concat(market.fills, ",") .. "],[" .. table.concat(market.makers, ",")
    .. "],[" .. table.concat(market.levels, ",") .. "],[" .. table.concat(balances, ",") .. "]," .. body)
end
