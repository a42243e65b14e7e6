"""A socket's queue and the cadence of a stream, without sockets and without Redis."""

import asyncio

from api.conflation import Cadence
from api.subscriptions import BARE, TRY_AGAIN_LATER, Stream, Subscriber, named_envelope


def subscriber(cuts: list[int], *, max_messages: int = 3, max_bytes: int = 100) -> Subscriber:
    return Subscriber(cuts.append, max_messages=max_messages, max_bytes=max_bytes)


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_frames_are_taken_all_at_once_and_in_order() -> None:
    queue = subscriber([])
    taking = asyncio.create_task(queue.take())
    await turn()
    queue.push("a")
    queue.push("b")
    assert await taking == ["a", "b"]
    queue.push("c")
    assert await queue.take() == ["c"]


async def test_a_frame_before_which_nothing_waits_is_written_at_once() -> None:
    written: list[str] = []
    is_writable = True

    def write(frame: str) -> bool:
        if is_writable:
            written.append(frame)
        return is_writable

    queue = Subscriber([].append, write=write)
    queue.push("a")
    assert written == [], "nobody has taken what came before, if anything did"
    assert await queue.take() == ["a"]
    queue.push("b")
    assert written == [], "whoever took the last one may still be sending it"
    assert await queue.take() == ["b"]
    taking = asyncio.create_task(queue.take())
    await turn()
    queue.push("c")
    queue.push("d")
    assert (written, taking.done()) == (["c", "d"], False)
    is_writable = False
    queue.push("e")
    is_writable = True
    queue.push("f")
    assert written == ["c", "d"], "what comes later may not overtake"
    assert await taking == ["e", "f"]


async def test_nothing_is_written_to_who_was_cut() -> None:
    written: list[str] = []
    queue = Subscriber([].append, write=lambda frame: written.append(frame) is None)
    taking = asyncio.create_task(queue.take())
    await turn()
    queue.cut(TRY_AGAIN_LATER)
    queue.push("late")
    await turn()
    assert written == []
    taking.cancel()


async def test_who_does_not_take_is_cut_at_the_first_frame_too_many_and_gets_nothing_after_it() -> None:
    cuts: list[int] = []
    queue = subscriber(cuts)
    for frame in "abc":
        queue.push(frame)
    await turn()
    assert (cuts, queue.fullness_percent) == ([], 100)
    queue.push("d")
    await turn()
    assert cuts == [TRY_AGAIN_LATER]
    queue.push("e")
    await turn()
    assert (cuts, queue.fullness_percent) == ([TRY_AGAIN_LATER], 0)


async def test_nobody_waits_long_for_a_socket_that_stays_too_full_nor_for_one_that_is_so_most_of_the_time() -> None:
    stalled, dripping, busy = (subscriber([], max_messages=10) for _ in range(3))
    for frame in "abcdefgh":
        stalled.push(frame)
    pressures: list[list[int]] = [[], [], []]
    for look in range(600):
        for queue, is_full in ((dripping, look % 10 < 7), (busy, look % 10 < 4)):
            await _fill(queue, 8 if is_full else 5)
        for queue, seen in zip((stalled, dripping, busy), pressures, strict=True):
            seen.append(queue.pressure_percent(0.125))
    assert pressures[0] == [80] * 39 + [50] * 561
    assert 80 in pressures[1][:50]
    assert 80 not in pressures[1][200:]
    assert pressures[2][-10:] == [80] * 4 + [50] * 6
    await stalled.take()
    assert [stalled.pressure_percent(2.0) for _ in range(4)] == [0] * 4
    await _fill(stalled, 8)
    assert stalled.pressure_percent(0.1) == 80  # who reads again is waited for again


async def _fill(queue: Subscriber, count: int) -> None:
    if queue.fullness_percent:
        await queue.take()
    for _ in range(count):
        queue.push("x")


async def test_bytes_count_as_well_as_messages() -> None:
    cuts: list[int] = []
    queue = subscriber(cuts)
    queue.push("x" * 60)
    assert queue.fullness_percent == 60
    queue.push("x" * 60)
    await turn()
    assert cuts == [TRY_AGAIN_LATER]


async def test_more_than_fits_at_once_does_not_cut_who_takes_it_at_once() -> None:
    cuts: list[int] = []
    queue = subscriber(cuts)
    taking = asyncio.create_task(queue.take())
    await turn()
    for number in range(50):
        queue.push(str(number))
    assert await taking == [str(number) for number in range(50)]
    await turn()
    assert cuts == []


async def test_who_has_not_begun_to_take_is_not_judged_until_then() -> None:
    cuts: list[int] = []
    queue = Subscriber(cuts.append, max_messages=3, waits_for_taker=True)
    for number in range(5):
        queue.push(str(number))
    await turn()
    assert (cuts, len(await queue.take())) == ([], 5)
    for number in range(5):
        queue.push(str(number))
    await turn()
    assert cuts == [TRY_AGAIN_LATER]


async def test_a_cancelled_taker_loses_nothing() -> None:
    queue = subscriber([])
    taking = asyncio.create_task(queue.take())
    await turn()
    taking.cancel()
    queue.push("a")
    await turn()
    assert await queue.take() == ["a"]


async def test_a_stream_wraps_its_data_as_each_subscriber_asked() -> None:
    bare, named, stream = subscriber([]), subscriber([]), Stream()
    stream.add(bare, BARE)
    stream.add(named, named_envelope('a"b@trade'))
    stream.publish("{}")
    assert await bare.take() == ["{}"]
    assert await named.take() == ['{"stream":"a\\"b@trade","data":{}}']
    stream.remove(bare, BARE)
    assert stream.is_heard
    stream.remove(named, named_envelope('a"b@trade'))
    assert not stream.is_heard


async def test_the_first_change_is_shown_at_once_and_the_next_ones_together_after_the_period() -> None:
    flushed: list[int] = []
    cadence = Cadence(50, flushed.append)
    began = asyncio.get_running_loop().time()
    cadence.touch(1_000)
    assert flushed == [1_000]
    cadence.touch(1_010)
    cadence.touch(1_020)
    assert flushed == [1_000]
    while len(flushed) < 2:
        await asyncio.sleep(0.001)
    assert flushed == [1_000, 1_020]
    assert 0.045 <= asyncio.get_running_loop().time() - began < 1


async def test_the_venues_clock_ends_a_period_too_forwards_and_backwards() -> None:
    flushed: list[int] = []
    cadence = Cadence(60_000, flushed.append)
    for now_ms in (1_000, 61_000, 61_001, 500):
        cadence.touch(now_ms)
    assert flushed == [1_000, 61_000, 500]


async def test_what_is_cancelled_is_not_shown() -> None:
    flushed: list[int] = []
    cadence = Cadence(5, flushed.append)
    cadence.touch(1_000)
    cadence.touch(1_001)
    cadence.cancel()
    await asyncio.sleep(0.02)
    assert flushed == [1_000]
