"""What was refused and why: entries of `{venue}:refusals`, for whoever asks what became of a command.

The fact a newcomer would get wrong: this stream is no part of the exchange's state. A refusal changes nothing; what
stands here is written after the answer by whoever gave it, is capped, and may lack what a storm or a crash took away.
What is secret is not written, and not read either: an older exchange may have written it.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from engine.runner import named_failure
from engine.venue import Venue
from engine.wire import NotSent, ReplyLost

SECRETS = frozenset(["signature", "apikey", "api_key", "x-api-key", "x-mbx-apikey", "secret", "listenkey"])
KEPT = 10_000  # entries, about
PAGE = 500


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that was refused. `now_ms` is the venue's time of the answer, right to a millisecond or two;
    `command` is method and path.

    `reason` is a Reason, or for what could not be read "<parameter>: <problem>"; `code` and `text` are what the caller
    was told. `numbers` and `field` are those of the error (engine/errors.py), for what could not be read the field is
    its parameter. `key_id` begins the digest of the caller's API key.
    `missed` refusals before this one were too many to be kept.
    """

    now_ms: int
    account: int
    command: str
    parameters: dict[str, str]
    reason: str
    code: int
    text: str
    detail: str = ""
    numbers: dict[str, int] = {}
    field: str = ""
    key_id: str = ""
    missed: int = 0


_decode = msgspec.json.Decoder(Refusal).decode
_encode = msgspec.json.Encoder().encode


def without_secrets(parameters: Mapping[str, str]) -> dict[str, str]:
    """Those that may be shown; names in any case."""
    return {name: text for name, text in parameters.items() if name.lower() not in SECRETS}


async def write_refusals(venue: Venue, refusals: Sequence[Refusal]) -> None:
    """Append them, in one round trip, and let the oldest go. Raises EngineUnavailable, OutcomeUnknown."""
    key = venue.keys.refusals
    entries = [("XADD", key, "MAXLEN", "~", KEPT, "*", "d", _encode(refusal)) for refusal in refusals]
    try:
        await venue.connection.pipeline(entries)
    except (NotSent, ReplyLost) as error:
        raise named_failure("XADD", error) from error


async def read_refusals(
    venue: Venue, is_wanted: Callable[[Refusal], bool], *, account: int, limit: int
) -> list[Refusal]:
    """The newest `limit` refusals of an account that are wanted, oldest first. Raises EngineUnavailable.

    Reads the stream backwards, page by page; it is capped, so that has an end.
    """
    found: list[Refusal] = []
    mark, end = b'"account":%d,' % account, "+"
    while len(found) < limit:
        page = await venue.runner.command("XREVRANGE", venue.keys.refusals, end, "-", "COUNT", PAGE)
        for _, (_, data) in page:
            if mark in data and (refusal := _decode(data)).account == account and is_wanted(refusal):
                found.append(replace(refusal, parameters=without_secrets(refusal.parameters)))
        if len(page) < PAGE:
            break
        end = f"({page[-1][0].decode()}"
    return found[:limit][::-1]
