"""What can be set from outside: one table, read once by settings.py.

A value comes from, in this order: the command line of `up`, `runserver` or `config`; the environment; the file `.env`
beside manage.py; the default. `manage.py config` prints the table with the effective values and where each came from.
An option set to the empty text counts as not set.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

COMMAND_LINE_NOTE = "EXCHANGE_FROM_COMMAND_LINE"
COMMANDS_WITH_OPTIONS = ("up", "runserver", "config")
SOCKETS_PER_ADDRESS = 300
SOCKETS_PER_LOOPBACK_ADDRESS = 4_000  # load tests run there
SOCKET_ATTEMPTS = 300


def port_number(text: str) -> int:
    """A TCP port, 0 for any free one. Raises ValueError."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


def worker_count(text: str) -> int:
    """A number of processes, 1 to 64. Raises ValueError."""
    count = int(text)
    if not 1 <= count <= 64:
        raise ValueError(text)
    return count


def socket_count(text: str) -> int:
    """A number of sockets, 1 to 1,000,000. Raises ValueError."""
    count = int(text)
    if not 1 <= count <= 1_000_000:
        raise ValueError(text)
    return count


def message_count(text: str) -> int:
    """A number of messages, 0 to 1,000,000. Raises ValueError."""
    count = int(text)
    if not 0 <= count <= 1_000_000:
        raise ValueError(text)
    return count


def seconds(text: str) -> float:
    """A time in seconds, above 0 and at most thirty days. Raises ValueError."""
    number = float(text)
    if not 0 < number <= 30 * 86_400:
        raise ValueError(text)
    return number


def truth(text: str) -> bool:
    """Yes or no in the usual spellings. Raises ValueError: a misspelt `true` must not quietly mean no."""
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError(text)


def host_list(text: str) -> list[str]:
    """Host names, separated by commas."""
    return [host.strip() for host in text.split(",") if host.strip()]


def database_url(text: str) -> str:
    """A URL of a kind of database that is known. Raises ValueError."""
    if text.partition(":")[0] not in environ.Env.DB_SCHEMES:
        raise ValueError(text)
    return text


def venue_name(text: str) -> str:
    """A venue's name stands in every key of Redis, and in patterns of keys. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", text):
        raise ValueError(text)
    return text


def redis_url(text: str) -> str:
    """A URL of a Redis server. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("redis", "unix", "fakeredis"):
        raise ValueError(text)
    _ = parts.port  # raises for what is no number
    return text


def one_of(*allowed: str) -> Callable[[str], str]:
    """A reader of one word out of a few, any case."""

    def read(text: str) -> str:
        for word in allowed:
            if text.lower() == word.lower():
                return word
        raise ValueError(text)

    return read


@dataclass(frozen=True)
class Option:
    """One thing that can be set: its environment variable, how to read it, and what it is for."""

    name: str
    cast: Callable[[str], Any]
    default: Any
    expects: str
    help: str
    is_secret: bool = False
    flag: str = ""
    off_flag: str = ""  # a flag without a value, which says no
    is_made_once: bool = False  # without a value there is still one, kept in the data directory


@dataclass(frozen=True)
class Setting:
    """An option's effective value and where it came from: command line, environment, .env, default, made once."""

    option: Option
    value: Any
    source: str

    def shown(self) -> Any:
        """The value for people and JSON, masked when it is a secret."""
        if self.option.is_secret and self.value:
            return "********"
        return str(self.value) if isinstance(self.value, Path) else self.value


OPTIONS = (
    Option("EXCHANGE_HOST", str, "127.0.0.1", "a host name or address", "address to listen on", flag="--host"),
    Option("EXCHANGE_PORT", port_number, 8000, "0 to 65535", "port for everything", flag="--port"),
    Option("EXCHANGE_WS_PORT", port_number, None, "0 to 65535", "one more port, same application", flag="--ws-port"),
    Option("EXCHANGE_WS_HOST", str, "", "a host name or address", "address of that port, if another", flag="--ws-host"),
    Option("EXCHANGE_WORKERS", worker_count, 1, "1 to 64", "web processes", flag="--workers"),
    Option("EXCHANGE_DATA_DIR", Path, Path("var"), "a path", "where the state is kept", flag="--data-dir"),
    Option(
        "EXCHANGE_VENUE",
        venue_name,
        "main",
        "1 to 64 letters, digits and _ . : -",
        "the exchange inside that Redis",
    ),
    Option(
        "EXCHANGE_DURABILITY",
        one_of("ci", "standard", "durable", "replicated"),
        "standard",
        "ci, standard, durable or replicated",
        "what an acknowledged order survives",
    ),
    Option("EXCHANGE_MATCHING_RULES_DIR", Path, None, "a path", "matching rules of your own (docs/MATCHING_RULES.md)"),
    Option(
        "EXCHANGE_RATE_LIMITS",
        truth,
        True,
        "true or false",
        "requests to /api/v3 and its like are counted and limited, as Binance does",
        off_flag="--no-rate-limits",
    ),
    Option("EXCHANGE_ALLOW_UNSIGNED", truth, False, "true or false", "unsigned v1 keys also off loopback"),
    Option(
        "EXCHANGE_LISTEN_KEYS",
        truth,
        True,
        "true or false",
        "whether there are listenKeys for user streams; false: 410, as Binance answers since 2026-02-20",
    ),
    Option(
        "EXCHANGE_SIGNATURES_ONCE",
        truth,
        False,
        "true or false",
        "whether a signed request that changes something is executed once; false: as often as sent, as at Binance",
    ),
    Option("EXCHANGE_REDIS_SERVER", str, "", "a path, or none", "server binary to embed instead of the one from pip"),
    Option(
        "REDIS_URL",
        redis_url,
        "",
        "like redis://host:6379/0 or unix:///path",
        "a Redis of your own; empty: an embedded one",
        is_secret=True,
    ),
    Option(
        "DATABASE_URL",
        database_url,
        "",
        "like postgres://user:password@host/name",
        "empty: SQLite in the data directory",
        is_secret=True,
    ),
    Option(
        "EXCHANGE_SECRET_KEY",
        str,
        "",
        "a long random text",
        "signs Django's sessions",
        is_secret=True,
        is_made_once=True,
    ),
    Option(
        "EXCHANGE_SEAL_KEY",
        str,
        "",
        "64 hex digits",
        "seals the secrets of API keys",
        is_secret=True,
        is_made_once=True,
    ),
    Option("EXCHANGE_DEBUG", truth, False, "true or false", "Django's debug pages, loopback only"),
    Option(
        "EXCHANGE_ALLOWED_HOSTS",
        host_list,
        [],
        "names with commas",
        "Host headers to accept, and whose pages may open sockets; empty: loopback",
    ),
    Option(
        "EXCHANGE_SOCKETS_PER_ADDRESS",
        socket_count,
        None,
        "1 to 1000000",
        "WebSockets that one address may have open in each web process; "
        f"empty: {SOCKETS_PER_ADDRESS}, from loopback {SOCKETS_PER_LOOPBACK_ADDRESS}",
    ),
    Option(
        "EXCHANGE_SOCKET_ATTEMPTS",
        socket_count,
        None,
        "1 to 1000000",
        "WebSockets that one address may open within five minutes; "
        f"empty: {SOCKET_ATTEMPTS}, from loopback as many as it likes",
    ),
    Option(
        "EXCHANGE_SOCKET_MESSAGES",
        message_count,
        5,
        "0 to 1000000",
        "pings, pongs and requests that a socket of market streams may send in any second; 0: as many as it likes",
    ),
    Option("EXCHANGE_SOCKET_STREAMS", socket_count, 1_024, "1 to 1000000", "streams that one socket may listen to"),
    Option("EXCHANGE_SOCKET_PING_S", seconds, 20.0, "seconds", "between two pings to a socket"),
    Option("EXCHANGE_SOCKET_PONG_S", seconds, 60.0, "seconds", "until the answer to a ping must be there"),
    Option(
        "EXCHANGE_SOCKET_IDLE_S",
        seconds,
        60.0,
        "seconds",
        "until a socket is closed that neither listens to anything nor has asked for anything of an account's",
    ),
    Option("EXCHANGE_SOCKET_LIFE_S", seconds, 86_400.0, "seconds", "until a socket is closed, however well it behaves"),
    Option(
        "EXCHANGE_LOG_LEVEL",
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "WARNING",
        "DEBUG, INFO, WARNING or ERROR",
        "from which level on the log speaks",
    ),
)


class Options:
    """The effective settings. Raises ImproperlyConfigured, in one line, for a value that cannot be read."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root
        # A program's own exchange (qte) shall be what the program asked for, not what somebody set up in this folder.
        dot_env = {} if environment.get("EXCHANGE_NO_DOT_ENV") == "1" else _dot_env(root)
        self.settings = [self._read(option, environment, dot_env) for option in OPTIONS]
        self._by_name = {setting.option.name: setting for setting in self.settings}

    def __getitem__(self, name: str) -> Any:
        return self._by_name[name].value

    @property
    def data_dir(self) -> Path:
        """The data directory, absolute: typed paths start where the user stands, the project's own at its root."""
        setting = self._by_name["EXCHANGE_DATA_DIR"]
        path: Path = setting.value.expanduser()
        return self._root / path if setting.source in {"default", ".env"} else path.absolute()

    @staticmethod
    def _read(option: Option, environment: Mapping[str, str], dot_env: Mapping[str, str]) -> Setting:
        from_command_line = environment.get(COMMAND_LINE_NOTE, "").split(",")
        text, source = environment.get(option.name, ""), "environment"
        if option.name in from_command_line:
            source = "command line"
        elif not text:
            text, source = dot_env.get(option.name, ""), ".env"
        if not text:
            return Setting(option, option.default, "made once" if option.is_made_once else "default")
        try:
            return Setting(option, option.cast(text), source)
        except ValueError as error:
            name = option.flag if source == "command line" else f"{option.name} ({source})"
            given = "this value" if option.is_secret else repr(text)
            raise ImproperlyConfigured(f"{name} must be {option.expects}, not {given}") from error


def _dot_env(root: Path) -> dict[str, str]:
    class DotEnv(environ.Env):
        ENVIRON: dict[str, str] = {}  # read into a dictionary of its own, so that the source stays known

    DotEnv.read_env(root / ".env")
    return dict(DotEnv.ENVIRON)


def note_command_line(arguments: Sequence[str]) -> None:
    """Put the options of `manage.py up --port 9000 ...` into the environment, before settings are read.

    The data directory decides where the database is, so this cannot wait until Django parses the command's arguments.
    """
    if len(arguments) < 2 or arguments[1] not in COMMANDS_WITH_OPTIONS:
        return
    flags = {option.flag: option.name for option in OPTIONS if option.flag}
    off_flags = {option.off_flag: option.name for option in OPTIONS if option.off_flag}
    named = []
    for position, argument in enumerate(arguments[2:], start=3):
        flag, equals, value = argument.partition("=")
        if flag in flags and (equals or position < len(arguments)):
            os.environ[flags[flag]] = value if equals else arguments[position]
            named.append(flags[flag])
        elif argument in off_flags:
            os.environ[off_flags[argument]] = "false"
            named.append(off_flags[argument])
    os.environ[COMMAND_LINE_NOTE] = ",".join(named)


def add_option_arguments(parser: Any) -> None:
    """Declare the flags, for --help and so that a misspelt one is refused. Their values are already in settings."""
    for option in OPTIONS:
        if option.flag:
            default = f"; default {option.default}" if option.default not in (None, "") else ""
            parser.add_argument(option.flag, help=f"{option.help} ({option.name}{default})")
        if option.off_flag:
            text = f"not so: {option.help} ({option.name}; default {option.default})"
            parser.add_argument(option.off_flag, action="store_true", help=text)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`. 127.0.0.1.example.com is a name like any other."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
