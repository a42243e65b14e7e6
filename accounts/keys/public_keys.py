"""Ed25519 and RSA: the user has made the key, keeps its private half, and registers the public one.

The fact a newcomer would get wrong: nothing here is secret. Who has read all that the exchange keeps of such a key can
check its signatures and make none. (faqs/api_key_types.md of Binance's documents says which keys there are.)
"""

import base64
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

RSA_BITS: Final = (2048, 4096)
LONGEST_PEM: Final = 2_000
KEYS_KEPT: Final = 4_096
ED25519: Final = "Ed25519"
RSA: Final = "RSA"


class PublicKeyVerifier:
    """Knows base64 of what the private half has signed: Ed25519, or RSA with PKCS #1 v1.5 and SHA-256."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PublicKey | RSAPublicKey) -> None:
        self._key = key

    @property
    def kind(self) -> str:
        return ED25519 if isinstance(self._key, Ed25519PublicKey) else RSA

    def is_genuine(self, payload: bytes, signature: bytes) -> bool:
        try:
            given = base64.b64decode(signature, validate=True)
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(given, payload)
            else:
                self._key.verify(given, payload, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def read_public_key(text: str) -> str:
    """A public key's PEM as it is kept. Raises ValueError, which says what is wrong and repeats nothing."""
    if "PRIVATE KEY" in text:
        raise ValueError("this is a private key: keep it to yourself, and give the PUBLIC KEY that belongs to it")
    if len(text) > LONGEST_PEM:
        raise ValueError(f"a public key in PEM has no more than {LONGEST_PEM} characters")
    key = _load(text)
    if isinstance(key, RSAPublicKey) and key.key_size not in RSA_BITS:
        raise ValueError(f"RSA keys have 2048 or 4096 bits, this one has {key.key_size}")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _load(pem: str) -> Ed25519PublicKey | RSAPublicKey:
    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("this is no public key in PEM: it begins with -----BEGIN PUBLIC KEY-----") from error
    if not isinstance(key, Ed25519PublicKey | RSAPublicKey):
        raise ValueError("this is neither an Ed25519 nor an RSA key")
    return key


@lru_cache(maxsize=KEYS_KEPT)
def public_key_verifier(pem: str) -> PublicKeyVerifier:
    """What knows the signatures of this key. Raises ValueError for what `read_public_key` has not read."""
    return PublicKeyVerifier(_load(pem))
