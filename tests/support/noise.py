"""How far a measured tag moves by itself: the noise band of a control run.

One number says it all: the mean of a stretch of time against the mean of the two short stretches
beside it, so that a drift cancels. In the control run nothing happens, and every stretch of it is
looked at; its largest number is the band.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.config import LineConfig
from controller.core.point import READ_BACK
from plc_sim.lockstep import Lockstep

SCAN_S = 0.1
BESIDE = 4  # scans: the short stretches
LENGTHS_S = (0.8, 2.0, 6.0, 20.0)  # of the stretch between: bands are for these and shorter ones
Floats = NDArray[np.float64]
Bands = Mapping[str, Floats]  # tag -> band for each of LENGTHS_S


def record(line: Lockstep, seconds: float) -> Floats:
    """All tags of all scans of a stretch of time, a row a scan."""
    rows: list[Floats] = []
    line.on_scan = lambda now_s: rows.append(line.table.value.copy())
    line.run(seconds)
    line.on_scan = None
    return np.array(rows)


def bands(config: LineConfig, line: Lockstep, rows: Floats) -> dict[str, Floats]:
    """The noise band of each tag, as it comes over the wire at the point's own pace."""
    pace = {p.tag: p.scan_s for s in config.stations for p in s.points}
    found = {}
    for k, tag in enumerate(line.table.tags):
        scan_s = pace.get(tag.name.removesuffix(READ_BACK), SCAN_S)
        every = max(1, round(scan_s / SCAN_S))
        held = rows[np.arange(len(rows)) // every * every, k]
        found[tag.name] = np.array([largest_off(held, length_s) for length_s in LENGTHS_S])
    return found


def wider(one: Bands, other: Bands) -> Bands:
    """Of each tag the wider band."""
    return {tag: np.maximum(of, other[tag]) for tag, of in one.items()}


def band(of: Floats, length_s: float) -> float:
    """The band for a stretch of some length."""
    k = int(np.searchsorted(LENGTHS_S, length_s))
    return float(of[min(k, len(LENGTHS_S) - 1)])


def off_beside(means: Floats) -> Floats:
    """Means of stretches, the first and the last left out, against those of the two beside."""
    off: Floats = np.abs(means[1:-1] - 0.5 * (means[:-2] + means[2:]))
    return off


def save(path: Path, found: Mapping[str, Bands]) -> None:
    """Keep the bands of several control runs by name; the file is there when it is whole."""
    part = path.with_suffix(".part.npz")
    np.savez(part, **{f"{run}/{tag}": x for run, tags in found.items() for tag, x in tags.items()})
    part.rename(path)


def load(path: Path, run: str) -> dict[str, Floats]:
    """The bands of one control run."""
    with np.load(path) as file:
        return {name.partition("/")[2]: file[name] for name in file if name.startswith(f"{run}/")}


def largest_off(values: Floats, length_s: float) -> float:
    """Of all stretches as long as this, half as long, and as short as can be."""
    lengths: Sequence[int] = (BESIDE, round(length_s / SCAN_S / 2), round(length_s / SCAN_S))
    total = np.concatenate(([0.0], np.cumsum(values)))
    largest = 0.0
    for n in lengths:
        at = np.arange(len(values) - n - 2 * BESIDE)
        first = (total[at + BESIDE] - total[at]) / BESIDE
        middle = (total[at + BESIDE + n] - total[at + BESIDE]) / n
        last = (total[at + n + 2 * BESIDE] - total[at + BESIDE + n]) / BESIDE
        largest = max(largest, float(np.abs(middle - 0.5 * (first + last)).max()))
    return largest
