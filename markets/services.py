"""What may be done to the list of symbols, for commands, endpoints and the demo. Synchronous: it uses the ORM."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from engine.errors import BadParameter, Reason, Rejected
from engine.types import SymbolStatus
from markets.models import RULE_FIELDS, Asset, Conversion, Exchange, Symbol, publish_conversions, publish_rules
from markets.publish import stop_if_collecting


def add_symbol(symbol: str, base: str, quote: str, **rules: Any) -> bool:
    """Add a symbol, and its assets if they are new (8 decimals). False when it exists already, whatever its rules.

    `rules` are the texts of Symbol's RULE_FIELDS; what is left out or None suits BTCUSDT. Raises BadParameter with the
    reason in `detail`, and EngineUnavailable when it could be saved but not published.
    """
    if unknown := rules.keys() - set(RULE_FIELDS):
        raise BadParameter(min(unknown), "UNKNOWN_VALUE", detail=f"not a rule; rules are {', '.join(RULE_FIELDS)}")
    if Symbol.objects.filter(symbol=symbol).exists():
        return False
    given = {field: str(value) for field, value in rules.items() if value is not None}
    try:
        with transaction.atomic():
            row = Symbol(symbol=symbol, base=_asset(base), quote=_asset(quote), **given)
            row.full_clean()
            row.save()
    except (ValidationError, IntegrityError) as error:
        if Symbol.objects.filter(symbol=symbol).exists():
            return False  # another worker was asked for the same at this moment
        if isinstance(error, IntegrityError):
            raise
        raise bad_parameter(error) from error
    return True


def set_status(name: str, status: str) -> Symbol:
    """Halt a symbol, let it be for cancelling alone (BREAK), let it collect orders for an auction (AUCTION_MATCH), or
    open it: also after its circuit breaker has halted it, and after an auction, whose orders are matched.

    Raises Rejected UNKNOWN_SYMBOL or AUCTION_UNMATCHED (nothing was saved), BadParameter, and EngineUnavailable when it
    could be saved but not published.
    """
    row = Symbol.objects.select_related("base", "quote").filter(symbol=name).first()
    if row is None:
        raise Rejected(Reason.UNKNOWN_SYMBOL, name)
    if status not in Symbol.Status.values:
        detail = f"status must be one of {', '.join(Symbol.Status.values)}"
        raise BadParameter("status", "UNKNOWN_VALUE", value=status, detail=detail)
    stop_if_collecting(name, SymbolStatus(status))
    row.status = status
    row.save(update_fields=["status"])  # and no rule that somebody changes at this moment
    if status == Symbol.Status.TRADING:
        publish_rules(Symbol.objects.filter(pk=row.pk), reopen=True)
    return row


def set_exchange_rules(**rules: str | None) -> Exchange:
    """Change what accounts may have open on all symbols together; None leaves a rule as it is, 0 takes it away.

    Raises BadParameter, and EngineUnavailable when it could be saved but not published.
    """
    row = Exchange.row()
    for field, text in rules.items():
        setattr(row, field, getattr(row, field) if text is None else text)
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        raise bad_parameter(error) from error
    row.save()
    return row


def set_conversion(discount_asset: str, asset: str, price: str) -> Conversion:
    """What one `discount_asset` is worth in `asset` when fees are paid in it; "" for what the markets say.

    Raises BadParameter, and EngineUnavailable when it could be saved but not published.
    """
    paid_in, received = _known_asset("discountAsset", discount_asset), _known_asset("asset", asset)
    try:
        with transaction.atomic():
            row, _ = Conversion.objects.get_or_create(discount_asset=paid_in, asset=received)
            row.price = price
            row.full_clean()
            row.save()
    except ValidationError as error:
        raise bad_parameter(error) from error
    return row


def publish_symbols() -> None:
    """Bring the rules of every symbol and the prices for fees into force, after a loss of Redis or a save without it.

    May be repeated.
    """
    publish_rules(Symbol.objects.all())
    publish_conversions(Conversion.objects.select_related("discount_asset", "asset"))


def bad_parameter(error: ValidationError) -> BadParameter:
    """The first complaint of a validation as the engine's error."""
    field, messages = next(iter(error.message_dict.items())) if hasattr(error, "error_dict") else ("", error.messages)
    return BadParameter(field.strip("_"), "OUT_OF_RANGE", detail=messages[0])


def _known_asset(parameter: str, name: str) -> Asset:
    found = Asset.objects.filter(name=name).first()
    if found is None:
        detail = f"{parameter}: there is no asset {name[:20]!r}; add a symbol that trades it first"
        raise BadParameter(parameter, "UNKNOWN_VALUE", value=name, detail=detail)
    return found


def _asset(name: str) -> Asset:
    found = Asset.objects.filter(name=name).first()
    if found is None:
        found = Asset(name=name)
        found.full_clean()
        found.save()
    return found
