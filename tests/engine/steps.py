"""An order stopped after its first step, as if the worker had died there."""

from typing import Any

from engine.commands import PlaceOrder
from engine.gateway import place_arguments
from engine.venue import Venue


async def place_first_step(venue: Venue, order: PlaceOrder) -> list[Any]:
    """The first step's reply, as place_order.lua describes it. The rest is left to whoever comes."""
    spec = await venue.registry.spec(order.symbol)
    return await venue.runner.run("place_order", await venue.registry.market_keys(spec), place_arguments(order))
