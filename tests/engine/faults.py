"""Makes a script fail at its k-th redis.call, by a few lines put before it.

The fact a newcomer would get wrong: an injected error at a call means that the call was not made. So a fault at the
first write must leave everything as it was, and what lies below it is out of reach of any refusal.
"""

import hashlib
import re
from collections.abc import Awaitable
from dataclasses import replace

from engine.errors import InvariantBroken, Rejected
from engine.scripts import Script
from engine.venue import Venue

_PREFIX = """
local function server() return redis end -- when a library is loaded it cannot be called yet
local count, times = 0, 0
local redis = { register_function = server().register_function, call = function(name, ...)
  count = count + 1
  if count == %d then error("INJECTED " .. name, 0) end
  if name == "TIME" then times = times + 1 end
  if times > 1 then error("the clock was read twice", 0) end
  return server().call(name, ...)
end }
"""
_RESET = "\\g<0>\ncount, times = 0, 0"  # for each call anew


def faulty(script: Script, call: int) -> Script:
    """The script, failing at this call (from 1); it also fails where it reads the clock a second time."""
    shebang, _, body = script.text.partition("\n")
    text = shebang + _PREFIX % call + re.sub(r"^-- Read[ .].*$", _RESET, body, count=1, flags=re.M)
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return replace(script, text=text, sha=sha)


def break_at(venue: Venue, name: str, call: int, scripts: dict[str, Script]) -> None:
    """From now on the venue's script `name` fails at this call; 0 puts all scripts back."""
    changed = {name: faulty(scripts[name], call)} if call else {}
    venue.runner._scripts = {**scripts, **changed}


async def struck_command(command: Awaitable[object]) -> str | None:
    """The redis.call at which the injected fault struck; None when the command ended, or was refused, before it."""
    try:
        await command
    except Rejected:
        return None
    except InvariantBroken as error:
        injected = re.search(r"INJECTED (\w+)", str(error))
        if injected is None:
            raise
        return injected.group(1)
    return None
