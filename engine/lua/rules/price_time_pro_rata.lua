-- price_time_pro_rata: `percent` of the lots, rounded down, go to the oldest orders; of the others every order gets the
-- part that it still shows of the level, rounded down, and what rounding leaves over goes to the oldest again.
local function allocate(shown, lots, percent)
  local by_time, rest, level, shares, fills = portion(lots, percent, 100), {}, 0, {}, {}
  local left = lots - by_time
  for i, own in ipairs(shown) do
    shares[i] = math.min(own, by_time)
    by_time, rest[i] = by_time - shares[i], own - shares[i]
    level = level + rest[i]
  end
  local by_size = left
  for i, own in ipairs(rest) do
    local share = portion(by_size, own, level)
    shares[i], rest[i], left = shares[i] + share, own - share, left - share
  end
  for i, own in ipairs(rest) do
    local more = math.min(own, left)
    left = left - more
    if shares[i] + more > 0 then fills[#fills + 1] = { i, shares[i] + more } end
  end
  return fills
end
return allocate
