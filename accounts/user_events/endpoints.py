"""listenKeys: an account's name for its events on the market streams' addresses, until Binance removed them.

The fact a newcomer would get wrong: these requests carry an API key and no signature, and a listenKey is the account's,
not the key's: another key of the account gets the same one.
"""

from typing import Final

import msgspec

from api.callers import Caller, Permission
from api.dialects import V3
from api.router import EndpointTable, Nothing
from api.runtime import Runtime
from engine.unsaid import Unsaid
from markets import answers as public_answers

ENDPOINTS: Final = EndpointTable(V3)
WEIGHT: Final = 2


class ListenKeyRequest(Unsaid, msgspec.Struct, kw_only=True, rename="camel"):
    listen_key: str


class ListenKeyView(Unsaid, msgspec.Struct, rename="camel"):
    listen_key: str


@ENDPOINTS.endpoint(
    "POST", "/userDataStream", permission=Permission.READ, key_is_enough=True, websocket="userDataStream.start",
    weight=WEIGHT,
)  # fmt: skip
async def start(request: Nothing, caller: Caller, runtime: Runtime) -> ListenKeyView:
    """The account's listenKey, good for an hour from now."""
    return ListenKeyView(await runtime.venue.listen_keys.open(caller.account, caller.key_digest))


@ENDPOINTS.endpoint(
    "PUT", "/userDataStream", answer=public_answers.Empty, permission=Permission.READ, key_is_enough=True,
    websocket="userDataStream.ping", weight=WEIGHT,
)  # fmt: skip
async def keep_alive(request: ListenKeyRequest, caller: Caller, runtime: Runtime) -> dict[str, str]:
    """An hour more for a listenKey, from now."""
    await runtime.venue.listen_keys.extend(caller.account, request.listen_key)
    return {}


@ENDPOINTS.endpoint(
    "DELETE", "/userDataStream", answer=public_answers.Empty, permission=Permission.READ, key_is_enough=True,
    websocket="userDataStream.stop", weight=WEIGHT,
)  # fmt: skip
async def stop(request: ListenKeyRequest, caller: Caller, runtime: Runtime) -> dict[str, str]:
    """The end of a listenKey; who listens under it hears listenKeyExpired."""
    await runtime.venue.listen_keys.close(caller.account, request.listen_key)
    return {}
