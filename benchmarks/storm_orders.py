"""What the storm sends: random requests of every kind, many of them wrong, from a seed.

The fact a newcomer would get wrong: nobody here knows what will be answered. A request is right when whatever it is
answered keeps the books right; only an answer of 500 or above is wrong by itself.
"""

import json
import random
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

# Symbols that share assets, with the price their orders are scattered around.
MARKETS: Final = (
    ("BTCUSDT", "BTC", "USDT", Decimal(60_000)),
    ("ETHUSDT", "ETH", "USDT", Decimal(3_000)),
    ("ETHBTC", "ETH", "BTC", Decimal("0.05")),
    ("BNBUSDT", "BNB", "USDT", Decimal(600)),
    ("BNBBTC", "BNB", "BTC", Decimal("0.01")),
    ("BNBETH", "BNB", "ETH", Decimal("0.2")),
)
TICKS: Final = {"USDT": "0.01", "BTC": "0.000001", "ETH": "0.0001"}  # by quote asset
LOTS: Final = {"BTC": "0.00001", "ETH": "0.0001", "BNB": "0.001"}  # by base asset
LEAST: Final = {"USDT": "1", "BTC": "0.00001", "ETH": "0.0005"}  # minNotional by quote asset
PURSE: Final = {"USDT": "600", "BTC": "0.01", "ETH": "0.2", "BNB": "1"}  # what a user begins with
SHARES: Final = (0.02, 0.05, 0.1, 0.3, 1.5)  # of a purse that an order is about; the last is too much
TYPES: Final = (
    "LIMIT", "LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)  # fmt: skip
MODES: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
GARBAGE: Final = (
    "", "0", "-1", "1e400", "nan", "9" * 30, "0.000000001", "NaN", "null", " 5", "0x10", "\N{SNOWMAN}", "'; --", "[]",
)  # fmt: skip
REMEMBERED: Final = 200  # orders of a user that may still be open


class Request(NamedTuple):
    """One request, whoever sends it."""

    method: str
    path: str
    body: bytes
    user: int


class Symbol(NamedTuple):
    name: str
    base: str
    quote: str
    price: Decimal

    @property
    def tick(self) -> Decimal:
        return Decimal(TICKS[self.quote])

    @property
    def lot(self) -> Decimal:
        return Decimal(LOTS[self.base])


class Storm:
    """Requests of one client. `offers` are paths that the exchange has, beside those that it always has."""

    def __init__(self, seed: str, symbols: list[Symbol], users: int, offers: frozenset[str]) -> None:
        self._dice = random.Random(seed)
        self._symbols = symbols
        self._users = users
        self._placed: dict[int, deque[tuple[str, int]]] = {user: deque(maxlen=REMEMBERED) for user in range(users)}
        self._names = 0
        self._seed = seed
        kinds: list[tuple[Callable[[int], Request], int]] = [
            (self._order, 60), (self._cancel, 14), (self._cancel_all, 2), (self._amend, 4), (self._transfer, 8),
            (self._look, 4), (self._garbage, 8),
        ]  # fmt: skip
        if "/order/cancelReplace" in offers:
            kinds.append((self._replace, 8))
        if "/orderList/oco" in offers:
            kinds.append((self._pair, 8))
        self._kinds = [kind for kind, _ in kinds]
        self._weights = [weight for _, weight in kinds]

    def next(self) -> Request:
        """One more request of a random user."""
        (kind,) = self._dice.choices(self._kinds, self._weights)
        return kind(self._dice.randrange(self._users))

    def remember(self, user: int, answer: Any) -> None:
        """Notes the order that an answer tells of, for later cancels."""
        if isinstance(answer, dict) and isinstance(answer.get("orderId"), int):
            self._placed[user].append((str(answer.get("symbol")), answer["orderId"]))

    def _request(self, method: str, path: str, user: int, parameters: dict[str, Any]) -> Request:
        if method in ("GET", "DELETE"):
            return Request(method, f"/api/v1{path}?{urlencode(parameters)}", b"", user)
        return Request(method, f"/api/v1{path}", json.dumps(parameters).encode(), user)

    def _name(self) -> str:
        self._names += 1
        return f"{self._seed}-{self._names}".replace("/", "-")[-36:]

    def _price(self, symbol: Symbol, spread: int = 20) -> Decimal:
        """About the symbol's price, in steps that others meet too."""
        step = max(symbol.price / 1_000, symbol.tick).quantize(symbol.tick)
        return symbol.price + step * self._dice.randint(-spread, spread)

    def _quantity(self, symbol: Symbol) -> Decimal:
        lots = Decimal(PURSE[symbol.base]) * Decimal(self._dice.choice(SHARES)) // symbol.lot
        return max(lots, Decimal(1)) * symbol.lot

    def _new_order(self, symbol: Symbol) -> dict[str, Any]:
        dice, kind = self._dice, self._dice.choice(TYPES)
        order: dict[str, Any] = {
            "symbol": symbol.name, "side": dice.choice(("BUY", "SELL")), "type": kind,
            "quantity": f"{self._quantity(symbol):f}",
        }  # fmt: skip
        if kind in ("LIMIT", "LIMIT_MAKER") or kind.endswith("_LIMIT"):
            order["price"] = f"{self._price(symbol):f}"
        if kind == "LIMIT":
            order["timeInForce"] = dice.choice(("GTC", "GTC", "GTC", "IOC", "FOK"))
        if kind == "MARKET" and dice.random() < 0.5:
            del order["quantity"]
            amount = Decimal(PURSE[symbol.quote]) * Decimal(str(dice.choice(SHARES)))
            order["quoteOrderQty"] = f"{amount.quantize(Decimal(LEAST[symbol.quote])):f}"
        if kind.startswith(("STOP", "TAKE")):
            self._add_trigger(order, symbol)
        elif "price" in order and order.get("timeInForce", "GTC") == "GTC" and dice.random() < 0.15:
            order["icebergQty"] = f"{max(Decimal(order['quantity']) // 4 // symbol.lot, Decimal(1)) * symbol.lot:f}"
        if dice.random() < 0.4:
            order["selfTradePreventionMode"] = dice.choice(MODES)
        if dice.random() < 0.3:
            order["newClientOrderId"] = self._name() if dice.random() < 0.8 else "again"
        return order

    def _add_trigger(self, order: dict[str, Any], symbol: Symbol) -> None:
        chance = self._dice.random()
        if chance < 0.7:
            order["stopPrice"] = f"{self._price(symbol, 30):f}"
        if chance > 0.5:
            order["trailingDelta"] = self._dice.randint(10, 200)

    def _order(self, user: int) -> Request:
        return self._request("POST", "/order", user, self._new_order(self._dice.choice(self._symbols)))

    def _some_order(self, user: int) -> tuple[str, int]:
        """Mostly one of the user's own, sometimes anybody's."""
        if self._dice.random() < 0.1:
            user = self._dice.randrange(self._users)
        placed = self._placed[user]
        if not placed:
            return self._dice.choice(self._symbols).name, self._dice.randint(1, 1_000)
        at = self._dice.randrange(len(placed))
        return placed[at]

    def _cancel(self, user: int) -> Request:
        symbol, order_id = self._some_order(user)
        return self._request("DELETE", "/order", user, {"symbol": symbol, "orderId": order_id})

    def _cancel_all(self, user: int) -> Request:
        return self._request("DELETE", "/openOrders", user, {"symbol": self._dice.choice(self._symbols).name})

    def _amend(self, user: int) -> Request:
        name, order_id = self._some_order(user)
        symbol = next((each for each in self._symbols if each.name == name), self._symbols[0])
        quantity = f"{self._quantity(symbol):f}"
        wanted = {"symbol": name, "orderId": order_id, "newQty": quantity}
        return self._request("PUT", "/order/amend/keepPriority", user, wanted)

    def _replace(self, user: int) -> Request:
        name, order_id = self._some_order(user)
        symbol = next((each for each in self._symbols if each.name == name), self._symbols[0])
        mode = self._dice.choice(("STOP_ON_FAILURE", "ALLOW_FAILURE"))
        wanted = {**self._new_order(symbol), "cancelReplaceMode": mode, "cancelOrderId": order_id}
        return self._request("POST", "/order/cancelReplace", user, wanted)

    def _pair(self, user: int) -> Request:
        """A one-cancels-the-other pair around the price."""
        symbol = self._dice.choice(self._symbols)
        step = max(symbol.price / 1_000, symbol.tick).quantize(symbol.tick)
        above = symbol.price + step * self._dice.randint(1, 25)
        below = symbol.price - step * self._dice.randint(1, 25)
        side = self._dice.choice(("BUY", "SELL"))
        limit, stop = ("above", "below") if side == "SELL" else ("below", "above")
        prices = {"above": above, "below": below}
        wanted = {
            "symbol": symbol.name, "side": side, "quantity": f"{self._quantity(symbol):f}",
            f"{limit}Type": "LIMIT_MAKER", f"{limit}Price": f"{prices[limit]:f}",
            f"{stop}Type": "STOP_LOSS", f"{stop}StopPrice": f"{prices[stop]:f}",
        }  # fmt: skip
        return self._request("POST", "/orderList/oco", user, wanted)

    def _transfer(self, user: int) -> Request:
        asset = self._dice.choice(sorted({part for each in self._symbols for part in (each.base, each.quote)}))
        amount = Decimal(PURSE[asset]) * Decimal(str(self._dice.choice(SHARES)))
        path = self._dice.choice(("/deposit", "/withdraw"))
        return self._request("POST", path, user, {"asset": asset, "amount": f"{amount:.8f}"})

    def _look(self, user: int) -> Request:
        path = self._dice.choice(("/account", "/openOrders", "/depth", "/order"))
        name, order_id = self._some_order(user)
        wanted: dict[str, Any] = {} if path == "/account" else {"symbol": name}
        if path == "/order":
            wanted["orderId"] = order_id
        return self._request("GET", path, user, wanted)

    def _garbage(self, user: int) -> Request:
        """A request with something wrong in it."""
        dice, good = self._dice, self._order(user)
        if dice.random() < 0.2:
            return good._replace(path=dice.choice(("/api/v1/nothing", "/api/v1/order/x", "/api/v1/time?a=1&a=2")))
        if dice.random() < 0.2:
            return good._replace(body=good.body[: dice.randrange(len(good.body))])
        order = json.loads(good.body)
        order[dice.choice([*order, "stopPrice", "icebergQty", "trailingDelta", "unknown"])] = dice.choice(GARBAGE)
        if dice.random() < 0.3:
            del order[dice.choice(list(order))]
        return good._replace(body=json.dumps(order).encode())
