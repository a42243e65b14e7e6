--- @include "lib/market"
--- @include "lib/paying"
--- @include "lib/wide"

-- Fees beyond a plain share for maker and taker: buyer's and seller's rates, special and tax ones, rates of single
-- accounts, and fees in another asset at a discount. Where market.rates says that there may be such, plan_fill asks
-- here. A fee with a choice of asset is left open until the step's other money has been counted, so that what is free
-- is known. The three keys behind those of the market are there only where the symbol allows a discount.

local plan_fees, settle_fees

do -- A script may have 200 locals: what only this piece uses stays in here.

local E8 = 100000000

-- Takes over the rates that a text names: SymbolSpec.rates, AccountRates.text.
local function overlay_rates(rates, text)
  for name, number in string.gmatch(text or "", "(%l+_%l+)=(%d+)") do rates[name] = tonumber(number) end
end

-- The rates of an account by name: those of the symbol under those of the account under those of it on the symbol.
local function rates_of(market, account)
  local known = market.known_rates[account]
  if known then return known end
  local rates = { standard_maker = market.rates.maker_fee_e8, standard_taker = market.rates.taker_fee_e8 }
  overlay_rates(rates, market.rates.text)
  if market.has_account_rates then
    overlay_rates(rates, redis.call("HGET", META, "rates:" .. account))
    overlay_rates(rates, redis.call("HGET", SYMBOL, "rates:" .. account))
  end
  market.known_rates[account] = rates
  return rates
end

-- The share rounded to the nearest atom, a half up: rates that are not standard stay far below a half.
local function nearest_share(atoms, rate_e8)
  local high = math.floor(atoms / E8)
  local low = atoms - high * E8
  return high * rate_e8 + math.floor((low * rate_e8 + E8 / 2) / E8)
end

-- What `side` of a fill owes: the standard fee, and special and tax together, in atoms of what it received.
local function fees_of(rates, side)
  local party = side.is_buyer and "buyer" or "seller"
  local function rate(kind) return (rates[kind .. "_" .. side.role] or 0) + (rates[kind .. "_" .. party] or 0) end
  return share_of(side.received, rate("standard")),
    nearest_share(side.received, rate("special")) + nearest_share(side.received, rate("tax"))
end

-- A price of base in quote as a conversion: `from` atoms of the one asset are worth `to` of the other.
local function conversion_at(pair, price, is_into_base)
  local base, quote = wide.product(wide.of(pair.base_atoms_per_lot), wide.of(pair.divisor)),
    wide.product(wide.of(price), wide.of(pair.multiplier))
  if is_into_base then return { to = base, from = quote } end
  return { to = quote, from = base }
end

-- By the last price of another symbol; false if it has none, or trades other assets.
local function read_conversion(key, discount, asset)
  local fields = redis.call("HMGET", key, "rules", "last_price_ticks")
  local pair = read_rules(key, fields[1])
  local is_into_base = pair.base_asset == discount and pair.quote_asset == asset
  local is_out_of_base = pair.base_asset == asset and pair.quote_asset == discount
  if not is_into_base and not is_out_of_base or fields[2] == "0" then return false end
  return conversion_at(pair, tonumber(fields[2]), is_into_base)
end

-- What a tester has set comes first, then the symbol's own trade, then the other symbol.
local function find_conversion(market, asset)
  local discount = market.discount_asset
  local text = redis.call("HGET", META, "conversion:" .. discount .. "|" .. asset)
  if text then
    local a, b, c, d = string.match(text, "^(%d+),(%d+),(%d+),(%d+)$")
    return { to = wide.product(wide.of(tonumber(a)), wide.of(tonumber(b))),
      from = wide.product(wide.of(tonumber(c)), wide.of(tonumber(d))) }
  end
  if discount == market.base_asset or discount == market.quote_asset then return "own" end
  if asset == market.base_asset then return read_conversion(KEYS[21], discount, asset) end
  return read_conversion(KEYS[22], discount, asset)
end

-- How to convert what a side received into the discount asset; false: nobody knows what it is worth.
local function conversion_of(market, asset, price)
  if asset == market.discount_asset then return { to = wide.of(1), from = wide.of(1) } end
  local known = market.conversions[asset]
  if known == nil then
    known = find_conversion(market, asset)
    market.conversions[asset] = known
  end
  if known ~= "own" then return known end
  return conversion_at(market, price, asset == market.quote_asset)
end

-- Atoms of the discount asset, rounded once, to the nearest; nil when they cannot be told.
local function discounted(market, rates, conversion, standard, others)
  if not conversion then return nil end
  local owed = wide.sum(wide.product(wide.of(standard), wide.of(rates.discount_ratio)),
    wide.product(wide.of(others), wide.of(E8)))
  return wide.nearest_quotient(wide.product(owed, conversion.to), wide.product(wide.of(E8), conversion.from))
end

-- The fee of a side in atoms of what it received. 0 when it may be paid in the discount asset: then it is among
-- market.open_fees.
local function fee_now(market, side)
  local rates, asset = rates_of(market, side.account), side.ledger.asset
  local standard, others = fees_of(rates, side)
  local in_discount = market.discount_asset and rates.discount_use == 1
    and discounted(market, rates, conversion_of(market, asset, side.price), standard, others)
  if not in_discount then return standard + others end
  if asset == market.discount_asset then return in_discount end
  side.full, side.discounted = standard + others, in_discount
  market.open_fees[#market.open_fees + 1] = side
  return 0
end

-- The fees of a fill's taker and maker, as far as they come off what each received.
function plan_fees(market, taker, maker, base, quote)
  local is_buyer, number = taker.side == "BUY", #market.fills + 1
  local bought = { is_buyer = true, ledger = market.base, received = base, price = maker.price, fill = number }
  local sold = { is_buyer = false, ledger = market.quote, received = quote, price = maker.price, fill = number }
  local of_taker, of_maker = is_buyer and bought or sold, is_buyer and sold or bought
  of_taker.role, of_taker.account, of_taker.other_account = "taker", taker.account, maker.account
  of_maker.role, of_maker.account, of_maker.other_account = "maker", maker.account, taker.account
  of_taker.payer, of_maker.payer = taker.pays_list and taker.id, pays_list(maker) and maker.id
  return fee_now(market, of_taker), fee_now(market, of_maker)
end

-- The ledger of the discount asset with what the payers have.
local function read_discount(market, payers)
  local ledger = market.discount or new_ledger(market.discount_asset, KEYS[20])
  if market.discount_asset == market.base_asset then ledger = market.base end
  if market.discount_asset == market.quote_asset then ledger = market.quote end
  for _, side in ipairs(payers) do move(ledger, side.account, 0, 0) end
  read_ledger(ledger)
  return ledger
end

local function can_pay(ledger, side)
  local change = ledger.free[side.account] - side.discounted
  return -change < EXACT and ledger.fees + side.discounted < EXACT
    and enough(free_before(ledger, side.account), -change)
end

-- Tells a fee that was open: a fill ends with taker's fee, maker's account, order and fee, the assets of both fees (""
-- for what its side received), and the number of its aggregate.
local function tell_fee(market, side, atoms, asset)
  local head, taker_fee, middle, maker_fee, taker_asset, maker_asset, tail =
    string.match(market.fills[side.fill], '^(.*,)(%d+)(,%d+,%d+,)(%d+),"(%w*)","(%w*)"(,%d+%])$')
  if side.role == "taker" then taker_fee, taker_asset = int(atoms), asset end
  if side.role == "maker" then maker_fee, maker_asset = int(atoms), asset end
  local assets = ',"' .. taker_asset .. '","' .. maker_asset .. '"'
  market.fills[side.fill] = head .. taker_fee .. middle .. maker_fee .. assets .. tail
end

-- The fee off what was received; what a working order that pays its list has bought is locked already.
local function charge_received(market, side)
  if side.payer and side.is_buyer then
    set_aside(market, side.payer, side.account, 0, side.full, side.other_account)
  else
    move(side.ledger, side.account, -side.full, 0)
  end
  side.ledger.fees = side.ledger.fees + side.full
  tell_fee(market, side, side.full, "")
end

-- Those who may pay in the discount asset do as long as their free money lasts: all of a fee or nothing.
function settle_fees(market)
  local ledger = read_discount(market, market.open_fees)
  for _, side in ipairs(market.open_fees) do
    if can_pay(ledger, side) then
      move(ledger, side.account, -side.discounted, 0)
      ledger.fees = ledger.fees + side.discounted
      if ledger ~= market.base and ledger ~= market.quote then market.discount = ledger end
      tell_fee(market, side, side.discounted, market.discount_asset)
    else
      charge_received(market, side)
    end
  end
end

end
