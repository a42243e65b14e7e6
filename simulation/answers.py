"""What /_sim answers, for whoever reads /openapi.json; a test compares them with what is answered."""

from typing import NotRequired, TypedDict

from api.answer_schemas import DecimalText
from markets.answers import RateLimit


class ClockShown(TypedDict):
    mode: str
    nowMs: int
    epoch: int
    seq: int


class Information(TypedDict):
    venue: str
    version: str
    clock: ClockShown


class UserChanged(TypedDict):
    name: str
    displayName: str
    account: int
    tradeGroup: int
    maxOrder: str
    maxDaily: str
    maxPosition: str
    maxOpenOrders: str
    killed: bool
    disabled: bool


class UserShown(UserChanged):
    keys: int


class UsersShown(TypedDict):
    users: list[UserShown]


class NewKey(TypedDict):
    name: str
    account: int
    apiKey: str
    secret: NotRequired[str]  # not of a key of the user's own making


class KeyShown(TypedDict):
    user: str
    prefix: str
    label: str
    kind: str
    permissions: str
    addresses: str
    requiresSignature: bool
    disabled: bool
    revoked: bool


class KeysShown(TypedDict):
    keys: list[KeyShown]


class MoneyShown(TypedDict):
    user: str
    asset: str
    tranId: int
    free: DecimalText
    locked: DecimalText


class FaultShown(TypedDict):
    left: int
    code: NotRequired[int]
    request: NotRequired[str]
    executed: NotRequired[bool]


class FeesShown(TypedDict):
    """Rates as texts; "" where nothing was set."""

    user: str
    symbol: str
    makerFee: str
    takerFee: str
    buyerFee: str
    sellerFee: str
    specialMakerFee: str
    specialTakerFee: str
    specialBuyerFee: str
    specialSellerFee: str
    taxMakerFee: str
    taxTakerFee: str
    taxBuyerFee: str
    taxSellerFee: str
    usesDiscount: bool | None


class AllFees(TypedDict):
    fees: list[FeesShown]


class ConversionShown(TypedDict):
    discountAsset: str
    asset: str
    price: DecimalText


class AllConversions(TypedDict):
    conversions: list[ConversionShown]


class LimitsShown(TypedDict):
    """Without limits nothing but that is told."""

    enabled: bool
    rateLimits: NotRequired[list[RateLimit]]
    fillAsTaker: NotRequired[int]
    fillAsMaker: NotRequired[int]
    refusalsBeforeBan: NotRequired[int]
    firstBanSeconds: NotRequired[int]
    longestBanSeconds: NotRequired[int]


Rules = dict[str, str]  # by the names that POST /_sim/symbols takes, "" for none


class AllRules(TypedDict):
    symbols: list[Rules]


class AuctionShown(TypedDict):
    symbol: str
    status: str
    price: DecimalText | None
    volume: DecimalText
    bidVolume: DecimalText
    askVolume: DecimalText


class SymbolMade(TypedDict):
    symbol: str
    created: bool


class StatusSet(TypedDict):
    symbol: str
    status: str


class SignaturesShown(TypedDict):
    once: bool


class ListenKeysShown(TypedDict):
    served: bool
