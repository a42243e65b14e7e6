"""`MockExchange`: a whole exchange for one program, run on ports of its own and driven over HTTP.

    with MockExchange() as exchange:
        exchange.register_symbol("BTCUSDT", "BTC", "USDT")
        api_key = exchange.create_user("alice")
        exchange.deposit("alice", "USDT", "50000")

It is the real application (web worker, Redis, archiver), so a strategy speaks REST and WebSocket with it as it would
with any exchange. Amounts that come back are decimal text. The fact a newcomer would get wrong: a refusal is a return
value (None or False; `last_refusal` says why), an exchange that does not answer is an exception.

With `data_dir` the state outlives `stop`; management commands work on it with EXCHANGE_DATA_DIR set to the directory
and EXCHANGE_VENUE to the name in its file `venue`.
"""

import atexit
import os
import threading
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from qte.amounts import Amount, amount_text, decimal_of, plain
from qte.errors import ExchangeUnavailable, Refused
from qte.positions import Position
from qte.process import Address, ExchangeProcess

TRADES_PER_PAGE = 1000
_RULES = {
    "tick_size": "tickSize",
    "lot_size": "lotSize",
    "min_price": "minPrice",
    "max_price": "maxPrice",
    "min_quantity": "minQuantity",
    "max_quantity": "maxQuantity",
    "min_market_quantity": "minMarketQuantity",
    "max_market_quantity": "maxMarketQuantity",
    "min_notional": "minNotional",
    "maker_fee": "makerFee",
    "taker_fee": "takerFee",
    "buyer_fee": "buyerFee",
    "seller_fee": "sellerFee",
    "special_maker_fee": "specialMakerFee",
    "special_taker_fee": "specialTakerFee",
    "special_buyer_fee": "specialBuyerFee",
    "special_seller_fee": "specialSellerFee",
    "tax_maker_fee": "taxMakerFee",
    "tax_taker_fee": "taxTakerFee",
    "tax_buyer_fee": "taxBuyerFee",
    "tax_seller_fee": "taxSellerFee",
    "discount": "discount",
    "max_iceberg_parts": "maxIcebergParts",
    "min_trailing_above": "minTrailingAbove",
    "max_trailing_above": "maxTrailingAbove",
    "min_trailing_below": "minTrailingBelow",
    "max_trailing_below": "maxTrailingBelow",
    "max_orders": "maxOrders",
    "max_algo_orders": "maxAlgoOrders",
    "max_iceberg_orders": "maxIcebergOrders",
    "max_order_lists": "maxOrderLists",
    "max_order_amends": "maxOrderAmends",
    "max_position": "maxPosition",
    "price_up": "priceUp",
    "price_down": "priceDown",
    "bid_price_up": "bidPriceUp",
    "bid_price_down": "bidPriceDown",
    "ask_price_up": "askPriceUp",
    "ask_price_down": "askPriceDown",
    "halt_percent": "haltPercent",
    "halt_seconds": "haltSeconds",
    "price_time_percent": "priceTimePercent",
    "range_bid_up": "rangeBidUp",
    "range_bid_down": "rangeBidDown",
    "range_ask_up": "rangeAskUp",
    "range_ask_down": "rangeAskDown",
    "reference_bucket_ms": "referenceBucketMs",
    "reference_buckets": "referenceBuckets",
    "reference_external_id": "referenceExternalId",
}
_WORD_RULES = {
    "order_types": "orderTypes", "default_stp": "defaultStp", "allowed_stp": "allowedStp",
    "not_offered": "notOffered", "matching_rule": "matchingRule", "discount_asset": "discountAsset",
}  # fmt: skip

_running: "list[MockExchange]" = []


def running_exchanges() -> "list[MockExchange]":
    """The exchanges that this program has started and not stopped, oldest first."""
    return [exchange for exchange in _running if exchange.is_running]


@dataclass(frozen=True)
class ApiKey:
    """A key and its secret for signed calls. The secret is left out of repr: reprs end up in logs."""

    api_key: str
    secret: str = field(repr=False)


class MockExchange:
    """One exchange on `rest_port` (REST) and `ws_port` (WebSocket); either port serves both. 0 chooses a free port.

    All methods but `start` raise ExchangeUnavailable when the exchange is not running or does not answer. They may be
    called from several threads.
    """

    def __init__(
        self,
        rest_host: str = "localhost",
        rest_port: int = 5000,
        ws_host: str = "localhost",
        ws_port: int = 8765,
        data_dir: str | Path | None = None,
    ) -> None:
        self._process = ExchangeProcess(
            Address(rest_host, rest_port, "rest_port"),
            Address(ws_host, ws_port, "ws_port"),
            None if data_dir is None else Path(data_dir),
        )
        self.last_refusal: Refused | None = None
        self._forget_users()
        self._owner_pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has neither been stopped nor died."""
        return self._owner_pid == os.getpid() and self._process.is_running

    @property
    def rest_url(self) -> str:
        """Where REST answers: `http://localhost:5000`."""
        return self._process.rest.url("http")

    @property
    def ws_url(self) -> str:
        """Where the WebSocket answers: `ws://localhost:8765`."""
        return self._process.ws.url("ws")

    @property
    def venue(self) -> str:
        """The name of its market, its own for every data directory; empty before the first start."""
        return self._process.venue

    @property
    def data_dir(self) -> Path:
        """Where it keeps its state and its log (exchange.log)."""
        return self._process.data_dir

    def start(self) -> bool:
        """True once both ports answer. Raises ExchangeStartError (a RuntimeError): a port is taken, no server ..."""
        if self.is_running:
            return True
        self._process.start()
        self._owner_pid = os.getpid()
        if self not in _running:
            _running.append(self)
        return True

    def stop(self) -> bool:
        """End the exchange and free its ports; its data goes too unless `data_dir` was given. True."""
        if self._owner_pid == os.getpid():  # a fork of the program holds a copy of this object, not the exchange
            self._process.stop()
            self._owner_pid = 0
        if self in _running:
            _running.remove(self)
        self._forget_users()
        return True

    def register_symbol(self, symbol: str, base_asset: str, quote_asset: str, **rules: Any) -> bool:
        """Add a market; False when the symbol exists already, whatever its rules.

        `rules`: tick_size, lot_size, min_price, max_price, min_quantity, max_quantity, min_market_quantity,
        max_market_quantity, min_notional, maker_fee, taker_fee, buyer_fee, seller_fee, the same four with special_ and
        tax_ in front, discount, max_iceberg_parts, min_trailing_above, max_trailing_above, min_trailing_below,
        max_trailing_below (amounts), default_stp, discount_asset (words), order_types, allowed_stp, not_offered (words
        separated by commas); what is left out suits BTCUSDT. Raises Refused (a ValueError) for rules or names that
        cannot be.
        """
        known = _RULES | _WORD_RULES
        if unknown := rules.keys() - known:
            raise TypeError(f"register_symbol() knows no rule {min(unknown)!r}; rules are {', '.join(known)}")
        texts = {
            known[name]: str(value) if name in _WORD_RULES else _sent(value, name)
            for name, value in rules.items()
            if value is not None
        }
        given = {"symbol": symbol, "base": base_asset, "quote": quote_asset, **texts}
        return bool(self.sim("POST", "symbols", **given)["created"])

    def create_user(self, user_id: str, name: str | None = None) -> str:
        """A user, if there is none of that id yet, and a new API key. Raises Refused for an id that cannot be."""
        created = self.sim("POST", "users", name=user_id, displayName=name)
        self._keys[user_id] = created["apiKey"]
        return str(created["apiKey"])

    def create_api_key(self, user_id: str) -> ApiKey:
        """One more key for a user, with its secret. Raises Refused for an unknown user."""
        created = self.sim("POST", "keys", user=user_id)
        return ApiKey(api_key=created["apiKey"], secret=created["secret"])

    def deposit(self, user_id: str, asset: str, amount: Amount) -> bool:
        """Money in. False for an unknown user or asset, or a bad amount."""
        return self._transfer("credit", user_id, asset, amount)

    def withdraw(self, user_id: str, asset: str, amount: Amount) -> bool:
        """Money out. False too when the user does not have so much free."""
        return self._transfer("debit", user_id, asset, amount)

    def place_order(
        self,
        user_id: str,
        symbol: str,
        side: str,
        order_type: str,
        quantity: Amount,
        price: Amount | None = None,
        client_order_id: str | None = None,
    ) -> dict[str, Any] | None:
        """The order as it stands after matching, None if refused.

        {order_id, client_order_id, symbol, side, type, price, quantity, filled_quantity, remaining_quantity, status,
        trades: [{trade_id, price, quantity, time}]}, trades in the order of matching, `time` in ms.
        """
        try:
            order = {
                "symbol": symbol,
                "side": side,
                "type": order_type,
                "quantity": _sent(quantity, "quantity"),
                "price": None if price is None else _sent(price, "price"),
                "newClientOrderId": client_order_id,
            }
            return _order_shown(self._as_user(user_id, "POST", "order", **order))
        except Refused as refusal:
            self.last_refusal = refusal
            return None

    def cancel_order(self, user_id: str, symbol: str, order_id: int) -> bool:
        """True when an open order of this user was cancelled."""
        try:
            self._as_user(user_id, "DELETE", "order", symbol=symbol, orderId=order_id)
        except Refused as refusal:
            self.last_refusal = refusal
            return False
        return True

    def get_order_book(self, symbol: str, depth: int = 10) -> dict[str, Any] | None:
        """{symbol, bids, asks, timestamp}: [[price, quantity]], best first; `timestamp` in ms. None: unknown symbol."""
        try:
            book = self._call("GET", "/api/v1/depth", {"symbol": symbol, "limit": depth})
        except Refused as refusal:
            self.last_refusal = refusal
            return None
        now_ms = self._call("GET", "/api/v1/time")["serverTime"]
        return {"symbol": symbol, "bids": book["bids"], "asks": book["asks"], "timestamp": now_ms}

    def get_account(self, user_id: str) -> dict[str, Any] | None:
        """{userId, name, balances {asset: {free, locked, total}}, positions {symbol: {amount, avg_price}}}, or None.

        Positions are folded from the user's own trades by the average cost method; flat ones are left out.
        """
        try:
            balances = self._as_user(user_id, "GET", "account")["balances"]
            positions = {symbol: self._position(user_id, symbol) for symbol in self._symbols()}
            (user,) = self.sim("GET", "users", name=user_id)["users"]
        except Refused as refusal:
            self.last_refusal = refusal
            return None
        return {
            "userId": user_id,
            "name": user["displayName"],
            "balances": {balance["asset"]: _balance_shown(balance) for balance in balances},
            "positions": {symbol: position.shown() for symbol, position in positions.items() if position.amount},
        }

    def sim(self, method: str, resource: str, **parameters: Any) -> Any:
        """Ask `/_sim/<resource>`, what a test may do to the exchange and no trader can. Raises Refused."""
        return self._call(method, f"/_sim/{resource}", parameters, {"X-Sim-Token": self._token()})

    def _token(self) -> str:
        if not self.is_running:
            raise ExchangeUnavailable("the exchange is not running: call start() first")
        return self._process.sim_token

    def _call(
        self, method: str, path: str, parameters: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        if not self.is_running:
            raise ExchangeUnavailable("the exchange is not running: call start() first")
        return self._process.client.call(method, path, parameters=parameters, headers=headers)

    def _as_user(self, user_id: str, method: str, resource: str, **parameters: Any) -> Any:
        """Ask /api/v1 as this user. Raises Refused, also for an unknown user."""
        key = self._keys.get(user_id)
        if key is None:  # a user of an earlier run, or made by somebody else
            key = self._keys[user_id] = self.create_api_key(user_id).api_key
        return self._call(method, f"/api/v1/{resource}", parameters, {"X-API-KEY": key})

    def _transfer(self, direction: str, user_id: str, asset: str, amount: Amount) -> bool:
        try:
            self.sim("POST", direction, user=user_id, asset=asset, amount=_sent(amount, "amount"))
        except Refused as refusal:
            self.last_refusal = refusal
            return False
        return True

    def _symbols(self) -> list[str]:
        return [row["symbol"] for row in self.sim("GET", "symbols")["symbols"]]

    def _position(self, user_id: str, symbol: str) -> Position:
        """Brought up to date with the user's trades since the last call."""
        with self._positions_lock:
            position = self._positions.setdefault((user_id, symbol), Position())
            is_last = False
            while not is_last:
                page = self._as_user(
                    user_id, "GET", "myTrades", symbol=symbol, fromId=position.newest_trade_id, limit=TRADES_PER_PAGE
                )
                position.fold(page)
                is_last = len(page) < TRADES_PER_PAGE
            return position

    def _forget_users(self) -> None:
        self._keys: dict[str, str] = {}
        self._positions: dict[tuple[str, str], Position] = {}
        self._positions_lock = threading.Lock()


def _sent(amount: object, name: str) -> str:
    text = amount_text(amount)
    if text is None:
        raise Refused(400, -1102, f"{name}: {amount!r} is not an amount")
    return text


def _order_shown(order: dict[str, Any]) -> dict[str, Any]:
    quantity, filled = decimal_of(order["origQty"]), decimal_of(order["executedQty"])
    return {
        "order_id": order["orderId"],
        "client_order_id": order["clientOrderId"],
        "symbol": order["symbol"],
        "side": order["side"],
        "type": order["type"],
        "price": order["price"],
        "quantity": order["origQty"],
        "filled_quantity": order["executedQty"],
        "remaining_quantity": plain(quantity - filled),
        "status": order["status"],
        "trades": [
            {
                "trade_id": fill["tradeId"],
                "price": fill["price"],
                "quantity": fill["qty"],
                "time": order["transactTime"],
            }
            for fill in order["fills"]
        ],
    }


def _balance_shown(balance: dict[str, str]) -> dict[str, str]:
    total: Decimal = decimal_of(balance["free"]) + decimal_of(balance["locked"])
    return {"free": balance["free"], "locked": balance["locked"], "total": plain(total)}


@atexit.register
def _stop_all() -> None:
    for exchange in list(_running):
        exchange.stop()
