"""How lines of the log look: what is secret in them is cut short, whoever wrote them.

The fact a newcomer would get wrong: our own lines name no key. But the server tells the path of every WebSocket, and
that of a listenKey is the listenKey; and at DEBUG it tells headers and frames. API keys, secrets, listenKeys, digests
and most signatures are 64 letters and digits, which nothing else is.
"""

import logging
import re

SHOWN = 6  # characters: enough to tell two keys apart, as the admin does
_LONG = re.compile(r"[A-Za-z0-9]{48,}")
_NAMED = re.compile(
    r"""(?i)(\b(?:signature|api_?key|x-mbx-apikey|x-api-key|x-sim-token|secret|password|cookie|authorization)\b
    ["']?\s*[:=]\s*["']?)([^\s"'&,}]+)""",
    re.VERBOSE,
)


def masked(text: str) -> str:
    """The text without what is secret in it."""
    return _LONG.sub(lambda found: f"{found[0][:SHOWN]}…", _NAMED.sub(r"\1…", text))


class MaskingFormatter(logging.Formatter):
    """A formatter whose lines, tracebacks included, are masked."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
