"""Django's entry for the accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """A stream's left part is a symbol or a user: neither may take the other's name."""
        from accounts.models import refuse_name_of_trader
        from markets.models import symbol_name_checks

        symbol_name_checks.append(refuse_name_of_trader)
