"""Keys that sign requests: HMAC-SHA256, Ed25519, RSA, as Binance's documents have them.

The fact a newcomer would get wrong: over HTTP the payload is the query and the body as they are sent, over the
WebSocket API the parameters in the order of their names.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

RSA_BITS = 2048


class Signer(Protocol):
    """Signs a payload; the signature is text, not yet percent-encoded."""

    def sign(self, payload: str) -> str: ...


class HmacSigner:
    """A secret that both sides know; the signature is hexadecimal."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, payload: str) -> str:
        """64 hexadecimal digits."""
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()


class Ed25519Signer:
    """A private key of its own; the exchange is given `public_pem`."""

    def __init__(self) -> None:
        self._key = ed25519.Ed25519PrivateKey.generate()
        self.public_pem = _pem(self._key.public_key())

    def sign(self, payload: str) -> str:
        """Base64 of 64 bytes."""
        return base64.b64encode(self._key.sign(payload.encode())).decode()


class RsaSigner:
    """RSASSA-PKCS1-v1_5 with SHA-256; the exchange is given `public_pem`."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        self.public_pem = _pem(self._key.public_key())

    def sign(self, payload: str) -> str:
        """Base64 of 256 bytes."""
        return base64.b64encode(self._key.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def _pem(key: ed25519.Ed25519PublicKey | rsa.RSAPublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def written(value: Any) -> str:
    """A parameter's value as it stands in a query."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def query_of(parameters: Mapping[str, Any]) -> str:
    """`a=1&b=%5B%22X%22%5D`, in the given order; None is left out."""
    pairs = ((name, written(value)) for name, value in parameters.items() if value is not None)
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)


def frame_payload(parameters: Mapping[str, Any]) -> str:
    """What is signed of a request of the WebSocket API: sorted by name."""
    return "&".join(f"{name}={quote(written(value), safe='')}" for name, value in sorted(parameters.items()))
