"""How a client wants its answers: said in the URL for a whole connection, or with a request for that one.

The fact a newcomer would get wrong: rate limits that are not shown are counted all the same.
"""

from typing import Final, NamedTuple

from api.parameters import Texts, gather
from api.time_units import TimeUnit, read_time_unit
from engine.errors import BadParameter

RETURN_RATE_LIMITS: Final = "returnRateLimits"
TIME_UNIT: Final = "timeUnit"
_TRUTHS: Final = {"true": True, "false": False, "TRUE": True, "FALSE": False}


class Preferences(NamedTuple):
    """Of a connection."""

    shows_rate_limits: bool = True
    time_unit: TimeUnit = TimeUnit.MILLISECOND


def read_preferences(query: bytes) -> Preferences:
    """From the URL. Raises BadParameter, Refused (-1194) for a unit that there is not."""
    texts = gather(query, b"")
    unit = texts.get(TIME_UNIT)
    return Preferences(
        shows_rate_limits(texts, usual=True), TimeUnit.MILLISECOND if unit is None else read_time_unit(unit)
    )


def shows_rate_limits(texts: Texts, *, usual: bool) -> bool:
    """What a request's parameters say of it, or else what is usual. Raises BadParameter."""
    text = texts.get(RETURN_RATE_LIMITS)
    if text is None:
        return usual
    try:
        return _TRUTHS[text]
    except KeyError:
        raise BadParameter(RETURN_RATE_LIMITS, "UNKNOWN_VALUE", value=text) from None
