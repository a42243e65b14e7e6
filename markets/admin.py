"""The admin of assets and symbols: rules, halt and resume.

The fact a newcomer would get wrong: the form saves to SQL and publishes after the commit. When Redis is away then, the
rules stand in SQL and are not in force; the message says so, and saving again brings them into force.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from engine.errors import ExchangeError
from markets.models import (
    AMOUNT_FIELDS,
    BAND_FIELDS,
    COUNT_FIELDS,
    MATCHING_FIELDS,
    ORDER_FIELDS,
    STEP_FIELDS,
    Asset,
    Conversion,
    Exchange,
    Symbol,
)
from markets.publish import explain
from markets.rules import DISCOUNT_FIELDS, FEE_FIELDS
from markets.services import set_status


class PublishingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """A form whose model publishes itself after the commit: when only that failed, it says so instead of answering 500.

    It saves what its user has changed and leaves what others have changed since he opened it.

    `not_told` is how its message begins.
    """

    not_told = "Saved, but not in force"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """With what it was when the page was made, if the browser brings that along: what differs was changed here."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.show_hidden_initial = request.method != "POST" or f"initial-{db_field.name}" in request.POST
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Of a row that was there save what was changed on the form: others may have changed the rest since."""
        obj.save(**({"update_fields": form.changed_data} if change else {}))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ExchangeError as error:
            text = f"{self.not_told}: {explain(error)}. Saving again makes up for it."
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path() if object_id else "../")


@admin.register(Asset)
class AssetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    list_display = ["name", "decimals"]
    search_fields = ["name"]
    empty_text = "Add one at the top right, or a symbol together with its assets: python3 manage.py add_symbol"

    def get_readonly_fields(self, request: HttpRequest, obj: Asset | None = None) -> list[str]:
        return ["name", "decimals"] if obj else []


@admin.register(Exchange)
class ExchangeAdmin(PublishingAdmin):
    """One row, made by the first who opens it."""

    list_display = ["__str__", "max_orders", "max_algo_orders", "max_iceberg_orders", "max_order_lists"]
    empty_text = "There are none: every account may have any number of orders open. Add the row at the top right."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Exchange.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Exchange | None = None) -> bool:
        """A rule is taken away by emptying it."""
        return False


@admin.register(Conversion)
class ConversionAdmin(PublishingAdmin):
    list_display = ["__str__", "price"]
    list_select_related = ["discount_asset", "asset"]
    empty_text = "There are none: when fees are paid in another asset, markets say what it is worth."

    def get_readonly_fields(self, request: HttpRequest, obj: Conversion | None = None) -> list[str]:
        return ["discount_asset", "asset"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Conversion | None = None) -> bool:
        """A price is taken away by emptying it."""
        return False


@admin.register(Symbol)
class SymbolAdmin(PublishingAdmin):
    list_display = ["symbol", "status", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee"]
    list_filter = ["status", ("quote", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["base", "quote"]
    search_fields = ["symbol"]
    search_help_text = "Part of a symbol. Halt and resume trading with the actions below."
    empty_text = "Add one at the top right, or run: python3 manage.py add_symbol BTCUSDT --base BTC --quote USDT"
    actions = ["halt", "pause", "collect", "resume"]
    fieldsets = [
        (None, {"fields": ["symbol", "base", "quote", "status"]}),
        ("Steps, fixed once there are orders", {"fields": STEP_FIELDS}),
        ("Limits", {"fields": AMOUNT_FIELDS}),
        ("Fees", {"fields": (*FEE_FIELDS, *DISCOUNT_FIELDS)}),
        ("What orders it takes", {"fields": ORDER_FIELDS}),
        ("What an account may have open", {"fields": COUNT_FIELDS}),
        ("How far prices may go", {"fields": BAND_FIELDS}),
        ("Who at a price gets how much", {"fields": MATCHING_FIELDS}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Symbol | None = None) -> list[str]:
        return ["symbol", "base", "quote"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Symbol | None = None) -> bool:
        """A symbol is halted, never deleted: orders and trades bear its name."""
        return False

    @admin.action(description="Halt selected symbols", permissions=["change"])
    def halt(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._set_status(request, queryset, Symbol.Status.HALT)

    @admin.action(description="Put selected symbols into a break: cancelling only", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._set_status(request, queryset, Symbol.Status.BREAK)

    @admin.action(description="Collect orders for an opening auction", permissions=["change"])
    def collect(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._set_status(request, queryset, Symbol.Status.AUCTION_MATCH)

    @admin.action(description="Resume selected symbols", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Symbol]) -> None:
        self._set_status(request, queryset, Symbol.Status.TRADING)

    def _set_status(self, request: HttpRequest, queryset: QuerySet[Symbol], status: Symbol.Status) -> None:
        for symbol in queryset:
            try:
                set_status(symbol.symbol, status.value)
            except ExchangeError as error:
                self.message_user(request, f"{symbol}: saved, but not in force: {explain(error)}.", messages.ERROR)
                continue
            self.log_change(request, symbol, f"Status set to {status.label}.")
            self.message_user(request, f"{symbol} is {status.label} now.", messages.SUCCESS)
