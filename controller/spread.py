"""Spread: how often a duration fell into which range, for what no single figure can tell."""

from bisect import bisect_left
from collections.abc import Sequence

LIMITS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Spread:
    """Counts durations by upper limits. One thread adds, any may read.

    limits_s: rising; counts: one more than limits, the last beyond them all; total_s: their sum.
    """

    __slots__ = ("counts", "limits_s", "total_s")

    def __init__(self, limits_s: Sequence[float] = LIMITS_S) -> None:
        self.limits_s = tuple(limits_s)
        self.counts = [0] * (len(self.limits_s) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; one that is equal to a limit is within it."""
        self.counts[bisect_left(self.limits_s, seconds)] += 1
        self.total_s += seconds
