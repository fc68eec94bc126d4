"""Alignment: the curves of runs on one axis, so that what belongs together lies one on another."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.core.errors import Refused
from controller.history.codec import Floats
from controller.runs.course import Length
from controller.runs.curve import Curve
from controller.runs.quality import RunSummary


class Axis(StrEnum):
    """Where 0 is, and what is counted from there."""

    START = "start"  # seconds since START
    EXECUTE = "execute"  # seconds since the first EXECUTE; what was before lies below 0
    METRES = "metres"  # metres of web since START

    @property
    def unit(self) -> str:
        """m or s."""
        return "m" if self is Axis.METRES else "s"

    @property
    def text(self) -> str:
        """For the foot of a plot."""
        return _TEXTS[self]


_TEXTS = {
    Axis.START: "time since START",
    Axis.EXECUTE: "time since EXECUTE",
    Axis.METRES: "web made since START",
}


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """A curve on an axis. position: of the middle of each step, in the unit of the axis, never
    falling; values: NaN where too little is known; counts: takes part in statistics."""

    position: Floats
    values: Floats
    counts: NDArray[np.bool_]

    def between(self, low: float, high: float) -> Floats:
        """The known values that count, from low to high, in the order of time."""
        inside = (self.position >= low) & (self.position <= high)
        return self.values[inside & self.counts & np.isfinite(self.values)]

    def known(self, low: float, high: float) -> float:
        """Share of the steps that count, from low to high, of which enough is known."""
        inside = (self.position >= low) & (self.position <= high) & self.counts
        return float(np.isfinite(self.values[inside]).mean()) if inside.any() else 0.0


def align(summary: RunSummary, curve: Curve, axis: Axis, gauge_m: float = 0.0) -> Aligned:
    """A curve of a run on an axis; in metres, steps in which the web stood do not count.

    gauge_m: in metres a value belongs to the web that was made so far back. Refused where the run
    has no such axis.
    """
    middle_ns = curve.middle_ns
    zero_ns = _zero_ns(summary, axis)
    if axis is not Axis.METRES:
        return Aligned((middle_ns - zero_ns) / NS, curve.values, curve.counts)
    length = _length_of(summary)
    half_ns = curve.step_s * NS // 2
    made = length.at(middle_ns + half_ns) - length.at(middle_ns - half_ns)
    return Aligned(length.at(middle_ns) - gauge_m, curve.values, curve.counts & (made > 0.0))


def extent(summary: RunSummary, axis: Axis) -> tuple[float, float]:
    """Where on the axis the run was in EXECUTE, first to last; Refused when it never was."""
    execute = summary.course.execute
    if not len(execute):
        raise Refused("never_ready", (f"run {summary.head.id} was never in EXECUTE",))
    ends = np.array([execute[0, 0], execute[-1, 1]], np.int64)
    zero_ns = _zero_ns(summary, axis)
    if axis is Axis.METRES:
        low, high = _length_of(summary).at(ends).tolist()
    else:
        low, high = ((ends - zero_ns) / NS).tolist()
    return low, high


def _zero_ns(summary: RunSummary, axis: Axis) -> int:
    """The time of 0; Refused when the run has none."""
    if axis is not Axis.EXECUTE:
        return summary.head.begun_ns
    if not len(summary.course.execute):
        raise Refused("never_ready", (f"run {summary.head.id} was never in EXECUTE",))
    return int(summary.course.execute[0, 0])


def _length_of(summary: RunSummary) -> Length:
    if summary.length is None:
        reason = f"a station of kind {summary.head.kind!r} makes no web: align at start or execute"
        raise Refused("no_metres", (reason,))
    return summary.length
