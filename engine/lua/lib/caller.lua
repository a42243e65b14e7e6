--- @include "lib/number"

-- Why a command is not its caller's to give, a verdict; nil when it is. Its credential is the digest of an API key and,
-- of a signed request, a comma and until when (ms) it may be executed; "" for the exchange's own commands. `letter` is
-- what the key has to permit: its record begins [account,"RTW",. `now` is the time in ms, a text like the other.
local function refusal_of_caller(api_keys, credential, account, letter, now)
  if credential == "" then return nil end
  local comma = string.find(credential, ",", 1, true)
  local record = redis.call("HGET", api_keys, comma and string.sub(credential, 1, comma - 1) or credential)
  if not record or not string.find(record, "^%[" .. account .. ',"%u*' .. letter) then
    return { "rejected", "KEY_INVALID" }
  end
  local until_ms = comma and string.sub(credential, comma + 1)
  if until_ms and is_more(now, until_ms) then
    return { "rejected", "OUTSIDE_WINDOW", "", "now_ms", now, "until_ms", until_ms }
  end
end
