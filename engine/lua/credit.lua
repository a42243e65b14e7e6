#!lua
--[[
credit: money comes in.
KEYS   1 meta 2 events 3 api keys 4 assets 5 balances of the asset
ARGV   1 account 2 asset 3 credential or "" 4 atoms
Reply  {"ok", seq, free, locked} or {"rejected", why}
Event  balance_credited
Cost   O(1)
]]
--- @include "lib/transfer"
local BALANCE_LIMIT = 9000000000000000000

-- Read.
local venue = read_venue(KEYS[1])
local transfer = read_transfer("#credited")

-- Check. All money there ever was stays countable: no sum of balances can pass what was credited.
local refusal = refusal_of_transfer(venue.now_ms)
if refusal then return refusal end
if tonumber(transfer.total) + whole(ARGV[4]) > BALANCE_LIMIT then return { "rejected", "BALANCE_TOO_LARGE" } end

-- Write.
return commit_transfer(venue, "balance_credited", transfer, ARGV[4], "#credited")
