"""Held: what a tag was at every moment of a run, for shares of time, totals and extremes.

A usable sample (Good or Uncertain) holds until the next one of its tag, as `controller.history.
holding` has it; a Bad one ends what held before and counts for nothing. Where retention let the
samples go, their minute means take their place, of which each holds for the known part of its
minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN, GOOD
from controller.history.codec import Floats, Ints, Octets
from controller.history.holding import hold_ns
from controller.history.results import Buckets, Series
from controller.history.rollup import MINUTE_NS
from controller.history.several import AnyReader

Spans = NDArray[np.int64]  # rows of [start, stop), sorted, none touching another


def span_array(spans: Sequence[tuple[int, int]]) -> Spans:
    """Spans as an array, also when there are none."""
    return np.array(spans, np.int64).reshape(-1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Stretches [start_ns, stop_ns) over which a usable value held, sorted, none overlapping.

    minutes: the values are means over minutes, since the samples are no longer kept.
    """

    start_ns: Ints
    stop_ns: Ints
    values: Floats
    quality: Octets
    minutes: bool = False

    @property
    def lasting_s(self) -> Floats:
        """How long each stretch is."""
        return np.asarray((self.stop_ns - self.start_ns) / NS)

    @property
    def known_s(self) -> float:
        """Time in which something usable is known."""
        return float(self.lasting_s.sum())

    @property
    def uncertain_s(self) -> float:
        """The part of it in which the value is Uncertain."""
        return float(self.lasting_s[self.quality >= FIRST_UNCERTAIN].sum())

    @property
    def integral(self) -> float:
        """Value times seconds, over the known time."""
        return float(self.values @ self.lasting_s)

    def share(self, low: float | None, high: float | None) -> float | None:
        """Share of the known time with the value from low to high; None when nothing is known."""
        if not self.known_s:
            return None
        inside = np.ones(len(self.values), np.bool_)
        if low is not None:
            inside &= self.values >= low
        if high is not None:
            inside &= self.values <= high
        return float(self.lasting_s[inside].sum() / self.known_s)

    def within(self, spans: Spans) -> "Held":
        """The part inside spans of time."""
        cuts = np.unique(np.concatenate((self.start_ns, self.stop_ns, spans.ravel())))
        mine = _places(self.start_ns, self.stop_ns, cuts)
        kept = (mine >= 0) & (_places(spans[:, 0], spans[:, 1], cuts) >= 0)
        return self._cells(cuts, kept, mine[kept])

    def _cells(self, cuts: Ints, kept: NDArray[np.bool_], of: NDArray[np.intp]) -> "Held":
        return Held(
            cuts[:-1][kept], cuts[1:][kept], self.values[of], self.quality[of], self.minutes
        )


NOTHING = Held(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8))


def _places(start_ns: Ints, stop_ns: Ints, cuts: Ints) -> NDArray[np.intp]:
    """For each cell between neighbouring cuts the stretch it lies in, -1 for none."""
    at = np.searchsorted(start_ns, cuts[:-1], side="right") - 1
    inside = (at >= 0) & (cuts[:-1] < np.append(stop_ns, 0)[at])
    return np.where(inside, at, -1)


def total(parts: Sequence[tuple[Held, float]]) -> Held:
    """The sum of several with their signs, over the time in which all are known.

    quality: the worst of them.
    """
    if len(parts) == 1 and parts[0][1] == 1.0:
        return parts[0][0]
    cuts = np.unique(
        np.concatenate([e for held, _ in parts for e in (held.start_ns, held.stop_ns)])
    )
    places = [_places(held.start_ns, held.stop_ns, cuts) for held, _ in parts]
    kept = np.logical_and.reduce([place >= 0 for place in places])
    values, quality = np.zeros(int(kept.sum())), np.zeros(int(kept.sum()), np.uint8)
    for (held, sign), place in zip(parts, places, strict=True):
        values += sign * held.values[place[kept]]
        quality = np.maximum(quality, held.quality[place[kept]])
    return Held(
        cuts[:-1][kept], cuts[1:][kept], values, quality, any(held.minutes for held, _ in parts)
    )


def read_held(
    reader: AnyReader, tag: str, max_interval_s: float, start_ns: int, stop_ns: int
) -> Held:
    """What a tag was in a window; the value that held at its start is carried in."""
    if stop_ns <= start_ns:
        return NOTHING
    limit_ns = hold_ns(max_interval_s)
    series = reader.raw(tag, start_ns - limit_ns, stop_ns)
    held = _of_samples(series, limit_ns, start_ns, stop_ns)
    if not series.thinned:
        return held
    minutes = _of_minutes(reader, tag, start_ns, stop_ns)
    return minutes if minutes.known_s > held.known_s + MINUTE_NS / NS else held


def _of_samples(series: Series, limit_ns: int, start_ns: int, stop_ns: int) -> Held:
    following = np.append(series.time_ns[1:], stop_ns)
    starts = np.maximum(series.time_ns, start_ns)
    stops = np.minimum(np.minimum(following, series.time_ns + limit_ns), stop_ns)
    kept = (series.quality < FIRST_BAD) & np.isfinite(series.values) & (stops > starts)
    return Held(starts[kept], stops[kept], series.values[kept], series.quality[kept])


def _of_minutes(reader: AnyReader, tag: str, start_ns: int, stop_ns: int) -> Held:
    found = whole_minutes(reader, tag, start_ns, stop_ns)
    if found is None:
        return NOTHING
    known = found.known > 0
    starts = found.edges_ns[:-1][known]
    stops = starts + np.round(found.known[known] * MINUTE_NS).astype(np.int64)
    quality = np.full(len(starts), GOOD, np.uint8)
    return Held(starts, stops, found.mean[known], quality, minutes=True)


def whole_minutes(reader: AnyReader, tag: str, start_ns: int, stop_ns: int) -> Buckets | None:
    """The whole minutes of a window, None when there are none."""
    first, last = -(-start_ns // MINUTE_NS), stop_ns // MINUTE_NS
    if last <= first:
        return None
    return reader.buckets(tag, first * MINUTE_NS, last * MINUTE_NS, last - first, aligned=False)
