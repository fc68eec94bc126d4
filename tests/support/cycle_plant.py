"""PLCs that note when each write came: python -m tests.support.cycle_plant LINE FILE PRIORITY

All stations of a line of `tests.support.cycle_line` in one process, with the servers of the
simulator. Every 100 ms their PVs move by a known step, so that what a controller writes tells what
it had seen. PLCs are not in step with each other: their scans are spread evenly, or this program
would not take writes while it shows the values of all. The file holds rows of ROW: station,
when the write came, and when the PV behind it was shown (monotonic time; 0 where nothing tells).
"""

import gc
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.clock import SystemClock
from controller.config import StationConfig, load_line
from controller.exact_loop import run_exactly
from controller.real_time import ask_for
from plc_sim.plc import SCAN_S, Image, Mode, Plc, Verdict, WriteAnswer
from plc_sim.station_process import PUBLISH_SCANS, Server, build_server
from tests.support import cycle_line
from tests.support.cycle_line import GAIN, LOOPS, MIDDLE

ROWS = 4_000_000
ROW = np.dtype([("station", "i4"), ("mono_ns", "i8"), ("shown_ns", "i8")])
STEPS, STEP = 200, 0.1  # of the PVs, around the middle
REST_S = 2.0  # after the start, in which loops take over at the middle


class Moving:
    """A program that obeys at once; its four sensors move without end."""

    ACTUATORS: tuple[str, ...] = ()
    TRIPS = ("none", "test")
    LATCH_SAFE = False

    def __init__(self, prefix: str) -> None:
        self.SENSORS = tuple(f"pv{k}" for k in LOOPS)
        self.COPIES: Mapping[str, str] = {f"{prefix}.PV{k}": f"pv{k}" for k in LOOPS}
        self.mode = Mode.STOP

    def bind(self, image: Image) -> None:
        """Nothing to look up."""

    def restart(self) -> None:
        """As after power-up."""
        self.mode = Mode.STOP

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        """None."""
        return 0

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        """Be in the mode that is asked for."""
        self.mode = command
        return ()


class Noting(Plc):
    """Notes every write that it takes."""

    def __init__(self, k: int, own: StationConfig, notes: "Notes") -> None:
        super().__init__(own.prefix, own.points, Moving(own.prefix))
        self._k, self._notes, self._ramp = k, notes, Ramp()
        self._mv = self.image.slot(f"{own.prefix}.MV1")
        self._running_s = 0.0

    def write(
        self, now_s: float, sequence: int, beat: int, items: Sequence[tuple[int, float]]
    ) -> WriteAnswer:
        """As every PLC."""
        came_ns = time.monotonic_ns()
        answer = super().write(now_s, sequence, beat, items)
        if answer.verdict is Verdict.ACCEPTED and items:
            mv = next((value for slot, value in items if slot == self._mv), MIDDLE)
            tells = mv != MIDDLE and self._pv(now_s) != MIDDLE
            self._notes.add(self._k, came_ns, self._ramp.shown_ns(mv) if tells else 0)
        return answer

    async def turn(self, link_s: float, now_s: float, server: Server | None) -> None:
        """One scan; with a server its PVs move and are shown there."""
        if server is not None:
            self._ramp.move()
        self.scan(link_s, now_s, [self._pv(link_s)] * len(LOOPS), [0] * len(LOOPS))
        if server is not None:
            if (shown := server.publish()) is not None:
                await shown
            self._ramp.note()

    def _pv(self, now_s: float) -> float:
        """What all its sensors show now."""
        if self.logic.mode is not Mode.RUN:
            self._running_s = now_s
        return MIDDLE if now_s - self._running_s < REST_S else self._ramp.pv


class Ramp:
    """The steps of the PVs, and when each was shown last."""

    def __init__(self) -> None:
        self._shown_ns = [0] * STEPS
        self._step = 0

    @property
    def pv(self) -> float:
        """The present step as a value; never the middle itself."""
        return MIDDLE + STEP * (self._step - STEPS // 2 + 0.5)

    def move(self) -> None:
        """The next step."""
        self._step = (self._step + 1) % STEPS

    def note(self) -> None:
        """The present step stands on the wire."""
        self._shown_ns[self._step] = time.monotonic_ns()

    def shown_ns(self, mv: float) -> int:
        """When the PV was shown that the first loop has answered with this; 0 for none."""
        step = round((MIDDLE - (mv - MIDDLE) / GAIN - MIDDLE) / STEP + STEPS // 2 - 0.5)
        return self._shown_ns[step] if 0 <= step < STEPS else 0


class Notes:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._rows = np.memmap(path, ROW, "w+", shape=(ROWS,))
        self._row = itertools.count()

    def add(self, station: int, came_ns: int, shown_ns: int) -> None:
        """A write. shown_ns: when the PV behind it was shown; 0 when nothing tells."""
        self._rows[next(self._row)] = (station, came_ns, shown_ns)


def noted(path: Path) -> NDArray[np.void]:
    """The writes so far."""
    rows = np.fromfile(path, ROW)
    return rows[: int(np.count_nonzero(rows["mono_ns"]))]


async def run(folder: Path, path: Path) -> None:
    """Until killed."""
    config, clock = load_line(folder), SystemClock()
    notes = Notes(path)
    plcs = [Noting(k, own, notes) for k, own in enumerate(config.stations)]
    servers = [
        build_server(plc, own, clock, folder)
        for plc, own in zip(plcs, config.stations, strict=True)
    ]
    for plc in plcs:
        plc.scan(clock.link_s(), clock.now_s(), [MIDDLE] * len(LOOPS), [0] * len(LOOPS))
    for server in servers:
        await server.start()
    gc.collect()
    gc.freeze()
    print("up", flush=True)
    due_s, apart_s = clock.now_s(), SCAN_S / len(plcs)
    for turn in itertools.count():
        for k, (plc, server) in enumerate(zip(plcs, servers, strict=True)):
            await clock.sleep_until(due_s)
            shows = (turn + k) % PUBLISH_SCANS == 0
            await plc.turn(clock.link_s(), due_s, server if shows else None)
            due_s += apart_s
        due_s = max(due_s, clock.now_s() - SCAN_S)  # who was put aside does not hurry for long


def main() -> None:
    """The plant of the command line."""
    cycle_line.install()
    folder, path, priority = sys.argv[1:]
    if refused := ask_for(int(priority)).refused:
        print(refused, file=sys.stderr)
    run_exactly(run(Path(folder), Path(path)))


if __name__ == "__main__":
    main()
