"""Trace: what was recorded of a rehearsal, one row a second, in columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from controller.core.sample import FIRST_BAD
from controller.core.table import TagTable
from controller.core.tag import Tag

TRUTH = "truth."  # beginning of the names of what no instrument shows
Column = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trace:
    """Columns over time. time_s: seconds since START; tags: the tags of the station, in order.

    values: float64[rows, tags]; quality: uint8[rows, tags]; truth: float64[rows, names].
    """

    tags: tuple[Tag, ...]
    time_s: Column
    values: Column
    quality: npt.NDArray[np.uint8]
    truth_names: tuple[str, ...]
    truth: Column

    def index(self, tag: str) -> int:
        """Number of a tag's column; KeyError when there is none."""
        for k, found in enumerate(self.tags):
            if found.name == tag:
                return k
        raise KeyError(tag)

    def __contains__(self, tag: str) -> bool:
        return any(found.name == tag for found in self.tags)

    def column(self, tag: str) -> Column:
        """Values of a tag; not-a-number where they were Bad."""
        k = self.index(tag)
        return np.where(self.quality[:, k] < FIRST_BAD, self.values[:, k], np.nan)

    def true(self, name: str) -> Column:
        """Plant truth by name, without "truth."."""
        return self.truth[:, self.truth_names.index(name)]

    def unit(self, tag: str) -> str:
        """Unit of a tag."""
        return self.tags[self.index(tag)].unit

    def before(self, at_s: float) -> int:
        """The last row that is not later than a time; the first one if there is none."""
        return max(0, int(np.searchsorted(self.time_s, at_s, side="right")) - 1)

    def shown(self, tag: str, at_s: float) -> str:
        """'COAT.TENS.FILM = 1.5 -> 0 N': in the seconds before and after a time."""
        k, row = self.index(tag), self.before(at_s)
        texts = [self._text(k, r) for r in dict.fromkeys((row, min(row + 1, len(self.time_s) - 1)))]
        unit = self.tags[k].unit.replace("-", "")
        if texts[0] == "Bad" or len(texts) == 1 or not self._differ(k, row):
            texts = texts[:1]
        return f"{tag} = {' -> '.join(texts)} {unit}".rstrip()

    def _differ(self, k: int, row: int) -> bool:
        before, after = self.values[row, k], self.values[row + 1, k]
        worse = self.quality[row, k] != self.quality[row + 1, k]
        return bool(worse or abs(after - before) > 0.05 * max(abs(before), abs(after)))

    def _text(self, k: int, row: int) -> str:
        value, labels = float(self.values[row, k]), self.tags[k].labels
        if self.quality[row, k] >= FIRST_BAD:
            return "Bad"
        return labels[int(value)] if 0 <= value < len(labels) else f"{value:.4g}"

    def digest(self) -> str:
        """Hash of every number in it."""
        found = blake2b(digest_size=16)
        for column in (self.time_s, self.values, self.quality, self.truth):
            found.update(np.ascontiguousarray(column).tobytes())
        return found.hexdigest()


class Recorder:
    """Takes a row whenever it is told to: slices of the table, no object a sample."""

    def __init__(
        self,
        table: TagTable,
        station: str,
        truth_names: Sequence[str],
        read_truth: Callable[[], Sequence[float]],
    ) -> None:
        region = table.region(station)
        self._table = table
        self._span = slice(region.start, region.stop)
        self._tags = table.tags[self._span]
        self._names = tuple(truth_names)
        self._read = read_truth
        self._time: list[float] = []
        self._values: list[Column] = []
        self._quality: list[npt.NDArray[np.uint8]] = []
        self._truth: list[Sequence[float]] = []

    def take(self, time_s: float) -> None:
        """Record one row."""
        self._time.append(time_s)
        self._values.append(self._table.value[self._span].copy())
        self._quality.append(self._table.quality[self._span].copy())
        self._truth.append(self._read())

    def trace(self) -> Trace:
        """Everything so far."""
        rows = len(self._time)
        return Trace(
            tags=self._tags,
            time_s=np.array(self._time),
            values=np.array(self._values).reshape(rows, len(self._tags)),
            quality=np.array(self._quality, dtype=np.uint8).reshape(rows, len(self._tags)),
            truth_names=self._names,
            truth=np.array(self._truth, dtype=np.float64).reshape(rows, len(self._names)),
        )
