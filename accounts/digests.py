"""How an API key is known to the exchange: by its SHA-256, never by its text."""

import hashlib
from functools import lru_cache

KEYS_KEPT = 4_096  # a bot shows the same key with every order


@lru_cache(maxsize=KEYS_KEPT)
def key_digest(api_key: str) -> str:
    """The SHA-256 of a key's text in hex: a field of `{venue}:keys`, and what commands carry."""
    return hashlib.sha256(api_key.encode()).hexdigest()
