"""What queries of the history return."""

from dataclasses import dataclass
from typing import NamedTuple

from controller.history.codec import Floats, Ints, Octets


@dataclass(frozen=True, slots=True)
class StoredTag:
    """A tag as the store knows it.

    id: the store's own number, not a live index. max_interval_s: the longest it ever had.
    """

    id: int
    name: str
    unit: str
    station: str
    description: str
    kind: str
    resolution: float
    low: float
    high: float
    labels: tuple[str, ...]
    max_interval_s: float


class Thinned(NamedTuple):
    """A stretch of time whose samples retention let go; roll-ups over `step_s` are left."""

    from_ns: int
    to_ns: int
    step_s: int


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Raw samples of one tag.

    truncated: the limit cut the window short, ask again from after the last time. damaged: stored
    pieces that failed their checksum and are left out. thinned: where in the window, as far as it
    was read, samples are no longer kept; `buckets` tells what is known there.
    """

    time_ns: Ints
    values: Floats
    quality: Octets
    truncated: bool
    damaged: int
    thinned: tuple[Thinned, ...] = ()

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Aggregates of one tag in n buckets; bucket k is [edges_ns[k], edges_ns[k + 1]).

    mean: weighted by time, of what is known; NaN where nothing is. known: share of the bucket's
    time in which a Good value held (see `holding`), 0..1; 0 marks a gap. A bucket without samples
    has the mean of the value that holds through it.

    minimum, maximum, first, last, sample_mean: of the Good samples inside, NaN where there are
    none; sample_mean gives each the same weight, so it leans to where values changed. count,
    uncertain, bad: samples by severity.

    inexact: roll-ups over ten seconds or a minute, their samples let go by retention, that an edge
    cuts, or into which samples fell later. A cut one counts with its samples in the bucket in which
    it begins, with its time in all it reaches into. damaged: stored pieces that failed their
    checksum and are left out.
    """

    edges_ns: Ints
    minimum: Floats
    maximum: Floats
    mean: Floats
    known: Floats
    first: Floats
    last: Floats
    sample_mean: Floats
    count: Ints
    uncertain: Ints
    bad: Ints
    inexact: int
    damaged: int
