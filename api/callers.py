"""Who asks, what an API key may do, and what of a request says so."""

from enum import StrEnum

import msgspec

from api.dialects import Dialect
from engine.commands import credential_of
from engine.rate_limits import Charge
from engine.unsaid import Unsaid


class Permission(StrEnum):
    """What an endpoint demands of the key; the letters stand in KeyRecord.permissions."""

    READ = "R"
    TRADE = "T"
    WITHDRAW = "W"


class Caller(msgspec.Struct, frozen=True):
    """The dialect a request came in, and whose key it carried; account 0 where none was asked for.

    `until_us`: the last moment at which a signed request may be executed, by the venue's clock. `charge`: what a
    placement of this request counts as.
    """

    dialect: Dialect
    account: int = 0
    user_name: str = ""
    key_digest: str = ""
    until_us: int | None = None
    charge: Charge | None = None

    @property
    def credential(self) -> str:
        """What commands of this caller carry."""
        return credential_of(self.key_digest, self.until_us)


class RawRequest(Unsaid, msgspec.Struct, frozen=True):
    """What authentication looks at. A signature covers `query` and `body` as they were received.

    `address` is that of the peer, whatever headers say of others; empty where there is none (a Unix socket).
    """

    headers: dict[bytes, bytes]
    query: bytes
    body: bytes
    texts: dict[str, str]
    address: str
