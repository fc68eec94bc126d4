"""Limit alarms: dead-band, on-delay and off-delay, driven by one table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import pairwise

from controller.core.errors import ConfigError, Problem
from controller.core.sample import FIRST_BAD


class Level(Enum):
    """Which limit of a tag."""

    HIHI = "hihi"
    HI = "hi"
    LO = "lo"
    LOLO = "lolo"


class AlarmState(IntEnum):
    """Where one limit stands."""

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


_N, _R, _A, _F = AlarmState

# Rows: state; columns: INSIDE, BETWEEN, BEYOND, BAD. A delay counts uninterrupted evidence only, so
# a bad sample takes a running delay back.
ON_SAMPLE: tuple[tuple[AlarmState, ...], ...] = (
    (_N, _N, _R, _N),
    (_N, _N, _R, _N),
    (_F, _A, _A, _A),
    (_F, _F, _A, _A),
)
# What becomes of a state when its delay is over.
ON_DELAY_OVER: tuple[AlarmState, ...] = (_N, _A, _A, _N)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLimit:
    """One limit of one tag. limit, deadband: in the tag's unit; delays in seconds."""

    level: Level
    limit: float
    deadband: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm came (active) or went. value: the sample that decided, at plant time time_s."""

    tag: str
    level: Level
    active: bool
    value: float
    limit: float
    time_s: float

    def __str__(self) -> str:
        """'COAT.TORQUE hi alarm gone: 80, limit 85'."""
        what = "alarm" if self.active else "alarm gone"
        return f"{self.tag} {self.level.value} {what}: {self.value:g}, limit {self.limit:g}"

    def plain(self) -> dict[str, object]:
        """What a record keeps of it."""
        return {
            "level": self.level.value,
            "active": self.active,
            "value": self.value,
            "limit": self.limit,
        }


_NOTHING: tuple[AlarmChange, ...] = ()


class LimitAlarm:
    """The limits of one tag. Scan it with every sample; changes come back once."""

    __slots__ = (
        "_at_rest",
        "_deadband",
        "_delay_s",
        "_high",
        "_limit",
        "_low",
        "_since_s",
        "limits",
        "states",
        "tag",
    )

    def __init__(self, tag: str, limits: Sequence[AlarmLimit]) -> None:
        self.tag = tag
        self.limits = tuple(limits)
        self._check()
        upper = [limit.level in (Level.HI, Level.HIHI) for limit in self.limits]
        # Lower limits are mirrored, so that beyond is always above.
        self._limit = [
            (1.0, a.limit) if up else (-1.0, -a.limit)
            for a, up in zip(self.limits, upper, strict=True)
        ]
        self._deadband = [a.deadband for a in self.limits]
        self._delay_s = [(0.0, a.on_delay_s, 0.0, a.off_delay_s) for a in self.limits]
        self.states = [AlarmState.NORMAL] * len(self.limits)
        self._since_s = [0.0] * len(self.limits)
        self._at_rest = True  # every state NORMAL: nothing can change between _low and _high
        self._low = max((-v for sign, v in self._limit if sign < 0.0), default=-math.inf)
        self._high = min((v for sign, v in self._limit if sign > 0.0), default=math.inf)

    def scan(self, now_s: float, value: float, quality: int) -> tuple[AlarmChange, ...]:
        """Judge one sample at plant time `now_s`; a bad one neither raises nor clears."""
        if self._at_rest and self._low < value < self._high:  # the usual case: nothing to do
            return _NOTHING
        bad = quality >= FIRST_BAD or not -math.inf < value < math.inf
        changes = _NOTHING
        for k, state in enumerate(self.states):
            sign, limit = self._limit[k]
            over = sign * value - limit
            if bad:
                seen = Seen.BAD
            elif over > 0.0:
                seen = Seen.BEYOND
            else:
                seen = Seen.INSIDE if over <= -self._deadband[k] else Seen.BETWEEN
            new = ON_SAMPLE[state][seen]
            if new is not state:
                self._since_s[k] = now_s
            if not bad and now_s - self._since_s[k] >= self._delay_s[k][new]:
                new = ON_DELAY_OVER[new]
            if new is state:
                continue
            self.states[k] = new
            was, now = state >= AlarmState.ACTIVE, new >= AlarmState.ACTIVE
            if was is not now:
                a = self.limits[k]
                changes = (*changes, AlarmChange(self.tag, a.level, now, value, a.limit, now_s))
        self._at_rest = not any(self.states)
        return changes

    @property
    def active(self) -> tuple[Level, ...]:
        """The levels in alarm."""
        return tuple(
            a.level for a, s in zip(self.limits, self.states, strict=True) if s >= AlarmState.ACTIVE
        )

    def _check(self) -> None:
        problems: list[Problem] = []

        def wrong(field: str, value: float, message: str) -> None:
            problems.append(
                Problem(
                    file=f"alarm {self.tag}",
                    line=None,
                    field=field,
                    value=f"{value:g}",
                    message=message,
                )
            )

        by_level = {a.level: a.limit for a in self.limits}
        if len(by_level) < len(self.limits):
            wrong("level", len(self.limits), "each level at most once")
        ordered = [by_level[x] for x in reversed(Level) if x in by_level]
        for below, above in pairwise(ordered):
            if not below < above:
                wrong("limit", above, f"limits must rise from lolo to hihi, the lower is {below:g}")
        for a in self.limits:
            if not math.isfinite(a.limit):
                wrong(a.level.value, a.limit, "must be a finite number")
            for field in ("deadband", "on_delay_s", "off_delay_s"):
                if not 0.0 <= (value := float(getattr(a, field))) < math.inf:
                    wrong(f"{a.level.value}.{field}", value, "must not be negative")
        if problems:
            raise ConfigError(problems)
