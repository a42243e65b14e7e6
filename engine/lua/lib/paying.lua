--- @include "lib/market"
--- @include "lib/reference"

-- One pays the other (OPO): what the working order of such a list buys is locked for the first of its pending orders as
-- it arrives. They have no quantity before the working order is filled; then they get what that lock allows.

local set_aside, plan_payees, give_quantity

do -- A script may have 200 locals: what only this piece uses stays in here.

-- The pending order that an order pays, as it is at this point of the step: the next one of its list.
local function payee_of(market, order_id)
  local member = member_of(tonumber(order_id) + 1)
  market.payees = market.payees or {}
  for _, payee in ipairs(market.payees) do
    if payee.member == member then return payee end
  end
  local payee = read_record(redis.call("HGET", SYMBOL, member))
  payee.member = member
  market.payees[#market.payees + 1] = payee
  return payee
end

-- What an account has free of the base asset at this point of the step.
local function free_base(market, account)
  market.free_base = market.free_base or {}
  if not market.free_base[account] then
    market.free_base[account] = tonumber(redis.call("HGET", BASE, account .. ":free") or "0")
  end
  return market.free_base[account] + (market.base.free[account] or 0)
end

-- Locks what the order has bought. The commission is taken from what is free, if that is enough, else from what was
-- bought; so it is in a trade with oneself, for what is free may be what is sold in this step, and in
-- the asset that fees are paid in.
function set_aside(market, order_id, account, atoms, fee, other_account)
  local payee, from_free = payee_of(market, order_id), 0
  local is_bound = account == other_account or market.base_asset == market.discount_asset
  if not is_bound and free_base(market, account) >= fee then from_free = fee end
  move(market.base, account, -from_free, atoms - fee + from_free)
  payee.locked = payee.locked + atoms - fee + from_free
end

-- Completes a step with the records of pending orders for which something was locked.
function plan_payees(market)
  for _, payee in ipairs(market.payees or {}) do
    local record = write_record(payee, "PENDING_NEW", int(market.now_ms))
    market.makers[#market.makers + 1] = record
    market.beside[#market.beside + 1], market.beside[#market.beside + 2] = payee.member, record
  end
end

-- A rule of the symbol by its name in SymbolSpec.
local function rule_of(definition, name)
  return tonumber(string.match(definition, '"' .. name .. '":(%d+)'))
end

-- The filters that look at a quantity, as engine/filters.py has them for orders which come with one.
local function passes_filters(market, leg, definition)
  local iceberg, price = tonumber(leg.terms[ICEBERG]), leg.price
  if leg.left < rule_of(definition, "min_lots") then return false end
  if leg.type == "MARKET" and leg.left < rule_of(definition, "min_market_lots") then return false end
  if iceberg > leg.left or iceberg > 0 and math.ceil(leg.left / iceberg) > rule_of(definition, "max_iceberg_parts") then
    return false
  end
  if price == 0 then price = tonumber(leg.terms[STOP]) end
  local average = price > 0 and { ticks = price } or not is_pegged(leg) and average_price(market)
  local notional = average and notional_at(market, average, leg.left)
  return not average or notional and notional >= market.min_notional
end

-- Gives the pending orders the largest quantity that the first of them has locked, whole lots and none larger than is
-- allowed; false when a filter refuses one of them with it.
function give_quantity(market, pending)
  local definition = redis.call("HGET", SYMBOL, "definition")
  local lots = math.min(math.floor(pending[1].locked / market.base_atoms_per_lot), rule_of(definition, "max_lots"))
  for _, leg in ipairs(pending) do
    local most = leg.type == "MARKET" and rule_of(definition, "max_market_lots") or 0
    if most > 0 then lots = math.min(lots, most) end
  end
  local is_good = true
  for _, leg in ipairs(pending) do
    leg.lots, leg.left = lots, lots
    is_good = passes_filters(market, leg, definition) and is_good
  end
  return is_good
end

end
