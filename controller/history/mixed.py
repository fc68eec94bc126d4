"""Aggregates of a window from what is cheapest and still exact: samples, 10 s and 1 min roll-ups.

Whole minutes come from one-minute roll-ups. Minutes that an edge cuts, or into which unsealed or
late samples fall, come from samples where they are kept and from ten-second roll-ups where these
are left. A roll-up that is cut even then counts with its samples in the bucket in which it begins,
and with its time in all it reaches into. A late sample inside a roll-up counts as a sample; the
time is the roll-up's.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.history.aggregates import Aggregates, aggregate, in_one, join
from controller.history.chunks import Chunks, Lying, late
from controller.history.codec import NO_SAMPLES, Columns, Ints, between, merge
from controller.history.holding import Carried, over_buckets
from controller.history.rollup import CURVE, MINUTE_NS, joined, rows_of
from controller.history.ten_seconds import TEN_S_NS

Mask = NDArray[np.bool_]


class Mixed(NamedTuple):
    """Rows in the order of their beginnings, what cut ones give to buckets, how many are inexact.

    The integral and the known time of a cut row are in `carried`, and no more in the row.
    """

    rows: Aggregates
    carried: Carried
    inexact: int


class _Rolled(NamedTuple):
    """Roll-ups, the chunk each is of (its place in the order of ends), and how long their steps."""

    rows: Aggregates
    owner: NDArray[np.intp]
    step_ns: Ints

    def where(self, mask: Mask) -> "_Rolled":
        return _Rolled(self.rows.where(mask), self.owner[mask], self.step_ns[mask])


def mixed(
    stored: Chunks,
    tag_id: int,
    chunks: Sequence[Lying],
    fresh: Columns,
    marks_ns: Ints,
    quick_hold_ns: int | None = None,
) -> Mixed:
    """Rows for marks: the whole minute from which on is read, then the edges of the buckets.

    chunks: in the order of their ends. fresh: unsealed samples. quick_hold_ns: how long a sample
    holds, when all chunks have their samples and whole ten seconds are to come from the roll-ups
    beside these, as whole minutes do otherwise.
    """
    is_late = late(chunks)
    came_late = [stored.samples(tag_id, chunks[k]) for k in np.flatnonzero(is_late).tolist()]
    fresh = between(merge([*came_late, fresh]), int(marks_ns[0]), int(marks_ns[-1]))
    chunks = [chunks[k] for k in np.flatnonzero(~is_late).tolist()]
    step_ns = MINUTE_NS if quick_hold_ns is None else TEN_S_NS
    steps = _steps(stored, tag_id, chunks, quick_hold_ns)
    cut = np.union1d(
        marks_ns[marks_ns % step_ns != 0] // step_ns,
        _touched(steps.rows.first_ns // step_ns, fresh, step_ns),
    )
    finer = np.isin(steps.rows.first_ns // step_ns, cut)
    samples, tens, has_finer = _opened(stored, tag_id, chunks, np.unique(steps.owner[finer]))
    raw = np.array([chunk.raw for chunk in chunks], np.bool_)[steps.owner]
    kept = _between(steps.rows, marks_ns) & ~(finer & has_finer[steps.owner])
    firm = steps.rows.where(kept & raw & ~finer)
    loose = _together(
        steps.where(kept & ~(raw & ~finer)),
        tens.where(np.isin(tens.rows.first_ns // step_ns, cut) & _between(tens.rows, marks_ns)),
    )
    samples = between(samples, int(marks_ns[0]), int(marks_ns[-1]))
    samples = samples.rows(np.isin(samples.time_ns // step_ns, cut))
    step_marks = np.concatenate((cut, cut + 1)) * step_ns
    return _put_together(firm, loose, samples, fresh, np.union1d(marks_ns, step_marks), marks_ns)


def _put_together(
    firm: Aggregates,
    loose: _Rolled,
    samples: Columns,
    fresh: Columns,
    marks_ns: Ints,
    edges_ns: Ints,
) -> Mixed:
    """Rows of all. loose: roll-ups that may be cut, and lie among samples that came later."""
    rows = _once(loose.rows)
    cut = rows.last_ns > edges_ns[np.searchsorted(edges_ns, rows.first_ns, side="right")]
    inexact = (cut | _tangled(loose) | _leaning(loose, fresh)) & (rows.last_ns >= edges_ns[1])
    inside = _inside(rows, fresh)
    points = fresh.rows(inside)
    # No stretch reaches over a roll-up, nor is longer than a minute; a sample holds at least so
    # long.
    marks = np.unique(np.concatenate((marks_ns, rows.first_ns, rows.last_ns)))
    marks = marks[(marks >= edges_ns[0]) & (marks <= edges_ns[-1])]
    pieces = aggregate(merge([samples, fresh.rows(~inside)]), marks, MINUTE_NS)
    alone = aggregate(points, np.union1d(edges_ns, points.time_ns), MINUTE_NS)
    carried = _carried(rows.where(cut), edges_ns[1:])
    parts = [firm, _without_time(rows, cut), pieces, alone]
    return Mixed(join(parts), carried, int(np.count_nonzero(inexact)))


def _between(rows: Aggregates, marks_ns: Ints) -> Mask:
    return np.asarray((rows.first_ns >= marks_ns[0]) & (rows.first_ns < marks_ns[-1]))


def _steps(
    stored: Chunks, tag_id: int, chunks: Sequence[Lying], quick_hold_ns: int | None
) -> _Rolled:
    """One-minute roll-ups, or those over ten seconds that lie beside samples."""
    if quick_hold_ns is None:
        packed, step_ns = stored.minutes(tag_id, chunks), MINUTE_NS
    else:
        packed, step_ns = stored.quick(tag_id, chunks, quick_hold_ns), TEN_S_NS
    rows = rows_of(joined(packed), step_ns)
    sizes = np.array([len(part.curve) for part in packed], np.intp)
    owner = np.repeat(np.arange(len(chunks)), sizes // CURVE.itemsize)
    return _Rolled(rows, owner, np.full(len(rows), step_ns))


def _opened(
    stored: Chunks, tag_id: int, chunks: Sequence[Lying], places: NDArray[np.intp]
) -> tuple[Columns, _Rolled, Mask]:
    """Samples and ten-second rows of some chunks, and which chunks have either."""
    parts, tens, owners = [NO_SAMPLES], [], []
    has_finer = np.zeros(len(chunks), np.bool_)
    for k in places.tolist():
        samples = stored.samples(tag_id, chunks[k])
        rows = stored.ten_seconds(tag_id, chunks[k]) if chunks[k].ten_s else None
        has_finer[k] = len(samples.time_ns) > 0 or rows is not None
        parts.append(samples)
        if rows is not None:
            tens.append(rows)
            owners.append(np.full(len(rows), k))
    rows = in_one(tens) if tens else rows_of(joined([]))
    owner = np.concatenate(owners) if owners else np.empty(0, np.intp)
    return merge(parts), _Rolled(rows, owner, np.full(len(rows), TEN_S_NS)), has_finer


def _together(a: _Rolled, b: _Rolled) -> _Rolled:
    """Both, in the order of their beginnings."""
    if not len(b.rows) and (np.diff(a.rows.first_ns) >= 0).all():
        return a
    rows = in_one([a.rows, b.rows])
    order = np.argsort(rows.first_ns, kind="stable")
    owner, step_ns = (np.concatenate(both)[order] for both in zip(a[1:], b[1:], strict=True))
    return _Rolled(rows.rows(order), owner, step_ns)


def _touched(steps: Ints, fresh: Columns, step_ns: int) -> Ints:
    """Steps into which samples fall, and the next that has a roll-up, which leans on them."""
    touched = np.unique(fresh.time_ns // step_ns)
    ordered = np.sort(steps)
    after = np.searchsorted(ordered, touched, side="right")
    return np.union1d(touched, ordered[after[after < len(ordered)]])


def _leaning(rolled: _Rolled, fresh: Columns) -> Mask:
    """Roll-ups into whose steps samples fall, and those that follow them."""
    if not len(fresh.time_ns):
        return np.zeros(len(rolled.rows), np.bool_)
    starts = rolled.rows.first_ns // rolled.step_ns * rolled.step_ns
    lo, hi = (np.searchsorted(fresh.time_ns, ends) for ends in (starts, starts + rolled.step_ns))
    after = np.searchsorted(starts, fresh.time_ns, side="right")
    following = starts[after[after < len(starts)]]
    return np.asarray((hi > lo) | np.isin(starts, following))


def _tangled(rolled: _Rolled) -> Mask:
    """Roll-ups among those of another chunk: samples of one came when the other was thinned."""
    rows, owner = rolled.rows, rolled.owner
    begins = np.zeros(len(rows), np.bool_)
    begins[np.unique(owner, return_index=True)[1]] = True
    reached = np.maximum.accumulate(rows.last_ns)
    found = np.zeros(len(rows), np.bool_)
    found[1:] = (np.diff(owner) != 0) & ~begins[1:]
    found[1:] |= rows.first_ns[1:] < reached[:-1]
    found[1:] |= np.diff(rows.first_ns) == 0
    return found


def _once(rows: Aggregates) -> Aggregates:
    """Rows of which none has the time of one before it."""
    reached = np.maximum.accumulate(rows.last_ns)
    own = np.flatnonzero(rows.first_ns[1:] < reached[:-1]) + 1
    if not len(own):
        return rows
    first_ns, last_ns = rows.first_ns[own], rows.last_ns[own]
    beyond_ns = np.maximum(last_ns - np.maximum(first_ns, reached[own - 1]), 0)
    share = beyond_ns / np.maximum(last_ns - first_ns, 1)
    integral, known_ns = rows.integral.copy(), rows.known_ns.copy()
    integral[own] *= share
    known_ns[own] = np.rint(known_ns[own] * share).astype(np.int64)
    return replace(rows, integral=integral, known_ns=known_ns)


def _inside(rows: Aggregates, fresh: Columns) -> Mask:
    """Which samples lie inside a roll-up."""
    if not len(rows):
        return np.zeros(len(fresh.time_ns), np.bool_)
    reached = np.maximum.accumulate(rows.last_ns)
    before = np.searchsorted(rows.first_ns, fresh.time_ns, side="right") - 1
    return np.asarray((before >= 0) & (fresh.time_ns < reached[before]))


def _carried(rows: Aggregates, edges_ns: Ints) -> Carried:
    """What rows give to the buckets they reach into, in proportion to the time in each."""
    lasted_ns = rows.last_ns - rows.first_ns
    of, bucket, lengths = over_buckets(
        np.maximum(rows.first_ns, edges_ns[0]), np.minimum(rows.last_ns, edges_ns[-1]), edges_ns
    )
    share = lengths / lasted_ns[of]
    n = len(edges_ns) - 1
    with np.errstate(over="ignore", invalid="ignore"):
        integral = np.bincount(bucket, rows.integral[of] * share, n)
    known_ns = np.bincount(bucket, rows.known_ns[of] * share, n)
    return Carried(np.asarray(integral, float), np.asarray(known_ns, float))


def _without_time(rows: Aggregates, which: Mask) -> Aggregates:
    """Some rows without integral and known time."""
    if not which.any():
        return rows
    integral, known_ns = rows.integral.copy(), rows.known_ns.copy()
    integral[which], known_ns[which] = 0.0, 0
    return replace(rows, integral=integral, known_ns=known_ns)
