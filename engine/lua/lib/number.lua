-- Whole numbers. Lua has doubles only: exact below 2^53, so a product is compared with EXACT before it is used,
-- and a number becomes text through int() alone (`..` writes 1e15 as "1e+15", HINCRBY refuses "-0").

local EXACT = 9007199254740992

local function int(number)
  return string.format("%d", number)
end

local function broken(why)
  error("BROKEN " .. why)
end

-- A number of the request: digits alone. tonumber would take "0x10", "1e3", "nan" and " 12 ".
local function whole(text)
  if not string.match(text, "^%d+$") then broken("whole: " .. text) end
  return tonumber(text)
end

-- Whether one whole number is more than another, both as texts without signs and leading zeros.
local function is_more(text, than)
  if #text ~= #than then return #text > #than end
  return text > than
end

-- Is the balance in `text` at least `atoms`? Right also above 2^53, where it is rounded: `atoms` stays below.
local function enough(text, atoms)
  return tonumber(text or "0") >= atoms
end

-- floor(atoms * rate / 1e8), exact for atoms < 2^53 and rates up to a half: no product passes 2^53.
local function share_of(atoms, rate_e8)
  local whole_e8 = 100000000
  local high = math.floor(atoms / whole_e8)
  local low = atoms - high * whole_e8
  return high * rate_e8 + math.floor(low * rate_e8 / whole_e8)
end
