"""The wiring as a Django app: for its management commands, its checks, and migrations before the first command."""

from django.apps import AppConfig

from engine.instance import prepare_with


class ExchangeProjectConfig(AppConfig):
    """Its commands replace daphne's `runserver` and Django's `test`, so it stands first in INSTALLED_APPS."""

    name = "exchange_project"

    def ready(self) -> None:
        """Register what Django and the engine call back."""
        from exchange_project import checks

        prepare_with(_migrate)
        assert checks.check_binding  # importing the module has registered it


def _migrate(redis_url: str) -> None:
    from exchange_project.database import migrate_if_needed

    migrate_if_needed()
