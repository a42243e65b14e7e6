"""The admin and the front page in a real browser, on a real `manage.py up`; what is clicked there is checked over REST.

The fact a newcomer would get wrong: the browser is the system's chromium, never one that playwright downloads. Without
it the whole file is skipped, and the reason says how to get one.
"""

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from tests.e2e.processes import Up, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH: `apt-get install chromium` (as root) gets one"
)
LIVE, TRADERS, KEYS, SYMBOLS = (
    "/admin/accounts/liveorder/", "/admin/accounts/trader/", "/admin/accounts/apikey/", "/admin/markets/symbol/",
)  # fmt: skip
ORDERS, TRADES = "/admin/archive/archivedorder/", "/admin/archive/archivedtrade/"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """BTCUSDT and ETHUSDT, and nobody but those whom the tests make."""
    running = Up(tmp_path_factory.mktemp("admin") / "data", "--no-demo")
    try:
        yield running.wait_until_open()
    finally:
        if running.process.poll() is None:
            running.end()


@pytest.fixture(scope="module")
def admin(exchange: Up) -> Iterator[Page]:
    """A page that has logged in through the form, with the password that `up` keeps. No script on it may fail."""
    failures: list[str] = []
    with sync_playwright() as playwright:
        # Its sandbox does not work for root, nor its shared memory in small containers.
        arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(base_url=exchange.url, viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.set_default_timeout(20_000)
        page.goto("/admin/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill((exchange.folder / "admin_password").read_text().strip())
        follow(page.get_by_role("button", name="Log in"))
        assert page.get_by_role("link", name="Open orders (live)").first.is_visible()
        yield page
        browser.close()
    assert not failures


class Trader:
    """A user of the exchange over REST."""

    def __init__(self, exchange: Up, name: str, **money: str) -> None:
        self.name = name
        token = {"X-Sim-Token": (exchange.folder / "sim.token").read_text().strip()}
        with httpx.Client(base_url=f"{exchange.url}/_sim", headers=token) as simulation:
            made = simulation.post("/users", json={"name": name}).raise_for_status().json()
            for asset, amount in money.items():
                simulation.post("/credit", json={"user": name, "asset": asset, "amount": amount}).raise_for_status()
        self.rest = httpx.Client(base_url=f"{exchange.url}/api/v1", headers={"X-API-KEY": made["apiKey"]})

    def place(self, side: str, price: str, quantity: str, symbol: str = "BTCUSDT") -> httpx.Response:
        order = {"symbol": symbol, "side": side, "type": "LIMIT", "price": price, "quantity": quantity}
        return self.rest.post("/order", json=order)

    def status(self, order_id: int) -> str:
        asked = self.rest.get("/order", params={"symbol": "BTCUSDT", "orderId": order_id})
        return str(asked.raise_for_status().json()["status"])

    def cancel(self, order_id: int) -> None:
        self.rest.request("DELETE", "/order", params={"symbol": "BTCUSDT", "orderId": order_id}).raise_for_status()

    def free(self, asset: str) -> Decimal:
        rows = self.rest.get("/account").raise_for_status().json()["balances"]
        return next((Decimal(row["free"]) for row in rows if row["asset"] == asset), Decimal(0))


@pytest.fixture
def trader(exchange: Up) -> Iterator[Callable[..., Trader]]:
    """Makes users of names that no other test has."""
    with contextlib.ExitStack() as clients:

        def make(name: str, **money: str) -> Trader:
            made = Trader(exchange, f"{name}{next(numbers)}", **money)
            clients.enter_context(made.rest)
            return made

        yield make


def follow(target: Locator) -> None:
    """Click, and wait for the page that it leads to: what is looked at next shall not be the old one."""
    with target.page.expect_navigation():
        target.click()


def row_of(page: Page, text: str) -> Locator:
    return page.locator("#result_list tbody tr").filter(has_text=text)


def act(page: Page, text: str, action: str) -> None:
    """Tick the one row with this text and run a list action on it."""
    row_of(page, text).locator("input[type=checkbox]").check()
    page.get_by_label("Action:").select_option(label=action)
    follow(page.get_by_role("button", name="Run the selected action").or_(page.get_by_role("button", name="Go")).first)


def message(page: Page) -> str:
    return page.locator(".messagelist").inner_text()


def test_the_list_of_traders_shows_live_balances(admin, trader):
    alice = trader("alice", BTC="2", USDT="50000")
    assert alice.place("SELL", "90000", "0.5").status_code == 200
    admin.goto(TRADERS)
    shown = row_of(admin, alice.name).inner_text()
    assert "1.5 BTC and 0.5 locked" in shown
    assert "50000 USDT" in shown
    follow(row_of(admin, alice.name).get_by_role("link"))
    table = admin.locator("table.amounts").inner_text().split()
    assert table[table.index("BTC") : table.index("BTC") + 3] == ["BTC", "1.50000000", "0.50000000"]


def test_a_key_is_shown_once_works_and_is_dead_when_it_is_revoked(admin, exchange, trader):
    bob = trader("bob", USDT="100")
    admin.goto(TRADERS)
    act(admin, bob.name, "New API key for selected traders")
    key = admin.locator(".api-key").inner_text()
    assert len(key) == 64
    assert len(admin.locator(".secret").inner_text()) == 64

    def answer() -> httpx.Response:
        return httpx.get(f"{exchange.url}/api/v1/account", headers={"X-API-KEY": key})

    assert answer().status_code == 200
    admin.goto(KEYS)
    assert key not in admin.content(), "only its first characters are kept"
    act(admin, key[:6], "Revoke selected API keys")
    assert "Revoked" in message(admin)
    assert answer().status_code == 401, "at once"
    assert answer().json()["code"] == -2015
    assert bob.free("USDT") == 100, "his other key still works"
    admin.goto(f"{KEYS}?state=valid")
    assert row_of(admin, key[:6]).count() == 0
    follow(admin.get_by_role("link", name="revoked", exact=True))
    assert row_of(admin, key[:6]).count() == 1


def test_an_open_order_is_found_and_canceled(admin, trader):
    alice, bob = trader("alice", USDT="50000"), trader("bob", USDT="50000")
    mine = alice.place("BUY", "40000", "0.25").json()["orderId"]
    other = bob.place("BUY", "41000", "0.1").json()["orderId"]
    admin.goto(LIVE)
    cells = row_of(admin, alice.name).locator("td, th").all_inner_texts()
    assert [str(mine), "BTCUSDT", alice.name, "BUY", "LIMIT GTC", "40000", "", "0.25", "0", "NEW"] == cells[1:11]
    admin.get_by_role("searchbox").fill(alice.name)
    follow(admin.get_by_role("button", name="Search"))
    assert row_of(admin, alice.name).count() == 1
    assert row_of(admin, bob.name).count() == 0
    admin.goto(f"{LIVE}?q={bob.name}")
    assert admin.get_by_role("checkbox").count() == 1
    admin.goto(LIVE)
    admin.get_by_label("symbol").select_option("BTCUSDT")
    follow(admin.get_by_role("button", name="Search"))
    admin.get_by_role("checkbox", name=str(mine), exact=True).check()
    follow(admin.get_by_role("button", name="Cancel selected orders"))
    assert f"Canceled order {mine} on BTCUSDT" in message(admin)
    assert row_of(admin, alice.name).count() == 0
    assert alice.status(mine) == "CANCELED"
    assert alice.free("USDT") == 50_000
    assert bob.status(other) == "NEW", "one order was ticked"
    bob.cancel(other)


def test_the_archive_shows_a_trade_with_its_numbers(admin, trader):
    alice, bob = trader("alice", BTC="1"), trader("bob", USDT="50000")
    sold = alice.place("SELL", "60000", "0.005").json()["orderId"]
    bought = bob.place("BUY", "60500", "0.002").json()["orderId"]

    def cells(path: str, name: str) -> dict[str, str]:
        admin.goto(f"{path}?q={name}")
        row = admin.locator("#result_list tbody tr")
        return (
            {}
            if row.count() != 1
            else {
                str(cell.get_attribute("class")).split()[0].removeprefix("field-"): cell.inner_text()
                for cell in row.locator("td, th").all()
            }
        )

    until(lambda: bool(cells(TRADES, alice.name)) and bool(cells(ORDERS, bob.name)))
    trade = cells(TRADES, alice.name)
    assert trade["symbol"], trade["time"]
    expected = {"price": "60000", "quantity": "0.002", "amount": "120", "taker_side": "BUY"}
    expected |= {"taker": bob.name, "maker": alice.name, "taker_fee": "0.000002", "maker_fee": "0.12"}
    assert trade.items() >= expected.items()
    taken = {"order_id": str(bought), "price": "60500", "filled": "0.002", "cost": "120", "status": "FILLED"}
    assert cells(ORDERS, bob.name).items() >= taken.items()
    resting = {"order_id": str(sold), "quantity": "0.005", "filled": "0.002", "status": "PARTIALLY_FILLED"}
    until(lambda: cells(ORDERS, alice.name).items() >= resting.items())
    alice.cancel(sold)


def test_credit_raises_the_balance(admin, trader):
    carol = trader("carol", USDT="1")
    admin.goto(TRADERS)
    act(admin, carol.name, "Credit selected traders")
    admin.get_by_label("Asset").select_option("BTC")
    admin.get_by_label("Amount").fill("0.000000001")
    follow(admin.get_by_role("button", name="Credit"))
    assert "finer than the asset's smallest unit" in admin.locator(".errorlist").inner_text()
    assert carol.free("BTC") == 0
    admin.get_by_label("Amount").fill("0.75")
    follow(admin.get_by_role("button", name="Credit"))
    assert f"Credited 0.75 BTC to {carol.name}" in message(admin)
    assert carol.free("BTC") == Decimal("0.75")


def test_a_halted_symbol_refuses_orders_until_it_is_resumed(admin, trader):
    alice = trader("alice", USDT="50000")
    admin.goto(SYMBOLS)
    act(admin, "ETHUSDT", "Halt selected symbols")
    assert "ETHUSDT is halted now" in message(admin)
    try:
        refused = alice.place("BUY", "2000", "1", "ETHUSDT")
        assert refused.status_code == 400
        assert refused.json()["code"] == -2010
        assert refused.json()["msg"] == "Market is closed."
        assert alice.free("USDT") == 50_000
    finally:
        admin.goto(SYMBOLS)
        act(admin, "ETHUSDT", "Resume selected symbols")
    assert "ETHUSDT is trading now" in message(admin)
    accepted = alice.place("BUY", "2000", "1", "ETHUSDT")
    assert accepted.json()["status"] == "NEW"


def test_the_front_page_leads_to_admin_and_health_and_runs_no_script(admin, exchange):
    context: Any = admin.context.browser.new_context(java_script_enabled=False, base_url=exchange.url)
    page = context.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.goto("/")
    assert [url for url in loaded if not url.startswith("data:")] == [f"{exchange.url}/"], "nothing else is fetched"
    assert "BTCUSDT" in page.locator("tbody").first.inner_text()
    follow(page.get_by_role("link", name="healthz").first)
    assert '"ok"' in page.content()
    page.goto("/")
    follow(page.get_by_role("link", name="admin", exact=True))
    assert page.url == f"{exchange.url}/admin/login/?next=/admin/"
    context.close()


def test_the_documents_are_shown_and_tried_with_nothing_from_elsewhere(admin, exchange):
    context: Any = admin.context.browser.new_context(base_url=exchange.url)
    page = context.new_page()
    loaded, complaints = list[str](), list[str]()
    page.on("request", lambda request: loaded.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/")
    follow(page.get_by_role("link", name="endpoints"))
    page.locator("#operations-tag-v3").click()
    depth = page.locator("#operations-v3-v3_get_depth")
    depth.get_by_role("button").first.click()
    depth.get_by_role("button", name="Try it out").click()
    depth.get_by_role("button", name="Execute").click()
    depth.locator(".live-responses-table").get_by_text("lastUpdateId").first.wait_for()
    assert all(url.startswith((exchange.url, "data:")) for url in loaded), loaded
    assert not complaints
    context.close()


def test_an_order_is_signed_by_the_page_and_its_secret_leaves_with_nothing(admin, exchange, trader):
    alice = trader("alice", USDT="50000")
    token = {"X-Sim-Token": (exchange.folder / "sim.token").read_text().strip()}
    made = httpx.post(f"{exchange.url}/_sim/keys", json={"user": alice.name}, headers=token).raise_for_status().json()
    context: Any = admin.context.browser.new_context(base_url=exchange.url)
    page = context.new_page()
    sent = list[Any]()
    page.on("request", lambda request: sent.append((request.url, request.headers)))
    page.goto("/docs/#/v3/v3_post_order")
    page.get_by_role("button", name="Authorize", exact=True).first.click()
    for scheme, text in (("X-MBX-APIKEY", made["apiKey"]), ("X-Secret-Of-This-Page", made["secret"])):
        box = page.locator(".auth-container").filter(has_text=scheme)
        box.locator("input").fill(text)
        box.get_by_role("button", name="Apply").click()
    page.get_by_role("button", name="Close").first.click()
    order = page.locator("#operations-v3-v3_post_order")
    order.get_by_role("button", name="Try it out").click()
    order.get_by_role("button", name="Execute").click()
    order.locator(".live-responses-table").get_by_text("orderId").first.wait_for()
    (placed,) = alice.rest.get("/openOrders").raise_for_status().json()
    assert (placed["side"], placed["price"], placed["origQty"]) == ("BUY", "50000.00000000", "0.00100000")
    assert any("signature=" in url for url, _ in sent)
    assert not [url for url, headers in sent if made["secret"] in url + str(headers)]
    alice.cancel(placed["orderId"])
    context.close()
