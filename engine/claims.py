"""Whether what was signed may be executed once more; a venue that does not ask never comes here.

The fact a newcomer would get wrong: Binance executes it as often as it is sent within its window, and so does a venue
that was told nothing. A claim is made before the command: who claims and is refused, or never hears, has to sign again.
"""

from enum import StrEnum
from hashlib import sha256

from engine.errors import EngineUnavailable, OutcomeUnknown
from engine.keys import Keys
from engine.registry import Registry
from engine.runner import Runner

DIGEST_BYTES = 16


class Claim(StrEnum):
    NEW = "new"
    USED = "used"
    LATE = "late"  # by the venue's clock, also one that was set back


class Claims:
    """Of a venue. `usual`: what holds until a tester says otherwise. All raise EngineUnavailable."""

    def __init__(self, runner: Runner, keys: Keys, registry: Registry) -> None:
        self.usual = False
        self._runner = runner
        self._keys = keys
        self._registry = registry

    @property
    def are_known_off(self) -> bool:
        """Without asking: what most requests pay."""
        return self._registry.known_signatures_once == [False]

    async def are_wanted(self) -> bool:
        """May be a moment old."""
        known = self._registry.known_signatures_once
        if not known:
            told = await self._runner.command("HGET", self._keys.meta, "signatures_once")
            known.append(self.usual if told is None else told == b"1")
        return known[0]

    async def want(self, *, once: bool) -> None:
        """From here on, on every worker; what was remembered is forgotten. Raises OutcomeUnknown as well."""
        keys = [self._keys.meta, self._keys.events, self._keys.signatures]
        await self._runner.run("set_signatures", keys, ("1", "true") if once else ("0", "false"))
        self._registry.forget()

    async def claim(self, key_digest: str, payload: bytes, until_us: int) -> Claim:
        """Only the first with this key and these bytes is NEW. One in doubt is no longer new either."""
        digest = sha256(key_digest.encode() + payload).digest()[:DIGEST_BYTES]
        keys, words = [self._keys.meta, self._keys.signatures], (digest, until_us // 1000)
        try:
            (said,) = await self._runner.run("claim_signature", keys, words)
        except OutcomeUnknown as error:
            raise EngineUnavailable("claim_signature") from error
        return Claim(said.decode())
