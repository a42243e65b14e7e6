"""The base of our management commands: the same on a running exchange and on a stopped one.

The fact a newcomer would get wrong: on a stopped exchange the embedded Redis lives as long as the command, so its URL
is known only inside `handle_in_venue`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from engine.embedded import EmbeddedServerError
from engine.errors import ExchangeError
from engine.instance import DataDirectoryError, attached
from markets.publish import explain


class VenueCommand(BaseCommand, ABC):
    """Subclasses write `handle_in_venue`; wrong input and a missing Redis end in one line."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with _settings_attached():
                self.handle_in_venue(**options)
        except (DataDirectoryError, EmbeddedServerError) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"the database cannot be used: {one_line(error)}") from error
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
        except ExchangeError as error:
            raise CommandError(explain(error)) from error

    @abstractmethod
    def handle_in_venue(self, **options: Any) -> None:
        """What the command does; settings.REDIS_URL answers."""


@contextmanager
def _settings_attached() -> Iterator[None]:
    before = settings.REDIS_URL
    directory, given = settings.EXCHANGE_DATA_DIR, settings.REDIS_URL_FROM_ENV
    with attached(directory, redis_url=given, durability=settings.EXCHANGE_DURABILITY) as redis_url:
        settings.REDIS_URL = redis_url
        try:
            yield
        finally:
            settings.REDIS_URL = before


def one_line(error: Exception) -> str:
    """An error's text without the lines that drivers of databases break it into."""
    return " ".join(str(error).split())


def asset_and_amount(text: str) -> tuple[str, str]:
    """Split "BTC=1.5". Raises CommandError."""
    asset, equals, amount = text.partition("=")
    if not (asset and equals and amount):
        raise CommandError(f"{text!r} is not ASSET=AMOUNT, like BTC=1.5")
    return asset, amount
