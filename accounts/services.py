"""What may be done about traders and their keys, for commands, endpoints and the demo. Synchronous: it uses the ORM.

The fact a newcomer would get wrong: the key and secret that come back exist nowhere else. What is stored is the key's
digest and the sealed secret.
"""

import secrets
import string
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.digests import key_digest
from accounts.keys.public_keys import read_public_key
from accounts.models import PERMISSIONS, PREFIX_LENGTH, ApiKey, Trader, TraderFees, publish, publish_fees
from accounts.secrets import seal
from engine.amounts import to_atoms
from engine.commands import Transfer
from engine.errors import BadParameter, Reason, Rejected
from engine.gateway import Transferred
from engine.types import BALANCE_LIMIT
from engine.venue import Venue
from markets.models import Symbol
from markets.publish import run_in_venue
from markets.services import bad_parameter, publish_symbols

KEY_LENGTH = 64
KEY_ALPHABET = string.ascii_letters + string.digits
Row = TypeVar("Row", Trader, ApiKey)


@dataclass(frozen=True)
class CreatedUser:
    """A user and a new key of his. Key and secret are left out of repr: reprs end up in logs.

    `secret` is empty where the user has made the key himself.
    """

    name: str
    account: int
    api_key: str = field(repr=False)
    secret: str = field(repr=False)


def create_user(name: str, display_name: str = "", *, label: str = "", public_key: str = "") -> CreatedUser:
    """A user with a key; for a name that exists, one more key.

    Raises BadParameter for a name that cannot be, EngineUnavailable or OutcomeUnknown when the engine was not told.
    """
    if public_key:
        _checked_public_key(public_key)  # before anything is made
    ensure_trader(name, display_name)
    return create_api_key(name, label=label, public_key=public_key)


def ensure_trader(name: str, display_name: str = "") -> Trader:
    """The account of that name, made if needed, without a key. Raises as `create_user`."""
    known = find(name)
    if known is not None:
        return known
    trader = Trader(name=name, display_name=display_name)
    try:
        with transaction.atomic():
            _checked(trader).save()
    except (BadParameter, IntegrityError):
        known = find(name)
        if known is None:
            raise
        return known  # another worker was asked for the same at this moment
    return trader


def _checked(row: Row) -> Row:
    """The row, if it fits: SQLite would keep a text of any length, other databases fail. Raises BadParameter."""
    for name in ("display_name", "label"):
        if not getattr(row, name, "").isprintable():
            raise BadParameter(name, "OUT_OF_RANGE", detail=f"{name} must not have control characters")
    try:
        row.full_clean()
    except ValidationError as error:
        raise bad_parameter(error) from error
    return row


def change_trader(name: str, **fields: Any) -> Trader:
    """Give a user another trade group (NO_GROUP for none) or other limits; the fields are those of Trader.

    Raises Rejected UNKNOWN_USER, or as `create_user`.
    """
    trader = find(name)
    if trader is None:
        raise Rejected(Reason.UNKNOWN_USER, name)
    for name_of_field, value in fields.items():
        setattr(trader, name_of_field, value)
    try:
        trader.full_clean()
    except ValidationError as error:
        raise bad_parameter(error) from error
    trader.save(update_fields=[*fields])  # and nothing that others change at this moment
    return trader


def set_fees(name: str, symbol: str = "", **fields: Any) -> TraderFees:
    """Change what a user pays on a symbol, or on all; the fields are those of TraderFees, "" and None: as without.

    Raises Rejected UNKNOWN_USER or UNKNOWN_SYMBOL, or as `create_user`.
    """
    trader, market = find(name), Symbol.objects.filter(symbol=symbol).first()
    if trader is None:
        raise Rejected(Reason.UNKNOWN_USER, name)
    if symbol and market is None:
        raise Rejected(Reason.UNKNOWN_SYMBOL, symbol)
    try:
        with transaction.atomic():
            known = TraderFees.objects.select_related("trader", "symbol")
            row, _ = known.get_or_create(trader=trader, symbol=market)
            for name_of_field, value in fields.items():
                setattr(row, name_of_field, value)
            row.full_clean()
            row.save(update_fields=[*fields])
    except ValidationError as error:
        raise bad_parameter(error) from error
    return row


def kill(name: str) -> tuple[Trader, int]:
    """The kill switch: from here on the user places no orders, and all open ones are cancelled; how many.

    Raises as `change_trader`; killing again cancels what an interrupted one has left.
    """
    trader = change_trader(name, is_killed=True)

    async def ask(venue: Venue) -> int:
        return len(await venue.gateway.kill_account(trader.account))

    return trader, run_in_venue(ask)


def release(name: str) -> Trader:
    """The user may place orders again. Raises as `change_trader`."""
    return change_trader(name, is_killed=False)


def find(name: str) -> Trader | None:
    """The trader of that name."""
    return Trader.objects.filter(name=name).first()


def create_api_key(
    name: str,
    *,
    label: str = "",
    permissions: str = PERMISSIONS,
    requires_signature: bool = False,
    public_key: str = "",
    addresses: str = "",
) -> CreatedUser:
    """One more key for a user. `permissions`: letters of RTW; `addresses`: from where, empty for anywhere.

    With the PEM of a `public_key` the user has made it himself: there is no secret, and whatever it does is signed.
    Raises Rejected UNKNOWN_USER, BadParameter, as above.
    """
    trader = find(name)
    if trader is None:
        raise Rejected(Reason.UNKNOWN_USER, name)
    api_key, secret = _random_key(), "" if public_key else _random_key()
    digest = key_digest(api_key)
    key = ApiKey(
        trader=trader,
        label=label,
        prefix=api_key[:PREFIX_LENGTH],
        digest=digest,
        sealed_secret=seal(secret, digest=digest) if secret else "",
        public_key=public_key,
        permissions=permissions,
        addresses=addresses,
        requires_signature=requires_signature,
    )
    _checked(key).save()
    return CreatedUser(name=trader.name, account=trader.account, api_key=api_key, secret=secret)


def _random_key() -> str:
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))


def find_api_key(api_key: str) -> ApiKey | None:
    """The row of a key by its text."""
    return ApiKey.objects.select_related("trader").filter(digest=key_digest(api_key)).first()


def change_api_key(api_key: str, **fields: Any) -> ApiKey:
    """Change what a key may do, from where, or whether it works; in force at once. The fields are those of ApiKey.

    Raises BadParameter, also for a key that is not known, or as `create_user`.
    """
    with transaction.atomic():
        key = known_api_key(api_key)
        for name_of_field, value in fields.items():
            setattr(key, name_of_field, value)
        _checked(key).save(update_fields=[*fields])  # or a revocation gets lost
    return key


def known_api_key(api_key: str) -> ApiKey:
    """The row of a key by its text. Raises BadParameter, which does not repeat the text."""
    key = find_api_key(api_key)
    if key is None:
        raise BadParameter("apiKey", "UNKNOWN_VALUE", detail="there is no such API key")
    return key


def _checked_public_key(text: str) -> str:
    try:
        return read_public_key(text)
    except ValueError as error:
        raise BadParameter("publicKey", "UNKNOWN_VALUE", detail=str(error)) from error


def revoke_api_key(key: ApiKey) -> bool:
    """From here on every command under the key is refused. False when it was revoked before (it is made sure again)."""
    with transaction.atomic():
        row = ApiKey.objects.select_for_update().select_related("trader").get(pk=key.pk)
        was_valid = row.revoked_at is None
        if was_valid:
            row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
    return was_valid


def read_amounts(amounts: list[tuple[str, str]]) -> list[tuple[str, int]]:
    """Texts by asset, [("BTC", "0.5")], as atoms. Raises BadParameter, Rejected UNKNOWN_ASSET, EngineUnavailable."""

    async def read(venue: Venue) -> list[tuple[str, int]]:
        return [(asset, _above_zero(text, await venue.registry.asset_decimals(asset))) for asset, text in amounts]

    return run_in_venue(read) if amounts else []


def _above_zero(text: str, decimals: int) -> int:
    atoms = to_atoms(text, decimals=decimals, limit=BALANCE_LIMIT, field="amount")
    if atoms == 0:
        raise BadParameter("amount", "OUT_OF_RANGE", value=text, detail=f"{text} is nothing; it must be above zero")
    return atoms


def credit(account: int, amounts: list[tuple[str, int]]) -> list[Transferred]:
    """Credit an account, [(asset, atoms)], one command after the other. Raises what `Gateway.credit` raises."""

    async def ask(venue: Venue) -> list[Transferred]:
        return [
            await venue.gateway.credit(Transfer(account=account, asset=asset, atoms=atoms)) for asset, atoms in amounts
        ]

    return run_in_venue(ask) if amounts else []


def publish_all() -> None:
    """Tell the engine every symbol, account, fee and key that SQL has, after a loss of Redis. Repeats are harmless.

    Balances and books are not in SQL's keeping: they come back only from Redis' own files.
    """
    publish_symbols()
    publish_fees(TraderFees.objects.all())  # first: a key must not go before them
    publish(Trader.objects.all(), ApiKey.objects.all())
