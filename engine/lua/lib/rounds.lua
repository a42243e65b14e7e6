--- @include "lib/walk"
--- @include "lib/rules"
--- @include "lib/pages"

-- How a taker meets a price level under another matching rule than price-time. First its own orders there, if
-- self-trade prevention has it avoid them, oldest first; then the others in rounds: first all of them with what they
-- show, then the icebergs that were refilled, again and again. Who takes a round whole takes it oldest first; only of
-- one that has more than is wanted the rule says who gets what. A step that ends amid a round leaves the rest of it as
-- text for the next: "<1: shared out by the rule, 0: all is taken>;<member>:<lots>;<member>:<lots> ...".
-- All of it stands inside one function: a symbol with price-time does not build it.

local function rounds_of(market, taker, room)
  local name, percent = string.match(market.matching, "^([%w_]+)/(%d+)$")

  -- Lots that the taker wants of a round.
  local function wanted(price, left, budget)
    return math.min(left or EXACT, budget and affordable_lots(market, budget, price) or EXACT)
  end

  -- Why a rule cannot be followed, nil when it can: `fills` are then what the makers of the round get, in that order.
  local function problem_of(fills, round, lots)
    if type(fills) ~= "table" then return "gave no list of {place, lots}, but a " .. type(fills) end
    local given, seen = 0, {}
    for i, fill in ipairs(fills) do
      local place, share = type(fill) == "table" and fill[1], type(fill) == "table" and fill[2]
      local maker = type(place) == "number" and round[place]
      if not maker then return "gave entry " .. int(i) .. " for a place that is none of 1 to " .. int(#round) end
      if seen[place] then return "gave place " .. int(place) .. " twice" end
      local is_whole = type(share) == "number" and share == math.floor(share) and math.abs(share) < EXACT
      if not is_whole or share < 1 or share > shown_of(maker) then
        return "gave place " .. int(place) .. " " .. (is_whole and int(share) or "parts of") .. " lots, "
          .. int(shown_of(maker)) .. " are shown there"
      end
      seen[place], given = true, given + share
    end
    if given ~= lots then return "gave " .. int(given) .. " lots in all, " .. int(lots) .. " were to be given" end
  end

  -- The round in the order in which it trades; nil with walk.problem when the rule fails.
  local function shared_out(walk, round, lots)
    local shown, level = {}, 0
    for i, maker in ipairs(round) do
      shown[i] = shown_of(maker)
      level = level + shown[i]
    end
    if lots >= level then return round end
    local allocate = matching_rule(name)
    if not allocate then
      walk.problem = "there is no matching rule " .. name
      return nil
    end
    local is_done, fills = pcall(allocate, shown, lots, tonumber(percent))
    local problem = is_done and problem_of(fills, round, lots)
    if not is_done then problem = "failed: " .. (type(fills) == "string" and fills or type(fills)) end
    if problem then
      walk.problem = "the matching rule " .. name .. " " .. problem
      return nil
    end
    local sharing = {}
    for i, fill in ipairs(fills) do
      sharing[i] = round[fill[1]]
      sharing[i].share = fill[2]
    end
    walk.is_decided = true
    return sharing
  end

  -- The next order of the book that the round before has not met already.
  local function next_unmet(walk)
    local maker = next_resting(walk)
    while maker and walk.inherited and walk.inherited[maker.member] do maker = next_resting(walk) end
    return maker
  end

  -- The orders of the next price level, those that the taker must not trade with apart. Both are empty at the end.
  local function read_level(walk)
    local own, others, maker = {}, {}, walk.upcoming or next_unmet(walk)
    walk.price = maker and maker.price
    while maker and maker.price == walk.price do
      local list = taker.own and taker.own[maker.account] and own or others
      list[#list + 1] = maker
      maker = next_unmet(walk)
    end
    walk.upcoming = maker
    return own, others
  end

  -- What the step before has left of a round.
  local function read_inherited(walk)
    local decided, text = string.match(taker.allocation, "^(%d)(.*)$")
    local members, shares, round, behind = {}, {}, {}, 1
    walk.inherited = {}
    for member, lots, after in string.gmatch(text, ";(%d+):(%d+)()") do
      members[#members + 1], shares[#shares + 1], behind = member, tonumber(lots), after
      walk.inherited[member] = true
      if #members > room then break end -- one more than the step can meet
    end
    for i, record in ipairs(read_many(SYMBOL, members)) do
      local maker = read_record(record)
      maker.member, maker.place, maker.share = members[i], place_of(maker, members[i]), shares[i]
      maker.price = select(2, side_and_price(maker))
      walk.price, round[i] = maker.price, maker
    end
    walk.is_decided, walk.text_behind = decided == "1", string.sub(text, behind)
    return round
  end

  -- Who is met next, together: others of a level whose own orders are done with, icebergs that show a new tip, or the
  -- own orders of the next level.
  local function read_makers(walk)
    local makers = walk.others
    walk.others = nil
    if not makers and walk.inherited then
      walk.upcoming = walk.upcoming or next_unmet(walk)
      walk.inherited = nil
      makers = walk.upcoming and walk.upcoming.price == walk.price and select(2, read_level(walk)) or {}
      for _, maker in ipairs(walk.again) do makers[#makers + 1] = maker end
      walk.again = {}
    elseif not makers and #walk.again > 0 then
      makers, walk.again = walk.again, {}
    end
    if makers then return makers end
    local own, others = read_level(walk)
    if #own == 0 then return others end
    walk.others = others
    return own, true
  end

  -- Goes on to the next round that has somebody in it; false when there is none, or when the rule fails.
  local function begin_round(walk, left, budget)
    local makers, are_own
    if taker.allocation and not walk.round then
      walk.makers, walk.turn, walk.round = {}, 0, read_inherited(walk)
      return true
    end
    walk.is_decided, walk.text_behind = false, ""
    while not makers or #makers == 0 and (walk.upcoming or #walk.again > 0) do
      walk.others = walk.others and #walk.others > 0 and walk.others or nil
      makers, are_own = read_makers(walk)
    end
    for _, maker in ipairs(makers) do maker.is_waiting, maker.share = false, nil end
    walk.makers, walk.turn, walk.round = makers, 0, makers
    if #makers == 0 then return false end
    local lots = not are_own and (left or budget) and wanted(walk.price, left, budget) or 0
    if lots > 0 then walk.round = shared_out(walk, makers, lots) end
    return walk.round
  end

  -- The next order to meet, of a taker that has `left` lots and `budget` quote atoms (nil: any number).
  local function next_of_round(walk, left, budget)
    if not walk.round or walk.turn == #walk.round then
      if not begin_round(walk, left, budget) then return nil end
    end
    walk.turn = walk.turn + 1
    local maker = walk.round[walk.turn]
    maker.ends_round = walk.is_decided and walk.turn == #walk.round and walk.text_behind == ""
    return maker
  end

  -- What the step leaves of its last round, as text; nil when the next step will find the same without it.
  local function rest_of_round(walk)
    if not walk.round or not (walk.is_decided or #walk.again > 0 or walk.inherited) then return nil end
    local words = { walk.is_decided and "1" or "0" }
    for i = walk.turn, #walk.round do
      local maker = walk.round[i]
      words[#words + 1] = ";" .. maker.member .. ":" .. int(maker.share or shown_of(maker))
    end
    return table.concat(words) .. walk.text_behind
  end

  return next_of_round, rest_of_round
end
