"""The least a fan-out can cost: python -m benchmarks.bare_sender DESCRIPTOR COUNT.

Accepts COUNT connections on the inherited listening socket. Each line of standard input is a frame in hex, which is
sent to every connection, one socket.send after the other.
"""

import socket
import sys
from typing import Final

PATIENCE_SECONDS: Final = 30.0


def main(descriptor: int, count: int) -> None:
    """Serve the lines of standard input until it ends."""
    with socket.socket(fileno=descriptor) as listener:
        listener.settimeout(PATIENCE_SECONDS)  # whoever wanted to connect may have been killed
        connections = [listener.accept()[0] for _ in range(count)]
    for connection in connections:
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        frame = bytes.fromhex(line)
        for connection in connections:
            connection.send(frame)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
