--- @include "lib/leaving"
--- @include "lib/contingent"
--- @include "lib/paying"

-- Order lists: one cancels the other (OCO), one triggers the other (OTO) or such a pair (OTOCO), and pays for it too
-- (OPO, OPOCO; lib/paying.lua). What happens to an
-- order of a list has consequences for the others; they are a step of their own, right behind the step that caused
-- them. Of a pair only one order locks what both need, the one that others can meet in the book; the other locks what
-- it needs beyond that. An order has begun when something of it was matched (traded, or lost to self-trade prevention).

local write_list, need_of, main_of_pair, pair_of, commit_list, find_list, rename_in_list

do -- A script may have 200 locals: what only this piece uses stays in here.

-- A list from its record; members[1] of all kinds but OCO is the working order.
local function read_list(id)
  local text = redis.call("HGET", LISTS, id)
  if not text then return nil end
  local is_done, kind, account, tail = string.match(text, '^%[%d+,%d+,(%a+),"(%u+)",(%d+),(.*)$')
  local list = {
    id = id, is_done = is_done == "true", kind = kind, account = account, tail = tail, text = text, members = {},
  }
  for order_id in string.gmatch(tail, '%[(%d+),"') do
    list.members[#list.members + 1] = member_of(tonumber(order_id))
  end
  return list
end

-- The account's list by its id, by its client order id, or by both, which then must agree.
function find_list(account, id, client_id)
  if id == "" then id = redis.call("HGET", LISTS, account .. "|" .. client_id) end
  local list = id and read_list(id)
  if not list or list.account ~= account then return nil end
  if client_id ~= "" and string.match(list.tail, '^%d+,"([^"]*)"') ~= client_id then return nil end
  return list
end

function write_list(market, list, is_done)
  return "[" .. list.id .. "," .. int(market.now_ms) .. "," .. (is_done and "true" or "false") .. ',"' .. list.kind
    .. '",' .. list.account .. "," .. list.tail
end

-- The orders of a list with their statuses; one that is not open has only that.
local function read_legs(list)
  local legs, open, ended = {}, redis.call("HMGET", SYMBOL, unpack(list.members)),
    redis.call("HMGET", ENDED, unpack(list.members))
  for i, member in ipairs(list.members) do
    local leg = open[i] and read_record(open[i]) or {}
    leg.member, leg.is_open, leg.text = member, open[i] and true or false, open[i]
    leg.status = string.match(open[i] or ended[i] or '"FILLED"', '"([A-Z_]+)"')
    if leg.is_open then
      leg.side, leg.price = side_and_price(leg)
      leg.type = string.match(leg.tail, '^"%u+",%d+,"([A-Z_]+)"')
      leg.has_begun = leg.left < leg.lots or is_working(leg) and leg.type ~= "LIMIT_MAKER"
    end
    legs[i] = leg
  end
  return legs
end

local function status_after(leg)
  return leg.status == "CANCELED" and "CANCELED" or "EXPIRED"
end

-- What a pair needs: {leg that ends = status}. `chosen` is a member whose trigger was reached: it goes on, as does one
-- that has begun.
local function ends_of_pair(first, second, chosen, ends)
  for _, legs in ipairs({ { first, second }, { second, first } }) do
    local one, other = legs[1], legs[2]
    local goes_on = other.member == chosen or other.has_begun
    if other.is_open and not goes_on and not ends[one] then
      if not one.is_open then
        ends[other] = status_after(one)
      elseif one.member == chosen or one.has_begun then
        ends[other] = "EXPIRED"
      end
    end
  end
end

-- The list's record once one of its orders is called otherwise.
function rename_in_list(market, list, order_id, client_id)
  local head, rest = string.match(list.tail, "^(.*%[" .. order_id .. ',")[^"]*(".*)$')
  list.tail = head .. client_id .. rest
  return write_list(market, list, false)
end

-- What has to happen: legs that end, with their status, and legs that begin to work.
local function consequences(list, legs, chosen)
  local ends, begins = {}, {}
  local working = list.kind ~= "OCO" and legs[1]
  local first = working and 2 or 1
  if working and working.is_open then
    for i = first, #legs do
      if not legs[i].is_open then ends[working] = status_after(legs[i]) end
    end
    if ends[working] then
      for i = first, #legs do
        if legs[i].is_open then ends[legs[i]] = ends[working] end
      end
    end
  elseif working and working.status ~= "FILLED" then
    for i = first, #legs do
      if legs[i].is_open then ends[legs[i]] = status_after(working) end
    end
  else
    if #legs == first + 1 then ends_of_pair(legs[first], legs[first + 1], chosen, ends) end
    for i = first, #legs do
      local leg = legs[i]
      if leg.status == "PENDING_NEW" and leg.is_open and not ends[leg] then begins[#begins + 1] = leg end
    end
  end
  return ends, begins
end

-- What a leg must lock for its rest; nil: too large to be computed exactly.
function need_of(market, leg)
  if leg.side == "SELL" then return leg.left * market.base_atoms_per_lot end
  local price, stop = leg.price, tonumber(leg.terms[STOP])
  if price == 0 then price = stop > 0 and stop or market.last_price end
  return notional_ceil(market, price, leg.left)
end

-- The orders of a pair, the one first that locks what both need.
function main_of_pair(one, other)
  if other.type == "LIMIT_MAKER" then return other, one end
  return one, other
end

-- Both orders of the pair that an order belongs to, in that order; nil without a pair, or when the other has ended.
function pair_of(order)
  local id = list_of(order)
  local list = id and read_list(id)
  local first = list and #list.members > 2 and 2 or 1
  if not list or first == 1 and list.kind ~= "OCO" or first == 2 and list.members[1] == order.member then return nil end
  local legs = read_legs(list)
  if not legs[first].is_open or not legs[first + 1].is_open then return nil end
  local main, extra = main_of_pair(legs[first], legs[first + 1])
  return main, extra, list
end

-- A leg that goes on takes from one that ends what it lacks; returns its record when it did.
local function plan_inheritance(market, leg, ending)
  local taken = math.min((need_of(market, leg) or EXACT) - leg.locked, ending.locked)
  if taken <= 0 or leg.side ~= ending.side then return nil end
  leg.locked, ending.locked = leg.locked + taken, ending.locked - taken
  return write_record(leg, leg.status, int(market.now_ms))
end

-- The working order of an OPO is filled: what its pending orders become. They begin, or all end when one cannot.
local function plan_begin_paid(market, ends, begins)
  local held = begins[1].locked
  if not give_quantity(market, begins) then
    for _, leg in ipairs(begins) do
      set_expiry(leg, "REJECTED")
      ends[leg] = "EXPIRED"
    end
    return {}
  end
  local main, extra, needed = begins[1], nil, need_of(market, begins[1])
  if begins[2] then main, extra = main_of_pair(begins[1], begins[2]) end
  main.locked = needed
  if extra then extra.locked = 0 end
  move(market.base, main.account, held - needed, needed - held)
  for _, leg in ipairs(begins) do leg.changed = write_record(leg, "PENDING_NEW", int(market.now_ms)) end
  return begins
end

-- Notes why a leg expires, where that was not noted before: the other one of its pair goes on, or its time never came.
local function note_expiry(list, legs, leg)
  if (leg.terms[EXPIRY] or '""') ~= '""' then return end
  local is_pair = list.kind == "OCO" or legs[1].status == "FILLED"
  set_expiry(leg, is_pair and "OCO_TRIGGER" or "OTO_PHASE_ONE_EXPIRED")
end

-- Looks at a list and writes what follows as a step. False, with nothing written, when nothing does.
function commit_list(market, id, chosen, is_queued)
  local list = read_list(id)
  local legs = read_legs(list)
  local ends, begins = consequences(list, legs, chosen)
  if begins[1] and begins[1].lots == 0 then begins = plan_begin_paid(market, ends, begins) end
  local leaving, records, kept, queued, open = new_leaving(), {}, {}, {}, 0
  for _, leg in ipairs(legs) do
    if ends[leg] then
      for _, other in ipairs(legs) do
        local record = other.is_open and not ends[other] and plan_inheritance(market, other, leg)
        if record then
          kept[#kept + 1], kept[#kept + 2] = other.member, record
          records[#records + 1] = record
        end
      end
      if ends[leg] == "EXPIRED" then note_expiry(list, legs, leg) end
      records[#records + 1] = plan_end(market, leaving, leg, ends[leg])
      queued[#queued + 1] = leg.member
    elseif leg.is_open then
      open = open + 1
      if leg.changed then
        kept[#kept + 1], kept[#kept + 2] = leg.member, leg.changed
        records[#records + 1] = leg.changed
      end
    end
  end
  local is_changed = #records + #begins > 0 or open == 0 and not list.is_done
  if not is_changed and not is_queued then return false end
  if #records > 0 then finish_leaving(market, leaving) end
  market.touched_lists = {}
  local record = write_list(market, list, open == 0)

  -- Write.
  if is_queued then
    redis.call("LPOP", TRIGGERED)
    market.waiting = market.waiting - 1
  end
  for _, member in ipairs(queued) do
    market.waiting = market.waiting - redis.call("LREM", TRIGGERED, "0", member)
      - redis.call("LREM", TRIGGERED, "0", "+" .. member)
  end
  for i = #begins, 1, -1 do
    redis.call("LPUSH", TRIGGERED, "+" .. begins[i].member)
    market.waiting = market.waiting + 1
  end
  if #kept > 0 then redis.call("HSET", SYMBOL, unpack(kept)) end
  if #records > 0 then commit_leaving(market, leaving) end
  commit_gate(market)
  if not is_changed then return true end
  redis.call("HSET", LISTS, id, record)
  commit_market(market, "list_changed", record .. ",[" .. table.concat(records, ",") .. "]")
  return true
end

end
