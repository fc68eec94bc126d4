"""Is a measured value believable? Range, rate, standstill, and a vote among three probes."""

import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN, Quality

_HELD = int(Quality.UNCERTAIN_HELD)
_SUSPECT = int(Quality.UNCERTAIN_SUSPECT)
_NO_NUMBER = int(Quality.BAD_NOT_A_NUMBER)


class Verdict(IntEnum):
    """What a failed check makes of the value."""

    SUSPECT = int(Quality.UNCERTAIN_SUSPECT)  # usable, with a mark
    BAD = int(Quality.BAD_SENSOR)  # not usable


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLimits:
    """What a believable signal does. Limits in its unit; infinity leaves a check out.

    rate_per_s: fastest true change. rate_memory_s: a new level that persists so long is accepted.
    stuck_s: longest time a live signal stays within stuck_band. An announced hold of the
    instrument (UNCERTAIN_HELD, such as a 65 s auto-calibration) does not count.
    """

    low: float = -math.inf
    high: float = math.inf
    rate_per_s: float = math.inf
    rate_memory_s: float = 30.0
    stuck_s: float = 180.0
    stuck_band: float = 0.0
    on_range: Verdict = Verdict.BAD
    on_rate: Verdict = Verdict.SUSPECT
    on_stuck: Verdict = Verdict.BAD


class SignalCheck:
    """Checks one signal; `quality` is the given one or worse, never better."""

    __slots__ = (
        "_believed",
        "_believed_s",
        "_last_s",
        "_still_at",
        "_still_s",
        "limits",
        "quality",
        "value",
    )

    def __init__(self, limits: SignalLimits) -> None:
        self.limits = limits
        self.value = math.nan
        self.quality = int(Quality.BAD_NO_DATA)
        self._believed = math.nan  # last value that passed the rate check, and when
        self._believed_s = 0.0
        self._still_at = math.nan
        self._still_s = 0.0
        self._last_s = math.nan

    def scan(self, now_s: float, value: float, quality: int) -> int:
        """The quality of this value; on not-a-number or bad input `value` stays the last one."""
        limits = self.limits
        dt_s = now_s - self._last_s if now_s > self._last_s else 0.0
        self._last_s = now_s
        if quality < FIRST_BAD and not -math.inf < value < math.inf:
            quality = _NO_NUMBER
        if quality >= FIRST_BAD:
            self._believed = self._still_at = math.nan
            self._still_s = 0.0
            self.quality = quality
            return quality
        self.value = value
        if not limits.low <= value <= limits.high:
            quality = max(quality, int(limits.on_range))
        elif not self._steady(now_s, value):
            quality = max(quality, int(limits.on_rate))
        if self._stands_still(value, quality, dt_s):
            quality = max(quality, int(limits.on_stuck))
        self.quality = quality
        return quality

    @property
    def still_s(self) -> float:
        """How long the signal has not moved, announced holds not counted."""
        return self._still_s

    def _steady(self, now_s: float, value: float) -> bool:
        """False while the value is further from the believed one than it can have come."""
        gone_s = now_s - self._believed_s
        if (
            abs(value - self._believed) > self.limits.rate_per_s * max(gone_s, 0.0)
            and gone_s < self.limits.rate_memory_s
        ):
            return False
        self._believed = value
        self._believed_s = now_s
        return True

    def _stands_still(self, value: float, quality: int, dt_s: float) -> bool:
        if not abs(value - self._still_at) <= self.limits.stuck_band:
            self._still_at = value
            self._still_s = 0.0
        elif quality != _HELD:
            self._still_s += dt_s
        return self._still_s > self.limits.stuck_s


class Probe(IntFlag):
    """Which of three probes."""

    NONE = 0
    A = 1
    B = 2
    C = 4


class Pick(IntEnum):
    """Which of two probes that disagree is believed: the one on the safe side."""

    LOWER = 0
    HIGHER = 1  # frost point: the wetter one


class MedianOfThree:
    """One value from three probes of the same thing.

    Three usable: the median. Two: their mean while they agree, else the one on the safe side,
    marked suspect. One: that one, marked suspect. None: the last value, bad. Good probes are
    preferred over Uncertain ones as soon as two of them are. A probe further than `deviation` from
    the result for `delay_s` is flagged in `deviating`.
    """

    __slots__ = (
        "_away_s",
        "_delay_s",
        "_deviation",
        "_last_s",
        "_pick",
        "deviating",
        "quality",
        "value",
    )

    def __init__(self, deviation: float, delay_s: float, pick: Pick) -> None:
        self._deviation = deviation
        self._delay_s = delay_s
        self._pick = pick
        self._away_s = [0.0, 0.0, 0.0]
        self._last_s = math.nan
        self.deviating = Probe.NONE
        self.value = math.nan
        self.quality = int(Quality.BAD_NO_DATA)

    def scan(
        self, now_s: float, a: tuple[float, int], b: tuple[float, int], c: tuple[float, int]
    ) -> int:
        """Vote among (value, quality) of the probes; returns the quality of `value`."""
        dt_s = now_s - self._last_s if now_s > self._last_s else 0.0
        self._last_s = now_s
        probes = (a, b, c)
        usable = [p for p in probes if p[1] < FIRST_BAD and -math.inf < p[0] < math.inf]
        good = [p for p in usable if p[1] < FIRST_UNCERTAIN]
        if usable:
            self._vote(good if len(good) >= 2 else usable)
        else:
            self.quality = min(q if q >= FIRST_BAD else _NO_NUMBER for _, q in probes)
        self._flag(probes, dt_s)
        return self.quality

    def _vote(self, voters: list[tuple[float, int]]) -> None:
        ordered = sorted(voters)
        low, high = ordered[0][0], ordered[-1][0]
        qualities = sorted(q for _, q in voters)
        if len(voters) == 3:
            self.value = ordered[1][0]
            agree = min(self.value - low, high - self.value) <= self._deviation
        elif len(voters) == 2:
            agree = high - low <= self._deviation
            safe = high if self._pick is Pick.HIGHER else low
            self.value = low + (high - low) / 2.0 if agree else safe
        else:
            self.value = low
            agree = False
        # Two that say the same are enough to trust: the second best quality stands for the vote.
        best_two = qualities[min(1, len(qualities) - 1)]
        self.quality = best_two if agree else max(best_two, _SUSPECT)

    def _flag(self, probes: tuple[tuple[float, int], ...], dt_s: float) -> None:
        flags = 0
        usable_result = self.quality < FIRST_BAD
        for k, (value, quality) in enumerate(probes):
            away = (
                usable_result and quality < FIRST_BAD and abs(value - self.value) > self._deviation
            )
            self._away_s[k] = self._away_s[k] + dt_s if away else 0.0
            if away and self._away_s[k] >= self._delay_s:
                flags |= 1 << k
        if flags != int(self.deviating):
            self.deviating = Probe(flags)
