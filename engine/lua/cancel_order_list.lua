#!lua flags=allow-oom
--[[
cancel_order_list: what is still open of an order list leaves, as when one of its orders is cancelled.
KEYS   Keys.of_market (see place_order)
ARGV   1 account 2 symbol 3 credential or "" 4 list id or "" 5 the list's client order id or ""
       6 the cancel's own client order id
Reply  {"ok", seq, list, {record, ...}: all its orders}, {"pending"} or {"rejected", why}
Event  order_canceled, then list_changed
Cost   O(log N), N orders on that side
]]
--- @include "lib/cascade"

-- Read. To cancel any one order of a list is to cancel the list: the first that is open will do.
local account = ARGV[1]
local market, verdict = read_market(ARGV[2], "0")
if verdict then return verdict end
local list = find_list(account, ARGV[4], ARGV[5])
local order
for _, member in ipairs(list and list.members or {}) do order = order or find_open_order(member, account) end

-- Check.
local refusal = refusal_of_caller(API_KEYS, ARGV[3], account, "T", int(market.now_ms))
if refusal then return refusal end

-- Write.
local reply = commit_cancel(market, order, ARGV[6], "")
if not order then return reply end
local seq = market.seq
commit_cascade(market, MAX_FILLS)
return { "ok", seq, redis.call("HGET", LISTS, list.id), redis.call("HMGET", ENDED, unpack(list.members)) }
