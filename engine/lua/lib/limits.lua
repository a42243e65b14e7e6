--- @include "lib/market"
--- @include "lib/bands"
--- @include "lib/pages"

-- What a symbol and an account may be limited to, judged when orders are placed. Limits are texts made in Python
-- (SymbolSpec.limits, AccountLimits.limits): " orders=200 up=13000 " and " killed open=5 order:USDT=100 "; what is not
-- limited is not named, and who has none at all never comes here with more than two false values.

local refusal_by_limits, commit_limits

do -- A script may have 200 locals: what only this piece uses stays in here.

local DAY_MS = 86400000
local KINDS = {
  { name = "orders", reason = "MAX_NUM_ORDERS" }, { name = "algos", reason = "MAX_NUM_ALGO_ORDERS" },
  { name = "icebergs", reason = "MAX_NUM_ICEBERG_ORDERS" }, { name = "lists", reason = "MAX_NUM_ORDER_LISTS" },
}

local function read_members(start)
  return redis.call("ZRANGEBYLEX", OPEN, "[" .. start, "(" .. start .. "\255")
end

local function count_members(start)
  return redis.call("ZLEXCOUNT", OPEN, "[" .. start, "(" .. start .. "\255")
end

-- A verdict with the numbers that were compared, as names and texts; `leg`: of several orders, which one it was.
local function refused(reason, leg, ...)
  local verdict = { "rejected", reason, "", ... }
  if leg then verdict[#verdict + 1], verdict[#verdict + 2] = "leg", int(leg) end
  return verdict
end

-- How many open orders whose names begin with `start` are special, by kind.
local function count_marks(start)
  local counts, lists = { algos = 0, icebergs = 0, lists = 0 }, {}
  for _, name in ipairs(read_members(start)) do
    local marks, list = string.match(name, "|%d+(%a*)(%d*)$")
    if string.find(marks, "A", 1, true) then counts.algos = counts.algos + 1 end
    if string.find(marks, "I", 1, true) then counts.icebergs = counts.icebergs + 1 end
    if list ~= "" and not lists[list] then lists[list], counts.lists = true, counts.lists + 1 end
  end
  return counts
end

-- How many of the new orders will or may stand open, by kind; one that takes or expires at once never does.
local function count_new(orders)
  local counts = { orders = 0, algos = 0, icebergs = 0, lists = 0 }
  for _, order in ipairs(orders) do
    local marks = order.terms and marks_of(order) or ""
    local is_algo = string.find(marks, "A", 1, true)
    local may_stand = is_algo or list_of(order) or order.type ~= "MARKET" and order.time_in_force == "GTC"
    if may_stand then counts.orders = counts.orders + 1 end
    if is_algo then counts.algos = counts.algos + 1 end
    if string.find(marks, "I", 1, true) then counts.icebergs = counts.icebergs + 1 end
    if list_of(order) then counts.lists = 1 end
  end
  return counts
end

-- The filters that count open orders: of the symbol, or ("all_") of the whole exchange.
local function refusal_by_counts(limits, new, start, scope, name_of_filter)
  local marks
  for _, kind in ipairs(KINDS) do
    local most = limit_of(limits, scope .. kind.name)
    if most and new[kind.name] > 0 then
      local standing
      if kind.name == "orders" then
        standing = count_members(start)
      else
        marks = marks or count_marks(start)
        standing = marks[kind.name]
      end
      if standing + new[kind.name] > most then
        return refused(name_of_filter .. kind.reason, nil, "open", int(standing), "new", int(new[kind.name]),
          "max", int(most))
      end
    end
  end
end

-- Of orders with a price. A pegged order is judged at the one it has found and at its owner's.
local function refusal_by_price(market, orders)
  for i, order in ipairs(orders) do
    for _, price in ipairs({ order.price, tonumber(order.terms and order.terms[OWN_PRICE] or "0") }) do
      local reason, bound, average = band_broken(market, order.side, price)
      if reason then
        return refused(reason, #orders > 1 and i, "price_ticks", int(price), average.name, average.text,
          "multiplier_e4", int(bound))
      end
    end
  end
end

-- The number of a limit that may be beyond 2^53, as a wide one.
local function wide_limit_of(limits, name)
  local digits = limits and string.match(limits, " " .. name .. "=(%d+)")
  return digits and wide.of_text(digits)
end

-- Base atoms that a new order buys, a wide number; of one by quote amount what that buys at the last price.
local function bought_by(market, order)
  if order.side ~= "BUY" then return {} end
  local lots, price = wide.of(order.lots), market.last_price
  if order.quote_order > 0 and price == 0 then return {} end
  if order.quote_order > 0 then
    local worth = wide.product(wide.of(order.quote_order), wide.of(market.divisor))
    lots = wide.quotient(worth, wide.product(wide.of(price), wide.of(market.multiplier)))
  end
  return wide.product(lots, wide.of(market.base_atoms_per_lot))
end

-- What the account has of the base asset, free and locked, and what its open orders of the symbol would still buy; a
-- wide number.
local function position_of(market, account, start)
  local held, members = redis.call("HMGET", BASE, account .. ":free", account .. ":locked"), {}
  local atoms = wide.sum(wide.of_text(held[1] or "0"), wide.of_text(held[2] or "0"))
  for i, name in ipairs(read_members(start)) do members[i] = string.sub(name, #start + 1, #start + 16) end
  for _, record in ipairs(read_many(SYMBOL, members)) do
    local order = read_record(record)
    if side_and_price(order) == "BUY" then
      atoms = wide.sum(atoms, wide.of(order.left * market.base_atoms_per_lot))
    end
  end
  return atoms
end

local function refusal_by_position(market, account, start, orders)
  local of_symbol = wide_limit_of(market.limits, "position")
  local of_account = wide_limit_of(market.account_limits, "position:" .. market.base_asset)
  if not of_symbol and not of_account then return nil end
  local bought, buys = {}, false
  for _, order in ipairs(orders) do
    buys, bought = buys or order.side == "BUY", wide.sum(bought, bought_by(market, order))
  end
  if not buys then return nil end
  local position = position_of(market, account, start)
  local after = wide.sum(position, bought)
  local is_filter = of_symbol and wide.less(of_symbol, after)
  if is_filter or of_account and wide.less(of_account, after) then
    return refused(is_filter and "FILTER_MAX_POSITION" or "RISK_POSITION", nil, "position_base_atoms",
      wide.text(position), "bought_base_atoms", wide.text(bought), "max_base_atoms",
      wide.text(is_filter and of_symbol or of_account))
  end
end

-- What an order is worth in quote atoms: at its limit, else its stop price, else the last price; nil: not exact.
local function worth_of(market, order)
  if order.quote_order > 0 then return order.quote_order end
  local price, stop = order.price, tonumber(order.terms and order.terms[STOP] or "0")
  if price == 0 then price = stop > 0 and stop or market.last_price end
  return notional_ceil(market, price, order.lots)
end

-- Why an account may not order so much in a day of the venue's clock; else notes what the day comes to.
local function refusal_by_day(market, account, ordered)
  local most = wide_limit_of(market.account_limits, "day:" .. market.quote_asset)
  if not most then return nil end
  local day, field = int(math.floor(market.now_ms / DAY_MS)), "day:" .. account .. "|" .. market.quote_asset
  local known_day, spent = string.match(redis.call("HGET", META, field) or "", "^(%d+):(%d+)$")
  local total = known_day == day and wide.sum(ordered, wide.of_text(spent)) or ordered
  if wide.less(most, total) then
    return refused("RISK_DAILY_NOTIONAL", nil, "order_quote_atoms", wide.text(ordered), "day_quote_atoms",
      wide.text(total), "max_quote_atoms", wide.text(most))
  end
  market.day_field, market.day_text = field, day .. ":" .. wide.text(total)
end

-- The limits of the account on single orders and on what it orders in a day.
local function refusal_by_worth(market, account, orders)
  local limits, total = market.account_limits, {}
  local most_base = limit_of(limits, "order:" .. market.base_asset)
  local most_quote = limit_of(limits, "order:" .. market.quote_asset)
  if not most_base and not most_quote and not limit_of(limits, "day:" .. market.quote_asset) then return nil end
  for i, order in ipairs(orders) do
    local worth, base, leg = worth_of(market, order), order.lots * market.base_atoms_per_lot, #orders > 1 and i
    if not worth then return refused("AMOUNT_TOO_LARGE", leg, "lots", int(order.lots)) end
    if most_base and base > most_base then
      return refused("FILTER_MAX_ASSET", leg, "order_base_atoms", int(base), "max_base_atoms", int(most_base))
    end
    if most_quote and worth > most_quote then
      return refused("FILTER_MAX_ASSET", leg, "order_quote_atoms", int(worth), "max_quote_atoms", int(most_quote))
    end
    total = wide.sum(total, wide.of(worth))
  end
  return refusal_by_day(market, account, total)
end

local function refusal_by_account(market, account, new, orders)
  local limits = market.account_limits
  if string.find(limits, " killed ", 1, true) then return refused("ACCOUNT_KILLED") end
  local most = limit_of(limits, "open")
  local standing = most and new.orders > 0 and count_members(account .. "|")
  if standing and standing + new.orders > most then
    return refused("RISK_OPEN_ORDERS", nil, "open", int(standing), "new", int(new.orders), "max", int(most))
  end
  return refusal_by_worth(market, account, orders)
end

-- Why the account may not place these orders together, as a verdict; nil when it may.
function refusal_by_limits(market, orders)
  if not market.limits and not market.account_limits then return nil end
  local account, new = orders[1].account, count_new(orders)
  local start, limits = account .. "|" .. market.symbol .. "|", market.limits
  return market.account_limits and refusal_by_account(market, account, new, orders)
    or refusal_by_price(market, orders)
    or refusal_by_counts(limits, new, start, "", "FILTER_")
    or refusal_by_counts(limits, new, account .. "|", "all_", "FILTER_EXCHANGE_")
    or refusal_by_position(market, account, start, orders)
end

-- Counts what was placed towards the account's day.
function commit_limits(market)
  if not market.day_field then return end
  redis.call("HSET", META, market.day_field, market.day_text)
  market.day_field = nil
end

end
