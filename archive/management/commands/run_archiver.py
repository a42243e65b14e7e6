"""`manage.py run_archiver`: the process that copies the exchange's events into SQL. `up` starts it."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.archiver import Archiver
from engine.instance import NO_EXCHANGE


class Command(BaseCommand):
    help = "Copy the events of the running exchange into SQL until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError(NO_EXCHANGE)
        asyncio.run(_archive(settings.REDIS_URL, settings.EXCHANGE_VENUE))


async def _archive(redis_url: str, venue_name: str) -> None:
    archiver = Archiver(redis_url, venue_name)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, archiver.stop)
    await archiver.run()
