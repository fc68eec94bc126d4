"""Aggregates over stretches of time: of samples, and of aggregates over shorter stretches.

Minimum, maximum, sum, first and last are taken over Good samples only (and only finite ones);
Uncertain and Bad samples are counted beside them, so that a gap is seen as a gap. A Good sample
that is not a finite number counts as Bad.

The integral over time takes a Good sample to hold until the next sample of any quality (see
`holding`). A row carries the integral between its own first and last sample and the times of both;
what lies between two rows is added when they are combined. So rows made apart add up to what all
their samples would have given at once.
"""

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN
from controller.history.codec import NO_SAMPLES, Columns, Floats, Ints, merge

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Aggregates:
    """One row a stretch of time that has samples, in the order of their first samples.

    good, uncertain, bad: counts; minimum, maximum, first, last: NaN where there is no Good sample.
    first_ns, last_ns: times of the first and last sample of any quality; integral: value times
    nanoseconds, over the `known_ns` between these two during which a Good value held. held: the
    last sample is Good, so `last` holds on after it.
    """

    good: Ints
    uncertain: Ints
    bad: Ints
    minimum: Floats
    maximum: Floats
    total: Floats
    integral: Floats
    first: Floats
    last: Floats
    known_ns: Ints
    first_ns: Ints
    last_ns: Ints
    held: Mask

    def __len__(self) -> int:
        return len(self.first_ns)

    def rows(self, which: slice | NDArray[np.intp]) -> "Aggregates":
        """Some of the rows."""
        return Aggregates(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def where(self, mask: Mask) -> "Aggregates":
        """The rows for which the mask is true; without copying when they are neighbours."""
        places = np.flatnonzero(mask)
        if len(places) and places[-1] - places[0] + 1 == len(places):
            return self.rows(slice(int(places[0]), int(places[-1]) + 1))
        return self.rows(places)


class _Sections:
    """Neighbouring stretches of columns, [bounds[k], bounds[k + 1]) each; some may be empty.

    They lie along the last axis: a column may be those of several tags, tags x samples.
    """

    def __init__(self, bounds: NDArray[np.integer[Any]]) -> None:
        self._begins, self._ends = bounds[:-1], bounds[1:]
        self.lengths = self._ends - self._begins
        self._filled = np.flatnonzero(self.lengths)

    def sums(self, column: NDArray[Any]) -> NDArray[Any]:
        """Sum of each; 0 of an empty one."""
        return self._reduced(np.add, column, self._filled_with(0, column))

    def extremes(self, ufunc: np.ufunc, column: Floats) -> Floats:
        """Minimum or maximum of each; NaN of an empty one."""
        return self._reduced(ufunc, column, self._filled_with(np.nan, column))

    def firsts(self, column: Floats) -> Floats:
        """First of each; NaN of an empty one."""
        return self._picked(column, self._begins)

    def lasts(self, column: Floats) -> Floats:
        """Last of each; NaN of an empty one."""
        return self._picked(column, self._ends - 1)

    def _picked(self, column: Floats, places: NDArray[np.integer[Any]]) -> Floats:
        out = self._filled_with(np.nan, column)
        out[..., self._filled] = column[..., places[self._filled]]
        return out

    def _filled_with(self, value: float, column: NDArray[Any]) -> NDArray[Any]:
        return np.full((*column.shape[:-1], len(self.lengths)), value, column.dtype)

    def _reduced(self, ufunc: np.ufunc, column: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
        if len(self._filled):
            # Empty ones are left out: reduceat would repeat a neighbour.
            inside = column[..., : self._ends[-1]]
            out[..., self._filled] = ufunc.reduceat(inside, self._begins[self._filled], axis=-1)
        return out


def aggregate(columns: Columns, marks_ns: Ints, hold_ns: int) -> Aggregates:
    """Aggregates of sorted samples over [marks[k], marks[k + 1]), for every k that has samples.

    hold_ns: how long a sample holds at most. Values and quality may be those of several tags, tags
    x samples, if all of them are Good and finite; so are then minimum, maximum, total, integral,
    first and last, while the other columns are the same for all.
    """
    bounds = np.searchsorted(columns.time_ns, marks_ns)
    time_ns, values, quality = columns.rows(slice(int(bounds[0]), int(bounds[-1])))
    bounds = bounds[np.append(True, bounds[1:] > bounds[:-1])] - bounds[0]
    starts, ends = bounds[:-1], bounds[1:] - 1
    usable = quality < FIRST_UNCERTAIN
    usable &= np.isfinite(values)
    held_ns = np.zeros(len(time_ns))  # whole numbers; floats, so that one array does for all
    np.subtract(time_ns[1:], time_ns[:-1], out=held_ns[:-1], casting="unsafe")
    np.minimum(held_ns, hold_ns, out=held_ns)
    held_ns[ends] = 0  # what follows the last sample of a stretch lies between rows
    sections = good = _Sections(bounds)
    uncertain = bad = np.zeros(len(starts), np.int64)
    held = np.ones(len(starts), np.bool_)
    if not usable.all():
        held = usable[ends]
        doubtful = (quality >= FIRST_UNCERTAIN) & (quality < FIRST_BAD)
        uncertain = sections.sums(doubtful.astype(np.int64))
        good = _Sections(np.searchsorted(np.flatnonzero(usable), bounds))
        bad = sections.lengths - good.lengths - uncertain
        values, held_ns = values[usable], held_ns[usable]
    known_ns = good.sums(held_ns).astype(np.int64)
    with np.errstate(over="ignore", invalid="ignore"):  # close to the largest float64
        total, integral = good.sums(values), good.sums(values * held_ns)
    return Aggregates(
        good=good.lengths,
        uncertain=uncertain,
        bad=bad,
        minimum=good.extremes(np.minimum, values),
        maximum=good.extremes(np.maximum, values),
        total=total,
        integral=integral,
        first=good.firsts(values),
        last=good.lasts(values),
        known_ns=known_ns,
        first_ns=time_ns[starts],
        last_ns=time_ns[ends],
        held=held,
    )


def aggregate_parts(parts: list[Columns], marks_ns: Ints, hold_ns: int) -> Aggregates:
    """Aggregates of sorted parts as they were written; a stretch may have a row of each part.

    Parts that follow one another in time are not merged: small arrays are much faster.
    """
    filled = [part for part in parts if len(part.time_ns)]
    if any(a.time_ns[-1] >= b.time_ns[0] for a, b in itertools.pairwise(filled)):
        filled = [merge(filled)]
    rows = []
    for part in filled or [NO_SAMPLES]:
        ends = part.time_ns[[0, -1]] if len(part.time_ns) else marks_ns[:1]
        lo = int(np.searchsorted(marks_ns, ends[0], side="right")) - 1
        hi = int(np.searchsorted(marks_ns, ends[-1], side="right")) + 1
        rows.append(aggregate(part, marks_ns[max(lo, 0) : hi], hold_ns))
    return join(rows)


def combine(rows: Aggregates, marks_ns: Ints, hold_ns: int) -> Aggregates:
    """Rows put together over [marks[k], marks[k + 1]), for every k in which one begins."""
    bounds = np.searchsorted(rows.first_ns, marks_ns)
    rows = rows.rows(slice(int(bounds[0]), int(bounds[-1])))
    bounds = bounds[np.append(True, bounds[1:] > bounds[:-1])] - bounds[0]
    starts, ends = bounds[:-1], bounds[1:] - 1
    held_ns = np.zeros(len(rows), np.int64)
    np.clip(rows.first_ns[1:] - rows.last_ns[:-1], 0, hold_ns, out=held_ns[:-1])
    held_ns[ends] = 0  # of the last row of a stretch: lies between the new rows
    held_ns[~rows.held] = 0
    sections = good = _Sections(bounds)
    extremes, values = (rows.minimum, rows.maximum), (rows.first, rows.last)
    usable = rows.good > 0
    if not usable.all():
        good = _Sections(np.searchsorted(np.flatnonzero(usable), bounds))
        extremes = (rows.minimum[usable], rows.maximum[usable])
        values = (rows.first[usable], rows.last[usable])
    with np.errstate(over="ignore", invalid="ignore"):
        between = np.where(rows.held, rows.last, 0.0) * held_ns
        total, integral = sections.sums(rows.total), sections.sums(rows.integral + between)
    return Aggregates(
        good=sections.sums(rows.good),
        uncertain=sections.sums(rows.uncertain),
        bad=sections.sums(rows.bad),
        minimum=good.extremes(np.minimum, extremes[0]),
        maximum=good.extremes(np.maximum, extremes[1]),
        total=total,
        integral=integral,
        first=good.firsts(values[0]),
        last=good.lasts(values[1]),
        known_ns=sections.sums(rows.known_ns + held_ns),
        first_ns=rows.first_ns[starts],
        last_ns=rows.last_ns[ends],
        held=rows.held[ends],
    )


def in_one(parts: list[Aggregates]) -> Aggregates:
    """Rows of one or more parts, one part after the other."""
    filled = [part for part in parts if len(part)] or parts[:1]
    if len(filled) == 1:
        return filled[0]
    names = [field.name for field in fields(Aggregates)]
    columns = {name: [getattr(part, name) for part in filled] for name in names}
    return Aggregates(**{name: np.concatenate(column) for name, column in columns.items()})


def join(parts: list[Aggregates]) -> Aggregates:
    """Rows of all in the order of their first samples, and none reaching farther than the next.

    A sample that came after raw samples were let go may lie inside an older row. The value that
    holds on is then the one of the row that reaches farthest.
    """
    both = in_one(parts)
    if (both.first_ns[1:] < both.first_ns[:-1]).any():
        both = both.rows(np.argsort(both.first_ns, kind="stable"))
    reached = np.maximum.accumulate(both.last_ns)
    if (reached == both.last_ns).all():
        return both
    owner = np.where(reached == both.last_ns, np.arange(len(both)), 0)
    owner = np.maximum.accumulate(owner)
    held = both.held[owner]
    last = np.where(held, both.last[owner], both.last)
    return replace(both, last_ns=reached, last=last, held=held)
