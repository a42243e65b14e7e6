-- What one command moves in one asset. Deltas are gathered first, then the balances they touch are read together,
-- and only commit_ledger writes. Balances may pass 2^53: what is as large changes by HINCRBY with text, and so does all
-- of a ledger with `adds`: another one of its asset is committed before it.

local function new_ledger(asset, key)
  return { asset = asset, key = key, accounts = {}, free = {}, locked = {}, fees = 0 }
end

-- Counts `free_atoms` and `locked_atoms` (either may be negative) towards an account.
local function move(ledger, account, free_atoms, locked_atoms)
  local free = ledger.free[account]
  if free then
    ledger.free[account] = free + free_atoms
    ledger.locked[account] = ledger.locked[account] + locked_atoms
  else
    ledger.accounts[#ledger.accounts + 1] = account
    ledger.free[account] = free_atoms
    ledger.locked[account] = locked_atoms
  end
end

-- Reads the touched balances into ledger.before, two texts an account: free, locked.
local function read_ledger(ledger)
  ledger.fields = {}
  for i, account in ipairs(ledger.accounts) do
    ledger.fields[2 * i - 1] = account .. ":free"
    ledger.fields[2 * i] = account .. ":locked"
  end
  ledger.before = {}
  for first = 1, #ledger.fields, 1000 do
    local texts = redis.call("HMGET", ledger.key, unpack(ledger.fields, first, math.min(first + 999, #ledger.fields)))
    for i = 1, #texts do ledger.before[first + i - 1] = texts[i] or "0" end
  end
end

-- The free balance of an account that the ledger has touched, as text.
local function free_before(ledger, account)
  for i, name in ipairs(ledger.accounts) do
    if name == account then return ledger.before[2 * i - 1] end
  end
  broken("free_before: account " .. account .. " was not read")
end

-- An account has less free than an order needs: the verdict, with both amounts.
local function too_poor(market, ledger, account, needed)
  local unit = ledger == market.base and "base_atoms" or "quote_atoms"
  return { "rejected", "INSUFFICIENT_BALANCE", "", "needed_" .. unit, int(needed), "free_" .. unit,
    free_before(ledger, account) }
end

-- Stops the script, before anything is written, if the deltas would bring a balance below zero.
local function check_ledger(ledger)
  for i, account in ipairs(ledger.accounts) do
    if not enough(ledger.before[2 * i - 1], -ledger.free[account]) then
      broken("check_ledger: " .. ledger.asset .. " free of account " .. account .. " would be negative")
    end
    if not enough(ledger.before[2 * i], -ledger.locked[account]) then
      broken("check_ledger: " .. ledger.asset .. " locked of account " .. account .. " would be negative")
    end
  end
end

local commit_ledger

do -- A script may have 200 locals: what only this piece uses stays in here.

-- Adds a balance and what it becomes to `texts`. False, with nothing added, when doubles are not exact up there.
local function add_balance(texts, field, before, delta)
  local old = tonumber(before)
  if old >= EXACT or old + delta >= EXACT then return false end
  texts[#texts + 1], texts[#texts + 2] = field, int(old + delta)
  return true
end

function commit_ledger(ledger)
  local texts = {}
  for i, account in ipairs(ledger.accounts) do
    for j, delta in ipairs({ ledger.free[account], ledger.locked[account] }) do
      local at = 2 * i - 2 + j
      if delta ~= 0 and (ledger.adds or not add_balance(texts, ledger.fields[at], ledger.before[at], delta)) then
        redis.call("HINCRBY", ledger.key, ledger.fields[at], int(delta))
      end
    end
  end
  for first = 1, #texts, 1000 do
    redis.call("HSET", ledger.key, unpack(texts, first, math.min(first + 999, #texts)))
  end
  if ledger.fees ~= 0 then redis.call("HINCRBY", ledger.key, "#fees", int(ledger.fees)) end
end

end

-- Adds the ledger's BalanceChange arrays to `parts`; an account that ends where it began is left out.
local function tell_ledger(ledger, parts)
  for i, account in ipairs(ledger.accounts) do
    local free, locked = ledger.free[account], ledger.locked[account]
    if free ~= 0 or locked ~= 0 then
      parts[#parts + 1] = '["' .. ledger.asset .. '",' .. account .. "," .. ledger.before[2 * i - 1] .. ","
        .. int(free) .. "," .. ledger.before[2 * i] .. "," .. int(locked) .. "]"
    end
  end
end
