"""The venue's clock and its epoch: what sets them. Reading is `Queries.clock`.

The fact a newcomer would get wrong: time inside a clock mode never runs backwards; only `set_clock` moves it back,
and only when no order, trade or candle is later than the new time.
"""

import asyncio
from collections.abc import Sequence

from engine.errors import OtherLayout, Reason, Rejected
from engine.keys import LAYOUT, Keys
from engine.registry import Registry
from engine.runner import Pending, Runner, Word

CLEARINGS = 20  # until a market that goes on trading is taken to be too quick


class ClockControl:
    """All methods raise EngineUnavailable or OutcomeUnknown."""

    def __init__(self, runner: Runner, keys: Keys, registry: Registry) -> None:
        self._runner = runner
        self._keys = keys
        self._registry = registry

    async def open_venue(self) -> None:
        """Begin a new epoch if the server's run id or role is not the one of last time. Raises OtherLayout too."""
        info = await self._runner.command("INFO")
        fields = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        identity = f"{fields.get('run_id', 'in-process')}:{fields.get('role', 'master')}"
        words = (identity, LAYOUT)
        _, layout = await self._runner.run("open_venue", [self._keys.meta, self._keys.events], words)
        if int(layout) != LAYOUT:
            raise OtherLayout(int(layout), LAYOUT)

    async def set_virtual(self, now_ms: int, *, clear: bool = False) -> None:
        """Stop the clock at `now_ms`, from 1 on: in records 0 is "not yet".

        Rejected CLOCK_BACKWARDS when orders or trades are later.

        With `clear` the market is cleared first, also of what those do who go on trading meanwhile.
        """
        await self._set("virtual", now_ms, clear=clear)

    async def set_real(self, *, clear: bool = False) -> None:
        """Follow the machine's clock again. Rejected CLOCK_BACKWARDS, and `clear`, as above."""
        await self._set("real", 0, clear=clear)

    async def _set(self, mode: str, now_ms: int, *, clear: bool) -> None:
        arguments: list[Word] = [mode, now_ms, *await self._registry.specs()]
        if clear:
            await self.clear_market()
        try:
            await self._set_clock(arguments)
        except Rejected as error:
            if not clear or error.reason is not Reason.CLOCK_BACKWARDS:
                raise
            await self._clear_and_set(arguments)

    async def _clear_and_set(self, arguments: Sequence[Word]) -> None:
        """For a market that goes on trading: commands that leave together let nobody's in between."""
        failure: BaseException | None = None
        for _ in range(CLEARINGS):
            clearing = [self._clear(symbol, keys) for symbol, keys in await self._markets()]
            *_, failure = await asyncio.gather(*clearing, self._set_clock(arguments), return_exceptions=True)
            if not (isinstance(failure, Rejected) and failure.reason is Reason.CLOCK_BACKWARDS):
                break
        if failure is not None:
            raise failure

    async def _set_clock(self, arguments: Sequence[Word]) -> None:
        await self._runner.run("set_clock", [self._keys.meta, self._keys.events, self._keys.limits], arguments)

    async def clear_market(self) -> None:
        """Cancel every open order and forget all trades, candles and ended orders, so that the clock may go back.

        One command a symbol, after an unfinished order of it. Balances keep what they are; order and trade ids go on.
        """
        for symbol, keys in await self._markets():
            await self._clear(symbol, keys)

    async def _markets(self) -> list[tuple[str, list[str]]]:
        """Each symbol with the keys that clearing it touches."""
        return [
            (spec.symbol, [*await self._registry.market_keys(spec, tape=True), self._keys.candles(spec.symbol)])
            for spec in (await self._registry.specs()).values()
        ]

    async def _clear(self, symbol: str, keys: list[str]) -> None:
        while True:
            try:
                await self._runner.run("clear_market", keys, (symbol,))
                return
            except Pending:
                await self._runner.run("continue_order", keys, (symbol,))
