"""Symbols, assets, accounts and API keys as the engine knows them: published by Django, cached by every process.

The fact a newcomer would get wrong: a cached spec may be old. That is safe, because a command carries the version of
the rules it was made under and a script refuses another one; `forget` is called when an event tells of a change.
"""

import msgspec
from msgspec.structs import replace

from engine.account_rules import AccountLimits, AccountRates
from engine.errors import Reason, Rejected
from engine.keys import Keys
from engine.rate_limits import RateLimits, read_rate_limits
from engine.runner import Runner, Stale
from engine.types import TAPE_MAKER, TAPE_TAKER, UNIT, Fault, SymbolSpec, SymbolStatus
from engine.unsaid import Unsaid


class KeyRecord(Unsaid, msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What authentication needs of an API key. Account and permissions come first: scripts look at them as text."""

    account: int
    permissions: str = "RTW"  # R read, T trade, W deposit and withdraw
    user_name: str
    sealed_secret: str = ""  # the signing secret, sealed; opened only by accounts.secrets
    requires_signature: bool = False
    public_key: str = ""  # PEM; of a key that was made by its user and has no secret here
    addresses: str = ""  # networks with commas between, empty: anywhere; accounts.keys.allow_lists reads them


class Registry:
    """Reads are cached; writes are commands, each one event. All raise EngineUnavailable or OutcomeUnknown.

    What begins with `known_` is the cache itself, to be looked into: what every order asks for is nearly always there,
    and a coroutine costs more than the look.
    """

    def __init__(self, runner: Runner, keys: Keys) -> None:
        self._runner = runner
        self._keys = keys
        self.known_specs: dict[str, SymbolSpec] = {}
        self._symbols_by_pair: dict[tuple[str, str], str] = {}  # (base, quote) -> symbol; none before specs()
        self.known_keys: dict[str, KeyRecord] = {}  # by digest
        self._assets: dict[str, int] = {}
        self.known_rate_limits: list[RateLimits | None] = []  # one; empty: not read yet
        self.known_signatures_once: list[bool] = []  # empty: not read yet (engine/claims.py)
        self.fault: Fault | None = None  # what a tester wants requests to fail with, as far as the feed has heard

    async def rate_limits(self) -> RateLimits | None:
        """How much may be asked of the venue, None for any amount; may be a moment old, scripts look themselves."""
        known = self.known_rate_limits
        if not known:
            found = await self._runner.command("HGET", self._keys.meta, "rate_limits")
            known.append(read_rate_limits(found.decode() if found else ""))  # lost if it was forgotten meanwhile
        return known[0]

    async def spec(self, symbol: str) -> SymbolSpec:
        """The rules of a symbol. Rejected UNKNOWN_SYMBOL."""
        specs = self.known_specs
        known = specs.get(symbol)
        if known is not None:
            return known
        found = await self._runner.command("HGET", self._keys.symbols, symbol)
        if found is None:
            raise Rejected(Reason.UNKNOWN_SYMBOL, symbol)
        spec = specs[symbol] = await self._as_it_trades(msgspec.json.decode(found, type=SymbolSpec))
        return spec

    async def specs(self) -> dict[str, SymbolSpec]:
        """Every symbol of the venue, by name, in the order of names; read afresh."""
        flat = await self._runner.command("HGETALL", self._keys.symbols)
        specs = [await self._as_it_trades(msgspec.json.decode(value, type=SymbolSpec)) for value in flat[1::2]]
        self.known_specs = {spec.symbol: spec for spec in sorted(specs, key=lambda spec: spec.symbol)}
        self._symbols_by_pair = {(spec.base, spec.quote): symbol for symbol, spec in reversed(self.known_specs.items())}
        return dict(self.known_specs)

    async def market_keys(self, spec: SymbolSpec, *, tape: bool = False) -> list[str]:
        """The keys of a command of the symbol: its own, those of its discount if it has one, those of a replay."""
        keys = self._keys.of_market(spec.symbol, spec.base, spec.quote)
        if spec.allows_discount:
            if not self._symbols_by_pair:
                await self.specs()
            markets = [self._conversion_market(spec, asset) for asset in (spec.base, spec.quote)]
            keys = keys + self._keys.of_discount(spec.discount_asset, *markets)
        elif tape:
            keys = keys + [self._keys.symbol(spec.symbol)] * 3  # those of a replay stand in the same places always
        return keys + self._keys.of_tape(spec.symbol) if tape else keys

    def _conversion_market(self, spec: SymbolSpec, asset: str) -> str:
        """Whose last price says what the asset is worth in the discount asset; the symbol itself if none."""
        discount = spec.discount_asset
        if asset == discount or discount in (spec.base, spec.quote):
            return spec.symbol
        direct = self._symbols_by_pair.get((discount, asset))
        return direct or self._symbols_by_pair.get((asset, discount), spec.symbol)

    async def _as_it_trades(self, spec: SymbolSpec) -> SymbolSpec:
        """A spec says what its owner wants; a circuit breaker or an auction's end may have changed the status since."""
        if not spec.halt_bips and spec.status is not SymbolStatus.AUCTION_MATCH:
            return spec
        status = await self._runner.command("HGET", self._keys.symbol(spec.symbol), "status")
        return replace(spec, status=SymbolStatus(status.decode())) if status else spec

    async def account_limits(self, account: int) -> AccountLimits:
        """The limits of an account, read afresh."""
        found = await self._runner.command("HGET", self._keys.meta, f"limits:{account}")
        return AccountLimits.read(found.decode() if found else "")

    async def assets(self) -> dict[str, int]:
        """Asset -> decimals, in the order of names; read afresh."""
        flat = await self._runner.command("HGETALL", self._keys.assets)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        self._assets = dict(sorted((name.decode(), int(decimals)) for name, decimals in pairs))
        return dict(self._assets)

    async def asset_decimals(self, asset: str) -> int:
        """Rejected UNKNOWN_ASSET."""
        if asset not in self._assets:
            await self.assets()
        if asset not in self._assets:
            raise Rejected(Reason.UNKNOWN_ASSET, asset)
        return self._assets[asset]

    async def key(self, digest: str) -> KeyRecord | None:
        """The record of an API key (by the SHA-256 of its text, hex), None when unknown or revoked.

        May be a moment old; scripts check the key again, so a command under a revoked key changes nothing.
        """
        records = self.known_keys
        known = records.get(digest)
        if known is not None:
            return known
        found = await self._runner.command("HGET", self._keys.keys, digest)
        if found is None:
            return None
        record = records[digest] = msgspec.json.decode(found, type=KeyRecord)
        return record

    async def account_number(self, name: str) -> int:
        """Rejected UNKNOWN_USER."""
        found = await self._runner.command("HGET", self._keys.accounts, f"name:{name}")
        if found is None:
            raise Rejected(Reason.UNKNOWN_USER, name)
        return int(found)

    async def account_name(self, account: int) -> str:
        """The name of an account that exists. Rejected UNKNOWN_USER."""
        found = await self._runner.command("HGET", self._keys.accounts, str(account))
        if found is None:
            raise Rejected(Reason.UNKNOWN_USER, str(account))
        return str(found.decode())

    async def tape_accounts(self) -> set[int]:
        """The numbers of the accounts that play recorded history; none before the venue's first replay."""
        fields = [f"name:{name}" for name in (TAPE_MAKER, TAPE_TAKER)]
        found = await self._runner.command("HMGET", self._keys.accounts, *fields)
        return {int(account) for account in found if account is not None}

    def forget(self) -> None:
        """Drop what is cached; the next use reads it again."""
        self.known_specs = {}  # new ones: a reply that is on its way, and old, then goes into the dropped
        self._symbols_by_pair = {}
        self.known_keys = {}
        self._assets = {}
        self.known_rate_limits = []
        self.known_signatures_once = []

    async def define_symbol(self, spec: SymbolSpec, *, reopen: bool = False) -> None:
        """Publish a symbol's rules; the version becomes the stored one plus one. Rejected RULES_FIXED.

        Tick, lot and assets of a symbol that has orders or trades cannot change. Its assets become known. What the
        circuit breaker has halted stays so unless it is to `reopen`, gets another status than TRADING, or no breaker.
        Rejected AUCTION_UNMATCHED: orders that collect for an auction may cross, `Gateway.uncross` comes before another
        status.
        """
        multiplier, divisor = spec.notional_ratio
        keys = [
            self._keys.meta, self._keys.events, self._keys.symbols, self._keys.assets, self._keys.symbol(spec.symbol),
        ]  # fmt: skip
        arguments = (
            spec.symbol, spec.base, spec.quote, spec.base_decimals, spec.quote_decimals, spec.tick_units,
            spec.lot_units, spec.status, spec.base_atoms_per_lot, multiplier, divisor, spec.maker_fee_e8,
            spec.taker_fee_e8, spec.min_notional_atoms, _unversioned(spec), spec.limits,
            int(reopen), spec.rates, spec.discount_asset if spec.allows_discount else "",
            spec.min_lots, spec.min_market_lots,
        )  # fmt: skip
        await self._runner.run("define_symbol", keys, arguments)
        self.forget()

    async def define_account(self, account: int, name: str) -> None:
        """Publish an account under its name; publishing it again is harmless."""
        await self._change_account(account, name, "", b"")

    async def set_trade_group(self, account: int, trade_group: int) -> None:
        """Put an account into a trade group, -1 for none: self-trade prevention keeps its members from trading."""
        keys = [self._keys.meta, self._keys.events, self._keys.trade_groups]
        await self._runner.run("set_trade_group", keys, (account, trade_group))

    async def set_reference_price(self, symbol: str, price_units: int | None) -> int:
        """From outside, in 1e-8 of the quote asset; None: none. Returns when. Rejected REFERENCE_NOT_EXTERNAL."""
        keys = [self._keys.meta, self._keys.events, self._keys.symbol(symbol)]
        words = (symbol, "null" if price_units is None else price_units)
        (now_ms,) = await self._runner.run("set_reference_price", keys, words)
        return int(now_ms)

    async def set_account_limits(self, account: int, limits: AccountLimits) -> None:
        """In force for the next order; what is open stays (`Gateway.kill_account` cancels it as well)."""
        keys = [self._keys.meta, self._keys.events]
        await self._runner.run("set_account_limits", keys, (account, limits.limits, msgspec.json.encode(limits)))

    async def set_account_rates(self, account: int, rates: AccountRates, symbol: str = "") -> None:
        """In force for the next fill, also of what is open, on the symbol or on all. Rejected UNKNOWN_SYMBOL."""
        arguments = (account, symbol, rates.text, msgspec.json.encode(rates))
        while True:
            specs = await self.specs()
            if symbol and symbol not in specs:
                raise Rejected(Reason.UNKNOWN_SYMBOL, symbol)
            holder = self._keys.symbol(symbol) if symbol else self._keys.meta
            keys = [self._keys.meta, self._keys.events, self._keys.symbols, holder]
            keys += [self._keys.symbol(name) for name in ([symbol] if symbol else specs)]
            try:
                await self._runner.run("set_account_rates", keys, arguments)
                return
            except Stale:  # a symbol has been added since
                continue

    async def account_rates(self, account: int, symbol: str = "") -> AccountRates:
        """What was set for the account on the symbol or, without one, on all; read afresh."""
        key = self._keys.symbol(symbol) if symbol else self._keys.meta
        found = await self._runner.command("HGET", key, f"rates:{account}")
        return AccountRates.read(found.decode() if found else "")

    async def set_conversion(self, discount_asset: str, asset: str, price_e8: int) -> None:
        """One `discount_asset` is worth `price_e8` hundred-millionths of `asset` for fees, whatever markets say.

        0: the markets say it again. Rejected UNKNOWN_ASSET.
        """
        worth = [
            10 ** await self.asset_decimals(discount_asset),
            UNIT,
            10 ** await self.asset_decimals(asset),
            price_e8,
        ]
        keys = [self._keys.meta, self._keys.events]
        text = ",".join(map(str, worth)) if price_e8 else ""
        await self._runner.run("set_conversion", keys, (discount_asset, asset, text, price_e8))

    async def conversions(self) -> dict[tuple[str, str], int]:
        """(discount asset, asset) -> the tester's price in 1e-8; read afresh."""
        flat = await self._runner.command("HGETALL", self._keys.meta)
        found = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
        pairs = ((name.removeprefix("conversion:"), text) for name, text in found.items() if name[:11] == "conversion:")
        return {tuple(pair.split("|")): int(text.rpartition(",")[2]) for pair, text in sorted(pairs)}

    async def define_key(self, digest: str, record: KeyRecord) -> None:
        """Publish an API key of an account, or what changed about it."""
        await self._change_account(record.account, record.user_name, digest, msgspec.json.encode(record))

    async def revoke_key(self, digest: str, *, account: int, name: str) -> None:
        """From here on every command under this key is refused, on every worker."""
        await self._change_account(account, name, digest, b"")

    async def _change_account(self, account: int, name: str, digest: str, record: bytes) -> None:
        keys = [self._keys.meta, self._keys.events, self._keys.accounts, self._keys.keys]
        await self._runner.run("change_account", keys, (account, name, msgspec.json.encode(name), digest, record))
        self.forget()


def _unversioned(spec: SymbolSpec) -> bytes:
    """A spec's JSON without its version: the script, which alone knows the next one, adds it."""
    members = msgspec.structs.asdict(spec)
    del members["rules_version"]
    return msgspec.json.encode(members)
