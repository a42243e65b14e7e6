"""An order stopped after its first step, as if the worker had died there."""

from typing import Any

from engine.commands import PlaceOrder
from engine.venue import Venue


async def place_first_step(venue: Venue, order: PlaceOrder) -> list[Any]:
    """The first step's reply: [seq, record, fills, 1 or 0: more steps follow]. The rest is left to whoever comes."""
    spec = await venue.registry.spec(order.symbol)
    arguments = (
        order.account, order.symbol, order.key_digest, order.rules_version, order.side, order.type, order.time_in_force,
        order.price_ticks, order.lots, order.quote_order_atoms, order.client_order_id,
    )  # fmt: skip
    return await venue.runner.run("place_order", venue.keys.of_market(spec.symbol, spec.base, spec.quote), arguments)
