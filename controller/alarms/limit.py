"""A limit, and what samples say about it: dead-band and delays, driven by one table."""

from dataclasses import dataclass
from enum import Enum, IntEnum


class Level(Enum):
    """Which limit of a tag."""

    HIHI = "hihi"
    HI = "hi"
    LO = "lo"
    LOLO = "lolo"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLimit:
    """One limit of one tag. limit, deadband: in the tag's unit; delays in seconds."""

    level: Level
    limit: float
    deadband: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0


class Condition(IntEnum):
    """Where the condition of an alarm stands."""

    NORMAL = 0
    RISING = 1  # beyond the limit, the on-delay runs
    ACTIVE = 2
    FALLING = 3  # back inside, the off-delay runs


class Seen(IntEnum):
    """What one sample says about one limit."""

    INSIDE = 0  # inside by more than the dead-band
    BETWEEN = 1  # inside the limit, but within the dead-band
    BEYOND = 2
    BAD = 3  # says nothing: it neither raises nor clears


_N, _R, _A, _F = Condition

# Rows: condition; columns: INSIDE, BETWEEN, BEYOND, BAD. A delay counts uninterrupted evidence
# only, so a bad sample takes a running delay back.
ON_SAMPLE: tuple[tuple[Condition, ...], ...] = (
    (_N, _N, _R, _N),
    (_N, _N, _R, _N),
    (_F, _A, _A, _A),
    (_F, _F, _A, _A),
)
# What becomes of a condition when its delay is over.
ON_DELAY_OVER: tuple[Condition, ...] = (_N, _A, _A, _N)
