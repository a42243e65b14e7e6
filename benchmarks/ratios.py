"""The goals, in one table, and what a run has to say about each of them.

The fact a newcomer would get wrong: a share is kept as a fraction (0.75), also in the JSON; "75 %" is for people only.
"""

from enum import Enum
from typing import Any, Final

import msgspec


class Direction(Enum):
    """On which side of the goal one wants to be."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


class Unit(Enum):
    """How a value is written for people."""

    SHARE = "share"
    TIMES = "times"
    BYTES = "bytes"

    def text(self, value: float) -> str:
        """76 %, 2.4x or 383 B."""
        if self is Unit.SHARE:
            return f"{value * 100:.0f} %"
        return f"{value:.1f}x" if self is Unit.TIMES else f"{value:.0f} B"


class Goal(msgspec.Struct, frozen=True):
    """One row of the table. `goal` and `stretch` are in the unit of the value."""

    id: str
    name: str
    unit: Unit
    direction: Direction
    goal: float
    stretch: float

    def is_met_by(self, value: float) -> bool:
        """Whether the value is as good as the goal; equal is good enough."""
        return value >= self.goal if self.direction is Direction.AT_LEAST else value <= self.goal


GOALS: Final = (
    Goal("P1", "resting order: rate of the script against the same redis.calls without logic",
         Unit.SHARE, Direction.AT_LEAST, 0.85, 0.85),
    Goal("P2", "resting order against an EVALSHA that does nothing, 50 sockets, CPU time of Redis",
         Unit.TIMES, Direction.AT_MOST, 4.5, 4.5),
    Goal("P3", "order with 10 fills against one with 1, CPU time of Redis",
         Unit.TIMES, Direction.AT_MOST, 4, 3.8),
    Goal("P4", "rest, fill, cancel (the worst of them) in a large book against one of 1,000 orders, CPU time of Redis",
         Unit.TIMES, Direction.AT_MOST, 2, 1.6),
    Goal("P5", "memory of a resting order, all keys but the event stream",
         Unit.BYTES, Direction.AT_MOST, 450, 350),
    Goal("P6", "POST /api/v3/order (signed, validated, rate-limited) against GET ping, requests a second of one worker",
         Unit.SHARE, Direction.AT_LEAST, 0.50, 0.50),
    Goal("P7", "POST /api/v3/order at 32 connections: p99 against p50",
         Unit.TIMES, Direction.AT_MOST, 4, 3),
    Goal("P8", "order.place over the WebSocket API against POST /api/v3/order, signed both, CPU time of the worker",
         Unit.TIMES, Direction.AT_LEAST, 1.0, 1.1),
    Goal("P9", "fan-out of a stream to its sockets against a bare loop of socket.send",
         Unit.SHARE, Direction.AT_LEAST, 0.40, 0.50),
    Goal("P10", "fan-out of a stream to its sockets against channels_redis group_send",
         Unit.TIMES, Direction.AT_LEAST, 40, 50),
    Goal("P11", "resting order with the append-only file (everysec) against without, CPU time of Redis",
         Unit.TIMES, Direction.AT_MOST, 1.5, 1.3),
    Goal("P12", "order answered to executionReport on another worker's socket against a PING of Redis, p99 of both",
         Unit.TIMES, Direction.AT_MOST, 10, 8),
    Goal("P13", "replay at full speed, level changes and trades a second, against resting orders a second",
         Unit.SHARE, Direction.AT_LEAST, 0.75, 1.0),
)  # fmt: skip
GOALS_BY_ID: Final = {goal.id: goal for goal in GOALS}


class Outcome(msgspec.Struct, frozen=True):
    """What a run found out about one goal: a value with the absolutes it was made of, or in words why there is none.

    `absolutes` are numbers by name, the unit last in the name; `value` is the median of the ratios `by_round`.
    """

    goal: Goal
    value: float | None = None
    by_round: tuple[float, ...] = ()
    absolutes: dict[str, float] = {}
    problem: str = ""

    @property
    def is_met(self) -> bool:
        """False also for a figure that could not be measured."""
        return self.value is not None and self.goal.is_met_by(self.value)

    def as_json(self) -> dict[str, Any]:
        """One member of the list `ratios`."""
        goal = self.goal
        members: dict[str, Any] = {
            "id": goal.id, "name": goal.name, "value": self.value, "goal": goal.goal, "stretch": goal.stretch,
            "met": self.is_met, "direction": goal.direction.value, "unit": goal.unit.value,
            "by_round": list(self.by_round), "absolutes": self.absolutes,
        }  # fmt: skip
        return members | {"problem": self.problem} if self.problem else members
