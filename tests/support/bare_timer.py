"""A process that does nothing but wake up on time, to see what the machine itself does to timing.

python -m tests.support.bare_timer FILE
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import numpy as np
from numpy.typing import NDArray

from controller.clock import SystemClock

ROWS = 200_000  # more than an hour
ROW = np.dtype([("time_ns", "i8"), ("late_ms", "f8")])
PERIOD_S = 0.02
ANSWER_S = 5.0


@contextmanager
def ticking(path: Path, root: Path) -> Iterator[None]:
    """The timer runs, and notes in the file how late it wakes up."""
    command = [sys.executable, "-m", "tests.support.bare_timer", str(path)]
    with Popen(command, cwd=root) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(ANSWER_S)


def lateness(path: Path, start_ns: int, stop_ns: int) -> NDArray[np.float64]:
    """How late the timer was in a stretch of time, ms."""
    rows = np.fromfile(path, ROW)
    inside = (rows["time_ns"] >= start_ns) & (rows["time_ns"] < stop_ns)
    late: NDArray[np.float64] = rows["late_ms"][inside]
    return late


def main() -> None:
    """Tick until terminated."""
    notes = np.memmap(sys.argv[1], ROW, "w+", shape=(ROWS,))
    clock = SystemClock()
    due_s = clock.link_s()
    for row in range(ROWS):
        due_s = max(due_s + PERIOD_S, clock.link_s())
        time.sleep(max(0.0, due_s - clock.link_s()))
        notes[row] = (clock.utc_ns(), 1000.0 * (clock.link_s() - due_s))


if __name__ == "__main__":
    main()
