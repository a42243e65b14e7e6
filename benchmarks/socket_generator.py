"""The same signed orders over HTTP and over the WebSocket API, by turns: a process of its own, as http_generator is.

python -m benchmarks.socket_generator PORT CONNECTIONS WORKER_PID. The first line it reads is the API key and its
secret. Every further line is a number of slices: POST order and order.place take turns of a tenth of a second, that
many each, and the answer is a line of JSON, a `SocketRound`.

The fact a newcomer would get wrong: the worker's CPU time is what counts here; rates say more about the generator.
"""

import itertools
import sys
from typing import Final

import msgspec

from benchmarks.audience import PING, shake_hands, split_frame
from benchmarks.http_generator import Generator, Load, Tally, is_whole, open_sockets
from benchmarks.signed_orders import Signer

PATH: Final = "/ws-api/v3?returnRateLimits=false"


class SocketRound(msgspec.Struct, frozen=True):
    """By HTTP and by WebSocket."""

    post: Load
    socket: Load


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
    for line in sys.stdin:
        post = Tally(itertools.cycle(signer.posts(port)), worker_pid)
        frame = Tally(itertools.cycle(signer.frames()), worker_pid)
        for _ in range(int(line)):
            post.add_slice(posts)
            frame.add_slice(frames)
        print(msgspec.json.encode(SocketRound(post.result(), frame.result())).decode(), flush=True)
    posts.close()
    frames.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
