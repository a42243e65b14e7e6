"""A caller of /api/v3 and /sapi/v1: writes queries himself, since the signature covers bytes."""

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode

import httpx

SECRET = "alice-secret"


class Signer:
    """Signs a query, and asks."""

    def __init__(self, http: httpx.AsyncClient, key: str, secret: str = SECRET) -> None:
        self.http = http
        self.key = key
        self.secret = secret

    def signature(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    async def ask(
        self, method: str, path: str, query: str = "", *, kind: str = "text/plain", **how: Any
    ) -> httpx.Response:
        headers = {"X-MBX-APIKEY": self.key, "Content-Type": kind}
        return await self.http.request(method, f"{path}?{query}", headers=headers, **how)

    async def signed(self, method: str, path: str, query: str = "", *, at_ms: int | None = None) -> httpx.Response:
        text = f"{query}&timestamp={int(time.time() * 1000) if at_ms is None else at_ms}".removeprefix("&")
        return await self.ask(method, path, f"{text}&signature={self.signature(text)}")

    async def signed_in_form(self, method: str, path: str, form: str) -> httpx.Response:
        """The same in the body."""
        text = f"{form}&timestamp={int(time.time() * 1000)}"
        kind = "application/x-www-form-urlencoded"
        return await self.ask(method, path, kind=kind, content=f"{text}&signature={self.signature(text)}")

    async def ok(self, method: str, path: str, **parameters: Any) -> Any:
        """The body of a 200 of /api/v3."""
        response = await self.signed(method, f"/api/v3{path}", urlencode(parameters))
        assert response.status_code == 200, response.text
        return response.json()

    async def error(self, method: str, path: str, **parameters: Any) -> tuple[int, int, str]:
        """(status, code, msg) of a refusal of /api/v3."""
        response = await self.signed(method, f"/api/v3{path}", urlencode(parameters))
        body = response.json()
        assert body.keys() == {"code", "msg"}, body
        return response.status_code, body["code"], body["msg"]
