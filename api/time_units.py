"""Milliseconds or microseconds: how a caller says which he wants, and how an answer or an event gets the finer ones.

Binance's documents: rest-api.md and web-socket-api.md, "General API Information"; web-socket-streams.md. The fact a
newcomer would get wrong: a name alone does not say what is a time. `t` is a trade's id in an execution report and a
candle's begin in a kline, `u` a book's change number and in an account's update a time; the kind of event decides.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from api.errors import INVALID_TIME_UNIT, Refused

HEADER: Final = b"x-mbx-time-unit"
MICROSECONDS_FROM: Final = 100_000_000_000_000  # milliseconds come so far in the year 5138, microseconds did in 1973
KLINE_COLUMNS: Final = 12
KLINE_OPEN, KLINE_CLOSE = 0, 6
LENGTH_OF_A_DAY: Final = 86_399_999  # from its first to its last millisecond

_TIMES: Final = frozenset({
    "serverTime", "time", "updateTime", "transactTime", "transactionTime", "workingTime", "trailingTime", "openTime",
    "closeTime", "timestamp", "authorizedSince", "connectedSince", "retryAfter", "E", "T", "W", "O", "C", "D",
})  # fmt: skip
_TIMES_OF_EVENT: Final = {"outboundAccountPosition": frozenset({"u"}), "referencePrice": frozenset({"t"})}
_NO_TIMES: Final[frozenset[str]] = frozenset()


class TimeUnit(StrEnum):
    MILLISECOND = "MILLISECOND"
    MICROSECOND = "MICROSECOND"


_UNITS: Final = {text: unit for unit in TimeUnit for text in (unit.value, unit.value.lower())}


def read_time_unit(text: str) -> TimeUnit:
    """MICROSECOND, microsecond and the same of milliseconds. Raises Refused (-1194) for anything else."""
    try:
        return _UNITS[text]
    except KeyError:
        raise Refused(INVALID_TIME_UNIT) from None


def time_unit_of(headers: Iterable[tuple[bytes, bytes]]) -> TimeUnit:
    """What a request's headers ask for; milliseconds if they do not. Raises Refused (-1194)."""
    for name, value in headers:
        if name == HEADER:
            return read_time_unit(value.decode("latin-1"))
    return TimeUnit.MILLISECOND


def is_in_microseconds(number: int) -> bool:
    """Whether a time that a caller sent is in microseconds: only its size tells."""
    return number >= MICROSECONDS_FROM


def encoded_in_microseconds(data: bytes) -> bytes:
    """The same JSON with its times in microseconds; the order of members stays."""
    return msgspec.json.encode(in_microseconds(msgspec.json.decode(data)))


def in_microseconds(value: Any) -> Any:
    """A value of JSON (dicts, lists, texts, numbers) with its times in microseconds; the value given stays as it is.

    Rows of candles are known by their twelve columns. A candle's last moment is its last microsecond. What is below
    zero is a time that has not come and stays.
    """
    if isinstance(value, dict):
        return _members(value)
    if isinstance(value, list | tuple):
        return _kline(value) if _is_kline(value) else [in_microseconds(item) for item in value]
    return value


def _members(value: dict[str, Any]) -> dict[str, Any]:
    kind = value.get("e")
    of_event = _TIMES_OF_EVENT.get(kind, _NO_TIMES) if isinstance(kind, str) else _NO_TIMES
    found = {name: _member(name, item, of_event) for name, item in value.items()}
    if kind == "kline" and isinstance(candle := value.get("k"), dict):
        found["k"] |= {"t": _finer(candle["t"]), "T": _last_moment(candle["T"])}
    if "closeTime" in value and value["closeTime"] - value.get("openTime", 0) == LENGTH_OF_A_DAY:
        found["closeTime"] = _last_moment(value["closeTime"])  # of a trading day; 24 hours up to now are one longer
    return found


def _member(name: str, item: Any, of_event: frozenset[str]) -> Any:
    if type(item) is int:
        return _finer(item) if name in _TIMES or name in of_event else item
    return in_microseconds(item)


def _is_kline(value: list[Any] | tuple[Any, ...]) -> bool:
    return len(value) == KLINE_COLUMNS and type(value[KLINE_OPEN]) is int and type(value[KLINE_CLOSE]) is int


def _kline(row: list[Any] | tuple[Any, ...]) -> list[Any]:
    found = list(row)
    found[KLINE_OPEN], found[KLINE_CLOSE] = _finer(row[KLINE_OPEN]), _last_moment(row[KLINE_CLOSE])
    return found


def _finer(time_ms: int) -> int:
    return time_ms * 1000 if time_ms >= 0 else time_ms


def _last_moment(time_ms: int) -> int:
    return time_ms * 1000 + 999
