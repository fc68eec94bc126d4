"""Shaping of what came over a wire into columns of samples: scale, range, finite numbers, times.

Nothing here knows a protocol. One row stands for one point and for the one tag that the device
writes because of it: the tag of a read point, the read-back tag of a written point.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from controller.core.point import READ_BACK, Access, Point
from controller.core.sample import FIRST_BAD, Quality, Samples
from controller.core.tag import Kind

OVERRANGE = 0.0125  # of span: a 4-20 mA signal is still valid at 3.8 mA (NAMUR NE 43)


class Columns:
    """Turns raw numbers of some rows into `Samples`; remembers last number and time of each row.

    Numbers are always finite: where the wire brought none, the last finite one stays for the
    reader's eye under a Bad quality. Times of one tag always rise. A source time is kept if it
    lies after the last sample of its tag and not in the future; otherwise the sample carries the
    time of its arrival. So neither a skewed clock of the device nor a value that has stood for
    hours can put history out of order.
    """

    def __init__(self, points: Sequence[Point], tag_index: Mapping[str, int]) -> None:
        names = [p.tag if p.access is Access.READ else p.tag + READ_BACK for p in points]
        self._tags = np.array([tag_index[name] for name in names], dtype=np.int32)
        self._scale = np.array([p.scale for p in points], dtype=np.float64)
        margin = np.array([_margin(p) for p in points], dtype=np.float64)
        self._low = np.array([p.low for p in points], dtype=np.float64) - margin
        self._high = np.array([p.high for p in points], dtype=np.float64) + margin
        self._value = np.zeros(len(points), dtype=np.float64)
        self._time_ns = np.zeros(len(points), dtype=np.int64)

    def start(self, now_ns: int) -> None:
        """Forget source times before `now_ns`: what is older counts as known from now on."""
        self._time_ns[:] = now_ns

    def shape(
        self,
        rows: NDArray[np.int64],
        raw: NDArray[np.float64],
        quality: NDArray[np.uint8],
        source_ns: NDArray[np.int64],
        now_ns: int,
    ) -> Samples:
        """One sample a row. raw: number on the wire; source_ns: 0 where the device gave no time."""
        value = raw * self._scale[rows]
        finite = np.isfinite(value)
        if not finite.all():
            quality = np.where(
                ~finite & (quality < FIRST_BAD), np.uint8(Quality.BAD_NOT_A_NUMBER), quality
            )
            value = np.where(finite, value, self._value[rows])
        outside = (value < self._low[rows]) | (value > self._high[rows])
        quality = np.where(
            outside & (quality == Quality.GOOD), np.uint8(Quality.UNCERTAIN_RANGE), quality
        )
        time_ns = self._rising(rows, source_ns, now_ns)
        self._value[rows] = value
        return Samples(self._tags[rows], value, quality, time_ns)

    def _rising(
        self, rows: NDArray[np.int64], source_ns: NDArray[np.int64], now_ns: int
    ) -> NDArray[np.int64]:
        last = self._time_ns[rows]
        plausible = (source_ns > last) & (source_ns <= now_ns)
        time_ns = np.where(plausible, source_ns, np.maximum(now_ns, last + 1))
        if len(set(rows.tolist())) < len(rows):  # several samples of one tag: each after the last
            for k, row in enumerate(rows.tolist()):
                time_ns[k] = max(int(time_ns[k]), int(self._time_ns[row]) + 1)
                self._time_ns[row] = time_ns[k]
        else:
            self._time_ns[rows] = time_ns
        return time_ns


def _margin(point: Point) -> float:
    """How far outside its range a value is still believed, engineering units."""
    if point.kind is Kind.REAL:
        return max(point.resolution, OVERRANGE * (point.high - point.low))
    return 0.5
