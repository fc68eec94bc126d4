"""Alarms: cost of a scan at rest, and a flood of 1,000 changes of state a second.

python tests/bench/bench_alarms.py                 60 s of flood
python tests/bench/bench_alarms.py --seconds 10

The flood goes the way of the line: board, events, record of the open run, historian, disk; beside
it a scan every 100 ms, whose lateness is measured.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from controller.alarms.board import AlarmBoard
from controller.alarms.catalogue import station_alarms
from controller.alarms.definition import AlarmDefinition, Priority
from controller.alarms.journal import entries
from controller.alarms.kpi import report
from controller.alarms.transition import events
from controller.clock import SystemClock
from controller.config import load_line
from controller.control.states import State
from controller.core.sample import GOOD
from controller.core.tag import Tag, Writer
from controller.historian import Historian
from controller.history.several import MergedReader
from controller.line import tag_table
from controller.record import Record
from tests.bench.machine import resident_mib

LINE = Path(__file__).resolve().parents[2] / "controller" / "lines" / "pilot"
PERIOD_S, PER_SCAN, QUIET_S = 0.1, 100, 5.0
SCANS_AT_REST = 20_000


def at_rest() -> dict[str, float]:
    """Microseconds of one scan of a station with all its alarms, nothing to tell."""
    config = load_line(LINE)
    table = tag_table(config)
    found = {}
    for s in config.stations:
        region = table.region(s.name)
        tags = table.tags[region.start : region.stop]
        board = AlarmBoard(station_alarms(s.kind, s.name, s.prefix), tags, f"{s.prefix}.LINK.UP")
        at = {tag.name: k for k, tag in enumerate(tags)}
        v, q = [0.0] * len(tags), [GOOD] * len(tags)
        for alarm in board.alarms.values():  # somewhere inside every limit
            d = alarm.definition
            if not d.reference and alarm.armed and d.tag in at:
                v[at[d.tag]] = _inside(board, d.tag)
        board.scan(0.0, 0, v, q, State.EXECUTE)
        begun = time.perf_counter()
        for k in range(SCANS_AT_REST):
            board.scan(k * PERIOD_S, k, v, q, State.EXECUTE)
        found[s.name] = (time.perf_counter() - begun) / SCANS_AT_REST * 1e6
    return found


def _inside(board: AlarmBoard, tag: str) -> float:
    own = [a for a in board.alarms.values() if a.definition.tag == tag and a.armed]
    plain = [a for a in own if not a.definition.reference]
    low = [a.limit for a in plain if not a.definition.above]
    high = [a.limit for a in plain if a.definition.above and a.definition.name != "bad"]
    if low and high:
        return 0.5 * (max(low) + min(high))
    return max(low) + 1.0 if low else min(high, default=0.0) - 1.0


def flooding_board() -> tuple[AlarmBoard, list[float], list[int]]:
    """As many alarms as shall come and go in one scan, on one value."""
    tag = Tag(name="T.PV", station="bench", description="value", writer=Writer.DEVICE, unit="%")
    rows = [
        AlarmDefinition(
            tag="T.PV", name=f"a{k}", above=True, limit=90.0, priority=Priority.LOW,
            text="too much", cause="a cause", consequence="a consequence", action="act",
            respond_s=60.0, station="bench",
        )
        for k in range(PER_SCAN)
    ]  # fmt: skip
    return AlarmBoard(rows, [tag]), [0.0], [GOOD]


async def flood(folder: Path, seconds: float, *, in_run: bool) -> dict[str, float]:
    """Lateness of the scan without and with the flood, and what of it was lost.

    in_run: the station has an open run, whose record keeps its alarms a second time.
    """
    clock = SystemClock()
    tag = Tag(name="T.PV", station="bench", description="value", writer=Writer.DEVICE)
    historian = Historian(folder / "history.db", [tag], clock)
    historian.start()
    record = Record(folder / "runs.db", historian, clock)
    saving = asyncio.create_task(_save(record, clock))
    board, v, q = flooding_board()
    quiet: list[float] = []
    await _scans(clock, round(QUIET_S / PERIOD_S), quiet, lambda: None)
    before_mb = resident_mib(os.getpid())
    told = 0

    def scan() -> None:
        nonlocal told
        v[0] = 100.0 - v[0]
        for event in events(board.scan(clock.now_s(), clock.utc_ns(), v, q)):
            if in_run:
                event.data["run"] = "bench-20260101-000000"
            record.event(event)
            told += 1

    late: list[float] = []
    start_ns = clock.utc_ns()
    await _scans(clock, round(seconds / PERIOD_S), late, scan)
    grown_mb = resident_mib(os.getpid()) - before_mb
    begun_s = clock.link_s()
    await historian.flush_async(60.0)
    flushed_s = clock.link_s() - begun_s
    saving.cancel()
    status = historian.status
    await historian.close_async(60.0)
    record.close()
    begun = time.perf_counter()
    with MergedReader([folder / "history.db"]) as source:
        stored = len(entries(source))
        read_s = time.perf_counter() - begun
        r = report(source, start_ns, clock.utc_ns())
    return {
        "told": told, "stored": stored, "lost": told - stored + status.events_dropped,
        "per_s": told / seconds, "rss_grown_mb": grown_mb, "flush_s": flushed_s,
        "read_s": read_s, "kpi_peak_10_min": r.peak,
        "late_quiet_p99_ms": _p99(quiet), "late_flood_p99_ms": _p99(late),
        "late_flood_max_ms": max(late),
    }  # fmt: skip


async def _scans(
    clock: SystemClock, n: int, late_ms: list[float], scan: Callable[[], None]
) -> None:
    due_s = clock.now_s()
    for _ in range(n):
        due_s += PERIOD_S
        await clock.sleep_until(due_s)
        late_ms.append(1e3 * (clock.now_s() - due_s))
        scan()


async def _save(record: Record, clock: SystemClock) -> None:
    while True:
        await record.save({})
        await clock.sleep_link(0.05)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def run(seconds: float = 60.0) -> Mapping[str, Mapping[str, float]]:
    """All figures."""
    found: dict[str, Mapping[str, float]] = {"scan us": at_rest()}
    for name, in_run in (("flood", False), ("flood in a run", True)):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = asyncio.run(flood(Path(folder), seconds, in_run=in_run))
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    for name, figures in run(parser.parse_args().seconds).items():
        for key, value in figures.items():
            sys.stdout.write(f"{name:15} {key:20} {value:12.3f}\n")


if __name__ == "__main__":
    main()
