"""The listening sockets. The supervisor binds them before anything else starts and the workers inherit them.

So a taken port is known at once, two workers share one queue of connections, and a worker that is started again
loses nobody who was waiting.
"""

import errno
import socket
import sys
from contextlib import suppress

SEND_BUFFER_BYTES = 262_144
STALLED_PEER_MS = 5_000
NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class PortTaken(Exception):
    """The address cannot be listened on. The text is one line for the person who tried."""


def listen_all(host: str, port: int, *, flag: str = "--port") -> list[socket.socket]:
    """A listening socket for every address of the host, IPv4 first; `flag` chooses the port. Raises PortTaken.

    "localhost" is 127.0.0.1 for some clients and ::1 for others. An address that this machine lacks is left out.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}: {error.strerror or error}") from error
    addresses = sorted({address[0] for *_, address in found}, key=lambda address: ":" in str(address))
    listeners: list[socket.socket] = []
    for number, address in enumerate(addresses, start=1):
        try:
            wanted = listeners[0].getsockname()[1] if listeners else port
            listeners.append(listen(str(address), wanted, flag=flag))
        except PortTaken as error:
            is_lacking = isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_SUCH_ADDRESS
            if is_lacking and (listeners or number < len(addresses)):
                continue
            for listener in listeners:
                listener.close()
            raise
    return listeners


def listen(host: str, port: int, *, flag: str = "--port") -> socket.socket:
    """A listening TCP socket, inheritable. Accepted connections take its options over. Raises PortTaken.

    `flag` is what chooses the port; with "host" for "port" in it, what chooses the address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}: {error.strerror or error}") from error
    if sys.platform != "win32":  # there it would let two listen on one port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # A peer that stops reading is found out by the kernel too, and cannot hold megabytes there until then.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_PEER_MS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        wrong = flag.replace("port", "host") if error.errno in NO_SUCH_ADDRESS else flag
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}; choose another with {wrong}") from error
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Where a client on this machine reaches the listener; a wildcard address is reached by loopback."""
    host, port = listener.getsockname()[:2]
    with suppress(KeyError):
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}[host]  # noqa: S104
    return f"{scheme}://{host}:{port}"
