-- Is `has` at least `atoms`, both whole numbers as text? Compared as text, since either may be above 2^53.
local function covers(has, atoms)
  if #has ~= #atoms then return #has > #atoms end
  return has >= atoms
end
