"""The exchange as child processes of a user's program: started, waited for, ended, cleaned up after.

What runs is the project's own `manage.py up`, in a session of its own, so that Ctrl-C in the terminal reaches the
user's program alone. The fact a newcomer would get wrong: nothing here needs to run for the exchange to end with its
program. It watches the process that started it, and when that is gone, killed or not, it stops and removes its
temporary data itself.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from qte.client import Client
from qte.errors import ExchangeStartError, ExchangeUnavailable, Refused

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
ASK_AGAIN_SECONDS = 0.01
TAIL_BYTES = 2_000

# What may reach the exchange from the program's environment; all else that would configure it belongs to others.
_PASSED_ON = {
    "EXCHANGE_REDIS_SERVER", "EXCHANGE_ALLOW_UNSIGNED", "EXCHANGE_ALLOWED_HOSTS", "EXCHANGE_LOG_LEVEL",
    "EXCHANGE_DURABILITY", "EXCHANGE_SOCKETS_PER_ADDRESS", "EXCHANGE_SOCKET_ATTEMPTS", "EXCHANGE_SOCKET_MESSAGES",
    "EXCHANGE_SOCKET_STREAMS", "EXCHANGE_SOCKET_PING_S", "EXCHANGE_SOCKET_PONG_S", "EXCHANGE_SOCKET_IDLE_S",
    "EXCHANGE_SOCKET_LIFE_S", "EXCHANGE_RATE_LIMITS", "EXCHANGE_LISTEN_KEYS", "EXCHANGE_SIGNATURES_ONCE",
}  # fmt: skip
_OTHERS = {"REDIS_URL", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"}


class Address:
    """Where one side of the exchange listens. Port 0 becomes a free one in `settle`."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self.host = host
        self.port = port
        self._name = name  # of the argument: rest_port, ws_port

    @property
    def client_host(self) -> str:
        """The host a client on this machine connects to."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104

    def url(self, scheme: str) -> str:
        """`http://localhost:5000`, as a client writes it."""
        host = f"[{self.client_host}]" if ":" in self.client_host else self.client_host
        return f"{scheme}://{host}:{self.port}"

    def settle(self) -> None:
        """Make sure that the port can be had, and choose one for 0. Raises ExchangeStartError at once when not."""
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 <= self.port <= 65535:
            raise ExchangeStartError(f"{self._name} must be 0 (any free port) to 65535, not {self.port!r}")
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                self.port = probe.getsockname()[1]
        except OSError as error:
            raise ExchangeStartError(
                f"cannot listen on {self.host}:{self.port} ({error.strerror or error}): "
                f"stop what uses this port, or choose another {self._name}"
            ) from error


class ExchangeProcess:
    """One exchange of `manage.py up`. `start` and `stop` may be repeated."""

    def __init__(self, rest: Address, ws: Address, data_dir: Path | None) -> None:
        self.rest = rest
        self.ws = ws
        self.client = Client(rest.client_host, rest.port, explain_silence=self._why_silent)
        self.venue = ""
        self._given_dir = data_dir
        self._dir = Path()
        self._last_answer = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has been started, has not been stopped and has not died."""
        return self._process is not None and self._process.poll() is None

    @property
    def data_dir(self) -> Path:
        """Where it keeps its state."""
        return self._dir

    @property
    def sim_token(self) -> str:
        """What opens /_sim."""
        return (self._dir / "sim.token").read_text().strip()

    def start(self) -> None:
        """Returns when both ports answer. Raises ExchangeStartError; then nothing of it is left running."""
        if not MANAGE.exists():
            raise ExchangeStartError(
                f"{MANAGE} is missing: install the project from its source with `pip install -e .`"
            )
        self.rest.settle()
        self.ws.settle()
        self.client.close()
        self.client = Client(self.rest.client_host, self.rest.port, explain_silence=self._why_silent)
        self._prepare_directory()
        try:
            self._spawn()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, wait for its end, remove what was temporary."""
        if self._process is not None:
            self._end(self._process)
            self._process = None
        self.client.close()
        if self._given_dir is None and self._dir != Path():
            shutil.rmtree(self._dir, ignore_errors=True)

    def _prepare_directory(self) -> None:
        if self._given_dir is None:
            self._dir = Path(tempfile.mkdtemp(prefix="mock-exchange-"))
            self.venue = f"mock-{secrets.token_hex(4)}"
            return
        self._dir = self._given_dir.expanduser().absolute()
        note = self._dir / "venue"
        try:
            self._dir.mkdir(parents=True, exist_ok=True)
            if not note.exists():
                note.write_text(f"mock-{secrets.token_hex(4)}\n")
            self.venue = note.read_text().strip()
        except OSError as error:
            raise ExchangeStartError(f"the data directory {self._dir} cannot be used: {error.strerror}") from error

    def _environment(self) -> dict[str, str]:
        mine = {
            name: value
            for name, value in os.environ.items()
            if name not in _OTHERS and (not name.startswith("EXCHANGE_") or name in _PASSED_ON)
        }
        mine.setdefault("EXCHANGE_DURABILITY", "ci" if self._given_dir is None else "standard")
        return mine | {
            "DJANGO_SETTINGS_MODULE": "exchange_project.settings",
            "EXCHANGE_NO_BOOTSTRAP": "1",
            "EXCHANGE_NO_DOT_ENV": "1",
            "EXCHANGE_VENUE": self.venue,
        }

    def _command(self) -> list[str]:
        command = [sys.executable, str(MANAGE), "up", "--bare", "--parent", str(os.getpid())]
        command += ["--data-dir", str(self._dir), "--host", self.rest.host, "--port", str(self.rest.port)]
        if (self.ws.host, self.ws.port) != (self.rest.host, self.rest.port):
            command += ["--ws-host", self.ws.host, "--ws-port", str(self.ws.port)]
        return command if self._given_dir is not None else [*command, "--discard"]

    def _spawn(self) -> None:
        with (self._dir / "exchange.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=MANAGE.parent,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running:
                raise ExchangeStartError(f"the exchange did not start: {self._last_words() or 'it gave no reason'}")
            if time.monotonic() > deadline:
                raise ExchangeStartError(
                    f"the exchange was not ready within {START_SECONDS:.0f} s: {self._last_answer} {self._last_words()}"
                )
            time.sleep(ASK_AGAIN_SECONDS)
        other_port = Client(self.ws.client_host, self.ws.port)
        try:
            other_port.call("GET", "/healthz", timeout=START_SECONDS)
        except (Refused, ExchangeUnavailable) as error:
            raise ExchangeStartError(f"the exchange does not answer on {self.ws.url('ws')}: {error}") from error
        finally:
            other_port.close()

    def _answers(self) -> bool:
        """Whether it is this very exchange that answers, and is ready."""
        try:
            self.client.call("GET", "/healthz", timeout=START_SECONDS)
            info = self.client.call("GET", "/_sim/info", headers={"X-Sim-Token": self.sim_token})
        except (Refused, ExchangeUnavailable, OSError) as error:
            self._last_answer = str(error)
            return False
        self._last_answer = f"another exchange answers there, of the venue {info['venue']}"
        return bool(info["venue"] == self.venue)

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # its own children end with it
            process.wait()

    def _why_silent(self) -> str:
        if self._process is not None and (code := self._process.poll()) is not None:
            return f"the exchange has ended (code {code}): {self._last_words()}"
        return ""

    def _last_words(self) -> str:
        """The end of what the exchange has written."""
        try:
            written = (self._dir / "exchange.log").read_bytes()[-TAIL_BYTES:]
        except OSError:
            return ""
        return written.decode(errors="replace").strip()
