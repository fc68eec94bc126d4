"""TagTable: the last sample of each tag, in columns. The only shared state of the controller.

Tags of one station lie side by side: first those the device writes, then those the station
writes. So "one writer per tag" is a matter of which slice a writer was handed, and a station's
whole image is one slice copy.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from controller.core.errors import ConfigError, Problem
from controller.core.sample import Quality, Sample, Samples
from controller.core.tag import Tag, Writer


@dataclass(frozen=True, slots=True)
class Region:
    """Half-open index ranges of one station: device tags [start, split), its own [split, stop)."""

    start: int
    split: int
    stop: int


class TagTable:
    """The process image.

    value: float64[n]; quality: uint8[n]; time_ns: int64[n] (UTC). Every tag starts as
    Bad (no data), never as a plausible number.
    """

    def __init__(self, tags: Iterable[Tag]) -> None:
        ordered = list(tags)
        stations = list(dict.fromkeys(t.station for t in ordered))
        rank = {s: k for k, s in enumerate(stations)}
        ordered.sort(key=lambda t: (rank[t.station], t.writer is Writer.STATION))  # stable
        self.tags: tuple[Tag, ...] = tuple(ordered)
        self._index: dict[str, int] = {}
        doubled = []
        for k, tag in enumerate(self.tags):
            if tag.name in self._index:
                doubled.append(tag.name)
            self._index[tag.name] = k
        if doubled:
            raise ConfigError(
                [
                    Problem(
                        file="tag table",
                        line=None,
                        field="tag",
                        value=name,
                        message="declared twice; a tag has one owner and one writer",
                    )
                    for name in doubled
                ]
            )
        self._regions: dict[str, Region] = {}
        for s in stations:
            own = [k for k, t in enumerate(self.tags) if t.station == s]
            split = next((k for k in own if self.tags[k].writer is Writer.STATION), own[-1] + 1)
            self._regions[s] = Region(own[0], split, own[-1] + 1)
        n = len(self.tags)
        self.value = np.zeros(n, dtype=np.float64)
        self.quality = np.full(n, int(Quality.BAD_NO_DATA), dtype=np.uint8)
        self.time_ns = np.zeros(n, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.tags)

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def index(self, name: str) -> int:
        """Index of a tag; KeyError with the name when there is none."""
        return self._index[name]

    def region(self, station: str) -> Region:
        """Where a station's tags lie."""
        return self._regions[station]

    @property
    def stations(self) -> tuple[str, ...]:
        """Station names in the order they were declared."""
        return tuple(self._regions)

    def sample(self, name: str) -> Sample:
        """The last sample of one tag."""
        k = self._index[name]
        return Sample(float(self.value[k]), int(self.quality[k]), int(self.time_ns[k]))

    def apply(self, samples: Samples) -> None:
        """Take a driver's batch. Only device tags may be in it; the driver is built with those."""
        self.value[samples.tags] = samples.values
        self.quality[samples.tags] = samples.quality
        self.time_ns[samples.tags] = samples.time_ns

    def mark_bad(self, station: str, quality: Quality, time_ns: int) -> None:
        """Give all device tags of a station a bad quality. The numbers stay, to be read."""
        r = self._regions[station]
        self.quality[r.start : r.split] = int(quality)
        self.time_ns[r.start : r.split] = time_ns
