"""Management commands: on a running exchange and on a stopped one, and one clear line for what is wrong."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from pytest_django import Settings

from accounts import services
from accounts.digests import key_digest
from accounts.models import ApiKey, Trader
from accounts.secrets import unseal
from accounts.services import CreatedUser, change_trader, publish_all
from engine.queries import PublicTrade
from engine.records import OrderRecord
from engine.types import Side
from engine.venue import Venue
from markets.models import Symbol
from markets.publish import run_in_venue
from markets.services import add_symbol
from simulation.demo import demo_api_key
from tests.admin.conftest import money, place
from tests.conftest import keys_of

ROOT = Path(__file__).resolve().parents[2]
ONE = 10**8


def run(*words: str, **options: Any) -> str:
    """What a command prints."""
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def account_of(name: str) -> CreatedUser:
    return CreatedUser(name=name, account=Trader.objects.get(name=name).account, api_key="", secret="")


def test_create_user_prints_what_a_program_needs() -> None:
    shown = json.loads(run("create_user", "carol", "--deposit", "BTC=1", "--deposit", "USDT=50000.5", "--json"))
    assert shown["user"] == "carol"
    key = ApiKey.objects.get(digest=key_digest(shown["api_key"]))
    assert unseal(key.sealed_secret, digest=key.digest) == shown["secret"]
    assert money(account_of("carol"), "BTC") == (ONE, 0)
    assert money(account_of("carol"), "USDT") == (5_000_050_000_000, 0)
    again = run("create_user", "carol")
    assert re.search(r"^api_key: \w{64}$", again, re.MULTILINE)
    assert ApiKey.objects.filter(trader__name="carol").count() == 2


def test_migrations_say_what_the_models_say() -> None:
    run("makemigrations", "--check", "--dry-run")


def test_deposit_in_both_spellings() -> None:
    run("create_user", "carol")
    assert "credited 1.5 BTC to carol" in run("deposit", "carol", "BTC", "1.5")
    run("deposit", "carol", "BTC=0.5", "USDT=7")
    assert money(account_of("carol"), "BTC") == (2 * ONE, 0)
    assert money(account_of("carol"), "USDT") == (7 * ONE, 0)


def test_add_symbol() -> None:
    assert "ETHBTC is open" in run(
        "add_symbol", "ETHBTC", "--base", "ETH", "--quote", "BTC", "--tick-size", "0.000001", "--lot-size", "0.001",
        "--min-notional", "0.0001", "--maker-fee", "0", "--taker-fee", "0.002", "--max-price", "1000",
    )  # fmt: skip
    spec = Symbol.objects.get(symbol="ETHBTC").spec()
    assert (spec.tick_units, spec.lot_units, spec.maker_fee_e8, spec.taker_fee_e8) == (100, 100_000, 0, 200_000)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deposit", "nobody", "BTC", "1"], "there is no such user (nobody)"),
        (["deposit", "alice", "DOGE", "1"], "no symbol trades this asset (DOGE)"),
        (["deposit", "alice", "BTC", "-1"], "'-1' is negative"),
        (["deposit", "alice", "BTC", "0"], "must be above zero"),
        (["deposit", "alice", "BTC", "0x10"], "'0x10' is not a plain decimal number"),
        (["deposit", "alice", "BTC", "0.000000001"], "finer than the asset's smallest unit"),
        (["deposit", "alice", "BTC"], "'BTC' is not ASSET=AMOUNT"),
        (["create_user", "new", "--deposit", "BTC=1e30"], "'1e30' is too large"),
        (["create_user", "new", "--deposit", "DOGE=1"], "no symbol trades this asset (DOGE)"),
        (["create_user", "a@b"], "@ is not possible in a name"),
        (["create_user", "BTCUSDT"], "is the name of a symbol"),
        (["create_user", ""], "name: "),
        (["add_symbol", "BTCUSDT", "--base", "BTC", "--quote", "USDT"], "BTCUSDT exists already"),
        (["add_symbol", "btc", "--base", "BTC", "--quote", "USDT"], "2 to 20 capitals"),
        (["add_symbol", "AB", "--base", "A", "--quote", "A"], "the same asset, A"),
        (["add_symbol", "AB", "--base", "A", "--quote", "B", "--tick-size", "x"], "tick size: 'x' is not a plain"),
    ],
)
def test_wrong_input_is_one_line_and_changes_nothing(alice: CreatedUser, words: list[str], said: str) -> None:
    with pytest.raises(CommandError) as refusal:
        run(*words)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert list(Trader.objects.values_list("name", flat=True)) == ["alice"]
    assert list(Symbol.objects.values_list("symbol", flat=True)) == ["BTCUSDT"]
    assert money(alice, "BTC") == (10 * ONE, 0)


def test_audit_finds_nothing_and_then_a_difference(alice: CreatedUser) -> None:
    place(alice, Side.SELL, 6_000_000, 500)
    report = json.loads(run("audit", "--json"))
    assert report == {"differences": [], "accounts": 1, "orders": 1, "assets": 2}

    async def move(venue: Venue, atoms: int) -> None:
        await venue.runner.command("HINCRBY", venue.keys.balance("BTC"), f"{alice.account}:free", atoms)

    run_in_venue(lambda venue: move(venue, 1))
    with pytest.raises(SystemExit) as end:
        run("audit")
    assert end.value.code == 1
    run_in_venue(lambda venue: move(venue, -1))
    assert "0 differences in 1 accounts, 1 open orders, 2 assets" in run("audit")


def test_without_redis_a_command_says_so(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL_FROM_ENV = f"unix://{tmp_path}/nobody.sock"
    with pytest.raises(CommandError, match="Redis cannot be reached"):
        run("audit")
    assert not Trader.objects.exists()


def test_redis_is_rebuilt_from_sql(alice: CreatedUser) -> None:
    """Symbols, accounts, their trade groups and keys; balances are Redis' own."""
    change_trader("alice", trade_group=7)

    async def lose_and_look(venue: Venue) -> None:
        await venue.runner.command("DEL", *await keys_of(venue))

    run_in_venue(lose_and_look)
    publish_all()

    async def look(venue: Venue) -> tuple[list[str], int, bool, bytes]:
        key = await venue.registry.key(key_digest(alice.api_key))
        group = await venue.runner.command("HGET", venue.keys.trade_groups, str(alice.account))
        return list(await venue.registry.specs()), await venue.registry.account_number("alice"), key is not None, group

    assert run_in_venue(look) == (["BTCUSDT"], alice.account, True, b"7")


class Market:
    """The demo market as Redis has it."""

    def __init__(self) -> None:
        self.seq, self.orders, self.trades = run_in_venue(self._read)

    @staticmethod
    async def _read(venue: Venue) -> tuple[int, dict[str, list[OrderRecord]], dict[str, list[PublicTrade]]]:
        specs = await venue.registry.specs()
        orders = {spec.symbol: await venue.queries.book_orders(spec) for spec in specs.values()}
        trades = {symbol: await venue.queries.trades(symbol, limit=1_000) for symbol in specs}
        return (await venue.queries.clock()).seq, orders, trades


def test_the_demo_market_is_made_once(settings: Settings) -> None:
    assert "was made" in run("seed_demo")
    market = Market()
    assert sum(len(trades) for trades in market.trades.values()) == 50
    for symbol, middle in (("BTCUSDT", 6_000_000), ("ETHUSDT", 260_000)):
        sides = [[order.price_ticks for order in market.orders[symbol] if order.side is side] for side in Side]
        assert [len(set(prices)) for prices in sides] == [20, 20]
        assert max(sides[0]) < middle < min(sides[1])
    for name in ("demo", "alice", "bob"):
        user = account_of(name)
        assert [money(user, asset)[0] for asset in ("BTC", "ETH", "USDT")] == [10 * ONE, 100 * ONE, 10**6 * ONE]
    kept = settings.EXCHANGE_DATA_DIR / "demo_keys.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    key = demo_api_key()
    assert key is not None
    assert ApiKey.objects.get(digest=key_digest(key)).trader.name == "demo"

    assert "was there already" in run("seed_demo")
    assert Market().seq == market.seq
    assert demo_api_key() == key
    assert ApiKey.objects.count() == 3


def test_the_demo_market_is_the_same_every_time(settings: Settings, venue_name: str) -> None:
    run("seed_demo")
    first = Market()
    settings.EXCHANGE_VENUE = f"{venue_name}-again"
    run("seed_demo")
    second = Market()
    assert [fill.fill for fill in second.trades["BTCUSDT"]] == [fill.fill for fill in first.trades["BTCUSDT"]]
    assert [(each.side, each.price_ticks, each.lots) for each in second.orders["ETHUSDT"]] == [
        (each.side, each.price_ticks, each.lots) for each in first.orders["ETHUSDT"]
    ]

    async def forget(venue: Venue) -> None:
        await venue.runner.command("DEL", *await keys_of(venue))

    run_in_venue(forget)
    settings.EXCHANGE_VENUE = venue_name


def test_an_interrupted_seeding_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from simulation import demo

    with monkeypatch.context() as broken:
        broken.setattr(demo._Seeding, "_fill_book", None)
        with pytest.raises(TypeError):
            run("seed_demo")
    assert "was made" in run("seed_demo")
    assert [len(Market().orders[symbol]) for symbol in ("BTCUSDT", "ETHUSDT")] == [40, 40]


def test_symbols_only_has_nobody_trading() -> None:
    run("seed_demo", symbols_only=True)
    market = Market()
    assert market.orders == {"BTCUSDT": [], "ETHUSDT": []}
    assert not Trader.objects.exists()
    assert demo_api_key() is None


def test_commands_work_on_a_stopped_exchange(tmp_path: Path) -> None:
    """Each starts the embedded server on the data directory, and finds what the one before has left."""
    folder = tmp_path / "stopped"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("EXCHANGE_", "REDIS_"))}
    environment |= {"EXCHANGE_NO_BOOTSTRAP": "1", "EXCHANGE_DATA_DIR": str(folder)}

    def manage(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert manage("seed_demo", "--symbols-only").returncode == 0
    assert manage("create_user", "carol", "--deposit", "BTC=1").returncode == 0
    assert manage("deposit", "carol", "BTC", "2").stdout == "credited 2 BTC to carol\n"
    audit = manage("audit", "--json")
    assert json.loads(audit.stdout) == {"differences": [], "accounts": 1, "orders": 0, "assets": 3}
    refused = manage("deposit", "carol", "BTC", "x")
    assert refused.returncode == 1
    assert refused.stderr == "CommandError: amount: 'x' is not a plain decimal number such as 1.5\n"


@pytest.mark.parametrize("checks_too", [False, True], ids=["seen by the check", "seen by the database"])
def test_whoever_asks_at_the_same_moment_as_another_worker_gets_what_that_one_made(
    alice: CreatedUser, monkeypatch: pytest.MonkeyPatch, checks_too: bool
) -> None:
    """The look whether there is one comes too early; the check before saving perhaps too."""
    if checks_too:
        monkeypatch.setattr("django.db.models.Model.full_clean", lambda *_: None)
    early = ["user", "user again"]  # looks still to come; the first sees nothing
    really_find, really_exists = services.find, QuerySet.exists
    monkeypatch.setattr(services, "find", lambda name: None if early.pop(0) == "user" else really_find(name))
    assert services.ensure_trader("alice").account == alice.account
    assert Trader.objects.filter(name="alice").count() == 1
    early[:] = ["symbol"]  # emptied by the look that sees nothing
    monkeypatch.setattr(QuerySet, "exists", lambda self: not (early and early.pop()) and really_exists(self))
    assert add_symbol("BTCUSDT", "BTC", "USDT") is False
    assert early == []
    assert Symbol.objects.count() == 1
