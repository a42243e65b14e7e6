"""What `up` prints when it is ready: where everything is, and one line that can be copied and works."""

import socket
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from exchange_project.listeners import url_of


def banner(
    listeners: Sequence[socket.socket], *, api_key: str | None, stands_at: str = "", is_in_memory: bool = False
) -> str:
    """Plain text. `api_key` is the demo user's, None where there is no demo market.

    `stands_at` is the time at which a test or a replay has left the clock, empty where it runs.
    """
    url, sockets = url_of(listeners[0]), [url_of(listener, "ws") for listener in listeners]
    data_dir = Path(settings.EXCHANGE_DATA_DIR)
    password = data_dir / "admin_password"
    rows = [
        ("REST", f"{url}/api/v1, and {url}/api/v3 as Binance Spot has it"),
        ("WebSocket", "  ".join(f"{each}/ws" for each in sockets)),
        ("Admin", f"{url}/admin/" + (f"  (admin, password in {password})" if password.exists() else "")),
        ("Docs", f"{url}/docs, README.md"),
        ("Redis", _redis(is_in_memory)),
        ("Durability", settings.EXCHANGE_DURABILITY),
        ("Data", str(data_dir)),
    ]
    lines = ["", "The exchange is open.", "", *(f"  {name:<11} {value}" for name, value in rows), ""]
    if api_key:
        lines += [
            f"  API key of the user demo: {api_key}",
            f"  Its secret, and keys of alice and bob: {data_dir / settings.EXCHANGE_DEMO_KEYS_NAME}",
            "",
            f"  curl -s -H 'X-API-KEY: {api_key}' {url}/api/v1/account",
            f"  curl -s '{url}/api/v1/depth?symbol=BTCUSDT&limit=5'",
            "",
        ]
    else:
        lines += ["  No users yet: python3 manage.py create_user alice --deposit USDT=50000 --deposit BTC=1", ""]
    if stands_at:
        lines += [f"  The clock stands at {stands_at}; python3 manage.py clock real lets it run again.", ""]
    what_stays = "nothing of it is kept" if is_in_memory else "the state stays in the data directory"
    return "\n".join([*lines, f"  Ctrl-C ends it; {what_stays}.", ""])


def _redis(is_in_memory: bool) -> str:
    if is_in_memory:
        return "none: in the memory of this process"
    return "REDIS_URL" if settings.REDIS_URL_FROM_ENV else "embedded"
