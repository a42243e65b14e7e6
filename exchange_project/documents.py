"""What describes the exchange to programs and people: /openapi.json, /asyncapi.json, and the page /docs that shows it.

The fact a newcomer would get wrong: the page loads nothing from elsewhere, and its Content-Security-Policy would not
let it. swagger-ui stands in static/vendor.
"""

from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

import accounts.tables
import api.health
import simulation.tables
from accounts.routing import METHODS
from accounts.websocket_api.asyncapi import asyncapi_document
from api.callers import Caller
from api.dialects import BARE, V1, V3
from api.openapi import openapi_document
from api.router import EndpointTable, Nothing
from api.runtime import Runtime

ENDPOINTS: Final = EndpointTable(BARE)
TABLES: Final = (*accounts.tables.TABLES, *simulation.tables.TABLES, api.health.ENDPOINTS, ENDPOINTS)  # all there are
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@ENDPOINTS.endpoint("GET", "/openapi.json", needs_venue=False)
async def openapi(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """REST as OpenAPI 3.1."""
    return _openapi()


@ENDPOINTS.endpoint("GET", "/asyncapi.json", needs_venue=False)
async def asyncapi(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Streams and the WebSocket API as AsyncAPI 3.0."""
    return _asyncapi()


@cache
def _openapi() -> dict[str, Any]:
    return openapi_document(TABLES, (V3, V1), settings.EXCHANGE_VERSION)


@cache
def _asyncapi() -> dict[str, Any]:
    return asyncapi_document(METHODS.values(), settings.EXCHANGE_VERSION)


def docs_page(request: HttpRequest) -> HttpResponse:
    """The documents, to read and to try."""
    response = render(request, "exchange/docs.html")
    response["Content-Security-Policy"] = POLICY
    return response
