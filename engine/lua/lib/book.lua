-- Price levels. Their lots are fields of SYMBOL: a side's mark before the price. plan_levels reads what stands at some
-- prices and computes what will; commit_levels writes it.

local level_fields, plan_levels

do -- A script may have 200 locals: what only this piece uses stays in here.

local function tell_level(market, side_name, price, lots)
  market.levels[#market.levels + 1] = '["' .. side_name .. '",' .. price .. "," .. int(lots) .. "]"
end

-- What the levels at some prices (texts) of a side are called.
function level_fields(side, prices)
  local fields = {}
  for i, price in ipairs(prices) do fields[i] = side.mark .. price end
  return fields
end

-- `prices` are texts without repeats, `deltas` lots by price. Nothing is read for an empty list.
function plan_levels(market, side, prices, deltas)
  local plan = { side = side, set = {}, gone = {}, new = {}, gone_fields = {} }
  if #prices == 0 then return plan end
  local fields = level_fields(side, prices)
  local before = redis.call("HMGET", SYMBOL, unpack(fields))
  for i, price in ipairs(prices) do
    local old = tonumber(before[i] or "0")
    local lots = old + deltas[price]
    if lots < 0 or lots >= EXACT then broken("plan_levels: " .. side.name .. " level " .. price) end
    if lots == 0 then
      plan.gone[#plan.gone + 1], plan.gone_fields[#plan.gone_fields + 1] = price, fields[i]
    else
      plan.set[#plan.set + 1], plan.set[#plan.set + 2] = fields[i], int(lots)
      if old == 0 then
        plan.new[#plan.new + 1], plan.new[#plan.new + 2] = int(side.sign * tonumber(price)), price
      end
    end
    if lots ~= old then tell_level(market, side.name, price, lots) end
  end
  return plan
end

end

local function commit_levels(plan)
  if #plan.set > 0 then redis.call("HSET", SYMBOL, unpack(plan.set)) end
  if #plan.new > 0 then redis.call("ZADD", plan.side.levels, unpack(plan.new)) end
  if #plan.gone > 0 then
    redis.call("HDEL", SYMBOL, unpack(plan.gone_fields))
    redis.call("ZREM", plan.side.levels, unpack(plan.gone))
  end
end
