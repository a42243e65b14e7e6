"""What the commands that make API keys share: how a public key is given, and how the new key is shown."""

import json
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import CommandError

from accounts.services import CreatedUser


def add_key_options(parser: ArgumentParser) -> None:
    help_text = "PEM file of an Ed25519 or RSA key that you have made; without it the exchange makes a key and a secret"
    parser.add_argument("--public-key", metavar="FILE", default="", help=help_text)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def read_file(name: str) -> str:
    """The text of a file, empty without a name. Raises CommandError."""
    try:
        return Path(name).read_text(encoding="ascii") if name else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read as PEM: {error}") from error


def show_key(user: CreatedUser, *, as_json: bool) -> str:
    """The key as text, with its secret if it has one."""
    shown = {"user": user.name, "account": user.account, "api_key": user.api_key}
    if user.secret:
        shown["secret"] = user.secret
    return json.dumps(shown) if as_json else "\n".join(f"{name}: {value}" for name, value in shown.items())
