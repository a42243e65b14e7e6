"""`/_sim/...`: API keys, with which users sign what they ask.

    GET    keys [user]          POST keys {user, label?, permissions?, addresses?, requiresSignature?, publicKey?}
    PUT    keys {apiKey, label?, permissions?, addresses?, requiresSignature?, disabled?}     addresses "none": anywhere
    DELETE keys {apiKey}        revoke it, for ever
    GET    signatures           PUT  signatures {once}    whether what was signed is executed once; false: as at Binance

The fact a newcomer would get wrong: a secret is shown by the answer that makes it and never again; with `publicKey`,
the PEM of an Ed25519 or RSA key, there is none at all. When the answer comes, what has changed is in force for every
command on every worker; what only reads hears of it with the event, a moment later.
"""

from typing import Any

from msgspec import Struct

from accounts import services as accounts
from accounts.models import PERMISSIONS, ApiKey
from api.callers import Caller
from api.router import Nothing, sim_endpoints
from api.runtime import Runtime
from engine.errors import BadParameter, Reason, Rejected
from engine.unsaid import Unsaid
from simulation import answers
from simulation.rendering import key_shown, known_key_shown
from simulation.threads import in_sql

ENDPOINTS = sim_endpoints()
ANYWHERE = "none"


class KeysQuery(Struct, kw_only=True):
    user: str | None = None


class NewKey(Struct, kw_only=True, rename="camel"):
    user: str
    label: str = ""
    permissions: str = PERMISSIONS
    addresses: str = ""
    requires_signature: bool = False
    public_key: str = ""


class KeyChange(Unsaid, Struct, kw_only=True, rename="camel"):
    api_key: str
    label: str | None = None
    permissions: str | None = None
    addresses: str | None = None
    requires_signature: bool | None = None
    disabled: bool | None = None


class SignaturesChange(Struct, kw_only=True):
    once: bool


class OneKey(Unsaid, Struct, kw_only=True, rename="camel"):
    api_key: str


@ENDPOINTS.endpoint("GET", "/keys", answer=answers.KeysShown)
async def list_keys(request: KeysQuery, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """All keys, or those of a user, without anything secret."""

    def read() -> list[dict[str, Any]]:
        keys = ApiKey.objects.select_related("trader").order_by("pk")
        if request.user is not None:
            if accounts.find(request.user) is None:
                raise Rejected(Reason.UNKNOWN_USER, request.user)
            keys = keys.filter(trader__name=request.user)
        return [known_key_shown(key) for key in keys]

    return {"keys": await in_sql(read)}


@ENDPOINTS.endpoint("POST", "/keys", answer=answers.NewKey)
async def create_key(request: NewKey, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """One more key for a user."""
    created = await in_sql(
        accounts.create_api_key,
        request.user,
        label=request.label,
        permissions=request.permissions,
        addresses=_addresses(request.addresses),
        requires_signature=request.requires_signature,
        public_key=request.public_key,
    )
    return key_shown(created)


@ENDPOINTS.endpoint("PUT", "/keys", answer=answers.KeyShown)
async def change_key(request: KeyChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """What a key may do, from where, and whether it works."""
    changes: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("label", "permissions", "requires_signature")
        if getattr(request, name) is not None
    }
    if request.addresses is not None:
        changes["addresses"] = _addresses(request.addresses)
    if request.disabled is not None:
        changes["is_disabled"] = request.disabled
    if not changes:
        raise BadParameter(
            "permissions", "MISSING", detail="say what is to change: permissions, addresses, disabled ..."
        )
    return known_key_shown(await in_sql(accounts.change_api_key, request.api_key, **changes))


@ENDPOINTS.endpoint("DELETE", "/keys", answer=answers.KeyShown)
async def revoke_key(request: OneKey, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """From here on every command under the key is refused."""

    def revoke() -> dict[str, Any]:
        accounts.revoke_api_key(accounts.known_api_key(request.api_key))
        return known_key_shown(accounts.known_api_key(request.api_key))

    return await in_sql(revoke)


@ENDPOINTS.endpoint("GET", "/signatures", answer=answers.SignaturesShown)
async def get_signatures(request: Nothing, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Whether a signed request that changes something is executed once."""
    return {"once": await runtime.venue.claims.are_wanted()}


@ENDPOINTS.endpoint("PUT", "/signatures", answer=answers.SignaturesShown)
async def set_signatures(request: SignaturesChange, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Once, or as often as it is sent within its window, as at Binance; what was remembered is forgotten."""
    await runtime.venue.claims.want(once=request.once)
    return {"once": request.once}


def _addresses(text: str) -> str:
    return "" if text == ANYWHERE else text
