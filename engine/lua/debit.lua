#!lua flags=allow-oom
--[[
debit: free money goes out.
KEYS   1 meta 2 events 3 api keys 4 assets 5 balances of the asset
ARGV   1 account 2 asset 3 credential or "" 4 atoms
Reply  {"ok", seq, free, locked} or {"rejected", why}
Event  balance_debited
Cost   O(1)
]]
--- @include "lib/transfer"
--- @include "lib/covers"

-- Read.
local venue = read_venue(KEYS[1])
local transfer = read_transfer("#debited")

-- Check.
local refusal = refusal_of_transfer(venue.now_ms)
if refusal then return refusal end
if not covers(transfer.free, ARGV[4]) then
  return { "rejected", "INSUFFICIENT_BALANCE", "", "needed_atoms", ARGV[4], "free_atoms", transfer.free }
end

-- Write.
return commit_transfer(venue, "balance_debited", transfer, "-" .. ARGV[4], "#debited")
