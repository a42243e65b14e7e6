"""The same signed orders over HTTP and over the WebSocket API, by turns: a process of its own, as http_generator is.

python -m benchmarks.socket_generator PORT CONNECTIONS WORKER_PID. The first line it reads is the API key and its
secret. Every further line is a number of slices: POST order and order.place take turns of a tenth of a second, that
many each, and the answer is a line of JSON, a `SocketRound`.

The fact a newcomer would get wrong: an order is signed when it is sent, in the generator's time. The worker's CPU time
is what counts; rates are lower than those of requests made beforehand.
"""

import hashlib
import hmac
import itertools
import sys
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from benchmarks.audience import PING, TEXT, masked_frame, shake_hands, split_frame
from benchmarks.http_generator import LOWEST_PRICE, PRICES, Generator, Load, Tally, is_whole, open_sockets

PATH: Final = "/ws-api/v3?returnRateLimits=false"


class SocketRound(msgspec.Struct, frozen=True):
    """By HTTP and by WebSocket."""

    post: Load
    socket: Load


class Signer:
    """Orders of one key, each at another price or time, so that no signature comes twice."""

    def __init__(self, api_key: str, secret: str) -> None:
        self._api_key = api_key
        self._secret = secret.encode()
        self._prices = itertools.cycle([f"{LOWEST_PRICE + number}.{number % 100:02d}" for number in range(PRICES)])

    def posts(self, port: int) -> Iterator[bytes]:
        """POST order, its parameters in the body."""
        head = f"POST /api/v3/order HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-MBX-APIKEY: {self._api_key}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        while True:
            text = (
                f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={next(self._prices)}"
                f"&timestamp={_now_us()}"
            )
            body = f"{text}&signature={self._signature(text)}"
            yield f"{head}{len(body)}\r\n\r\n{body}".encode()

    def frames(self) -> Iterator[bytes]:
        """order.place, its parameters in an object."""
        for number in itertools.count():
            price, now_us = next(self._prices), _now_us()
            text = (
                f"apiKey={self._api_key}&price={price}&quantity=0.001&side=BUY&symbol=BTCUSDT&timeInForce=GTC"
                f"&timestamp={now_us}&type=LIMIT"
            )
            yield masked_frame(
                TEXT,
                (
                    f'{{"id":{number},"method":"order.place","params":{{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT",'
                    f'"timeInForce":"GTC","quantity":"0.001","price":"{price}","apiKey":"{self._api_key}",'
                    f'"timestamp":{now_us},"signature":"{self._signature(text)}"}}}}'
                ).encode(),
            )

    def _signature(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def _now_us() -> int:
    return time.time_ns() // 1000


def is_answered(data: bytes) -> bool:
    """Whether an answer has come completely. Raises ValueError for one whose status is not 200."""
    frame = split_frame(data)
    while frame is not None and frame[0] == PING:  # it may go unanswered for a minute
        data = frame[2]
        frame = split_frame(data)
    if frame is None:
        return False
    if b'"status":200' not in frame[1][:60]:
        raise ValueError(frame[1].decode(errors="replace"))
    return True


def main(port: int, connections: int, worker_pid: int) -> None:
    """Serve the lines of standard input until it ends."""
    signer = Signer(*sys.stdin.readline().split())
    posts = Generator(open_sockets(port, connections), is_whole)
    sockets = open_sockets(port, connections)
    for connection in sockets:
        shake_hands(connection, PATH)
    frames = Generator(sockets, is_answered)
    print("ready", flush=True)
    post_requests, frame_requests = signer.posts(port), signer.frames()
    for line in sys.stdin:
        post, frame = Tally(post_requests, worker_pid), Tally(frame_requests, worker_pid)
        for _ in range(int(line)):
            post.add_slice(posts)
            frame.add_slice(frames)
        print(msgspec.json.encode(SocketRound(post.result(), frame.result())).decode(), flush=True)
    posts.close()
    frames.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
