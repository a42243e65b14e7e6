"""Events and records as the scripts write them: text in, typed values out, nothing guessed."""

import re
from typing import get_args

import msgspec
import pytest

from engine import events, records
from engine.types import OrderStatus, Side, SymbolSpec

ORDER = b'[3,10,700,3000,1700,"PARTIALLY_FILLED",12,4,"BUY",100,"LIMIT","GTC",1600,"my-id",0]'
FILL = b'[7,100,2,2000,"SELL",5,13,2,4,12,1]'
MARKET = b'"BTCUSDT",9,[' + FILL + b"],[" + ORDER + b'],[["BUY",100,3]],[["USDT",4,50,-20,10,20]],'


def entry(kind: bytes, body: bytes) -> bytes:
    return b'["' + kind + b'",1700000000000,42,1650,' + body + b"]"


SPEC = SymbolSpec(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_units=10**6, lot_units=1_000, max_price_ticks=10**8,
    max_lots=10**9, min_notional_atoms=1,
)  # fmt: skip
LIST = b'[3,1700000000000,false,"OCO",4,1700000000000,"l-1",[[9,"a"],[10,"b"]]]'
BODIES: dict[type[events.Event], bytes] = {
    events.OrderPlaced: MARKET + ORDER + b",true",
    events.OrderContinued: MARKET + ORDER + b",false",
    events.OrderTriggered: MARKET + ORDER + b',true,[[3,50,"DECREMENT",4,9,2,5,8,2,-1]]',
    events.OrderActivated: MARKET + ORDER + b",true",
    events.ListPlaced: MARKET + LIST + b",[" + ORDER + b"," + ORDER + b"]",
    events.ListChanged: MARKET + LIST + b",[" + ORDER + b"]",
    events.OrderCanceled: MARKET + ORDER + b',"x-1"',
    events.OrderRejected: b'"BTCUSDT",4,"WOULD_MATCH","BUY","LIMIT_MAKER","GTC",100,5,0,"c-1",[0,0,0,"NONE",7,0,"",0]',
    events.OrdersCanceled: MARKET + b"[" + ORDER + b"," + ORDER + b"]",
    events.OrderReduced: MARKET + ORDER + b',"x-0",70,[' + ORDER + b"]," + LIST,
    events.TapeFrameApplied: MARKET + b"[]",
    events.TapeTradePlayed: MARKET + b"[" + ORDER + b"]",
    events.AuctionMatched: MARKET + b"100,true",
    events.BalanceCredited: b'["USDT",4,50,20,0,0],20',
    events.BalanceDebited: b'["USDT",4,50,-20,0,0],20',
    events.ExternalLockChanged: b'["USDT",4,50,-20,0,20]',
    events.SymbolDefined: msgspec.json.encode(SPEC),
    events.SymbolHalted: b'"BTCUSDT",112,100',
    events.AccountLimitsSet: b'4,{"max_open_orders":5,"max_order":{"USDT":100}}',
    events.AccountRatesSet: b'4,"BTCUSDT",{"rates":{"tax_buyer":5},"uses_discount":true}',
    events.ConversionSet: b'"BNB","USDT",26000000000',
    events.RateLimitsSet: b'{"weight":{"most":6000,"interval_ms":60000},"refusals_before_ban":0}',
    events.FaultSet: b'{"code":-1007,"request":"order.place","executed":true}',
    events.SignaturesSet: b"true",
    events.AccountChanged: b'4,"alice"',
    events.TradeGroupSet: b"4,7",
    events.ReferencePriceSet: b'"BTCUSDT",1000000000',
    events.ClockSet: b'"virtual"',
    events.MarketCleared: b'["BTCUSDT"]',
    events.VenueOpened: b'"abc:master"',
}


def kind_of(event: type[events.Event]) -> str:
    """OrderPlaced -> order_placed, as the scripts spell it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


def test_every_event_there_is_has_an_example_here() -> None:
    assert set(BODIES) == set(get_args(events.AnyEvent))


@pytest.mark.parametrize("event", BODIES)
def test_an_entry_becomes_its_event(event: type[events.Event]) -> None:
    found = events.decode(entry(kind_of(event).encode(), BODIES[event]))
    assert type(found) is event
    assert (found.epoch, found.seq, found.now_ms) == (1_700_000_000_000, 42, 1650)
    assert events.decode(msgspec.json.encode(found)) == found
    assert events.decode_entry([b"0-42", [b"d", msgspec.json.encode(found)]]) == found


def test_a_market_event_has_the_parts_all_of_them_share() -> None:
    placed = events.decode(entry(b"order_placed", BODIES[events.OrderPlaced]))
    assert isinstance(placed, events.OrderPlaced)
    assert (placed.symbol, placed.update_id, placed.is_final) == ("BTCUSDT", 9, True)
    assert placed.makers == [placed.order]
    assert placed.levels == [records.LevelChange(Side.BUY, 100, 3)]
    (change,) = placed.balances
    assert (change.free_atoms, change.locked_atoms) == (30, 30)


def test_a_record_tells_what_is_filled() -> None:
    order = records.decode_order(ORDER)
    assert (order.order_id, order.account, order.status) == (12, 4, OrderStatus.PARTIALLY_FILLED)
    assert (order.lots, order.left_lots, order.filled_lots) == (10, 3, 7)
    assert (order.filled_quote_atoms, order.locked_atoms) == (700, 3_000)
    assert (order.updated_ms, order.created_ms, order.client_order_id) == (1_700, 1_600, "my-id")


@pytest.mark.parametrize(("taker_side", "is_buyer_maker"), [(b"SELL", True), (b"BUY", False)])
def test_the_buyer_is_the_maker_when_the_taker_sells(taker_side: bytes, is_buyer_maker: bool) -> None:
    (fill,) = records.decode_fills(b"[" + FILL.replace(b"SELL", taker_side) + b"]")
    assert fill.is_buyer_maker is is_buyer_maker
    assert (fill.taker_fee_atoms, fill.maker_fee_atoms, fill.quote_atoms) == (2, 1, 2_000)


def test_amounts_beyond_two_to_the_53_stay_exact() -> None:
    body = b'["USDT",4,9000000000000000001,-9000000000000000001,0,0],9000000000000000001'
    event = events.decode(entry(b"balance_debited", body))
    assert isinstance(event, events.BalanceDebited)
    assert (event.atoms, event.balance.free_atoms) == (9_000_000_000_000_000_001, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        entry(b"order_lost", BODIES[events.OrderPlaced]),
        entry(b"order_placed", MARKET + ORDER),  # a part is missing
        entry(b"clock_set", b"7"),
        entry(b"order_placed", BODIES[events.OrderPlaced].replace(b"PARTIALLY_FILLED", b"HALF_FILLED")),
        entry(b"order_placed", BODIES[events.OrderPlaced].replace(b"3000", b"3e-3")),
        entry(b"clock_set", b'"real"')[:-1],
    ],
)
def test_what_is_no_event_is_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        events.decode(data)


@pytest.mark.parametrize("kind", BODIES)
def test_a_head_is_the_beginning_of_its_entry_and_those_of_orders_are_known_by_kind(kind: type[events.Event]) -> None:
    name = kind.__struct_config__.tag
    head = events.decode_head([b"0-42", [b"d", entry(name.encode(), BODIES[kind])]])
    assert head == events.EntryHead(name, 1_700_000_000_000, 42, 1650)
    is_of_orders = issubclass(kind, events.MarketEvent) and "tape" not in name and name != "auction_matched"
    assert head.is_of_orders is (is_of_orders or kind is events.OrderRejected)
