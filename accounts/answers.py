"""What private endpoints answer that has no Struct, for whoever reads /openapi.json; a test compares them with answers.

The fact a newcomer would get wrong: these types say nothing to the code that writes the answers. Names are Binance's.
"""

from typing import Any, Literal, NotRequired, TypedDict

from accounts.rendering import AcceptedView, CanceledView, PlacedView
from api.answer_schemas import DecimalText
from engine.types import StpMode
from markets.answers import Filter, RateLimit

Outcome = Literal["SUCCESS", "FAILURE", "NOT_ATTEMPTED"]


class OneRate(TypedDict):
    maker: DecimalText
    taker: DecimalText


class Rates(OneRate):
    buyer: DecimalText
    seller: DecimalText


class Discount(TypedDict):
    enabledForAccount: bool
    enabledForSymbol: bool
    discountAsset: str | None
    discount: DecimalText


class TestedOrder(TypedDict):
    """Without computeCommissionRates nothing is told."""

    standardCommissionForOrder: NotRequired[OneRate]
    specialCommissionForOrder: NotRequired[OneRate]
    taxCommissionForOrder: NotRequired[OneRate]
    discount: NotRequired[Discount]


class Commissions(TypedDict):
    symbol: str
    standardCommission: Rates
    specialCommission: Rates
    taxCommission: Rates
    discount: Discount


class Replacement(TypedDict):
    cancelResult: Outcome
    newOrderResult: Outcome
    cancelResponse: CanceledView
    newOrderResponse: PlacedView | AcceptedView


class OwnTrade(TypedDict):
    symbol: str
    id: int
    orderId: int
    orderListId: int
    price: DecimalText
    qty: DecimalText
    quoteQty: DecimalText
    commission: DecimalText
    commissionAsset: str
    time: int
    isBuyer: bool
    isMaker: bool
    isBestMatch: bool


class PreventedMatchShown(TypedDict):
    symbol: str
    preventedMatchId: int
    takerOrderId: int
    makerSymbol: str
    makerOrderId: int
    tradeGroupId: int
    selfTradePreventionMode: StpMode
    price: DecimalText
    takerPreventedQuantity: NotRequired[DecimalText]
    makerPreventedQuantity: NotRequired[DecimalText]
    transactTime: int


class Purse(TypedDict):
    asset: str
    free: DecimalText
    locked: DecimalText


class AccountInformation(TypedDict):
    makerCommission: int
    takerCommission: int
    buyerCommission: int
    sellerCommission: int
    commissionRates: Rates
    canTrade: bool
    canWithdraw: bool
    canDeposit: bool
    brokered: bool
    requireSelfTradePrevention: bool
    preventSor: bool
    updateTime: int
    accountType: str
    balances: list[Purse]
    permissions: list[str]
    uid: int
    tradeGroupId: NotRequired[int]
    accountId: NotRequired[int]  # of /api/v1, as is the next
    userId: NotRequired[str]


class CountedLimit(RateLimit):
    count: int


class Filters(TypedDict):
    exchangeFilters: list[Filter]
    symbolFilters: list[Filter]
    assetFilters: list[Filter]


class Amendment(TypedDict):
    symbol: str
    orderId: int
    executionId: int
    origClientOrderId: str
    newClientOrderId: str
    origQty: DecimalText
    newQty: DecimalText
    time: int


class MoneyMoved(TypedDict):
    status: str
    tranId: int
    asset: str
    amount: DecimalText


class SystemStatus(TypedDict):
    status: int
    msg: str


class TradeFee(TypedDict):
    symbol: str
    makerCommission: DecimalText
    takerCommission: DecimalText


class Coin(TypedDict):
    coin: str
    depositAllEnable: bool
    withdrawAllEnable: bool
    name: str
    free: DecimalText
    locked: DecimalText
    freeze: DecimalText
    withdrawing: DecimalText
    ipoing: DecimalText
    ipoable: DecimalText
    storage: DecimalText
    isLegalMoney: bool
    trading: bool
    networkList: list[dict[str, Any]]
