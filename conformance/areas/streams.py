"""Market streams: control messages, and the payload of every stream, heard while something happens on a symbol.

The fact a newcomer would get wrong: the streams are heard once, together, for as long as the slowest of them needs to
speak; the rules then look at what came.
"""

import time
from itertools import pairwise
from typing import Any, Final

from conformance.checks import (
    DECIMAL,
    FLAG,
    LIST,
    NUMERAL,
    TEXT,
    TIME,
    WHOLE,
    Each,
    hold,
    matches,
    same,
)
from conformance.lab import Lab, accepted
from conformance.rules import Area
from conformance.transport import Socket

AREA: Final = Area("streams", "Market streams")
DOCUMENT: Final = "web-socket-streams.md: "
LOCAL_BOOK = AREA.by(DOCUMENT + "How to manage a local order book correctly")
KLINE: Final = {
    "t": TIME, "T": TIME, "s": TEXT, "i": TEXT, "f": WHOLE, "L": WHOLE, "o": DECIMAL, "c": DECIMAL, "h": DECIMAL,
    "l": DECIMAL, "v": DECIMAL, "n": WHOLE, "x": FLAG, "q": DECIMAL, "V": DECIMAL, "Q": DECIMAL, "B": TEXT,
}  # fmt: skip
MINI: Final = {
    "e": "24hrMiniTicker", "E": TIME, "s": TEXT, "c": DECIMAL, "o": DECIMAL, "h": DECIMAL, "l": DECIMAL, "v": DECIMAL,
    "q": DECIMAL,
}  # fmt: skip
WINDOW: Final = {
    "E": TIME, "s": TEXT, "p": DECIMAL, "P": NUMERAL, "o": DECIMAL, "h": DECIMAL, "l": DECIMAL, "c": DECIMAL,
    "w": DECIMAL, "v": DECIMAL, "q": DECIMAL, "O": TIME, "C": TIME, "F": WHOLE, "L": WHOLE, "n": WHOLE,
}  # fmt: skip
DAY: Final = WINDOW | {
    "e": "24hrTicker",
    "x": DECIMAL,
    "Q": DECIMAL,
    "b": DECIMAL,
    "B": DECIMAL,
    "a": DECIMAL,
    "A": DECIMAL,
}
LEVELS: Final = LIST
PARTIAL: Final = {"lastUpdateId": WHOLE, "bids": Each([DECIMAL, DECIMAL]), "asks": Each([DECIMAL, DECIMAL])}
DIFF: Final = {"e": "depthUpdate", "E": TIME, "s": TEXT, "U": WHOLE, "u": WHOLE, "b": LEVELS, "a": LEVELS}
SHAPES: Final[dict[str, tuple[str, Any]]] = {
    "{s}@aggTrade": (
        "Aggregate Trade Streams",
        {
            "e": "aggTrade",
            "E": TIME,
            "s": TEXT,
            "a": WHOLE,
            "p": DECIMAL,
            "q": DECIMAL,
            "f": WHOLE,
            "l": WHOLE,
            "T": TIME,
            "m": FLAG,
            "M": FLAG,
        },
    ),
    "{s}@trade": (
        "Trade Streams",
        {"e": "trade", "E": TIME, "s": TEXT, "t": WHOLE, "p": DECIMAL, "q": DECIMAL, "T": TIME, "m": FLAG, "M": FLAG},
    ),
    "{s}@kline_1s": (
        "Kline/Candlestick Streams for UTC",
        {"e": "kline", "E": TIME, "s": TEXT, "k": KLINE | {"i": "1s"}},
    ),
    "{s}@kline_1m": (
        "Kline/Candlestick Streams for UTC",
        {"e": "kline", "E": TIME, "s": TEXT, "k": KLINE | {"i": "1m"}},
    ),
    "{s}@kline_1M": (
        "Kline/Candlestick Streams for UTC",
        {"e": "kline", "E": TIME, "s": TEXT, "k": KLINE | {"i": "1M"}},
    ),
    "{s}@kline_1d@+08:00": (
        "Kline/Candlestick Streams with timezone offset",
        {"e": "kline", "E": TIME, "s": TEXT, "k": KLINE | {"i": "1d"}},
    ),
    "{s}@miniTicker": ("Individual Symbol Mini Ticker Stream", MINI),
    "!miniTicker@arr": ("All Market Mini Tickers Stream", Each(MINI)),
    "{s}@ticker": ("Individual Symbol Ticker Streams", DAY),
    "{s}@ticker_1h": ("Individual Symbol Rolling Window Statistics Streams", WINDOW | {"e": "1hTicker"}),
    "{s}@ticker_4h": ("Individual Symbol Rolling Window Statistics Streams", WINDOW | {"e": "4hTicker"}),
    "{s}@ticker_1d": ("Individual Symbol Rolling Window Statistics Streams", WINDOW | {"e": "1dTicker"}),
    "!ticker_1h@arr": ("All Market Rolling Window Statistics Streams", Each(WINDOW | {"e": "1hTicker"})),
    "{s}@bookTicker": (
        "Individual Symbol Book Ticker Streams",
        {"u": WHOLE, "s": TEXT, "b": DECIMAL, "B": DECIMAL, "a": DECIMAL, "A": DECIMAL},
    ),
    "{s}@avgPrice": ("Average Price", {"e": "avgPrice", "E": TIME, "s": TEXT, "i": "5m", "w": DECIMAL, "T": TIME}),
    "{s}@depth5": ("Partial Book Depth Streams", PARTIAL),
    "{s}@depth10@100ms": ("Partial Book Depth Streams", PARTIAL),
    "{s}@depth20": ("Partial Book Depth Streams", PARTIAL),
    "{s}@depth": ("Diff. Depth Stream", DIFF),
    "{s}@depth@100ms": ("Diff. Depth Stream", DIFF),
    "{s}@referencePrice": ("Reference Price Streams", {"e": "referencePrice", "s": TEXT, "r": NUMERAL, "t": TIME}),
}
HEARD_SECONDS: Final = 3.3


class Heard:
    """What every stream said, by the stream's name with {s} for the symbol, and the book that REST told at the end."""

    def __init__(self, lab: Lab) -> None:
        self.market = lab.fresh_market(referenceExternalId=1)
        self.events: dict[str, list[Any]] = {name: [] for name in SHAPES}
        symbol = self.market.symbol.lower()
        lab.user().limit(self.market, "BUY", "2", "90")
        self.leaves = lab.user().limit(self.market, "BUY", "2", "89")["orderId"]
        lab.user().limit(self.market, "SELL", "3", "110")
        lab.sim("PUT", "referencePrice", symbol=self.market.symbol, price="100")
        self.before = accepted(lab.public("/depth", symbol=self.market.symbol))["lastUpdateId"]
        names = {name.replace("{s}", symbol): name for name in SHAPES}
        with lab.wire.socket(f"/stream?streams={'/'.join(names)}".replace("+", "%2B")) as socket:
            begun = time.monotonic()
            for step, moment in enumerate((0.2, 0.6, 1.2, 1.9, 2.4)):
                self._hear(socket, names, begun + moment)
                self._happen(lab, step)
            self.snapshot = accepted(lab.public("/depth", symbol=self.market.symbol))
            self._hear(socket, names, begun + HEARD_SECONDS)

    def _hear(self, socket: Socket, names: dict[str, str], until: float) -> None:
        for frame in socket.gather(until - time.monotonic()):
            if isinstance(frame, dict) and frame.get("stream") in names:
                self.events[names[frame["stream"]]].append(frame["data"])

    def _happen(self, lab: Lab, step: int) -> None:
        """A trade that fills two orders at one price, a level more, a level gone."""
        for _ in range(2):
            lab.user("carol").limit(self.market, "SELL", "1", f"{100 + step}")
        lab.user("dave").limit(self.market, "BUY", "2", f"{100 + step}")
        extra = lab.user().limit(self.market, "BUY", "1", f"{80 + step}")["orderId"]
        if step % 2:
            accepted(lab.user().delete("/order", symbol=self.market.symbol, orderId=extra))
        if step == 2:
            accepted(lab.user().delete("/order", symbol=self.market.symbol, orderId=self.leaves))


def heard(lab: Lab) -> Heard:
    """What was heard, once for the area."""
    return lab.once("heard", lambda: Heard(lab))


for name, (title, shape) in SHAPES.items():

    def payload(lab: Lab, name: str = name, shape: Any = shape) -> None:
        found = heard(lab)
        hold(bool(found.events[name]), f"nothing came within {HEARD_SECONDS} s")
        for event in found.events[name]:
            matches(shape, event, "the event")
            if isinstance(event, dict) and "s" in event:
                same(found.market.symbol, event["s"], "s")

    AREA.by(DOCUMENT + title).rule(
        f"{name}: the payload", f"/stream?streams={name}", "events with exactly the documented fields"
    )(payload)


def _last(lab: Lab, name: str) -> Any:
    events = heard(lab).events[name]
    hold(bool(events), f"{name} said nothing")
    return events[-1]


@AREA.by(DOCUMENT + "Aggregate Trade Streams").rule(
    "one event for one taker at one price", "a taker of 2 fills two orders of 1 at 100", "q 2, l - f = 1"
)
def aggregate(lab: Lab) -> None:
    first = heard(lab).events["{s}@aggTrade"][0]
    same(["2.00000000", "100.00000000", 1], [first["q"], first["p"], first["l"] - first["f"]], "q, p, l - f")


@AREA.by(DOCUMENT + "Trade Streams").rule(
    "one event for each trade, ids without a gap",
    "five takers of two orders each",
    "ten events, t rising by one, m false",
)
def trades(lab: Lab) -> None:
    events = heard(lab).events["{s}@trade"]
    first = events[0]["t"]
    same([first + step for step in range(10)], [event["t"] for event in events], "t")
    same([False] * 10, [event["m"] for event in events], "m")


@AREA.by(DOCUMENT + "Diff. Depth Stream").rule(
    "U follows u without a gap",
    "<symbol>@depth@100ms",
    "U = u of the event before + 1; the first one follows REST's lastUpdateId",
)
def no_gap(lab: Lab) -> None:
    events = heard(lab).events["{s}@depth@100ms"]
    hold(len(events) >= 4, f"only {len(events)} events came")
    for before, after in pairwise(events):
        same(before["u"] + 1, after["U"], "U")
        hold(after["U"] <= after["u"], "U is above u")


@AREA.by(DOCUMENT + "Diff. Depth Stream").rule(
    "a quantity of zero removes a level",
    "<symbol>@depth@100ms, the only order at 89 is cancelled",
    "the bid ['89.00000000', '0.00000000']",
)
def removal(lab: Lab) -> None:
    bids = [level for event in heard(lab).events["{s}@depth@100ms"] for level in event["b"]]
    hold(["89.00000000", "0.00000000"] in bids, "no event has it")


@AREA.by(DOCUMENT + "Diff. Depth Stream").rule(
    "an event that changes nothing is not sent", "<symbol>@depth@100ms", "every event has a level"
)
def no_empty(lab: Lab) -> None:
    events = heard(lab).events["{s}@depth@100ms"]
    hold(bool(events), "no event came")
    hold(all(event["b"] or event["a"] for event in events), "an event has neither bids nor asks")


@AREA.by(DOCUMENT + "Diff. Depth Stream").rule(
    "@depth comes once a second, @depth@100ms oftener",
    "<symbol>@depth, <symbol>@depth@100ms",
    "at most 4 events within 3.3 s; more of the other",
)
def cadence(lab: Lab) -> None:
    slow, fast = (len(heard(lab).events[name]) for name in ("{s}@depth", "{s}@depth@100ms"))
    hold(1 <= slow <= 4, f"{slow} events of @depth")
    hold(fast > slow, f"{fast} events of @depth@100ms, {slow} of @depth")


@LOCAL_BOOK.rule(
    "the procedure gives the book of REST",
    "the events of <symbol>@depth@100ms upon an empty book, until lastUpdateId of GET depth",
    "the same levels, but for those that never changed",
)
def local_book(lab: Lab) -> None:
    found = heard(lab)
    book: dict[str, dict[str, str]] = {
        "b": {"90.00000000": "2.00000000", "89.00000000": "2.00000000"},
        "a": {"110.00000000": "3.00000000"},
    }
    events = found.events["{s}@depth@100ms"]
    hold(bool(events), "no event came")
    for event in events:
        if event["u"] <= found.before or event["U"] > found.snapshot["lastUpdateId"]:
            continue
        for side, levels in book.items():
            for price, quantity in event[side]:
                levels.pop(price, None)
                if float(quantity) > 0:
                    levels[price] = quantity
    for side, name in (("b", "bids"), ("a", "asks")):
        told = [[price, book[side][price]] for price in sorted(book[side], key=float, reverse=side == "b")]
        same(found.snapshot[name], told, name)


@LOCAL_BOOK.rule(
    "REST's lastUpdateId is the stream's u",
    "GET depth after the last change, <symbol>@depth@100ms",
    "lastUpdateId equals u of the last event",
)
def same_numbers(lab: Lab) -> None:
    same(heard(lab).snapshot["lastUpdateId"], _last(lab, "{s}@depth@100ms")["u"], "u")


@AREA.by(DOCUMENT + "Kline/Candlestick Streams for UTC").rule(
    "a candle's last event says that it is closed", "<symbol>@kline_1s", "x true for at least two seconds, T = t + 999"
)
def closing(lab: Lab) -> None:
    closed = [event["k"] for event in heard(lab).events["{s}@kline_1s"] if event["k"]["x"]]
    hold(len(closed) >= 2, f"{len(closed)} closing events")
    same([999] * len(closed), [candle["T"] - candle["t"] for candle in closed], "T - t")


@AREA.by(DOCUMENT + "Kline/Candlestick Streams with timezone offset").rule(
    "a day of UTC+8 opens at 16:00 UTC", "<symbol>@kline_1d@+08:00", "t at 16:00 UTC"
)
def day_in_zone(lab: Lab) -> None:
    same(57_600_000, _last(lab, "{s}@kline_1d@+08:00")["k"]["t"] % 86_400_000, "t within its day")


@AREA.by(DOCUMENT + "Individual Symbol Book Ticker Streams").rule(
    "the best prices and quantities", "<symbol>@bookTicker at the end", "those of GET ticker/bookTicker"
)
def best(lab: Lab) -> None:
    found, event = heard(lab), _last(lab, "{s}@bookTicker")
    told = accepted(lab.public("/ticker/bookTicker", symbol=found.market.symbol))
    rest = [told[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty")]
    same(rest, [event[name] for name in ("b", "B", "a", "A")], "b, B, a, A")


@AREA.by(DOCUMENT + "Individual Symbol Rolling Window Statistics Streams").rule(
    "the window opens on a minute", "<symbol>@ticker_1h", "O on a minute"
)
def window_opens(lab: Lab) -> None:
    same(0, _last(lab, "{s}@ticker_1h")["O"] % 60_000, "O within its minute")


AREA.by(DOCUMENT + "Block Trade Streams").not_done(
    "{s}@blockTrade: the payload",
    "/stream?streams={s}@blockTrade",
    "blockTrade",
    "there are no block trades, so the stream has nothing to say",
)
