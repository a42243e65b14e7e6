"""The sockets of market streams: /, /ws, /ws/<name>/<name> and /stream?streams=<name>/<name>.

The fact a newcomer would get wrong: on / and /ws two forms are spoken, and each request's own form decides who answers.
What fits both goes to whoever was spoken to last, the guide at first. Everywhere else it is always Binance's.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from accounts.sockets.binance import BinanceDialogue
from accounts.sockets.dialogue import TOO_MANY_REQUESTS, Dialogue
from accounts.sockets.frames import Frame, Request, read_frame
from accounts.sockets.guide import GuideDialogue
from api.errors import Refused
from api.pace import Pace
from api.time_units import TimeUnit, read_time_unit
from markets.consumers import StreamConsumer

BINANCE_METHODS = ("LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")  # those the guide has not


def query_values(query: bytes, name: str) -> Iterator[str]:
    """The values of a parameter of a URL. A plus stays one: `kline_1d@+08:00` is a stream."""
    for pair in query.decode("latin-1").split("&"):
        key, _, value = pair.partition("=")
        if key == name:
            yield unquote(value)


def is_in_binance_form(request: Request) -> bool:
    return isinstance(request.params, list) or request.method in BINANCE_METHODS


class MarketSocket(StreamConsumer):
    """One socket of market streams, and of a listenKey."""

    def __init__(self, *, speaks_guide: bool = False, is_combined: bool = False) -> None:
        super().__init__()
        self._speaks_guide = speaks_guide
        self._is_combined = is_combined
        self._pace = Pace(settings.EXCHANGE_SOCKET_MESSAGES)

    async def websocket_connect(self, message: Any) -> None:
        """Accept, hearing the streams that the URL names."""
        try:
            unit = self._unit()
        except Refused as refused:
            await self.refuse(refused.answer)
            return
        self._guide = GuideDialogue(self) if self._speaks_guide else None
        self._binance = BinanceDialogue(self, unit, is_combined=self._is_combined)
        self._spoken_to: Dialogue = self._guide or self._binance
        await super().websocket_connect(message)
        if self.is_open and self._names():
            self.is_in_use()

    async def prepare(self) -> None:
        if names := self._names():
            await self._binance.begin(names)

    def _unit(self) -> TimeUnit:
        """Raises Refused (-1194)."""
        units = list(query_values(self.scope["query_string"], "timeUnit"))
        return read_time_unit(units[-1]) if units else TimeUnit.MILLISECOND

    def _names(self) -> list[str]:
        """The streams in the URL."""
        if self._is_combined:
            texts = list(query_values(self.scope["query_string"], "streams"))
        else:
            texts = [self.scope["url_route"]["kwargs"].get("names", "")]
        return [name for text in texts for name in text.split("/") if name]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame, one answer."""
        frame = read_frame(text_data)
        dialogue = self._spoken_to = self._meant(frame)
        if dialogue is self._binance:
            self.on_control()
        if self.subscriber.cut_code is None:
            await dialogue.hear(frame)

    def _meant(self, frame: Frame) -> Dialogue:
        request = frame.request
        if self._guide is None:
            return self._binance
        if request is not None and is_in_binance_form(request):
            return self._binance
        if request is not None and isinstance(request.params, dict):
            return self._guide
        return self._spoken_to

    def on_control(self) -> None:
        """A message came that counts: a ping, a pong, or a request in Binance's form."""
        if self._pace.is_exceeded():
            self.hang_up(TOO_MANY_REQUESTS)

    def farewell(self) -> str | None:
        """serverShutdown, to who speaks Binance's form."""
        if self._spoken_to is not self._binance:
            return None
        return self._binance.server_shutdown()

    def forget(self) -> None:
        self._binance.forget()
        if self._guide is not None:
            self._guide.forget()
