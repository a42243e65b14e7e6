-- Order records: JSON arrays, the part that changes first (engine/records.py, OrderRecord). Text that does not change
-- is carried over as text.

-- Places in `terms`, what few orders have (engine/records.py, OrderTerms): texts, also the numbers.
local STOP, TRAILING, ICEBERG, STP, PEG, PEG_OFFSET = 1, 2, 3, 4, 7, 8
local WORKING_MS, TRAILING_MS, VISIBLE, QUEUE_ID, PREVENTED, PREVENTED_MATCH, LIST = 9, 10, 11, 12, 13, 14, 15
local OWN_PRICE, AMENDS = 16, 17
local EXPIRY, PAYS = 18, 19 -- both are there or none: few orders have them
local NO_TERMS = '0,0,0,"NONE",0,0,"",0' -- what the caller chooses
local NEW_TERMS = ",0,0,0,0,0,-1,-1,-1,0" -- what the engine notes

local function member_of(order_id)
  return string.format("%016d", order_id)
end

local function read_terms(text)
  local terms = {}
  for word in string.gmatch(text, "[^,]+") do terms[#terms + 1] = word end
  return terms
end

-- A record as a table. `account` and `tail` stay text; `tail` begins with the side and ends where `terms` begin.
local function read_record(text)
  local RECORD = '^%[(%d+),(%d+),(%d+),(%d+),(%d+),"[A-Z_]+",(%d+),(%d+),(.*)$'
  local left, lots, filled_quote, locked, updated_ms, id, account, tail = string.match(text, RECORD)
  if not left then broken("read_record: " .. text) end
  local order = {
    left = tonumber(left), lots = tonumber(lots), filled_quote = tonumber(filled_quote), locked = tonumber(locked),
    updated_ms = tonumber(updated_ms), id = id, account = account, tail = tail,
  }
  if string.sub(tail, -2) == "]]" then
    local head, terms = string.match(tail, "^(.*,)%[([^%[]*)%]%]$")
    order.tail, order.terms = head, read_terms(terms)
  end
  return order
end

-- What stands in the tail of a resting order: its side and price in ticks.
local function side_and_price(order)
  local side, price = string.match(order.tail, '^"(%u+)",(%d+),')
  return side, tonumber(price)
end

local function client_id_of(order)
  return string.match(order.tail, '^"%u+",%d+,"[A-Z_]+","%u+",%d+,"([^"]*)"')
end

-- Gives terms to an order that has had none.
local function add_terms(order)
  if order.terms then return end
  order.terms = read_terms(NO_TERMS .. NEW_TERMS)
  order.terms[WORKING_MS] = string.match(order.tail, '^"%u+",%d+,"[A-Z_]+","%u+",(%d+)')
  order.tail = string.sub(order.tail, 1, -2) .. ","
end

-- Notes of an order that will have EXPIRED why it has (engine/records.py, OrderTerms.expiry).
local function set_expiry(order, why)
  add_terms(order)
  order.terms[EXPIRY], order.terms[PAYS] = '"' .. why .. '"', order.terms[PAYS] or "0"
end

-- Whether the order stands in the book, or would but for what it takes first.
local function is_working(order)
  return not order.terms or order.terms[WORKING_MS] ~= "0"
end

local function is_iceberg(order)
  return order.terms and order.terms[ICEBERG] ~= "0"
end

-- The order list that the order belongs to, nil if none.
local function list_of(order)
  return order.terms and order.terms[LIST] ~= "-1" and order.terms[LIST] or nil
end

local function is_pegged(order)
  return order.terms and order.terms[PEG] ~= '""'
end

-- Whether what the order buys is locked for the pending orders of its list.
local function pays_list(order)
  return order.terms and order.terms[PAYS] == "1"
end

-- Whether orders of this type wait for a trigger.
local function is_contingent(kind)
  return kind ~= "LIMIT" and kind ~= "LIMIT_MAKER" and kind ~= "MARKET"
end

-- Lots that the order's price level shows of it.
local function shown_of(order)
  return is_iceberg(order) and tonumber(order.terms[VISIBLE]) or order.left
end

local function filled_of(order)
  return order.lots - order.left - (order.terms and tonumber(order.terms[PREVENTED]) or 0)
end

-- The order's name in the book: its id, behind a later number when it joined the queue later than its id says.
local function place_of(order, member)
  if not order.terms or order.terms[QUEUE_ID] == "0" then return member end
  return member_of(tonumber(order.terms[QUEUE_ID])) .. ":" .. member
end

local function member_at(place)
  return #place > 16 and string.sub(place, -16) or place
end

local function write_record(order, status, now_ms)
  local terms = order.terms and "[" .. table.concat(order.terms, ",") .. "]]" or ""
  return "[" .. int(order.left) .. "," .. int(order.lots) .. "," .. int(order.filled_quote) .. "," .. int(order.locked)
    .. "," .. now_ms .. ',"' .. status .. '",' .. order.id .. "," .. order.account .. "," .. order.tail .. terms
end

-- The status of an order that stays open.
local function open_status(order)
  return filled_of(order) > 0 and "PARTIALLY_FILLED" or "NEW"
end

-- What limits count of an order, behind its id in OPEN: A waits or waited for a trigger, I is an iceberg, L<list id>.
local function marks_of(order)
  local marks, list = "", list_of(order)
  local kind = string.match(order.tail, '^"%u+",%d+,"([A-Z_]+)"')
  if is_contingent(kind) then marks = "A" end
  if is_iceberg(order) then marks = marks .. "I" end
  return list and marks .. "L" .. list or marks
end

-- The order's name among the open ones of its account; most have no marks.
local function open_member(symbol, order)
  local name = order.account .. "|" .. symbol .. "|" .. order.member
  return order.terms and name .. marks_of(order) or name
end
