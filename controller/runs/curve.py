"""Curve: a measure of a run as time-weighted means on an equal grid, for its statistics.

History keeps samples by exception: few while a value stands still, many while it moves. Statistics
over samples would lean to the restless minutes; means over equal steps do not. Their sd is that of
step means: what goes on within a step is averaged out and not in it. Means are of Good values, as
everywhere in the history; a step of which less than half is known stays open (NaN).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.history.codec import Floats, Ints
from controller.history.rollup import MINUTE_NS
from controller.history.several import AnyReader
from controller.runs.held import Spans, whole_minutes
from controller.runs.measure import Sort

ENOUGH = 0.5  # known share of a step from which on its mean counts
PAGE = 20_000  # steps in one question to the history


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Means over steps of step_s from start_ns on; NaN where too little is known.

    counts: the whole step lies in EXECUTE, so that it takes part in statistics.
    """

    start_ns: int
    step_s: int
    values: Floats
    counts: NDArray[np.bool_]

    @property
    def middle_ns(self) -> Ints:
        """The middle of every step."""
        step_ns = self.step_s * NS
        return self.start_ns + step_ns * np.arange(len(self.values), dtype=np.int64) + step_ns // 2

    @property
    def counted(self) -> Floats:
        """The values that take part in statistics, in the order of time."""
        return self.values[self.counts & np.isfinite(self.values)]

    def coarser(self, step_s: int) -> "Curve":
        """The same over steps of a multiple of its own; an incomplete one at the end is left out.

        A new step is known when at least half of its parts are.
        """
        times, rest = divmod(step_s, self.step_s)
        if rest:
            raise ValueError(f"steps of {self.step_s} s do not make up {step_s} s")
        n = len(self.values) // times
        parts = self.values[: n * times].reshape(n, times)
        known = np.isfinite(parts)
        number = known.sum(axis=1)
        values = np.full(n, np.nan)
        sums = np.where(known, parts, 0.0).sum(axis=1)
        np.divide(sums, number, out=values, where=number >= ENOUGH * times)
        counts = np.asarray(self.counts[: n * times].reshape(n, times).all(axis=1))
        return Curve(self.start_ns, step_s, values, counts)


def read_curve(
    reader: AnyReader,
    terms: Sequence[tuple[str, float]],
    sort: Sort,
    step_s: int,
    window: tuple[int, int],
    execute: Spans,
) -> Curve:
    """The sum of tags with their signs; of a PEAK the largest value in each step.

    Where retention let the samples go it is in minutes, whatever step_s.
    """
    start_ns, stop_ns = window
    found = [_steps(reader, tag, sort, step_s, start_ns, stop_ns) for tag, _ in terms]
    if any(column is None for column in found):
        start_ns, step_s = -(-start_ns // MINUTE_NS) * MINUTE_NS, MINUTE_NS // NS
        found = [_minutes(reader, tag, sort, *window) for tag, _ in terms]
    columns = [column for column in found if column is not None]
    values = np.zeros(min(len(column) for column in columns))
    for column, (_, sign) in zip(columns, terms, strict=True):
        values += sign * column
    step_ns = step_s * NS
    starts = start_ns + step_ns * np.arange(len(values), dtype=np.int64)
    return Curve(start_ns, step_s, values, _inside(starts, starts + step_ns, execute))


def _steps(
    reader: AnyReader, tag: str, sort: Sort, step_s: int, start_ns: int, stop_ns: int
) -> Floats | None:
    """One tag on the grid; None when the samples of some minutes are no longer kept."""
    step_ns = step_s * NS
    n = (stop_ns - start_ns) // step_ns
    pages = []
    for first in range(0, n, PAGE):
        last = min(first + PAGE, n)
        edges = (start_ns + first * step_ns, start_ns + last * step_ns)
        found = reader.buckets(tag, *edges, last - first, aligned=False)
        if found.inexact:
            return None
        pages.append(_column(found.mean, found.maximum, found.known, sort))
    return np.concatenate(pages) if pages else np.zeros(0)


def _minutes(reader: AnyReader, tag: str, sort: Sort, start_ns: int, stop_ns: int) -> Floats:
    found = whole_minutes(reader, tag, start_ns, stop_ns)
    if found is None:
        return np.zeros(0)
    return _column(found.mean, found.maximum, found.known, sort)


def _column(mean: Floats, maximum: Floats, known: Floats, sort: Sort) -> Floats:
    if sort is Sort.PEAK:  # the largest value known is one however short it was
        return np.fmax(mean, maximum)
    return np.where(known >= ENOUGH, mean, np.nan)


def _inside(starts: Ints, stops: Ints, spans: Spans) -> NDArray[np.bool_]:
    """Which of the stretches lie wholly inside one of the spans."""
    at = np.searchsorted(spans[:, 0], starts, side="right") - 1
    return np.asarray((at >= 0) & (stops <= np.append(spans[:, 1], 0)[at]))
