"""Aggregates over stretches of time: of samples, and of aggregates over shorter stretches.

Minimum, maximum, sum, first and last are taken over Good samples only (and only finite ones);
Uncertain and Bad samples are counted beside them, so that a gap is seen as a gap. A Good sample
that is not a finite number counts as Bad.

The integral over time takes a Good sample to hold until the next sample of any quality (see
`holding`). A row carries what lies between its own first and last sample and the times of both;
what lies between two rows is added when they are put together. So rows may be made one by one, and
add up to what all the samples would have given.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN
from controller.history.codec import Columns, Floats, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Totals:
    """One row a stretch of time.

    good, uncertain, bad: counts; integral: value times nanoseconds over the `known_ns` in which a
    Good value held; minimum, maximum, first, last: NaN (total: 0) where there is no Good sample.
    """

    good: Ints
    uncertain: Ints
    bad: Ints
    minimum: Floats
    maximum: Floats
    total: Floats
    first: Floats
    last: Floats
    integral: Floats
    known_ns: Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Aggregates(Totals):
    """One row a stretch that has samples, in the order of their first samples.

    first_ns, last_ns: times of the first and last sample of any quality; integral and known_ns are
    of the time between these two. held: the last sample is Good, so `last` holds on after it.
    """

    first_ns: Ints
    last_ns: Ints
    held: Mask

    def __len__(self) -> int:
        return len(self.first_ns)

    def rows(self, which: Mask | NDArray[np.intp]) -> "Aggregates":
        """Some of the rows."""
        return Aggregates(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def aggregate(columns: Columns, marks_ns: Ints, hold_ns: int) -> Aggregates:
    """Aggregates of sorted samples over [marks[k], marks[k + 1]), for every k that has samples.

    hold_ns: how long a sample holds at most.
    """
    bounds = np.searchsorted(columns.time_ns, marks_ns)
    present = np.flatnonzero(bounds[1:] > bounds[:-1])
    inside = columns.rows(slice(int(bounds[0]), int(bounds[-1])))
    starts, stops = bounds[:-1][present] - bounds[0], bounds[1:][present] - bounds[0]
    time_ns, values, quality = inside
    usable = quality < FIRST_UNCERTAIN
    usable &= np.isfinite(values)
    steps = np.empty(len(time_ns), np.int64)
    np.minimum(time_ns[1:] - time_ns[:-1], hold_ns, out=steps[:-1])
    steps[stops - 1] = 0  # what follows a stretch's last sample belongs to the time between rows
    if usable.all():
        uncertain = bad = np.zeros(len(present), np.int64)
        begins, ends = starts, stops
    else:
        doubtful = (quality >= FIRST_UNCERTAIN) & (quality < FIRST_BAD)
        uncertain = _between(np.flatnonzero(doubtful), starts, stops)
        bad = _between(np.flatnonzero(~usable & ~doubtful), starts, stops)
        steps, values = steps[usable], values[usable]
        begins, ends = np.searchsorted(np.flatnonzero(usable), (starts, stops))
    filled = ends > begins
    with np.errstate(over="ignore", invalid="ignore"):  # near the end of the range of float64
        curve = {
            "minimum": _reduced(np.minimum, values, begins, filled),
            "maximum": _reduced(np.maximum, values, begins, filled),
            "total": _reduced(np.add, values, begins, filled, 0.0),
            "integral": _reduced(np.add, values * steps, begins, filled, 0.0),
        }
    return Aggregates(
        **curve,
        good=ends - begins,
        uncertain=uncertain,
        bad=bad,
        first=_taken(values, begins, filled),
        last=_taken(values, ends - 1, filled),
        known_ns=_between_sums(steps, begins, ends),
        first_ns=time_ns[starts],
        last_ns=time_ns[stops - 1],
        held=usable[stops - 1],
    )


def combine(rows: Aggregates, edges_ns: Ints) -> Totals:
    """Rows put together: one row for every bucket [edges[k], edges[k + 1]).

    Without the time between the rows. A row belongs to the bucket in which it begins.
    """
    bounds = np.searchsorted(rows.first_ns, edges_ns)
    usable = np.flatnonzero(rows.good)
    begins, ends = (np.searchsorted(usable, b) for b in (bounds[:-1], bounds[1:]))
    filled = ends > begins
    with np.errstate(over="ignore", invalid="ignore"):
        return Totals(
            good=_between_sums(rows.good, bounds[:-1], bounds[1:]),
            uncertain=_between_sums(rows.uncertain, bounds[:-1], bounds[1:]),
            bad=_between_sums(rows.bad, bounds[:-1], bounds[1:]),
            minimum=_reduced(np.minimum, rows.minimum[usable], begins, filled),
            maximum=_reduced(np.maximum, rows.maximum[usable], begins, filled),
            total=_reduced(np.add, rows.total[usable], begins, filled, 0.0),
            integral=_reduced(np.add, rows.integral[usable], begins, filled, 0.0),
            first=_taken(rows.first[usable], begins, filled),
            last=_taken(rows.last[usable], ends - 1, filled),
            known_ns=_between_sums(rows.known_ns, bounds[:-1], bounds[1:]),
        )


def join(first: Aggregates, second: Aggregates) -> Aggregates:
    """Rows of both in the order of their first samples."""
    if not len(second):
        return first
    both = {
        f.name: np.concatenate((getattr(first, f.name), getattr(second, f.name)))
        for f in fields(Aggregates)
    }
    order = np.argsort(both["first_ns"], kind="stable")
    return Aggregates(**{name: column[order] for name, column in both.items()})


def _between(places: NDArray[np.intp], starts: Ints, stops: Ints) -> Ints:
    """How many of the sorted places lie in each [start, stop)."""
    return np.searchsorted(places, stops) - np.searchsorted(places, starts)


def _between_sums(numbers: Ints, starts: Ints, stops: Ints) -> Ints:
    """Sums of whole numbers over each [start, stop)."""
    running = np.append(0, np.cumsum(numbers, dtype=np.int64))
    return np.asarray(running[stops] - running[starts])


def _reduced(
    ufunc: np.ufunc, column: Floats, begins: Ints, filled: Mask, empty: float = np.nan
) -> Floats:
    """A reduction over [begins[k], begins[k + 1]) where filled.

    Stretches that are not filled are left out: `reduceat` would repeat a neighbour.
    """
    out = np.full(len(filled), empty)
    if filled.any():
        stop = ...
    return out
