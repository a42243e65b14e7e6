"""A socket that asks and hears events at once: what a request caused is sent behind the answer to it.

The fact a newcomer would get wrong: the feed may well be faster than we are. An order is done in Redis before our
handler has its reply, and its event can reach this process first. So an event that comes while requests of the socket
are unanswered waits for these, and for none that are asked later: a socket that never stops asking still hears all.
"""

from collections import deque

from api.subscriptions import TRY_AGAIN_LATER, Listener

MOST_HELD = 20_000  # frames; one order may well cause a thousand


class AnswersFirst:
    """A listener in front of a socket's queue, for its events; answers go to the queue itself.

    with answers_first.request():
        answer = await handler(...)
        queue.push(answer)
    """

    def __init__(self, queue: Listener) -> None:
        self._queue = queue
        self._asked = 0
        self._unanswered: dict[int, None] = {}  # numbers of requests, oldest first
        self._held: deque[tuple[int, str]] = deque()  # (how many had been asked when it came, frame)

    def request(self) -> "Asking":
        """A request's time, from before anything is done for it until its answer is in the queue."""
        return Asking(self)

    def begin(self) -> int:
        """A request has come; its number among those of the socket."""
        self._asked += 1
        self._unanswered[self._asked] = None
        return self._asked

    def end(self, number: int) -> None:
        """It has its answer."""
        del self._unanswered[number]
        if self._held:
            self._release()

    def push(self, frame: str) -> None:
        """Send an event as soon as no request is unanswered that may have caused it."""
        if not self._unanswered:
            self._queue.push(frame)
        elif len(self._held) < MOST_HELD:
            self._held.append((self._asked, frame))
        else:
            self.cut(TRY_AGAIN_LATER)

    def cut(self, code: int) -> None:
        """Have the socket closed; nothing is sent any more."""
        self._held.clear()
        self._queue.cut(code)

    def _release(self) -> None:
        oldest = next(iter(self._unanswered), None)
        while self._held and (oldest is None or self._held[0][0] < oldest):
            self._queue.push(self._held.popleft()[1])


class Asking:
    """The block of one request."""

    __slots__ = ("_gate", "_number")

    def __init__(self, gate: AnswersFirst) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._number = self._gate.begin()

    def __exit__(self, *_: object) -> None:
        self._gate.end(self._number)
