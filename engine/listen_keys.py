"""listenKeys: names under which an account's events are heard for an hour, known to every worker of a venue.

Binance removed them on 2026-02-20 and answers 410 since. Both can be had here. The fact a newcomer would get wrong:
they are no part of the exchange's state: no event tells of them, and neither the audit nor a snapshot has them.
"""

import secrets
import string
from collections.abc import Sequence
from typing import Final

import msgspec

from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.keys import Keys
from engine.runner import Runner, Word

LIFE_MS: Final = 60 * 60 * 1000  # on the venue's clock
LENGTH: Final = 64
_LETTERS: Final = string.ascii_letters + string.digits


class ListenKeyHolder(msgspec.Struct, frozen=True):
    """Whose events are heard under a listenKey, and the digest of the API key that it was made with."""

    account: int
    key_digest: str


class ListenKeys:
    """The listenKeys of a venue. `are_gone`: what holds until a tester says otherwise (`serve`).

    All raise EngineUnavailable, those that change something OutcomeUnknown as well.
    """

    def __init__(self, runner: Runner, keys: Keys) -> None:
        self.are_gone = False
        self._runner = runner
        self._keys = [keys.meta, keys.listen_keys, keys.keys]

    async def open(self, account: int, key_digest: str) -> str:
        """The account's listenKey, a new one if it has none, good for an hour from now. Rejected LISTEN_KEYS_GONE."""
        return await self._keep(account, key_digest, "", LIFE_MS)

    async def extend(self, account: int, listen_key: str) -> None:
        """An hour from now. Rejected UNKNOWN_LISTEN_KEY (never made, over, or another account's), LISTEN_KEYS_GONE."""
        await self._keep(account, "", listen_key, LIFE_MS)

    async def close(self, account: int, listen_key: str) -> None:
        """Rejected as `extend`."""
        await self._keep(account, "", listen_key, 0)

    async def _keep(self, account: int, key_digest: str, listen_key: str, life_ms: int) -> str:
        new = "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))
        arguments = (account, key_digest, listen_key, new, life_ms, int(self.are_gone))
        name, _ = await self._runner.run("keep_listen_key", self._keys, arguments)
        return str(name.decode())

    async def holders(self, listen_keys: Sequence[str]) -> tuple[int, list[ListenKeyHolder | None]]:
        """The venue's time in ms, and who hears under each of these names now: None for those that live no more."""
        arguments: list[Word] = [int(self.are_gone), *listen_keys]
        try:
            now_ms, flat = await self._runner.run("read_listen_keys", self._keys, arguments)
        except OutcomeUnknown as error:
            raise EngineUnavailable("read_listen_keys") from error
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return now_ms, [
            ListenKeyHolder(int(account), digest.decode()) if account else None for account, digest in pairs
        ]

    async def are_gone_now(self) -> bool:
        """What a tester has said last, else what the exchange was started with."""
        told = await self._runner.command("HGET", self._keys[1], "#gone")
        return self.are_gone if told is None else told == b"1"

    async def serve(self, *, gone: bool) -> None:
        """From here on there are listenKeys, or there are none; on every worker."""
        await self._runner.run("serve_listen_keys", self._keys[1:2], ("1" if gone else "0",))


def looks_like_listen_key(text: str) -> bool:
    """Whether it is worth asking for."""
    return len(text) == LENGTH and text.isascii() and text.isalnum()
