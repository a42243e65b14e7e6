"""What a replay needs before its first command: two accounts with deep pockets, a market that is free, the clock.

The fact a newcomer would get wrong: most recordings are older than what the exchange has seen, and its clock goes back
only when nothing is later. What only the demo and earlier replays left behind is cleared away without asking; what
users did is not.
"""

import msgspec
from channels.db import database_sync_to_async

from accounts.services import ensure_trader
from engine.commands import CancelAllOrders, TapeFrame, TapeLevel, Transfer
from engine.errors import ExchangeError, Reason, Rejected
from engine.queries import decode_trades
from engine.records import decode_order
from engine.types import TAPE_MAKER, TAPE_TAKER, Side, SymbolSpec, SymbolStatus
from engine.venue import Venue
from simulation import demo
from simulation.clock import shown
from simulation.tape.recording import DEEP_POCKETS_ATOMS, LEVELS_AT_ONCE, Recording

HOUSE = (TAPE_MAKER, TAPE_TAKER, demo.MAKER, demo.TAKER)
PAGE = 1_000


class ReplayRefused(ExchangeError):
    """A replay cannot begin or go on; the text says why and what to do."""


class Stage(msgspec.Struct, frozen=True):
    """The tape's accounts, and what was done to make room, in sentences."""

    maker_account: int
    taker_account: int
    notes: list[str]


async def prepare(venue: Venue, recording: Recording, *, clear: bool = False) -> Stage:
    """Make room for a recording and set the clock to its beginning.

    `clear` forgets everybody's open orders and trades. Raises ReplayRefused when users' orders or trades are later
    than the recording and `clear` was not said (nothing changed), and what the engine raises.
    """
    specs = await venue.registry.specs()
    for symbol in recording.symbols:
        if specs[symbol].status is not SymbolStatus.TRADING:
            raise ReplayRefused(f"{symbol} is halted: resume it first")
    house = await _house(venue)
    active = await _active(venue, specs)
    is_later = await _changed_ms(venue, specs) > recording.first_ms
    users = active - house
    if is_later and users and not clear:
        raise ReplayRefused(await _refusal(venue, recording, users))
    stage = Stage(await _tape_account(venue, TAPE_MAKER), await _tape_account(venue, TAPE_TAKER), [])
    await _end_other_replay(venue, recording, stage)
    is_cleared = (clear or not users) and bool(active or is_later)
    try:
        if is_cleared and not clear:
            await venue.clock.clear_market()
        await venue.clock.set_virtual(recording.first_ms, clear=is_cleared and clear)
    except Rejected as error:
        if error.reason is not Reason.CLOCK_BACKWARDS:
            raise
        raise ReplayRefused(await _refusal(venue, recording, await _active(venue, specs) - house)) from error
    if is_cleared:
        left_by = "" if clear else " of the demo and of earlier replays; nobody else had any"
        stage.notes.append(f"Cleared all open orders and trades{left_by}.")
    await _clear_house(venue, recording, house, stage)
    await _fill_pockets(venue, recording, stage)
    return stage


async def _end_other_replay(venue: Venue, recording: Recording, stage: Stage) -> None:
    """A replay that still runs would move the clock on; a mark that is not its own ends it."""
    if (await venue.queries.clock()).mode == "virtual" and await venue.runner.command("HGET", venue.keys.meta, "tape"):
        await venue.gateway.apply_frame(await _frame(venue, recording.symbols[0], stage, []))


async def _house(venue: Venue) -> set[int]:
    found = set()
    for name in HOUSE:
        try:
            found.add(await venue.registry.account_number(name))
        except Rejected:  # there is no such account
            continue
    return found


async def _tape_account(venue: Venue, name: str) -> int:
    try:
        return await venue.registry.account_number(name)
    except Rejected:
        trader = await database_sync_to_async(ensure_trader)(name)
        return int(trader.account)


async def _active(venue: Venue, specs: dict[str, SymbolSpec]) -> set[int]:
    """Who has orders or trades anywhere."""
    return {account for spec in specs.values() for account in await _active_accounts(venue, spec)}


async def _active_accounts(venue: Venue, spec: SymbolSpec) -> set[int]:
    """Whose orders, open or ended, and trades Redis has on a symbol."""
    found: set[int] = set()
    for key in (venue.keys.symbol(spec.symbol), venue.keys.ended(spec.symbol)):
        cursor = b"0"
        while True:
            cursor, flat = await venue.runner.command("HSCAN", key, cursor, "COUNT", PAGE)
            pairs = zip(flat[::2], flat[1::2], strict=True)
            found.update(decode_order(record).account for field, record in pairs if field.isdigit())
            if cursor == b"0":
                break
    position = "-"
    while entries := await venue.runner.command("XRANGE", venue.keys.trades(spec.symbol), position, "+", "COUNT", PAGE):
        for entry in entries:
            for trade in decode_trades(entry):
                found.update((trade.fill.taker_account, trade.fill.maker_account))
        position = "(" + entries[-1][0].decode()
    return found


async def _changed_ms(venue: Venue, specs: dict[str, SymbolSpec]) -> int:
    """When the market last changed; the clock cannot go further back."""
    times = await venue.runner.command("HMGET", venue.keys.meta, *(f"changed_ms:{symbol}" for symbol in specs))
    return max((int(time or 0) for time in times), default=0)


async def _refusal(venue: Venue, recording: Recording, users: set[int]) -> str:
    names = []
    for account in sorted(users)[:3]:
        try:
            names.append(await venue.registry.account_name(account))
        except Rejected:
            names.append(f"account {account}")
    others = f" and {len(users) - len(names)} more" if len(users) > len(names) else ""
    return (
        f"the recording begins at {shown(recording.first_ms)}, but the market has later orders or trades of "
        f"{', '.join(names)}{others}: with --clear all open orders are cancelled and all trades forgotten first"
    )


async def _clear_house(venue: Venue, recording: Recording, house: set[int], stage: Stage) -> None:
    """Where users' orders stay, those of the demo and of an earlier replay leave by themselves."""
    for symbol in recording.symbols:
        await _empty_tape(venue, symbol, stage)
        for account in sorted(house | {stage.maker_account}):
            try:
                gone = await venue.gateway.cancel_all_orders(CancelAllOrders(account=account, symbol=symbol))
            except Rejected as error:
                if error.reason is not Reason.UNKNOWN_ORDER:
                    raise
            else:
                name = await venue.registry.account_name(account)
                stage.notes.append(f"Cancelled {len(gone)} orders of {name} on {symbol}.")


async def _empty_tape(venue: Venue, symbol: str, stage: Stage) -> None:
    """What the last replay left on the book goes, and what users took from it counts no more."""
    levels = [
        TapeLevel(side, int(price), 0)
        for side in Side
        for price in await venue.runner.command("HKEYS", venue.keys.tape(symbol, side))
    ]
    for first in range(0, len(levels), LEVELS_AT_ONCE):
        await venue.gateway.apply_frame(await _frame(venue, symbol, stage, levels[first : first + LEVELS_AT_ONCE]))


async def _frame(venue: Venue, symbol: str, stage: Stage, levels: list[TapeLevel]) -> TapeFrame:
    """A frame at the time the clock has, with a mark that no replay follows."""
    return TapeFrame(
        symbol=symbol, rules_version=(await venue.registry.spec(symbol)).rules_version, now_ms=0,
        maker_account=stage.maker_account, taker_account=stage.taker_account, mark="prepared", levels=levels,
    )  # fmt: skip


async def _fill_pockets(venue: Venue, recording: Recording, stage: Stage) -> None:
    assets = sorted({asset for symbol in recording.symbols for asset in await _assets(venue, symbol)})
    for account in (stage.maker_account, stage.taker_account):
        for balance in await venue.queries.balances(account, assets):
            missing = DEEP_POCKETS_ATOMS - balance.free_atoms - balance.locked_atoms
            if missing > 0:
                await venue.gateway.credit(Transfer(account=account, asset=balance.asset, atoms=missing))


async def _assets(venue: Venue, symbol: str) -> tuple[str, str]:
    spec = await venue.registry.spec(symbol)
    return spec.base, spec.quote
