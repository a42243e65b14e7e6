"""In what /api/v1 (the guide's) and /api/v3 and /sapi/v1 (Binance's) differ; everything else they share.

The fact a newcomer would get wrong: a handler never asks which dialect it serves, only what that dialect wants.
"""

from typing import Any, Final

import msgspec

from engine.types import TimeInForce


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How one family of paths reads requests and writes answers. Paths of the family begin with `prefix`."""

    name: str
    prefix: str
    key_headers: tuple[bytes, ...] = (b"x-mbx-apikey",)
    is_signed: bool = False  # whatever needs a key needs a signature too, unless its row says otherwise
    reads_json: bool = True  # bodies, beside forms
    default_time_in_force: TimeInForce | None = None  # of a LIMIT order; None: it has to be sent
    answers_in_full: bool = False  # a new order whatever its type, unless newOrderRespType says otherwise
    default_depth: int = 100
    depth_names_symbol: bool = False
    account_names_user: bool = False
    names_cancel_of_all: bool = True  # an order that went with all others shows an id of that cancel, else its own
    errors_repeat_text: bool = False  # "error" beside "msg"
    is_limited: bool = False  # requests count towards the venue's rate limits
    has_time_unit: bool = True  # X-MBX-TIME-UNIT: MICROSECOND is heard
    limits_history: bool = True  # 24 hours between startTime and endTime, and only some parameters go together
    prices_untraded: bool = True  # ticker/price of a symbol without a trade is zero, else an error
    ping: dict[str, str] = {}

    def error_body(self, code: int, text: str, *, existing_order_id: int | None = None) -> bytes:
        """An error as JSON."""
        body = self.error_members(code, text)
        if self.errors_repeat_text and existing_order_id is not None:
            body["existingOrderId"] = existing_order_id
        return msgspec.json.encode(body)

    def error_members(self, code: int, text: str) -> dict[str, Any]:
        """What every error of the dialect says."""
        body: dict[str, Any] = {"code": code, "msg": text}
        return body | {"error": text} if self.errors_repeat_text else body


V1: Final = Dialect(
    name="v1",
    prefix="/api/v1",
    key_headers=(b"x-api-key", b"x-mbx-apikey"),
    default_time_in_force=TimeInForce.GTC,
    answers_in_full=True,
    default_depth=10,
    depth_names_symbol=True,
    account_names_user=True,
    names_cancel_of_all=False,
    errors_repeat_text=True,
    has_time_unit=False,
    limits_history=False,
    prices_untraded=False,
    ping={"status": "ok"},
)
V3: Final = Dialect(name="v3", prefix="/api/v3", is_signed=True, reads_json=False, is_limited=True)
SAPI: Final = Dialect(name="sapi", prefix="/sapi/v1", is_signed=True, reads_json=False, is_limited=True)
SIMULATION: Final = Dialect(  # what is not the exchange
    name="simulation", prefix="/_sim", errors_repeat_text=True, has_time_unit=False
)
BARE: Final = Dialect(name="bare", prefix="", errors_repeat_text=True, has_time_unit=False)  # /healthz
KNOWN: Final = (V1, V3, SAPI, SIMULATION)
