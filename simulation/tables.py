"""Every table of endpoints under /_sim."""

from typing import Final

import simulation.endpoints
import simulation.fault_endpoints
import simulation.fee_endpoints
import simulation.key_endpoints
import simulation.limit_endpoints
import simulation.symbol_endpoints
import simulation.user_stream_endpoints

TABLES: Final = (
    simulation.endpoints.ENDPOINTS,
    simulation.fault_endpoints.ENDPOINTS,
    simulation.fee_endpoints.ENDPOINTS,
    simulation.key_endpoints.ENDPOINTS,
    simulation.limit_endpoints.ENDPOINTS,
    simulation.symbol_endpoints.ENDPOINTS,
    simulation.user_stream_endpoints.ENDPOINTS,
)
