"""Scan lateness of three stations over real protocols, beside a bare timer in the same seconds.

The plant and its PLCs run as processes of their own; the line runs here, so that every scan is
counted and none is sampled.

    python -m tests.bench.bench_line
"""

import asyncio
import resource
import statistics
import tempfile
from pathlib import Path

from controller.clock import SystemClock
from controller.config import LineConfig
from controller.historian import Historian
from controller.line import Line, tag_table
from controller.line_security import anchored
from controller.run_store import STORE
from controller.supervise import Supervisor
from tests.support.line_under_test import LineUnderTest

PERIOD_S = 0.1


def run(seconds: float = 20.0) -> dict[str, float]:
    """Lateness in ms over all stations, of a bare asyncio timer, and what the process cost."""
    with LineUnderTest() as line:
        line.start_plant()
        return asyncio.run(_measure(anchored(line.config, line.run), seconds))


async def _measure(config: LineConfig, seconds: float) -> dict[str, float]:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="dl") as folder:
        historian = Historian(Path(folder) / "history.db", tag_table(config).tags, clock)
        await historian.start_async()
        line = Line(config, clock, historian, Path(folder) / STORE)
        floor: list[float] = []
        try:
            async with Supervisor(clock) as supervisor:
                line.keep(supervisor)
                await _until_up(line, clock)
                for scan in line.scans.values():
                    scan.lateness_ms = []
                cpu = _cpu_s()
                await _bare_timer(clock, seconds, floor)
                cpu = _cpu_s() - cpu
        finally:
            await historian.close_async()
    late = [x for scan in line.scans.values() for x in scan.lateness_ms or ()]
    return {
        "scans": float(len(late)),
        "lateness p50, ms": _quantile(late, 0.5),
        "lateness p99, ms": _quantile(late, 0.99),
        "lateness max, ms": max(late),
        "bare timer p50, ms": _quantile(floor, 0.5),
        "bare timer p99, ms": _quantile(floor, 0.99),
        "bare timer max, ms": max(floor),
        "overruns": float(sum(s.timing.overruns for s in line.stations.values())),
        "controller CPU, % of a core": 100.0 * cpu / seconds,
    }


async def _until_up(line: Line, clock: SystemClock) -> None:
    for _ in range(300):
        if all(s.timing.link_up for s in line.stations.values()):
            return
        await clock.sleep_link(0.1)
    raise TimeoutError("links did not come up within 30 s")


async def _bare_timer(clock: SystemClock, seconds: float, late_ms: list[float]) -> None:
    due_s = clock.now_s() + PERIOD_S
    for _ in range(round(seconds / PERIOD_S)):
        await clock.sleep_until(due_s)
        late_ms.append(1000.0 * (clock.now_s() - due_s))
        due_s += PERIOD_S


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _quantile(values: list[float], q: float) -> float:
    return statistics.quantiles(values, n=1000)[round(1000 * q) - 1]


def main() -> None:
    """Print the figures."""
    for name, value in run().items():
        print(f"{name:35} {value:10.2f}")


if __name__ == "__main__":
    main()
