"""The cycle of a controller as its PLCs see it, beside the thinnest loop in the same seconds.

    python -m tests.bench.bench_cycle [--seconds 20] [--stations 30]

Controller, PLCs, the thinnest loop (two blocking calls a cycle) and its PLC are processes of their
own; a program that only counts keeps one processor busy, but in C2, which is measured without it
and with it. Jitter is how far the time between two writes is from 100 ms, as the PLC notes it. With
real-time priority, where it is granted, the thin loop and the PLCs, which are the instrument, have
it as well.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.real_time import RealTime
from tests.bench.goals import Figure
from tests.bench.machine import cpu_s
from tests.support.cycle_line import PERIOD_S, write_line
from tests.support.cycle_plant import noted
from tests.support.line_under_test import READY_S, ROOT, ConsoleClient, free_ports

SECONDS = 20.0
STATIONS = 30
SETTLE_S = 4.0
PRIORITY = 10
REFUSED = ".LINK.REFUSED"
HOG = "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass"
PROTOCOLS = ("modbus", "opcua")
MAY_COST = {"modbus": 0.2, "opcua": 0.35}  # of a core, 30 stations
MAY_DIFFER_MS = 5.0
STRETCHED = (
    "the scans of all stations and their writes are one piece of work of 10 to 15 ms, which the "
    "system's scheduler cuts up among the others; real-time priority (next row), or a controller a "
    "station (--split)"
)
LEAVE = {True: 1.0, False: 3.0}  # ms above the floor, with real-time priority and without


@dataclass(frozen=True)
class Cycle:
    """One run. jitter_ms, floor_ms: p50, p99; age_ms: of the PV behind a write, p50, p99; missed:
    cycles left out; written: writes a second and station; refused: writes that a PLC did not take;
    core: of the controller."""

    jitter_ms: tuple[float, float]
    floor_ms: tuple[float, float]
    age_ms: tuple[float, float]
    missed: float
    written: float
    refused: float
    core: float
    granted: bool

    def plain(self) -> Mapping[str, float]:
        """For the table."""
        return {
            "jitter p50 ms": self.jitter_ms[0], "jitter p99 ms": self.jitter_ms[1],
            "floor p50 ms": self.floor_ms[0], "floor p99 ms": self.floor_ms[1],
            "PV to MV p50 ms": self.age_ms[0], "PV to MV p99 ms": self.age_ms[1],
            "missed cycles": self.missed, "writes a second and station": self.written,
            "writes refused": self.refused,
            "controller, of a core": self.core,
        }  # fmt: skip


@contextlib.contextmanager
def _process(log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with log.open("ab") as told, subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=environment, stdout=told, stderr=told
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def _plant(folder: Path, protocol: str, stations: int, priority: int) -> Iterator[list[int]]:
    """PLCs that listen; their ports. Notes come into folder/notes."""
    ports = free_ports(stations)
    line = write_line(folder / "line", protocol, ports, realtime_priority=priority)
    words = (str(line), str(folder / "notes"), str(priority + 1 if priority else 0))
    log = folder / "plant.log"
    with _process(log, "-m", "tests.support.cycle_plant", *words):
        until_s = time.monotonic() + READY_S
        while "up" not in (log.read_text().split() if log.exists() else ()):
            if time.monotonic() > until_s:
                raise TimeoutError(log.read_text())
            time.sleep(0.1)
        yield ports


@contextlib.contextmanager
def cycling(
    home: Path, protocol: str, stations: int, *, priority: int = 0, store: int = 0, hog: bool = True
) -> Iterator[tuple[subprocess.Popen[bytes], ConsoleClient]]:
    """A controller at work beside the thinnest loop; ends with both. store: tags besides, which it
    stores ten times a second. hog: one processor is kept busy by a program that only counts."""
    for name in ("own", "floor"):
        (home / name).mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_plant(home / "own", protocol, stations, priority))
        (port,) = stack.enter_context(_plant(home / "floor", "modbus", 1, priority))
        floor = ("-m", "tests.support.cycle_floor", str(port), str(priority))
        stack.enter_context(_process(home / "floor.log", *floor))
        words = ("controller", "--line", str(home / "own" / "line"), "--run", str(home / "run"))
        program = ("-m", "tests.support.cycle_line", "--store", str(store), *words)
        controller = stack.enter_context(_process(home / "controller.log", *program))
        console = stack.enter_context(
            contextlib.closing(ConsoleClient(home / "run/controller.sock"))
        )
        _start(console, stations, home / "controller.log")
        if hog:
            stack.enter_context(_process(home / "hog.log", "-c", HOG))
        time.sleep(SETTLE_S)
        yield controller, console


def _start(console: ConsoleClient, stations: int, log: Path) -> None:
    """Every link up and every station in EXECUTE."""
    until_s = time.monotonic() + READY_S
    asked: set[str] = set()
    while True:
        with contextlib.suppress(Exception):
            said = console.ask(op="status")["stations"]
            for name, one in said.items():
                if one["link_up"] and one["state"] == "IDLE" and name not in asked:
                    asked.add(name)
                    console.ask(op="command", station=name, verb="START", actor="bench")
            if sum(one["state"] == "EXECUTE" for one in said.values()) == stations:
                return
        if time.monotonic() > until_s:
            raise TimeoutError(log.read_text()[-2000:])
        time.sleep(0.2)


def measured(
    home: Path, controller: subprocess.Popen[bytes], console: ConsoleClient, seconds: float
) -> Cycle:
    """What happens in the next seconds."""
    before, cpu = console.ask(op="status"), cpu_s(controller.pid)
    refused = _refused(console, before["stations"])
    begun_ns = time.monotonic_ns()
    time.sleep(seconds)
    ended_ns = time.monotonic_ns()
    after, cpu = console.ask(op="status"), cpu_s(controller.pid) - cpu
    own = _between(noted(home / "own" / "notes"), begun_ns, ended_ns)
    floor = _between(noted(home / "floor" / "notes"), begun_ns, ended_ns)
    told = own[own["shown_ns"] > 0]
    names = after["stations"]
    real_time = RealTime(**after["controllers"][0]["real_time"])
    return Cycle(
        _quantiles(_jitter_ms(own)), _quantiles(_jitter_ms(floor)),
        _quantiles((told["mono_ns"] - told["shown_ns"]) / 1e6),
        missed=sum(s["overruns"] - before["stations"][n]["overruns"] for n, s in names.items()),
        written=len(own) / seconds / len(names),
        refused=_refused(console, names) - refused,
        core=cpu / seconds,
        granted=real_time.priority > 0,
    )  # fmt: skip


def _refused(console: ConsoleClient, stations: Iterable[str]) -> float:
    """Writes that PLCs did not take, so far."""
    tags = [row for name in stations for row in console.ask(op="tags", station=name)["tags"]]
    return float(sum(row["value"] for row in tags if row["tag"].endswith(REFUSED)))


def _between(rows: NDArray[np.void], begun_ns: int, ended_ns: int) -> NDArray[np.void]:
    inside: NDArray[np.void] = rows[(rows["mono_ns"] >= begun_ns) & (rows["mono_ns"] < ended_ns)]
    return inside


def _jitter_ms(rows: NDArray[np.void]) -> NDArray[np.float64]:
    apart = [np.diff(rows["mono_ns"][rows["station"] == k]) for k in np.unique(rows["station"])]
    return np.abs(np.concatenate(apart) / 1e6 - 1000.0 * PERIOD_S) if apart else np.array([np.nan])


def _quantiles(values: NDArray[np.float64]) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    return float(np.percentile(values, 50)), float(np.percentile(values, 99))


def one(
    protocol: str, stations: int, seconds: float, *, priority: int = 0, hog: bool = True
) -> Cycle:
    """A run of its own."""
    with tempfile.TemporaryDirectory(prefix="dc-") as folder:
        home = Path(folder)
        with cycling(home, protocol, stations, priority=priority, hog=hog) as (program, console):
            return measured(home, program, console, seconds)


def _of_four(protocol: str, cycle: Cycle, *, wanted: bool) -> list[Figure]:
    """C1 and C3."""
    how = "SCHED_FIFO" if wanted else "usual priority"
    note = f"p50 {cycle.jitter_ms[0]:.2f}, floor's p99 {cycle.floor_ms[1]:.2f} ms"
    if wanted and not cycle.granted:
        note += "; not granted here: measured without"
    above = cycle.jitter_ms[1] - cycle.floor_ms[1]
    found = [
        Figure("C1", f"{protocol}, {how}: p99 jitter above floor", above, LEAVE[wanted], "ms",
               note=note),
    ]  # fmt: skip
    if not wanted:
        age = "cyclic, there is no path of events: reading, scan and write follow their own 100 ms"
        found += [
            Figure("C3", f"{protocol}: PV change to MV, p50", cycle.age_ms[0], unit="ms", note=age),
            Figure("C3", f"{protocol}: PV change to MV, p99", cycle.age_ms[1], 15.0, "ms",
                   note="missed by design: see above; the next step is a scan when data comes"),
        ]  # fmt: skip
    return found


def _of_many(what: str, protocol: str, cycle: Cycle, seconds: float) -> list[Figure]:
    """C2."""
    return [
        Figure("C2", f"{what}: cycles missed", cycle.missed, 0.0, "",
               note=f"in {seconds:g} s of 600: --long measures all of them"),
        _above(what, cycle),
        Figure("C2", f"{what}: controller", cycle.core, MAY_COST[protocol], "core",
               note="the whole controller: alarms, history, live values, not the bare loops"),
    ]  # fmt: skip


def _above(what: str, cycle: Cycle, note: str = "") -> Figure:
    above = cycle.jitter_ms[1] - cycle.floor_ms[1]
    told = (
        f"floor's p99 {cycle.floor_ms[1]:.2f} ms; {cycle.written:.2f} writes a second and station"
    )
    told += f", {cycle.refused:.0f} refused"
    told += f"; {note}" * (bool(note) and above > MAY_DIFFER_MS)
    return Figure("C2", f"{what}: p99 jitter above floor", above, MAY_DIFFER_MS, "ms", note=told)


def _many(
    protocol: str, stations: int, seconds: float
) -> tuple[dict[str, Mapping[str, float]], list[Figure]]:
    """C2 as it is asked for, and beside a hog, which is asked for with four loops only."""
    what = f"{protocol}, {stations} stations"
    plain = one(protocol, stations, seconds, hog=False)
    found, goals = {what: plain.plain()}, _of_many(what, protocol, plain, seconds)
    for priority, how, note in ((0, "usual priority", STRETCHED), (PRIORITY, "SCHED_FIFO", "")):
        hogged = one(protocol, stations, min(seconds, SECONDS), priority=priority)
        found[f"{what}, hog, {how}"] = hogged.plain()
        goals.append(_above(f"{what}, a hog on one core, {how}", hogged, note))
    return found, goals


def run(
    seconds: float = SECONDS, stations: int = STATIONS, protocols: Sequence[str] = PROTOCOLS
) -> Mapping[str, object]:
    """Milliseconds, counts and parts of a core, and the goals C1 to C3. seconds: of many stations,
    and of one when they are fewer than SECONDS."""
    found: dict[str, Any] = {}
    goals: list[Figure] = []
    for protocol in protocols:
        for priority in (0, PRIORITY):
            cycle = one(protocol, 1, min(seconds, SECONDS), priority=priority)
            how = "fifo" if priority else "usual"
            found[f"{protocol} 4 loops {how}"] = cycle.plain()
            goals += _of_four(protocol, cycle, wanted=bool(priority))
        if stations:
            figures, more = _many(protocol, stations, seconds)
            found |= figures
            goals += more
    return {**found, "goals": goals}


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=SECONDS)
    words.add_argument("--stations", type=int, default=STATIONS)
    words.add_argument("--protocol", choices=PROTOCOLS, action="append")
    given = words.parse_args()
    found = dict(run(given.seconds, given.stations, given.protocol or PROTOCOLS))
    goals = found.pop("goals")
    print(json.dumps(found, indent=1))
    print(*(goals if isinstance(goals, list) else ()), sep="\n")


if __name__ == "__main__":
    main()
