"""`/_sim/fault`: have the exchange fail, to see what a program does about it.

    GET  fault    PUT fault {code, count?, request?, executed?}    DELETE fault

The fact a newcomer would get wrong: `executed` is what makes -1000, -1006 and -1007 worth trying: the order is placed,
only its answer is not what it should be, and who sends it again places a second one.
"""

import re
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from api.callers import Caller
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.errors import BadParameter
from engine.faults import CODES, IN_DOUBT
from engine.types import Fault
from simulation import answers

ENDPOINTS = sim_endpoints()
MOST: Final = 1_000_000
_NAME: Final = r"[a-z][A-Za-z]{1,40}(\.[A-Za-z0-9]{1,40}){0,3}"
_REQUEST: Final = re.compile(rf"(GET|POST|PUT|DELETE) /s?api/[\w/.]{{1,100}}|{_NAME}")


class FaultWanted(Struct, kw_only=True):
    """`code`: -1000, or 1000 where a sign is a nuisance. `request`: "POST /api/v3/order" or "order.place"."""

    code: str
    count: Annotated[int, Meta(ge=1, le=MOST)] = 1
    request: str | None = None
    executed: bool = False


@ENDPOINTS.endpoint("GET", "/fault", answer=answers.FaultShown)
async def read_fault(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What requests fail with, and how many are left to fail."""
    return _shown(*await runtime.venue.faults.read())


@ENDPOINTS.endpoint("PUT", "/fault", answer=answers.FaultShown)
async def order_fault(request: FaultWanted, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Have the next requests fail, on every worker."""
    fault = _fault(request)
    await runtime.venue.faults.order(fault, request.count)
    return _shown(fault, request.count)


@ENDPOINTS.endpoint("DELETE", "/fault", answer=answers.FaultShown)
async def end_fault(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Let requests succeed again."""
    await runtime.venue.faults.order(None)
    return _shown(None, 0)


def _fault(wanted: FaultWanted) -> Fault:
    codes = {str(code): code for code in CODES}
    code = codes.get("-" + wanted.code.removeprefix("-"))
    if code is None:
        raise BadParameter("code", "UNKNOWN_VALUE", value=wanted.code, detail=f"code: one of {', '.join(codes)}.")
    if wanted.executed and code not in IN_DOUBT:
        detail = f"executed: {code} says that nothing was done; of {', '.join(map(str, IN_DOUBT))} nobody can tell."
        raise BadParameter("executed", "BAD_COMBINATION", detail=detail)
    if wanted.request is not None and not _REQUEST.fullmatch(wanted.request):
        raise BadParameter("request", "UNKNOWN_VALUE", detail="request: like POST /api/v3/order, or like order.place.")
    return Fault(code=code, request=wanted.request or "", executed=wanted.executed)


def _shown(fault: Fault | None, left: int) -> dict[str, Any]:
    if fault is None:
        return {"left": 0}
    return {"left": left, "code": fault.code, "request": fault.request, "executed": fault.executed}
