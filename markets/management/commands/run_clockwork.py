"""`manage.py run_clockwork`: keep the candles, as long as nobody else does. `up` starts one."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from engine.instance import NO_EXCHANGE
from markets.clockwork import Clockwork


class Command(BaseCommand):
    help = "Folds trades into candles until it is stopped. Several may run: one works, the others wait for its lease."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError(NO_EXCHANGE)
        asyncio.run(keep_candles(settings.REDIS_URL, settings.EXCHANGE_VENUE))


async def keep_candles(redis_url: str, venue_name: str) -> None:
    """Until SIGTERM or SIGINT."""
    work = asyncio.create_task(Clockwork(redis_url, venue_name).run())
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, work.cancel)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()
