"""The conservation storm: clients send anything they like to an exchange of their own while its books are recounted.

    outcome = asyncio.run(Weather(exchange, ...).blow())

The fact a newcomer would get wrong: the audit does not wait for a quiet moment. It is one atomic read, and has to come
out even between any two commands.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.storm_orders import LEAST, LOTS, MARKETS, PURSE, TICKS, Request, Storm, Symbol
from engine.audit import audit
from engine.instance import attached
from engine.venue import Venue
from qte.errors import Refused
from qte.process import Address, ExchangeProcess

USERS: Final = 20
GROUPED: Final = 4  # of them, in one trade group
ANSWER_SECONDS: Final = 30.0
REQUESTS_OF_A_CONNECTION: Final = 500  # then another one, and so perhaps another worker
OFFERED: Final = ("/order/cancelReplace", "/orderList/oco")
MOST_TOLD: Final = 20  # differences and failures that are kept in full


class StormFailed(Exception):
    """It could not go on; the text says why, in words."""


class StormExchange(ExchangeProcess):
    """An exchange in a temporary folder with so many workers, gone with the storm."""

    def __init__(self, workers: int) -> None:
        address = Address("127.0.0.1", 0, "port")
        super().__init__(address, address, None)
        self._workers = workers

    def _command(self) -> list[str]:
        return [*super()._command(), "--workers", str(self._workers)]


@dataclass(frozen=True)
class Plan:
    """How much of what."""

    operations: int
    clients: int
    symbols: int
    seed: int
    audit_every: int


@dataclass
class Outcome:
    """What came of it. `codes` counts answers by "<status> <code>", `kinds` orders accepted by their type."""

    operations: int = 0
    seconds: float = 0.0
    audits: int = 0
    trades: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # answers of 500 and above, and answers that never came

    @property
    def is_good(self) -> bool:
        return not self.differences and not self.failures and self.audits > 0

    def count(self, request: Request, status: int, answer: Any) -> None:
        """One answer."""
        self.operations += 1
        code = answer.get("code", "") if isinstance(answer, dict) and status >= 400 else ""
        self.codes[f"{status} {code}".strip()] += 1
        if status >= 500:
            self.fail(f"{request.method} {request.path} {request.body.decode()}: {status} {answer}")
        elif status == 200 and request.method == "POST" and request.path == "/api/v1/order":
            self.kinds[str(answer.get("type", "without type"))] += 1

    def fail(self, what: str) -> None:
        if len(self.failures) < MOST_TOLD:
            self.failures.append(what)


class Connection:
    """HTTP/1.1 over one kept socket, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._left = 0

    async def ask(self, request: Request, api_key: str) -> tuple[int, Any]:
        """(status, decoded body). Raises OSError, EOFError, ValueError, TimeoutError when there is no good answer."""
        if self._left == 0 or self._writer is None:
            await self._open()
        self._left -= 1
        reader, writer = self._reader, self._writer
        assert reader is not None
        assert writer is not None
        head = (
            f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nX-API-KEY: {api_key}\r\n"
            f"Content-Length: {len(request.body)}\r\n\r\n"
        )
        writer.write(head.encode() + request.body)
        async with asyncio.timeout(ANSWER_SECONDS):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self._left = 0
        return int(lines[0].split()[1]), json.loads(body)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        self._writer, self._left = None, 0

    async def _open(self) -> None:
        await self.close()
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._left = REQUESTS_OF_A_CONNECTION


class Weather:
    """One storm over one exchange that runs. `tell` is called with the operations done, now and then."""

    def __init__(self, exchange: StormExchange, plan: Plan, tell: Callable[[int], None]) -> None:
        self._exchange = exchange
        self._plan = plan
        self._tell = tell
        self._symbols = [Symbol(*market) for market in MARKETS[: plan.symbols]]
        self._keys: list[str] = []
        self._started = 0
        self._outcome = Outcome()
        self._auditing = asyncio.Lock()

    async def blow(self) -> Outcome:
        """All operations, an audit after every so many while the others go on, and one at the end.

        Ends early at the first difference: what follows from it says nothing. Raises StormFailed.
        """
        offers = await asyncio.to_thread(self._prepare)
        with attached(Path(self._exchange.data_dir)) as redis_url:
            venue = await Venue.connect(redis_url, self._exchange.venue)
            began = time.monotonic()
            try:
                await asyncio.gather(*(self._client(venue, number, offers) for number in range(self._plan.clients)))
                self._outcome.seconds = time.monotonic() - began
                await self._audit(venue)
                for symbol in self._symbols:
                    self._outcome.trades += (await venue.queries.market_state(symbol.name)).next_trade_id - 1
            finally:
                await venue.close()
        if not self._exchange.is_running:
            self._outcome.fail("the exchange has ended")
        return self._outcome

    def _prepare(self) -> frozenset[str]:
        """Symbols, users and their first money; which of OFFERED the exchange has."""
        self._keys = prepare(self._exchange, self._symbols)
        return frozenset(path for path in OFFERED if self._has(path))

    def _has(self, path: str) -> bool:
        try:
            self._exchange.client.call("POST", f"/api/v1{path}", headers={"X-API-KEY": self._keys[0]})
        except Refused as refusal:
            return refusal.status != 404
        return True

    async def _client(self, venue: Venue, number: int, offers: frozenset[str]) -> None:
        storm = Storm(f"{self._plan.seed}/{number}", self._symbols, USERS, offers)
        connection = Connection(self._exchange.rest.port)
        try:
            while self._started < self._plan.operations and not self._outcome.differences:
                self._started += 1
                await self._operate(storm, connection)
                if self._outcome.operations % self._plan.audit_every == 0:
                    self._tell(self._outcome.operations)
                    await self._audit(venue)
        finally:
            await connection.close()

    async def _operate(self, storm: Storm, connection: Connection) -> None:
        request = storm.next()
        try:
            status, answer = await connection.ask(request, self._keys[request.user])
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            await connection.close()
            self._outcome.operations += 1
            self._outcome.codes["no answer"] += 1
            self._outcome.fail(f"{request.method} {request.path} {request.body.decode()}: {error!r}")
            if not self._exchange.is_running:
                raise StormFailed("the exchange has ended") from error
            return
        self._outcome.count(request, status, answer)
        storm.remember(request.user, answer)

    async def _audit(self, venue: Venue) -> None:
        async with self._auditing:
            report = await audit(venue)
            self._outcome.audits += 1
            self._outcome.differences += report.differences[:MOST_TOLD]


def prepare(exchange: StormExchange, symbols: list[Symbol]) -> list[str]:
    """Symbols, and users with their first money; the users' keys."""

    def call(method: str, path: str, **parameters: Any) -> Any:
        headers = {"X-Sim-Token": exchange.sim_token}
        return exchange.client.call(method, f"/_sim{path}", parameters=parameters, headers=headers)

    for symbol in symbols:
        call(
            "POST", "/symbols", symbol=symbol.name, base=symbol.base, quote=symbol.quote, tickSize=TICKS[symbol.quote],
            lotSize=LOTS[symbol.base], minNotional=LEAST[symbol.quote], maxPrice=f"{symbol.price * 10:f}",
            maxQuantity="100",
        )  # fmt: skip
    keys = []
    for number in range(USERS):
        name = f"user{number}"
        keys.append(call("POST", "/users", name=name)["apiKey"])
        if number < GROUPED:
            call("PUT", "/users", name=name, tradeGroup="1")
        for asset in sorted({part for symbol in symbols for part in (symbol.base, symbol.quote)}):
            call("POST", "/credit", user=name, asset=asset, amount=PURSE[asset])
    return keys
