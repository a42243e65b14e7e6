"""Signed orders as bytes, for the generators of P6 to P8: by POST and over the WebSocket API.

The fact a newcomer would get wrong: they are signed beforehand, some thousands at a time, so that HMAC does not slow
the generator down; a recvWindow of a minute keeps them good for a round. The same bytes may be sent again: without
a newClientOrderId they are another order each time.
"""

import hashlib
import hmac
import time
from typing import Final

from benchmarks.audience import TEXT, masked_frame

LOWEST_PRICE: Final = 10_000
PRICES: Final = 5_000  # orders of a batch, each at a price of its own
RECV_WINDOW_MS: Final = 60_000


class Signer:
    """Resting buy orders of one key."""

    def __init__(self, api_key: str, secret: str) -> None:
        self._api_key = api_key
        self._secret = secret.encode()
        self._prices = [f"{LOWEST_PRICE + number}.{number % 100:02d}" for number in range(PRICES)]

    def posts(self, port: int) -> list[bytes]:
        """POST /api/v3/order, the parameters in the body."""
        head = f"POST /api/v3/order HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-MBX-APIKEY: {self._api_key}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        return [self._post(head, price) for price in self._prices]

    def _post(self, head: str, price: str) -> bytes:
        text = (
            f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}"
            f"&recvWindow={RECV_WINDOW_MS}&timestamp={_now_ms()}"
        )
        body = f"{text}&signature={self._signature(text)}"
        return f"{head}{len(body)}\r\n\r\n{body}".encode()

    def frames(self) -> list[bytes]:
        """order.place, the parameters in an object."""
        return [self._frame(number, price) for number, price in enumerate(self._prices)]

    def _frame(self, number: int, price: str) -> bytes:
        now_ms = _now_ms()
        signature = self._signature(
            f"apiKey={self._api_key}&price={price}&quantity=0.001&recvWindow={RECV_WINDOW_MS}&side=BUY&symbol=BTCUSDT"
            f"&timeInForce=GTC&timestamp={now_ms}&type=LIMIT"
        )
        request = (
            f'{{"id":{number},"method":"order.place","params":{{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT",'
            f'"timeInForce":"GTC","quantity":"0.001","price":"{price}","apiKey":"{self._api_key}",'
            f'"recvWindow":{RECV_WINDOW_MS},"timestamp":{now_ms},"signature":"{signature}"}}}}'
        )
        return masked_frame(TEXT, request.encode())

    def _signature(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
