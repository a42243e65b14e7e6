-- pro_rata: every order gets the part of the lots that it shows of the level, rounded down. What rounding leaves over
-- goes to the oldest, each as much as it still shows.
local function allocate(shown, lots)
  local level, shares, left, fills = 0, {}, lots, {}
  for _, own in ipairs(shown) do level = level + own end
  for i, own in ipairs(shown) do
    shares[i] = portion(lots, own, level)
    left = left - shares[i]
  end
  for i, own in ipairs(shown) do
    local more = math.min(own - shares[i], left)
    left = left - more
    if shares[i] + more > 0 then fills[#fills + 1] = { i, shares[i] + more } end
  end
  return fills
end
return allocate
