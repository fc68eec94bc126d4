"""Figures of the scans that a counted controller has noted, quiet and disturbed windows apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.support.neighbours import Window

SCAN_NS = 100_000_000


@dataclass(frozen=True)
class ScanFigures:
    """Scans of one station in a round. wanted: scans in that time; late: ms, quiet, disturbed."""

    n: int
    wanted: float
    missed: int
    in_order: bool
    late: tuple[NDArray[np.float64], NDArray[np.float64]]
    worst: str  # what was going on during the latest scan

    @property
    def p99_ms(self) -> tuple[float, float]:
        """Quiet, disturbed."""
        quiet, disturbed = (float(np.percentile(x, 99)) for x in self.late)
        return quiet, disturbed

    @property
    def bar_ms(self) -> float:
        """How late the disturbed ones may be at the 99th percentile."""
        base = self.p99_ms[0]
        return max(2.0 * base, base + 10.0)

    def wrong(self) -> list[str]:
        """What is not as it must be."""
        found = []
        if self.missed:
            found.append(f"{self.missed} scans missed, the latest during {self.worst}")
        if abs(self.n - self.wanted) > 1.0:
            found.append(f"{self.n} scans in the time of {self.wanted:.1f}")
        if not self.in_order:
            found.append("the counter does not count scan by scan")
        if self.p99_ms[1] > self.bar_ms:
            told = f"late by {self.p99_ms[1]:.1f} ms at p99, bar {self.bar_ms:.1f} ms"
            found.append(f"{told}, most during {self.worst}")
        return found

    def __str__(self) -> str:
        quiet, disturbed = self.late
        base, late = self.p99_ms
        return (
            f"{self.n} scans, {self.missed} missed; late, quiet -> disturbed, "
            f"p50 {np.median(quiet):.1f} -> {np.median(disturbed):.1f}, "
            f"p99 {base:.1f} -> {late:.1f} (bar {self.bar_ms:.1f}), "
            f"max {quiet.max():.1f} -> {disturbed.max():.1f} ms ({self.worst})"
        )


def scan_figures(rows: NDArray[np.void], windows: Sequence[Window]) -> ScanFigures:
    """The figures of the scans that were due inside the windows."""
    late_ms = rows["late_ms"]
    due_ns = rows["time_ns"] - (1e6 * late_ms).astype(np.int64)
    begin_ns, end_ns = windows[0].start_ns, windows[-1].stop_ns
    inside = (due_ns >= begin_ns) & (due_ns < end_ns)
    edges = np.array([w.start_ns for w in windows])
    at = np.searchsorted(edges, due_ns[inside], side="right") - 1  # quiet ones have even numbers
    late = late_ms[inside]
    worst = windows[int(at[late.argmax()])].what or "a quiet window"
    return ScanFigures(
        n=len(late),
        wanted=(end_ns - begin_ns) / SCAN_NS,
        missed=int(np.ptp(rows["overruns"][inside])),
        in_order=bool((np.diff(rows["count"][inside]) == 1).all()),
        late=(late[at % 2 == 0], late[at % 2 == 1]),
        worst=worst,
    )
