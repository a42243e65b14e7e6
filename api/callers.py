"""Who asks, and what an API key may do."""

from enum import StrEnum

import msgspec

from api.dialects import Dialect


class Permission(StrEnum):
    """What an endpoint demands of the key; the letters stand in KeyRecord.permissions."""

    READ = "R"
    TRADE = "T"
    WITHDRAW = "W"


class Caller(msgspec.Struct, frozen=True):
    """The dialect a request came in, and whose key it carried; account 0 where none was asked for."""

    dialect: Dialect
    account: int = 0
    user_name: str = ""
    key_digest: str = ""
