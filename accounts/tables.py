"""Every table of the exchange's endpoints, the market's and the accounts': what REST and the WebSocket API serve.

What is not the exchange (/_sim, /healthz) is added where the application is put together (exchange_project.asgi).
"""

from typing import Final

import accounts.change_endpoints
import accounts.endpoints
import accounts.lists.endpoints
import accounts.sapi_endpoints
import accounts.sor_endpoints
import accounts.user_events.endpoints
import markets.endpoints
import markets.ticker_endpoints
import markets.trade_endpoints

TABLES: Final = (
    markets.endpoints.ENDPOINTS,
    markets.ticker_endpoints.ENDPOINTS,
    markets.trade_endpoints.ENDPOINTS,
    accounts.endpoints.ENDPOINTS,
    accounts.change_endpoints.ENDPOINTS,
    accounts.lists.endpoints.ENDPOINTS,
    accounts.user_events.endpoints.ENDPOINTS,
    accounts.sor_endpoints.ENDPOINTS,
    accounts.sapi_endpoints.ENDPOINTS,
    accounts.sapi_endpoints.FUTURES,
)
