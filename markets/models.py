"""Assets and symbols as the owner of the exchange edits them; saving one publishes it to the engine.

The fact a newcomer would get wrong: rules are decimal text, not database decimals. SQLite would keep those as binary
floats, and a tick size must be exact.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import QuerySet

from engine.amounts import to_atoms
from engine.errors import BadParameter, ExchangeError
from engine.types import ORDER_LIMIT, PRICE_DECIMALS, SymbolSpec, SymbolStatus
from engine.venue import Venue
from markets.publish import (
    breaks_history,
    explain,
    publish_as_stored,
    publish_specs,
    run_in_venue,
    stop_if_collecting,
)
from markets.rules import DISCOUNT_FIELDS, FEE_FIELDS, BadRules, count_problems, spec_from, too_coarse

MOST_ASSET_DECIMALS = 12
STEP_FIELDS = ("tick_size", "lot_size")
AMOUNT_FIELDS = (
    "min_price", "max_price", "min_quantity", "max_quantity", "min_market_quantity", "max_market_quantity",
    "min_notional",
)  # fmt: skip
ORDER_FIELDS = (
    "order_types", "max_iceberg_parts", "min_trailing_above", "max_trailing_above", "min_trailing_below",
    "max_trailing_below", "default_stp", "allowed_stp", "not_offered",
)  # fmt: skip
COUNT_FIELDS = (
    "max_orders", "max_algo_orders", "max_iceberg_orders", "max_order_lists", "max_order_amends", "max_position",
)  # fmt: skip
BAND_FIELDS = (
    "price_up", "price_down", "bid_price_up", "bid_price_down", "ask_price_up", "ask_price_down", "halt_percent",
    "halt_seconds", "range_bid_up", "range_bid_down", "range_ask_up", "range_ask_down", "reference_bucket_ms",
    "reference_buckets", "reference_external_id",
)  # fmt: skip
MATCHING_FIELDS = ("matching_rule", "price_time_percent")
RULE_FIELDS = (
    *STEP_FIELDS, *AMOUNT_FIELDS, *FEE_FIELDS, *DISCOUNT_FIELDS, *ORDER_FIELDS, *COUNT_FIELDS, *BAND_FIELDS,
    *MATCHING_FIELDS,
)  # fmt: skip

# Other rooms add what a symbol must not be called (a user's name: streams would be ambiguous). Raise ValidationError.
symbol_name_checks: list[Callable[[str], None]] = []


class Asset(models.Model):
    """Something that can be owned. The engine learns of it with the first symbol that trades it."""

    name = models.CharField(
        max_length=16,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9]{1,16}\Z", "An asset is 1 to 16 capital letters and digits, like BTC.")],
    )
    decimals = models.PositiveSmallIntegerField(
        default=PRICE_DECIMALS,
        validators=[MaxValueValidator(MOST_ASSET_DECIMALS)],
        help_text="Digits after the point of its smallest unit; cannot change once a symbol trades it.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def _rule(default: str, help_text: str, *, blank: bool = False, max_length: int = 40) -> "models.CharField[str, str]":
    return models.CharField(max_length=max_length, default=default, help_text=help_text, blank=blank)


class Exchange(models.Model):
    """Rules of the whole exchange, one row: what an account may have open on all symbols together."""

    max_orders = _rule("", "EXCHANGE_MAX_NUM_ORDERS. Empty: any number.", blank=True)
    max_algo_orders = _rule("", "EXCHANGE_MAX_NUM_ALGO_ORDERS. Empty: any number.", blank=True)
    max_iceberg_orders = _rule("", "EXCHANGE_MAX_NUM_ICEBERG_ORDERS. Empty: any number.", blank=True)
    max_order_lists = _rule("", "EXCHANGE_MAX_NUM_ORDER_LISTS. Empty: any number.", blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "exchange rules"

    def __str__(self) -> str:
        return "Rules of the whole exchange"

    @classmethod
    def row(cls) -> "Exchange":
        """The row, or one without any rule while none is saved."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    def rules(self) -> dict[str, str]:
        """Its texts, named as in SymbolSpec."""
        return {f"exchange_{field.name}": getattr(self, field.name) for field in self._meta.fields if not field.unique}

    def clean(self) -> None:
        for field in self.rules():
            name = field.removeprefix("exchange_")
            setattr(self, name, getattr(self, name).strip())
        if problems := count_problems(self.rules()):
            raise ValidationError({field.removeprefix("exchange_"): problems[field] for field in problems})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bring it into force with the rules of every symbol. Raises as Symbol.save."""
        self.pk = 1
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: publish_rules(Symbol.objects.all()))


class Symbol(models.Model):
    """A market and its rules. Amounts are decimal text; `spec` turns them into whole numbers."""

    class Status(models.TextChoices):
        TRADING = SymbolStatus.TRADING.value, "trading"
        AUCTION_MATCH = SymbolStatus.AUCTION_MATCH.value, "collecting orders for an opening auction"
        HALT = SymbolStatus.HALT.value, "halted"
        BREAK = SymbolStatus.BREAK.value, "in a break: cancelling only"

    symbol = models.CharField(
        max_length=20,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9]{2,20}\Z", "A symbol is 2 to 20 capitals and digits, like BTCUSDT.")],
    )
    base = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", help_text="What is traded.")
    quote = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", help_text="What is paid with.")
    tick_size = _rule("0.01", "Smallest step of a price; fixed once the symbol has orders.")
    lot_size = _rule("0.00001", "Smallest step of a quantity; fixed once the symbol has orders.")
    min_price = _rule("", "Empty: one tick.", blank=True)
    max_price = _rule("1000000", "Highest price of an order.")
    min_quantity = _rule("", "Empty: one lot.", blank=True)
    max_quantity = _rule("9000", "Largest quantity of an order.")
    min_market_quantity = _rule("", "Of a MARKET order. Empty: the smallest of any order.", blank=True)
    max_market_quantity = _rule("", "Of a MARKET order. Empty: the largest of any order.", blank=True)
    min_notional = _rule("5", "Smallest price times quantity of an order, in the quote asset.")
    maker_fee = _rule("0.001", "Share of what the resting side receives: 0.001 is 0.1 %.")
    taker_fee = _rule("0.001", "Share of what the incoming side receives.")
    buyer_fee = _rule("", "What the buying side pays beside the fee for its role. Empty: nothing.", blank=True)
    seller_fee = _rule("", "What the selling side pays beside the fee for its role. Empty: nothing.", blank=True)
    special_maker_fee = _rule("", "Special commission of the resting side. Empty: none.", blank=True)
    special_taker_fee = _rule("", "Special commission of the incoming side. Empty: none.", blank=True)
    special_buyer_fee = _rule("", "Special commission of the buying side, beside. Empty: none.", blank=True)
    special_seller_fee = _rule("", "Special commission of the selling side, beside. Empty: none.", blank=True)
    tax_maker_fee = _rule("", "Tax on the resting side. Empty: none.", blank=True)
    tax_taker_fee = _rule("", "Tax on the incoming side. Empty: none.", blank=True)
    tax_buyer_fee = _rule("", "Tax on the buying side, beside. Empty: none.", blank=True)
    tax_seller_fee = _rule("", "Tax on the selling side, beside. Empty: none.", blank=True)
    discount_asset = _rule("", "Fees may be paid in this asset, like BNB (8 decimals). Empty: in none.", blank=True)
    discount = _rule("", "What is left of the standard fee then, like 0.75. Empty: 0.75.", blank=True)
    order_types = _rule("", "Types separated by commas, like LIMIT,MARKET. Empty: all.", blank=True, max_length=120)
    max_iceberg_parts = _rule("100", "Into how many parts an iceberg may break; 0: there are no icebergs.", blank=True)
    min_trailing_above = _rule("10", "Of an order that waits above the market, in hundredths of a percent.", blank=True)
    max_trailing_above = _rule("2000", "Both largest ones 0: no order trails.", blank=True)
    min_trailing_below = _rule("10", "Of an order that waits below the market, in hundredths of a percent.", blank=True)
    max_trailing_below = _rule("2000", "Both largest ones 0: no order trails.", blank=True)
    default_stp = _rule("NONE", "Self-trade prevention of orders that do not say.", blank=True)
    allowed_stp = _rule("", "Modes orders may say, separated by commas. Empty: all.", blank=True, max_length=120)
    not_offered = _rule("", "What it goes without, of OCO,OTO,OPO,PEG. Empty: it offers all.", blank=True)
    max_orders = _rule("", "MAX_NUM_ORDERS: open orders of an account. Empty: any number.", blank=True)
    max_algo_orders = _rule("", "MAX_NUM_ALGO_ORDERS: those with a trigger. Empty: any number.", blank=True)
    max_iceberg_orders = _rule("", "MAX_NUM_ICEBERG_ORDERS. Empty: any number.", blank=True)
    max_order_lists = _rule("", "MAX_NUM_ORDER_LISTS. Empty: any number.", blank=True)
    max_order_amends = _rule("", "MAX_NUM_ORDER_AMENDS, of one order. Empty: any number.", blank=True)
    max_position = _rule("", "MAX_POSITION: held and to be bought, in the base asset. Empty: any.", blank=True)
    price_up = _rule("", "PERCENT_PRICE: highest price as a multiple of the last price, like 1.3.", blank=True)
    price_down = _rule("", "PERCENT_PRICE: lowest price as a multiple of the last price, like 0.7.", blank=True)
    bid_price_up = _rule("", "PERCENT_PRICE_BY_SIDE: of a buy order, like 1.2.", blank=True)
    bid_price_down = _rule("", "PERCENT_PRICE_BY_SIDE: of a buy order, like 0.2.", blank=True)
    ask_price_up = _rule("", "PERCENT_PRICE_BY_SIDE: of a sell order, like 5.", blank=True)
    ask_price_down = _rule("", "PERCENT_PRICE_BY_SIDE: of a sell order, like 0.8.", blank=True)
    halt_percent = _rule("", "Circuit breaker: halt when the last price moves more than this, like 10.", blank=True)
    halt_seconds = _rule("", "Circuit breaker: within so many seconds of the exchange's clock, like 60.", blank=True)
    matching_rule = _rule("", "Who at a price gets how much: price_time, pro_rata ... Empty: price_time.", blank=True)
    price_time_percent = _rule("", "Of price_time_pro_rata: the oldest orders' share, like 40.", blank=True)
    range_bid_up = _rule("", "PRICE_RANGE: highest price of a buying taker, times the reference price.", blank=True)
    range_bid_down = _rule("", "PRICE_RANGE: lowest price of a buying taker, times the reference price.", blank=True)
    range_ask_up = _rule("", "PRICE_RANGE: highest price of a selling taker, times the reference price.", blank=True)
    range_ask_down = _rule("", "PRICE_RANGE: lowest price of a selling taker, times the reference price.", blank=True)
    reference_bucket_ms = _rule("", "Reference price: mean of the trades in buckets so wide, like 1000.", blank=True)
    reference_buckets = _rule("", "Reference price: so many of these buckets, like 10.", blank=True)
    reference_external_id = _rule("", "Reference price set from outside: by which method, like 0.", blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.TRADING)

    class Meta:
        ordering = ["symbol"]

    def __str__(self) -> str:
        return self.symbol

    def spec(self) -> SymbolSpec:
        """The rules as the engine takes them. Raises BadRules."""
        return spec_from(
            {field: getattr(self, field) for field in RULE_FIELDS} | Exchange.row().rules(),
            symbol=self.symbol,
            base=(self.base.name, self.base.decimals),
            quote=(self.quote.name, self.quote.decimals),
            status=SymbolStatus(self.status),
        )

    def clean(self) -> None:
        """Refuse rules that contradict themselves, the symbol's history or a user's name."""
        for field in RULE_FIELDS:
            setattr(self, field, getattr(self, field).strip())
        if not (self.base_id and self.quote_id):
            return  # the form already says that they are missing
        try:
            spec = self.spec()
        except BadRules as error:
            raise ValidationError(dict(error.problems)) from error
        paid_in = Asset.objects.filter(name=self.discount_asset).first()
        if paid_in is not None and paid_in.decimals != PRICE_DECIMALS:
            raise ValidationError({"discount_asset": too_coarse(paid_in.name, paid_in.decimals)})
        for check in symbol_name_checks:
            check(self.symbol)
        if self.pk:
            _refuse_broken_history(spec)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bring the rules into force once that is committed. Raises BadRules before, ExchangeError after."""
        self.spec()
        super().save(*args, **kwargs)
        if self.discount_asset:
            Asset.objects.get_or_create(name=self.discount_asset)
        transaction.on_commit(lambda: publish_rules(Symbol.objects.filter(pk=self.pk)))


def publish_rules(symbols: QuerySet[Symbol], *, reopen: bool = False) -> None:
    """Bring the rules of these symbols into force as SQL has them. Raises as `publish_specs`."""
    publish_as_stored(
        lambda: [symbol.spec() for symbol in symbols.select_related("base", "quote")],
        lambda specs: publish_specs(specs, reopen=reopen),
    )


def _refuse_broken_history(spec: SymbolSpec) -> None:
    try:
        stop_if_collecting(spec.symbol, spec.status)
        is_broken = breaks_history(spec)
    except ExchangeError as error:
        raise ValidationError(f"Nothing was saved: {explain(error)}.") from error
    if is_broken:
        raise ValidationError(
            f"{spec.symbol} has a history: its assets, tick size and lot size cannot change any more. "
            "Halt it and add another symbol instead."
        )


class Conversion(models.Model):
    """What an asset is worth in another one when fees are paid in it, whatever markets say."""

    discount_asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", help_text="What fees are paid in.")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", help_text="What a fill's side receives.")
    price = _rule("", "One of the discount asset in the other one, like 600. Empty: what markets say.", blank=True)

    class Meta:
        ordering = ["discount_asset__name", "asset__name"]
        verbose_name = "price for fees"
        verbose_name_plural = "prices for fees"
        constraints = [models.UniqueConstraint(fields=["discount_asset", "asset"], name="one_price_for_fees_a_pair")]

    def __str__(self) -> str:
        return f"{self.discount_asset} in {self.asset}"

    @property
    def is_known(self) -> bool:
        """Whether some symbol has made each of its assets known to the engine."""
        names = (self.discount_asset.name, self.asset.name)
        return all(
            Symbol.objects.filter(
                models.Q(base__name=name) | models.Q(quote__name=name) | models.Q(discount_asset=name)
            ).exists()
            for name in names
        )

    def clean(self) -> None:
        self.price = self.price.strip()
        if not (self.discount_asset_id and self.asset_id):
            return  # the form already says that they are missing
        if self.discount_asset_id == self.asset_id:
            raise ValidationError({"asset": f"one {self.asset} is one {self.asset}: say another asset"})
        if not self.is_known:
            raise ValidationError({"asset": f"no symbol trades {self.discount_asset} and {self.asset}: add one first"})
        self.price_units()

    def price_units(self) -> int:
        """The price in 1e-8, 0 for none. Raises ValidationError."""
        try:
            units = to_atoms(self.price, decimals=PRICE_DECIMALS, limit=ORDER_LIMIT, field="price") if self.price else 0
        except BadParameter as error:
            raise ValidationError({"price": explain(error)}) from error
        if self.price and not units:
            raise ValidationError({"price": f"{self.price} is nothing; a price is above zero, or left empty for none"})
        return units

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bring it into force once that is committed. Raises as Symbol.save."""
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: publish_conversions([self]))


def publish_conversions(rows: Iterable[Conversion]) -> None:
    """Bring these prices into force; those of assets that no symbol knows any more mean nothing and are left out.

    Raises EngineUnavailable, OutcomeUnknown.
    """
    found = [(row.discount_asset.name, row.asset.name, row.price_units()) for row in rows if row.is_known]

    async def define(venue: Venue) -> None:
        for pair in found:
            await venue.registry.set_conversion(*pair)

    if found:
        run_in_venue(define)
