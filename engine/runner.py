"""Runs one script and names what can go wrong, once, for gateway, registry and queries.

A script answers {"ok", ...}, {"rejected", reason, existing order id or "", name, number, ...} (what follows the reason
may be missing; what is named "detail" is a text), {"stale"} (the command was made under other symbol rules), {"keys"}
(it was sent with the keys of other rules) or {"pending"} (an earlier order of the symbol has fills left to do). The
last three are not answers for a caller: whoever runs market commands deals with them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from redis.exceptions import NoScriptError, ResponseError

from engine.errors import EngineUnavailable, InvariantBroken, OutcomeUnknown, Reason, Rejected
from engine.scripts import Script
from engine.wire import NotSent, ReplyLost

REFUSED_BEFORE_RUNNING = frozenset(
    [
        "LOADING", "OOM", "MISCONF", "READONLY", "BUSY", "TRYAGAIN", "MOVED", "ASK", "CLUSTERDOWN",
        "MASTERDOWN", "NOREPLICAS",
    ]
)  # fmt: skip

Word = bytes | str | int


class AnyConnection(Protocol):
    """What `engine.connection.open_connection` returns."""

    @property
    def session(self) -> object | None: ...
    async def command(self, *words: Word) -> Any: ...
    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word]) -> Any: ...
    async def pipeline(self, commands: Sequence[Sequence[Word]]) -> list[Any]: ...
    async def close(self) -> None: ...


class Stale(Exception):
    """The command was made under rules of the symbol that are no longer in force; nothing changed."""


class KeysChanged(Exception):
    """The symbol's rules ask for keys that were not declared: they changed since they were read. Nothing changed."""


class Pending(Exception):
    """An order of the symbol has fills left to do; nothing changed."""


class Runner:
    """Scripts by name over one connection."""

    def __init__(self, connection: AnyConnection, scripts: Mapping[str, Script]) -> None:
        self.connection = connection
        self._scripts = scripts

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[Word]) -> list[Any]:
        """What follows "ok" in the script's reply.

        Raises Rejected, Stale, KeysChanged, Pending or EngineUnavailable (nothing changed), OutcomeUnknown (may have
        happened), InvariantBroken (the script failed).
        """
        try:
            reply = await self.connection.run(self._scripts[name], keys, arguments)
        except (NotSent, ReplyLost, ResponseError) as error:
            raise named_failure(name, error) from error
        return unfold(reply)

    async def command(self, *words: Word) -> Any:
        """One plain read-only command. Raises EngineUnavailable: a read that was lost changed nothing."""
        try:
            return await self.connection.command(*words)
        except (NotSent, ReplyLost, ResponseError) as error:
            raise EngineUnavailable(str(words[0])) from error


def named_failure(name: str, error: Exception) -> Exception:
    """What a failure of the connection or of the server means for the command `name`."""
    if isinstance(error, NotSent):
        return EngineUnavailable(name)
    if isinstance(error, ReplyLost):
        return OutcomeUnknown(name)
    if isinstance(error, NoScriptError) or str(error).partition(" ")[0] in REFUSED_BEFORE_RUNNING:
        return EngineUnavailable(f"{name}: {error}")
    return InvariantBroken(f"{name}: {error}")


def unfold(reply: list[Any]) -> list[Any]:
    """A script's reply without its verdict; a verdict other than "ok" is raised."""
    verdict = reply[0]
    if verdict == b"ok":
        return reply[1:]
    if verdict == b"stale":
        raise Stale
    if verdict == b"pending":
        raise Pending
    if verdict == b"keys":
        raise KeysChanged
    existing = int(reply[2]) if len(reply) > 2 and reply[2] else None
    named = {reply[i].decode(): reply[i + 1] for i in range(3, len(reply), 2)}
    detail = named.pop("detail", b"").decode()
    numbers = {name: int(number) for name, number in named.items()}
    raise Rejected(Reason(reply[1].decode()), detail, existing_order_id=existing, numbers=numbers)
