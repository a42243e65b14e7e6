"""What must not be reachable from other machines: refused in one sentence by `up`, reported by `manage.py check`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from exchange_project.options import is_loopback


def unsafe_binding(host: str) -> str | None:
    """Why the exchange must not listen on `host` as it is set up, in one sentence, or None."""
    if is_loopback(host):
        return None
    if not settings.EXCHANGE_ALLOW_UNSIGNED:
        return (
            f"keys of /api/v1 work without a signature, which is for loopback only: "
            f"to listen on {host} all the same, set EXCHANGE_ALLOW_UNSIGNED=true"
        )
    if not settings.EXCHANGE_OPTIONS["EXCHANGE_ALLOWED_HOSTS"] or "*" in settings.ALLOWED_HOSTS:
        return f"to listen on {host}, name the hosts that clients will call it by in EXCHANGE_ALLOWED_HOSTS (not *)"
    if settings.DEBUG:
        return f"to listen on {host}, turn EXCHANGE_DEBUG off: its error pages show the settings"
    return None


@register()
def check_binding(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """exchange.E001: bound beyond loopback without saying so in full."""
    complaint = unsafe_binding(settings.EXCHANGE_HOST)
    return [Error(complaint, id="exchange.E001")] if complaint else []
