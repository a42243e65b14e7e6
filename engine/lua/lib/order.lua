-- Order records: JSON arrays, the part that changes first (engine/events.py, OrderRecord). Text that does not change
-- is carried over as text.

local RECORD = '^%[(%d+),(%d+),(%d+),(%d+),(%d+),"[A-Z_]+",(%d+),(%d+),(.*)$'

local function member_of(order_id)
  return string.format("%016d", order_id)
end

-- A record as a table. `account` and `tail` stay text; `tail` begins with the side.
local function read_record(text)
  local left, lots, filled_quote, locked, updated_ms, id, account, tail = string.match(text, RECORD)
  if not left then broken("read_record: " .. text) end
  return {
    left = tonumber(left), lots = tonumber(lots), filled_quote = tonumber(filled_quote), locked = tonumber(locked),
    updated_ms = tonumber(updated_ms), id = id, account = account, tail = tail,
  }
end

-- What stands in the tail of a resting order: its side and price in ticks.
local function side_and_price(order)
  local side, price = string.match(order.tail, '^"(%u+)",(%d+),')
  return side, tonumber(price)
end

local function client_id_of(order)
  return string.match(order.tail, '^"%u+",%d+,"[A-Z_]+","%u+",%d+,"([^"]*)"')
end

local function write_record(order, status, now_ms)
  return "[" .. int(order.left) .. "," .. int(order.lots) .. "," .. int(order.filled_quote) .. "," .. int(order.locked)
    .. "," .. now_ms .. ',"' .. status .. '",' .. order.id .. "," .. order.account .. "," .. order.tail
end

local function open_member(account, symbol, member)
  return account .. "|" .. symbol .. "|" .. member
end
