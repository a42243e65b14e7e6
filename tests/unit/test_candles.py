"""The fold of trades into candles, against a recount that shares nothing with it."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from engine.records import Fill
from engine.types import Side
from markets.candles import INTERVALS, Candle, Folder, field_of, next_open, open_of
from markets.klines import opens_between
from markets.tickers import WINDOW_MS, window_candles

START_MS = 1_723_075_200_000  # 2024-08-08 00:00 UTC, a Thursday
MONDAY = datetime(2024, 8, 5, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return round(moment.timestamp()) * 1000


def at(text: str) -> int:
    return ms(datetime.fromisoformat(f"{text}+00:00"))


def fill(trade_id: int, price_ticks: int, lots: int, taker_side: Side = Side.BUY) -> Fill:
    return Fill(trade_id, price_ticks, lots, price_ticks * lots, taker_side, 1, 10, 0, 2, 20, 0)


def random_trades(seed: int, count: int) -> list[tuple[Fill, int]]:
    rng = random.Random(seed)
    now_ms, trades = START_MS, []
    for trade_id in range(1, count + 1):
        now_ms += rng.choice((0, 1, 300, 5_000, 90_000, 7_200_000, 200_000_000))
        trades.append((fill(trade_id, rng.randint(90, 110), rng.randint(1, 9), rng.choice(list(Side))), now_ms))
    return trades


@pytest.mark.parametrize(
    ("interval", "moment", "opens", "ends"),
    [
        ("1s", "2024-08-08T12:34:56.789", "2024-08-08T12:34:56", "2024-08-08T12:34:57"),
        ("1m", "2024-08-08T12:34:56", "2024-08-08T12:34:00", "2024-08-08T12:35:00"),
        ("3m", "2024-08-08T12:34:56", "2024-08-08T12:33:00", "2024-08-08T12:36:00"),
        ("15m", "2024-08-08T12:34:56", "2024-08-08T12:30:00", "2024-08-08T12:45:00"),
        ("4h", "2024-08-08T13:00:00", "2024-08-08T12:00:00", "2024-08-08T16:00:00"),
        ("12h", "2024-08-08T11:59:59.999", "2024-08-08T00:00:00", "2024-08-08T12:00:00"),
        ("1d", "2024-08-08T23:59:59.999", "2024-08-08T00:00:00", "2024-08-09T00:00:00"),
        ("3d", "1970-01-06T05:00:00", "1970-01-04T00:00:00", "1970-01-07T00:00:00"),
        ("1w", "2024-08-08T12:00:00", "2024-08-05T00:00:00", "2024-08-12T00:00:00"),
        ("1w", "2024-08-04T23:59:59.999", "2024-07-29T00:00:00", "2024-08-05T00:00:00"),
        ("1M", "2024-02-29T23:59:59.999", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("1M", "2024-12-31T00:00:00", "2024-12-01T00:00:00", "2025-01-01T00:00:00"),
    ],
)
def test_intervals_begin_where_binance_begins_them(interval: str, moment: str, opens: str, ends: str) -> None:
    now_ms = round(datetime.fromisoformat(f"{moment}+00:00").timestamp() * 1000)
    assert open_of(interval, now_ms) == at(opens)
    assert next_open(interval, at(opens)) == at(ends)
    assert next_open(interval, at(ends), -1) == at(opens)


def test_there_are_the_sixteen_intervals() -> None:
    assert " ".join(INTERVALS) == "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"


def bucket(interval: str, now_ms: int) -> int:
    """The open time by the calendar, the slow way."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    if interval == "1M":
        return ms(datetime(moment.year, moment.month, 1, tzinfo=UTC))
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    length = timedelta(**{units[interval[-1]]: int(interval[:-1])})
    begin = MONDAY if interval == "1w" else datetime(1970, 1, 1, tzinfo=UTC)
    return ms(begin + (moment - begin) // length * length)


@pytest.mark.parametrize("seed", range(5))
def test_every_candle_equals_a_naive_recount(seed: int) -> None:
    trades = random_trades(seed, 400)
    folder = Folder()
    for trade, now_ms in trades:
        assert folder.add(trade, now_ms)
    expected: dict[str, list[Fill]] = {}
    for trade, now_ms in trades:
        for interval in INTERVALS:
            expected.setdefault(field_of(interval, bucket(interval, now_ms)), []).append(trade)
    assert folder.changed.keys() == expected.keys()
    for name, fills in expected.items():
        prices, bought = [f.price_ticks for f in fills], [f for f in fills if f.taker_side is Side.BUY]
        before = next((t.price_ticks for t, _ in reversed(trades) if t.trade_id < fills[0].trade_id), 0)
        assert folder.changed[name] == Candle(
            prices[0], max(prices), min(prices), prices[-1], sum(f.lots for f in fills),
            sum(f.quote_atoms for f in fills), len(fills), sum(f.lots for f in bought),
            sum(f.quote_atoms for f in bought), fills[0].trade_id, fills[-1].trade_id, before,
        )  # fmt: skip


def test_a_folder_that_resumes_ends_where_one_that_never_stopped_does() -> None:
    trades = random_trades(7, 200)
    whole, first = Folder(), Folder()
    for trade, now_ms in trades:
        whole.add(trade, now_ms)
    for trade, now_ms in trades[:120]:
        first.add(trade, now_ms)
    assert first.last is not None
    stored = msgspec.json.decode(msgspec.json.encode(first.changed), type=dict[str, Candle])
    second = Folder()
    fields = {name: field_of(name, open_of(name, first.last.now_ms)) for name in INTERVALS}
    second.resume(first.last, {name: stored[field] for name, field in fields.items()})
    counted = [second.add(trade, now_ms) for trade, now_ms in trades[100:]]
    assert counted == [False] * 20 + [True] * 80
    assert stored | second.changed == whole.changed


@pytest.mark.parametrize(
    ("start", "end", "limit", "expected"),
    [
        (None, None, 500, range(60, 601, 60)),  # from the first trade's candle up to now
        (None, None, 3, (480, 540, 600)),
        (None, 310, 3, (180, 240, 300)),
        (120, None, 2, (120, 180)),
        (121, None, 2, (180, 240)),
        (121, 200, 9, (180,)),
        (121, 179, 9, ()),
        (0, 10**9, 9, (60, 120, 180, 240, 300, 360, 420, 480, 540)),
        (10**9, None, 9, ()),
    ],
)
def test_which_candles_a_range_contains(
    start: int | None, end: int | None, limit: int, expected: tuple[int, ...]
) -> None:
    opens = opens_between(
        "1m", 75_000, 640_000, start_ms=start and start * 1000, end_ms=end and end * 1000, limit=limit
    )
    assert opens == [1000 * second for second in expected]


@pytest.mark.parametrize("now_ms", [START_MS, START_MS + 1, START_MS + 59_999, START_MS + 3_599_123, 1_723_119_296_789])
def test_the_24_hour_window_is_covered_once_and_without_a_hole(now_ms: int) -> None:
    spans = [(open_ms, next_open(interval, open_ms)) for interval, open_ms in window_candles(now_ms)]
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert spans[0][0] == (now_ms - WINDOW_MS) // 1000 * 1000
    assert spans[-1][0] <= now_ms < spans[-1][1]
    assert len(spans) <= 60 + 60 + 25
