"""The admin of what happened: read-only, amounts as people write them, accounts by their names.

The fact a newcomer would get wrong: nothing here asks Redis. How to write a symbol's whole numbers and what an account
is called came through the stream too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from archive.models import (
    ArchivedAccount,
    ArchivedAmendment,
    ArchivedOrder,
    ArchivedOrderList,
    ArchivedPreventedMatch,
    ArchivedSymbol,
    ArchivedTrade,
    ArchivedTransfer,
)
from engine.amounts import to_short_text
from engine.types import PRICE_DECIMALS, Side

DEFAULT_DECIMALS = 8
UNIT_DECIMALS = 8  # tick_units and lot_units are counted in 1e-8


class Labels:
    """Names of accounts and rules of symbols, read once for a page."""

    def __init__(self) -> None:
        self._names = {(row.venue, row.account): row.name for row in ArchivedAccount.objects.all()}
        self._symbols = {(row.venue, row.symbol): row for row in ArchivedSymbol.objects.all()}
        self._decimals: dict[str, int] = {}
        for row in self._symbols.values():
            self._decimals |= {row.base: row.base_decimals, row.quote: row.quote_decimals}

    def name(self, venue: str, account: int) -> str:
        return self._names.get((venue, account), f"#{account}")

    def price(self, venue: str, symbol: str, ticks: int) -> str:
        known = self._symbols.get((venue, symbol))
        return to_short_text(ticks * known.tick_units, decimals=UNIT_DECIMALS) if known else f"{ticks} ticks"

    def quantity(self, venue: str, symbol: str, lots: int) -> str:
        known = self._symbols.get((venue, symbol))
        return to_short_text(lots * known.lot_units, decimals=UNIT_DECIMALS) if known else f"{lots} lots"

    def quote(self, venue: str, symbol: str, atoms: int) -> str:
        known = self._symbols.get((venue, symbol))
        return to_short_text(atoms, decimals=known.quote_decimals) if known else f"{atoms} atoms"

    def base(self, venue: str, symbol: str, atoms: int) -> str:
        known = self._symbols.get((venue, symbol))
        return to_short_text(atoms, decimals=known.base_decimals) if known else f"{atoms} atoms"

    def amount(self, asset: str, atoms: int) -> str:
        return to_short_text(atoms, decimals=self._decimals.get(asset, DEFAULT_DECIMALS))


def moment(ms: int) -> str:
    """A time of the venue's clock in UTC, to the millisecond."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


class LabeledChangeList(ChangeList):
    """A page whose rows carry the labels they are shown with."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        labels = Labels()
        for row in self.result_list:
            row.labels = labels


def labels_of(row: Any) -> Labels:
    """What LabeledChangeList and get_object have put there."""
    labels: Labels = row.labels
    return labels


class FromSymbols(admin.SimpleListFilter):
    """A filter by a field whose values the archived symbols have: the rows themselves are too many to ask."""

    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        values = ArchivedSymbol.objects.order_by(self.field).values_list(self.field, flat=True)
        return [(value, value) for value in values.distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class VenueFilter(FromSymbols):
    title = "venue"
    parameter_name = field = "venue"


class SymbolFilter(FromSymbols):
    title = "symbol"
    parameter_name = field = "symbol"


class VoidFilter(admin.SimpleListFilter):
    """Rows that count, unless the void ones are asked for: those of moments that Redis lost in a crash."""

    title = "validity"
    parameter_name = "void"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "void: lost in a crash of Redis"), ("all", "both")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Django would call the first one "All"."""
        first, *others = super().choices(changelist)
        return iter([{**first, "display": "rows that count"}, *others])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() == "all" else queryset.filter(is_void=self.value() == "yes")


class RecentFilter(admin.SimpleListFilter):
    """The last hour, day or week before the newest row: the venue's clock may be virtual, so "now" says nothing."""

    title = "time before the newest"
    parameter_name = "within"
    hours = {"hour": 1, "day": 24, "week": 168}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, f"one {name}") for name in self.hours]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        hours = self.hours.get(self.value() or "")
        newest = queryset.order_by("-pk").first() if hours else None
        if hours is None or newest is None:
            return queryset
        field = "updated_ms" if isinstance(newest, ArchivedOrder) else "time_ms"
        return queryset.filter(**{f"{field}__gte": getattr(newest, field) - hours * 3_600_000})


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Rows can be looked at, nothing else. Searching for a user's name finds the rows of the account."""

    account_fields: tuple[str, ...] = ("account",)
    details: tuple[str, ...] = ()  # shown on a row's own page beside what the list shows
    empty_text = "Nothing has happened yet. What is placed, traded and paid in comes here within a second."
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LabeledChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.labels = Labels()
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Ids and client ids as usual, and accounts whose name contains the term."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            accounts = ArchivedAccount.objects.filter(name__icontains=search_term.strip()).values("account")
            for field in self.account_fields:
                found |= queryset.filter(**{f"{field}__in": accounts})
        return found, may_repeat

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """What the list shows, then the numbers as they were archived."""
        columns = [field.name for field in self.model._meta.fields if field.name not in ("id", "void_by")]
        shown = [name for name in self.list_display if isinstance(name, str) and name not in columns]
        return [*shown, *self.details, *columns]

    @admin.display(description="user")
    def user(self, row: Any) -> str:
        return labels_of(row).name(row.venue, row.account)


@admin.register(ArchivedOrder)
class ArchivedOrderAdmin(ReadOnlyAdmin):
    list_display = [
        "order_id", "symbol", "user", "side", "type", "price", "stop_price", "quantity", "filled", "status", "cost",
        "placed", "client_order_id", "journal",
    ]  # fmt: skip
    details = ("updated",)
    list_filter = [RecentFilter, VenueFilter, SymbolFilter, "status", "side", "type", VoidFilter]
    search_fields = ["=order_id", "=client_order_id"]
    search_help_text = "Order id, client order id, or part of a user's name."

    def journal(self, row: ArchivedOrder) -> SafeString | str:
        """Leads to what the engine did with it: a page of the live orders, since it asks Redis."""
        if row.venue != settings.EXCHANGE_VENUE or row.void_by:
            return ""
        return format_html('<a href="{}">why</a>', reverse("admin:accounts_liveorder_journal", args=[row.order_id]))

    def price(self, row: Any) -> str:
        return labels_of(row).price(row.venue, row.symbol, row.price_ticks) if row.price_ticks else "market"

    def stop_price(self, row: Any) -> str:
        """The price that triggers it, and how far it trails."""
        terms = row.record().terms
        if terms is None:
            return ""
        stop = labels_of(row).price(row.venue, row.symbol, terms.stop_ticks) if terms.stop_ticks else ""
        return f"{stop} trailing {terms.trailing_bips / 100:g} %".strip() if terms.trailing_bips else stop

    def quantity(self, row: Any) -> str:
        if row.quote_order_atoms:
            return f"for {labels_of(row).quote(row.venue, row.symbol, row.quote_order_atoms)}"
        return labels_of(row).quantity(row.venue, row.symbol, row.lots)

    def filled(self, row: Any) -> str:
        return labels_of(row).quantity(row.venue, row.symbol, row.record().filled_lots)

    @admin.display(description="filled for")
    def cost(self, row: Any) -> str:
        return labels_of(row).quote(row.venue, row.symbol, row.filled_quote_atoms)

    @admin.display(ordering="created_ms")
    def placed(self, row: ArchivedOrder) -> str:
        return moment(row.created_ms)

    @admin.display(ordering="updated_ms")
    def updated(self, row: ArchivedOrder) -> str:
        return moment(row.updated_ms)


@admin.register(ArchivedTrade)
class ArchivedTradeAdmin(ReadOnlyAdmin):
    account_fields = ("taker_account", "maker_account")
    list_display = [
        "trade_id", "symbol", "time", "price", "quantity", "amount", "taker", "taker_side", "taker_fee", "maker",
        "maker_fee",
    ]  # fmt: skip
    list_filter = [RecentFilter, VenueFilter, SymbolFilter, "taker_side", VoidFilter]
    search_fields = ["=trade_id", "=taker_order_id", "=maker_order_id"]
    search_help_text = "Trade id, order id of either side, or part of a user's name."

    @admin.display(ordering="time_ms")
    def time(self, row: ArchivedTrade) -> str:
        return moment(row.time_ms)

    def price(self, row: Any) -> str:
        return labels_of(row).price(row.venue, row.symbol, row.price_ticks)

    def quantity(self, row: Any) -> str:
        return labels_of(row).quantity(row.venue, row.symbol, row.lots)

    def amount(self, row: Any) -> str:
        return labels_of(row).quote(row.venue, row.symbol, row.quote_atoms)

    def taker(self, row: Any) -> str:
        return labels_of(row).name(row.venue, row.taker_account)

    def maker(self, row: Any) -> str:
        return labels_of(row).name(row.venue, row.maker_account)

    def taker_fee(self, row: Any) -> str:
        return _fee(row, row.taker_fee_atoms, row.taker_fee_asset, is_base=row.taker_side == Side.BUY)

    def maker_fee(self, row: Any) -> str:
        return _fee(row, row.maker_fee_atoms, row.maker_fee_asset, is_base=row.taker_side == Side.SELL)


def _fee(row: Any, atoms: int, asset: str, *, is_base: bool) -> str:
    """Most fees are taken from what their payer received: base if he bought, quote if he sold."""
    if asset:
        return f"{to_short_text(atoms, decimals=PRICE_DECIMALS)} {asset}"
    write = labels_of(row).base if is_base else labels_of(row).quote
    return write(row.venue, row.symbol, atoms)


@admin.register(ArchivedPreventedMatch)
class ArchivedPreventedMatchAdmin(ReadOnlyAdmin):
    account_fields = ("taker_account", "maker_account")
    list_display = [
        "prevented_match_id", "symbol", "time", "price", "mode", "taker", "taker_order_id", "taker_lost", "maker",
        "maker_order_id", "maker_lost", "trade_group",
    ]  # fmt: skip
    list_filter = [RecentFilter, VenueFilter, SymbolFilter, "mode", VoidFilter]
    search_fields = ["=prevented_match_id", "=taker_order_id", "=maker_order_id"]
    search_help_text = "Prevented match id, order id of either side, or part of a user's name."

    @admin.display(ordering="time_ms")
    def time(self, row: ArchivedPreventedMatch) -> str:
        return moment(row.time_ms)

    def price(self, row: Any) -> str:
        return labels_of(row).price(row.venue, row.symbol, row.price_ticks)

    def taker(self, row: Any) -> str:
        return labels_of(row).name(row.venue, row.taker_account)

    def maker(self, row: Any) -> str:
        return labels_of(row).name(row.venue, row.maker_account)

    def taker_lost(self, row: Any) -> str:
        return labels_of(row).quantity(row.venue, row.symbol, row.taker_prevented_lots)

    def maker_lost(self, row: Any) -> str:
        return labels_of(row).quantity(row.venue, row.symbol, row.maker_prevented_lots)


@admin.register(ArchivedOrderList)
class ArchivedOrderListAdmin(ReadOnlyAdmin):
    list_display = ["list_id", "symbol", "user", "kind", "placed", "of_orders", "client_order_id"]
    list_filter = [RecentFilter, VenueFilter, SymbolFilter, "kind", VoidFilter]
    search_fields = ["=list_id", "=client_order_id"]
    search_help_text = "List id, the list's client order id, or part of a user's name."

    @admin.display(ordering="time_ms")
    def placed(self, row: Any) -> str:
        return moment(row.time_ms)

    @admin.display(description="orders")
    def of_orders(self, row: Any) -> str:
        """Their ids; the one that the others wait for comes first."""
        return ", ".join(map(str, row.order_ids))


@admin.register(ArchivedAmendment)
class ArchivedAmendmentAdmin(ReadOnlyAdmin):
    list_display = [
        "order_id", "symbol", "time", "user", "quantity_before", "quantity_after", "previous_client_order_id",
        "client_order_id",
    ]  # fmt: skip
    list_filter = [RecentFilter, VenueFilter, SymbolFilter, VoidFilter]
    search_fields = ["=order_id", "=previous_client_order_id", "=client_order_id"]
    search_help_text = "Order id, client order id before or after, or part of a user's name."

    @admin.display(ordering="time_ms")
    def time(self, row: Any) -> str:
        return moment(row.time_ms)

    def quantity_before(self, row: Any) -> str:
        return labels_of(row).quantity(row.venue, row.symbol, row.previous_lots)

    def quantity_after(self, row: Any) -> str:
        return labels_of(row).quantity(row.venue, row.symbol, row.lots)


@admin.register(ArchivedTransfer)
class ArchivedTransferAdmin(ReadOnlyAdmin):
    list_display = ["seq", "time", "user", "direction", "asset", "amount", "venue"]
    list_filter = [RecentFilter, VenueFilter, "direction", "asset", VoidFilter]
    search_fields = ["=seq", "=asset"]
    search_help_text = "Transfer id, asset, or part of a user's name."

    @admin.display(ordering="time_ms")
    def time(self, row: ArchivedTransfer) -> str:
        return moment(row.time_ms)

    def amount(self, row: Any) -> str:
        return labels_of(row).amount(row.asset, row.atoms)
