"""The controller with a note of every scan in a file, so that none has to be sampled.

    python -m tests.support.counted_controller FOLDER controller --line ... --run ...

takes the words of `dryline` after the folder. A note costs a few microseconds a scan.
"""

import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller import line

ROWS = 100_000  # two hours and three quarters of one station
ROW = np.dtype(
    [("time_ns", "i8"), ("late_ms", "f8"), ("took_ms", "f8"), ("count", "i8"), ("overruns", "i8")]
)


class CountedScans(line.ScanService):
    """Notes when each scan began, how late, how long it took, and the two counters after it."""

    def __init__(self, station: Any, *others: Any, **more: Any) -> None:
        super().__init__(station, *others, **more)
        path = notes_path(Path(sys.argv[0]), station.name, os.getpid())
        self._notes = np.memmap(path, ROW, "w+", shape=(ROWS,))
        self._row = count()

    def once(self, due_s: float) -> None:
        """One scan with its note."""
        begun_ns = self._clock.utc_ns()
        super().once(due_s)
        t = self._station.timing
        self._notes[next(self._row)] = (begun_ns, t.late_ms, t.took_ms, t.count, t.overruns)


def notes_path(folder: Path, station: str, pid: int) -> Path:
    """Where one life of a controller notes the scans of a station."""
    return folder / f"scans-{station}-{pid}.bin"


def noted(folder: Path, station: str, pid: int) -> NDArray[np.void]:
    """The scans noted so far, oldest first: rows of ROW."""
    rows = np.fromfile(notes_path(folder, station, pid), ROW)
    return rows[: int(np.count_nonzero(rows["time_ns"]))]


def main() -> None:
    """The controller's own command line."""
    from controller import __main__ as program  # noqa: PLC0415 - not for who only reads the notes

    sys.argv = sys.argv[1:]
    line.ScanService = CountedScans  # type: ignore[misc]
    program.app(sys.argv[1:])


if __name__ == "__main__":
    main()
