#!lua flags=allow-oom
--[[
set_account_rates: fees of one account that differ, on all symbols or on one.
KEYS   1 meta 2 events 3 symbols 4 where it is kept: meta or the symbol 5... the symbol, or every one of the venue
ARGV   1 account 2 symbol, "" for all 3 AccountRates.text, "" for nothing 4 the same as the event's JSON
Reply  {"ok"} or {"stale"}: there are other symbols
Event  account_rates_set, only when something changed
Cost   O(symbols)
]]
--- @include "lib/venue"
-- Read.
local venue, field = read_venue(KEYS[1]), "rates:" .. ARGV[1]
local known = redis.call("HGET", KEYS[4], field) or ""

-- Check.
if ARGV[2] == "" and redis.call("HLEN", KEYS[3]) ~= #KEYS - 4 then return { "stale" } end
if known == ARGV[3] then return { "ok" } end

-- Plan. Fills look for such fees where the symbol's count says that there are any.
local more = (ARGV[3] ~= "" and 1 or 0) - (known ~= "" and 1 or 0)

-- Write.
if ARGV[3] == "" then redis.call("HDEL", KEYS[4], field) else redis.call("HSET", KEYS[4], field, ARGV[3]) end
if ARGV[2] == "" then redis.call("HINCRBY", KEYS[1], "account_rates", int(more)) end
for i = 5, #KEYS do redis.call("HINCRBY", KEYS[i], "account_rates", int(more)) end
commit_venue(KEYS[1], KEYS[2], venue, "account_rates_set", ARGV[1] .. ',"' .. ARGV[2] .. '",' .. ARGV[4])
return { "ok" }
