--- @include "lib/entry"

-- What a new order has to know of the others: whether its name is taken, and whether it would meet one.

-- The id of an order that keeps a new one from using its client order id, if any; `member` is who bore it last.
local function holder_of_client_id(member, client_order_ids, now)
  local day_ms = 86400000
  if not member then return nil end
  if redis.call("HEXISTS", SYMBOL, member) == 1 then return member end
  if client_order_ids ~= "day" then return nil end
  local record = redis.call("HGET", ENDED, member)
  local ended_ms = record and string.match(record, "^%[%d+,%d+,%d+,%d+,(%d+)")
  if ended_ms and tonumber(now) - tonumber(ended_ms) < day_ms then return member end
end

-- The best price that a new order would meet, with a minus when it is a bid's; nil when there is none.
local function best_opposite(is_buy)
  return redis.call("ZRANGE", (is_buy and ASK or BID).book, 0, 0, "WITHSCORES")[2]
end

local function meets_other_side(is_buy, price)
  local best = best_opposite(is_buy)
  return best and (is_buy and tonumber(best) <= price or not is_buy and -tonumber(best) >= price)
end
