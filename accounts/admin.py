"""The admin of traders and their keys: live balances, credit, new key, revoke.

The fact a newcomer would get wrong: balances are not rows. They are read from Redis when the page is shown, and only a
command of the engine changes one.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.live import LiveOrderAdmin
from accounts.models import ApiKey, Trader
from accounts.services import create_api_key, credit, read_amounts, revoke_api_key
from engine.amounts import to_text
from engine.errors import BadParameter, ExchangeError
from engine.queries import Balance
from engine.venue import Venue
from markets.models import Asset
from markets.publish import explain, run_in_venue

__all__ = ["ApiKeyAdmin", "LiveOrderAdmin", "TraderAdmin"]


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


class KeyInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs alone
    model = ApiKey
    readonly_fields = ["prefix", "label", "permissions", "requires_signature", "created", "revoked_at"]
    fields = ("prefix", "label", "permissions", "requires_signature", "created", "revoked_at")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Trader)
class TraderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    list_display = ["name", "display_name", "account", "created"]
    search_fields = ["name", "display_name", "=account"]
    date_hierarchy = "created"
    inlines = [KeyInline]
    actions = ["credit", "issue_key"]
    readonly_fields = ["account", "balances", "created"]

    def get_fields(self, request: HttpRequest, obj: Trader | None = None) -> list[Any]:
        return ["name", "display_name", *(self.readonly_fields if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Trader | None = None) -> list[str]:
        return ["name", *self.readonly_fields] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Trader | None) -> list[Any]:
        return self.inlines if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Trader | None = None) -> bool:
        """An account with a history cannot be unmade; revoke its keys instead."""
        return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ExchangeError as error:
            text = f"Saved, but the exchange does not know yet: {explain(error)}. Saving again tells it."
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path() if object_id else "../")

    @admin.display(description="balances (live)")
    def balances(self, trader: Trader) -> SafeString | str:
        async def read(venue: Venue) -> tuple[list[Balance], dict[str, int]]:
            decimals = await venue.registry.assets()
            return await venue.queries.balances(trader.account, decimals), decimals

        try:
            balances, decimals = run_in_venue(read)
        except ExchangeError as error:
            return f"cannot be shown: {explain(error)}"
        rows = [
            (
                each.asset,
                to_text(each.free_atoms, decimals=decimals[each.asset]),
                to_text(each.locked_atoms, decimals=decimals[each.asset]),
            )
            for each in balances
        ]
        body = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        return format_html("<table><tr><th></th><th>free</th><th>locked</th></tr>{}</table>", body)

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
        if not made:
            return None
        context = {**self.admin_site.each_context(request), "title": "New API keys", "opts": self.opts, "made": made}
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "admin/accounts/trader/new_keys.html", context, headers=headers)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    list_display = ["prefix", "trader", "label", "permissions", "requires_signature", "created", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "requires_signature", "created"]
    list_select_related = ["trader"]
    search_fields = ["=prefix", "label", "trader__name"]
    fields = ("trader", "prefix", "label", "permissions", "requires_signature", "created", "revoked_at")
    readonly_fields = fields
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
