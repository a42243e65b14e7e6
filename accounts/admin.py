"""The admin of traders and their keys: live balances, credit, new key, revoke.

The fact a newcomer would get wrong: balances are not rows. They are read from Redis when the page is shown, and only a
command of the engine changes one.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.balances import lines, read_balances, table
from accounts.keys.public_keys import LONGEST_PEM, read_public_key
from accounts.live import LiveOrderAdmin
from accounts.models import ApiKey, Trader, TraderFees
from accounts.services import CreatedUser, create_api_key, credit, kill, read_amounts, release, revoke_api_key
from engine.errors import BadParameter, ExchangeError
from markets.admin import PublishingAdmin
from markets.models import Asset
from markets.publish import explain

__all__ = ["ApiKeyAdmin", "LiveOrderAdmin", "TraderAdmin", "TraderFeesAdmin"]


class CreditForm(forms.Form):
    """How much of which asset; `clean` leaves the atoms in `atoms`."""

    asset = forms.ModelChoiceField(Asset.objects.all(), to_field_name="name", empty_label=None)
    amount = forms.CharField(max_length=40, strip=True)
    atoms = 0

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "asset" in cleaned and "amount" in cleaned:
            try:
                ((_, self.atoms),) = read_amounts([(cleaned["asset"].name, cleaned["amount"])])
            except BadParameter as error:
                raise ValidationError({"amount": explain(error)}) from error
            except ExchangeError as error:
                raise ValidationError(explain(error)) from error
        return cleaned


class PublicKeyForm(forms.Form):
    """The PEM of a public key."""

    public_key = forms.CharField(max_length=LONGEST_PEM, widget=forms.Textarea(attrs={"rows": 12, "cols": 70}))

    def clean_public_key(self) -> str:
        try:
            return read_public_key(self.cleaned_data["public_key"])
        except ValueError as error:
            raise ValidationError(str(error)) from error


class StateFilter(admin.SimpleListFilter):
    """Keys that work, or those that were revoked."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("valid", "valid"), ("revoked", "revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(revoked_at__isnull=self.value() == "valid") if self.value() else queryset


class KeyInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs alone
    model = ApiKey
    fields = ("prefix", "label", "kind", "permissions", "addresses", "is_disabled", "created", "revoked_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChangeListWithBalances(ChangeList):
    """A page of traders whose live balances were read over one connection."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        traders = list(self.result_list)
        try:
            found = read_balances(trader.account for trader in traders)
        except ExchangeError as error:
            messages.error(request, f"Balances cannot be shown: {explain(error)}.")
            found = {}
        for trader in traders:
            trader.shown_balances = lines(found[trader.account]) if found else "unknown"
        self.result_list = traders


@admin.register(Trader)
class TraderAdmin(PublishingAdmin):
    list_display = ["name", "display_name", "account", "listed_balances", "trade_group", "state", "created"]
    search_fields = ["name", "display_name", "=account"]
    search_help_text = "Part of a name, or an account number. Credit money and make keys with the actions below."
    empty_text = "Add one at the top right, or run: python3 manage.py create_user alice --deposit USDT=50000"
    not_told = "Saved, but the exchange does not know yet"
    list_per_page = 50
    inlines = [KeyInline]
    actions = ["credit", "issue_key", "register_key", "kill", "release"]
    readonly_fields = ["account", "balances", "state", "created"]
    limits = ["max_order", "max_daily", "max_position", "max_open_orders"]

    def get_fields(self, request: HttpRequest, obj: Trader | None = None) -> list[Any]:
        return [
            "name",
            "display_name",
            "trade_group",
            "is_disabled",
            *self.limits,
            *(self.readonly_fields if obj else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Trader | None = None) -> list[str]:
        return ["name", *self.readonly_fields] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Trader | None) -> list[Any]:
        return self.inlines if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Trader | None = None) -> bool:
        """An account with a history cannot be unmade; revoke its keys instead."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ChangeListWithBalances

    @admin.display(description="may trade", ordering="is_killed")
    def state(self, trader: Trader) -> str:
        if trader.is_disabled:
            return "disabled"
        return "killed" if trader.is_killed else "yes"

    @admin.display(description="balances (live)")
    def listed_balances(self, trader: Any) -> SafeString | str:
        shown: SafeString | str = trader.shown_balances  # ChangeListWithBalances has put it there
        return shown

    @admin.display(description="balances (live)")
    def balances(self, trader: Trader) -> SafeString | str:
        try:
            shown = table(read_balances([trader.account])[trader.account])
            advice = "Money comes in with the action “Credit selected traders” of the list."
            return format_html("{}<p class='help'>{}</p>", shown, advice)
        except ExchangeError as error:
            return f"cannot be shown: {explain(error)}"

    @admin.action(description="Credit selected traders", permissions=["change"])
    def credit(self, request: HttpRequest, queryset: QuerySet[Trader]) -> HttpResponse | None:
        form = CreditForm(request.POST if "amount" in request.POST else None)
        if form.is_valid():
            for trader in queryset:
                self._credit_one(request, trader, form)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Credit traders",
            "opts": self.opts,
            "form": form,
            "traders": queryset,
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/accounts/trader/credit.html", context)

    def _credit_one(self, request: HttpRequest, trader: Trader, form: CreditForm) -> None:
        asset, amount = form.cleaned_data["asset"].name, form.cleaned_data["amount"]
        try:
            (done,) = credit(trader.account, [(asset, form.atoms)])
        except ExchangeError as error:
            self.message_user(request, f"{trader}: {explain(error)}.", messages.ERROR)
            return
        self.log_change(request, trader, f"Credited {amount} {asset} (transfer {done.transfer_id}).")
        self.message_user(request, f"Credited {amount} {asset} to {trader}.", messages.SUCCESS)

    @admin.action(description="Kill selected traders: cancel all orders, refuse new ones", permissions=["change"])
    def kill(self, request: HttpRequest, queryset: QuerySet[Trader]) -> None:
        for trader in queryset:
            try:
                _, canceled = kill(trader.name)
            except ExchangeError as error:
                text = f"{trader}: marked as killed, but orders may be open still: {explain(error)}. Kill it again."
                self.message_user(request, text, messages.ERROR)
                continue
            self.log_change(request, trader, f"Killed; {canceled} orders cancelled.")
            self.message_user(request, f"{trader} is killed; {canceled} orders were cancelled.", messages.SUCCESS)

    @admin.action(description="Release selected traders", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Trader]) -> None:
        for trader in queryset:
            try:
                release(trader.name)
            except ExchangeError as error:
                text = f"{trader}: marked as released, but not in force: {explain(error)}. Release it again."
                self.message_user(request, text, messages.ERROR)
                continue
            self.log_change(request, trader, "Released.")
            self.message_user(request, f"{trader} may trade again.", messages.SUCCESS)

    @admin.action(description="New API key for selected traders", permissions=["change"])
    def issue_key(self, request: HttpRequest, queryset: QuerySet[Trader]) -> HttpResponse | None:
        """Keys are shown on the answer itself, once: messages would keep them in a cookie."""
        made = []
        for trader in queryset:
            try:
                made.append(create_api_key(trader.name, label="from the admin"))
            except ExchangeError as error:
                self.message_user(request, f"{trader}: {explain(error)}.", messages.ERROR)
                continue
            self.log_change(request, trader, f"New API key {made[-1].api_key[:6]}….")
        return self._show_once(request, made) if made else None

    @admin.action(description="New API key for an Ed25519 or RSA key of selected traders", permissions=["change"])
    def register_key(self, request: HttpRequest, queryset: QuerySet[Trader]) -> HttpResponse:
        """The user keeps the private half; several traders may share a key."""
        form = PublicKeyForm(request.POST if "public_key" in request.POST else None)
        if form.is_valid():
            made = []
            for trader in queryset:
                try:
                    made.append(create_api_key(trader.name, label="from the admin", **form.cleaned_data))
                except ExchangeError as error:
                    self.message_user(request, f"{trader}: {explain(error)}.", messages.ERROR)
                    continue
                self.log_change(request, trader, f"New API key {made[-1].api_key[:6]}….")
            return self._show_once(request, made)
        context = {
            **self.admin_site.each_context(request),
            "title": "Register a public key",
            "opts": self.opts,
            "form": form,
            "traders": queryset,
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/accounts/trader/register_key.html", context)

    def _show_once(self, request: HttpRequest, made: list[CreatedUser]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "New API keys", "opts": self.opts, "made": made}
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "admin/accounts/trader/new_keys.html", context, headers=headers)


@admin.register(TraderFees)
class TraderFeesAdmin(PublishingAdmin):
    list_display = ["trader", "on", "maker_fee", "taker_fee", "uses_discount"]
    list_select_related = ["trader", "symbol"]
    search_fields = ["trader__name", "symbol__symbol"]
    search_help_text = "Part of a trader's name or of a symbol."
    empty_text = "There are none: every trader pays what symbols say. Add what is different at the top right."

    def get_readonly_fields(self, request: HttpRequest, obj: TraderFees | None = None) -> list[str]:
        return ["trader", "symbol"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: TraderFees | None = None) -> bool:
        """A fee is taken away by emptying it."""
        return False

    @admin.display(ordering="symbol__symbol")
    def on(self, fees: TraderFees) -> str:
        return fees.symbol.symbol if fees.symbol else "all symbols"


@admin.register(ApiKey)
class ApiKeyAdmin(PublishingAdmin):
    list_display = ["prefix", "trader", "label", "kind", "permissions", "addresses", "is_disabled", "revoked_at"]
    list_filter = [StateFilter, "is_disabled", "requires_signature"]
    list_select_related = ["trader"]
    search_fields = ["=prefix", "label", "trader__name"]
    search_help_text = "First six characters of a key, part of its label, or of a trader's name."
    empty_text = "A key is made in the list of traders: select the trader, then the action “New API key”."
    may_change = ("label", "permissions", "addresses", "is_disabled", "requires_signature")
    readonly_fields = ("trader", "prefix", "kind", "public_key", "created", "revoked_at")
    fields = (*readonly_fields, *may_change)
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key is made by the action of its trader, which can show it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("trader"):
            try:
                was_valid = revoke_api_key(key)
            except ExchangeError as error:
                text = f"{key}: marked as revoked, but still in force: {explain(error)}. Revoke it again."
                self.message_user(request, text, messages.ERROR)
                continue
            self.log_change(request, key, "Revoked.")
            word = "Revoked" if was_valid else "Had been revoked before:"
            self.message_user(request, f"{word} {key}.", messages.SUCCESS)
