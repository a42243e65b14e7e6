"""A client of the WebSocket API: requests by method, signed by keys of its own making; events wait between answers."""

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import ClientConnection, connect

from accounts.digests import key_digest
from accounts.secrets import seal
from engine.registry import KeyRecord
from engine.venue import Venue
from tests.ws.conftest import Client

Sign = Callable[[str], str]


class Key:
    """An API key and how it signs a text."""

    def __init__(self, api_key: str, sign: Sign) -> None:
        self.api_key = api_key
        self.sign = sign

    def signed(self, **params: Any) -> dict[str, Any]:
        """The parameters with key, time and signature, as web-socket-api.md signs them: as they are."""
        whole = {"timestamp": int(time.time() * 1000), **params, "apiKey": self.api_key}
        return whole | {"signature": self.sign(payload(whole))}


def payload(params: dict[str, Any]) -> str:
    """name=value, sorted, booleans as in JSON."""
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
    return "&".join(f"{name}={texts[name]}" for name in sorted(texts))


class ApiClient(Client):
    """One connection; `events` are kept until somebody asks for them."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(socket)
        self._numbers = itertools.count(1)

    async def answer(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The whole answer to a request."""
        id_ = next(self._numbers)
        request = {"id": id_, "method": method} | ({} if params is None else {"params": params})
        await self.socket.send(msgspec.json.encode(request).decode())
        return await self.answer_to(id_)

    async def answer_to(self, id_: Any) -> dict[str, Any]:
        while "event" in (frame := await self.receive()):
            self.events.append(frame)
        assert frame["id"] == id_, frame
        return frame

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a request that is met."""
        answer = await self.answer(method, params)
        assert answer["status"] == 200, answer
        return answer["result"]

    async def error(self, method: str, **params: Any) -> tuple[int, int, str]:
        """(status, code, msg) of a request that is refused."""
        answer = await self.answer(method, params)
        assert "result" not in answer, answer
        return answer["status"], answer["error"]["code"], answer["error"]["msg"]

    async def event(self) -> dict[str, Any]:
        """The next event that nobody has asked for."""
        if not self.events:
            self.events.append(await self.receive())
        frame = self.events.pop(0)
        assert frame.keys() == {"subscriptionId", "event"}, frame
        return frame

    async def no_event(self) -> None:
        """None has come until a request sent now is answered."""
        await self.call("ping")
        assert self.events == []


def api_url_of(ws_url: str) -> str:
    """The WebSocket API beside the guide's protocol."""
    return ws_url.removesuffix("/ws") + "/ws-api/v3"


@asynccontextmanager
async def api_connected(url: str) -> AsyncIterator[ApiClient]:
    async with connect(url, max_size=None, compression=None) as socket:
        yield ApiClient(socket)


async def give_hmac_key(venue: Venue, account: int, name: str, **flaws: Any) -> Key:
    """Publish an account and a key of it that signs by HMAC-SHA256."""
    api_key, secret = f"{name}-hmac-key", f"{name}-secret"
    digest = key_digest(api_key)
    await venue.registry.define_account(account, name)
    await venue.registry.define_key(
        digest, KeyRecord(account=account, user_name=name, sealed_secret=seal(secret, digest=digest), **flaws)
    )
    return Key(api_key, lambda text: hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest())


async def give_ed25519_key(venue: Venue, account: int, name: str, **flaws: Any) -> Key:
    """The same with a key of the user's own making that may log on."""
    private = ed25519.Ed25519PrivateKey.generate()
    return await _give_public_key(venue, account, name, "ed25519", private, private.sign, **flaws)


async def give_rsa_key(venue: Venue, account: int, name: str, **flaws: Any) -> Key:
    """The same with one that may not."""
    private = _rsa_key()
    return await _give_public_key(
        venue, account, name, "rsa", private, lambda data: private.sign(data, PKCS1v15(), SHA256()), **flaws
    )


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


async def _give_public_key(
    venue: Venue, account: int, name: str, kind: str, private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    sign: Callable[[bytes], bytes], **flaws: Any,
) -> Key:  # fmt: skip
    api_key = f"{name}-{kind}-key"
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    await venue.registry.define_account(account, name)
    await venue.registry.define_key(
        key_digest(api_key),
        KeyRecord(account=account, user_name=name, public_key=pem, requires_signature=True, **flaws),
    )
    return Key(api_key, lambda text: base64.b64encode(sign(text.encode())).decode())
