-- Any number of words to one key: a redis.call takes a few thousand at most.
local PAGE = 1000 -- even, so that pairs stay together

local function commit_pages(command, key, words)
  for first = 1, #words, PAGE do
    redis.call(command, key, unpack(words, first, math.min(first + PAGE - 1, #words)))
  end
end

-- HMGET of any number of fields: texts, or false where there is none.
local function read_many(key, fields)
  local texts = {}
  for first = 1, #fields, PAGE do
    local page = redis.call("HMGET", key, unpack(fields, first, math.min(first + PAGE - 1, #fields)))
    for i = 1, #page do texts[first + i - 1] = page[i] end
  end
  return texts
end
