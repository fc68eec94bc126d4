"""Wide tables: one column a tag, one row a moment.

Without steps there is a row at every time at which one of the tags has a sample, and each cell has
what held then: the newest sample not after that time, as long as it can have held (see `holding`).
A Bad sample leaves its cell empty and says so in the quality column; where nothing is known both
are empty.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import FIRST_BAD
from controller.export.blocks import NO_OCTET, Block, Column, ColumnKind
from controller.export.layouts import (
    TIME,
    Extent,
    Tally,
    bucket_pages,
    held_through,
    note,
)
from controller.history.codec import Floats, Ints
from controller.history.holding import hold_ns
from controller.history.results import Buckets, StoredTag
from controller.history.source import BEGINNING, HistorySource

CELLS = 2**20  # in memory at once, about
SHORTEST = 256  # rows or samples a tag that are asked for at once, at least


class Take(StrEnum):
    """What of a step goes into its one cell."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"


def moment_columns(tags: Sequence[StoredTag]) -> tuple[Column, ...]:
    """Columns of `moments`."""
    return _columns(tags, "quality", ColumnKind.OCTET)


def step_columns(tags: Sequence[StoredTag]) -> tuple[Column, ...]:
    """Columns of `wide_steps`."""
    return _columns(tags, "known", ColumnKind.NUMBER)


def _columns(tags: Sequence[StoredTag], beside: str, kind: ColumnKind) -> tuple[Column, ...]:
    out = [Column(TIME, ColumnKind.TIME)]
    for tag in tags:
        out += [
            Column(tag.name, ColumnKind.NUMBER, tag.unit),
            Column(f"{tag.name} {beside}", kind),
        ]
    return tuple(out)


def wide_steps(
    source: HistorySource, extent: Extent, tally: Tally, take: Take = Take.MEAN
) -> Iterator[Block]:
    """One row a step: of each tag the value taken and the share of the time that is known."""
    size = max(SHORTEST, CELLS // (2 * len(extent.tags)))
    feeds = [bucket_pages(source, tag.name, extent, size) for tag in extent.tags]
    for pages in zip(*feeds, strict=True):
        block: list[NDArray[Any]] = [pages[0].edges_ns[:-1]]
        for tag, buckets in zip(extent.tags, pages, strict=True):
            note(tally, tag.name, buckets)
            block += [_taken(buckets, take), buckets.known]
        tally.share = extent.share(0, int(pages[0].edges_ns[-1])) * len(extent.tags)
        yield block


def _taken(buckets: Buckets, take: Take) -> Floats:
    if take is Take.MEAN:
        return buckets.mean
    minimum, maximum, last = held_through(buckets)
    return {Take.MIN: minimum, Take.MAX: maximum, Take.LAST: last}[take]


def moments(source: HistorySource, extent: Extent, tally: Tally) -> Iterator[Block]:
    """One row a time at which a tag has a sample."""
    size = max(SHORTEST, CELLS // (4 * len(extent.tags)))
    feeds = [_Feed(source, tag, extent, size, tally) for tag in extent.tags]
    while True:
        for feed in feeds:
            feed.fill()
        # Up to here every tag is known; beyond, a page that was not asked for may have more.
        reach_ns = min(feed.reach_ns for feed in feeds)
        times = np.unique(np.concatenate([feed.upto(reach_ns) for feed in feeds]))
        for start in range(0, len(times), size):
            rows = times[start : start + size]
            block: list[NDArray[Any]] = [rows]
            for feed in feeds:
                block += feed.held(rows)
            tally.share = extent.share(0, int(rows[-1])) * len(extent.tags)
            yield block
        for feed in feeds:
            feed.drop(reach_ns)
        if all(feed.ended for feed in feeds):
            return


class _Feed:
    """The samples of one tag, a page in memory, with the one that held before them."""

    def __init__(
        self, source: HistorySource, tag: StoredTag, extent: Extent, size: int, tally: Tally
    ) -> None:
        self._source, self._tag, self._tally = source, tag.name, tally
        self._hold_ns = hold_ns(tag.max_interval_s)
        self._size, self._next_ns, self._stop_ns = size, extent.start_ns, extent.stop_ns
        self._more = True
        before = source.at(tag.name, extent.start_ns - 1)
        # Row 0 is what held before the page.
        self._times = np.array([before.time_ns if before else BEGINNING], np.int64)
        self._values = np.array([before.value if before else np.nan])
        self._quality = np.array([before.quality if before else NO_OCTET], np.int16)

    @property
    def ended(self) -> bool:
        """Nothing is left."""
        return not self._more and len(self._times) == 1

    @property
    def reach_ns(self) -> int:
        """Up to this time all samples are in memory."""
        return self._next_ns - 1 if self._more else self._stop_ns

    def fill(self) -> None:
        """Get the next page when this one is used up."""
        if not self._more or len(self._times) > 1:
            return
        page = self._source.raw(self._tag, self._next_ns, self._stop_ns, self._size)
        self._more = page.truncated
        self._tally.take(self._tag, page)
        if len(page):
            self._next_ns = int(page.time_ns[-1]) + 1
            self._times = np.append(self._times, page.time_ns)
            self._values = np.append(self._values, page.values)
            self._quality = np.append(self._quality, page.quality.astype(np.int16))

    def upto(self, time_ns: int) -> Ints:
        """Times of the samples in memory, up to a time."""
        return self._times[1 : self._place(time_ns)]

    def held(self, times: Ints) -> list[NDArray[Any]]:
        """Value and quality at each time."""
        at = np.searchsorted(self._times, times, side="right") - 1
        quality = self._quality[at]
        known = times - self._times[at] <= self._hold_ns
        values = np.where(known & (quality < FIRST_BAD), self._values[at], np.nan)
        return [values, np.where(known, quality, np.int16(NO_OCTET))]

    def drop(self, time_ns: int) -> None:
        """Forget the samples up to a time, but for the newest of them, which holds on."""
        newest = self._place(time_ns) - 1
        self._times = self._times[newest:]
        self._values = self._values[newest:]
        self._quality = self._quality[newest:]

    def _place(self, time_ns: int) -> int:
        """Where in memory what comes after a time begins."""
        return int(np.searchsorted(self._times, time_ns, side="right"))
