-- What a field of a symbol's hash is, beside what commands know by name (Keys.symbol): an open "order" by its id, the
-- lots of a level, by its side's mark ("bid", "ask") before the price, or whose "client id" leads to which order;
-- nil for the others. Then the field without its mark.
local function kind_of_field(field)
  if string.find(field, "^%d+$") then return "order", field end
  if string.find(field, "^%d+|") then return "client id", field end
  local mark, price = string.match(field, "^([ab])(%d+)$")
  if mark then return mark == "b" and "bid" or "ask", price end
end
