"""The admin's page of open orders, straight from Redis, with the action to cancel them.

The fact a newcomer would get wrong: there is no table behind it. The model exists so that the page stands in the
admin's index with permissions of its own; rows are read when the page is asked for and may be gone a moment later.
"""

from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.journal.asking import journal_of
from accounts.models import LiveOrder, Trader
from archive.admin import moment
from engine.amounts import to_short_text
from engine.commands import CancelOrder
from engine.errors import ExchangeError, Rejected
from engine.records import OrderRecord
from engine.types import PRICE_DECIMALS, SymbolSpec
from engine.venue import Venue
from markets.publish import explain, run_in_venue

ROWS_PER_PAGE = 100
LARGEST_ID = 2**63 - 1


class LiveRow(NamedTuple):
    """One open order as the page shows it. `key` is what its checkbox sends."""

    key: str
    order: OrderRecord
    symbol: str
    trader: str
    price: str
    stop: str
    quantity: str
    filled: str
    placed: str


class Wanted(NamedTuple):
    """What the page was asked to show: a symbol or all, and a search for order ids, client ids and users' names."""

    symbol: str
    search: str

    def matches(self, row: LiveRow) -> bool:
        if self.symbol and row.symbol != self.symbol:
            return False
        term = self.search.lower()
        return (
            not term
            or term in row.trader.lower()
            or term == row.order.client_order_id.lower()
            or term == str(row.order.order_id)
        )


async def read_open_orders(venue: Venue) -> list[tuple[SymbolSpec, OrderRecord]]:
    """Every open order of the venue, by symbol, the newest first within each."""
    found: list[tuple[SymbolSpec, OrderRecord]] = []
    for spec in (await venue.registry.specs()).values():
        found += [(spec, order) for order in reversed(await venue.queries.book_orders(spec))]
    return found


def _row(spec: SymbolSpec, order: OrderRecord, names: dict[int, str]) -> LiveRow:
    return LiveRow(
        key=f"{spec.symbol}:{order.account}:{order.order_id}",
        order=order,
        symbol=spec.symbol,
        trader=names.get(order.account, f"#{order.account}"),
        price=to_short_text(order.price_ticks * spec.tick_units, decimals=PRICE_DECIMALS),
        stop=_stop(spec, order),
        quantity=to_short_text(order.lots * spec.lot_units, decimals=PRICE_DECIMALS),
        placed=moment(order.created_ms),
        filled=to_short_text(order.filled_lots * spec.lot_units, decimals=PRICE_DECIMALS),
    )


def _stop(spec: SymbolSpec, order: OrderRecord) -> str:
    """What an order that waits is waiting for."""
    if order.terms is None:
        return ""
    stop_units, bips = order.terms.stop_ticks * spec.tick_units, order.terms.trailing_bips
    stop = to_short_text(stop_units, decimals=PRICE_DECIMALS) if stop_units else ""
    return f"{stop} trailing {bips / 100:g} %".strip() if bips else stop


@admin.register(LiveOrder)
class LiveOrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Look, search, filter, cancel; nothing is added, edited or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """An order has no page of its own: it may be gone by the time it is opened."""
        return HttpResponseRedirect("../../")

    def get_urls(self) -> list[URLPattern]:
        """With the journal of an order, open or not; the archive's rows lead to it by its name."""
        view = self.admin_site.admin_view(self.journal_view)
        return [path("<int:order_id>/journal/", view, name="accounts_liveorder_journal"), *super().get_urls()]

    def journal_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Why the order is as it is: what the engine did with it."""
        user: Any = request.user
        if not user.has_perm("archive.view_archivedorder") and not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if order_id > LARGEST_ID:
            raise Http404
        journal = None
        try:
            journal = run_in_venue(lambda venue: journal_of(venue, order_id))
        except Rejected as error:
            raise Http404(f"there is no order {order_id}") from error
        except ExchangeError as error:
            self.message_user(request, f"The journal cannot be shown: {explain(error)}.", messages.ERROR)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Journal of order {order_id}",
            "opts": self.opts,
            "journal": journal,
            "lines": [(line, moment(line.time)) for line in journal.lines] if journal is not None else [],
        }
        return TemplateResponse(request, "admin/accounts/liveorder/journal.html", context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            self._cancel(request)
            return HttpResponseRedirect(request.get_full_path())
        wanted = Wanted(request.GET.get("symbol", ""), request.GET.get("q", "").strip())
        try:
            found = run_in_venue(read_open_orders)
        except ExchangeError as error:
            self.message_user(request, f"Open orders cannot be shown: {explain(error)}.", messages.ERROR)
            found = []
        names = dict(Trader.objects.values_list("account", "name"))
        rows = [row for spec, order in found if wanted.matches(row := _row(spec, order, names))]
        context = {
            **self.admin_site.each_context(request),
            "title": "Open orders (live)",
            "opts": self.opts,
            "wanted": wanted,
            "symbols": sorted({spec.symbol for spec, _ in found}),
            "page": Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("p")),
            "may_cancel": self.has_change_permission(request),
        }
        return TemplateResponse(request, "admin/accounts/liveorder/change_list.html", context)

    def _cancel(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied
        for key in request.POST.getlist("order"):
            symbol, _, ids = key.partition(":")
            account, _, order_id = ids.partition(":")
            if symbol and account.isdecimal() and order_id.isdecimal():
                self._cancel_one(request, symbol, int(account), int(order_id))

    def _cancel_one(self, request: HttpRequest, symbol: str, account: int, order_id: int) -> None:
        async def ask(venue: Venue) -> None:
            await venue.gateway.cancel_order(CancelOrder(account=account, symbol=symbol, order_id=order_id))

        order = LiveOrder(order_id=order_id, symbol=symbol, account=account)
        try:
            run_in_venue(ask)
        except ExchangeError as error:
            self.message_user(request, f"{order}: {explain(error)}.", messages.ERROR)
            return
        self.log_change(request, order, f"Canceled order {order_id} of account {account} on {symbol}.")
        self.message_user(request, f"Canceled {order}.", messages.SUCCESS)
