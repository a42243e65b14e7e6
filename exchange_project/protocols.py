"""How a worker speaks HTTP and WebSocket: uvicorn's protocols, mended where an open exchange needs it.

The fact a newcomer would get wrong: ASGI has no way to drop a peer that has stopped reading; `close()` waits behind the
bytes that never leave. CuttingProtocol drops it. And what is not HTTP at all is answered before any application is
asked, in plain text: HttpProtocol says it in JSON.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from api.dialects import V1
from api.router import CONTENT_TYPE
from api.subscriptions import POLICY_VIOLATION, WRITE_TEXT
from exchange_project.frames import lone_text, text_frame

CLOSE_SECONDS = 10.0  # what a peer has to answer our close frame, however slowly it reads
REQUEST_SECONDS = 15.0  # twice that is what a request may take to come


LARGEST_HEAD = 131_072  # of a request that has not come whole


class HttpProtocol(HttpToolsProtocol):
    """HTTP that answers bytes which are no request in JSON too: clients read an error's code, not uvicorn's words.

    And that does not wait for ever: uvicorn's only limit is on the time between an answer and the next request.
    """

    _head_bytes = 0
    _seen_waiting_for: Any = None

    def connection_made(self, transport: Any) -> None:
        """As uvicorn's, and look after a while whether a request has come."""
        super().connection_made(transport)
        self._seen_waiting_for = None
        self.loop.call_later(REQUEST_SECONDS, self._look)

    def _look(self) -> None:
        """Hang up on whoever owes us the rest of the same request at two looks."""
        if self not in self.connections:  # gone, or a WebSocket by now
            return
        cycle: Any = self.cycle
        scope: Any = self.scope
        is_owed = scope is None or "method" not in scope or (not cycle.response_complete and cycle.more_body)
        owed = (scope or self) if is_owed else None
        if owed is not None and owed is self._seen_waiting_for:
            self._refuse(b"408 Request Timeout", f"The request did not come whole within {2 * REQUEST_SECONDS:g} s.")
            return
        self._seen_waiting_for = owed
        self.loop.call_later(REQUEST_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, which would keep the headers of a request without an end until the memory is full."""
        super().data_received(data)
        scope: Any = self.scope
        if scope is None or "method" in scope:  # nothing begun, or the head is complete
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > LARGEST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large", "The request's path and headers are too large.")

    def send_400_response(self, msg: str) -> None:
        """A broken line or header, an unknown method, a path over 64 KiB: refuse it, and hang up.

        Behind a request that is still being worked on nothing is said: the refusal would be taken for its answer.
        """
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            return
        self._refuse(b"400 Bad Request", msg)

    def _refuse(self, status: bytes, text: str) -> None:
        body = V1.error_body(-1000, text)
        head = (b"HTTP/1.1 " + status, b": ".join(CONTENT_TYPE), b"content-length: %d" % len(body))
        self.transport.write(b"\r\n".join((*head, b"connection: close", b"", body)))
        self.transport.close()


class CuttingProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that is cut, not waited for, when it is closed while its peer reads nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._extension: dict[Any, Any] = {}

    async def send(self, message: Any) -> None:
        """As uvicorn's, but a text costs little, and `websocket.close` never waits for a stalled peer."""
        if message["type"] != "websocket.close":
            if not self.writable.is_set():
                await self.writable.wait()
            text = message.get("text")
            if text is None or not self.write_text(text):
                await super().send(message)
        elif self.writable.is_set():
            await super().send(message)
            self._cut_later()
        else:
            self.transport.abort()

    async def run_asgi(self) -> None:
        """As uvicorn's; the application finds `write_text` in the scope, and leaves there what it wants to be asked.

        "on_control" is called for every ping and pong, "farewell" for a text to send when the worker ends. "on_text"
        gets the texts, as bytes that may not be UTF-8, at once and instead of the messages of ASGI, which cost more
        than most requests do; "pause" and "resume" are there to stop the peer meanwhile.
        """
        self._extension |= {"write": self.write_text, "pause": self.pause_texts, "resume": self.resume_texts}
        self.scope["extensions"][WRITE_TEXT] = self._extension
        await super().run_asgi()

    def _ask_application(self, name: str) -> Any:
        ask = self._extension.get(name)
        return None if ask is None else ask()

    def handle_ping(self) -> None:
        super().handle_ping()
        self._ask_application("on_control")

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        self._ask_application("on_control")

    def write_text(self, text: str) -> bool:
        """Send a text at once. False, with nothing sent, if it would have to wait or cannot go as one plain frame."""
        is_open = self.handshake_complete and not self.close_sent and not self.transport.is_closing()
        if not (is_open and self.writable.is_set() and self.conn.state is State.OPEN) or self.conn.extensions:
            return False
        self.transport.write(text_frame(text))
        return True

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, with a shorter way for what "on_text" gets."""
        conn, on_text = self.conn, self._extension.get("on_text")
        if on_text is not None and conn.state is State.OPEN and conn.current_size is None and not conn.reader.buffer:
            text = lone_text(data)
            if text is not None and not self.close_sent:
                on_text(text)
                return
        super().data_received(data)

    def pause_texts(self) -> None:
        """Read nothing until `resume_texts`."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_texts(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def send_receive_event_to_app(self) -> None:
        """As uvicorn's, but a text that is not UTF-8 does not end the connection: it comes as bytes, to be refused."""
        if self.curr_msg_data_type == "text":
            data, on_text = b"".join(self.frames), self._extension.get("on_text")
            if on_text is not None and not self.close_sent:
                self.frames = []
                on_text(data)
                return
            if not _is_utf8(data):
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    def shutdown(self) -> None:
        """The worker ends: say so to those who listen, cut those who do not."""
        if not self.writable.is_set():
            self.transport.abort()
            return
        farewell = self._ask_application("farewell")
        if farewell is not None:
            self.write_text(farewell)
        super().shutdown()

    def keepalive_timeout(self) -> None:
        """No pong: a close frame for a peer that still reads, in Binance's words, and then the end either way."""
        if not self.writable.is_set():
            self.transport.abort()
        elif not self.close_sent and not self.transport.is_closing():
            self.conn.fail(POLICY_VIOLATION, "Pong timeout")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
            self._cut_later()

    def _cut_later(self) -> None:
        """A peer that reads a little is always writable soon: bound its good-bye too. Cutting twice is harmless."""
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
