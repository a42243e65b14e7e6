"""The venue's clock and its epoch: what sets them. Reading is `Queries.clock`.

The fact a newcomer would get wrong: time inside a clock mode never runs backwards; only `set_clock` moves it back,
and only when no order, trade or candle is later than the new time.
"""

from engine.keys import Keys
from engine.registry import Registry
from engine.runner import Pending, Runner


class ClockControl:
    """All methods raise EngineUnavailable or OutcomeUnknown."""

    def __init__(self, runner: Runner, keys: Keys, registry: Registry) -> None:
        self._runner = runner
        self._keys = keys
        self._registry = registry

    async def open_venue(self) -> None:
        """Begin a new epoch if the server's run id or role is not the one of last time."""
        info = await self._runner.command("INFO")
        fields = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        identity = f"{fields.get('run_id', 'in-process')}:{fields.get('role', 'master')}"
        await self._runner.run("open_venue", [self._keys.meta, self._keys.events], (identity,))

    async def set_virtual(self, now_ms: int) -> None:
        """Stop the clock at `now_ms`. Rejected CLOCK_BACKWARDS when orders or trades are later: clear the market."""
        await self._set("virtual", now_ms)

    async def set_real(self) -> None:
        """Follow the machine's clock again. Rejected CLOCK_BACKWARDS as above."""
        await self._set("real", 0)

    async def _set(self, mode: str, now_ms: int) -> None:
        symbols = await self._registry.specs()
        keys = [self._keys.meta, self._keys.events, self._keys.limits]
        await self._runner.run("set_clock", keys, (mode, now_ms, *symbols))

    async def clear_market(self) -> None:
        """Cancel every open order and forget all trades, candles and ended orders, so that the clock may go back.

        One command a symbol, after an unfinished order of it. Balances keep what they are; order and trade ids go on.
        """
        for spec in (await self._registry.specs()).values():
            keys = [*await self._registry.market_keys(spec, tape=True), self._keys.candles(spec.symbol)]
            while True:
                try:
                    await self._runner.run("clear_market", keys, (spec.symbol,))
                    break
                except Pending:
                    await self._runner.run("continue_order", keys, (spec.symbol,))
