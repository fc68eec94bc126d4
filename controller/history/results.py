"""What queries of the history return."""

from dataclasses import dataclass

from controller.history.codec import Floats, Ints, Octets


@dataclass(frozen=True, slots=True)
class StoredTag:
    """A tag as the store knows it. `id` is the store's own number, not a live index."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Raw samples of one tag.

    truncated: the limit cut the window short, ask again from after the last time. damaged: stored
    pieces that failed their checksum and are left out.
    """

    time_ns: Ints
    values: Floats
    quality: Octets
    truncated: bool
    damaged: int

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Aggregates of one tag in n buckets; bucket k is [edges_ns[k], edges_ns[k + 1]).

    minimum, maximum, mean, first, last: of Good samples, NaN where there are none. count,
    uncertain, bad: samples by severity; all zero marks a gap. inexact: minutes whose raw samples
    retention let go while a bucket edge cuts them; each went to one bucket whole. damaged: stored
    pieces that failed their checksum and are left out.
    """

    edges_ns: Ints
    minimum: Floats
    maximum: Floats
    mean: Floats
    first: Floats
    last: Floats
    count: Ints
    uncertain: Ints
    bad: Ints
    inexact: int
    damaged: int
