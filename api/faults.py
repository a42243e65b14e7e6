"""A request that a tester wants to fail: it ends with an error of Binance's, before or after it was done.

The fact a newcomer would get wrong: credentials and parameters have been looked at by then, and the request counts
towards the limits as any other does. So what fails here would have been tried.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from api.errors import OF_FAULT, Refused
from engine.errors import ExchangeError
from engine.faults import Faults

AnyHandler = Callable[..., Awaitable[Any]]


def failing(handler: AnyHandler, request: str, faults: Faults) -> AnyHandler:
    """The handler of a request that may have to fail: Refused in place of an answer."""

    async def call(*arguments: Any) -> Any:
        fault = await faults.take(request)
        if fault is None:
            return await handler(*arguments)
        if fault.executed:
            with suppress(ExchangeError):  # a refusal is lost like any answer
                await handler(*arguments)
        raise Refused(OF_FAULT[fault.code])

    return call
