"""`manage.py make_recording --seed 7 --seconds 60 FILE`: a made-up recording, the same for the same seed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from engine.amounts import to_atoms
from engine.errors import BadParameter
from engine.types import ORDER_LIMIT, PRICE_DECIMALS
from markets.publish import explain
from simulation.clock import read_time
from simulation.tape.synthesis import Market, write_recording


class Command(BaseCommand):
    help = "Write a synthetic recording in the format of `replay`: a wandering book, its trades and depth changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="where to; gzip if the name ends with .gz")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same recording (1)")
        parser.add_argument("--seconds", type=int, default=60, help="how long it lasts (60)")
        parser.add_argument("--symbol", default="BTCUSDT", help="what it calls itself (BTCUSDT)")
        parser.add_argument("--price", default="60000", help="where the price begins (60000)")
        parser.add_argument("--tick-size", default="0.01", help="smallest step of its prices (0.01)")
        parser.add_argument("--lot-size", default="0.00001", help="smallest step of its quantities (0.00001)")
        parser.add_argument(
            "--start", default="2024-01-01T00:00:00", help="its first moment, UTC (2024-01-01T00:00:00)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if options["seconds"] < 1:
            raise CommandError(f"--seconds {options['seconds']}: it must last a second at least")
        try:
            market = Market(
                symbol=options["symbol"],
                price_units=_units("--price", options["price"]),
                tick_units=_units("--tick-size", options["tick_size"]),
                lot_units=_units("--lot-size", options["lot_size"]),
                start_ms=read_time(options["start"]),
            )
        except BadParameter as error:
            raise CommandError(explain(error)) from error
        if market.price_units < 10_000 * market.tick_units:
            raise CommandError("--price: the book needs room to wander, at least 10,000 ticks")
        try:
            count = write_recording(path, seed=options["seed"], seconds=options["seconds"], market=market)
        except OSError as error:
            raise CommandError(f"{path} cannot be written ({error.strerror})") from error
        self.stdout.write(f"{path}: {count} lines, {path.stat().st_size} bytes, seed {options['seed']}")


def _units(name: str, text: str) -> int:
    """A decimal text in 1e-8, above zero. Raises BadParameter."""
    units = to_atoms(text, decimals=PRICE_DECIMALS, limit=ORDER_LIMIT, field=name)
    if units == 0:
        raise BadParameter(name, "OUT_OF_RANGE", value=text, detail="it must be above zero")
    return units
