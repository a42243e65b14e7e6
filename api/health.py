"""/healthz: whether this process can trade now, for supervisors and people.

The fact a newcomer would get wrong: it asks the engine by a script, so that a server which answers PING but cannot
run the exchange's scripts is not called healthy.
"""

from typing import Final, TypedDict

from api.callers import Caller
from api.dialects import BARE
from api.router import EndpointTable, Nothing, Reply
from api.runtime import Runtime
from engine.errors import ExchangeError

ENDPOINTS: Final = EndpointTable(BARE)


class Health(TypedDict):
    """200; what a 503 says instead is `reason`."""

    status: str
    venue: str
    durability: str
    version: str
    epoch: int
    seq: int
    clock: str


@ENDPOINTS.endpoint("GET", "/healthz", needs_venue=False, answer=Health)
async def healthz(request: Nothing, caller: Caller, runtime: Runtime) -> Reply:
    """Ready, and how far the venue's history is; 503 while Redis is away."""
    about = {"venue": runtime.venue.name, "durability": runtime.durability, "version": runtime.version}
    try:
        await runtime.open_venue()
        clock = await runtime.venue.queries.clock()
    except ExchangeError as error:
        return Reply(503, {"status": "unavailable", "reason": str(error), **about})
    position = {"epoch": clock.epoch, "seq": clock.seq, "clock": clock.mode}
    return Reply(200, {"status": "ok", **about, **position})
