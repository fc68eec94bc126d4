"""The exception filter: which samples are worth storing.

A sample is stored when its value left the tag's dead-band around the last stored value, when its
quality differs from the last stored quality, or when the tag's maximum interval is over. When a
sample is stored because something changed, the suppressed sample just before it is stored too, so
that a step is drawn where it happened and not as a slow ramp.

Samples older than the newest of their tag are late: they are stored as they are and do not move
the filter. A step back by more than the maximum interval is taken for a set-back clock: the filter
starts again from there.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.core.sample import Samples
from controller.core.tag import Tag

NEVER = -(2**62)  # so far back that the maximum interval is over, without overflow
MANY = 2**17  # values; to copy so many takes a fraction of a millisecond
RADIX_LIMIT = 2**16  # numpy sorts 16-bit integers in linear time
LONG_RUN = 64  # tags in rising order: from so many on it is not worth sorting them

Mask = NDArray[np.bool_]


class ExceptionFilter:
    """Filter state of every tag of a line, in columns.

    Not for several threads at once. Batches may hold a tag any number of times, in any order.
    """

    def __init__(self, tags: Sequence[Tag]) -> None:
        n = len(tags)
        self._deadband = np.array([tag.history.deadband for tag in tags], np.float64)
        self._interval_ns = np.array([tag.history.max_interval_s * NS for tag in tags], np.int64)
        self._value = np.zeros(n)
        self._quality = np.zeros(n, np.uint8)
        self._time_ns = np.zeros(n, np.int64)
        self._newest_ns = np.zeros(n, np.int64)
        self._held = np.zeros(n, np.bool_)  # a suppressed sample waits
        self._held_value = np.zeros(n)
        self._held_time_ns = np.zeros(n, np.int64)
        self.reset()

    @property
    def held(self) -> int:
        """How many suppressed samples are kept back in case a step follows."""
        return int(np.count_nonzero(self._held))

    def reset(self) -> None:
        """Forget everything: the next sample of every tag is stored."""
        self._time_ns[:] = NEVER
        self._newest_ns[:] = NEVER
        self._held[:] = False

    def flush(self) -> Samples:
        """The samples kept back, which are then no longer kept: for an orderly end."""
        tags = np.flatnonzero(self._held).astype(np.int32)
        held = self._take_held(tags)
        self._held[:] = False
        return held

    def apply(self, samples: Samples) -> Samples:
        """The samples to store. Per tag they stay in the order in which they came."""
        if len(samples) == 0:
            return samples
        kept: list[Samples] = []
        # NaN compares as "not moved"; inf - inf is NaN, and what overflows has moved.
        with np.errstate(invalid="ignore", over="ignore"):
            for rows in _rounds(samples.tags, len(self._value)):
                self._round(_rows(samples, rows), kept)
        return concatenate(kept)

    def _round(self, batch: Samples, kept: list[Samples]) -> None:
        """Take a batch in which every tag occurs at most once."""
        tags, values, time_ns = _where(batch.tags), batch.values, batch.time_ns
        old, newest, interval = self._value[tags], self._newest_ns[tags], self._interval_ns[tags]
        changed = np.abs(values - old) > self._deadband[tags]
        changed |= np.isnan(values) != np.isnan(old)
        changed |= batch.quality != self._quality[tags]
        behind = time_ns < newest
        set_back = newest - time_ns > interval
        late = behind & ~set_back
        keep = changed | behind | (time_ns - self._time_ns[tags] >= interval)
        self._newest_ns[tags] = np.where(set_back, time_ns, np.maximum(newest, time_ns))

        stepped = (changed | set_back) & ~late & self._held[tags]
        if stepped.any():
            kept.append(self._take_held(batch.tags[stepped]))
        if not keep.all():
            quiet = ~keep
            still = batch.tags[quiet]
            self._held[still] = True
            self._held_value[still] = values[quiet]
            self._held_time_ns[still] = time_ns[quiet]
        if not keep.any():
            return
        kept.append(batch if keep.all() else _rows(batch, keep))
        moved = keep & ~late
        if moved.all():
            self._remember(tags, batch)
        else:
            self._remember(batch.tags[moved], _rows(batch, moved))

    def _remember(self, tags: slice | NDArray[np.int32], stored: Samples) -> None:
        self._held[tags] = False
        self._value[tags] = stored.values
        self._quality[tags] = stored.quality
        self._time_ns[tags] = stored.time_ns

    def _take_held(self, tags: NDArray[np.int32]) -> Samples:
        return Samples(tags, self._held_value[tags], self._quality[tags], self._held_time_ns[tags])


def _where(tags: NDArray[np.int32]) -> slice | NDArray[np.int32]:
    """How to reach the columns of tags in a round: a line that is polled whole lies in one piece,
    which need not be picked together."""
    first, last = int(tags[0]), int(tags[-1]) + 1
    rising = last - first == len(tags) and bool((tags[1:] > tags[:-1]).all())
    return slice(first, last) if rising else tags


def _rows(samples: Samples, rows: slice | Mask | NDArray[np.intp]) -> Samples:
    return Samples(
        samples.tags[rows], samples.values[rows], samples.quality[rows], samples.time_ns[rows]
    )


def by_tag(tags: NDArray[np.int32], limit: int) -> NDArray[np.intp]:
    """Stable order that brings equal tags together; `limit` is above every tag."""
    keys = tags.astype(np.uint16) if limit <= RADIX_LIMIT else tags
    return np.argsort(keys, kind="stable")


def _rounds(tags: NDArray[np.int32], limit: int) -> Iterator[slice] | Iterator[NDArray[np.intp]]:
    """Rows of each round, in which a tag occurs at most once; what it has more comes later on."""
    n = len(tags)
    begins = [0, *(np.flatnonzero(tags[1:] <= tags[:-1]) + 1).tolist()]
    if len(begins) == 1 or n >= LONG_RUN * len(begins):  # polls of a line, one after the other
        return map(slice, begins, [*begins[1:], n])
    order = by_tag(tags, limit)
    grouped = tags[order]
    starts = np.flatnonzero(np.append(True, grouped[1:] != grouped[:-1]))
    lengths = np.diff(np.append(starts, n))
    nth = np.arange(n) - np.repeat(starts, lengths)
    ends = np.cumsum(np.bincount(nth))
    return iter(np.split(order[np.argsort(nth, kind="stable")], ends[:-1]))


def concatenate(batches: Collection[Samples]) -> Samples:
    """Batches one after the other as one."""
    if len(batches) == 1:
        return next(iter(batches))
    if not batches:
        return Samples(
            np.empty(0, np.int32), np.empty(0), np.empty(0, np.uint8), np.empty(0, np.int64)
        )
    return Samples(
        _joined([batch.tags for batch in batches]),
        _joined([batch.values for batch in batches]),
        _joined([batch.quality for batch in batches]),
        _joined([batch.time_ns for batch in batches]),
    )


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    n = sum(map(len, parts))
    if n < MANY:
        return np.concatenate(parts)
    # In one call of numpy it would hold Python's lock for as long as a scan may be late.
    joined, at = np.empty(n, parts[0].dtype), 0
    for part in parts:
        joined[at : at + len(part)] = part
        at += len(part)
    return joined
