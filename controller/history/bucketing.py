"""Buckets: where their edges lie, and how aggregates become them.

Every source of history makes its buckets here, so that equal samples give equal buckets.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from controller.history.aggregates import Aggregates
from controller.history.codec import Floats, Ints
from controller.history.holding import Carried, held_after
from controller.history.results import Buckets
from controller.history.rollup import MINUTE_NS
from controller.history.ten_seconds import TEN_S_NS

ALIGNED_FROM_NS = 10 * MINUTE_NS  # buckets this wide get their edges on whole minutes
TEN_S_FROM_NS = MINUTE_NS  # narrower ones, but this wide, on whole ten seconds

T = TypeVar("T", np.float64, np.int64)


def equal_edges(start_ns: int, stop_ns: int, n: int, *, aligned: bool) -> Ints:
    """Edges of n buckets of a window; ValueError when there is nothing to divide.

    aligned: the inner ones lie on whole minutes from ten minutes a bucket on, on whole ten seconds
    from one minute on.
    """
    if stop_ns <= start_ns or n < 1:
        raise ValueError(f"window {start_ns}..{stop_ns} in {n} buckets: nothing to divide")
    span = stop_ns - start_ns
    inner = [start_ns + span * k // n for k in range(1, n)]
    if aligned and span // n >= TEN_S_FROM_NS:
        step_ns = MINUTE_NS if span // n >= ALIGNED_FROM_NS else TEN_S_NS
        inner = [(edge + step_ns // 2) // step_ns * step_ns for edge in inner]
    return np.array([start_ns, *inner, stop_ns], np.int64)


def checked_edges(edges_ns: Ints) -> Ints:
    """Edges as they were given; ValueError unless there are two or more and none falls."""
    edges = np.asarray(edges_ns, np.int64)
    if edges.ndim != 1 or len(edges) < 2 or (edges[1:] < edges[:-1]).any():
        raise ValueError("edges of buckets: two or more, none before the one before it")
    return edges


def buckets_of(
    edges_ns: Ints,
    rows: Aggregates,
    limit_ns: int,
    carried: Carried | None = None,
    *,
    inexact: int = 0,
    damaged: int = 0,
) -> Buckets:
    """Buckets from one row for each that has samples, after one for what held before.

    limit_ns: how long a sample holds at most. carried: what comes to each bucket besides.
    """
    integral, known_ns = held_after(rows, edges_ns, limit_ns)
    if carried is not None:
        integral += carried.integral
        known_ns += carried.known_ns
    rows = rows.where(rows.first_ns >= edges_ns[0])
    place = np.searchsorted(edges_ns, rows.first_ns, side="right") - 1
    with np.errstate(over="ignore", invalid="ignore"):  # close to the largest float64
        integral[place] += rows.integral
    known_ns[place] += rows.known_ns

    def spread(column: NDArray[T], empty: float) -> NDArray[T]:
        out = np.full(len(edges_ns) - 1, empty, column.dtype)
        out[place] = column
        return out

    return Buckets(
        edges_ns=edges_ns,
        minimum=spread(rows.minimum, np.nan),
        maximum=spread(rows.maximum, np.nan),
        mean=_ratio(integral, known_ns),
        # It is above 1 where roll-ups of one time were made apart, because samples came late.
        known=np.nan_to_num(np.minimum(_ratio(known_ns, np.diff(edges_ns)), 1.0)),
        first=spread(rows.first, np.nan),
        last=spread(rows.last, np.nan),
        sample_mean=spread(_ratio(rows.total, rows.good), np.nan),
        count=spread(rows.good, 0),
        uncertain=spread(rows.uncertain, 0),
        bad=spread(rows.bad, 0),
        inexact=inexact,
        damaged=damaged,
    )


def _ratio(total: Floats, of: Floats | Ints) -> Floats:
    """Total divided by `of`, NaN where that is 0."""
    out = np.full(len(of), np.nan)
    np.divide(total, of, out=out, where=of > 0)
    return out
