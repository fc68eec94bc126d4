"""Permissives and trips of the controller, above those of the PLC. Not safety functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from controller.core.errors import ConfigError, Problem, Refused
from controller.core.sample import FIRST_BAD, quality_text

UNKNOWN_REMEDY = "wait for the link, or check the sensor"
_MAX_BYPASS_S = 8 * 3600.0  # one shift: a bypass has to be thought about again


class Comparison(Enum):
    """How a live value is judged."""

    ON = "on"
    OFF = "off"
    ABOVE = "above"
    BELOW = "below"


class OnBad(Enum):
    """What a bad value means to a trip."""

    TRIP = "trip"
    IGNORE = "ignore"  # keep the delay where it is; the quality has an alarm of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissive:
    """A condition that must hold before something may start. A bad value never meets it.

    text: what is looked at, in the operator's words. limit: for ABOVE and BELOW, in `unit`.
    remedy: what a person does about it, "close the door".
    """

    name: str
    text: str
    compare: Comparison
    limit: float = 0.0
    unit: str = ""
    remedy: str = ""

    def holds(self, value: float) -> bool:
        """The bare comparison; not-a-number passes none of them."""
        if self.compare is Comparison.ABOVE:
            return value > self.limit
        if self.compare is Comparison.BELOW:
            return value < self.limit
        if self.compare is Comparison.OFF:
            return value == 0.0
        return not (value == 0.0 or math.isnan(value))

    def met(self, value: float, quality: int) -> bool:
        """True when the value is usable and passes."""
        return quality < FIRST_BAD and self.holds(value)

    def wanted(self) -> str:
        """'above 5 Pa', 'on'."""
        if self.compare in (Comparison.ON, Comparison.OFF):
            return str(self.compare.value)
        return f"{self.compare.value} {self.limit:g} {self.unit}".rstrip()

    def reason(self, value: float, quality: int) -> str:
        """'Door is on, must be off: close the door'."""
        text = f"{self.text} is {self.shown(value, quality)}, must be {self.wanted()}"
        if quality >= FIRST_BAD:
            return f"{text}: {UNKNOWN_REMEDY}"
        return f"{text}: {self.remedy}" if self.remedy else text

    def shown(self, value: float, quality: int) -> str:
        """The live value for a reader, or why there is none."""
        if quality >= FIRST_BAD or math.isnan(value):
            why = quality_text(quality) if quality >= FIRST_BAD else "not a number"
            return f"unknown ({why})"
        if self.compare in (Comparison.ON, Comparison.OFF):
            return "off" if value == 0.0 else "on"
        return f"{value:.6g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """Who has put a condition out of force, why, and until when (plant time)."""

    name: str
    actor: str
    reason: str
    until_s: float


class Bypasses:
    """The bypasses of one group of conditions. Each needs a reason and ends by itself."""

    __slots__ = ("_by_index", "_names", "_until_s")

    def __init__(self, names: Sequence[str]) -> None:
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise ConfigError(
                [
                    Problem(file="interlocks", line=None, field="name", value=n, message="repeated")
                    for n in repeated
                ]
            )
        self._names = tuple(names)
        self._by_index: dict[int, Bypass] = {}
        self._until_s = [-math.inf] * len(self._names)

    def add(self, bypass: Bypass, now_s: float) -> None:
        """Put one condition out of force; Refused without a reason or without a sensible end."""
        problems = []
        if bypass.name not in self._names:
            problems.append(f"{bypass.name}: no such condition")
        if not bypass.reason.strip():
            problems.append(f"{bypass.name}: a bypass needs a reason")
        if not 0.0 < bypass.until_s - now_s <= _MAX_BYPASS_S:
            problems.append(
                f"{bypass.name}: a bypass of {bypass.until_s - now_s:g} s "
                f"is not within 0 .. {_MAX_BYPASS_S:g} s"
            )
        if problems:
            raise Refused("bypass", problems)
        k = self._names.index(bypass.name)
        self._by_index[k] = bypass
        self._until_s[k] = bypass.until_s

    def remove(self, name: str) -> None:
        """End a bypass before its time."""
        k = self._names.index(name)
        self._by_index.pop(k, None)
        self._until_s[k] = -math.inf

    def covers(self, k: int, now_s: float) -> bool:
        """True while condition number k is out of force."""
        return now_s < self._until_s[k]

    def in_force(self, now_s: float) -> tuple[Bypass, ...]:
        """All bypasses that have not expired."""
        return tuple(b for b in self._by_index.values() if now_s < b.until_s)


class Permissives:
    """A list of permissives judged together; values and qualities come in its order."""

    __slots__ = ("bypasses", "conditions")

    def __init__(self, conditions: Sequence[Permissive]) -> None:
        self.conditions = tuple(conditions)
        self.bypasses = Bypasses([c.name for c in self.conditions])

    def met(self, now_s: float, values: Sequence[float], qualities: Sequence[int]) -> bool:
        """True when nothing stands in the way."""
        for k, condition in enumerate(self.conditions):
            if not condition.met(values[k], qualities[k]) and not self.bypasses.covers(k, now_s):
                return False
        return True

    def unmet(
        self, now_s: float, values: Sequence[float], qualities: Sequence[int]
    ) -> tuple[str, ...]:
        """Every reason why not, with its live value."""
        return tuple(
            c.reason(values[k], qualities[k])
            for k, c in enumerate(self.conditions)
            if not c.met(values[k], qualities[k]) and not self.bypasses.covers(k, now_s)
        )

    def require(self, now_s: float, values: Sequence[float], qualities: Sequence[int]) -> None:
        """Refused("permissive") with all reasons unless everything is met."""
        reasons = self.unmet(now_s, values, qualities)
        if reasons:
            raise Refused("permissive", reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A cause that stops something and latches.

    cause: trips while this holds (ABOVE 95 % trips above 95 %). on_delay_s: so long it must hold.
    """

    cause: Permissive
    on_delay_s: float = 0.0
    on_bad: OnBad = OnBad.TRIP


@dataclass(frozen=True, slots=True)
class Tripped:
    """One trip that has just latched. first_out: nothing in its group was latched before."""

    name: str
    text: str
    time_s: float
    first_out: bool


_NOTHING: tuple[Tripped, ...] = ()


class Trips:
    """A group of trips that act together: latched, first-out, reset by hand with causes cleared."""

    __slots__ = ("_held_s", "_last_s", "bypasses", "causes", "first_out", "latched", "tripped")

    def __init__(self, causes: Sequence[Trip]) -> None:
        self.causes = tuple(causes)
        self.bypasses = Bypasses([t.cause.name for t in self.causes])
        self.latched = [False] * len(self.causes)
        self.tripped = False
        self.first_out = ""  # name of the cause that came first, until reset
        self._held_s = [-1.0] * len(self.causes)  # how long each cause has held, -1: it does not
        self._last_s = math.nan

    def scan(
        self, now_s: float, values: Sequence[float], qualities: Sequence[int]
    ) -> tuple[Tripped, ...]:
        """Judge all causes; returns those that latched in this scan. A bypassed one starts anew."""
        dt_s = now_s - self._last_s if now_s > self._last_s else 0.0
        self._last_s = now_s
        new = _NOTHING
        held = self._held_s
        for k, trip in enumerate(self.causes):
            bad = qualities[k] >= FIRST_BAD or math.isnan(values[k])
            if bad and trip.on_bad is OnBad.IGNORE:
                continue
            if not (bad or trip.cause.holds(values[k])) or self.bypasses.covers(k, now_s):
                held[k] = -1.0
                continue
            held[k] = held[k] + dt_s if held[k] >= 0.0 else 0.0
            if held[k] >= trip.on_delay_s and not self.latched[k]:
                new = (*new, self._latch(k, now_s, values[k], qualities[k]))
        return new

    def reset(self, now_s: float, values: Sequence[float], qualities: Sequence[int]) -> None:
        """Clear the latches; Refused with live values while a latched cause is still there."""
        reasons = tuple(
            f"{t.cause.text} is still {t.cause.shown(values[k], qualities[k])}"
            for k, t in enumerate(self.causes)
            if self.latched[k]
            and not self.bypasses.covers(k, now_s)
            and (qualities[k] >= FIRST_BAD or math.isnan(values[k]) or t.cause.holds(values[k]))
        )
        if reasons:
            raise Refused("trip", reasons)
        self.latched = [False] * len(self.causes)
        self._held_s = [-1.0] * len(self.causes)
        self.tripped = False
        self.first_out = ""

    def _latch(self, k: int, now_s: float, value: float, quality: int) -> Tripped:
        cause = self.causes[k].cause
        self.latched[k] = True
        first = not self.tripped
        if first:
            self.tripped = True
            self.first_out = cause.name
        text = f"{cause.text} is {cause.shown(value, quality)}, trips when {cause.wanted()}"
        return Tripped(cause.name, text, now_s, first)
