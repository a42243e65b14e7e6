"""The admin's login, with a bound on how often one address may try: passwords are not to be found by asking.

The fact a newcomer would get wrong: each worker counts for itself, so the bound is one worker's times their number.
What is refused costs nothing; a password that is looked at costs a third of a second.
"""

import time
from collections import OrderedDict
from math import ceil
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

MOST_TRIES = 10
WINDOW_S = 300.0
MOST_ADDRESSES = 10_000  # of more, those that have tried least lately are forgotten


class Tries:
    """How often each address has tried in vain, in the window that began with its first try."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address -> (window's end, tries)

    def wait_s(self, address: str) -> float:
        """Count a try; above 0: it is one too many, and the next may come after so many seconds."""
        now = time.monotonic()
        ends, tries = self._known.pop(address, (0.0, 0))
        ends, tries = (ends, tries + 1) if now < ends else (now + WINDOW_S, 1)
        self._known[address] = ends, tries
        if len(self._known) > MOST_ADDRESSES:
            self._known.popitem(last=False)
        return ends - now if tries > MOST_TRIES else 0.0

    def forgive(self, address: str) -> None:
        """The try has succeeded. Those before it still count: who has one login may not look for another's."""
        ends, tries = self._known.get(address, (0.0, 0))
        if tries:
            self._known[address] = ends, tries - 1


TRIES = Tries()


class LoginForm(AdminAuthenticationForm):
    """Django's, which looks at the password only if the address has not failed too often."""

    def clean(self) -> dict[str, Any]:
        assert self.request is not None
        address = self.request.META.get("REMOTE_ADDR", "")  # the peer's: no header says who asks
        wait_s = TRIES.wait_s(address)
        if wait_s > 0:
            raise ValidationError(f"Too many logins have failed. Try again in {ceil(wait_s)} seconds.")
        cleaned: dict[str, Any] = super().clean()
        TRIES.forgive(address)
        return cleaned
