"""What a user's own program imports: `MockExchange` runs an exchange, `EngineManager` feeds it recorded data.

It talks to the exchange over HTTP and starts it as a process of its own, so none of the exchange's packages, nor
Django, is loaded into the user's program. Names are loaded on first use: `import qte` alone costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qte.core import EngineManager as EngineManager
    from qte.errors import ExchangeStartError as ExchangeStartError
    from qte.errors import ExchangeUnavailable as ExchangeUnavailable
    from qte.errors import Refused as Refused
    from qte.exchange import MockExchange as MockExchange

_HOMES = {
    "EngineManager": "qte.core",
    "ExchangeStartError": "qte.errors",
    "ExchangeUnavailable": "qte.errors",
    "MockExchange": "qte.exchange",
    "Refused": "qte.errors",
}


def __getattr__(name: str) -> Any:
    """`qte.MockExchange` and the others of the table above."""
    if name not in _HOMES:
        raise AttributeError(f"module 'qte' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
