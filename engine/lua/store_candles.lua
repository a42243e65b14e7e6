#!lua flags=allow-oom
--[[
store_candles: what the holder of a lease has folded from the events, and how far it has come, in one write.
KEYS   1 lease 2 readers 3... candles, of every symbol that changed
ARGV   1 the holder's token 2 how long the lease goes on in ms, 0 to give it up 3 reader 4 its position "" or JSON
       then for each of KEYS[3...]: 1 to forget all candles first or 0, how many fields to set, field and value of
       each, how many fields to drop, each of them
Reply  {"ok", 1}, or {"ok", 0} when somebody else holds the lease or nobody does: nothing was written
Event  none: candles are a copy of what the events say
Cost   O(fields)
]]
local CHUNK = 1000

local function commit_many(command, key, words)
  for first = 1, #words, CHUNK do
    redis.call(command, key, unpack(words, first, math.min(first + CHUNK - 1, #words)))
  end
end

-- Read.
local holder = redis.call("GET", KEYS[1])

-- Check.
if holder ~= ARGV[1] then return { "ok", 0 } end

-- Plan.
local next_word = 5
local function take_words(count)
  local words = {}
  for i = 1, count do words[i] = ARGV[next_word + i - 1] end
  next_word = next_word + count
  return words
end
local changes = {}
for i = 3, #KEYS do
  local head = take_words(2)
  local change = { is_fresh = head[1] == "1", set = take_words(2 * tonumber(head[2])) }
  change.drop = take_words(tonumber(take_words(1)[1]))
  changes[i] = change
end

-- Write.
for i = 3, #KEYS do
  if changes[i].is_fresh then redis.call("DEL", KEYS[i]) end
  commit_many("HSET", KEYS[i], changes[i].set)
  commit_many("HDEL", KEYS[i], changes[i].drop)
end
if ARGV[4] ~= "" then redis.call("HSET", KEYS[2], ARGV[3], ARGV[4]) end
if ARGV[2] == "0" then
  redis.call("DEL", KEYS[1])
else
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
end
return { "ok", 1 }
