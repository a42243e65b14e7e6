"""Where asynchronous handlers meet the ORM, which is not."""

from collections.abc import Callable
from typing import Any, TypeVar

from channels.db import database_sync_to_async
from django.db import OperationalError

from engine.errors import EngineUnavailable

Answer = TypeVar("Answer")


async def in_sql(work: Callable[..., Answer], *arguments: Any, **named: Any) -> Answer:
    """What uses the ORM, in a thread. Raises what it raises, and EngineUnavailable while the database cannot be had."""
    try:
        done: Answer = await database_sync_to_async(work)(*arguments, **named)
    except OperationalError as error:  # locked, full, gone: nothing was saved
        raise EngineUnavailable("the database") from error
    return done
