"""The answers, in columns.

A value is NaN (null in JSON) wherever it may not be used: of a Bad sample, of a bucket without
Good samples, of a time of which nothing is known. What was Bad or missing is told beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.core.run import RunHead
from controller.history.codec import Floats, Ints, Octets
from controller.history.results import StoredTag


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFacts:
    """What a chart needs to know about a tag. labels: texts of the codes 0, 1, ..."""

    name: str
    unit: str
    station: str
    description: str
    kind: str
    resolution: float
    low: float
    high: float
    labels: tuple[str, ...]

    @classmethod
    def of(cls, tag: StoredTag) -> "TagFacts":
        """Those of a stored tag."""
        return cls(
            name=tag.name, unit=tag.unit, station=tag.station, description=tag.description,
            kind=tag.kind, resolution=tag.resolution, low=tag.low, high=tag.high, labels=tag.labels,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What every answer has. source: who answered, zone: of the times in words."""

    source: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsAnswer(Answered):
    """Tags by station and name."""

    tags: tuple[TagFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinnedStretch:
    """Where retention let samples go; buckets over `step_s` seconds are left."""

    from_ns: int
    to_ns: int
    step_s: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawSeries:
    """Samples of one tag. thinned: where they are not kept any more; damaged: stored pieces that
    are left out."""

    tag: TagFacts
    time_ns: Ints
    value: Floats
    quality: Octets
    thinned: tuple[ThinnedStretch, ...]
    damaged: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawAnswer(Answered):
    """Samples of a window, tag after tag; of some tags nothing may be on this page.

    next: the cursor of the next page, "" when this is the last; truncated: there is one.
    quality_text: what the codes of quality in it mean.
    """

    start_ns: int
    stop_ns: int
    series: tuple[RawSeries, ...]
    quality_text: Mapping[str, str]
    truncated: bool
    next: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BucketSeries:
    """Aggregates of one tag, one each bucket: see `history.results.Buckets`.

    mean: weighted by time; known: share of the bucket in which a Good value held, 0 is a gap.
    inexact: pieces that could not be divided at an edge; damaged: stored pieces that are left out.
    """

    tag: TagFacts
    min: Floats
    max: Floats
    mean: Floats
    sample_mean: Floats
    first: Floats
    last: Floats
    count: Ints
    uncertain: Ints
    bad: Ints
    known: Floats
    inexact: int
    damaged: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BucketsAnswer(Answered):
    """Buckets of all tags between the same edges: bucket k is edges_ns[k] <= time < edges_ns[k+1].

    edges: in words, for buckets of the calendar.
    """

    start_ns: int
    stop_ns: int
    edges_ns: Ints
    edges: tuple[str, ...]
    series: tuple[BucketSeries, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAt:
    """The value of a tag at a time. value: None when there is none to use.

    quality: of the sample, "Bad: no data" before the first; time_ns: of the sample, UTC; time: the
    same in words. label: text of the value. holds: the sample is Good and not so old that the tag
    cannot have been stored any more; if not, what the value was then is not known.
    """

    tag: TagFacts
    value: float | None
    quality: int
    quality_text: str
    time_ns: int | None
    time: str
    label: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesAnswer(Answered):
    """The values of tags at one time."""

    time_ns: int
    values: tuple[ValueAt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event. time: in words."""

    time_ns: int
    time: str
    kind: str
    station: str
    subject: str
    text: str
    actor: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAnswer(Answered):
    """Events, newest first. next, truncated: as in RawAnswer; a page may be short, even empty."""

    start_ns: int
    stop_ns: int
    events: tuple[EventRow, ...]
    truncated: bool
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run; begun and ended in words, ended "" while it is open."""

    head: RunHead
    begun: str
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsAnswer(Answered):
    """Runs, newest first."""

    runs: tuple[RunRow, ...] = field(default=())
    truncated: bool
    next: str
