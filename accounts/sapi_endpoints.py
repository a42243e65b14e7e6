"""What spot clients ask of /sapi/v1 while they start, and of the futures' addresses: little, and mostly nothing.

Source: the requests of widely used clients. The fact a newcomer would get wrong: these are no features. A client that
loads its markets gives up when one of them is a 404, so each answers what an account without margin, loans and futures
would be told.
"""

from typing import Any, Final

import msgspec

from accounts import answers
from accounts.commissions import commission_of
from api.callers import Caller, Permission
from api.dialects import BARE, SAPI
from api.router import EndpointTable, Nothing
from api.runtime import Runtime
from engine.queries import Balance
from markets import answers as public_answers
from markets.endpoints import OfSymbols, specs_of
from markets.rendering import atoms_text, units_text

ENDPOINTS: Final = EndpointTable(SAPI)
FUTURES: Final = EndpointTable(BARE)

ZERO: Final = units_text(0)


class TradeFeeRequest(msgspec.Struct, kw_only=True):
    symbol: str | None = None


@ENDPOINTS.endpoint("GET", "/system/status", answer=answers.SystemStatus, needs_venue=False)
async def system_status(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Whether the exchange is being maintained."""
    return {"status": 0, "msg": "normal"}


@ENDPOINTS.endpoint("GET", "/capital/config/getall", answer=list[answers.Coin], permission=Permission.READ, weight=10)
async def get_coins(request: Nothing, caller: Caller, runtime: Runtime) -> list[dict[str, Any]]:
    """Every asset with what the account has of it, on a network of its own name."""
    decimals = await runtime.venue.registry.assets()
    balances = await runtime.venue.queries.balances(caller.account, decimals)
    return [_coin_view(balance, decimals[balance.asset]) for balance in balances]


@ENDPOINTS.endpoint("GET", "/asset/tradeFee", answer=list[answers.TradeFee], permission=Permission.READ)
async def get_trade_fees(request: TradeFeeRequest, caller: Caller, runtime: Runtime) -> list[dict[str, str]]:
    """The standard fees of the account, of a symbol or of all."""
    fees = [
        await commission_of(runtime.venue.registry, caller.account, spec)
        for spec in await specs_of(runtime, OfSymbols(symbol=request.symbol))
    ]
    return [
        {
            "symbol": fee.spec.symbol,
            "makerCommission": units_text(fee.rates["standard_maker"]),
            "takerCommission": units_text(fee.rates["standard_taker"]),
        }
        for fee in fees
    ]


@ENDPOINTS.endpoint("GET", "/margin/allPairs", permission=Permission.READ, key_is_enough=True)
async def get_margin_pairs(request: Nothing, caller: Caller, runtime: Runtime) -> list[Any]:
    """Nothing can be traded on margin."""
    return []


@ENDPOINTS.endpoint("GET", "/margin/isolated/allPairs", permission=Permission.READ, key_is_enough=True, weight=10)
async def get_isolated_pairs(request: Nothing, caller: Caller, runtime: Runtime) -> list[Any]:
    """Nothing can be traded on isolated margin either."""
    return []


@ENDPOINTS.endpoint("GET", "/spot/delist-schedule", permission=Permission.READ, key_is_enough=True, weight=100)
async def get_delistings(request: Nothing, caller: Caller, runtime: Runtime) -> list[Any]:
    """No symbol is about to go."""
    return []


@FUTURES.endpoint("GET", "/fapi/v1/exchangeInfo", answer=public_answers.Nowhere, needs_venue=False)
async def get_futures(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, list[Any]]:
    """There are no futures: for clients that load every market they know of."""
    return {"symbols": []}


@FUTURES.endpoint("GET", "/dapi/v1/exchangeInfo", answer=public_answers.Nowhere, needs_venue=False)
async def get_coin_futures(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, list[Any]]:
    """Nor are there any with coins for margin."""
    return {"symbols": []}


def _coin_view(balance: Balance, decimals: int) -> dict[str, Any]:
    return {
        "coin": balance.asset,
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "name": balance.asset,
        "free": atoms_text(balance.free_atoms, decimals),
        "locked": atoms_text(balance.locked_atoms, decimals),
        "freeze": ZERO,
        "withdrawing": ZERO,
        "ipoing": ZERO,
        "ipoable": ZERO,
        "storage": ZERO,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [_network_view(balance.asset)],
    }


def _network_view(asset: str) -> dict[str, Any]:
    return {
        "network": asset,
        "coin": asset,
        "name": asset,
        "isDefault": True,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "specialWithdrawTips": "",
        "resetAddressStatus": False,
        "addressRegex": "",
        "memoRegex": "",
        "withdrawFee": ZERO,
        "withdrawMin": ZERO,
        "withdrawMax": "9999999999.99999999",
        "withdrawInternalMin": ZERO,
        "withdrawIntegerMultiple": "0.00000001",
        "depositDust": ZERO,
        "minConfirm": 1,
        "unLockConfirm": 0,
        "sameAddress": False,
        "estimatedArrivalTime": 0,
        "busy": False,
        "contractAddressUrl": "",
        "contractAddress": "",
    }
