"""Who asks: from the API key in a request's headers to a Caller.

The fact a newcomer would get wrong: this looks at a record that may be a moment old. Commands carry the key's digest
and the script looks again, so what matters is decided there; here it is decided what a reader may see.
"""

import re

from accounts.digests import key_digest
from api.callers import Caller, Permission
from api.dialects import Dialect
from api.errors import BAD_KEY, BAD_KEY_FORMAT, Refused
from api.runtime import Runtime

_KEY = re.compile(rb"[A-Za-z0-9_-]{1,128}")


async def authenticate(
    runtime: Runtime, headers: dict[bytes, bytes], permission: Permission, dialect: Dialect
) -> Caller:
    """Whose key this is. Raises Refused: BAD_KEY_FORMAT for none or none that could be one, BAD_KEY for an unknown or
    revoked one, for a missing permission, and for a key that wants every request signed (v1 has no signatures)."""
    api_key = b""
    for name in dialect.key_headers:
        api_key = api_key or headers.get(name, b"")
    if not _KEY.fullmatch(api_key):
        raise Refused(BAD_KEY_FORMAT)
    digest = key_digest(api_key.decode())
    record = await runtime.venue.registry.key(digest)
    if record is None or permission not in record.permissions or record.requires_signature:
        raise Refused(BAD_KEY)
    return Caller(dialect, record.account, record.user_name, digest)
