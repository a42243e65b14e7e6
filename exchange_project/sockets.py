"""Whom the settings let open WebSockets: the hosts whose pages may, and how many an address may have."""

from django.conf import settings
from django.http.request import validate_host

from accounts.routing import websocket_application
from api.door import SocketDoor
from exchange_project.options import SOCKET_ATTEMPTS, SOCKETS_PER_ADDRESS, SOCKETS_PER_LOOPBACK_ADDRESS, is_loopback


def is_known_host(name: str) -> bool:
    """Whether a page of this host may open sockets: one of this machine, or of a host that clients call us by."""
    bracketed = f"[{name}]" if ":" in name else name  # as Django wants IPv6
    return is_loopback(name) or validate_host(bracketed, settings.ALLOWED_HOSTS)


def most_sockets_of(address: str) -> int:
    """How many sockets a peer may have open in this process; a unix socket's peers are of this machine."""
    is_local = not address or is_loopback(address)
    default = SOCKETS_PER_LOOPBACK_ADDRESS if is_local else SOCKETS_PER_ADDRESS
    return settings.EXCHANGE_SOCKETS_PER_ADDRESS or default


def most_attempts_of(address: str) -> int | None:
    """How many sockets a peer may open in five minutes; None: of this machine as many as it likes."""
    is_local = not address or is_loopback(address)
    return settings.EXCHANGE_SOCKET_ATTEMPTS or (None if is_local else SOCKET_ATTEMPTS)


def guarded_sockets() -> SocketDoor:
    """The consumers, behind the door that the settings describe."""
    return SocketDoor(
        websocket_application, is_known_host=is_known_host, most_of=most_sockets_of, attempts_of=most_attempts_of
    )
