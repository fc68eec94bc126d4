"""Permissives and trips of the controller, above those of the PLC. Not safety functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from controller.core.errors import ConfigError, Problem, Refused
from controller.core.sample import FIRST_BAD, quality_text

UNKNOWN_REMEDY = "wait for the link, or check the sensor"
NS = 1_000_000_000
MAX_BYPASS_NS = 8 * 3600 * NS  # one shift: a bypass has to be thought about again
NEVER_NS = 2**62
MAX_REASON = 500


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


# Asked for at every scan: the attribute of an enum costs ten times as much as a global.
_ABOVE, _BELOW, _OFF = Comparison.ABOVE, Comparison.BELOW, Comparison.OFF
_IGNORE = OnBad.IGNORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissive:
    """A condition that must hold before something may start. A bad value never meets it.

    text: what is looked at, in the operator's words. limit: for ABOVE and BELOW, in `unit`.
    remedy: what a person does about it, "close the door". bypassable: a person may put it out of
    force; not what protects people, nor what the PLC would refuse all the same.
    """

    name: str
    text: str
    compare: Comparison
    limit: float = 0.0
    unit: str = ""
    remedy: str = ""
    bypassable: bool = True

    def holds(self, value: float) -> bool:
        """The bare comparison; not-a-number passes none of them."""
        if self.compare is _ABOVE:
            return value > self.limit
        if self.compare is _BELOW:
            return value < self.limit
        if self.compare is _OFF:
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
    """Who has put a condition out of force, why, since when and until when (UTC)."""

    name: str
    actor: str
    reason: str
    since_ns: int
    until_ns: int


class Bypasses:
    """The bypasses of one group of conditions. Each needs a reason and ends by itself.

    A bypass covers its condition until `expire` is told a time at which it is over.
    """

    __slots__ = ("_by_index", "_conditions", "_names", "_next_end_ns")

    def __init__(self, conditions: Sequence[Permissive]) -> None:
        names = [c.name for c in conditions]
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise ConfigError(
                [
                    Problem(file="interlocks", line=None, field="name", value=n, message="repeated")
                    for n in repeated
                ]
            )
        self._names = tuple(names)
        self._conditions = tuple(conditions)
        self._by_index: dict[int, Bypass] = {}
        self._next_end_ns = NEVER_NS

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, bypass: Bypass) -> None:
        """Put one condition out of force; Refused without a reason or without a sensible end."""
        name, problems = bypass.name, []
        if name not in self._names:
            problems.append(f"{name}: no such condition")
        elif not self._conditions[self._names.index(name)].bypassable:
            problems.append(f"{name} may not be bypassed: the PLC would stop the machine anyway")
        if not bypass.reason.strip():
            problems.append(f"{name}: a bypass needs a reason")
        elif len(bypass.reason) > MAX_REASON:
            problems.append(f"{name}: a reason has at most {MAX_REASON} characters")
        lasts_ns = bypass.until_ns - bypass.since_ns
        if not 0 < lasts_ns <= MAX_BYPASS_NS:
            told = f"{name}: a bypass of {lasts_ns / NS:g} s is not within 0 .. "
            problems.append(f"{told}{MAX_BYPASS_NS // NS} s")
        if problems:
            raise Refused("bypass", problems)
        self._by_index[self._names.index(name)] = bypass
        self._find_next_end()

    def remove(self, name: str) -> Bypass | None:
        """End a bypass before its time; None when there is none."""
        ended = self._by_index.pop(self._names.index(name), None)
        self._find_next_end()
        return ended

    def expire(self, utc_ns: int) -> tuple[Bypass, ...]:
        """Time goes on: end what is over; returns it."""
        if utc_ns < self._next_end_ns:
            return ()
        over = tuple(b for b in self._by_index.values() if utc_ns >= b.until_ns)
        for bypass in over:
            self.remove(bypass.name)
        return over

    def covers(self, k: int) -> bool:
        """True while condition number k is out of force."""
        return k in self._by_index

    @property
    def in_force(self) -> tuple[Bypass, ...]:
        """All bypasses that have not expired."""
        return tuple(self._by_index.values())

    def _find_next_end(self) -> None:
        self._next_end_ns = min((b.until_ns for b in self._by_index.values()), default=NEVER_NS)


class Permissives:
    """A list of permissives judged together; values and qualities come in its order."""

    __slots__ = ("bypasses", "conditions")

    def __init__(self, conditions: Sequence[Permissive]) -> None:
        self.conditions = tuple(conditions)
        self.bypasses = Bypasses(self.conditions)

    def met(self, values: Sequence[float], qualities: Sequence[int]) -> bool:
        """True when nothing stands in the way."""
        for k, condition in enumerate(self.conditions):
            if not condition.met(values[k], qualities[k]) and not self.bypasses.covers(k):
                return False
        return True

    def unmet(self, values: Sequence[float], qualities: Sequence[int]) -> tuple[str, ...]:
        """Every reason why not, with its live value."""
        return tuple(
            c.reason(values[k], qualities[k])
            for k, c in enumerate(self.conditions)
            if not c.met(values[k], qualities[k]) and not self.bypasses.covers(k)
        )

    def require(self, values: Sequence[float], qualities: Sequence[int]) -> None:
        """Refused("permissive") with all reasons unless everything is met."""
        reasons = self.unmet(values, qualities)
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
        self.bypasses = Bypasses([t.cause for t in self.causes])
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
            if bad and trip.on_bad is _IGNORE:
                continue
            if not (bad or trip.cause.holds(values[k])) or self.bypasses.covers(k):
                held[k] = -1.0
                continue
            held[k] = held[k] + dt_s if held[k] >= 0.0 else 0.0
            if held[k] >= trip.on_delay_s and not self.latched[k]:
                new = (*new, self._latch(k, now_s, values[k], qualities[k]))
        return new

    def reset(self, values: Sequence[float], qualities: Sequence[int]) -> None:
        """Clear the latches; Refused with live values while a latched cause is still there."""
        reasons = tuple(
            f"{t.cause.text} is still {t.cause.shown(values[k], qualities[k])}"
            for k, t in enumerate(self.causes)
            if self.latched[k]
            and not self.bypasses.covers(k)
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
