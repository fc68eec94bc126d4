"""Aggregates over stretches of time: the one-minute roll-ups and the buckets made from them.

Minimum, maximum, sum, first and last are taken over Good samples only (and only finite ones);
Uncertain and Bad samples are counted beside them, so that a gap is seen as a gap. A Good sample
that is not a finite number counts as Bad.
"""

import zlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN
from controller.history.codec import LEVEL, Columns, DamageError, Floats, Ints, shuffle, unshuffle

MINUTE_NS = 60_000_000_000
WORTH_DEFLATING = 0.6  # share of the plain size; above it reading speed is worth more than bytes

ROW = np.dtype(
    [
        ("minute", "<i4"),  # since 1970
        ("good", "<u4"),
        ("uncertain", "<u4"),
        ("bad", "<u4"),
        ("minimum", "<f8"),
        ("maximum", "<f8"),
        ("total", "<f8"),
        ("first", "<f8"),
        ("last", "<f8"),
    ]
)
PLAIN, DEFLATED = b"\0", b"\1"


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """One row a stretch of time, in time order.

    time_ns: a time inside the stretch; good, uncertain, bad: counts; the others NaN (total: 0)
    where there is no Good sample.
    """

    time_ns: Ints
    good: Ints
    uncertain: Ints
    bad: Ints
    minimum: Floats
    maximum: Floats
    total: Floats
    first: Floats
    last: Floats


def aggregate(columns: Columns, marks_ns: Ints) -> Aggregates:
    """Aggregates of sorted samples over [marks[k], marks[k + 1]), one row for every k."""
    stretches = len(marks_ns) - 1
    usable = columns.quality < FIRST_UNCERTAIN
    usable &= np.isfinite(columns.values)
    if usable.all():
        times, values = columns.time_ns, columns.values
        bad = uncertain = np.zeros(stretches, np.int64)
    else:
        times, values = columns.time_ns[usable], columns.values[usable]
        doubtful = (columns.quality >= FIRST_UNCERTAIN) & (columns.quality < FIRST_BAD)
        uncertain = np.diff(np.searchsorted(columns.time_ns[doubtful], marks_ns))
        bad = np.diff(np.searchsorted(columns.time_ns[~usable & ~doubtful], marks_ns))
    starts = np.searchsorted(times, marks_ns)
    good = np.diff(starts)
    filled = np.flatnonzero(good)
    out = [np.full(stretches, np.nan) for _ in range(4)]
    total = np.zeros(stretches)
    if len(filled):
        inside = values[: starts[-1]]
        edges = starts[:-1][filled]  # empty stretches left out: reduceat would repeat a neighbour
        out[0][filled] = np.minimum.reduceat(inside, edges)
        out[1][filled] = np.maximum.reduceat(inside, edges)
        total[filled] = np.add.reduceat(inside, edges)
        out[2][filled] = inside[edges]
        out[3][filled] = inside[starts[1:][filled] - 1]
    return Aggregates(marks_ns[:-1], good, uncertain, bad, out[0], out[1], total, out[2], out[3])


def minutes_of(columns: Columns) -> Aggregates:
    """Roll-ups of sorted, non-empty samples: one row for every minute that has a sample."""
    minutes = columns.time_ns // MINUTE_NS
    present = minutes[np.append(True, minutes[1:] != minutes[:-1])]
    marks = np.append(present, present[-1] + 1) * MINUTE_NS
    return aggregate(columns, marks)


def combine(parts: Aggregates, edges_ns: Ints) -> Aggregates:
    """Rows sorted by time, reduced to one row for every bucket [edges[k], edges[k + 1])."""
    buckets = len(edges_ns) - 1
    starts = np.searchsorted(parts.time_ns, edges_ns)
    good, uncertain = _sums(parts.good, starts), _sums(parts.uncertain, starts)
    bad = _sums(parts.bad, starts)
    usable = np.flatnonzero(parts.good)
    starts = np.searchsorted(parts.time_ns[usable], edges_ns)
    filled = np.flatnonzero(np.diff(starts))
    out = [np.full(buckets, np.nan) for _ in range(4)]
    total = np.zeros(buckets)
    if len(filled):
        inside = usable[: starts[-1]]
        edges = starts[:-1][filled]
        out[0][filled] = np.minimum.reduceat(parts.minimum[inside], edges)
        out[1][filled] = np.maximum.reduceat(parts.maximum[inside], edges)
        total[filled] = np.add.reduceat(parts.total[inside], edges)
        out[2][filled] = parts.first[inside[edges]]
        out[3][filled] = parts.last[inside[starts[1:][filled] - 1]]
    return Aggregates(edges_ns[:-1], good, uncertain, bad, out[0], out[1], total, out[2], out[3])


def _sums(counts: Ints, starts: NDArray[np.intp]) -> Ints:
    running = np.append(0, np.cumsum(counts))
    return np.diff(running[starts])


def join(first: Aggregates, second: Aggregates) -> Aggregates:
    """Rows of both in time order; of equal times the row of `first` comes first."""
    time_ns = np.concatenate((first.time_ns, second.time_ns))
    order = np.argsort(time_ns, kind="stable")

    def both(name: str) -> NDArray[np.float64]:
        column = np.concatenate((getattr(first, name), getattr(second, name)))
        return np.asarray(column[order])

    names = ("good", "uncertain", "bad", "minimum", "maximum", "total", "first", "last")
    return Aggregates(time_ns[order], *(both(name) for name in names))  # type: ignore[arg-type]


def chosen(rows: Aggregates, mask: NDArray[np.bool_]) -> Aggregates:
    """The rows where the mask is true."""
    columns = (getattr(rows, f.name) for f in fields(Aggregates))
    return Aggregates(*(column[mask] for column in columns))


def pack(minutes: Aggregates) -> bytes:
    """Bytes of roll-ups."""
    rows = np.empty(len(minutes.time_ns), ROW)
    rows["minute"] = minutes.time_ns // MINUTE_NS
    for name in ROW.names[1:]:  # type: ignore[index]
        rows[name] = getattr(minutes, name)
    plain = rows.tobytes()
    deflated = zlib.compress(shuffle(rows), LEVEL)
    if len(deflated) < WORTH_DEFLATING * len(plain):
        return DEFLATED + deflated
    return PLAIN + plain


def unpack(blob: bytes) -> bytes:
    """The plain rows of one packed blob; several may be joined before `rows_of`."""
    try:
        if blob[:1] == PLAIN:
            return blob[1:]
        planes = zlib.decompress(blob[1:])
        return unshuffle(planes, len(planes) // ROW.itemsize, ROW).tobytes()
    except (zlib.error, ValueError) as error:
        raise DamageError(f"roll-up cannot be decoded: {error}") from error


def rows_of(plain: bytes) -> Aggregates:
    """Roll-ups from plain rows; `time_ns` is the middle of each minute."""
    rows = np.frombuffer(plain, ROW)
    return Aggregates(
        rows["minute"].astype(np.int64) * MINUTE_NS + MINUTE_NS // 2,
        rows["good"].astype(np.int64),
        rows["uncertain"].astype(np.int64),
        rows["bad"].astype(np.int64),
        rows["minimum"],
        rows["maximum"],
        rows["total"],
        rows["first"],
        rows["last"],
    )
