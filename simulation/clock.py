"""Times as people write them, for commands that set or show the venue's clock.

The fact a newcomer would get wrong: a time without a zone is UTC, and so is everything that is shown.
"""

from datetime import UTC, datetime

from engine.errors import BadParameter

LATEST_MS = 253_402_300_799_999  # the end of the year 9999


def read_time(text: str) -> int:
    """Milliseconds since 1970 of "2024-08-08T12:00", "2024-08-08 12:00:00.5+02:00" or "1723118400000".

    Raises BadParameter.
    """
    detail = f"{text!r} is not a time: write 2024-08-08T12:00:00 (UTC), or milliseconds since 1970"
    if text.isascii() and text.isdigit() and len(text) > len("20240808"):
        now_ms = int(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadParameter("time", "MALFORMED", value=text, detail=detail) from error
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        now_ms = round((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    if not 0 < now_ms <= LATEST_MS:
        raise BadParameter("time", "OUT_OF_RANGE", value=text, detail=detail)
    return now_ms


def shown(now_ms: int) -> str:
    """A venue's time in UTC, to the millisecond: "2024-08-08 23:59:59.999 UTC"."""
    moment = datetime.fromtimestamp(now_ms // 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{now_ms % 1000:03d} UTC"
