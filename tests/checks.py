"""A plain recount of a venue's books, from the raw keys: what must hold after every command."""

from collections import Counter, defaultdict

from engine.events import decode_order
from engine.types import Side
from engine.venue import Venue


async def differences(venue: Venue) -> list[str]:
    """Sentences about what does not agree; empty when the books are right."""
    found: list[str] = []
    locked: dict[str, Counter[int]] = defaultdict(Counter)
    open_members: set[str] = set()
    for spec in (await venue.registry.specs()).values():
        orders = [decode_order(record) for record in await _values(venue, venue.keys.orders(spec.symbol))]
        depth = {side: Counter[int]() for side in Side}
        for order in orders:
            locked[spec.quote if order.side is Side.BUY else spec.base][order.account] += order.locked_atoms
            depth[order.side][order.price_ticks] += order.left_lots
            open_members.add(f"{order.account}|{spec.symbol}|{order.order_id:016d}")
        for side in Side:
            stored = await _hash(venue, venue.keys.depth(spec.symbol, side))
            if {int(price): int(lots) for price, lots in stored.items()} != depth[side]:
                found.append(f"{spec.symbol} {side}: depth {stored} but orders say {dict(depth[side])}")
            levels = await venue.runner.command("ZRANGE", venue.keys.levels(spec.symbol, side), 0, -1)
            best_first = sorted(depth[side], reverse=side is Side.BUY)
            if [int(price) for price in levels] != best_first:
                found.append(f"{spec.symbol} {side}: levels {levels} but orders say {best_first}")
            queue = await venue.runner.command("ZRANGE", venue.keys.book(spec.symbol, side), 0, -1)
            mine = sorted((o for o in orders if o.side is side), key=lambda o: (side.sign * o.price_ticks, o.order_id))
            if [int(member) for member in queue] != [order.order_id for order in mine]:
                found.append(f"{spec.symbol} {side}: the queue is {queue}, not in order of price and age")
        if depth[Side.BUY] and depth[Side.SELL] and max(depth[Side.BUY]) >= min(depth[Side.SELL]):
            found.append(f"{spec.symbol}: the book is crossed")
    stored_open = {member.decode() for member in await venue.runner.command("ZRANGE", venue.keys.open, 0, -1)}
    if stored_open != open_members:
        found.append(f"open orders {stored_open ^ open_members} stand in one place only")
    for asset in await venue.registry.assets():
        found += await _money(venue, asset, locked[asset])
    return found


async def _money(venue: Venue, asset: str, needed: Counter[int]) -> list[str]:
    fields = {name: int(value) for name, value in (await _hash(venue, venue.keys.balance(asset))).items()}
    found = [f"{asset} {name} is {value}" for name, value in fields.items() if value < 0]
    totals = {name: fields.pop(name, 0) for name in ("#fees", "#credited", "#debited")}
    if sum(fields.values()) + totals["#fees"] != totals["#credited"] - totals["#debited"]:
        found.append(f"{asset}: {sum(fields.values())} held, {totals}")
    held = {int(name.split(":")[0]): value for name, value in fields.items() if name.endswith(":locked") and value}
    if held != {account: atoms for account, atoms in needed.items() if atoms}:
        found.append(f"{asset}: locked {held}, open orders need {dict(needed)}")
    return found


async def _hash(venue: Venue, key: str) -> dict[str, str]:
    flat = await venue.runner.command("HGETALL", key)
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


async def _values(venue: Venue, key: str) -> list[bytes]:
    return list(await venue.runner.command("HVALS", key))
