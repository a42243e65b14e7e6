"""A small HTTP client for one exchange: JSON in, JSON out, over connections that are kept and shared by all threads.

The fact a newcomer would get wrong: a write is never sent twice. A kept connection that the exchange may have closed
meanwhile is therefore thrown away, rather than tried and the request repeated.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from qte.errors import ExchangeUnavailable, Refused

REUSE_SECONDS = 2.0  # the exchange closes silent connections after five
ANSWER_SECONDS = 30.0


class Client:
    """Requests to the exchange at `host`, `port`. `explain_silence` is asked why when nothing answers."""

    def __init__(self, host: str, port: int, *, explain_silence: Callable[[], str] = str) -> None:
        self._host = host
        self._port = port
        self._explain_silence = explain_silence
        self._idle: list[tuple[float, HTTPConnection]] = []  # last use in monotonic seconds, newest at the end
        self._lock = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Any:
        """The decoded answer. `parameters` go into the query (GET, DELETE) or a JSON body; None is left out.

        Raises Refused (4xx: nothing changed) or ExchangeUnavailable (a write may have happened).
        """
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        sent_headers = {"Accept": "application/json", **(headers or {})}
        body = None
        if method in {"GET", "DELETE"}:
            path = f"{path}?{urlencode(given)}" if given else path
        else:
            body = json.dumps(given).encode()
            sent_headers["Content-Type"] = "application/json"
        status, answer = self._exchange(method, path, body, sent_headers, timeout)
        return _judged(status, answer, f"{method} {path.partition('?')[0]}")

    def close(self) -> None:
        """End the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float
    ) -> tuple[int, bytes]:
        connection = self._take(timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            answer = response.read()
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError | HTTPException):
                raise
            why = self._explain_silence() or f"{type(error).__name__}: {error}"
            raise ExchangeUnavailable(f"no answer to {method} {path} from {self._host}:{self._port}: {why}") from error
        with self._lock:
            self._idle.append((time.monotonic(), connection))
        return response.status, answer

    def _take(self, timeout: float) -> HTTPConnection:
        """A connection for one request: the one used last, or a new one."""
        with self._lock:
            last_use, connection = self._idle.pop() if self._idle else (0.0, None)
        if connection is not None and time.monotonic() - last_use < REUSE_SECONDS and connection.sock is not None:
            connection.sock.settimeout(timeout)
            return connection
        if connection is not None:
            connection.close()
            self.close()  # those below it are older still
        return HTTPConnection(self._host, self._port, timeout=timeout)


def _judged(status: int, answer: bytes, what: str) -> Any:
    try:
        decoded = json.loads(answer) if answer else None
    except ValueError as error:
        raise ExchangeUnavailable(f"{what} was answered with {status} and no JSON: {answer[:200]!r}") from error
    if status < 400:
        return decoded
    told = decoded if isinstance(decoded, dict) else {}
    code, text = int(told.get("code", -1000)), str(told.get("msg", "no reason given"))
    if status >= 500:
        raise ExchangeUnavailable(f"{what} was answered with {status}: {text} (code {code})")
    raise Refused(status, code, text)
