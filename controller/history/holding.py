"""Holding: what a tag's value was between its samples.

A Good sample holds until the next sample of its tag, whatever the quality of that one is. Nothing
is known after a sample that is not Good, nor when no sample came for so long that the tag cannot
have been stored any more. Values hold across the edges of buckets.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.history.aggregates import Aggregates
from controller.history.codec import Floats, Ints
from controller.history.rollup import MINUTE_NS

INTERVALS = 2  # one sample may have been missed
MARGIN_NS = 5 * NS  # and the next one come late
LONGEST_NS = 2**61  # sums of times and this stay within int64


def hold_ns(max_interval_s: float) -> int:
    """How long a sample holds at most, for a tag that is stored that often.

    At least one minute, so that the limit never strikes between two samples of one roll-up: those
    stay right when the interval of the tag is changed.
    """
    longest_s = min(max(max_interval_s, 0.0), LONGEST_NS / NS)
    return min(max(round(INTERVALS * longest_s * NS) + MARGIN_NS, MINUTE_NS), LONGEST_NS)


class Carried(NamedTuple):
    """Integral (value times nanoseconds) and known time of each bucket."""

    integral: Floats
    known_ns: Floats


def held_after(rows: Aggregates, edges_ns: Ints, limit_ns: int) -> Carried:
    """What each bucket has of the time after rows.

    A row from before the first edge tells what held there. The last row holds on to the limit.
    """
    buckets = len(edges_ns) - 1
    following_ns = np.append(rows.first_ns[1:], edges_ns[-1])[: len(rows)]
    starts = np.maximum(rows.last_ns, edges_ns[0])
    stops = np.minimum(rows.last_ns + limit_ns, following_ns)
    held = np.flatnonzero(rows.held & (stops > starts))
    values = rows.last[held]
    of, bucket, lengths = over_buckets(starts[held], stops[held], edges_ns)
    with np.errstate(over="ignore", invalid="ignore"):
        integral = np.bincount(bucket, values[of] * lengths, buckets)
    return Carried(
        np.asarray(integral, float), np.asarray(np.bincount(bucket, lengths, buckets), float)
    )


def over_buckets(
    starts: Ints, stops: Ints, edges_ns: Ints
) -> tuple[NDArray[np.intp], NDArray[np.intp], Ints]:
    """Stretches inside the edges, not empty, divided at them: of which, in which bucket, length."""
    begins = np.searchsorted(edges_ns, starts, side="right") - 1
    parts = np.searchsorted(edges_ns, stops) - begins
    of = np.repeat(np.arange(len(starts)), parts)
    bucket = np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts - begins, parts)
    lengths = np.minimum(stops[of], edges_ns[bucket + 1]) - np.maximum(starts[of], edges_ns[bucket])
    return of, bucket, lengths
