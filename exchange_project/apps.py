"""The wiring as a Django app: for its management commands, its checks, and migrations before the first command.

And daphne's app without daphne's server: that brings Twisted along, half of what every process would take to start, and
only `runserver` needs it.
"""

from django.apps import AppConfig
from django.contrib.auth.apps import AuthConfig

from engine.instance import prepare_with


class ExchangeProjectConfig(AppConfig):
    """Its commands replace daphne's `runserver` and Django's `test`, so it stands first in INSTALLED_APPS."""

    name = "exchange_project"
    default = True

    def ready(self) -> None:
        """Register what Django and the engine call back."""
        from exchange_project import checks

        prepare_with(_migrate)
        assert checks.check_binding  # importing the module has registered it


class Daphne(AppConfig):
    """In place of daphne's own; our `runserver`, which extends daphne's, imports the server when it is run."""

    name = "daphne"
    verbose_name = "Daphne"


class AdminLogins(AuthConfig):
    """Django's users under a name of their own in the admin: they enter it, they do not trade."""

    verbose_name = "Admin logins"


def _migrate(redis_url: str) -> None:
    from exchange_project.database import migrate_if_needed

    migrate_if_needed()
