"""What is secret stands in no line of the log and in no repr."""

import importlib
import io
import logging
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from exchange_project.log_lines import MaskingFormatter, masked

KEY = "Ab3" * 21 + "Z"
SECRET_FIELDS = {"api_key", "secret", "listen_key", "signature", "headers", "texts", "sealed_secret", "params"}
ROOMS = ("engine", "archive", "api", "markets", "accounts", "simulation")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'127.0.0.1:5 - "WebSocket /ws/{KEY}" [accepted]', '127.0.0.1:5 - "WebSocket /ws/Ab3Ab3…" [accepted]'),
        (f"/stream?streams={KEY}/btcusdt@trade", "/stream?streams=Ab3Ab3…/btcusdt@trade"),
        ('< TEXT \'{"apiKey":"short","price":"1"}\'', '< TEXT \'{"apiKey":"…","price":"1"}\''),
        ("GET /api/v3/account?timestamp=1&signature=a+b/c== HTTP", "GET /api/v3/account?timestamp=1&signature=… HTTP"),
        ("< X-MBX-APIKEY: short", "< X-MBX-APIKEY: …"),
        ("order 17 of account 3 on BTCUSDT: -2010", "order 17 of account 3 on BTCUSDT: -2010"),
        ('File "/a/b/python3.11/site-packages/uvicorn/protocols/websockets/websockets_sansio_impl.py", line 3',) * 2,
    ],
)
def test_what_is_secret_is_cut_short(line: str, said: str) -> None:
    assert masked(line) == said


def test_tracebacks_are_masked_too() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(MaskingFormatter("%(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError(KEY)
    except ValueError:
        logger.exception("it failed with %s", KEY)
    assert KEY not in stream.getvalue()
    assert stream.getvalue().count("Ab3Ab3…") == 2


def structs() -> Iterator[type[msgspec.Struct]]:
    """All that the rooms define."""
    for room in ROOMS:
        for module in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
            if ".management" not in module.name and ".migrations" not in module.name:
                found: list[Any] = list(vars(importlib.import_module(module.name)).values())
                yield from (each for each in found if isinstance(each, type) and issubclass(each, msgspec.Struct))


def test_no_repr_shows_what_is_secret() -> None:
    holders = {each for each in structs() if SECRET_FIELDS & set(each.__struct_fields__)}
    assert {"Session", "RawRequest", "KeyRecord", "OneKey", "Frame"} <= {each.__name__ for each in holders}
    assert not [each for each in holders if each.__repr__ is msgspec.Struct.__repr__]
