"""`/_sim/...`: what a tester may do to user streams beside what trading does to them.

    GET  listenKeys             PUT  listenKeys {served}    false: 410, as Binance answers since 2026-02-20
    POST externalLock, externalUnlock {user, asset, amount}   free money that somebody outside holds from here on

The fact a newcomer would get wrong: what EXCHANGE_LISTEN_KEYS says holds only until a tester has said something here.
"""

from typing import Any

from msgspec import Struct

from api.callers import Caller
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from simulation import answers
from simulation.endpoints import Money, read_transfer, transferred

ENDPOINTS = sim_endpoints()


class ListenKeysChange(Struct, kw_only=True):
    served: bool


@ENDPOINTS.endpoint("GET", "/listenKeys", answer=answers.ListenKeysShown)
async def get_listen_keys(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Whether there are listenKeys."""
    return {"served": not await runtime.venue.listen_keys.are_gone_now()}


@ENDPOINTS.endpoint("PUT", "/listenKeys", answer=answers.ListenKeysShown)
async def set_listen_keys(request: ListenKeysChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Take all listenKeys away, or give them back, on every worker."""
    await runtime.venue.listen_keys.serve(gone=not request.served)
    return {"served": request.served}


@ENDPOINTS.endpoint("POST", "/externalLock", answer=answers.MoneyShown)
async def lock(request: Money, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Lock free money of a user, as something outside of the exchange would, margin for instance."""
    transfer, decimals = await read_transfer(request, runtime)
    return transferred(request, await runtime.venue.gateway.lock_externally(transfer), decimals)


@ENDPOINTS.endpoint("POST", "/externalUnlock", answer=answers.MoneyShown)
async def unlock(request: Money, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Set what was locked so free again."""
    transfer, decimals = await read_transfer(request, runtime)
    return transferred(request, await runtime.venue.gateway.unlock_externally(transfer), decimals)
