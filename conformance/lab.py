"""What rules need to be tried: users with money, symbols with rules, and the ways to ask as one of them.

The fact a newcomer would get wrong: names carry a tag of this run, so that a run may be repeated on the same exchange;
`neutral` takes the tag out of what a report shows. All of it is made by /_sim, never by the exchange's own code.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from conformance.checks import WHOLE, AtLeast, Deviation, Each, Maybe
from conformance.rules import Ask, expect, told
from conformance.signing import Ed25519Signer, HmacSigner, RsaSigner, Signer, frame_payload, query_of
from conformance.transport import Answer, Socket, Wire

ROOT: Final = "/api/v3"
OTHER_ROOTS: Final = ("/api/", "/sapi/", "/fapi/", "/dapi/")
QUOTE: Final = "USDT"
MOST_ORDERS: Final = 60
RULE_MARKETS: Final = 3  # that one rule makes, at most
MONEY: Final = "10000000"
SETTLE_SECONDS: Final = 2.0
USUAL: Final = {
    "tickSize": "0.01", "lotSize": "0.0001", "minPrice": "0.01", "maxPrice": "1000000", "minQuantity": "0.0001",
    "maxQuantity": "100000", "minNotional": "0.01", "makerFee": "0", "takerFee": "0",
}  # fmt: skip
Made = TypeVar("Made")


class Unprepared(Exception):
    """The exchange could not be brought into the state that rules need; says which request failed how."""


@dataclass(frozen=True)
class Market:
    """A symbol and its assets."""

    symbol: str
    base: str
    quote: str


class User:
    """Somebody with a key, who signs what he asks."""

    def __init__(self, lab: "Lab", name: str, api_key: str, signer: Signer) -> None:
        self._lab = lab
        self.name = name
        self.api_key = api_key
        self.signer = signer
        self.orders = 0  # placed, at least

    def send(
        self, method: str, path: str, parameters: Mapping[str, Any], *, timestamp: object = None, body: bool = False
    ) -> Answer:
        """A signed request, its parameters in the query, or all of them in a form body."""
        self.orders += method == "POST"
        stamped = dict(parameters) | {"timestamp": self._lab.now_ms() if timestamp is None else timestamp}
        text = query_of(stamped)
        text += "&signature=" + query_of({"s": self.signer.sign(text)})[2:]
        return self.raw(method, path, *(("", text) if body else (text, "")))

    def raw(self, method: str, path: str, query: str = "", body: str = "", **headers: str) -> Answer:
        """Exactly this query and body, with the key and nothing else."""
        sent = {"X-MBX-APIKEY": self.api_key} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self._lab.wire.ask(method, rooted(path) + (f"?{query}" if query else ""), body=body, headers=sent)

    def get(self, path: str, **parameters: Any) -> Answer:
        """A signed GET."""
        return self.send("GET", path, parameters)

    def post(self, path: str, **parameters: Any) -> Answer:
        """A signed POST."""
        return self.send("POST", path, parameters)

    def put(self, path: str, **parameters: Any) -> Answer:
        """A signed PUT."""
        return self.send("PUT", path, parameters)

    def delete(self, path: str, **parameters: Any) -> Answer:
        """A signed DELETE."""
        return self.send("DELETE", path, parameters)

    def order(self, market: Market, side: str, kind: str, **parameters: Any) -> dict[str, Any]:
        """A new order that is accepted, as RESULT or FULL. Raises Deviation when it is refused."""
        asked = {"symbol": market.symbol, "side": side, "type": kind} | parameters
        answer = self.post("/order", **{"newOrderRespType": "FULL"} | asked)
        placed: dict[str, Any] = expect(answer, AtLeast({"orderId": WHOLE}))
        return placed

    def limit(self, market: Market, side: str, quantity: str, price: str, **parameters: Any) -> dict[str, Any]:
        """A LIMIT order, GTC unless it is said otherwise."""
        terms = {"timeInForce": "GTC", "quantity": quantity, "price": price}
        return self.order(market, side, "LIMIT", **terms | parameters)

    def found(self, market: Market, order_id: int) -> dict[str, Any]:
        """What GET order says. Raises Deviation."""
        row: dict[str, Any] = accepted(self.get("/order", symbol=market.symbol, orderId=order_id))
        return row

    def balance(self, asset: str) -> tuple[str, str]:
        """Free and locked. Raises Deviation."""
        for row in accepted(self.get("/account"))["balances"]:
            if row["asset"] == asset:
                return row["free"], row["locked"]
        return "0.00000000", "0.00000000"

    def framed(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A signed request of the WebSocket API, without its id."""
        stamped = {"apiKey": self.api_key, "timestamp": self._lab.now_ms()} | parameters
        return {"method": method, "params": stamped | {"signature": self.signer.sign(frame_payload(stamped))}}


class Lab:
    """One area's users and symbols. `wire` leads to the exchange, `sim_token` opens /_sim."""

    def __init__(self, wire: Wire, sim_token: str, tag: str) -> None:
        self.wire = wire
        self._sim_token = sim_token
        self._tag = tag
        self._numbers = itertools.count(1)
        self._made: dict[str, Any] = {}
        self._bases: list[str] = []  # of markets that are kept
        self._fresh: deque[str] = deque(maxlen=RULE_MARKETS)

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` made when it was first asked for under this name; a failure is remembered too."""
        if name not in self._made:
            try:
                self._made[name] = make()
            except Deviation as error:
                self._made[name] = error
        made = self._made[name]
        if isinstance(made, Deviation):
            raise made
        return made  # type: ignore[no-any-return]

    def now_ms(self) -> int:
        """The machine's time: the exchange's clock follows it."""
        return time.time_ns() // 1_000_000

    def sim(self, method: str, resource: str, **parameters: Any) -> Any:
        """Ask /_sim. Raises Unprepared when it refuses."""
        query = query_of(parameters)
        target = f"/_sim/{resource}?{query}" if query else f"/_sim/{resource}"
        answer = self.wire.ask(method, target, headers={"X-Sim-Token": self._sim_token}, judged=False)
        if answer.status != 200:
            raise Unprepared(f"{method} /_sim/{resource} was refused with {told(answer)}")
        return answer.body

    def begin_rule(self) -> None:
        """Let go of users who have placed many orders: how many an account may place in ten seconds is limited."""
        busy = [name for name, made in self._made.items() if isinstance(made, User) and made.orders > MOST_ORDERS]
        for name in busy:
            del self._made[name]

    def market(self, **rules: Any) -> Market:
        """The area's symbol; with rules, one of its own that has them."""
        return self.once(f"market {sorted(rules.items())}", lambda: self._kept_market(rules))

    def _kept_market(self, rules: Mapping[str, Any]) -> Market:
        market = self.fresh_market(**rules)
        self._bases.append(market.base)
        return market

    def asset(self, name: str) -> str:
        """An asset of the area's own, such as one to pay fees in; a market of it stands behind it."""
        symbol: Market = self.once(f"asset {name}", lambda: self._new_market(self._tag + name, QUOTE, {}))
        return symbol.base

    def fresh_market(self, **rules: Any) -> Market:
        """A symbol that nobody has traded; every user made so far has money for it."""
        return self._new_market(f"{self._tag}{next(self._numbers)}", rules.pop("quote", QUOTE), rules)

    def _new_market(self, base: str, quote: str, rules: Mapping[str, Any]) -> Market:
        market = Market(base + quote, base, quote)
        self.sim("POST", "symbols", symbol=market.symbol, base=base, quote=quote, **USUAL | dict(rules))
        self._fresh.append(base)
        for user in self._users():
            self.credit(user, base, MONEY)
        return market

    def user(self, name: str = "alice") -> User:
        """A rich user of the area with an HMAC key."""
        return self.once(f"user {name}", lambda: self._new_user(name))

    def poor(self) -> User:
        """A new user without money."""
        return self._keyed(f"poor{next(self._numbers)}")

    def with_key(self, name: str, kind: str) -> User:
        """The user `name` with an Ed25519 or RSA key. Raises Unprepared when there are none such."""
        signer: Ed25519Signer | RsaSigner = Ed25519Signer() if kind == "ed25519" else RsaSigner()
        made = self.sim("POST", "keys", user=self.user(name).name, publicKey=signer.public_pem)
        if made.get("secret"):
            raise Unprepared(f"/_sim/keys made no {kind} key")
        return User(self, self.user(name).name, made["apiKey"], signer)

    def credit(self, user: User, asset: str, amount: str) -> None:
        """Money for a user."""
        self.sim("POST", "credit", user=user.name, asset=asset, amount=amount)

    def send(self, ask: Ask) -> Answer:
        """A rule's request, its names filled in; signed as its user where it says so."""
        parameters = {name: self.filled(value) for name, value in ask.parameters.items()}
        if ask.signed:
            return self.user(ask.user).send(ask.method, ask.path, parameters)
        return self.public(ask.path, **parameters)

    def public(self, path: str, **parameters: Any) -> Answer:
        """A GET without a key."""
        return self.get(rooted(path) + ("?" + query_of(parameters) if parameters else ""))

    def get(self, target: str, **headers: str) -> Answer:
        """A GET of exactly this path and query."""
        return self.wire.ask("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def stream(self, target: str) -> Socket:
        """A WebSocket, its names filled in."""
        return self.wire.socket(self.filled(target))

    def filled(self, value: Any) -> Any:
        """The same with {symbol}, {stream} and {base} of the area's market in its texts."""
        if isinstance(value, str):
            if "{" not in value:
                return value
            market = self.market()
            names = {"{symbol}": market.symbol, "{stream}": market.symbol.lower(), "{base}": market.base}
            for name, text in names.items():
                value = value.replace(name, text)
            return value
        if isinstance(value, Mapping):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if isinstance(value, Each):
            return Each(self.filled(value.pattern))
        if isinstance(value, AtLeast):
            return AtLeast(self.filled(value.members))
        return Maybe(self.filled(value.pattern)) if isinstance(value, Maybe) else value

    def until(
        self, read: Callable[[], Made], enough: Callable[[Made], bool], *, seconds: float = SETTLE_SECONDS
    ) -> Made:
        """What is read once it is enough, or after these seconds whatever there is: history is copied with a delay."""
        deadline = time.monotonic() + seconds
        while not enough(found := read()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def neutral(self, text: str) -> str:
        """A text without what differs from run to run."""
        return text.replace(self._tag, "").replace(self._tag.lower(), "")

    def trade(self, market: Market, price: str, quantity: str = "1") -> None:
        """A trade at this price between carol and dave, who have nothing on the book otherwise."""
        self.user("carol").limit(market, "SELL", quantity, price)
        self.user("dave").limit(market, "BUY", quantity, price, timeInForce="IOC")

    def _users(self) -> list[User]:
        return [made for made in self._made.values() if isinstance(made, User)]

    def _new_user(self, name: str) -> User:
        self.market()  # an asset can be credited once a symbol has it
        user = self._keyed(f"{name}{next(self._numbers)}")
        for asset in {*self._bases, *self._fresh, QUOTE}:
            self.credit(user, asset, MONEY)
        return user

    def _keyed(self, name: str) -> User:
        made = self.sim("POST", "users", name=f"{name}-{self._tag.lower()}")
        return User(self, made["name"], made["apiKey"], HmacSigner(made["secret"]))


def rooted(path: str) -> str:
    """The whole path of what a rule calls `/order`."""
    return path if path.startswith(OTHER_ROOTS) else ROOT + path


def accepted(answer: Answer) -> Any:
    """The body of an answer with status 200. Raises Deviation."""
    return expect(answer, answer.body)
