-- What counts a placement in the script that places it, so that it costs no round trip more.

local read_charge, with_counts, commit_charge, commit_first_fills

do -- A script may have 200 locals: what only this piece uses stays in here.

--- @include "lib/sweep"

-- A verdict for an account that may not place so many orders; the interval that lasts longer comes first.
local function refusal_of_owner(limits, owner, orders, now_ms)
  local most, interval_ms, window = limits.most_long, limits.long_ms, owner.long_window
  if owner.long + orders <= most then
    most, interval_ms, window = limits.most_short, limits.short_ms, owner.short_window
    if owner.short + orders <= most then return nil end
  end
  return { "rejected", "TOO_MANY_ORDERS", "", "max_orders", int(most), "interval_ms", int(interval_ms), "now_ms",
    int(now_ms), "until_ms", int((window + 1) * interval_ms) }
end

-- What a placement counts as: `word` is Charge.word. `refusal` is the verdict of the caller's limits, which the edge
-- words (admit_request notes it), `order_refusal` that of the account's.
function read_charge(counts_key, limits_text, word, account, now_ms)
  local weight, orders, address = string.match(word, "^(%d+) (%d+) (.+)$")
  local limits = read_limits(limits_text)
  local texts = redis.call("HMGET", counts_key, "ip:" .. address, "account:" .. account)
  local charge = {
    limits = limits, now_ms = now_ms, weight = tonumber(weight), orders = tonumber(orders),
    caller = new_caller(limits, address, texts[1], now_ms), owner = new_owner(limits, account, texts[2], now_ms),
  }
  if refusal_of_address(limits, charge.caller, charge.weight, now_ms) then
    charge.refusal = { "rejected", "RATE_LIMITED" }
  end
  charge.order_refusal = refusal_of_owner(limits, charge.owner, charge.orders, now_ms)
  return charge
end

-- Counts a placement that was accepted, or (0 orders) that changed something without an order.
function commit_charge(counts_key, charge, orders)
  local caller, owner = charge.caller, charge.owner
  caller.weight, caller.requests, charge.is_paid = caller.weight + charge.weight, caller.requests + 1, true
  owner.short, owner.long = owner.short + orders, owner.long + orders
  if caller.is_new then commit_sweep(counts_key, charge.limits, charge.now_ms) end
  redis.call("HSET", counts_key, caller.field, text_of_caller(caller), owner.field, text_of_owner(owner))
  caller.is_new = false
end

-- A placement's reply with what has been used by then. What was refused is counted by the edge (admit_request).
function with_counts(counts_key, charge, reply)
  if not charge or reply[1] ~= "ok" then return reply end

  -- Write.
  if not charge.is_paid then commit_charge(counts_key, charge, charge.orders) end
  reply[#reply + 1] = counts_of(charge.caller, charge.owner)
  return reply
end

-- Orders that trade for the first time no longer count. Who has counted nothing is left alone.
function commit_first_fills(counts_key, market)
  local limits, fields, by_field = read_limits(market.rate_limits), {}, {}
  for _, first in ipairs(market.first_fills) do
    local field = "account:" .. first.account
    if not by_field[field] then fields[#fields + 1], by_field[field] = field, 0 end
    by_field[field] = by_field[field] + (first.is_maker and limits.fill_as_maker or limits.fill_as_taker)
  end
  local texts, words = redis.call("HMGET", counts_key, unpack(fields)), {}
  for i, field in ipairs(fields) do
    local owner = texts[i] and new_owner(limits, string.sub(field, 9), texts[i], market.now_ms)
    if owner and owner.long + owner.short > 0 then
      owner.short, owner.long = math.max(owner.short - by_field[field], 0), math.max(owner.long - by_field[field], 0)
      words[#words + 1], words[#words + 2] = field, text_of_owner(owner)
      if market.charge and market.charge.owner.field == field then market.charge.owner = owner end
    end
  end
  if #words > 0 then redis.call("HSET", counts_key, unpack(words)) end
end

end
