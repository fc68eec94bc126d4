"""What is compared with limits: a tag, a difference, an imbalance, the silence of pulses.

Each reads the image of a station and gives a number, NaN where one of its inputs cannot be used.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from controller.alarms.definition import AlarmDefinition, Measure
from controller.core.sample import FIRST_BAD

Read = Callable[[float, Sequence[float], Sequence[int]], float]

LEAST_MEAN = 100.0  # below that mean a difference in % of it says nothing: both sides are released
PULSES_PER_REV = 12.0
PERIODS_OF_GRACE = 1.0  # until the first pulse: the rotor has to come up to speed


def reader(d: AlarmDefinition, at: Mapping[str, int], *, relative: bool = True) -> Read:
    """What the definition measures; not relative: the bare tag, for the limit of a recipe."""
    k = at[d.tag]
    if not d.reference or not relative:
        return _value(k)
    r = at[d.reference]
    if d.measure is Measure.SILENCE:
        return Silence(k, r)
    makes = {
        Measure.DEVIATION: _deviation,
        Measure.APART: _apart,
        Measure.IMBALANCE: _imbalance,
    }
    return makes[d.measure](k, r)


def _value(k: int) -> Read:
    return lambda _, v, q: v[k] if q[k] < FIRST_BAD else math.nan


# Each is a function of its own, since one more call would cost as much as the rest of it.


def _deviation(k: int, r: int) -> Read:
    def read(_: float, v: Sequence[float], q: Sequence[int]) -> float:
        return math.nan if q[k] >= FIRST_BAD or q[r] >= FIRST_BAD else v[k] - v[r]

    return read


def _apart(k: int, r: int) -> Read:
    def read(_: float, v: Sequence[float], q: Sequence[int]) -> float:
        return math.nan if q[k] >= FIRST_BAD or q[r] >= FIRST_BAD else abs(v[k] - v[r])

    return read


def _imbalance(k: int, r: int) -> Read:
    def read(_: float, v: Sequence[float], q: Sequence[int]) -> float:
        if q[k] >= FIRST_BAD or q[r] >= FIRST_BAD:
            return math.nan
        a, b = v[k], v[r]
        mean = 0.5 * (a + b)
        return 100.0 * abs(a - b) / mean if mean > LEAST_MEAN else 0.0

    return read


class Silence:
    """Time since a counter last moved, in periods of its pulses; 0 while nothing shall turn.

    A Bad value starts the time anew: pulses may have come meanwhile.
    """

    __slots__ = ("_at", "_count", "_speed_at", "_turned_s")

    def __init__(self, at: int, speed_at: int) -> None:
        self._at, self._speed_at = at, speed_at
        self._count = self._turned_s = math.nan

    def __call__(self, now_s: float, v: Sequence[float], q: Sequence[int]) -> float:
        """The silence now."""
        k, s = self._at, self._speed_at
        if q[k] >= FIRST_BAD or q[s] >= FIRST_BAD or not math.isfinite(v[s]):
            self._count = math.nan
            return math.nan
        if v[s] <= 0.0:
            self._count = math.nan
            return 0.0
        period_s = 3600.0 / (v[s] * PULSES_PER_REV)
        if math.isnan(self._count):
            self._turned_s = now_s + PERIODS_OF_GRACE * period_s
            self._count = v[k]
        elif v[k] != self._count:
            self._turned_s = now_s
            self._count = v[k]
        return max(0.0, (now_s - self._turned_s) / period_s)
