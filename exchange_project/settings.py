"""Django's settings, and the only place where the environment is read.

Importing this changes nothing on disk: the data directory appears when something runs. SECRET_KEY is a lazy text that
is made, and kept in the data directory, when first used; REDIS_URL is empty while nothing runs and none was given.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import lazy

from engine.instance import DataDirectory, secret_kept_in
from engine.matching_rules import RuleError, use_rules_of
from exchange_project.options import Options

BASE_DIR = Path(__file__).resolve().parent.parent
EXCHANGE_VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
EXCHANGE_OPTIONS = Options(BASE_DIR, os.environ)

EXCHANGE_HOST: str = EXCHANGE_OPTIONS["EXCHANGE_HOST"]
EXCHANGE_PORT: int = EXCHANGE_OPTIONS["EXCHANGE_PORT"]
EXCHANGE_WS_PORT: int | None = EXCHANGE_OPTIONS["EXCHANGE_WS_PORT"]
EXCHANGE_WS_HOST: str = EXCHANGE_OPTIONS["EXCHANGE_WS_HOST"] or EXCHANGE_HOST
EXCHANGE_WORKERS: int = EXCHANGE_OPTIONS["EXCHANGE_WORKERS"]
EXCHANGE_DATA_DIR: Path = EXCHANGE_OPTIONS.data_dir
EXCHANGE_VENUE: str = EXCHANGE_OPTIONS["EXCHANGE_VENUE"]
EXCHANGE_DURABILITY: str = EXCHANGE_OPTIONS["EXCHANGE_DURABILITY"]
EXCHANGE_LISTEN_KEYS: bool = EXCHANGE_OPTIONS["EXCHANGE_LISTEN_KEYS"]
EXCHANGE_SIGNATURES_ONCE: bool = EXCHANGE_OPTIONS["EXCHANGE_SIGNATURES_ONCE"]
EXCHANGE_ALLOW_UNSIGNED: bool = EXCHANGE_OPTIONS["EXCHANGE_ALLOW_UNSIGNED"]
EXCHANGE_RATE_LIMITS: bool = EXCHANGE_OPTIONS["EXCHANGE_RATE_LIMITS"]
EXCHANGE_SOCKETS_PER_ADDRESS: int | None = EXCHANGE_OPTIONS["EXCHANGE_SOCKETS_PER_ADDRESS"]
EXCHANGE_SOCKET_ATTEMPTS: int | None = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_ATTEMPTS"]
EXCHANGE_SOCKET_MESSAGES: int = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_MESSAGES"]
EXCHANGE_SOCKET_STREAMS: int = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_STREAMS"]
EXCHANGE_SOCKET_PING_S: float = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_PING_S"]
EXCHANGE_SOCKET_PONG_S: float = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_PONG_S"]
EXCHANGE_SOCKET_IDLE_S: float = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_IDLE_S"]
EXCHANGE_SOCKET_LIFE_S: float = EXCHANGE_OPTIONS["EXCHANGE_SOCKET_LIFE_S"]
EXCHANGE_SEAL_KEY: str = EXCHANGE_OPTIONS["EXCHANGE_SEAL_KEY"]
EXCHANGE_SIM_TOKEN_FILE = EXCHANGE_DATA_DIR / "sim.token"
EXCHANGE_DEMO_KEYS_NAME = "demo_keys.json"  # in the data directory

try:
    use_rules_of(EXCHANGE_OPTIONS["EXCHANGE_MATCHING_RULES_DIR"])
except RuleError as error:
    raise ImproperlyConfigured(f"EXCHANGE_MATCHING_RULES_DIR: {error}") from error

# The embedded server's module has no Django: it finds the binary by this variable.
if EXCHANGE_OPTIONS["EXCHANGE_REDIS_SERVER"]:
    os.environ["EXCHANGE_REDIS_SERVER"] = EXCHANGE_OPTIONS["EXCHANGE_REDIS_SERVER"]


def _redis_url_at_run_time() -> str:
    """What was given, else what the parent process passed on, else what the running instance says."""
    told = REDIS_URL_FROM_ENV or os.environ.get("EXCHANGE_INSTANCE_REDIS_URL", "")
    if told:
        return told
    running = DataDirectory(EXCHANGE_DATA_DIR).running()
    return running.redis_url if running and not running.is_out_of_reach else ""


REDIS_URL_FROM_ENV: str = EXCHANGE_OPTIONS["REDIS_URL"]
REDIS_URL = _redis_url_at_run_time()

SECRET_KEY = EXCHANGE_OPTIONS["EXCHANGE_SECRET_KEY"] or lazy(secret_kept_in, str)(EXCHANGE_DATA_DIR / "secret_key")
DEBUG: bool = EXCHANGE_OPTIONS["EXCHANGE_DEBUG"]
ALLOWED_HOSTS: list[str] = EXCHANGE_OPTIONS["EXCHANGE_ALLOWED_HOSTS"] or ["localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "exchange_project",  # its commands replace daphne's runserver and Django's test
    "exchange_project.apps.Daphne",
    "django.contrib.admin",
    "exchange_project.apps.AdminLogins",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "markets",
    "accounts",
    "archive",
    "simulation",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "exchange_project.static.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "exchange_project.urls"
ASGI_APPLICATION = "exchange_project.asgi.application"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    """One writer at a time in SQLite: IMMEDIATE takes the lock at BEGIN, so that two cannot read one position."""
    url = EXCHANGE_OPTIONS["DATABASE_URL"] or f"sqlite:///{EXCHANGE_DATA_DIR / 'db.sqlite3'}"
    database: dict[str, Any] = environ.Env.db_url_config(url)
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        }
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # served from the packages: no collectstatic step before the first page

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "exchange_project.log_lines.MaskingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": EXCHANGE_OPTIONS["EXCHANGE_LOG_LEVEL"]},
    # Django brings handlers of its own, one of them mails the admins: everything goes to the one above.
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
