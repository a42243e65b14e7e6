"""The same orders as Django's own documentation does it: python -m benchmarks.django_peer DESCRIPTOR REDIS_URL KIND.

A project as `startproject` makes it, one view that reads the form, checks the signature and calls the exchange's own
script through redis-py's pool of connections, behind uvicorn with the settings of our own worker. KIND is `async` (an
async view, redis.asyncio), `sync` (a plain view, in a thread) or `bare` (async, without any middleware). The first line
of standard input is the digest of an API key and its secret. The fact a newcomer would get wrong: what it leaves out is
in its favour. Key and rules are in its memory, it knows one type of order, and its answer is short.
"""

import asyncio
import hashlib
import hmac
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import redis
import redis.asyncio
import uvicorn
from django.conf import settings

from benchmarks.engine_load import SYMBOL, load_function
from benchmarks.processes import end_with_standard_input
from engine.amounts import to_atoms
from engine.commands import PlaceOrder
from engine.gateway import place_arguments
from engine.keys import Keys
from engine.rate_limits import Charge
from engine.records import decode_order
from engine.types import ORDER_LIMIT, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KINDS: Final = ("async", "sync", "bare")
VENUE: Final = "main"
ACCOUNT: Final = 1
STOCK_MIDDLEWARE: Final = [  # as startproject writes it
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPS: Final = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
]  # fmt: skip

urlpatterns: list[Any] = []  # of this module, which is its own ROOT_URLCONF
_made = 0


def command_of(form: Any, body: bytes, *, digest: str, secret: bytes) -> tuple[Any, ...] | None:
    """The words behind FCALL for a signed form; None for a signature that is not good."""
    global _made
    payload, _, signature = body.rpartition(b"&signature=")
    if not hmac.compare_digest(hmac.new(secret, payload, hashlib.sha256).hexdigest().encode(), signature):
        return None
    _made += 1
    order = PlaceOrder(
        account=ACCOUNT, symbol=form["symbol"], rules_version=1, side=Side(form["side"]), type=OrderType(form["type"]),
        time_in_force=TimeInForce(form["timeInForce"]), client_order_id=f"peer-{_made:017d}", credential=digest,
        price_ticks=_units(form["price"], "price", SYMBOL.tick_units),
        lots=_units(form["quantity"], "quantity", SYMBOL.lot_units), charge=Charge("127.0.0.1", weight=1, orders=1),
    )  # fmt: skip
    keys = Keys(VENUE).of_market(SYMBOL.symbol, SYMBOL.base, SYMBOL.quote)
    return (len(keys), *keys, *place_arguments(order))


def _units(text: str, field: str, unit: int) -> int:
    return to_atoms(text, decimals=8, limit=ORDER_LIMIT, field=field) // unit


def answer_of(reply: list[Any], form: Any) -> dict[str, Any]:
    """What a client is told."""
    if reply[0] != b"ok":
        raise ValueError(f"an order was answered with {reply!r}")
    order = decode_order(reply[2])
    return {
        "symbol": form["symbol"], "orderId": order.order_id, "clientOrderId": order.client_order_id,
        "price": form["price"], "origQty": form["quantity"], "status": order.status, "side": form["side"],
        "type": form["type"], "timeInForce": form["timeInForce"], "transactTime": order.updated_ms,
    }  # fmt: skip


def _json(data: Any, status: int = 200) -> "HttpResponse":
    """With its length, which Django leaves to a middleware."""
    from django.http import JsonResponse

    response = JsonResponse(data, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def async_views(url: str, function: str, digest: str, secret: bytes) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Ping and order, with redis.asyncio."""
    client = redis.asyncio.Redis.from_url(url)

    async def ping(request: "HttpRequest") -> "HttpResponse":
        return _json({})

    async def place_order(request: "HttpRequest") -> "HttpResponse":
        body, form = request.body, request.POST
        command = command_of(form, body, digest=digest, secret=secret)
        if command is None:
            return _json({"code": -1022}, status=400)
        return _json(answer_of(await client.execute_command("FCALL", function, *command), form))  # type: ignore[no-untyped-call]

    return ping, place_order


def sync_views(url: str, function: str, digest: str, secret: bytes) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The same with redis-py's plain client."""
    client = redis.Redis.from_url(url)

    def ping(request: "HttpRequest") -> "HttpResponse":
        return _json({})

    def place_order(request: "HttpRequest") -> "HttpResponse":
        body, form = request.body, request.POST
        command = command_of(form, body, digest=digest, secret=secret)
        if command is None:
            return _json({"code": -1022}, status=400)
        return _json(answer_of(client.execute_command("FCALL", function, *command), form))  # type: ignore[no-untyped-call]

    return ping, place_order


def application_of(kind: str, redis_url: str, digest: str, secret: str) -> Any:
    """The ASGI application of a stock project."""
    settings.configure(
        ROOT_URLCONF=__name__, SECRET_KEY="of a bench", ALLOWED_HOSTS=["127.0.0.1"], INSTALLED_APPS=APPS,
        MIDDLEWARE=[] if kind == "bare" else STOCK_MIDDLEWARE, USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )  # fmt: skip
    from django.core.asgi import get_asgi_application
    from django.urls import path
    from django.views.decorators.csrf import csrf_exempt

    application = get_asgi_application()
    with redis.Redis.from_url(redis_url) as client:
        function = load_function(client, "place_order")
    views = sync_views if kind == "sync" else async_views
    ping, place_order = views(redis_url, function, digest, secret.encode())
    urlpatterns[:] = [path("api/v1/ping", ping), path("api/v3/order", csrf_exempt(place_order))]
    return application


def serve(descriptor: int, redis_url: str, kind: str) -> None:
    """Answer on the inherited listening socket for good."""
    digest, secret = sys.stdin.readline().split()
    end_with_standard_input()
    config = uvicorn.Config(
        application_of(kind, redis_url, digest, secret), loop="uvloop", http="httptools", lifespan="off",
        log_config=None, access_log=False, proxy_headers=False, server_header=False, timeout_keep_alive=60,
    )  # fmt: skip
    server = uvicorn.Server(config)
    print("ready", flush=True)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[socket.socket(fileno=descriptor)]))


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
