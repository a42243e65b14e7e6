--- @include "lib/number"
--- @include "lib/clock"
--- @include "lib/caller"

-- The keys of a market command by name; read_fields says which they are.
local META, SYMBOL, EVENTS, API_KEYS, ENDED, OPEN, TRADES, BASE, QUOTE
local STOPS, TRAILING_ORDERS, TRIGGERED, TRADE_GROUPS, LISTS
local BID, ASK = { sign = -1, name = "BUY", mark = "b" }, { sign = 1, name = "SELL", mark = "a" } -- and book, levels

-- What the text of a symbol's rules says, by symbol: nothing else outlives a call, and it follows from the text alone.
local RULES = {}

local function read_rules(symbol, text)
  local rules = RULES[symbol]
  if rules and rules.text == text then return rules end
  local version, base, quote, atoms, multiplier, divisor = string.match(text, "^(%d+) (%S+) (%S+) (%d+) (%d+) (%d+)$")
  rules = {
    text = text, version = version, base_asset = base, quote_asset = quote, base_atoms_per_lot = tonumber(atoms),
    multiplier = tonumber(multiplier), divisor = tonumber(divisor),
  }
  RULES[symbol] = rules
  return rules
end

-- The fields of the symbol and of the venue that every market command needs; among them the limits of the symbol and of
-- the account that places an order ("" for commands of others) and those of requests (lib/charging.lua), false where
-- there are none, and the number of the book's last change. The symbol's rules come as a
-- table; the symbol's fields that are named beside come last.
-- It is asked first, and so names this call's keys, in the order of Keys.of_market: a command is built once and called
-- many times.
local function read_fields(symbol, account, ...)
  META, SYMBOL, EVENTS, API_KEYS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
  BID.book, BID.levels, ASK.book, ASK.levels = KEYS[5], KEYS[7], KEYS[6], KEYS[8]
  ENDED, OPEN, TRADES, BASE, QUOTE = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
  STOPS, TRAILING_ORDERS, TRIGGERED, TRADE_GROUPS, LISTS = KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18]
  local s = redis.call("HMGET", SYMBOL, "rules", "pending", "status", "limits", ...)
  s[1] = s[1] and read_rules(symbol, s[1])
  return s, redis.call("HMGET", META, "clock", "last_ms", "seq", "epoch", "next_order_id", "client_order_ids",
      "limits:" .. account, "update_id:" .. symbol, "rate_limits")
end

-- What ends a market command before it begins: "pending" while an earlier order has steps left to do, "stale" when it
-- was made under other rules (0: it depends on none).
local function early_verdict(s, rules_version)
  if not s[1] then return { "rejected", "UNKNOWN_SYMBOL" } end
  if rules_version ~= "0" and s[1].version ~= rules_version then return { "stale" } end
  if s[2] ~= "" then return { "pending" } end
end

-- Why an order of this kind is not taken in the symbol's status; nil when it is. `terms` as place_order has them. In
-- AUCTION_MATCH orders collect without meeting each other (lib/auction.lua): they must be able to wait, at a price of
-- their own.
local function refusal_by_status(status, kind, time_in_force, terms)
  if status == "TRADING" then return nil end
  if status ~= "AUCTION_MATCH" then return { "rejected", "MARKET_CLOSED", "", "detail", status } end
  local is_pegged = terms ~= "" and not string.find(terms, ',"",%d+$')
  if kind == "LIMIT" and time_in_force == "GTC" and not is_pegged then return nil end
  return { "rejected", "AUCTION_COLLECTS", "", "detail", is_pegged and "pegged" or kind .. " " .. time_in_force }
end
