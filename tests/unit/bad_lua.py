"""A script that keeps every rule of the gate, and the ways of breaking one, each with the finding that must come of it.

The fact a newcomer would get wrong: a row is (what stands in the good script, what stands there instead, part of the
finding). It may bring other findings too; the one named here must be among them.
"""

GOOD = """#!lua
--[[
good: does something well.
KEYS   1 meta 2 balances
ARGV   1 account
Reply  {"ok"} or {"rejected", why}
Event  none
Cost   O(1)
]]
local function commit_change(key, field)
  redis.call("HINCRBY", key, field, "1")
end

-- Read.
local META, BALANCES = KEYS[1], KEYS[2]
local time = redis.call("TIME")
local free = redis.call("HGET", BALANCES, ARGV[1])

-- Check.
if not free then return { "rejected", "INSUFFICIENT_BALANCE" } end

-- Write.
redis.call("HSET", META, "last_ms", time[1])
commit_change(BALANCES, ARGV[1])
return { "ok" }
"""

BAD = {
    "no line that says Read": ("-- Read.", "-- First of all.", "has a line `-- Read.`"),
    "a key named once for all calls": ("-- Read.", "local ALL = KEYS[1]\n-- Read.", "not known above"),
    "a call when it is built": ("-- Read.", 'local now = redis.call("TIME")\n-- Read.', "not known above"),
    "something kept for the next call": (
        "local function commit_change(key, field)",
        "local last\nlocal function commit_change(key, field)\n  last = field",
        "last keeps something of one call",
    ),
    "something kept for the next call in a table": (
        "local function commit_change(key, field)",
        "local seen = {}\nlocal function commit_change(key, field)\n  seen[field] = true",
        "seen keeps something of one call",
    ),
    "no shebang flag of ours": ("#!lua", "#!lua flags=no-cluster", "#!lua, with allow-oom"),
    "no contract": ("--[[\ngood: does", "--[[ good: does", "the second line opens the comment"),
    "another command's contract": ("good: does something", "better: does something", "begins with good:"),
    "no reply in the contract": ("Reply  ", "Answer ", "nothing about Reply"),
    "no event in the contract": ("Event  none\n", "", "nothing about Event"),
    "arguments used but not told": ("ARGV   1 account\n", "", "nothing about ARGV"),
    "a write among the reads": ("-- Check.", 'redis.call("HSET", META, "a", "1")\n-- Check.', "above `-- Write.`"),
    "a commit among the reads": ("-- Check.", "commit_change(META, ARGV[1])\n-- Check.", "above `-- Write.`"),
    "a write in a helper": ("commit_change", "change", "outside of commit_*"),
    "no line that says Write": ("-- Write.\n", "", "has a line `-- Write.`"),
    "a mark in a comment of another kind": ("-- Write.", "-- Writes follow.", "has a line `-- Write.`"),
    "a refusal after a write": ('return { "ok" }', 'return { "rejected", "NO" }', "a refusal below"),
    "an error after a write": ('return { "ok" }', 'error("too late")', "a refusal below"),
    "writes in a script without writes": ("#!lua", "#!lua flags=no-writes", "has no-writes and writes"),
    "a key made up": ('"HGET", BALANCES', '"HGET", BALANCES .. ":more"', "is no declared key"),
    "a key from an argument": ('"HGET", BALANCES', '"HGET", ARGV[1]', "is no declared key"),
    "a key in quotes": ('"HGET", BALANCES', '"HGET", "balances"', "is no declared key"),
    "a key of no origin": ('"HGET", BALANCES', '"HGET", somewhere', "is no declared key"),
    "a name for a key made up": ("= KEYS[1], KEYS[2]", '= KEYS[1], KEYS[2] .. "x"', "is no declared key"),
    "a parameter that is no key": ("commit_change(BALANCES,", "commit_change(ARGV[1],", "is no declared key"),
    "a second key of DEL made up": ("-- Write.", '-- Write.\nredis.call("DEL", META, "more")', "is no declared key"),
    "the clock read twice": ("-- Check.", 'local again = redis.call("TIME")\n-- Check.', "TIME is read in one place"),
    "tostring": ("time[1])", "tostring(time[1]))", "tostring loses digits"),
    "cjson": ("time[1])", "cjson.encode(time))", "cjson keeps 14 digits"),
    "os": ("-- Check.", "local now = os.time()\n-- Check.", "no os"),
    "pairs": ("-- Check.", "for a, b in pairs(time) do break end\n-- Check.", "pairs has no order"),
    "an endless loop": ("-- Check.", "while true do break end\n-- Check.", "a loop needs a limit"),
    "pcall": ('redis.call("HGET"', 'redis.pcall("HGET"', "an error must end the script"),
    "a loop with a condition that never changes": (
        "-- Check.", "while 1 do break end\n-- Check.", "a loop needs a limit",
    ),
    "a loop that ends when it likes": (
        "-- Check.", "repeat free = nil until not free\n-- Check.", "a loop needs a limit",
    ),
    "a loop to infinity": ("-- Check.", "for _ = 1, math.huge do break end\n-- Check.", "a loop needs a limit"),
    "a function that calls itself": (
        "-- Read.", "local function down(n)\n  return n and down(n - 1)\nend\n\n-- Read.", "down calls itself",
    ),
    "two functions that call each other": (
        "-- Read.",
        "local even\nlocal function odd(n)\n  even(n - 1)\nend\nfunction even(n)\n  odd(n - 1)\nend\n-- Read.",
        "odd calls itself",
    ),
    "next in a loop": ("-- Check.", "for a in next, time do free = a end\n-- Check.", "next has no order"),
    "a number read too kindly": ("-- Check.", "local n = tonumber(ARGV[1])\n-- Check.", "use whole()"),
    "a number beside dots": ("-- Check.", 'local n = "n" .. time[1] * 2\n-- Check.', "stands beside ..: use int()"),
    "a number's name beside dots": (
        "-- Check.", 'local n = tonumber(free)\nlocal text = n .. "|"\n-- Check.', "the number n stands beside ..",
    ),
    "a field of numbers beside dots": (
        "-- Check.",
        'local o = { seq = 1 }\nlocal text = "seq" .. o.seq\n-- Check.',
        "the number o.seq stands beside ..",
    ),
    "how many beside dots": ("-- Check.", 'local n = "" .. #free\n-- Check.', "the number #free stands beside"),
    "a number written as it is": ('"last_ms", time[1])', '"last_ms", 10 * time[1])', "is written as it is: use int()"),
    "a number in another format": ("time[1])", 'string.format("%s", time[1]))', "numbers become text by int()"),
    "a format from a variable": ("time[1])", "string.format(free, time[1]))", "numbers become text by int()"),
    "a global": ("-- Check.", "count = 1\n-- Check.", "count is declared nowhere"),
    "a mistyped name": ("if not free then", "if not fre then", "fre is declared nowhere"),
    "a local behind its block": (
        "-- Check.", "do local inner = 1 end\nfree = inner\n-- Check.", "inner is declared nowhere",
    ),
    "more locals than Lua has": (
        "-- Check.", "".join(f"local n{i}\n" for i in range(190)) + "-- Check.", "locals of the main chunk",
    ),
    "a library that Redis does not give": (
        "-- Check.", "local c = coroutine.create(1)\n-- Check.", "coroutine is declared nowhere",
    ),
    "the table of all globals": ("-- Check.", 'local n = _G["os"]\n-- Check.', "_G is declared nowhere"),
    "code from text": ("-- Check.", 'local f = loadstring("return 1")\n-- Check.', "no code from text"),
    "chance": ("-- Check.", "local n = math.random(2)\n-- Check.", "chance has no place"),
    "redis.call under another name": (
        "-- Check.", "local ask = redis.call\n-- Check.", "redis.call is called by its name",
    ),
    "another door of redis": ("-- Check.", 'redis.log(1, "x")\n-- Check.', "redis.call is called by its name"),
    "all the keys handed on": ("-- Check.", "local all = { unpack(KEYS) }\n-- Check.", "is handed to nobody"),
    "a refusal behind a write in a commit": (
        '"HINCRBY", key, field, "1")',
        '"HINCRBY", key, field, "1")\n  if not field then error("no") end',
        "behind a write",
    ),
    "an unknown command": ('redis.call("HGET"', 'redis.call("HGETDEL"', "the command is a known one"),
    "a command from a variable": ('redis.call("HGET"', "redis.call(ARGV[1]", "the command is a known one"),
}  # fmt: skip
