"""Long tables: one row a sample, or one row a tag and step of time. Tag after tag, each by time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from controller.core.sample import FIRST_BAD, quality_text
from controller.core.tag import Kind
from controller.export.blocks import Block, Column, ColumnKind, Texts, same_text
from controller.history.codec import Floats, Octets
from controller.history.results import Buckets, Series, StoredTag
from controller.history.source import HistorySource
from controller.runs.run_times import short_utc

PAGE = 65_536  # samples asked for at once
STEPS = 16_384  # steps of time asked for at once

TAG, TIME, VALUE, UNIT = "tag", "time", "value", "unit"
QUALITY, QUALITY_TEXT, LABEL = "quality", "quality_text", "label"
STATION, BAD_VALUE = "station", "bad_value"
SAMPLE_COLUMNS = (
    Column(TAG, ColumnKind.TEXT),
    Column(TIME, ColumnKind.TIME),
    Column(VALUE, ColumnKind.NUMBER),
    Column(UNIT, ColumnKind.TEXT),
    Column(QUALITY, ColumnKind.OCTET),
    Column(QUALITY_TEXT, ColumnKind.TEXT),
    Column(LABEL, ColumnKind.TEXT),
    Column(STATION, ColumnKind.TEXT),
    Column(BAD_VALUE, ColumnKind.NUMBER),
)
STEP_COLUMNS = (
    Column(TAG, ColumnKind.TEXT),
    Column(TIME, ColumnKind.TIME),
    *(Column(name, ColumnKind.NUMBER) for name in ("mean", "min", "max", "last", "known")),
    *(Column(name, ColumnKind.COUNT) for name in ("good", "uncertain", "bad")),
    Column(UNIT, ColumnKind.TEXT),
    Column(STATION, ColumnKind.TEXT),
)
_QUALITY_TEXTS = tuple(quality_text(q) for q in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What is exported: tags, over start_ns <= time < stop_ns. every_ns: 0 for raw samples.

    With `every_ns` both ends lie on whole steps, counted from 1970 in UTC.
    """

    tags: tuple[StoredTag, ...]
    start_ns: int
    stop_ns: int
    every_ns: int = 0

    def in_steps(self, every_ns: int) -> "Extent":
        """The same in steps, and as wide as whole ones are."""
        start_ns = self.start_ns // every_ns * every_ns
        stop_ns = -(-self.stop_ns // every_ns) * every_ns
        return replace(self, start_ns=start_ns, stop_ns=stop_ns, every_ns=every_ns)

    def share(self, done: int, reached_ns: int) -> float:
        """How much is done, 0..1: whole tags, and the next one up to a time."""
        part = (reached_ns - self.start_ns) / max(self.stop_ns - self.start_ns, 1)
        return (done + part) / max(len(self.tags), 1)


@dataclass(slots=True)
class Tally:
    """What went by so far. share: of the whole, 0..1."""

    samples: int = 0
    rows: int = 0
    share: float = 0.0
    damaged: set[str] = field(default_factory=set)
    inexact: set[str] = field(default_factory=set)
    thinned: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, tag: str, page: Series) -> None:
        """Count a page of samples of a tag."""
        self.samples += len(page)
        if page.damaged:
            self.damaged.add(tag)
        for gone in page.thinned:
            first, last = self.thinned.get(tag, (gone.from_ns, gone.to_ns))
            self.thinned[tag] = min(first, gone.from_ns), max(last, gone.to_ns)

    def notes(self) -> tuple[str, ...]:
        """What a person must know to read the file rightly."""
        found = []
        if self.damaged:
            names = _some(self.damaged)
            found.append(f"stored pieces failed their checksum, samples are missing: {names}")
        if self.thinned:
            first = short_utc(min(start for start, _ in self.thinned.values()))
            last = short_utc(max(stop for _, stop in self.thinned.values()))
            text = f"samples of {first} to {last} are no longer kept, --every has their means"
            found.append(f"{text}: {_some(set(self.thinned))}")
        if self.inexact:
            names = _some(self.inexact)
            found.append(
                f"steps cut means of samples that are no longer kept, inexact there: {names}"
            )
        return tuple(found)


def _some(names: set[str]) -> str:
    shown = sorted(names)[:5]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def samples(source: HistorySource, extent: Extent, tally: Tally) -> Iterator[Block]:
    """Every stored sample; blocks with the columns SAMPLE_COLUMNS."""
    for number, tag in enumerate(extent.tags):
        for page in pages(source, tag.name, extent.start_ns, extent.stop_ns):
            tally.take(tag.name, page)
            if len(page):
                tally.share = extent.share(number, int(page.time_ns[-1]))
                yield _sample_block(tag, page)


def pages(
    source: HistorySource, tag: str, start_ns: int, stop_ns: int, size: int | None = None
) -> Iterator[Series]:
    """The samples of a window, some at a time."""
    while start_ns < stop_ns:
        page = source.raw(tag, start_ns, stop_ns, size or PAGE)
        yield page
        if not page.truncated:
            return
        start_ns = int(page.time_ns[-1]) + 1


def _sample_block(tag: StoredTag, page: Series) -> Block:
    n = len(page)
    usable = page.quality < FIRST_BAD
    return (
        same_text(tag.name, n),
        page.time_ns,
        np.where(usable, page.values, np.nan),
        same_text(tag.unit, n),
        page.quality.astype(np.int16),
        Texts(page.quality.astype(np.int32), _QUALITY_TEXTS),
        labels_of(tag, page.values, page.quality),
        same_text(tag.station, n),
        np.where(usable, np.nan, page.values),
    )


def labels_of(tag: StoredTag, values: Floats, quality: Octets) -> Texts:
    """The texts of an ENUM's codes; empty where a value is none of them, or Bad."""
    n, labels = len(values), tag.labels
    if not labels or tag.kind != Kind.ENUM.value:
        return same_text(None, n)
    fits = (quality < FIRST_BAD) & (values >= 0) & (values < len(labels))
    fits &= values == np.floor(values)
    codes = np.where(fits, values, len(labels)).astype(np.int32)
    return Texts(codes, (*labels, None))


def steps(source: HistorySource, extent: Extent, tally: Tally) -> Iterator[Block]:
    """Aggregates of every step, gaps too; blocks with the columns STEP_COLUMNS."""
    for number, tag in enumerate(extent.tags):
        for buckets in bucket_pages(source, tag.name, extent, STEPS):
            n = len(buckets.count)
            note(tally, tag.name, buckets)
            tally.share = extent.share(number, int(buckets.edges_ns[-1]))
            minimum, maximum, last = held_through(buckets)
            yield (
                same_text(tag.name, n),
                buckets.edges_ns[:-1],
                buckets.mean,
                minimum,
                maximum,
                last,
                buckets.known,
                buckets.count,
                buckets.uncertain,
                buckets.bad,
                same_text(tag.unit, n),
                same_text(tag.station, n),
            )


def bucket_pages(source: HistorySource, tag: str, extent: Extent, size: int) -> Iterator[Buckets]:
    """The steps of a window, some at a time."""
    step_ns = extent.every_ns
    for start_ns in range(extent.start_ns, extent.stop_ns, step_ns * size):
        n = min(size, (extent.stop_ns - start_ns) // step_ns)
        yield source.buckets(tag, start_ns, start_ns + n * step_ns, n, aligned=False)


def note(tally: Tally, tag: str, buckets: Buckets) -> None:
    """Count what a page of steps was made of."""
    tally.samples += int((buckets.count + buckets.uncertain + buckets.bad).sum())
    if buckets.damaged:
        tally.damaged.add(tag)
    if buckets.inexact:
        tally.inexact.add(tag)


def held_through(buckets: Buckets) -> tuple[Floats, Floats, Floats]:
    """Minimum, maximum and last of each step; without a sample in it, what held through it."""
    empty = buckets.count == 0
    minimum, maximum, last = (
        np.where(empty, buckets.mean, column)
        for column in (buckets.minimum, buckets.maximum, buckets.last)
    )
    return minimum, maximum, last
