"""Every table of the exchange's endpoints, the market's and the accounts': what REST and the WebSocket API serve.

What is not the exchange (/_sim, /healthz) is added where the application is put together (exchange_project.asgi).
"""

from typing import Final

import accounts.change_endpoints
import accounts.endpoints
import accounts.list_endpoints
import markets.endpoints

TABLES: Final = (
    markets.endpoints.ENDPOINTS,
    accounts.endpoints.ENDPOINTS,
    accounts.change_endpoints.ENDPOINTS,
    accounts.list_endpoints.ENDPOINTS,
)
