"""Django on the test's venue: a database, a data directory, a staff login, and synchronous ways to ask the engine."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from msgspec.structs import replace
from pytest_django import Settings

from accounts.services import CreatedUser, create_user, credit, read_amounts
from engine.gateway import Placed
from engine.types import Side
from engine.venue import Venue, opened
from markets.publish import run_in_venue
from markets.services import add_symbol
from tests.conftest import balance, finish, limit


@pytest.fixture(autouse=True)
def exchange(
    transactional_db: None, redis_url: str, venue_name: str, tmp_path: Path, settings: Settings
) -> Iterator[None]:
    """BTCUSDT on a fresh venue; ends with the audit. The database commits, since saving publishes after the commit."""
    settings.REDIS_URL = redis_url
    settings.EXCHANGE_VENUE = venue_name
    settings.EXCHANGE_DATA_DIR = tmp_path
    settings.REDIS_URL_FROM_ENV = redis_url
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes 0.3 s
    add_symbol("BTCUSDT", "BTC", "USDT")
    yield

    async def end() -> None:
        async with opened(redis_url, venue_name) as venue:
            await finish(venue)

    asyncio.run(end())


@pytest.fixture
def alice() -> CreatedUser:
    """A user with 10 BTC and 1,000,000 USDT."""
    return rich("alice")


@pytest.fixture
def bob() -> CreatedUser:
    return rich("bob")


def rich(name: str) -> CreatedUser:
    user = create_user(name)
    credit(user.account, read_amounts([("BTC", "10"), ("USDT", "1000000")]))
    return user


def place(user: CreatedUser, side: Side, price_ticks: int, lots: int, **more: Any) -> Placed:
    """A LIMIT order under the rules in force; `more` are other members of PlaceOrder."""

    async def ask(venue: Venue) -> Placed:
        spec = await venue.registry.spec("BTCUSDT")
        order = limit(user.account, side, price_ticks, lots)
        return await venue.gateway.place_order(replace(order, rules_version=spec.rules_version, **more))

    return run_in_venue(ask)


def money(user: CreatedUser, asset: str) -> tuple[int, int]:
    """(free, locked) in atoms."""
    return run_in_venue(lambda venue: balance(venue, user.account, asset))


@pytest.fixture
def staff(admin_client: Client) -> Client:
    """A browser logged in as superuser."""
    return admin_client


def act(client: Client, path: str, action: str, *selected: Any, **fields: Any) -> Any:
    """Run an action of a list page and follow to the page it leads to."""
    data = {"action": action, "_selected_action": [str(each) for each in selected], **fields}
    return client.post(path, data, follow=True)


def page(response: Any) -> str:
    """The text of a page that was answered with 200."""
    assert response.status_code == 200, response.content[:500]
    return str(response.content.decode())
