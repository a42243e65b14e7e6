"""Who trades, and the API keys they trade with; saving either publishes it to the engine.

The fact a newcomer would get wrong: a trader is not a login of the admin. It is an account number in the engine with a
name; keys act for it. Of a key only the digest is kept, so its text can be shown exactly once.
"""

from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import QuerySet

from accounts.keys.allow_lists import LONGEST, read_allow_list
from accounts.keys.public_keys import public_key_verifier, read_public_key
from engine.account_rules import AccountLimits, AccountRates
from engine.amounts import to_atoms
from engine.errors import BadParameter
from engine.records import OrderRecord
from engine.registry import KeyRecord
from engine.types import ORDER_LIMIT
from engine.venue import Venue
from markets.models import Asset, Symbol
from markets.publish import publish_as_stored, run_in_venue
from markets.rules import FEE_FIELDS, BadRules, read_rates

LONGEST_NAME = 36
PREFIX_LENGTH = 6
PERMISSIONS = "RTW"
NO_GROUP = -1
LARGEST_GROUP = 2**31 - 1
LIMIT_FIELDS = ("max_order", "max_daily", "max_position")


def check_name(name: str) -> None:
    """Refuse names that streams, keys of Redis or people could misread. Raises ValidationError."""
    if not name.isprintable() or name != name.strip():
        raise ValidationError(f"{name!r}: no control characters, and no spaces at either end.")
    if bad := [character for character in "@|" if character in name]:
        raise ValidationError(f"{name!r}: {bad[0]} is not possible in a name; streams are called name@stream.")
    if name.startswith("#"):
        raise ValidationError(f"{name!r}: names beginning with # belong to the exchange.")
    # Public streams take a symbol in any case: to them btcusdt@trade is BTCUSDT@trade.
    if Symbol.objects.filter(symbol=name.upper()).exists():
        raise ValidationError(f"{name!r} is the name of a symbol: {name}@trade would mean two things.")


def refuse_name_of_trader(symbol: str) -> None:
    """The other way round, for new symbols. Raises ValidationError."""
    if Trader.objects.filter(name__iexact=symbol).exists():
        raise ValidationError({"symbol": f"{symbol} is the name of a user: {symbol}@trade would mean two things."})


def read_limit_amounts(field: str, text: str) -> dict[str, int]:
    """ "USDT=100000,BTC=2" in atoms by asset. Raises ValidationError."""
    found: dict[str, int] = {}
    for word in text.split(",") if text else []:
        name, equals, amount = word.partition("=")
        asset = Asset.objects.filter(name=name).first()
        if asset is None or not equals or name in found:
            raise ValidationError({field: f"{word!r}: amounts are written ASSET=AMOUNT, each asset once, like BTC=2."})
        try:
            found[name] = to_atoms(amount, decimals=asset.decimals, limit=ORDER_LIMIT, field=field)
        except BadParameter as error:
            raise ValidationError({field: f"{word!r}: {amount!r} is no amount of {name}."}) from error
    return found


def _amounts(what: str) -> "models.CharField[str, str]":
    text = f"{what}: amounts by asset, like USDT=100000,BTC=2. Empty: no limit."
    return models.CharField(max_length=200, default="", blank=True, help_text=text)


class Trader(models.Model):
    """An account of the exchange."""

    account = models.BigAutoField(primary_key=True)
    name = models.CharField(
        max_length=LONGEST_NAME, unique=True, validators=[check_name], help_text="What streams and reports call it."
    )
    display_name = models.CharField(max_length=100, blank=True)
    trade_group = models.BigIntegerField(
        default=NO_GROUP,
        validators=[MinValueValidator(NO_GROUP), MaxValueValidator(LARGEST_GROUP)],
        help_text="Self-trade prevention keeps accounts of one group from trading with each other; -1: of no group.",
    )
    max_order = _amounts("Largest single order (MAX_ASSET)")
    max_daily = _amounts("Most that is ordered in a day of the exchange's clock (UTC), in quote assets")
    max_position = _amounts("Most that is held and would be bought, of base assets")
    max_open_orders = models.CharField(
        max_length=9,
        default="",
        blank=True,
        validators=[RegexValidator(r"^[0-9]{1,9}\Z", "A whole number, or nothing for any number.")],
        help_text="Open orders on all symbols. Empty: any number.",
    )
    is_killed = models.BooleanField("killed", default=False, help_text="Places no orders until it is released.")
    is_disabled = models.BooleanField("disabled", default=False, help_text="None of its keys works meanwhile.")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def limits(self) -> AccountLimits:
        """Its limits as the engine takes them. Raises ValidationError."""
        amounts = {field: read_limit_amounts(field, getattr(self, field)) for field in LIMIT_FIELDS}
        return AccountLimits(is_killed=self.is_killed, max_open_orders=int(self.max_open_orders or 0), **amounts)

    def clean(self) -> None:
        for field in LIMIT_FIELDS:
            setattr(self, field, ",".join(getattr(self, field).replace(",", " ").split()))
            read_limit_amounts(field, getattr(self, field))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and make account and keys known once that is committed. Raises ExchangeError when only that failed."""
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: publish(Trader.objects.filter(pk=self.pk), ApiKey.objects.filter(trader=self)))


def _fee() -> "models.CharField[str, str]":
    text = "Like 0.001 for 0.1 %. Empty: what it is without."
    return models.CharField(max_length=40, default="", blank=True, help_text=text)


class TraderFees(models.Model):
    """What is different about the fees of a trader, on all symbols or on one, which comes first."""

    trader = models.ForeignKey(Trader, models.PROTECT, related_name="fees")
    symbol = models.ForeignKey(
        Symbol, models.PROTECT, related_name="+", null=True, blank=True, help_text="Empty: on all symbols."
    )
    maker_fee = _fee()
    taker_fee = _fee()
    buyer_fee = _fee()
    seller_fee = _fee()
    special_maker_fee = _fee()
    special_taker_fee = _fee()
    special_buyer_fee = _fee()
    special_seller_fee = _fee()
    tax_maker_fee = _fee()
    tax_taker_fee = _fee()
    tax_buyer_fee = _fee()
    tax_seller_fee = _fee()
    uses_discount = models.BooleanField(
        null=True, blank=True, help_text="Pays in the discount asset of symbols that allow it. Unknown: as without."
    )

    class Meta:
        ordering = ["trader__name", "symbol__symbol"]
        verbose_name = verbose_name_plural = "fees of traders"
        constraints = [
            models.UniqueConstraint(fields=["trader", "symbol"], name="fees_once_a_trader_and_symbol"),
            models.UniqueConstraint(
                fields=["trader"],
                condition=models.Q(symbol=None),
                name="fees_once_a_trader_on_all_symbols",
                violation_error_message="Fees of this trader on all symbols already exist: change these.",
            ),
        ]

    def __str__(self) -> str:
        return f"fees of {self.trader} on {self.symbol or 'all symbols'}"

    def rates(self) -> AccountRates:
        """As the engine takes them. Raises BadRules."""
        rates = read_rates({field: getattr(self, field) for field in FEE_FIELDS})
        return AccountRates(rates=rates, uses_discount=self.uses_discount)

    def clean(self) -> None:
        for field in FEE_FIELDS:
            setattr(self, field, getattr(self, field).strip())
        try:
            self.rates()
        except BadRules as error:
            raise ValidationError(dict(error.problems)) from error

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bring them into force once that is committed. Raises as Trader.save."""
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: publish_fees(TraderFees.objects.filter(pk=self.pk)))


class ApiKey(models.Model):
    """A key of a trader: what is needed to know it again and to check signatures, not the key itself.

    It is in force unless it is disabled, or its trader is, or it was revoked, which is for ever.
    """

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="keys")
    label = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False, help_text="The key's first characters.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    sealed_secret = models.TextField(editable=False, blank=True)
    public_key = models.TextField(
        editable=False, blank=True, help_text="Made by the user, who signs with the other half."
    )
    permissions = models.CharField(max_length=3, default="RTW", help_text="R read, T trade, W deposit and withdraw.")
    addresses = models.CharField(
        max_length=LONGEST,
        blank=True,
        help_text="From where it may be used: addresses and networks, like 127.0.0.1,10.0.0.0/8. Empty: anywhere.",
    )
    is_disabled = models.BooleanField("disabled", default=False, help_text="It does not work meanwhile.")
    requires_signature = models.BooleanField(default=False, help_text="Refuse unsigned requests also on /api/v1.")
    created = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.trader}"

    @property
    def kind(self) -> str:
        """What it signs with."""
        return public_key_verifier(self.public_key).kind if self.public_key else "HMAC"

    @property
    def is_in_force(self) -> bool:
        return self.revoked_at is None and not self.is_disabled and not self.trader.is_disabled

    def clean(self) -> None:
        letters = self.permissions
        if not letters or set(letters) - set(PERMISSIONS) or len(set(letters)) < len(letters):
            text = f"permissions must be letters of {PERMISSIONS}, each at most once, not {letters[:20]!r}"
            raise ValidationError({"permissions": text})
        self.permissions = "".join(letter for letter in PERMISSIONS if letter in letters)
        for field, read in (("addresses", read_allow_list), ("public_key", read_public_key)):
            try:
                setattr(self, field, read(getattr(self, field)) if getattr(self, field) else "")
            except ValueError as error:
                raise ValidationError({field: str(error)}) from error
        self.requires_signature |= bool(self.public_key)  # it is known by nothing else

    def record(self) -> KeyRecord:
        """What the engine is told about the key."""
        return KeyRecord(
            account=self.trader.account,
            user_name=self.trader.name,
            permissions=self.permissions,
            sealed_secret=self.sealed_secret,
            requires_signature=self.requires_signature,
            public_key=self.public_key,
            addresses=self.addresses,
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bring the key into (or out of) force once that is committed. Raises as Trader.save."""
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: publish(Trader.objects.none(), ApiKey.objects.filter(pk=self.pk)))


class LiveOrder(models.Model):
    """An open order as the engine has it now. No table: the admin's rows come from Redis."""

    order_id = models.BigIntegerField(primary_key=True)
    symbol = models.CharField(max_length=20)
    account = models.BigIntegerField()
    record: OrderRecord
    trader_name: str

    class Meta:
        managed = False
        verbose_name = "open order (live)"
        verbose_name_plural = "open orders (live)"

    def __str__(self) -> str:
        return f"order {self.order_id} on {self.symbol}"


AccountRow = tuple[int, str, int, AccountLimits]
KeyRow = tuple[str, KeyRecord, bool]


def publish_fees(rows: QuerySet[TraderFees]) -> None:
    """Bring these fees into force, on symbols that are published. Raises EngineUnavailable, OutcomeUnknown."""

    def read() -> list[tuple[int, AccountRates, str]]:
        found = rows.select_related("trader", "symbol").all()
        return [(row.trader.account, row.rates(), row.symbol.symbol if row.symbol else "") for row in found]

    def define(found: list[tuple[int, AccountRates, str]]) -> None:
        async def ask(venue: Venue) -> None:
            for of_one in found:
                await venue.registry.set_account_rates(*of_one)

        if found:
            run_in_venue(ask)

    publish_as_stored(read, define)


def publish(traders: QuerySet[Trader], keys: QuerySet[ApiKey]) -> None:
    """Make the engine know these accounts and keys as SQL has them. Raises EngineUnavailable, OutcomeUnknown."""

    def read() -> tuple[list[AccountRow], list[KeyRow]]:
        accounts = [(trader.account, trader.name, trader.trade_group, trader.limits()) for trader in traders.all()]
        found = keys.select_related("trader").order_by("pk")
        return accounts, [(key.digest, key.record(), key.is_in_force) for key in found]

    publish_as_stored(read, lambda rows: run_in_venue(partial(_define, *rows)))


async def _define(accounts: list[AccountRow], keys: list[KeyRow], venue: Venue) -> None:
    for account, name, trade_group, limits in accounts:
        await venue.registry.set_account_limits(account, limits)  # first: a key must not go before them
        await venue.registry.define_account(account, name)
        await venue.registry.set_trade_group(account, trade_group)
    for digest, record, is_valid in keys:
        if is_valid:
            await venue.registry.define_key(digest, record)
        else:
            await venue.registry.revoke_key(digest, account=record.account, name=record.user_name)
