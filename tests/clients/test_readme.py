"""The README's lines for client libraries, as they stand but for address and key."""

import re
import subprocess
import sys

import pytest

from tests.clients.conftest import Exchange
from tests.e2e.processes import ROOT

SNIPPETS = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
LIBRARIES = [("ccxt", "open"), ("binance.client", "NEW"), ("binance.spot", "NEW")]


@pytest.mark.parametrize(("library", "said"), LIBRARIES)
def test_the_six_lines_place_an_order(exchange: Exchange, library: str, said: str) -> None:
    (snippet,) = [text for text in SNIPPETS if re.search(rf"^(import|from) {re.escape(library)}\b", text)]
    assert len(snippet.splitlines()) == 6
    user = exchange.user("reader")
    for placeholder, text in (
        ("the-key", user.key),
        ("the-secret", user.secret),
        ("http://127.0.0.1:8000", exchange.url),
    ):
        assert snippet.count(placeholder) == 1
        snippet = snippet.replace(placeholder, text)
    command = [sys.executable, "-W", "ignore", "-c", snippet]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == [said], done.stderr
