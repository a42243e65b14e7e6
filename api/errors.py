"""From an error to an answer: HTTP status, Binance's code, the exact public text. One table.

The fact a newcomer would get wrong: clients match on these texts to the letter ("Filter failure: LOT_SIZE"), so they
are Binance's and say nothing more. What a text leaves open stands in the error's `detail`, for logs.
"""

import re
from typing import Final, NamedTuple

from engine.amounts import LEGAL_DECIMAL
from engine.errors import BadParameter, EngineUnavailable, ExchangeError, OutcomeUnknown, Reason, Rejected
from engine.rate_limits import Window

LEGAL_CLIENT_ORDER_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
LEGAL_INTEGER = "^[0-9]{1,20}$"
LEGAL_SYMBOL = r"^[\w\-._&&[^a-z]]{1,50}$"
_NAME = r'"[\w\-._&&[^a-z]]{1,50}"'
LEGAL_SYMBOLS = rf"^\[({_NAME}(,{_NAME}){{0,}}){{0,1}}\]$"


class Answer(NamedTuple):
    """What a caller gets to see of an error."""

    status: int
    code: int
    text: str


class Refused(ExchangeError):
    """A request that never became a command, for a reason of HTTP's: path, method, size, credentials."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


UNKNOWN: Final = Answer(500, -1000, "An unknown error occurred while processing the request.")
BUSY: Final = Answer(
    503, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes."
)
TIMEOUT: Final = Answer(
    504,
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
)
INTERNAL: Final = Answer(500, -1001, "Internal error; unable to process your request. Please try again.")
UNEXPECTED: Final = Answer(
    500, -1006, "An unexpected response was received from the message bus. Execution status unknown."
)
UNREAD: Final = Answer(400, -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.")
# What a tester may order: nothing else ends with the second, the third, or the last. Unknown parameters are ignored.
OF_FAULT: Final = {answer.code: answer for answer in (UNKNOWN, INTERNAL, UNEXPECTED, TIMEOUT, BUSY, UNREAD)}
BODY_TOO_LARGE: Final = Answer(413, -1000, "The request body is larger than 64 KiB.")
NO_SIM_TOKEN: Final = Answer(
    401, -1002, "You are not authorized to execute this request. X-Sim-Token must be the text of the file sim.token."
)
ILLEGAL_TEXT: Final = Answer(400, -1100, "Illegal characters found in a parameter.")
REPLACED_IN_PART: Final = Answer(409, -2021, "Order cancel-replace partially failed.")
REPLACE_FAILED: Final = Answer(400, -2022, "Order cancel-replace failed.")
INVALID_TIME_UNIT: Final = Answer(
    400, -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
)
# Of the WebSocket API. What errors.md does not have (-1193, -2028, the texts of -1135) is what Binance's server says;
# for a method that there is not it has the nearest.
INVALID_JSON: Final = Answer(400, -1135, "Invalid JSON Request")
INVALID_ID: Final = Answer(
    400,
    -1135,
    "Invalid 'id' in JSON request; expected an integer, a string matching '^[a-zA-Z0-9-_]{1,36}$', or null.",
)
INVALID_METHOD: Final = Answer(400, -1135, "Invalid 'method' in JSON request; expected a string.")
INVALID_PARAMS: Final = Answer(400, -1135, "Invalid 'params' in JSON request; expected an object.")
UNKNOWN_METHOD: Final = Answer(400, -1020, "This operation is not supported.")
NOT_LOGGED_ON: Final = Answer(400, -1193, "WebSocket session not authenticated. Recommendation: use `session.logon`.")
HMAC_CANNOT_LOG_ON: Final = Answer(400, -2028, "HMAC-SHA-256 API key is not supported.")
RSA_CANNOT_LOG_ON: Final = Answer(400, -2028, "RSA API key is not supported.")
SUBSCRIBED: Final = Answer(400, -2035, "User Data Stream subscription already active.")
NOT_SUBSCRIBED: Final = Answer(400, -2036, "User Data Stream subscription not active.")
TOO_MANY_SUBSCRIPTIONS: Final = Answer(
    400, -1191, "Too many subscriptions. Connection may create up to '1000' subscriptions at a time."
)
NO_MORE_SUBSCRIPTION_IDS: Final = Answer(400, -2042, "Maximum subscription ID reached for this connection.")
LISTEN_KEYS_GONE: Final = Answer(410, -1020, "This operation is not supported.")
# What the gateway in front of Binance has answered since 2026-02-20 to requests for a listenKey, all 136 bytes of it.
GONE_PAGE: Final = (
    "<html>\r\n<head><title>410 Gone</title></head>\r\n<body>\r\n<center><h1>410 Gone</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
PAGES: Final = {LISTEN_KEYS_GONE: GONE_PAGE.encode()}  # what is answered by HTTP in place of JSON
BAD_KEY_FORMAT: Final = Answer(401, -2014, "API-key format invalid.")
BAD_KEY: Final = Answer(401, -2015, "Invalid API-key, IP, or permissions for action.")
BAD_SIGNATURE: Final = Answer(400, -1022, "Signature for this request is not valid.")
OUTSIDE_WINDOW: Final = Answer(400, -1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD_OF_SERVER: Final = Answer(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")

OF_REASON: Final[dict[Reason, Answer]] = {
    Reason.INSUFFICIENT_BALANCE: Answer(400, -2010, "Account has insufficient balance for requested action."),
    Reason.DUPLICATE_ORDER: Answer(400, -2010, "Duplicate order sent."),
    Reason.MARKET_CLOSED: Answer(400, -2010, "Market is closed."),
    Reason.AUCTION_COLLECTS: Answer(400, -2010, "Limit orders require GTC for this phase."),
    Reason.NO_AUCTION: Answer(400, -2010, "The symbol is not in an auction."),
    Reason.AUCTION_UNMATCHED: Answer(400, -2010, "The symbol is in an auction, which status TRADING ends."),
    Reason.WOULD_MATCH: Answer(400, -2010, "Order would immediately match and take."),
    Reason.STOP_WOULD_TRIGGER: Answer(400, -2010, "Stop price would trigger immediately."),
    Reason.PEG_NOT_ALLOWED: Answer(400, -2010, "This order type may not use pegged price."),
    Reason.PEG_UNFIT: Answer(400, -2010, "This price peg cannot be used with this order type."),
    Reason.NO_PEG_PRICE: Answer(400, -2010, "Order book liquidity is too low for this pegged order."),
    Reason.BOOK_EMPTY: Answer(400, -2010, "Order book liquidity is less than symbol minimum quantity."),
    Reason.BOOK_BELOW_LOT_SIZE: Answer(
        400, -2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
    ),
    Reason.BOOK_BELOW_MARKET_LOT_SIZE: Answer(
        400, -2010, "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity."
    ),
    Reason.LIST_PRICES: Answer(400, -2010, "The relationship of the prices for the orders is not correct."),
    Reason.CANCEL_RESTRICTED: Answer(400, -2011, "Order was not canceled due to cancel restrictions."),
    Reason.UNKNOWN_ORDER: Answer(400, -2011, "Unknown order sent."),
    Reason.AMEND_UNKNOWN_ORDER: Answer(400, -2038, "Unknown order sent."),
    Reason.AMEND_INCREASES: Answer(400, -2038, "Order amend (quantity increase) is not supported."),
    Reason.AMEND_CHANGES_NOTHING: Answer(400, -2038, "The requested action would change no state; rejecting."),
    Reason.AMEND_PENDING_OPO: Answer(400, -2038, "Order amend (pending OPO order) is not supported."),
    Reason.AMEND_DUPLICATE: Answer(400, -2038, "Duplicate order sent."),
    Reason.NO_SUCH_ORDER: Answer(400, -2013, "Order does not exist."),
    Reason.NO_SUCH_LIST: Answer(400, -2013, "Order list does not exist."),
    Reason.UNKNOWN_SYMBOL: Answer(400, -1121, "Invalid symbol."),
    Reason.UNKNOWN_ASSET: Answer(400, -1130, "Data sent for parameter 'asset' is not valid."),
    Reason.UNKNOWN_USER: Answer(400, -1130, "There is no such user."),
    Reason.KEY_INVALID: BAD_KEY,
    Reason.OUTSIDE_WINDOW: OUTSIDE_WINDOW,
    Reason.UNKNOWN_LISTEN_KEY: Answer(400, -1125, "This listenKey does not exist."),
    Reason.LISTEN_KEYS_GONE: LISTEN_KEYS_GONE,
    Reason.FILTER_PRICE: Answer(400, -1013, "Filter failure: PRICE_FILTER"),
    Reason.FILTER_LOT_SIZE: Answer(400, -1013, "Filter failure: LOT_SIZE"),
    Reason.FILTER_NOTIONAL: Answer(400, -1013, "Filter failure: NOTIONAL"),
    Reason.FILTER_MARKET_LOT_SIZE: Answer(400, -1013, "Filter failure: MARKET_LOT_SIZE"),
    Reason.FILTER_ICEBERG_PARTS: Answer(400, -1013, "Filter failure: ICEBERG_PARTS"),
    Reason.FILTER_TRAILING_DELTA: Answer(400, -1013, "Filter failure: TRAILING_DELTA"),
    Reason.FILTER_MAX_NUM_ORDERS: Answer(400, -1013, "Filter failure: MAX_NUM_ORDERS"),
    Reason.FILTER_MAX_NUM_ALGO_ORDERS: Answer(400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    Reason.FILTER_MAX_NUM_ICEBERG_ORDERS: Answer(400, -1013, "Filter failure: MAX_NUM_ICEBERG_ORDERS"),
    Reason.FILTER_MAX_NUM_ORDER_LISTS: Answer(400, -1013, "Filter failure: MAX_NUM_ORDER_LISTS"),
    Reason.FILTER_EXCHANGE_MAX_NUM_ORDERS: Answer(400, -1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS"),
    Reason.FILTER_EXCHANGE_MAX_NUM_ALGO_ORDERS: Answer(400, -1013, "Filter failure: EXCHANGE_MAX_NUM_ALGO_ORDERS"),
    Reason.FILTER_EXCHANGE_MAX_NUM_ICEBERG_ORDERS: Answer(
        400, -1013, "Filter failure: EXCHANGE_MAX_NUM_ICEBERG_ORDERS"
    ),
    Reason.FILTER_EXCHANGE_MAX_NUM_ORDER_LISTS: Answer(400, -1013, "Filter failure: EXCHANGE_MAX_NUM_ORDER_LISTS"),
    Reason.FILTER_MAX_ASSET: Answer(400, -1013, "Filter failure: MAX_ASSET"),
    Reason.FILTER_PERCENT_PRICE: Answer(400, -1013, "Filter failure: PERCENT_PRICE"),
    Reason.FILTER_PERCENT_PRICE_BY_SIDE: Answer(400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.FILTER_MAX_POSITION: Answer(400, -2010, "Filter failure: MAX_POSITION"),
    Reason.FILTER_MAX_NUM_ORDER_AMENDS: Answer(400, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS"),
    Reason.TOO_MANY_ORDERS: Answer(429, -1015, "Too many new orders."),
    Reason.RATE_LIMITED: Answer(429, -1003, "Too many requests queued."),  # api/limits.py says more
    Reason.RISK_OPEN_ORDERS: Answer(400, -2010, "Risk limit: the account has too many open orders."),
    Reason.RISK_DAILY_NOTIONAL: Answer(400, -2010, "Risk limit: the account has ordered too much today."),
    Reason.RISK_POSITION: Answer(400, -2010, "Risk limit: the account's position would be too large."),
    Reason.ACCOUNT_KILLED: Answer(400, -2010, "This action is disabled on this account."),
    Reason.NOT_SUPPORTED: Answer(400, -1013, "{detail} are not supported for this symbol."),
    Reason.NO_OCO: Answer(400, -1013, "{detail} are not supported for this symbol"),
    Reason.NO_SOR: Answer(400, -1013, "This symbol has no SOR."),
    Reason.ICEBERG_EXCEEDS_QUANTITY: Answer(400, -1013, "IcebergQty exceeds QTY."),
    Reason.STP_NOT_ALLOWED: Answer(400, -1013, "This symbol does not allow the specified self-trade prevention mode."),
    # Price and quantity alone were within bounds, or the filters had refused them: it is their product.
    Reason.AMOUNT_TOO_LARGE: Answer(400, -1013, "Filter failure: NOTIONAL"),
    Reason.BALANCE_TOO_LARGE: Answer(400, -2010, "The venue cannot hold that much of one asset."),
    Reason.CLOCK_BACKWARDS: Answer(409, -1020, "The market has orders or trades that are later: clear it first."),
    Reason.CLOCK_NOT_VIRTUAL: Answer(409, -1020, "The venue's clock follows the machine's: set it to a time first."),
    Reason.RULES_FIXED: Answer(
        409, -1020, "Tick size, lot size and assets of a symbol that has a history cannot change."
    ),
    # Not the caller's fault; this text is all that whoever writes a rule has to go by.
    Reason.RULE_FAILED: Answer(400, -2010, "Nothing was done: {detail}."),
    Reason.WRONG_SYMBOL_STATUS: Answer(400, -1220, "The symbol's status does not match the requested symbolStatus."),
    Reason.NO_REFERENCE_PRICE: Answer(400, -2043, "This symbol doesn't have a reference price."),
    Reason.REFERENCE_NOT_EXTERNAL: Answer(
        409, -1020, "The symbol's reference price is not set from outside: give it a referenceExternalId first."
    ),
    Reason.NO_TRADE_YET: Answer(404, -1000, "There was no trade on this symbol yet."),
}

# By problem of a BadParameter; {field} and {legal} are filled in.
OF_PROBLEM: Final[dict[str, tuple[int, str]]] = {
    "MISSING": (-1102, "Mandatory parameter '{field}' was not sent, was empty/null, or malformed."),
    "EMPTY": (-1105, "Parameter '{field}' was empty."),
    "ILLEGAL_CHARACTERS": (-1100, "Illegal characters found in parameter '{field}'; legal range is '{legal}'."),
    "NEGATIVE": (-1100, "Illegal characters found in parameter '{field}'; legal range is '{legal}'."),
    "TOO_MANY_DECIMALS": (-1111, "Parameter '{field}' has too much precision."),
    "TOO_LARGE": (-1108, "Parameter '{field}' overflowed."),
    "NOT_REQUIRED": (-1106, "Parameter '{field}' sent when not required."),
    "UNKNOWN_VALUE": (-1130, "Data sent for parameter '{field}' is not valid."),
    "OUT_OF_RANGE": (-1130, "Data sent for parameter '{field}' is not valid."),
    "DUPLICATE": (-1101, "Duplicate values for a parameter detected."),
    "BAD_COMBINATION": (-1128, "Combination of optional parameters invalid."),
    "MALFORMED": (-1135, "Invalid JSON Request"),
    "TOO_MANY": (-1101, "Too many parameters sent for this endpoint."),
    "SYMBOL_TWICE": (-1151, "Symbol is present multiple times in the list."),
    "TICKER_TYPE": (-1139, "Invalid ticker type."),
    "TOO_LONG_A_SPAN": (-1127, "More than 24 hours between startTime and endTime."),
    # Of an order in an OCO pair:
    "OCO_TYPE": (-1158, "Order type not supported in OCO."),
    "OCO_ICEBERG": (-1160, "Parameter '{field}' is not supported if `aboveTimeInForce`/`belowTimeInForce` is not GTC."),
    "OCO_BUY_LIMIT": (-1165, "A limit order in a buy OCO must be below."),
    "OCO_SELL_LIMIT": (-1166, "A limit order in a sell OCO must be above."),
    "OCO_TWO_LIMITS": (-1168, "At least one OCO order must be contingent."),
    "OCO_BUY_STOP_LOSS": (-1196, "A stop loss order in a buy OCO must be above."),
    "OCO_SELL_STOP_LOSS": (-1197, "A stop loss order in a sell OCO must be below."),
    "OCO_BUY_TAKE_PROFIT": (-1198, "A take profit order in a buy OCO must be below."),
    "OCO_SELL_TAKE_PROFIT": (-1199, "A take profit order in a sell OCO must be above."),
    "OPO_WORKING_SIDE": (-1222, "Working order in an OPO list must be a bid."),
    "OPO_PENDING_SIDE": (-1223, "Pending orders in an OPO list must be asks."),
    "OPO_PENDING_QUANTITY": (-1225, "Pending orders should not include the '{field}' tag."),
}
# Where a parameter has a code of its own for a problem.
OF_FIELD: Final[dict[tuple[str, str], tuple[int, str]]] = {
    ("side", "UNKNOWN_VALUE"): (-1117, "Invalid side."),
    ("type", "UNKNOWN_VALUE"): (-1116, "Invalid orderType."),
    ("timeInForce", "UNKNOWN_VALUE"): (-1115, "Invalid timeInForce."),
    ("pegPriceType", "UNKNOWN_VALUE"): (-1210, "Invalid pegPriceType."),
    ("pegOffsetType", "UNKNOWN_VALUE"): (-1211, "Invalid pegOffsetType."),
    ("symbolStatus", "UNKNOWN_VALUE"): (-1122, "Invalid symbolStatus."),
    ("interval", "UNKNOWN_VALUE"): (-1120, "Invalid interval."),
    ("cancelRestrictions", "UNKNOWN_VALUE"): (-1145, "Invalid cancelRestrictions"),
    ("recvWindow", "OUT_OF_RANGE"): (-1131, "'recvWindow' must be less than 60000."),
    ("strategyType", "OUT_OF_RANGE"): (-1134, "`strategyType` was less than 1000000."),
}
LEGAL_RANGES: Final[dict[str, str]] = {
    "symbol": LEGAL_SYMBOL,
    "symbols": LEGAL_SYMBOLS,
    "newClientOrderId": LEGAL_CLIENT_ORDER_ID,
    "origClientOrderId": LEGAL_CLIENT_ORDER_ID,
    "clientOrderId": LEGAL_CLIENT_ORDER_ID,
    "quantity": LEGAL_DECIMAL,
    "quoteOrderQty": LEGAL_DECIMAL,
    "price": LEGAL_DECIMAL,
    "stopPrice": LEGAL_DECIMAL,
    "icebergQty": LEGAL_DECIMAL,
    "newQty": LEGAL_DECIMAL,
    "amount": LEGAL_DECIMAL,
    "recvWindow": LEGAL_DECIMAL,
}


# What one order of a list is called by comes before what POST order calls the same: aboveStopPrice, workingType.
_OF_A_LIST: Final = re.compile(
    "(?:above|below|working|pending(?:Above|Below)?|limit|stop(?:Limit)?|list|cancelOrig|cancelNew)(?=[A-Z])|New(?=Client)"
)


def answer_to(error: Exception) -> Answer:
    """What to say. Whatever is not one of ours, and InvariantBroken, is UNKNOWN: the caller logs it."""
    if isinstance(error, Rejected):
        answer = OF_REASON[error.reason]
        if error.reason is Reason.TOO_MANY_ORDERS and error.numbers:
            window = Window(error.numbers["max_orders"], error.numbers["interval_ms"])
            interval, number = window.interval
            text = f"Too many new orders; current limit is {window.most} orders per {number} {interval}."
            return answer._replace(text=text)
        return answer._replace(text=answer.text.format(detail=error.detail)) if "{" in answer.text else answer
    if isinstance(error, BadParameter):
        return _answer_to_bad_parameter(error)
    if isinstance(error, Refused):
        return error.answer
    if isinstance(error, EngineUnavailable):
        return BUSY
    if isinstance(error, OutcomeUnknown):
        return TIMEOUT
    return UNKNOWN


def unknown_path(path: str) -> Refused:
    return Refused(Answer(404, -1000, f"There is nothing at {path[:200]}."))


def wrong_method(method: str, path: str, allowed: str) -> Refused:
    return Refused(Answer(405, -1000, f"{path} cannot be asked with {method[:20]}, only with {allowed}."))


def one_of_two_missing(first: str, second: str) -> BadParameter:
    """Either of two parameters has to be sent, and none was."""
    text = f"Param '{first}' or '{second}' must be sent, but both were empty/null!"
    return BadParameter(first, "MISSING", detail=text)


def _answer_to_bad_parameter(error: BadParameter) -> Answer:
    field, problem = error.field, error.problem
    if error.detail:
        return Answer(400, OF_PROBLEM[problem][0], error.detail)
    if problem == "ILLEGAL_CHARACTERS" and not field:
        return ILLEGAL_TEXT
    plain = _plain_name(field)
    code, text = OF_FIELD.get((plain, problem)) or OF_PROBLEM[problem]
    return Answer(400, code, text.format(field=field, legal=LEGAL_RANGES.get(plain, LEGAL_INTEGER)))


def _plain_name(field: str) -> str:
    """What a parameter of one order in a list is called where there is one order only."""
    prefix = None if field in LEGAL_RANGES else _OF_A_LIST.match(field)
    return field if prefix is None else field[prefix.end()].lower() + field[prefix.end() + 1 :]
