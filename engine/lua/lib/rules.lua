--- @include "lib/number"

-- Matching rules but price-time, by name: functions that share out the lots of one taker at one price level
-- (docs/MATCHING_RULES.md). They stand inside this function so that a symbol with price-time does not even build them.
local function matching_rule(name)
  -- floor(lots * part / whole), exact while all three are whole, below 2^53, and lots or part at most the whole.
  local function portion(lots, part, whole)
    if lots > whole then lots, part = part, lots end
    if lots * part < EXACT then return math.floor(lots * part / whole) end
    local bits, quotient, rest = {}, 0, 0 -- bit by bit: what is left over stays below the whole, nothing passes 2^53
    for i = 1, 53 do
      bits[i] = part % 2
      part = (part - bits[i]) / 2
    end
    for i = 53, 1, -1 do
      quotient = quotient * 2
      if rest >= whole - rest then
        quotient, rest = quotient + 1, rest - (whole - rest)
      else
        rest = rest * 2
      end
      if bits[i] == 1 and rest >= whole - lots then
        quotient, rest = quotient + 1, rest - (whole - lots)
      elseif bits[i] == 1 then
        rest = rest + lots
      end
    end
    return quotient
  end

  --- @rules
  return nil
end
