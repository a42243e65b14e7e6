"""In which order the matches of a step are told: as the taker met them, though the event has them in two lists."""

from typing import Any

from accounts.reports import matches_of
from engine.events import OrderPlaced
from engine.records import Fill, OrderRecord, PreventedMatch
from engine.types import OrderStatus, OrderType, Side, StpMode, TimeInForce


def record(order_id: int, side: Side) -> OrderRecord:
    return OrderRecord(
        left_lots=0, lots=1, filled_quote_atoms=0, locked_atoms=0, updated_ms=1, status=OrderStatus.FILLED,
        order_id=order_id, account=1, side=side, price_ticks=1, type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC, created_ms=1, client_order_id="",
    )  # fmt: skip


def fill(trade_id: int, price_ticks: int, maker_id: int, side: Side) -> Fill:
    return Fill(trade_id, price_ticks, 1, 1, side, 1, 9, 0, 2, maker_id, 0)


def prevented(match_id: int, price_ticks: int, maker_id: int) -> PreventedMatch:
    return PreventedMatch(match_id, price_ticks, StpMode.EXPIRE_MAKER, 1, 9, 0, 1, maker_id, 1, -1)


def step(side: Side, makers: list[int], fills: list[Fill], matches: list[PreventedMatch]) -> list[Any]:
    """What matches_of says, as ("fill" or "prevented", id)."""
    event = OrderPlaced(
        epoch=1, seq=1, now_ms=1, symbol="BTCUSDT", update_id=1, fills=fills,
        makers=[record(order_id, side.opposite) for order_id in makers], levels=[], balances=[],
        order=record(9, side), is_final=True, prevented=matches,
    )  # fmt: skip
    return [
        ("fill", match.trade_id) if isinstance(match, Fill) else ("prevented", match.prevented_match_id)
        for match in matches_of(event)
    ]


def test_a_seller_meets_the_highest_price_first_and_a_buyer_the_lowest() -> None:
    for side, prices in ((Side.SELL, (30, 20, 10)), (Side.BUY, (10, 20, 30))):
        fills = [fill(1, prices[0], 1, side), fill(2, prices[2], 3, side)]
        found = step(side, [1, 2, 3], fills, [prevented(0, prices[1], 2)])
        assert found == [("fill", 1), ("prevented", 0), ("fill", 2)]


def test_at_one_price_the_makers_come_in_their_order() -> None:
    fills = [fill(1, 10, 5, Side.BUY), fill(2, 10, 3, Side.BUY)]
    found = step(Side.BUY, [5, 4, 3, 2], fills, [prevented(0, 10, 4), prevented(1, 10, 2)])
    assert found == [("fill", 1), ("prevented", 0), ("fill", 2), ("prevented", 1)]


def test_refilled_icebergs_come_again_after_everybody_at_their_price() -> None:
    maker_ids = (1, 3, 1, 3, 1, 4)  # 1 and 3 are icebergs, 2 is the taker's own, 4 stands at the next price
    fills = [fill(number, 20 if id_ == 4 else 10, id_, Side.BUY) for number, id_ in enumerate(maker_ids, start=1)]
    found = step(Side.BUY, [1, 2, 3, 4], fills, [prevented(0, 10, 2)])
    assert found == [("fill", 1), ("prevented", 0), *(("fill", number) for number in range(2, 7))]
