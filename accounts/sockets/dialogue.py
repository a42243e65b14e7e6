"""What the guide's and Binance's way of asking have in common: streams that a socket has opened by their names."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec

from accounts.sockets.frames import Frame
from api.runtime import Runtime
from api.subscriptions import Place, Subscriber
from markets.consumers import StreamConsumer

TOO_MANY_REQUESTS = "Too many requests"  # Binance's word when it hangs up


class Dialogue(ABC):
    """One socket's talk in one form: requests in, answers into its queue, and what it has opened meanwhile."""

    def __init__(self, socket: StreamConsumer) -> None:
        self._socket = socket
        self.places: dict[str, Place | None] = {}  # by name, as its subscriber wrote it; None: nobody sends under it

    @property
    def runtime(self) -> Runtime:
        return self._socket.runtime

    @property
    def subscriber(self) -> Subscriber:
        return self._socket.subscriber

    @abstractmethod
    async def hear(self, frame: Frame) -> None:
        """One frame, one answer."""

    def answer(self, members: dict[str, Any]) -> None:
        self.subscriber.push(msgspec.json.encode(members).decode())

    def start(self, places: dict[str, Place | None]) -> None:
        """Begin to hear all of them. Nothing waits here: no event comes between the answer and the first of theirs."""
        self.places |= places
        for place in places.values():
            if place is not None:
                place.start(self.subscriber)

    def end(self, name: str) -> None:
        """Hear the stream no more; a name that was never opened is none of our worries."""
        place = self.places.pop(name, None)
        if place is not None:
            place.end()

    def forget(self) -> None:
        """The socket has gone."""
        for name in list(self.places):
            self.end(name)
