#!lua
-- The redis.calls of a resting order (engine/lua/place_order.lua) with their arguments handed in: what the order would
-- cost if reading, checking and planning were free. A test holds it to the calls the script really makes.
-- ARGV 1 key digest 2 client id field 3 price 4 free field 5 locked field 6 locked atoms 7 free atoms 8 level lots
-- 9 order id 10 record 11 open member 12 update id 13 now_ms 14 seq 15 next order id 16 event id 17 event
-- 18 field of the account's limits 19 and 20 of the book's last change: its number, its time 21 of the level
redis.call("HMGET", KEYS[2], "rules", "pending", "status", "limits", ARGV[2], ARGV[21])
redis.call("HMGET", KEYS[1], "clock", "last_ms", "seq", "epoch", "next_order_id", "client_order_ids", ARGV[18],
  ARGV[19], "rate_limits")
redis.call("TIME")
redis.call("HGET", KEYS[4], ARGV[1])
redis.call("ZRANGE", KEYS[5], 0, 0, "WITHSCORES")
redis.call("HMGET", KEYS[12], ARGV[4], ARGV[5])
redis.call("HSET", KEYS[12], ARGV[4], ARGV[7], ARGV[5], ARGV[6])
redis.call("HSET", KEYS[2], ARGV[9], ARGV[10], ARGV[2], ARGV[9], ARGV[21], ARGV[8])
redis.call("ZADD", KEYS[6], ARGV[3], ARGV[9])
redis.call("ZADD", KEYS[10], "0", ARGV[11])
redis.call("HSET", KEYS[1], "last_ms", ARGV[13], "seq", ARGV[14], "next_order_id", ARGV[15], ARGV[19], ARGV[12],
  ARGV[20], ARGV[13])
redis.call("XADD", KEYS[3], ARGV[16], "d", ARGV[17])
return { "ok", tonumber(ARGV[14]), ARGV[10], "[]", "[]", 1, 1 }
