"""Every Redis key the exchange uses; no other module spells one out.

    {venue}:meta                 hash    clock, virtual_ms, last_ms, seq, epoch, next_order_id, next_list_id, run_id,
                                         layout, client_order_ids; of each symbol "update_id:<symbol>" (how often its
                                         book has changed) and "changed_ms:<symbol>", which every order writes: one
                                         call fewer (and tape: the newest mark of a replay); of accounts with limits
                                         "limits:<account>" -> AccountLimits.limits, "day:<account>|<asset>" ->
                                         "<day>:<atoms ordered>"; "rates:<account>" -> AccountRates.text, account_rates
                                         (how many), "conversion:<discount asset>|<asset>" -> a tester's price of the
                                         first in the second, as four numbers (Registry.set_conversion); rate_limits
                                         (RateLimits.text, where requests are counted)
    {venue}:symbols              hash    symbol -> SymbolSpec (JSON), what workers read
    {venue}:assets               hash    asset -> decimals
    {venue}:accounts             hash    "name:<name>" -> account number, "<number>" -> name
    {venue}:keys                 hash    sha256 of an API key -> KeyRecord (JSON array, begins with the account number)
    {venue}:symbol:BTCUSDT       hash    all that an order needs of its symbol: one call reads it, one call writes it.
                                         "<order id>" -> OrderRecord of an open order, "a<price_ticks>" and
                                         "b<price_ticks>" -> lots of the level among asks and bids,
                                         "<account>|<symbol>|<client order id>" -> id of the newest order with that id;
                                         status, rules ("<rules version> <base> <quote> <base_atoms_per_lot>
                                         <multiplier> <divisor>": every order needs them all), maker_fee_e8,
                                         taker_fee_e8, min_notional_atoms, last_price_ticks,
                                         next_trade_id, last_aggregate_id, up_ticks and
                                         down_ticks (nearest stops), trailing (how many), next_prevented_id, pending
                                         (the order with steps to come, "*": triggered ones alone, "auction": that of
                                         an auction, whose price and lots to go are in auction, "<price_ticks>:<lots>"),
                                         limits (SymbolSpec.limits, if any),
                                         halted_ms and price_window (of the circuit breaker), rates (SymbolSpec.rates,
                                         if any), "rates:<account>" -> AccountRates.text, account_rates (how many of
                                         them there are, here and in meta)
    {venue}:book:BTCUSDT:asks    zset    order id -> price_ticks         } order ids padded to 16 digits: Redis breaks
    {venue}:book:BTCUSDT:bids    zset    order id -> minus price_ticks   } ties by member, so equal prices queue by age
                                         (refilled or triggered: "<queue id>:<order id>", a number of then leads)
    {venue}:levels:BTCUSDT:asks  zset    price_ticks -> +-price_ticks, best first
    {venue}:stops:BTCUSDT        zset    order id -> stop price in ticks, with a minus for those triggered from above
    {venue}:trailing:BTCUSDT     hash    order id -> "side,bips,stop price or 0,best price or 0" of trailing orders
    {venue}:triggered:BTCUSDT    list    what follows from earlier steps, next first: an order id that was triggered,
                                         "+<order id>" to be activated, "L<list id>" to be looked at
    {venue}:lists:BTCUSDT        hash    list id -> OrderListRecord, "<account>|<list client order id>" -> list id
    {venue}:limits               hash    "ip:<address>", "account:<account>" -> what each has asked for in the intervals
                                         that run, as numbers (lua/lib/charging.lua); "#sweep". No part of the
                                         exchange's state: fields whose intervals are over are removed by and by
    {venue}:trade_groups         hash    "<account>" -> trade group, "#<trade group>" -> its accounts, "|1|2|"
    {venue}:ended:BTCUSDT        hash    order id -> OrderRecord of an ended one, until the archiver has it in SQL
    {venue}:trades:BTCUSDT       stream  0-<last trade id of the command>, field "d": JSON [[fill, ...], now_ms]
    {venue}:candles:BTCUSDT      hash    "<interval>:<open_ms>" -> packed candle, "#first", "#last"; kept by clockwork
    {venue}:tape:BTCUSDT:asks    hash    price_ticks -> "recorded,taken,left there,order ids" of a replay
    {venue}:tape:BTCUSDT:touched set     "<side>:<price_ticks>" levels to put back with the next frame
    {venue}:balance:USDT         hash    "<account>:free", "<account>:locked", "#fees", "#credited", "#debited",
                                         "<account>:external" (locked for somebody outside) -> atoms
    {venue}:open                 zset    "<account>|<symbol>|<order id><marks>", score 0; marks are what limits count:
                                         A contingent orders, I icebergs, L<list id>; most orders have none
    {venue}:events               stream  0-<seq>, field "d": JSON of one event
    {venue}:refusals             stream  "<machine's ms>-<n>", field "d": JSON of a Refusal (engine/refusals.py); capped
    {venue}:listen_keys          hash    listenKey -> "<account>|<digest of its API key>|<when it ends, ms>",
                                         "account:<account>" -> its listenKey, "#gone" -> 1 when a tester wants none,
                                         0 when he wants them; no part of the exchange's state
    {venue}:sockets:<window>     hash    address -> how often it has tried to open a socket in these five minutes of the
                                         machine's time; no part of the exchange's state
    {venue}:signatures           zset    digest of what was signed -> until when (ms) it may be executed; "#forgotten":
                                         up to when they are. Only where they are executed once (meta:
                                         signatures_once); no part of the exchange's state
    {venue}:fault                hash    "fault" -> Fault (JSON) that a tester wants, "left" -> of how many requests;
                                         no part of the exchange's state
    {venue}:readers              hash    reader -> JSON [epoch, seq, fullness percent, real ms]: how far it is
    {venue}:replay               hash    "status", "wish": JSON; a replay that a worker plays, and what is asked of it
    {venue}:lease:<name>         string  who runs a task that only one process may run

One venue is one hash tag: a script never leaves it, so a cluster may spread venues.
"""

from typing import Final

from engine.records import OrderRecord
from engine.types import Side

LAYOUT: Final = 3  # of all this; data with another number are refused (open_venue). 1 had no number
_SIDE_NAMES: Final = {Side.BUY: "bids", Side.SELL: "asks"}


def order_member(order_id: int) -> str:
    """An order id as it stands in Redis: 16 digits, so that text order is age."""
    return f"{order_id:016d}"


def place_of(order: OrderRecord) -> str:
    """An order's name in the book: its id, behind a later number when it joined the queue later than its id says."""
    member = order_member(order.order_id)
    if order.terms is None or order.terms.queue_id == 0:
        return member
    return f"{order_member(order.terms.queue_id)}:{member}"


def open_member(symbol: str, order: OrderRecord) -> str:
    """An open order's name among those of its account."""
    name = f"{order.account}|{symbol}|{order_member(order.order_id)}"
    terms = order.terms
    if terms is None:
        return name
    marks = ("A" if order.type.is_contingent else "") + ("I" if terms.iceberg_lots else "")
    return name + marks + (f"L{terms.list_id}" if terms.list_id >= 0 else "")


class Keys:
    """The keys of one venue."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self._tag = "{" + venue + "}"
        self.meta = f"{self._tag}:meta"
        self.symbols = f"{self._tag}:symbols"
        self.assets = f"{self._tag}:assets"
        self.accounts = f"{self._tag}:accounts"
        self.keys = f"{self._tag}:keys"
        self.open = f"{self._tag}:open"
        self.events = f"{self._tag}:events"
        self.trade_groups = f"{self._tag}:trade_groups"
        self.refusals = f"{self._tag}:refusals"
        self.listen_keys = f"{self._tag}:listen_keys"
        self.limits = f"{self._tag}:limits"
        self.fault = f"{self._tag}:fault"
        self.signatures = f"{self._tag}:signatures"
        self.readers = f"{self._tag}:readers"
        self.replay = f"{self._tag}:replay"
        self._of_market: dict[tuple[str, str, str], list[str]] = {}

    def sockets(self, window: int) -> str:
        return f"{self._tag}:sockets:{window}"

    def symbol(self, symbol: str) -> str:
        return f"{self._tag}:symbol:{symbol}"

    def book(self, symbol: str, side: Side) -> str:
        return f"{self._tag}:book:{symbol}:{_SIDE_NAMES[side]}"

    def levels(self, symbol: str, side: Side) -> str:
        return f"{self._tag}:levels:{symbol}:{_SIDE_NAMES[side]}"

    def ended(self, symbol: str) -> str:
        return f"{self._tag}:ended:{symbol}"

    def trades(self, symbol: str) -> str:
        return f"{self._tag}:trades:{symbol}"

    def stops(self, symbol: str) -> str:
        return f"{self._tag}:stops:{symbol}"

    def trailing(self, symbol: str) -> str:
        return f"{self._tag}:trailing:{symbol}"

    def triggered(self, symbol: str) -> str:
        return f"{self._tag}:triggered:{symbol}"

    def lists(self, symbol: str) -> str:
        return f"{self._tag}:lists:{symbol}"

    def candles(self, symbol: str) -> str:
        return f"{self._tag}:candles:{symbol}"

    def tape(self, symbol: str, side: Side) -> str:
        return f"{self._tag}:tape:{symbol}:{_SIDE_NAMES[side]}"

    def tape_touched(self, symbol: str) -> str:
        return f"{self._tag}:tape:{symbol}:touched"

    def balance(self, asset: str) -> str:
        return f"{self._tag}:balance:{asset}"

    def lease(self, name: str) -> str:
        return f"{self._tag}:lease:{name}"

    def of_market(self, symbol: str, base: str, quote: str) -> list[str]:
        """The keys of every command that changes a symbol's book, in the order `lua/lib/market.lua` names them."""
        known = self._of_market.get((symbol, base, quote))
        if known is None:
            buy, sell = Side.BUY, Side.SELL
            known = self._of_market[(symbol, base, quote)] = [
                self.meta, self.symbol(symbol), self.events, self.keys,
                self.book(symbol, buy), self.book(symbol, sell),
                self.levels(symbol, buy), self.levels(symbol, sell),
                self.ended(symbol), self.open, self.trades(symbol),
                self.balance(base), self.balance(quote),
                self.stops(symbol), self.trailing(symbol), self.triggered(symbol), self.trade_groups,
                self.lists(symbol), self.limits,
            ]  # fmt: skip
        return known

    def of_discount(self, asset: str, base_market: str, quote_market: str) -> list[str]:
        """The keys behind those of the market where fees may be paid in another asset, as `lua/lib/commissions.lua` has
        them: its balances, and the symbols whose last prices say what base and quote are worth in it.
        """
        return [self.balance(asset), self.symbol(base_market), self.symbol(quote_market)]

    def of_tape(self, symbol: str) -> list[str]:
        """The keys a replay's commands take beside those of the market, in the order `lua/lib/tape.lua` names them."""
        return [self.tape(symbol, Side.BUY), self.tape(symbol, Side.SELL), self.tape_touched(symbol)]
