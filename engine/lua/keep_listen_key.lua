#!lua
--[[
keep_listen_key: give an account the name under which its events are heard, let it live on, or end it.
KEYS   1 meta 2 listen keys 3 api keys
ARGV   1 account 2 digest of the caller's API key 3 the listenKey that is meant, "" to have one given
       4 a new listenKey, for an account that has none 5 for how long in ms; 0 ends it 6 1: Binance has none any more
Reply  {"ok", listenKey, when it ends in ms}, or {"rejected", "LISTEN_KEYS_GONE" | "UNKNOWN_LISTEN_KEY"}
Event  none: it is nothing of the exchange's history
Cost   O(1)
]]
--- @include "lib/venue"
--- @include "lib/listen_keys"
-- Read.
local venue = read_venue(KEYS[1])
local mine = "account:" .. ARGV[1]
local known = redis.call("HMGET", KEYS[2], "#gone", mine)
local name = ARGV[3] ~= "" and ARGV[3] or known[2] or ARGV[4]
local holder = live_holder(KEYS[2], KEYS[3], name, venue.now_ms)

-- Check.
if (known[1] or ARGV[6]) == "1" then return { "rejected", "LISTEN_KEYS_GONE" } end
if ARGV[3] ~= "" and not (holder and holder.account == ARGV[1]) then return { "rejected", "UNKNOWN_LISTEN_KEY" } end

-- Plan.
local ends_ms = int(venue.now_ms + whole(ARGV[5]))
local digest = holder and holder.digest or ARGV[2]
if not holder then name = ARGV[4] end

-- Write.
if ARGV[5] == "0" or not holder and known[2] then redis.call("HDEL", KEYS[2], mine, known[2] or name) end
if ARGV[5] ~= "0" then redis.call("HSET", KEYS[2], mine, name, name, ARGV[1] .. "|" .. digest .. "|" .. ends_ms) end
return { "ok", name, ends_ms }
