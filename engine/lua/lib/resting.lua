--- @include "lib/entry"

-- A new LIMIT or LIMIT_MAKER order that meets nobody: the short way of place_order, on its ARGV. The long way
-- (lib/placing.lua) gives the same record, reply and event for it; a test compares the two.

-- The id of an order that keeps this one from using its client order id, if any.
local function holder_of_client_id(field, client_order_ids, now_ms)
  local day_ms = 86400000
  local member = redis.call("HGET", CLIENT_IDS, field)
  if not member then return nil end
  if redis.call("HEXISTS", ORDERS, member) == 1 then return member end
  if client_order_ids ~= "day" then return nil end
  local record = redis.call("HGET", ENDED, member)
  if record and now_ms - tonumber(string.match(record, "^%[%d+,%d+,%d+,%d+,(%d+)")) < day_ms then return member end
end

-- The best price that a new order would meet, with a minus when it is a bid's; nil when there is none.
local function best_opposite(is_buy)
  return redis.call("ZRANGE", (is_buy and ASK or BID).book, 0, 0, "WITHSCORES")[2]
end

local function meets_other_side(is_buy, price)
  local best = best_opposite(is_buy)
  return best and (is_buy and tonumber(best) <= price or not is_buy and -tonumber(best) >= price)
end

local function rest_order(s, m, now_ms, client_field, price_ticks)
  local account, symbol, side, price, lots_text = ARGV[1], ARGV[2], ARGV[5], ARGV[8], ARGV[9]
  local own, funds, asset = BID, QUOTE, s[6]
  local lots, signed_price = tonumber(lots_text), "-" .. price
  local base_atoms = lots * tonumber(s[7])
  local divisor = tonumber(s[9])
  local product = price_ticks * lots * tonumber(s[8]) + divisor - 1
  local atoms = math.floor(product / divisor)
  if side == "SELL" then own, funds, asset, signed_price, atoms = ASK, BASE, s[5], price, base_atoms end
  local level = tonumber(redis.call("HGET", own.depth, price) or "0") + lots
  if product >= EXACT or base_atoms >= EXACT or level >= EXACT then
    return { "rejected", "AMOUNT_TOO_LARGE", "", "price_ticks", price, "lots", lots_text }
  end
  local free_field, locked_field = account .. ":free", account .. ":locked"
  local balances = redis.call("HMGET", funds, free_field, locked_field)
  if not enough(balances[1], atoms) then
    local unit = side == "SELL" and "base_atoms" or "quote_atoms"
    return { "rejected", "INSUFFICIENT_BALANCE", "", "needed_" .. unit, int(atoms), "free_" .. unit,
      balances[1] or "0" }
  end

  -- Plan.
  local id_text, seq, now, locked = m[5] or "1", int(tonumber(m[3]) + 1), int(now_ms), int(atoms)
  local order_id = tonumber(id_text)
  local member, level_text, update_id = string.format("%016d", order_id), int(level), int(tonumber(m[8] or "0") + 1)
  local record = "[" .. lots_text .. "," .. lots_text .. ",0," .. locked .. "," .. now .. ',"NEW",' .. id_text
    .. "," .. account .. ',"' .. side .. '",' .. price .. ',"' .. ARGV[6] .. '","GTC",' .. now
    .. ',"' .. ARGV[11] .. '",0]'
  local event = '["order_placed",' .. m[4] .. "," .. seq .. "," .. now .. ',"' .. symbol .. '",' .. update_id
    .. ',[],[],[["' .. side .. '",' .. price .. "," .. level_text .. ']],[["' .. asset .. '",' .. account .. ","
    .. balances[1] .. ",-" .. locked .. "," .. (balances[2] or "0") .. "," .. locked .. "]]," .. record .. ",true]"

  -- Write.
  local free_atoms, locked_atoms = tonumber(balances[1]), tonumber(balances[2] or "0") + atoms
  if free_atoms < EXACT and locked_atoms < EXACT then
    redis.call("HSET", funds, free_field, int(free_atoms - atoms), locked_field, int(locked_atoms))
  else
    redis.call("HINCRBY", funds, free_field, "-" .. locked)
    redis.call("HINCRBY", funds, locked_field, locked)
  end
  redis.call("HSET", own.depth, price, level_text)
  if level == lots then redis.call("ZADD", own.levels, signed_price, price) end
  redis.call("ZADD", own.book, signed_price, member)
  redis.call("HSET", ORDERS, member, record)
  redis.call("ZADD", OPEN, "0", account .. "|" .. symbol .. "|" .. member)
  redis.call("HSET", CLIENT_IDS, client_field, member)
  redis.call("HSET", META, "last_ms", now, "seq", seq, "next_order_id", int(order_id + 1),
    "update_id:" .. symbol, update_id, "changed_ms:" .. symbol, now)
  redis.call("XADD", EVENTS, "0-" .. seq, "d", event)
  return { "ok", tonumber(seq), record, "[]", "[]", 1, 1 }
end
