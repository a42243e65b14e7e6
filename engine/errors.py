"""The error tree: what the caller may conclude is the class, why is a word.

Numbers, HTTP statuses and public texts stand beside these words in `api/errors.py`; a new word needs a row there.
"""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """Why a command was refused. A refusal has changed nothing."""

    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    DUPLICATE_ORDER = "DUPLICATE_ORDER"
    MARKET_CLOSED = "MARKET_CLOSED"
    AUCTION_COLLECTS = "AUCTION_COLLECTS"  # an order of another kind than an auction collects
    NO_AUCTION = "NO_AUCTION"  # to be ended
    AUCTION_UNMATCHED = "AUCTION_UNMATCHED"  # its symbol cannot get another status than TRADING
    UNKNOWN_ORDER = "UNKNOWN_ORDER"  # on cancel and reduce
    NO_SUCH_ORDER = "NO_SUCH_ORDER"  # on query
    NO_SUCH_LIST = "NO_SUCH_LIST"  # on query of an order list
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    UNKNOWN_ASSET = "UNKNOWN_ASSET"
    UNKNOWN_USER = "UNKNOWN_USER"
    KEY_INVALID = "KEY_INVALID"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    UNKNOWN_LISTEN_KEY = "UNKNOWN_LISTEN_KEY"
    LISTEN_KEYS_GONE = "LISTEN_KEYS_GONE"  # as Binance's are
    FILTER_PRICE = "FILTER_PRICE"
    FILTER_LOT_SIZE = "FILTER_LOT_SIZE"
    FILTER_NOTIONAL = "FILTER_NOTIONAL"
    FILTER_MARKET_LOT_SIZE = "FILTER_MARKET_LOT_SIZE"
    FILTER_ICEBERG_PARTS = "FILTER_ICEBERG_PARTS"
    FILTER_TRAILING_DELTA = "FILTER_TRAILING_DELTA"
    FILTER_MAX_NUM_ORDERS = "FILTER_MAX_NUM_ORDERS"
    FILTER_MAX_NUM_ALGO_ORDERS = "FILTER_MAX_NUM_ALGO_ORDERS"
    FILTER_MAX_NUM_ICEBERG_ORDERS = "FILTER_MAX_NUM_ICEBERG_ORDERS"
    FILTER_MAX_NUM_ORDER_LISTS = "FILTER_MAX_NUM_ORDER_LISTS"
    FILTER_MAX_NUM_ORDER_AMENDS = "FILTER_MAX_NUM_ORDER_AMENDS"
    FILTER_EXCHANGE_MAX_NUM_ORDERS = "FILTER_EXCHANGE_MAX_NUM_ORDERS"
    FILTER_EXCHANGE_MAX_NUM_ALGO_ORDERS = "FILTER_EXCHANGE_MAX_NUM_ALGO_ORDERS"
    FILTER_EXCHANGE_MAX_NUM_ICEBERG_ORDERS = "FILTER_EXCHANGE_MAX_NUM_ICEBERG_ORDERS"
    FILTER_EXCHANGE_MAX_NUM_ORDER_LISTS = "FILTER_EXCHANGE_MAX_NUM_ORDER_LISTS"
    FILTER_MAX_POSITION = "FILTER_MAX_POSITION"
    FILTER_MAX_ASSET = "FILTER_MAX_ASSET"
    FILTER_PERCENT_PRICE = "FILTER_PERCENT_PRICE"
    FILTER_PERCENT_PRICE_BY_SIDE = "FILTER_PERCENT_PRICE_BY_SIDE"
    RISK_OPEN_ORDERS = "RISK_OPEN_ORDERS"  # limits of the account that Binance does not have
    RISK_DAILY_NOTIONAL = "RISK_DAILY_NOTIONAL"
    RISK_POSITION = "RISK_POSITION"
    ACCOUNT_KILLED = "ACCOUNT_KILLED"
    NOT_SUPPORTED = "NOT_SUPPORTED"  # by the symbol; the detail says what, in words for the public
    NO_OCO = "NO_OCO"  # the same of OCO pairs, of which Binance says it without a full stop
    NO_SOR = "NO_SOR"  # smart order routing, which no symbol has
    ICEBERG_EXCEEDS_QUANTITY = "ICEBERG_EXCEEDS_QUANTITY"
    STP_NOT_ALLOWED = "STP_NOT_ALLOWED"
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"
    BALANCE_TOO_LARGE = "BALANCE_TOO_LARGE"
    CLOCK_BACKWARDS = "CLOCK_BACKWARDS"
    CLOCK_NOT_VIRTUAL = "CLOCK_NOT_VIRTUAL"
    RULES_FIXED = "RULES_FIXED"  # tick, lot or assets of a symbol that has a history
    WOULD_MATCH = "WOULD_MATCH"  # LIMIT_MAKER
    STOP_WOULD_TRIGGER = "STOP_WOULD_TRIGGER"
    PEG_NOT_ALLOWED = "PEG_NOT_ALLOWED"  # for this type of order
    PEG_UNFIT = "PEG_UNFIT"  # this peg, for this type of order
    NO_PEG_PRICE = "NO_PEG_PRICE"  # the book has no level where the order is pegged to
    BOOK_EMPTY = "BOOK_EMPTY"  # and a market order by quote amount wants somebody to meet, with at least:
    BOOK_BELOW_LOT_SIZE = "BOOK_BELOW_LOT_SIZE"
    BOOK_BELOW_MARKET_LOT_SIZE = "BOOK_BELOW_MARKET_LOT_SIZE"
    LIST_PRICES = "LIST_PRICES"  # of the orders of an OCO pair
    CANCEL_RESTRICTED = "CANCEL_RESTRICTED"
    AMEND_UNKNOWN_ORDER = "AMEND_UNKNOWN_ORDER"
    AMEND_INCREASES = "AMEND_INCREASES"
    AMEND_CHANGES_NOTHING = "AMEND_CHANGES_NOTHING"
    AMEND_PENDING_OPO = "AMEND_PENDING_OPO"  # it has no quantity yet
    AMEND_DUPLICATE = "AMEND_DUPLICATE"  # the new client order id is another open order's
    RULE_FAILED = "RULE_FAILED"  # the symbol's matching rule gave what cannot be; the detail says what
    TOO_MANY_ORDERS = "TOO_MANY_ORDERS"  # that are unfilled, of the account in an interval
    RATE_LIMITED = "RATE_LIMITED"  # the address it came from; the edge asks by which limit, and words it
    NO_TRADE_YET = "NO_TRADE_YET"
    WRONG_SYMBOL_STATUS = "WRONG_SYMBOL_STATUS"  # it was asked for with another one
    NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"  # and never one before
    REFERENCE_NOT_EXTERNAL = "REFERENCE_NOT_EXTERNAL"  # it is computed, or there is none


class ExchangeError(Exception):
    """Everything the exchange says instead of an answer."""


class BadParameter(ExchangeError):
    """A parameter could not be read; nothing was asked of the engine.

    `problem` is one of MISSING, EMPTY, ILLEGAL_CHARACTERS, NEGATIVE, TOO_MANY_DECIMALS, TOO_LARGE, NOT_REQUIRED,
    UNKNOWN_VALUE, DUPLICATE, BAD_COMBINATION, OUT_OF_RANGE, MALFORMED, TOO_LONG_A_SPAN, TOO_MANY, SYMBOL_TWICE,
    TICKER_TYPE; of an order in an OCO pair
    OCO_TYPE, OCO_ICEBERG, OCO_BUY_LIMIT, OCO_SELL_LIMIT, OCO_TWO_LIMITS, OCO_BUY_STOP_LOSS, OCO_SELL_STOP_LOSS,
    OCO_BUY_TAKE_PROFIT, OCO_SELL_TAKE_PROFIT; in an OPO OPO_WORKING_SIDE, OPO_PENDING_SIDE, OPO_PENDING_QUANTITY.
    """

    def __init__(self, field: str, problem: str, *, value: str = "", detail: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f" ({value!r})" if value else ""))
        self.field = field
        self.problem = problem
        self.value = value
        self.detail = detail


class Rejected(ExchangeError):
    """Read and refused; nothing changed, not even an id.

    `numbers` are the values that were compared, whole and with their unit last (`lots`, `max_lots`, `free_base_atoms`),
    `field` the parameter that was refused, where it was one: for whoever asks why (engine/refusals.py), since the
    public's texts name neither.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        existing_order_id: int | None = None,
        numbers: Mapping[str, int] | None = None,
        field: str = "",
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.existing_order_id = existing_order_id
        self.numbers = numbers or {}
        self.field = field


class EngineUnavailable(ExchangeError):
    """Redis cannot be had; nothing happened, try later."""


class OtherLayout(EngineUnavailable):
    """The venue was kept by another version of the exchange, which lays its data out in another way."""

    def __init__(self, theirs: int, ours: int) -> None:
        super().__init__(
            f"the data in Redis are of another version of the exchange (layout {theirs}, this one has {ours}): "
            "use that version, or begin anew with another --data-dir or EXCHANGE_VENUE"
        )


class OutcomeUnknown(ExchangeError):
    """The command left and no reply came: it may have happened. Ask by client order id."""


class InvariantBroken(ExchangeError):
    """A script of ours failed: the books are in doubt. Halt the symbol and run `manage.py audit`."""
