"""Signing secrets, sealed: a signature needs the secret itself, so it cannot be hashed as the key is.

The fact a newcomer would get wrong: a sealed secret opens only together with the digest of its key (AES-256-GCM binds
the two), so one that is copied to another key's row is worthless. The sealing key is EXCHANGE_SEAL_KEY if that is set,
else the file `seal.key` of the data directory; whoever loses it issues new API keys.
"""

import base64
import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from engine.instance import secret_kept_in

VERSION = "1."
NONCE_BYTES = 12
KEY_BYTES = 32


class CannotUnseal(Exception):
    """The text was not sealed under this key and digest."""


def seal(secret: str, *, digest: str, data_dir: Path | None = None) -> str:
    """The secret of the API key with this digest as printable text; another text every time.

    `data_dir`: that of another instance, which shall be able to open it.
    """
    nonce = os.urandom(NONCE_BYTES)
    cipher = _cipher() if data_dir is None else _cipher_from("", data_dir)
    sealed = cipher.encrypt(nonce, secret.encode(), digest.encode())
    return VERSION + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, *, digest: str) -> str:
    """The secret that `seal` was given. Raises CannotUnseal."""
    try:
        data = base64.urlsafe_b64decode(sealed.removeprefix(VERSION))
        return _cipher().decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], digest.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotUnseal(f"the secret of key {digest[:8]}… does not open with this sealing key") from error


def _cipher() -> AESGCM:
    return _cipher_from(getattr(settings, "EXCHANGE_SEAL_KEY", ""), Path(settings.EXCHANGE_DATA_DIR))


@lru_cache(maxsize=4)
def _cipher_from(given: str, data_dir: Path) -> AESGCM:
    text = given or secret_kept_in(data_dir / "seal.key")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        where = "EXCHANGE_SEAL_KEY" if given else str(data_dir / "seal.key")
        raise ImproperlyConfigured(f"{where} must be {2 * KEY_BYTES} hexadecimal digits")
    return AESGCM(key)
